package answer

import (
	"context"
	"errors"
	"strings"
	"testing"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

func TestBudget(t *testing.T) {
	for _, tt := range []struct{ window, answer, want int }{{0, 0, 0}, {1000, 0, 744}, {8192, 0, 6144}, {8192, 1024, 7168}, {8192, 8000, 4096}, {300, 0, 150}} {
		if got := PromptBudget(tt.window, tt.answer); got != tt.want {
			t.Errorf("PromptBudget(%d, %d) = %d, want %d", tt.window, tt.answer, got, tt.want)
		}
	}
	if got := lowerBudget(&llm.Error{Limit: 1000, Prompt: 2000}, 1500); got != 562 {
		t.Errorf("%d", got)
	}
	if got := lowerBudget(&llm.Error{}, 1500); got != 750 {
		t.Errorf("%d", got)
	}
	// vLLM stops counting behind its window.
	if got := lowerBudget(&llm.Error{Limit: 512, Prompt: 513, AtLeast: true}, 1500); got > 384 {
		t.Errorf("%d of a window of 512", got)
	}
}

func TestWindowLearns(t *testing.T) {
	w := newWindow()
	known, other := "C/1", "C/2"
	in := prompt.Input{Turns: []prompt.Turn{{ID: "a"}, {ID: "b"}, {ID: "c"}}}
	ratio := func(th string) (float64, int) {
		in := prompt.Input{Turns: in.Turns}
		w.fit(th, &in)
		return in.Ratio, in.First
	}
	long := []llm.Message{{Content: strings.Repeat("x", 4000)}}
	w.learn(known, in, 0, llm.Request{Messages: long}, llm.Usage{PromptTokens: 1000})
	w.learn(known, in, 0, llm.Request{Messages: []llm.Message{{Content: "x", Images: []llm.Image{{}}}}}, llm.Usage{PromptTokens: 1000, Known: true})
	if got, first := ratio(known); got != 0 || first != 0 {
		t.Error("learnt from nothing")
	}
	w.learn(known, in, 1, llm.Request{Messages: long}, llm.Usage{PromptTokens: 1000, Known: true})
	if got, first := ratio(known); got != 4 || first != 1 {
		t.Errorf("%v, from turn %d on", got, first)
	}
	for range 50 {
		w.learn(known, in, 0, llm.Request{Messages: long}, llm.Usage{PromptTokens: 2000, Known: true})
	}
	if got, first := ratio(other); got < 1.99 || got > 2.01 || first != 0 {
		t.Errorf("%v, from turn %d on", got, first)
	}
	w.learn(other, in, 0, llm.Request{Messages: []llm.Message{{Content: "short"}}}, llm.Usage{PromptTokens: 5, Known: true})
	if got, _ := ratio("C/3"); got < 1.99 {
		t.Errorf("a short prompt taught %v", got)
	}
	for tokens, want := range map[int]float64{4000: leastRatio, 60: mostRatio} { // signs, and spaces
		for range 50 {
			w.learn(known, in, 0, llm.Request{Messages: long}, llm.Usage{PromptTokens: tokens, Known: true})
		}
		if got, _ := ratio("C/3"); got < 0.99*want || got > 1.01*want {
			t.Errorf("%d tokens of one thread made %v of all others", tokens, got)
		}
	}
}

// counter counts a token a byte.
type counter struct {
	calls int
	err   error
}

func (c *counter) Tokenize(_ context.Context, _ string, msgs []llm.Message) (int, int, error) {
	c.calls++
	size, _ := textSize(msgs)
	return size, 0, c.err
}

func TestExactCountsWhenItIsClose(t *testing.T) {
	turns := []prompt.Turn{{ID: "1", Text: strings.Repeat("a", 300)}, {ID: "2", Who: prompt.Self, Text: strings.Repeat("b", 300)}, {ID: "3", Text: "now"}}
	for _, tt := range []struct {
		name        string
		budget      int
		err         error
		calls, left int
	}{
		{"far from full", 4000, nil, 0, 0},
		{"no limit known", 0, nil, 0, 0},
		{"close, and too much", 300, nil, 1, 2},
		{"close, and not counted", 300, errors.ErrUnsupported, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &counter{err: tt.err}
			in := prompt.Input{Turns: turns, Budget: tt.budget}
			out := buildExact(t.Context(), c, &in, "")
			if c.calls != tt.calls || out.LeftOut != tt.left {
				t.Errorf("%d counts, %d left out", c.calls, out.LeftOut)
			}
		})
	}
}
