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
		{name: "bare, no end", in: "analysisWe need 2+2.", reasoning: "We need 2+2."},
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
