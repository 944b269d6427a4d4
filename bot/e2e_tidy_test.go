package bot_test

import (
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

// TestSuccessorTidiesUp: an answer is complete in a new message, since the old one could not be
// edited in time, and the process is killed before it could delete the old one. The next process
// does.
func TestSuccessorTidiesUp(t *testing.T) {
	cfg := durable()
	cfg.slack.HoldEvents = 100
	cfg.slack.Limiter = slacksim.LimiterOff
	inWorld(t, cfg, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "count")
		w.says("general", ts, "Sentence 3", time.Minute)
		w.kill()
		w.slack.Fail(slacksim.Fault{Method: "chat.update", Times: 1, Status: 429, RetryAfter: 120})
		w.slack.Fail(slacksim.Fault{Method: "chat.delete", Times: -1, Status: 503})
		w.again()
		w.answered("general", ts, 1)
		if n := len(w.answers("general", ts)); n != 2 {
			t.Fatalf("%d messages: %s", n, text(w.answers("general", ts)))
		}
		w.kill()
		w.slack.Heal()
		w.again()
		time.Sleep(5 * time.Minute)
		got := w.answers("general", ts)
		complete(t, text(got), unit, 30)
		oneFooter(t, got)
		size(t, "messages", got, 1)
		times(t, text(got), "Sentence 0 ", 1)
		is(t, "requests", w.model.Total(), 2)
	})
}
