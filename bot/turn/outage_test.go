package turn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// The store is away for ten seconds and more for everybody: leases lapse, nobody takes over, and the owners go on.
func TestLeasesComeBackAfterAnOutage(t *testing.T) {
	for n := range 16 {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			var claims []*turn.Lease
			for n := range 5 {
				claims = append(claims, a.claim(t, fmt.Sprint("a", n), "1.0"), b.claim(t, fmt.Sprint("b", n), "1.0"))
				time.Sleep(ttl / 10)
			}
			time.Sleep(ttl)
			away(a, b)
			time.Sleep(ttl*3/4 + ttl/4)
			for _, c := range claims {
				gone(t, c, turn.ErrLapsed)
			}
			time.Sleep(4*time.Second + time.Duration(n)*100*time.Millisecond)
			back(a, b)
			time.Sleep(ttl / 2)
			for _, c := range claims {
				live(t, c)
				if closed(c.Lost()) {
					t.Error("lost in an outage")
				}
			}
			time.Sleep(time.Minute)
			a.none(t)
			b.none(t)
			for _, c := range claims {
				done(t, c, "1.0")
			}
		})
	}
}

func TestShortOutageIsNotNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		c := a.claim(t, "k", "1.0")
		for range 10 {
			away(a)
			for range 20 {
				time.Sleep(ttl / 100 * 2)
				live(t, c)
			}
			back(a)
			time.Sleep(ttl)
			live(t, c)
		}
		done(t, c, "1.0")
	})
}

// An owner that died in the outage is replaced a TTL after its end.
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
		if c := b.next(t); c.at.Sub(begin) > ttl+ttl/2 {
			t.Errorf("replaced after %s", c.at.Sub(begin))
		}
	})
}

func TestHangingStoreReturnsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		c := a.claim(t, "k", "1.0")
		gate := make(chan struct{})
		a.store.set(func(f *faulty) { f.hang = gate })
		for what, call := range map[string]func(ctx context.Context) error{
			"ask":   func(ctx context.Context) error { _, err := a.Ask(ctx, "k2", "1.0"); return err },
			"note":  func(ctx context.Context) error { _, err := a.Note(ctx, "k2", "1.0"); return err },
			"stop":  func(ctx context.Context) error { return a.Stop(ctx, "k", "2.0") },
			"reply": func(ctx context.Context) error { return c.Reply(ctx, []string{"m"}) },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			begin := time.Now()
			if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %v", what, err)
			}
			if time.Since(begin) != time.Second {
				t.Errorf("%s took %s", what, time.Since(begin))
			}
			cancel()
		}
		if !closed(c.Stopped()) {
			t.Error("a stop of our own needs no store")
		}
		a.store.set(func(f *faulty) { f.hang = nil })
		close(gate)
		time.Sleep(ttl / 2)
		live(t, c)
		if r := record(t, m, "k"); !slices.Equal(r.Reply, []string{"m"}) {
			t.Errorf("what Reply could not write is not written later: %+v", r)
		}
		done(t, c, "1.0")
	})
}

// The Ask was written, but the caller was told that it was not.
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
				if got.Lease == nil || got.New {
					t.Fatalf("asked again: %+v", got)
				}
				time.Sleep(time.Minute)
				live(t, got.Lease)
				done(t, got.Lease, "1.0")
			} else {
				c := a.next(t)
				if wait := c.at.Sub(begin); wait != ttl/4 || c.rec.Blame != 0 {
					t.Errorf("after %s: %+v", wait, c.rec)
				}
				done(t, c.Lease, "1.0")
			}
			time.Sleep(time.Minute)
			a.none(t)
			b.none(t)
		})
	}
}

// Done was written, or was not; the caller was told that it failed. Either way it is answered once.
func TestUnsureDone(t *testing.T) {
	for _, written := range []bool{false, true} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			c := a.claim(t, "k", "1.0")
			b.ask(t, "k", "2.0")
			if written {
				a.store.set(func(f *faulty) { f.unsure = 1 })
			} else {
				away(a)
			}
			if more, err := c.Done(t.Context(), "1.0"); more || err == nil || errors.Is(err, turn.ErrLost) {
				t.Fatal(more, err)
			}
			gone(t, c, turn.ErrLost)
			time.Sleep(ttl / 4)
			back(a)
			time.Sleep(ttl / 4)
			r := record(t, m, "k")
			if r.Answered != "1.0" || r.For != "2.0" {
				t.Errorf("not written in the background: %+v", r)
			}
			got := taken{}
			select {
			case got = <-a.owed:
			case got = <-b.owed:
			case <-time.After(ttl):
				t.Fatal("the second question is forgotten")
			}
			if got.For() != "2.0" || got.rec.Blame != 0 {
				t.Errorf("%+v", got.rec)
			}
			done(t, got.Lease, "2.0")
			time.Sleep(time.Minute)
			a.none(t)
			b.none(t)
		})
	}
}

func TestReleaseWithoutStore(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "1.0")
		away(a)
		if err := c.Release(t.Context()); !errors.Is(err, errDown) {
			t.Error(err)
		}
		gone(t, c, turn.ErrLost)
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
