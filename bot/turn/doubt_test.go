package turn_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"llmbot/bot/turn"
)

// Answered from memory: whatever becomes of the claim, the thread is owed until somebody with a real claim has read it.
func TestDoubt(t *testing.T) {
	for name, during := range map[string]bool{"back during the answer": true, "back after the answer": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *turn.Mem) {
				a, b := start(t, m, "a"), start(t, m, "b")
				away(a)
				c := a.Assume("k", "1.0")
				c.Doubt(true)
				if during {
					back(a)
					time.Sleep(ttl)
					more, err := c.Done(t.Context(), "1.0")
					if !more || err != nil || c.Answered() != "" || !c.For().After("1.0") || len(c.Messages()) > 0 {
						t.Errorf("more %v, %v, answered %q, for %q", more, err, c.Answered(), c.For())
					}
					done(t, c, c.For())
				} else {
					if more, err := c.Done(t.Context(), "1.0"); more || !errors.Is(err, errDown) {
						t.Error(more, err)
					}
					if a.Assume("k", "1.0") != nil {
						t.Error("assumed again after it was answered")
					}
					back(a)
					got := taken{}
					select {
					case got = <-a.owed:
					case got = <-b.owed:
					case <-time.After(ttl):
						t.Fatal("nobody looks")
					}
					if got.Answered() != "" || !got.For().After("1.0") || turn.TS("1.000002").Compare(got.For()) < 0 {
						t.Errorf("answered %q, for %q", got.Answered(), got.For())
					}
					done(t, got.Claim, got.For())
				}
				time.Sleep(time.Minute)
				a.none(t)
				b.none(t)
				if r := record(t, m, "k"); r.Owed() {
					t.Errorf("%+v", r)
				}
			})
		})
	}
}

// Answered from memory while another process has the thread: that one reads it once more.
func TestDoubtGivesWay(t *testing.T) {
	for name, ended := range map[string]bool{"written": false, "complete": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *turn.Mem) {
				a, b := start(t, m, "a"), start(t, m, "b")
				away(a)
				c := a.Assume("k", "1.0")
				c.Doubt(true)
				other := b.claim(t, "k", "1.0")
				if ended {
					_, _ = c.Done(t.Context(), "1.0")
				}
				back(a)
				time.Sleep(ttl)
				gone(t, c, turn.ErrLost)
				if more, err := other.Done(t.Context(), "1.0"); !more || err != nil || other.Answered() != "1.0" {
					t.Fatal(more, err, other.Answered())
				}
				done(t, other, other.For())
				time.Sleep(time.Minute)
				a.none(t)
				b.none(t)
			})
		})
	}
}

// What is left to another process while the store is away is looked at when it is back.
func TestAbandon(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		away(a)
		c := a.Assume("k", "1.0")
		if err := c.Abandon(t.Context()); err != nil {
			t.Error(err)
		}
		gone(t, c, turn.ErrLost)
		if c = a.Assume("k", "1.0"); c == nil {
			t.Fatal("delivered again, and not taken")
		}
		_ = c.Abandon(t.Context())
		time.Sleep(ttl)
		a.none(t)
		back(a)
		got := a.next(t)
		if got.Answered() != "" || !got.For().After("1.0") {
			t.Errorf("answered %q, for %q", got.Answered(), got.For())
		}
		done(t, got.Claim, got.For())
		time.Sleep(time.Minute)
		a.none(t)
	})
}

// What an owner died with, or was stopped in, is as before: the doubt is the store's as soon as the claim is over.
func TestDoubtOutlivesItsProcess(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		away(a)
		c := a.Assume("k", "1.0")
		c.Doubt(true)
		_ = c.Reply(t.Context(), []string{"m"})
		back(a)
		time.Sleep(ttl)
		a.stop()
		got := b.next(t)
		if got.For() != "1.0" || got.Answered() != "" || !slices.Equal(got.Messages(), []string{"m"}) {
			t.Errorf("for %q, answered %q, messages %v", got.For(), got.Answered(), got.Messages())
		}
	})
}

// A process that was frozen does not write from memory before it has asked the store.
func TestAssumedAfterAFreeze(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		away(a)
		c := a.Assume("k", "1.0")
		for range 20 {
			time.Sleep(ttl / 3)
			live(t, c)
		}
		gate := make(chan struct{})
		a.store.set(func(f *faulty) { f.hang, f.deaf = gate, true })
		time.Sleep(ttl)
		gone(t, c, turn.ErrLapsed)
		close(gate)
		a.store.set(func(f *faulty) { f.hang, f.deaf = nil, false })
		time.Sleep(ttl / 2)
		live(t, c)
	})
}

func TestSteady(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		began := time.Now()
		a := start(t, m, "a")
		time.Sleep(time.Minute)
		if at := a.Steady(); !at.Equal(began) {
			t.Errorf("steady since %s", at.Sub(began))
		}
		away(a)
		c := a.Assume("k", "1.0")
		time.Sleep(ttl)
		if at := a.Steady(); !at.Equal(time.Now()) {
			t.Errorf("steady while away, since %s", at.Sub(began))
		}
		back(a)
		time.Sleep(ttl)
		if at := a.Steady(); at.Before(began.Add(time.Minute+ttl)) || time.Since(at) < ttl/2 {
			t.Errorf("steady since %s", at.Sub(began))
		}
		done(t, c, "1.0")
	})
}
