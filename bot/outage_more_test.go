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

// TestStreamLeftInAnOutage: in a direct message answers are native streams, which do not say what they answer before they end. One is left by a process that died.
func TestStreamLeftInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"))
		direct := bot.Thread{Channel: "D", TS: "1.0"}
		store := &awayStore{Mem: turn.NewMem()}
		a, stop := s.run(t, "A", store)
		time.Sleep(time.Second)
		store.leave()
		s.appears(bot.Message{TS: "1.6", Self: true, Text: "so", Shown: 2}) // X's stream
		ask := asked("1.0", "first")
		ask.Thread, ask.Direct = direct, true
		_ = a.Handle(t.Context(), ask)
		time.Sleep(20 * time.Second)
		store.back()
		time.Sleep(3 * time.Minute)
		stop()
		if s.has("1.6") {
			t.Errorf("the half stream stays: %s, prompts %q", s.show(), s.put())
		}
	})
}

// TestWriterFromMemoryOverwrites: only X has lost the store. Slack tells A, which takes X's message over and completes it; X writes once more and dies.
func TestWriterFromMemoryOverwrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), ours("1.6", "1.0", "1.0", 0, "X", false))
		a, stop := s.run(t, "A", turn.NewMem())
		_ = a.Handle(t.Context(), asked("1.0", "first"))
		time.Sleep(15 * time.Second)
		if !strings.Contains(s.seen()["1.0"], "phase 2") {
			t.Fatal("not answered")
		}
		s.guard.Lock()
		i := slices.IndexFunc(s.messages, func(m bot.Message) bool { return m.TS == "1.6" })
		s.messages[i] = ours("1.6", "1.0", "1.0", 0, "X", false)
		s.guard.Unlock()
		time.Sleep(5 * time.Minute)
		stop()
		if !strings.Contains(s.show(), "whole true") {
			t.Errorf("a half answer stays: %s%s", s.show(), fmt.Sprint(s.seen()))
		}
	})
}

// TestStopAfterACalledOffTurn: a real claim's turn that is called off leaves the doubt of the turn before on the claim: a stop by the button is not the end.
func TestStopAfterACalledOffTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newReading(q("1.0", "first"), q("2.0", "second"))
		store := &awayStore{Mem: turn.NewMem()}
		a, stop := s.run(t, "A", store)
		time.Sleep(time.Second)
		store.leave()
		_ = a.Handle(t.Context(), asked("2.0", "second"))
		time.Sleep(3 * time.Second)
		s.guard.Lock()
		s.messages = slices.DeleteFunc(s.messages, func(m bot.Message) bool { return m.TS == "2.0" })
		s.guard.Unlock()
		go func() { _ = a.Handle(t.Context(), bot.Deleted{Thread: thread1, TS: "2.0"}) }()
		time.Sleep(50 * time.Millisecond)
		store.back()
		time.Sleep(3 * time.Second)
		_ = a.Handle(t.Context(), bot.Pressed{Thread: thread1, TS: "300.0", User: "U", Asker: "U", Press: bot.PressStop, For: "1.0"})
		time.Sleep(3 * time.Minute)
		stop()
		t.Logf("prompts %q\n%v\n%s", s.put(), s.seen(), s.show())
		if n := strings.Count(fmt.Sprint(s.put()), "first"); n > 2 {
			t.Errorf("answered again after the stop: prompts %q, %v", s.put(), s.seen())
		}
	})
}
