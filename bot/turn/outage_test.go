package turn_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

func away(ps ...*process) {
	for _, p := range ps {
		p.store.set(func(f *faulty) { f.down = errDown })
	}
}

func back(ps ...*process) {
	for _, p := range ps {
		p.store.set(func(f *faulty) { f.down = nil })
	}
}

// TestLeasesComeBackAfterAnOutage: when the store was away for everybody, for ten seconds and more,
// leases lapse, nobody takes over, and the owners go on.
func TestLeasesComeBackAfterAnOutage(t *testing.T) {
	for n := range 16 {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			var leases []*turn.Lease
			for n := range 5 {
				leases = append(leases, a.claim(t, fmt.Sprint("a", n), "1.0"), b.claim(t, fmt.Sprint("b", n), "1.0"))
				time.Sleep(ttl / 10)
			}
			time.Sleep(ttl)
			away(a, b)
			time.Sleep(ttl) // a lease is trusted for 3/4 of it
			for _, l := range leases {
				gone(t, l, turn.ErrLapsed)
			}
			time.Sleep(4*time.Second + time.Duration(n)*100*time.Millisecond)
			back(a, b)
			time.Sleep(ttl / 2)
			for _, l := range leases {
				live(t, l)
				is(t, "lost in an outage", closed(l.Lost()), false)
			}
			time.Sleep(time.Minute)
			a.none(t)
			b.none(t)
			for _, l := range leases {
				done(t, l, "1.0")
			}
		})
	}
}

// TestToldOfAllThreads: what was asked elsewhere is known as soon as Told returns, at the start and
// after an outage, and Told does not return before.
func TestToldOfAllThreads(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		b := start(t, m, "b")
		ask := func(key string) {
			t.Helper()
			if _, err := b.Note(t.Context(), key, "1.0"); err != nil {
				t.Fatal(err)
			}
		}
		told := func(p *process) error {
			ctx, cancel := context.WithTimeout(t.Context(), ttl)
			defer cancel()
			return p.Told(ctx)
		}
		ask("k1")
		a := start(t, lazy{m}, "a", func(c *turn.Config) { c.Owed = nil })
		if err := told(a); err != nil {
			t.Error(err)
		}
		is(t, "threads known at the start", len(a.Recent("")), 1)
		away(a)
		ask("k2") // its Watch breaks off
		time.Sleep(ttl / 16)
		if told(a) == nil {
			t.Error("told of all while the store is away")
		}
		back(a)
		if err := told(a); err != nil {
			t.Error(err)
		}
		is(t, "threads known after an outage", len(a.Recent("")), 2)
	})
}

// TestShortOutageIsNotNoticed: a lease outlives outages of 2/5 of a TTL.
func TestShortOutageIsNotNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		l := a.claim(t, "k", "1.0")
		for range 10 {
			away(a)
			for range 20 {
				time.Sleep(ttl / 100 * 2)
				live(t, l)
			}
			back(a)
			time.Sleep(ttl)
			live(t, l)
		}
		done(t, l, "1.0")
	})
}

// TestDeathInAnOutage: an owner that died in an outage is replaced a TTL after its end, or a little
// more.
func TestDeathInAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		a.claim(t, "k", "1.0")
		synctest.Wait()
		away(b)
		a.stop()
		time.Sleep(time.Minute)
		b.none(t)
		back(b)
		begin := time.Now()
		if l := b.next(t); l.at.Sub(begin) > ttl+ttl/2 {
			t.Errorf("replaced after %s", l.at.Sub(begin))
		}
	})
}

// TestHangingStoreReturnsWithItsContext: no call waits longer than its caller wants, and what is
// known here takes effect at once or later.
func TestHangingStoreReturnsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		l := a.claim(t, "k", "1.0")
		gate := make(chan struct{})
		a.store.set(func(f *faulty) { f.hang = gate })
		for what, call := range map[string]func(ctx context.Context) error{
			"ask":   func(ctx context.Context) error { _, err := a.Ask(ctx, "k2", "1.0"); return err },
			"note":  func(ctx context.Context) error { _, err := a.Note(ctx, "k2", "1.0"); return err },
			"stop":  func(ctx context.Context) error { return a.Stop(ctx, "k", "2.0") },
			"reply": func(ctx context.Context) error { return l.Reply(ctx, []string{"m"}) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begin := time.Now()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			is(t, what+" took", time.Since(begin), time.Second)
			cancel()
		}
		is(t, "a stop of our own needs no store", closed(l.Stopped()), true)
		a.store.set(func(f *faulty) { f.hang = nil })
		close(gate)
		time.Sleep(ttl / 2)
		live(t, l)
		is(t, "what Reply could not write is written later", ids(record(t, m, "k")), "m")
		done(t, l, "1.0")
	})
}

