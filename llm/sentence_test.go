package llm

import (
	"strings"
	"testing"

	"llmbot/llm/llmsim"
)

// TestSentencesAboutTokens: prose about the tokens of models, without backticks, is an answer. Of the
// tags that people write nothing is lost; of tokens that nobody writes only the token.
func TestSentencesAboutTokens(t *testing.T) {
	for _, in := range []string{
		"Hermes marks a call with <tool_call>.\n\nThen it writes JSON with a name and its arguments.",
		"[TOOL_CALLS]:\n\nMistral writes it before a call.",
		"The model puts JSON between <tool_call> tags\nand waits for the result.",
		"Mistral has its own [TOOL_CALLS] form\nwith a list behind it.",
		"Mistral writes [TOOL_CALLS], then a list (of objects). The rest follows.",
		"in <tool_call> and </tool_call> tags",
		"Put it in <tool_call></tool_call> tags, and then go on.\n\nThe rest.",
		"The tag <tool_call> (Hermes) and the tag <function_call> {if any} differ.\n\nThe rest.",
		"GLM uses <tool_call> <arg_key> and <arg_value>. The rest.",
		"Qwen3-Coder writes <tool_call><function=name> and then its parameters.\n\nThe rest.",
		"See [TOOL_CALLS] [1] and [TOOL_RESULTS] [2].\n\nThe rest.",
		"It begins with [TOOL_CALLS] [{ and then come the names.",
		"- <tool_call>\n- [TOOL_CALLS]\n- [TOOL_REQUEST]\n\nThose are the tokens.",
		"| Token | Model |\n|---|---|\n| <tool_call> | Hermes |\n| [TOOL_CALLS] | Mistral |\n\nThe rest.",
		"<tool_call> is Hermes's token, and </tool_call> ends it.",
		"The call looks like [TOOL_CALLS]name(arguments), and a result follows.\n\nThe rest.",
		"Hermes: <tool_call>Then\nthe rest of the call stands here.",
		"to=functions.name is how Harmony addresses a tool.\n\nThe rest.",
		"commentary to=functions.x is a header, and {\"q\": 1} are the arguments.",
		"The role is written as assistant to=functions.x here. The rest.",
		"EXAONE ends its turns with [|endofturn|], and Gemma with <end_of_turn>. The rest.",
		"Pangu writes [unused10] behind a turn. The rest.",
		"It is <s>5</s>",
		"It is <s>\"five\"</s>",
	} {
		for size := range len(in) {
			s := newSplitter(false)
			if text, reasoning, _ := splitAll(s, inPieces(in, size+1), true); text != in || reasoning != "" || s.called {
				t.Errorf("%q in pieces of %d:\ntext %q, reasoning %q, called %v", in, size+1, text, reasoning, s.called)
				break
			}
		}
	}
	for in, want := range map[string]string{
		"Granite uses <|tool_call|> for calls. The rest.":                         "Granite uses  for calls. The rest.",
		"Llama ends with <|python_tag|>, and then code follows.":                  "Llama ends with , and then code follows.",
		"GLM marks the question with <|user|> and the answer with <|assistant|>.": "GLM marks the question with  and the answer with .",
		"Kimi uses <|tool_calls_section_begin|>. Then come the calls.":            "Kimi uses . Then come the calls.",
		"gpt-oss writes <|channel|>analysis<|message|> before thoughts. So.":      "gpt-oss writes <|channel|>analysis<|message|> before thoughts. So.",
		"Kimi begins with ◁think▷ and goes on. The rest.":                         "Kimi begins with ◁think▷ and goes on. The rest.",
		"Qwen writes <|im_start|>user\nand the question. The rest.":               "Qwen writes \nand the question. The rest.",
		// A leaked end stays none of the text, whatever was said of <s> before.
		"The token <s> begins a text.</s>":         "The token <s> begins a text.",
		"A text begins with <s>.</s>":              "A text begins with <s>.",
		"It begins with <s>, as in\n\nHello.</s>":  "It begins with <s>, as in\n\nHello.",
		"It is <s>5\nand that is the answer.</s>":  "It is <s>5\nand that is the answer.",
		"It is <s>5</s> 4.</s>":                    "It is <s>5</s> 4.",
		"It is four[|endofturn|]":                  "It is four",
		"It is four[|endofturn|]\n[|user|]And?":    "It is four\n",
		"It is four <end_of_turn>\n":               "It is four \n",
		"The call is <tool_call> so.<end_of_turn>": "The call is <tool_call> so.",
	} {
		for size := range len(in) {
			s := newSplitter(false)
			if text, reasoning, _ := splitAll(s, inPieces(in, size+1), true); text != want || reasoning != "" || s.called {
				t.Errorf("%q in pieces of %d:\ntext %q, reasoning %q, called %v", in, size+1, text, reasoning, s.called)
				break
			}
		}
	}
}

// TestCallsStay: what a model calls a tool with stays a call, also where it forgets the end.
func TestCallsStay(t *testing.T) {
	for in, want := range map[string]string{
		"<tool_call>search\n<arg_key>q</arg_key>\n<arg_value>x</arg_value>\n</tool_call>": "",
		"<tool_call>search\n<arg_key>q</arg_key>\n<arg_value>x":                           "",
		"I look.\n<tool_call>\nsearch(q=\"x\")\n</tool_call>":                             "I look.\n",
		"I look: <tool_call>get_time</tool_call>":                                         "I look: ",
		"I look for it <tool_call>\n<function=f>\n<parameter=q>x":                         "I look for it ",
		"<tool_call>\n</tool_call>":                                                       "",
		"<tool_call>":                                                                     "",
		"[TOOL_CALLS] [{\"name\": \"f\"}]":                                                "",
		"[TOOL_CALLS]f[ARGS]{\"q\": 1}":                                                   "",
		"<tool_call>call:search{q:x}</tool_call>":                                         "",
		"I'll check <|python_tag|>search.call(q=\"x\")":                                   "I'll check ",
		"<|python_tag|>import os\nprint(os.name)<|eom_id|>":                               "",
		"to=functions.now\n":                                                              "",
		"commentary to=functions.f code{\"q\": 1}":                                        "",
	} {
		for size := range len(in) {
			s := newSplitter(false)
			if text, _, _ := splitAll(s, inPieces(in, size+1), true); text != want || !s.called {
				t.Errorf("%q in pieces of %d: text %q, called %v", in, size+1, text, s.called)
				break
			}
		}
	}
}

// TestTokensInProseAreCheap: what may be a call is looked at for a page, and no further.
func TestTokensInProseAreCheap(t *testing.T) {
	for _, unit := range []string{"<tool_call>f(", "[TOOL_CALLS]f(", "<tool_call> <b", "a <tool_call>"} {
		in := strings.Repeat(unit, 2_000)
		for _, pieces := range [][]string{{in}, llmsim.Tokens(in)} {
			if text, _, _ := splitAll(newSplitter(false), pieces, true); len(text) < len(in)/2 {
				t.Errorf("%q: %d bytes of %d are left", unit, len(text), len(in))
			}
		}
	}
}
