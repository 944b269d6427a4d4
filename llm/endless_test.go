package llm

import (
	"strings"
	"testing"
	"time"
)

// TestEndlessWhiteSpaceIsGivenOut: who reads the answer can notice a loop only in what comes out.
func TestEndlessWhiteSpaceIsGivenOut(t *testing.T) {
	for name, begin := range map[string]string{
		"at the start":             "",
		"behind thoughts":          "<think>a</think>",
		"behind later thoughts":    "Hi\n<think>a</think>",
		"behind a call":            `<tool_call>{"name":"x"}</tool_call>`,
		"behind a mark":            "<|im_start|>assistant\n",
		"behind a commentary":      "<|channel|>commentary<|message|>",
		"behind the answer":        "Hi",
		"in a template's thoughts": "",
	} {
		s := newSplitter(strings.HasPrefix(name, "in a"))
		s.feed(begin)
		out := 0
		for range 3 * mostHeld {
			o := s.feed("\n")
			out += len(o.text) + len(o.reasoning)
			if len(s.held) > mostHeld+longestToken {
				t.Fatalf("%s: %d bytes are held back", name, len(s.held))
			}
		}
		if out < mostHeld {
			t.Errorf("%s: %d bytes of %d were given out", name, out, 3*mostHeld)
		}
	}
}

// TestManyMarksAreCheap: a model that repeats a mark which counts only at the end of an answer, in many
// pieces or in one, is held back no longer than a mark is. This took minutes.
func TestManyMarksAreCheap(t *testing.T) {
	for _, mark := range []string{"</s>", "<pad>\n", "[EOS] "} {
		s := newSplitter(false)
		for range 1_000 {
			s.feed(mark)
			if len(s.held) > mostAtEnd+longestToken {
				t.Fatalf("%s: %d bytes are held back", mark, len(s.held))
			}
		}
		text, _, _ := splitAll(newSplitter(false), []string{"Hi", strings.Repeat(mark, 2_000)}, true)
		pieces, _, _ := splitAll(newSplitter(false), append([]string{"Hi"}, strings.SplitAfter(strings.Repeat(mark, 2_000), mark)...), true)
		if text != pieces {
			t.Errorf("%s: %d bytes at once, %d in pieces", mark, len(text), len(pieces))
		}
	}
	one := "a ` " + strings.Repeat("<|im_end|> x ", 50_000) // a backtick that nothing closes
	if text, _, _ := splitAll(newSplitter(false), []string{one}, true); !strings.HasPrefix(text, "a ` ") {
		t.Errorf("%.40q", text)
	}
}

// TestEndlessCall: a call of a tool that does not end ends the request. Nobody sees any of it, so nobody
// else notices it.
func TestEndlessCall(t *testing.T) {
	for name, tt := range map[string]struct{ begin, more, kind, text string }{
		"in the content": {begin: textEvent("[TOOL_CALLS]f[ARGS]{"), more: textEvent("aa"), kind: "tool"},
		"behind text":    {begin: textEvent("Wait. <tool_call>f<arg>"), more: textEvent("aa"), kind: "tool", text: "Wait. "},
		"in its field":   {begin: deltaEvent(`{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}`), more: deltaEvent(`{"tool_calls":[{"index":0,"function":{"arguments":"a"}}]}`), kind: "tool"},
		"end tokens":     {begin: textEvent("Hi"), more: textEvent("<|endoftext|>"), kind: "loop", text: "Hi"},
	} {
		got := stream(t, tt.begin+strings.Repeat(tt.more, 2*mostMute))
		if kindName(got.err) != tt.kind || got.text != tt.text {
			t.Errorf("%s: %q, %v", name, got.text, got.err)
		}
	}
}

// TestEndsInAStringAreCheap: at each end of a call that may stand in a string of it, no more is looked
// at than what is held back. Where the whole string was, a megabyte took half a minute.
func TestEndsInAStringAreCheap(t *testing.T) {
	began := time.Now()
	in := `<tool_call>{"a":"` + strings.Repeat("</tool_call>", 1<<20/12) + `"}</tool_call>`
	splitAll(newSplitter(false), []string{in}, true)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("%v", took)
	}
}
