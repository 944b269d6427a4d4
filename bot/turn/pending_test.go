package turn_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"llmbot/bot/turn"
)

// What the store did not take is asked again when it is back, the oldest thread first, and taken over once.
func TestLaterIsAskedWhenTheStoreIsBack(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		noted := make(chan string, 100) // hooks are called by several goroutines
		a := start(t, m, "a", func(c *turn.Config) {
			c.Noted = func(key string, r turn.Record) { noted <- fmt.Sprint(key, " ", r.Asked) }
		})
		b := start(t, m, "b")
		time.Sleep(time.Second)
		away(a)
		for n := range 20 {
			key := fmt.Sprintf("k%02d", n)
			if _, err := a.Ask(t.Context(), key, "1.0"); !errors.Is(err, errDown) {
				t.Fatal(err)
			}
			if !a.Later(key, "1.0", false) {
				t.Fatal("not kept")
			}
		}
		a.Later("k00", "2.0", false) // the newest counts
		time.Sleep(time.Minute)
		if a.Pending() != 20 {
			t.Errorf("%d pending", a.Pending())
		}
		writes := 0
		a.store.set(func(f *faulty) { writes = f.writes })
		if writes != 0 {
			t.Errorf("%d writes to a store that is away", writes)
		}
		back(a)
		time.Sleep(ttl)
		if len(noted) != 20 || a.Pending() != 0 {
			t.Fatalf("%d noted, %d pending", len(noted), a.Pending())
		}
		got := map[string]turn.TS{}
		for range 20 {
			select {
			case c := <-a.owed:
				got[c.Key()] = c.For()
				done(t, c.Lease, c.For())
			case c := <-b.owed:
				got[c.Key()] = c.For()
				done(t, c.Lease, c.For())
			case <-time.After(ttl):
				t.Fatal("not taken over")
			}
		}
		if len(got) != 20 || got["k00"] != "2.0" {
			t.Errorf("taken over: %v", got)
		}
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
	})
}

// What another process has answered meanwhile is not asked again.
func TestLaterIsDroppedWhenItIsAnswered(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		away(a)
		a.Later("k", "1.0", false)
		a.Later("strange", "1.0", true)
		done(t, b.claim(t, "k", "1.0"), "1.0")
		back(a)
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
		if r := record(t, m, "strange"); r.Asked != "" || a.Pending() != 0 {
			t.Errorf("a thread that nobody knows was asked in: %+v, %d pending", r, a.Pending())
		}
	})
}

// A thread that the store knows takes a message that may be for the bot.
func TestLaterIfKnown(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		done(t, a.claim(t, "k", "1.0"), "1.0")
		away(a)
		a.Later("k", "2.0", true)
		time.Sleep(time.Minute)
		back(a)
		c := a.next(t)
		if c.For() != "2.0" {
			t.Errorf("for %s", c.For())
		}
		done(t, c.Lease, "2.0")
	})
}

func TestLaterIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		away(a)
		for n := range 10_000 {
			if !a.Later(fmt.Sprint("k", n), "1.0", false) {
				t.Fatalf("refused after %d", n)
			}
		}
		if a.Later("one more", "1.0", false) || !a.Later("k7", "2.0", false) {
			t.Error("not 10,000 threads, or a known one is refused")
		}
		back(a)
		time.Sleep(time.Minute)
		if a.Pending() != 0 {
			t.Errorf("%d pending a minute after the store is back", a.Pending())
		}
	})
}

// Settled waits as long as the store is away, and tells what became of the claim.
func TestSettled(t *testing.T) {
	for _, lost := range []bool{false, true} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			c := a.claim(t, "k", "1.0")
			if err := c.Settled(t.Context()); err != nil {
				t.Errorf("fresh: %v", err)
			}
			away(a)
			if !lost {
				away(b)
			}
			time.Sleep(ttl)
			gone(t, c, turn.ErrLapsed)
			settled := make(chan error, 1)
			go func() { settled <- c.Settled(t.Context()) }()
			time.Sleep(10 * time.Minute)
			select {
			case err := <-settled:
				t.Fatalf("settled while the store is away: %v", err)
			default:
			}
			back(a, b)
			begin := time.Now()
			err := <-settled
			if wait := time.Since(begin); wait > ttl/2 {
				t.Errorf("known after %s", wait)
			}
			if lost != errors.Is(err, turn.ErrLost) || !lost && err != nil {
				t.Errorf("lost %v: %v", lost, err)
			}
			if !lost {
				done(t, c, "1.0")
			}
		})
	}
}

// Nobody else can have the thread of a lone process: its lease is good while the store is away.
func TestAloneNeverLapses(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a", func(c *turn.Config) { c.Alone = func() bool { return true } })
		c := a.claim(t, "k", "1.0")
		away(a)
		time.Sleep(10 * time.Minute)
		live(t, c)
		back(a)
		time.Sleep(ttl)
		done(t, c, "1.0")
	})
}

// A stop that the store did not take is told when it is back: to whoever answers, or, if nobody has begun, what was asked up to it is done with.
func TestStopLater(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := b.claim(t, "answered", "1.0")
		away(a)
		a.StopLater("answered", "2.0")
		a.Later("waits", "1.0", false)
		a.StopLater("waits", "2.0")
		a.Later("more", "1.0", false)
		a.StopLater("more", "2.0")
		a.Later("more", "3.0", false)
		a.StopLater("unknown", "2.0")
		a.ChangeLater("answered", "1.5")
		changed := c.Changed()
		time.Sleep(time.Minute)
		back(a)
		time.Sleep(ttl)
		if !closed(c.Stopped()) || !closed(changed) || c.StoppedAt() != "2.0" || c.ChangedAt() != "1.5" {
			t.Errorf("stopped at %q, changed at %q", c.StoppedAt(), c.ChangedAt())
		}
		if r := record(t, m, "waits"); r.Owed() || r.Epoch != 0 {
			t.Errorf("what was stopped before anybody began: %+v", r)
		}
		if r := record(t, m, "unknown"); !r.Equal(turn.Record{}) {
			t.Errorf("a thread in which nothing was asked: %+v", r)
		}
		if r := record(t, m, "more"); !r.Owed() || r.For != "3.0" || r.Answered != "2.0" {
			t.Errorf("what was asked after the stop: %+v", r)
		}
	})
}
