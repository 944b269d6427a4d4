package answer

import (
	"strconv"
	"testing"

	"llmbot/bot/prompt"
	"llmbot/llm"
)

// TestFullMemoriesForgetTheOldest: what the bot remembers has a bound, and who fills it makes it forget what nobody used for longest, not all.
func TestFullMemoriesForgetTheOldest(t *testing.T) {
	for name, start := range map[string]func() (most int, note func(i int), known func(i int) bool){
		"how much fits into a thread's prompt": func() (int, func(int), func(int) bool) {
			w, msgs := newWindow(), []llm.Message{{Content: "0123456789"}}
			return maxThreads, func(i int) {
					w.learn(strconv.Itoa(i), prompt.Input{}, 0, llm.Request{Messages: msgs}, llm.Usage{PromptTokens: 5, Known: true})
				}, func(i int) bool {
					var in prompt.Input
					w.fit(strconv.Itoa(i), &in)
					return in.Ratio > 0
				}
		},
		"models that take no pictures": func() (int, func(int), func(int) bool) {
			s := newVision()
			return maxVision, func(i int) { s.learn(strconv.Itoa(i), 0) }, func(i int) bool {
				_, ok := s.most(strconv.Itoa(i))
				return ok
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			most, note, known := start()
			for i := range most {
				note(i)
			}
			if !known(0) {
				t.Error("the first one is forgotten before there are too many")
			}
			for i := range 10 {
				note(most + i)
			}
			if !known(0) || !known(most-1) || !known(most+9) {
				t.Error("what was used lately is forgotten")
			}
			if known(1) {
				t.Error("what nobody used for longest is still known: there is no bound")
			}
		})
	}
}
