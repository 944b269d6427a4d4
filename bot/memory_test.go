package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/turn"
)

// appears puts a message into the thread, as another process does.
func (s *reading) appears(m bot.Message) {
	s.guard.Lock()
	defer s.guard.Unlock()
	s.messages = append(s.messages, m)
}

// TestHalfAnswerBesideOneFromMemory: two processes answer from memory, and one dies. Its event does not come again.
func TestHalfAnswerBesideOneFromMemory(t *testing.T) {
	for name, kill := range map[string]bool{"the other one lives": false, "the other one ends, too": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReading(q("1.0", "first"))
				store := &awayStore{Mem: turn.NewMem()}
				a, stopA := s.run(t, "A", store)
				_, stopB := s.run(t, "B", store)
				time.Sleep(time.Second)
				store.leave()
				_ = a.Handle(t.Context(), asked("1.0", "first"))
				time.Sleep(time.Second)
				s.appears(bot.Message{TS: "1.6", Self: true, For: "1.0", From: "1.0", By: "X", Text: "so", Shown: 2})
				time.Sleep(20 * time.Second)
				store.back()
				if kill { // as soon as it has told the store
					time.Sleep(2 * time.Second)
					stopA()
				}
				time.Sleep(time.Minute)
				if !kill {
					stopA()
				}
				stopB()
				r, err := turn.NewDesk(store, turn.Config{Owner: "x"}).Look(t.Context(), thread1.String())
				if all := fmt.Sprint(s.seen()); err != nil || r.Owed() || len(s.put()) != 1 || !strings.Contains(all, `phase 5 "" "" adopt [1.6]`) {
					t.Errorf("owed %v, prompts %q, shown %v, %v", r.Owed(), s.put(), s.seen(), err)
				}
			})
		})
	}
}

// TestEarlierQuestionOfAnOutage: a process dies in its answer from memory, and another one answers what is asked next, from memory, too. The first question has its answer
// when the store is back, in the message that is there, and that never shows less than before.
func TestEarlierQuestionOfAnOutage(t *testing.T) {
	for name, back := range map[string]time.Duration{"back during the answer": 6 * time.Second, "back after it": 20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newReading(q("1.0", "first"), bot.Message{TS: "1.6", Self: true, For: "1.0", From: "1.0", By: "X", Text: "so far", Shown: 6}, q("2.0", "second"))
				store := &awayStore{Mem: turn.NewMem()}
				a, stop := s.run(t, "A", store)
				time.Sleep(time.Second)
				store.leave()
				_ = a.Handle(t.Context(), asked("2.0", "second"))
				time.Sleep(back)
				if len(s.put()) != 1 || s.seen()["1.0"] != "" {
					t.Errorf("while the store is away: prompts %q, shown %v", s.put(), s.seen())
				}
				store.back()
				time.Sleep(time.Minute)
				stop()
				r, err := turn.NewDesk(store, turn.Config{Owner: "x"}).Look(t.Context(), thread1.String())
				if all := fmt.Sprint(s.seen()); err != nil || r.Owed() || len(s.put()) != 2 || strings.Contains(all, "phase 5") || strings.Count(all, "phase 2") != 2 || !strings.Contains(s.seen()["1.0"], `phase 2 "half whole" "" adopt [1.6]`) {
					t.Errorf("owed %v, prompts %q, shown %v, %v", r.Owed(), s.put(), s.seen(), err)
				}
				if slices.Contains(s.grown(), "half") {
					t.Errorf("shown in the message that was there: %q", s.grown())
				}
			})
		})
	}
}

// TestLeftToAnotherInAnOutage: what another process has begun from memory is left to it. It dies, and nobody tells of the question again.
func TestLeftToAnotherInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), bot.Message{TS: "1.6", Self: true, For: "1.0", From: "1.0", By: "X", Text: "so", Shown: 2})
		store := &awayStore{Mem: turn.NewMem()}
		a, stop := s.run(t, "A", store)
		time.Sleep(time.Second)
		store.leave()
		_ = a.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(20 * time.Second)
		if len(s.put()) > 0 || len(s.seen()) > 0 {
			t.Errorf("while the store is away: prompts %q, shown %v", s.put(), s.seen())
		}
		store.back()
		time.Sleep(time.Minute)
		stop()
		if len(s.put()) != 1 || !strings.Contains(s.seen()["1.0"], `phase 2 "half whole" "" adopt [1.6]`) {
			t.Errorf("prompts %q, shown %v", s.put(), s.seen())
		}
	})
}

// TestHalfAnswerThatGoesOnAfterAnOutage: a process has not noticed yet that the store is back, and writes on. What it writes goes when it has ended.
func TestHalfAnswerThatGoesOnAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		store := &awayStore{Mem: turn.NewMem()}
		a, stop := s.run(t, "A", store)
		time.Sleep(time.Second)
		store.leave()
		_ = a.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(time.Second)
		s.appears(bot.Message{TS: "1.6", Self: true, For: "1.0", From: "1.0", By: "X", Text: "so", Shown: 2})
		time.Sleep(20 * time.Second)
		store.back()
		for n := range 9 { // a word a second
			s.guard.Lock()
			i := slices.IndexFunc(s.messages, func(m bot.Message) bool { return m.TS == "1.6" })
			s.messages[i].Shown = 3 + n
			s.guard.Unlock()
			time.Sleep(time.Second)
			if strings.Contains(fmt.Sprint(s.seen()), "phase 5") {
				t.Fatalf("removed while it is written, after %d s", n)
			}
		}
		time.Sleep(time.Minute)
		stop()
		if !strings.Contains(fmt.Sprint(s.seen()), `phase 5 "" "" adopt [1.6]`) || len(s.put()) != 1 {
			t.Errorf("prompts %q, shown %v", s.put(), s.seen())
		}
	})
}

// TestStoppedElsewhereAfterAnOutage: a process had begun to answer from memory, and another one, which had seen nothing of that, took a stop for the end. What was begun does not stay as it is.
func TestStoppedElsewhereAfterAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), ours("1.6", "1.0", "1.0", 0, "X", false), q("2.0", "stop"))
		store := turn.NewMem()
		other := turn.NewDesk(store, turn.Config{Owner: "other"})
		a, _ := other.Ask(t.Context(), thread1.String(), "1.0")
		_ = other.Stop(t.Context(), thread1.String(), "2.0")
		_, _ = a.Claim.Done(t.Context(), "1.0")
		if err := other.Doubt(t.Context(), thread1.String()); err != nil { // X gives way
			t.Fatal(err)
		}
		_, stop := s.run(t, "B", store)
		time.Sleep(time.Minute)
		stop()
		r, err := other.Look(t.Context(), thread1.String())
		if err != nil || r.Owed() || len(s.put()) > 0 || !strings.Contains(s.seen()["1.0"], `"so" "stopped" adopt [1.6]`) {
			t.Errorf("owed %v, prompts %q, shown %v, %v", r.Owed(), s.put(), s.seen(), err)
		}
	})
}
