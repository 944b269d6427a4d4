package llm

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestThoughtsThatAreTheAnswer: what begins as the thoughts of some model do, in words, and ends by
// itself without their end, is an answer.
func TestThoughtsThatAreTheAnswer(t *testing.T) {
	for _, in := range []string{
		"Here's my thought process:\n\n1. 17 times 23.\n2. That is 391.\n\nSo the answer is 391.",
		"Here is my thought process: first the units, then the sum. It is 4.",
		"analysisWe need 2+2. It is 4.",
	} {
		for size := range len(in) {
			if text, _, _ := splitAll(newSplitter(false), inPieces(in, size+1), true); text != in {
				t.Errorf("%q in pieces of %d: text %q", in, size+1, text)
				break
			}
		}
		if got := stream(t, textEvent(jsonText(in))+stopEvent+doneEvent); got.err != nil || got.text != in {
			t.Errorf("%q: %q %v", in, got.text, got.err)
		}
	}
	// The end mark, and an end by force, say that they were thoughts.
	for in, want := range map[string]string{"Here is my thought process: Hm. Here is my response: 4": "4", "Here is my thought process: Hm.": ""} {
		if text, _, _ := splitAll(newSplitter(false), []string{in}, false); text != want {
			t.Errorf("%q, cut: %q", in, text)
		}
	}
}

// TestUnthinkingLosesNothing: thinking was switched off, and the server leaves a mark of thoughts
// around the answer.
func TestUnthinkingLosesNothing(t *testing.T) {
	off := Request{Extra: map[string]any{"chat_template_kwargs": map[string]any{"enable_thinking": false}}}
	for in, want := range map[string]string{
		"Canberra.\n</think>":                 "Canberra.",
		"Canberra.</think>\n\n":               "Canberra.",
		"<think>Canberra.":                    "Canberra.",
		"<think>\nCanberra.\n</think>":        "Canberra.",
		"<think>\n\n</think>\n\nCanberra.":    "Canberra.",
		"Hm, Sydney?\n</think>\n\nCanberra.":  "Canberra.",
		"<think>Sydney?</think>\n\nCanberra.": "Canberra.",
	} {
		for _, size := range []int{1, 5, 1000} {
			c := newClient(t, sse(""))
			for range sureOpens + 2 {
				var body strings.Builder
				for _, piece := range inPieces(in, size) {
					body.WriteString(textEvent(jsonText(piece)))
				}
				c.http = rawClient(t, sse(body.String()+stopEvent+doneEvent), 1<<20)
				if got := ask(t.Context(), c, off); got.err != nil || strings.TrimSpace(got.text) != want {
					t.Fatalf("%q in pieces of %d: %q %v", in, size, got.text, got.err)
				}
				if c.opensThinking("m") {
					t.Fatalf("%q: an answer without thoughts decides for those with thoughts", in)
				}
			}
		}
	}
}

// TestContinuedAnswers: what follows an answer goes on where that stands.
func TestContinuedAnswers(t *testing.T) {
	for _, c := range []struct{ before, in, text, reasoning string }{
		{"```\n<|im_start|>user\n", "Hi<|im_end|>\n```\nDone<|im_end|>", "Hi<|im_end|>\n```\nDone", ""},
		{"Use", " <think> as a tag, and </think> too.", " <think> as a tag, and </think> too.", ""},
		{"Qwen thinks between ", "<think> as a tag and another.", "<think> as a tag and another.", ""},
		{"It ends with `", "</think>` and nothing else.", "</think>` and nothing else.", ""},
		{"First", "\n\nThen", "\n\nThen", ""},
		{"The word is ", "analysisX or so.", "analysisX or so.", ""},
		{"So:\n\n", "Here is my thought process: 4.", "Here is my thought process: 4.", ""},
		// The server did not go on: it began the answer anew.
		{"The capital is", "<think>\nHm.</think>\n\nThe capital is Canberra", "The capital is Canberra", "\nHm."},
		{"The capital is", "\n\n<think>\nHm.</think>\n\nThe capital is Canberra", "\n\nThe capital is Canberra", "\nHm."},
		{"So:\n\n", "[THINK]\nHm.[/THINK]\nSo: 4", "So: 4", "\nHm."},
		{"The tag is ", "<think>", "<think>", ""},
	} {
		for _, opens := range []bool{false, true} {
			cuts := [][]string{inPieces(c.in, 1), inPieces(c.in, 3)}
			for at := range len(c.in) { // and in two, at every byte
				if utf8.RuneStart(c.in[at]) {
					cuts = append(cuts, []string{c.in[:at], c.in[at:]})
				}
			}
			for _, pieces := range cuts {
				cl := newClient(t, sse(""))
				for range sureOpens {
					cl.learnThinking("m", opens)
				}
				var body strings.Builder
				for _, piece := range pieces {
					body.WriteString(textEvent(jsonText(piece)))
				}
				cl.http = rawClient(t, sse(body.String()+stopEvent+doneEvent), 1<<20)
				req := Request{Continue: true, Messages: []Message{{Role: RoleUser, Content: "x"}, {Role: RoleAssistant, Content: c.before}}}
				if got := ask(t.Context(), cl, req); got.err != nil || got.text != c.text || got.reasoning != c.reasoning {
					t.Errorf("%q, opens %v, as %q: %q, thoughts %q, %v", c.before+c.in, opens, pieces, got.text, got.reasoning, got.err)
				}
				if opens && !cl.opensThinking("m") {
					t.Error("a continuation says nothing of the template")
				}
			}
		}
	}
}
