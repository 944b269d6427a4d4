package bot_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// TestMixedThreadKeepsThePrefix: in a thread of 200 messages of all kinds, nine tenths of a prompt
// stay as they were in the turn before, also when previews come between two turns (issue 14). The
// model server has them in its cache.
func TestMixedThreadKeepsThePrefix(t *testing.T) {
	kinds := messagesOfA(t)
	var names []string
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	inWorld(t, worldConfig{slack: slacksim.Config{Limiter: slacksim.LimiterOff}, model: llmsim.Config{Answer: yes, Speed: 200, MaxModelLen: 200_000}}, func(t *testing.T, w *world) {
		root := w.slack.Say("alice", "general", "", "what happened today")
		var links []string
		for i := range 200 {
			post := kinds[names[i%len(names)]]
			post.Channel, post.ThreadTS = "general", root
			w.slack.Post(post)
			if i%20 == 0 {
				links = append(links, w.slack.Say("bob", "general", root, fmt.Sprintf("see https://go.dev/%d", i)))
			}
			time.Sleep(time.Second)
		}
		last := ""
		for turn := range 6 {
			w.ask("bob", "general", root, fmt.Sprintf("and now, %d?", turn))
			w.answered("general", root, turn+1)
			now := w.prompt()
			n := common(last, now)
			if turn > 0 {
				t.Logf("turn %d: %.2f %% of %d bytes stay", turn, 100*float64(n)/float64(len(last)), len(last))
			}
			if n*10 < 9*len(last) {
				t.Errorf("turn %d: %d of %d bytes of the prompt before stay", turn, n, len(last))
			}
			last = now
			for _, ts := range links[turn : turn+2] { // of some that the model has read
				if err := w.slack.UnfurlLink("general", ts); err != nil {
					t.Fatal(err)
				}
			}
			w.slack.Say("carol", "general", root, "one more thing")
		}
	})
}
