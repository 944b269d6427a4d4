package llm

import (
	"strings"
	"testing"
)

// splitAll feeds pieces and returns what a caller ends with.
func splitAll(s *splitter, pieces []string, whole bool) (text, reasoning string, retracted bool) {
	take := func(o split) {
		if o.retract {
			reasoning, text, retracted = reasoning+text, "", true
		}
		text, reasoning = text+o.text, reasoning+o.reasoning
	}
	for _, p := range pieces {
		take(s.feed(p))
	}
	take(s.flush(whole))
	return text, reasoning, retracted
}

func TestThinkTags(t *testing.T) {
	for _, c := range []struct {
		name, in, text, reasoning string
		opened, retract           bool
	}{
		{name: "none", in: "Hello <b>x</b>", text: "Hello <b>x</b>"},
		{name: "think", in: "<think>a < b</think>\n\nHi", text: "Hi", reasoning: "a < b"},
		{name: "after white space", in: "\n <think>a</think> Hi", text: "Hi", reasoning: "a"},
		{name: "empty", in: "<think>\n\n</think>\n\nHi", text: "Hi", reasoning: "\n\n"},
		{name: "twice", in: "<think>a</think>\n<think>b</think>Hi", text: "Hi", reasoning: "ab"},
		{name: "magistral", in: "[THINK]a[/THINK]Hi", text: "Hi", reasoning: "a"},
		{name: "kimi", in: "◁think▷a◁/think▷Hi", text: "Hi", reasoning: "a"},
		{name: "unclosed", in: "<think>a", reasoning: "a"},
		{name: "not a tag", in: "<thin", text: "<thin"},
		{name: "link", in: "[T](x)", text: "[T](x)"},
		{name: "later", in: "Use <think>x</think> here", text: "Use <think>x</think> here"},
		{name: "other closer inside", in: "<think>a</thought>b</think>Hi", text: "Hi", reasoning: "a</thought>b"},
		{name: "leftover closer", in: "</think>\nHi", text: "Hi"},
		{name: "template opened", in: "a\nb</think>\n\nHi", text: "Hi", reasoning: "a\nb", retract: true},
		{name: "closer in backticks", in: "The tag `</think>` ends it", text: "The tag `</think>` ends it"},
		{name: "closer in a fence", in: "x\n```\n</think>\n```\n", text: "x\n```\n</think>\n```\n"},
		{name: "known to be opened", in: "a\nb</think>\n\nHi", text: "Hi", reasoning: "a\nb", opened: true},
		{name: "opened twice", in: "<think>a</think>Hi", text: "Hi", reasoning: "a", opened: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 5, 1000} {
				var pieces []string
				for in := c.in; in != ""; {
					n := min(size, len(in))
					pieces, in = append(pieces, in[:n]), in[n:]
				}
				text, reasoning, retracted := splitAll(newSplitter(c.opened), pieces, true)
				if text != c.text || reasoning != c.reasoning || (size == 1 && retracted != c.retract) {
					t.Errorf("pieces of %d: text %q, reasoning %q, retracted %v", size, text, reasoning, retracted)
				}
			}
		})
	}
}

// A model whose template opens the tag is remembered: from the third answer on nothing of its reasoning is text, not for a moment.
func TestThinkTemplateIsLearned(t *testing.T) {
	body := textEvent("I wonder") + textEvent(".</thi") + textEvent("nk>\\n\\nHi") + stopEvent + doneEvent
	c := newClient(t, sse(body))
	for i := range sureOpens + 1 {
		var texts []string
		retracted := false
		_, err := c.Stream(t.Context(), Request{}, func(d Delta) error {
			retracted = retracted || d.Retract
			texts = append(texts, d.Text)
			return nil
		})
		if err != nil || retracted != (i < sureOpens) {
			t.Fatalf("answer %d: retracted %v, %v", i, retracted, err)
		}
		if joined := strings.Join(texts, ""); i == sureOpens && joined != "Hi" {
			t.Fatalf("text %q", joined)
		}
	}
	// It answered without thinking: its text comes at the end, and the memory goes.
	c.http = rawClient(t, sse(textEvent("Just ")+textEvent("so")+stopEvent+doneEvent), 1<<20)
	if got := ask(t.Context(), c, Request{}); got.err != nil || got.text != "Just so" || c.opensThinking("m") {
		t.Fatalf("%+v", got)
	}
}

