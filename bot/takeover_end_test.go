package bot_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// TestRedoThatFailed: no outage. A question was edited; the answer anew ended (failed, or was stopped), and its process was killed before Done.
func TestRedoThatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		question := q("1.0", "first")
		question.Edited = "3.0"
		m := ours("1.5", "1.0", "1.0", 2, false)
		m.Since, m.Ended = "3.0", true
		s := newReading(question, m)
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
			t.Errorf("the answer is gone: %s\nshown %v, prompts %q", s.show(), s.seen(), s.put())
		}
	})
}

// TestEditOfEarlierQuestion: no outage. A dies in an answer to two questions; the first of them is edited before B takes it over.
func TestEditOfEarlierQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := ours("2.5", "1.0", "2.0", 1, false)
		s := newReading(q("1.0", "first"), q("2.0", "second"), m)
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, _ := dead.Ask(t.Context(), thread1.String(), "2.0")
		_ = a.Lease.Reply(t.Context(), []string{"2.5"})
		_ = store.Update(t.Context(), "checkpoint/"+thread1.String(), func([]byte) ([]byte, error) {
			return []byte(`{"for":"2.0","since":"2.0","upto":"2.0","first":"1.0","asks":2,"text":"OLD TEXT","finish":"stop"}`), nil
		})
		// the edit is heard by another process
		s.guard.Lock()
		s.messages[0].Text, s.messages[0].Edited = "CHANGED", "3.0"
		s.guard.Unlock()
		noteAsk(t, store, "3.0")
		_, stop := s.run(t, "B", store)
		time.Sleep(3 * time.Minute)
		stop()
		if len(s.put()) == 0 {
			t.Errorf("the edited question was never put to the model: %s\nshown %v, prompts %q", s.show(), s.seen(), s.put())
		}
	})
}

// TestFollowUpClaims: no outage. A is shut down in an answer and releases it; what B hears first is a follow-up, with which it claims the thread.
func TestFollowUpClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := ours("1.5", "1.0", "1.0", 1, false)
		s := newReading(q("1.0", "first"), m, q("2.0", "second"))
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "A"})
		a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
		_ = a.Lease.Reply(t.Context(), []string{"1.5"})
		_ = a.Lease.Release(t.Context())
		b, stop := s.run(t, "B", store)
		if err := b.Handle(t.Context(), asked("2.0", "second")); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Minute)
		stop()
		if !s.has("1.5") && !strings.Contains(s.show(), "answers 1.0..2.0") {
			t.Errorf("the first question was lost: %s\nshown %v, prompts %q", s.show(), s.seen(), s.put())
		}
	})
}

// TestStopOfFinished: a finished text was saved, its process killed before it was shown; a person said stop before the takeover.
func TestStopOfFinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), ours("1.5", "1.0", "1.0", 1, false))
		store := turn.NewMem()
		dead := turn.NewCoordinator(store, turn.Config{Owner: "dead"})
		a, _ := dead.Ask(t.Context(), thread1.String(), "1.0")
		_ = a.Lease.Reply(t.Context(), []string{"1.5"})
		_ = store.Update(t.Context(), "checkpoint/"+thread1.String(), func([]byte) ([]byte, error) {
			return []byte(`{"for":"1.0","since":"1.0","upto":"1.0","first":"1.0","asks":1,"text":"ALL OF IT","finish":"stop"}`), nil
		})
		if err := dead.Stop(t.Context(), thread1.String(), "3.0"); err != nil {
			t.Fatal(err)
		}
		_, stop := s.run(t, "B", store)
		time.Sleep(2 * time.Minute)
		stop()
		if !strings.Contains(s.seen()["1.0"], "phase 3") {
			t.Errorf("stop was ignored: %s\nshown %v", s.show(), s.seen())
		}
	})
}
