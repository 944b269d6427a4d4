package llm

import "testing"

// TestFirstTokens: what begins a text in a model's vocabulary is no part of the answer, unless that is about it.
func TestFirstTokens(t *testing.T) {
	want := map[string]string{
		"<s>": "", "<s>Hi": "Hi", "<s>Über uns": "Über uns", "<s>你好": "你好", "It is 4.<|user|>你好吗?<|assistant|>很好": "It is 4.很好", "It is 4.<|user|>\"Hm\"": "It is 4.", "<s> Hi there": "Hi there", "<s><s>\nHi": "Hi", "<s>Hi.</s>": "Hi.", "<s>Hi.</s><|im_end|>\n": "Hi.", "<s> [INST] Hi [/INST] Yes</s>": "Hi  Yes",
		"<s>Hi.\nIt is <s>5</s> 4.": "Hi.\nIt is <s>5</s> 4.", "<bos>": "", "<bos> Hi": "Hi", "<bos><bos>\n\nHi": "Hi", "<pad> Hi</s>": "Hi", "[GMASK]<sop>": "", "[gMASK]<sop>你好": "你好",
		"<|begin_of_text|>": "", "<|begin_of_text|>Hi": "Hi", "<｜begin▁of▁sentence｜>Hi": "Hi", "<s>\n<|user|>\nHm?\n<|assistant|>\nHi": "Hi",
		"final<|message|>Hi": "Hi", "assistant<|message|>Hi<|end|>": "Hi", "commentary<|message|>I look. <|end|>": "I look. ",
		"<|user|> marks the turn of a person, and <|assistant|> the other.": "marks the turn of a person, and  the other.", "[|user|] marks the turn of a person.": "marks the turn of a person.",
	}
	for _, about := range []string{
		"<s>5</s> 4", "<s>5</s>\n4", "It is <s>5</s>", "<s> is the token that begins a text.", "<s> and </s> are tokens.", "<bos> is Gemma's.", "<bos>是开始标记。", "<pad>, <unk> and others", "final answer: 4", "assistant",
		"fin", "[BOS]", "[|x|] and [|user|] are arrays", "<reserved_1> and <extra_id_0>", "It writes [BEGIN FINAL RESPONSE] before its answer.", "\x00Hi", "\x00", "a\n\x00b", "Here are my reasoning steps:\n1. Look.",
	} {
		want[about] = about
	}
	for in, want := range want {
		for size := range len(in) {
			s := newSplitter(false)
			if text, reasoning, _ := splitAll(s, inPieces(in, size+1), true); text != want || reasoning != "" || s.called {
				t.Errorf("%q in pieces of %d: %q, thoughts %q, want %q", in, size+1, text, reasoning, want)
				break
			}
		}
	}
	for _, in := range []string{
		"commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>", "analysis to=f<|message|>{}<|call|>", "commentary<|message|>{\"path\": \"/\"}<|end|>", "commentary to=functions.f json{}",
	} {
		for size := range len(in) {
			s := newSplitter(false)
			if text, reasoning, _ := splitAll(s, inPieces(in, size+1), true); text != "" || reasoning != "" || !s.called {
				t.Errorf("%q in pieces of %d: %q, thoughts %q, called %v", in, size+1, text, reasoning, s.called)
				break
			}
		}
	}
	// A stream that breaks off while it is not known yet what <s> is loses no text.
	if text, _, _ := splitAll(newSplitter(false), []string{"<s>It is 4"}, false); text != "It is 4" {
		t.Errorf("cut: %q", text)
	}
}

// TestEndTokenInAString: an argument may have what ends the call; a string that does not end does not swallow the answer.
func TestEndTokenInAString(t *testing.T) {
	for _, c := range []struct{ in, text string }{
		{"<tool_call>\n{\"name\": \"f\", \"arguments\": {\"q\": \"a </tool_call> b\"}}\n</tool_call>\nHi", "Hi"},
		{"<tool_call>{\"name\": \"f\", \"arguments\": {\"q\": \"</tool_call>\", \"r\": \"\\\"</tool_call>\"}}</tool_call>Hi", "Hi"},
		{"<tool_call>{\"name\": \"f\", \"arguments\": {\"q\": \"a}}</tool_call>\nHi", "Hi"},
		{"<tool_call>{\"name\": \"f\", \"arguments\": {\"q\": \"a}}</tool_call> It says \"Hi\".", "It says \"Hi\"."},
		{"<tool_call>\n```json\n{\"name\": \"f\"}\n```\n</tool_call>\nHi", "Hi"},
	} {
		for size := range len(c.in) {
			if text, _, _ := splitAll(newSplitter(false), inPieces(c.in, size+1), true); text != c.text {
				t.Errorf("%q in pieces of %d: %q", c.in, size+1, text)
				break
			}
		}
	}
}