// Whoever asks a model that does not think for the tag does not make the answers of others reasoning, which is shown only at the end.
func TestClosingTagOnDemand(t *testing.T) {
	c := newClient(t, sse(""))
	says := func(text string) answered {
		c.http = rawClient(t, sse(textEvent(text)+stopEvent+doneEvent), 1<<20)
		return ask(t.Context(), c, Request{})
	}
	for range 3 {
		if got := says("As you like: </think> there it is."); got.err != nil {
			t.Fatal(got.err)
		}
		if c.opensThinking("m") {
			t.Fatal("one answer decides for all")
		}
		if got := says("Just so"); got.err != nil || got.text != "Just so" || got.reasoning != "" {
			t.Fatalf("%+v", got)
		}
	}
}

func TestReasoningNeverInText(t *testing.T) {
	for name, body := range map[string]string{
		"reasoning":         deltaEvent(`{"reasoning":"SECRET"}`) + textEvent("Hi"),
		"reasoning_content": deltaEvent(`{"reasoning_content":"SECRET"}`) + textEvent("Hi"),
		"both":              deltaEvent(`{"reasoning":"SECRET","reasoning_content":"SECRET"}`) + textEvent("Hi"),
		"with text":         deltaEvent(`{"content":"Hi","reasoning":"SECRET"}`),
		"tags":              textEvent("<think>SECRET</think>Hi"),
		"split":             textEvent("<th") + textEvent("ink>SEC") + textEvent("RET</thin") + textEvent("k>Hi"),
		"role and tag":      deltaEvent(`{"role":"assistant","content":""}`) + textEvent("\\n<") + textEvent("think>SECRET</think>") + textEvent("\\nHi"),
	} {
		got := stream(t, body+stopEvent+doneEvent)
		if got.err != nil || got.text != "Hi" || got.reasoning != "SECRET" || got.retracted {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := stream(t, textEvent("<think>SECRET")); kindName(got.err) != "cut" || got.text != "" {
		t.Errorf("cut while thinking: %+v", got)
	}
}

// TestMarksInTablesAndLists: an answer about such marks has them behind the marks of a block; no model
// begins its thoughts there.
func TestMarksInTablesAndLists(t *testing.T) {
	for _, in := range []string{
		"Tags:\n\n| Tag | Model |\n|---|---|\n| <think> | Qwen |\n| [THINK] | Magistral |\n\nDone.",
		"Tags:\n\n- <think> is Qwen's\n- [THINK] is Magistral's\n\n1. <reason> too\n\nDone.",
		"It says:\n\n> <thinking> begins it\n\n# <thought>\n\nDone.",
	} {
		for _, pieces := range [][]string{{in}, strings.Split(in, "")} {
			if text, reasoning, _ := splitAll(newSplitter(false), pieces, true); text != in {
				t.Errorf("%q: text %q, reasoning %q", in, text, reasoning)
			}
		}
	}
}

// TestCutsBehindACall: what is left of white space behind a call does not depend on the cuts.
func TestCutsBehindACall(t *testing.T) {
	for in, want := range map[string]string{
		"call: <tool_call>\n{\"name\":\"x\"}\n</tool_call>\nText":                    "call: \nText",
		"A\n<|tool_call_begin|>f:0<|tool_call_argument_begin|>{}<|tool_call_end|> b": "A\n b",
		"<tool_call>{\"name\":\"x\"}</tool_call>\nText":                              "Text",
	} {
		for _, pieces := range [][]string{{in}, strings.Split(in, "")} {
			if text, _, _ := splitAll(newSplitter(false), pieces, true); text != want {
				t.Errorf("%q in %d pieces: %q, want %q", in, len(pieces), text, want)
			}
		}
	}
}
