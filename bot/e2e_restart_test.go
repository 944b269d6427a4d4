package bot_test

import (
	"strings"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// disk is a store that outlives the process.
type disk struct{ turn.Store }

func (disk) Close() error { return nil }

func durable() worldConfig {
	return worldConfig{
		slack: slacksim.Config{Latency: 100 * time.Millisecond},
		model: llmsim.Config{Speed: 30, Answer: numbered(30)},
		bot:   bot.Config{Durable: true, Alone: func() bool { return true }, DrainTimeout: 2 * time.Second},
		store: (&awayStore{}).keeps,
	}
}

// TestNextProcessFinishesTheAnswer: a drain that takes too long leaves the answer to the next
// process, which finishes it in the same message.
func TestNextProcessFinishesTheAnswer(t *testing.T) {
	inWorld(t, durable(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.stop()
		half := w.answers("general", ts)
		size(t, "messages after the stop", half, 1)
		has(t, half[0].Plain, "goes on in a moment")
		w.again()
		w.answered("general", ts, 1)
		time.Sleep(time.Minute)
		got := w.answers("general", ts)
		size(t, "messages", got, 1)
		is(t, "the message", got[0].TS, half[0].TS)
		complete(t, text(got), unit, 30)
		oneFooter(t, got)
		is(t, "model calls", w.model.Total(), 2)
	})
}

// TestAskedWhileItStops: what is asked while the bot stops is noted, acked, and answered by the
// next process.
func TestAskedWhileItStops(t *testing.T) {
	cfg := durable()
	cfg.bot.DrainTimeout = time.Minute
	inWorld(t, cfg, func(t *testing.T, w *world) {
		first := w.ask("alice", "general", "", "hello")
		w.says("general", first, "Sentence 3", time.Minute)
		w.term()
		time.Sleep(time.Second)
		second := w.ask("bob", "general", "", "and me?")
		w.stop()
		is(t, "messages from a bot that stops", len(w.answers("general", second)), 0)
		w.again()
		oneFooter(t, w.answered("general", first, 1))
		got := w.answered("general", second, 1)
		complete(t, text(got), unit, 30)
		time.Sleep(time.Minute)
		is(t, "model calls", w.model.Total(), 2)
	})
}

// TestFollowUpAfterARestart: the next process knows the exact text of earlier answers.
func TestFollowUpAfterARestart(t *testing.T) {
	inWorld(t, durable(), func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "hello")
		w.answered("general", ts, 1)
		w.stop()
		w.again()
		w.until("both sockets are open", time.Minute, func() bool { return w.slack.Sockets() == 2 })
		w.ask("alice", "general", ts, "and now?")
		w.answered("general", ts, 2)
		messages := w.model.Last().Chat.Messages
		if n := len(messages); n != 4 || messages[2].Content != strings.TrimSpace(numbered(30)(nil)) {
			t.Errorf("%d messages, the answer is %q", n, messages[min(2, n-1)].Content)
		}
	})
}