// TestUnsureAsk: an ask that was written although its caller was told otherwise is answered once,
// by this process, whether it is asked again or not.
func TestUnsureAsk(t *testing.T) {
	for _, again := range []bool{false, true} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			a.store.set(func(f *faulty) { f.unsure = 1 })
			if _, err := a.Ask(t.Context(), "k", "1.0"); !errors.Is(err, errUnsure) {
				t.Fatal(err)
			}
			begin := time.Now()
			if again {
				got := a.ask(t, "k", "1.0") // Slack delivers it again
				is(t, "what was written before is news", got.New, false)
				if got.Lease == nil {
					t.Fatal("asking again makes no lease")
				}
				time.Sleep(time.Minute)
				live(t, got.Lease)
				done(t, got.Lease, "1.0")
			} else {
				l := a.next(t)
				is(t, "claimed again after", l.at.Sub(begin), ttl/4)
				is(t, "blame", l.rec.Blame, 0)
				done(t, l.Lease, "1.0")
			}
			time.Sleep(time.Minute)
			a.none(t)
			b.none(t)
		})
	}
}

// TestUnsureDone: a Done that failed for its caller is written in the background if it was not
// before. Either way the thread is answered once, and goes on with what was asked since.
func TestUnsureDone(t *testing.T) {
	for _, written := range []bool{false, true} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			l := a.claim(t, "k", "1.0")
			b.ask(t, "k", "2.0")
			if written {
				a.store.set(func(f *faulty) { f.unsure = 1 })
			} else {
				away(a)
			}
			if _, err := l.Done(t.Context(), "1.0"); err == nil || errors.Is(err, turn.ErrLost) {
				t.Fatalf("done: %v, want an error of the store", err)
			}
			gone(t, l, turn.ErrLost)
			time.Sleep(ttl / 4)
			back(a)
			time.Sleep(ttl / 4)
			r := record(t, m, "k")
			is(t, "written in the background as answered", r.Answered, "1.0")
			is(t, "and as the next to be answered", r.For, "2.0")
			got := taken{}
			select {
			case got = <-a.owed:
			case got = <-b.owed:
			case <-time.After(ttl):
				t.Fatal("the second question is forgotten")
			}
			is(t, "taken over for", got.For(), "2.0")
			is(t, "blame", got.rec.Blame, 0)
			done(t, got.Lease, "2.0")
			time.Sleep(time.Minute)
			a.none(t)
			b.none(t)
		})
	}
}

// TestReleaseWithoutStore: what could not be released is free when the lease has run out, and the
// process that wanted to release it does not come back.
func TestReleaseWithoutStore(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "1.0")
		away(a)
		if err := l.Release(t.Context()); !errors.Is(err, errDown) {
			t.Error(err)
		}
		gone(t, l, turn.ErrLost)
		begin := time.Now()
		a.Drain()
		got := b.next(t) // a's renewals have ended
		if wait := got.at.Sub(begin); wait > ttl {
			t.Errorf("after %s", wait)
		}
		back(a)
		time.Sleep(ttl)
		live(t, got.Lease)
		done(t, got.Lease, "1.0")
	})
}

// TestSlowRenewal: a renewal that took longer than the pause between two of them is followed by others.
func TestSlowRenewal(t *testing.T) {
	for _, took := range []time.Duration{ttl/4 - time.Millisecond, ttl / 4, ttl / 3, ttl / 2} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			l := a.claim(t, "k", "1.0")
			slow := make(chan struct{})
			time.Sleep(ttl / 8)
			a.store.set(func(f *faulty) { f.slow = slow })
			time.Sleep(ttl/8 + took) // it is renewed after a quarter
			a.store.set(func(f *faulty) { f.slow = nil })
			close(slow)
			time.Sleep(5 * ttl)
			live(t, l)
			is(t, "lost", closed(l.Lost()), false)
			b.none(t)
		})
	}
}
