package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// endless is a model that never stops: 1 MB a second for so long.
func endless(piece string, d time.Duration) llmsim.Tape {
	const pause = 10 * time.Millisecond
	piece = strings.Repeat(piece, 10_000/len(piece)+1)
	var tape llmsim.Tape
	for range d / pause {
		tape = append(tape, llmsim.Chunk(piece, len(piece)/4), llmsim.Wait(pause))
	}
	return tape
}

const foxes = "The quick brown fox jumps over the lazy dog. It does so again and again.\n\n"

// shownChars is how many characters of foxes the messages show.
func shownChars(messages []slacksim.Message) int {
	return strings.Count(text(messages), "quick brown fox") * len(foxes)
}

func TestEndlessBaseline(t *testing.T) {
	inWorld(t, worldConfig{slack: slacksim.Config{Latency: 100 * time.Millisecond}}, func(t *testing.T, w *world) {
		w.model.NextTape(endless(foxes, 30*time.Second))
		ts := w.ask("alice", "general", "", "write without end")
		began := time.Now()
		for range 4 {
			time.Sleep(5 * time.Second)
			fmt.Println(time.Since(began), len(w.answers("general", ts)), shownChars(w.answers("general", ts)), w.model.Running())
		}
		w.slack.Say("alice", "general", ts, "stop")
		for range 6 {
			time.Sleep(20 * time.Second)
			fmt.Println(time.Since(began), len(w.answers("general", ts)), shownChars(w.answers("general", ts)), w.model.Running())
		}
	})
	_ = bot.Done
}
