package turn_test

import (
	"slices"
	"testing"
	"time"

	"llmbot/bot/turn"
)

// An answer that was begun for more than For says is taken over as such; one that is stopped in the middle leaves the rest owed.
func TestWiden(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		c := p.claim(t, "k", "1.0")
		p.ask(t, "k", "2.0")
		p.ask(t, "k", "3.0")
		c.Extend("3.0")
		c.Extend("2.0")
		if err := c.Reply(t.Context(), []string{"m"}); err != nil || c.For() != "3.0" {
			t.Errorf("for %s, %v", c.For(), err)
		}
		p.stop()
		p = start(t, m, "b")
		got := p.next(t)
		if got.rec.For != "3.0" || !slices.Equal(got.Messages(), []string{"m"}) || got.rec.Blame != turn.BlameUnit {
			t.Errorf("taken over as %+v", got.rec)
		}
		done(t, got.Lease, "3.0")

		c = p.claim(t, "k", "4.0")
		p.ask(t, "k", "6.0")
		c.Extend("6.0")
		if err := c.Reply(t.Context(), []string{"n"}); err != nil {
			t.Error(err)
		}
		if err := p.Stop(t.Context(), "k", "5.0"); err != nil || !closed(c.Stopped()) {
			t.Errorf("stopped %v, %v", closed(c.Stopped()), err)
		}
		if more, err := c.Done(t.Context(), "5.0"); !more || err != nil || c.For() != "6.0" || len(c.Messages()) > 0 || closed(c.Stopped()) {
			t.Errorf("more %v, %v, for %s, messages %v", more, err, c.For(), c.Messages())
		}
		done(t, c, "6.0")
		if r := record(t, m, "k"); r.Owed() || r.For != "6.0" {
			t.Errorf("in the end %+v", r)
		}
	})
}

// TestRenewalBesideDone: a renewal overlaps with a Done that says more.
func TestRenewalBesideDone(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		c := p.claim(t, "k", "4.0")
		p.ask(t, "k", "6.0")
		c.Extend("6.0")
		if err := c.Reply(t.Context(), []string{"n"}); err != nil {
			t.Fatal(err)
		}
		_ = p.Stop(t.Context(), "k", "5.0")
		slow := make(chan struct{})
		p.store.set(func(f *faulty) { f.slow = slow })
		told := make(chan struct{})
		go func() {
			defer close(told)
			if _, err := c.Done(t.Context(), "5.0"); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(100 * time.Millisecond) // committed, not told yet
		p.store.set(func(f *faulty) { f.slow = nil })
		time.Sleep(ttl / 4)
		r := record(t, m, "k")
		if len(r.Reply) > 0 {
			t.Errorf("the new answer to 6.0 has the messages of the stopped one: %+v", r)
		}
		close(slow)
		<-told
	})
}

// TestPendingDoneOfStopped: a stopped answer, whose Done the store did not take.
func TestPendingDoneOfStopped(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		c := p.claim(t, "k", "4.0")
		p.ask(t, "k", "6.0")
		c.Extend("6.0")
		if err := c.Reply(t.Context(), []string{"n"}); err != nil {
			t.Fatal(err)
		}
		_ = p.Stop(t.Context(), "k", "5.0")
		p.store.set(func(f *faulty) { f.down = errDown })
		if _, err := c.Done(t.Context(), "5.0"); err == nil {
			t.Error("the store took it")
		}
		p.store.set(func(f *faulty) { f.down = nil })
		got := p.next(t)
		if len(got.Messages()) > 0 {
			t.Errorf("goes on as under way: %+v", got.rec)
		}
	})
}
