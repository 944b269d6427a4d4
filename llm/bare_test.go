package llm

import (
	"strings"
	"testing"
)

// TestLeaks: what servers leave in the content of marks that are words, or that few models have.
func TestLeaks(t *testing.T) {
	for _, c := range []struct {
		name, in, text, reasoning string
		called                    bool
	}{
		{name: "medgemma", in: "<unused94>thought\nHm.\n<unused95>4", text: "4", reasoning: "\nHm.\n"},
		{name: "medgemma, no name", in: "<unused94>Hm.\n<unused95>4", text: "4", reasoning: "Hm.\n"},
		{name: "unused", in: "Hi<unused7>", text: "Hi"},
		{name: "phi", in: `functools[{"name": "f", "arguments": {"q": "]"}}]`, called: true},
		{name: "phi behind text", in: `I will look. functools[{"name": "f"}]`, text: "I will look. ", called: true},
		{name: "phi and answer", in: "functools[{\"name\": \"f\"}]\nIt is 4.", text: "It is 4."},
		{name: "lm studio", in: "[TOOL_REQUEST]\n{\"name\": \"f\"}\n[END_TOOL_REQUEST]", called: true},
		{name: "pangu", in: `Hm.[unused17]4[unused11][{"name": "f"}][unused12][unused10]`, text: "4", reasoning: "Hm.", called: true},
		{name: "llama 4", in: "<|python_start|>[f(x='y')]<|python_end|>", called: true},
		{name: "apertus", in: `<|tools_prefix|>[{"f": {}}]<|tools_suffix|>`, called: true},
		{name: "gigachat", in: `<|function_call|>{"name": "f"}`, called: true},
		{name: "function gemma", in: "<start_function_call>call:f{q:1}<end_function_call>", called: true},

		{name: "apertus and text", in: `<|tools_prefix|>[{"f": {}}]<|tools_suffix|> Hi`, text: "Hi"},
		{name: "k2 horizon", in: "<ifm|think_fast>Hm.</ifm|think_fast>4<ifm|tool_calls><ifm|tool_call>f<ifm|arg_key>q</ifm|arg_key></ifm|tool_call></ifm|tool_calls>", text: "4", reasoning: "Hm.", called: true},
		{name: "open webui", in: "<details type=\"reasoning\" done=\"true\">\n<summary>Thought</summary>\n> Hm.\n</details>\n4", text: "4", reasoning: " done=\"true\">\n<summary>Thought</summary>\n> Hm.\n"},
		{name: "inkling", in: "<|message_model|><|content_thinking|>Hm.<|end_message|><|message_model|><|content_text|>4<|content_model_end_sampling|>", text: "4", reasoning: "Hm."},
		{name: "inkling call", in: `<|message_model|><|content_invoke_tool_json|>{"q": 1}<|end_message|>`, called: true},
		{name: "plamo", in: "<|plamo:begin_think:plamo|>Hm.<|plamo:end_think:plamo|>4<|plamo:tag|>", text: "4", reasoning: "Hm."},
		{name: "plamo call", in: "<|plamo:begin_tool_requests:plamo|><|plamo:begin_tool_request:plamo|>f<|plamo:end_tool_request:plamo|><|plamo:end_tool_requests:plamo|>", called: true},
		{name: "muse", in: "to=self<|message|>Hm.<|eom|><|start|>assistant to=user<|message|>4<|eot|>", text: "4", reasoning: "Hm."},
		{name: "muse call", in: "<|start|>assistant<|message|><atem:invoke name=\"f\"><atem:parameter name=\"q\">x</atem:parameter></atem:invoke><|eom|>", called: true},
		{name: "solar", in: "<|begin|>assistant<|think|>Hm.<|end|><|begin|>assistant<|content|>4<|end|>", text: "4", reasoning: "Hm."},
		{name: "kimi k3 call", in: "<|open|>think<|sep|>Hm.<|close|>think<|sep|><|open|>tools<|sep|><|open|>call name=f<|sep|>{}<|close|>call<|sep|><|close|>tools<|sep|>", reasoning: "Hm.", called: true},
		{name: "kimi k3", in: "<|open|>message<|sep|><|open|>response<|sep|>4<|close|>response<|sep|><|close|>message<|sep|>", text: "4"},
		{name: "dots", in: "<dots_function_call><invoke name=f><parameter name=q>x</parameter></invoke></dots_function_call>", called: true},
		{name: "deepseek 4.1", in: "<｜DSML｜ calls><｜DSML｜ invoke name=\"f\"></｜DSML｜ invoke></｜DSML｜ calls>", called: true},
		{name: "minimax m3", in: "]<]minimax[>[<tool_call>\n]<]minimax[>[<invoke name=\"f\">x]<]minimax[>[</invoke>\n]<]minimax[>[</tool_call>", called: true},
		{name: "hunyuan", in: "<tool_calls:v4>\n<tool_call:v4>f<tool_sep:v4></tool_call:v4>\n</tool_calls:v4>", called: true},
		{name: "ernie", in: "<think>\nHm.\n</think>\n\n<response>\n4\n</response>", text: "4\n", reasoning: "\nHm.\n"},
		{name: "a call without its head", in: "<parameter=q>\nx\n</parameter>\n</function>\n</tool_call>", called: true},
		{name: "another turn", in: "4<|im_end|>\n<|im_start|>user\nAnd 5?<|im_end|>\n<|im_start|>assistant\n6.<|im_end|>", text: "4\n\n6."},
		{name: "roles as tokens", in: "4<|user|>\nAnd 5?<|assistant|>\n6.", text: "4\n6."},
		{name: "only the next turn", in: "4<|observation|>", text: "4"},

		{name: "bare", in: "analysisWe need 2+2.assistantfinalIt is 4.", text: "It is 4.", reasoning: "We need 2+2."},
		{name: "bare, quoted", in: "analysis\"Hi\" is a greeting.assistantfinalHello!", text: "Hello!", reasoning: "\"Hi\" is a greeting."},
		{name: "bare, twice", in: "analysisOne.assistantanalysisTwo.assistantfinalIt is 4.", text: "It is 4.", reasoning: "One.assistantanalysisTwo."},
		{name: "bare, json", in: `assistantfinal{"y": 2}`, text: `{"y": 2}`},
		{name: "bare behind thoughts", in: `<think>a</think>assistantfinal{"y": 2}`, text: `{"y": 2}`, reasoning: "a"},
		{name: "bare end alone", in: "We need 2+2.assistantfinalIt is 4.", text: "It is 4.", reasoning: "We need 2+2."},
		{name: "bare end in cjk", in: "考えます。assistantfinal四です。", text: "四です。", reasoning: "考えます。"},
		{name: "bare call", in: `analysisI look.assistantcommentary to=functions.f json{"q": "}"}`, reasoning: "I look.", called: true},
		{name: "bare call and answer", in: `analysisI look.assistantcommentary to=functions.f json{}assistantfinalIt is 4.`, reasoning: "I look.", text: "It is 4."},
		{name: "bare preamble", in: "analysisHm.assistantcommentaryI look. assistantfinalIt is 4.", reasoning: "Hm.", text: "I look. It is 4."},
		{name: "bare, no end", in: "analysisWe need 2+2.", text: "analysisWe need 2+2.", reasoning: "We need 2+2."},
		{name: "bare, no end, quoted", in: "analysis\"x\" is a word.", text: "analysis\"x\" is a word.", reasoning: "\"x\" is a word."},
		{name: "a word in Chinese", in: "analysis是“分析”的意思。", text: "analysis是“分析”的意思。"},
		{name: "a word in Japanese", in: "analysisは分析です。", text: "analysisは分析です。"},
		{name: "another word", in: "commentary的意思是评论", text: "commentary的意思是评论"},
		{name: "thoughts in Chinese", in: "analysis用户想知道。assistantfinal四。", text: "四。", reasoning: "analysis用户想知道。"},
		{name: "commentary first", in: `commentary to=functions.f json{"q": 1}`, called: true},
		{name: "a call on a line", in: "I will look.\n\nto=functions.f\n{\"q\": 1}", text: "I will look.\n\n", called: true},
		{name: "a call without arguments", in: "I will look.\nto=functions.now\n", text: "I will look.\n", called: true},
		{name: "a call that kept tokens", in: " to=functions.f<|channel|>commentary json<|message|>{\"q\":1}<|call|>", called: true},
		{name: "thoughts later", in: "One.assistantanalysisHm.assistantfinalTwo.", text: "One.Two.", reasoning: "Hm."},
	} {
		t.Run(c.name, func(t *testing.T) {
			for size := range len(c.in) {
				s := newSplitter(false)
				text, reasoning, _ := splitAll(s, inPieces(c.in, size+1), true)
				if text != c.text || reasoning != c.reasoning || s.called != c.called {
					t.Fatalf("pieces of %d: text %q, reasoning %q, called %v", size+1, text, reasoning, s.called)
				}
			}
		})
	}
}

