package prompt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/llm"
)

func person(name, text string) Turn { return Turn{Who: Person, Name: name, Text: text} }
func self(text string) Turn         { return Turn{Who: Self, Text: text} }

func TestBuild(t *testing.T) {
	day := time.Date(2026, 11, 23, 15, 4, 5, 0, time.UTC)
	tests := []struct {
		name  string
		turns []Turn
		want  []string // role: content
		left  int
	}{
		{"one question", []Turn{person("Anna", " Hi ")}, []string{"user: Anna: Hi"}, 0},
		{
			"two people and an answer",
			[]Turn{person("Anna", "Hi"), self("Hello **Anna**"), person("Ben", "And me?")},
			[]string{"user: Anna: Hi", "assistant: Hello **Anna**", "user: Ben: And me?"},
			0,
		},
		{
			"people who write one after the other share a message",
			[]Turn{person("Anna", "Hi"), person("Ben", "Ho"), {Who: Other, Name: "CI", Text: "red"}},
			[]string{"user: Anna: Hi\n\nBen: Ho\n\nCI (a bot): red"},
			0,
		},
		{
			"an answer without its question",
			[]Turn{self("Hello"), person("Anna", "Hi")},
			[]string{"user: (earlier messages)", "assistant: Hello", "user: Anna: Hi"},
			0,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out := Build(Input{System: "Be kind.", Channel: "general", Bot: "llm", Date: day, Turns: tt.turns})
			if got := out.Messages[0]; got.Role != llm.RoleSystem || !strings.HasPrefix(got.Content, "Be kind.") ||
				!strings.Contains(got.Content, "#general") || !strings.Contains(got.Content, "23 November 2026") || strings.Contains(got.Content, "15:04") {
				t.Errorf("system message %q", got.Content)
			}
			var got []string
			for _, m := range out.Messages[1:] {
				got = append(got, string(m.Role)+": "+m.Content)
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if out.LeftOut != tt.left {
				t.Errorf("left out %d, want %d", out.LeftOut, tt.left)
			}
		})
	}
}

// Old turns leave in big steps: over a long thread the first message kept changes a few times only.
func TestWindowMovesInBigSteps(t *testing.T) {
	var turns []Turn
	changes, before := 0, 0
	var last string
	for n := range 200 {
		turns = append(turns, person("Anna", fmt.Sprintf("question %d %s", n, strings.Repeat("word ", 40))), self(strings.Repeat("answer ", 60)))
		// The measured ratio moves a little all the time; the beginning must not follow it.
		ratio := 3 + 0.2*float64(n%5)
		out := Build(Input{Turns: append(slices.Clip(turns), person("Anna", "next")), Budget: 4000, First: before, Ratio: ratio})
		if out.Tokens > 4000 {
			t.Fatalf("turn %d: %d tokens", n, out.Tokens)
		}
		var text strings.Builder
		for _, m := range out.Messages[:len(out.Messages)-1] {
			text.WriteString(string(m.Role) + m.Content)
		}
		switch {
		case out.LeftOut != before:
			changes++
			before = out.LeftOut
		case !strings.HasPrefix(text.String(), last):
			t.Fatalf("turn %d: the prefix changed", n)
		}
		last = text.String()
	}
	if changes == 0 || changes > 40 {
		t.Errorf("the beginning moved %d times in 200 turns", changes)
	}
}

func TestNewestTurnStays(t *testing.T) {
	out := Build(Input{Turns: []Turn{person("A", "old"), self("x"), person("A", strings.Repeat("long ", 10_000))}, Budget: 100})
	if last := out.Messages[len(out.Messages)-1]; !strings.Contains(last.Content, "long long") || out.LeftOut != 2 {
		t.Errorf("left out %d of 3", out.LeftOut)
	}
}

func FuzzBuild(f *testing.F) {
	f.Add("hello", "a\x00b", uint16(100), uint8(5))
	f.Fuzz(func(t *testing.T, a, b string, budget uint16, n uint8) {
		var turns []Turn
		for i := range int(n%40) + 1 {
			turns = append(turns, Turn{Who: Speaker((i + len(a)) % 3), Name: b, Text: a})
		}
		turns = append(turns, person("Z", "the question "+a))
		in := Input{System: b, Turns: turns, Budget: int(budget)}
		out := Build(in)
		for i, m := range out.Messages {
			want := llm.RoleUser
			switch {
			case i == 0:
				want = llm.RoleSystem
			case i%2 == 0:
				want = llm.RoleAssistant
			}
			if m.Role != want {
				t.Fatalf("message %d has role %s", i, m.Role)
			}
		}
		if last := out.Messages[len(out.Messages)-1]; !strings.Contains(last.Content, "the question") {
			t.Fatal("the question is gone")
		}
		if again := Build(in); fmt.Sprint(again) != fmt.Sprint(out) {
			t.Fatal("not deterministic")
		}
	})
}
