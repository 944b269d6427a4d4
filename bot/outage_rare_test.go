package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/turn"
)

// TestCompleteGoesWithAnOrphan: no outage. As TestPagesOfAnAnswerWrittenAnew with one page, and the half answer to a question that was deleted: the complete one goes with it.
func TestCompleteGoesWithAnOrphan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		question := q("1.0", "first")
		question.Edited = "3.0"
		whole := ours("1.5", "1.0", "1.0", 2, true)
		whole.Since = "3.0"
		s := newReading(question, whole, ours("2.5", "2.0", "2.0", 1, false))
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
		_, _ = a.Lease.Done(t.Context(), "1.0")
		a, _ = dead.Ask(t.Context(), thread1.String(), "3.0")
		_ = a.Lease.Reply(t.Context(), []string{"1.5"})
		_, stop := s.run(t, "B", store)
		time.Sleep(2 * time.Minute)
		stop()
		if !s.has("1.5") {
			t.Errorf("the complete answer is gone: %s\nshown %v, prompts %q", s.show(), s.seen(), s.put())
		}
	})
}

// TestStoppedPart: two runs; the first question's answer is stopped by its button: the other run was asked before, by somebody else, and is lost.
func TestStoppedPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		third := q("3.0", "third")
		third.User = "V"
		s := newReading(q("1.0", "first"), q("2.0", "second"), ours("2.5", "2.0", "2.0", 0, true), third)
		store := turn.NewMem()
		noteAsk(t, store, "3.0000001")
		b, stop := s.run(t, "B", store)
		time.Sleep(5 * time.Second)
		_ = b.Handle(t.Context(), bot.Pressed{Thread: thread1, TS: "300.0", User: "U", Asker: "U", Press: bot.PressStop, For: "1.0"})
		time.Sleep(3 * time.Minute)
		stop()
		if !strings.Contains(fmt.Sprint(s.put()), "third") {
			t.Errorf("third was never answered: prompts %q\n%s", s.put(), s.show())
		}
	})
}
