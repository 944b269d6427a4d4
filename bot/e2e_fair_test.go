package bot_test

import (
	"fmt"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/llm/llmsim"
)

// TestOnePersonDoesNotTakeAllSlots: alice asks a hundred questions at once; Bob's single one waits
// for the shortest of what runs, and not for all of hers.
func TestOnePersonDoesNotTakeAllSlots(t *testing.T) {
	t.Parallel()
	inWorld(t, worldConfig{bot: bot.Config{MaxAnswers: 4}, model: llmsim.Config{Speed: 50}}, func(t *testing.T, w *world) {
		var hers []string
		n := 100
		if raceDetector {
			n = 30 // Bob waits as long; before, 15 s
		}
		for i := range n {
			hers = append(hers, w.ask("alice", "general", "", fmt.Sprintf("write 100 tokens on %d", i)))
			time.Sleep(1500 * time.Microsecond)
		}
		asked := time.Now()
		his := w.ask("bob", "random", "", "write 20 tokens on the sea")
		w.answered("random", his, 1)
		if took := time.Since(asked); took > 6*time.Second {
			t.Errorf("Bob waited %s", took)
		} else {
			t.Logf("Bob waited %s", took)
		}
		for _, id := range hers {
			w.answered("general", id, 1)
		}
	})
}