func inPieces(in string, size int) (out []string) {
	for ; len(in) > size; in = in[size:] {
		out = append(out, in[:size])
	}
	return append(out, in)
}

// TestNoLeaks: words and elements that only look like marks stay.
func TestNoLeaks(t *testing.T) {
	for _, in := range []string{
		"A cat: <|o_o|>, <|^_^|>, <|-_-|>, <|T_T|>, <|uwu|>. The norm <|x|>, and f <| x |> g.",
		"<order>\n<reason>out of stock</reason>\n<thought>none</thought>\n</order>",
		"The form:\n\n<order>\n  <reason code=\"1\">out of stock</reason>\n  <think>x</think>\n</order>\n\nDone.",
		"<?xml version=\"1.0\"?>\n<log>\n<reason kind=\"a\">\nno\n</reason>\n</log>",
		"Write this:\n\n<reason>why you chose it</reason>\n<result>what you chose</result>",
		"Close it with </reason> or </thought> at the end.",
		"So:\n\n    <think>\n    Hm.\n    </think>\n    It is 4.<|im_end|>\n\nDone.",
		"So:\n\n\t<tool_call>{}</tool_call>\n\nDone.",
		"<think> is Qwen's mark."[8:],
		"analysis is what we need, and commentary too.\nanalysis\ncommentary to the law\nfinal",
		"The class assistantFinal and the package assistantfinale; messageassistantfinal too. An assistantfinalizer.",
		"import functools\nfunctools.lru_cache; functools[0] and functools [{}]",
		"It is set by to=functions and sent to=functionsx.\nto=function\nto=",
		"Analysis: none. assistant\n\nuser",
		"```\nanalysisWe need it.assistantfinalIt is 4.\nto=functions.f {}\n```\n\nIt ends with `.assistantfinal`.",
		"Hide it:\n\n<details>\n<summary>More</summary>\nText\n</details>\n\n<details type=\"a\">x</details> Done.",
		"a[i][j]] and x]<y, ]<]; <parameter name=\"q\">x</parameter> and <parameter>",
		"<open> and <|o|>, {x <| y |> z}: the tag <invoke> and <details>.",
		"[TOOL] and [TOOLS] and [unused] and <unused> and <unusedX>.",
	} {
		for size := range len(in) {
			s := newSplitter(false)
			if text, reasoning, _ := splitAll(s, inPieces(in, size+1), true); text != in || reasoning != "" || s.called {
				t.Errorf("%q in pieces of %d:\ntext %q, reasoning %q, called %v", in, size+1, text, reasoning, s.called)
				break
			}
		}
	}
}

// TestIndentedEnds: a margin is no code in a list, and never at the end of an answer.
func TestIndentedEnds(t *testing.T) {
	for in, want := range map[string]string{
		"1. Look.\n\n    Then go.<|im_end|>\n2. Go.": "1. Look.\n\n    Then go.\n2. Go.",
		"So:\n\n    x = 1<|im_end|>":                 "So:\n\n    x = 1",
		"So it is\n    and<|im_end|> so on.":         "So it is\n    and so on.",
	} {
		for _, pieces := range [][]string{{in}, strings.Split(in, "")} {
			if text, reasoning, _ := splitAll(newSplitter(false), pieces, true); text != want {
				t.Errorf("%q: text %q, reasoning %q", in, text, reasoning)
			}
		}
	}
}
