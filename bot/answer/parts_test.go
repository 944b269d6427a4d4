package answer

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/llm"
)

// cutAfter is a step that brings so many tokens, and then breaks off.
func cutAfter(tokens int) step {
	return func(on func(llm.Delta) error) (llm.Result, error) {
		var text strings.Builder
		for i := range tokens {
			fmt.Fprintf(&text, "%d-%d ", tokens, i)
		}
		err := on(llm.Delta{Text: text.String(), CompletionTokens: tokens})
		return llm.Result{Usage: llm.Usage{Known: true, CompletionTokens: tokens}}, errors.Join(err, &llm.Error{Kind: llm.KindCut})
	}
}

// TestMaxTokensOverAllParts: all parts of an answer together get LLM_MAX_TOKENS, and what a person asks for in addition as many again.
func TestMaxTokensOverAllParts(t *testing.T) {
	for name, tt := range map[string]struct {
		from   Partial
		steps  []step
		want   []int // max_tokens of each request
		finish llm.Finish
		owner  string
	}{
		"one part":            {steps: []step{writes("a")}, want: []int{1000}, finish: llm.FinishStop},
		"three parts":         {steps: []step{cutAfter(300), cutAfter(200), writes("a")}, want: []int{1000, 700, 500}, finish: llm.FinishStop},
		"all is used":         {steps: []step{cutAfter(300), cutAfter(700)}, want: []int{1000, 700}, finish: llm.FinishLength},
		"taken over":          {from: Partial{Text: "word word ", Tokens: 400}, steps: []step{writes("a")}, want: []int{600}, finish: llm.FinishStop},
		"taken over, all":     {from: Partial{Text: "word word ", Tokens: 1000}, steps: []step{writes("a")}, finish: llm.FinishLength},
		"continue":            {from: Partial{Text: "word word ", Tokens: 1000, Asked: true, Before: 1000}, steps: []step{cutAfter(300), writes("a")}, want: []int{1000, 700}, finish: llm.FinishStop},
		"continue taken over": {from: Partial{Text: "word word ", Tokens: 1400, Before: 1000}, steps: []step{writes("a")}, want: []int{600}, finish: llm.FinishStop},
		"written anew":        {owner: "ollama", steps: []step{cutAfter(300), writes("a")}, want: []int{1000, 1000}, finish: llm.FinishStop},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if tt.owner == "" {
					tt.owner = "vllm"
				}
				s := &scripted{owner: tt.owner, steps: tt.steps}
				out, _ := trial{shared: with(s, Hooks{}, slog.DiscardHandler), req: llm.Request{MaxTokens: 1000}, from: tt.from}.write(t.Context())
				var got []int
				for _, r := range s.got {
					got = append(got, r.MaxTokens)
				}
				if out.Err != nil || !slices.Equal(got, tt.want) || out.Result.Finish != tt.finish {
					t.Errorf("%v, max_tokens %v, want %v, finish %s", out.Err, got, tt.want, out.Result.Finish)
				}
				if more := out.Answer.Controls&CanContinue != 0; more != (tt.finish == llm.FinishLength) {
					t.Errorf("can continue: %v", more)
				}
			})
		})
	}
}
