package turn_test

import (
	"testing"
	"time"

	"llmbot/bot/turn"
)

// stoppedInTheMiddle has an answer to what was asked at 4.0 and at 6.0 stopped at 5.0.
func stoppedInTheMiddle(t *testing.T, p *process) *turn.Lease {
	t.Helper()
	l := p.claim(t, "k", "4.0")
	p.ask(t, "k", "6.0")
	l.Extend("6.0")
	reply(t, l, "n")
	p.cut(t, "k", "5.0")
	return l
}

// TestExtend: an answer that was extended is taken over as such, and one that was stopped in the
// middle leaves the rest owed.
func TestExtend(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		l := p.claim(t, "k", "1.0")
		p.ask(t, "k", "2.0")
		p.ask(t, "k", "3.0")
		l.Extend("3.0")
		l.Extend("2.0")
		if err := l.Reply(t.Context(), []string{"m"}); err != nil || l.For() != "3.0" {
			t.Errorf("for %s, %v", l.For(), err)
		}
		p.stop()
		p = start(t, m, "b")
		got := p.next(t)
		is(t, "taken over for", got.rec.For, "3.0")
		is(t, "taken over in the messages", ids(got.rec), "m")
		is(t, "blame", got.rec.Blame, turn.BlameUnit)
		done(t, got.Lease, "3.0")

		l = stoppedInTheMiddle(t, p)
		is(t, "a stop in the middle stops the whole answer", closed(l.Stopped()), true)
		goesOn(t, l, "5.0", "6.0")
		is(t, "the stop reaches the next answer", closed(l.Stopped()), false)
		done(t, l, "6.0")
		r := record(t, m, "k")
		is(t, "owed in the end", r.Owed(), false)
		is(t, "the last answer was to", r.For, "6.0")
	})
}

// TestRenewalBesideDoneOfStopped: a renewal that overlaps with the Done of a stopped answer does
// not give its messages to the next one.
func TestRenewalBesideDoneOfStopped(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		l := stoppedInTheMiddle(t, p)
		slow := make(chan struct{})
		p.store.set(func(f *faulty) { f.slow = slow })
		told := make(chan struct{})
		go func() {
			defer close(told)
			if _, err := l.Done(t.Context(), "5.0"); err != nil {
				t.Error(err)
			}
		}()
		time.Sleep(100 * time.Millisecond) // committed, not told yet
		p.store.set(func(f *faulty) { f.slow = nil })
		time.Sleep(ttl / 4)
		is(t, "messages of the stopped answer in the next one", ids(record(t, m, "k")), "")
		close(slow)
		<-told
	})
}

// TestPendingDoneOfStopped: nor does a Done that the store took only later.
func TestPendingDoneOfStopped(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		l := stoppedInTheMiddle(t, p)
		away(p)
		if _, err := l.Done(t.Context(), "5.0"); err == nil {
			t.Error("the store took it")
		}
		back(p)
		got := p.next(t)
		is(t, "messages of the stopped answer in the next one", ids(got.rec), "")
	})
}
