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

// TestLaterIsAskedWhenTheStoreIsBack: what the store did not take is asked again when it is back,
// the oldest thread first, and taken over once.
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
		is(t, "pending while the store is away", a.Pending(), 20)
		back(a)
		time.Sleep(ttl)
		is(t, "told as noted", len(noted), 20)
		is(t, "pending when the store is back", a.Pending(), 0)
		got := map[string]turn.TS{}
		for range 20 {
			select {
			case l := <-a.owed:
				got[l.Key()] = l.For()
				done(t, l.Lease, l.For())
			case l := <-b.owed:
				got[l.Key()] = l.For()
				done(t, l.Lease, l.For())
			case <-time.After(ttl):
				t.Fatal("not taken over")
			}
		}
		is(t, "threads taken over", len(got), 20)
		is(t, "the newest ask of a thread", got["k00"], "2.0")
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
	})
}

// TestLaterIsDroppedWhenItIsAnswered: what another process has answered meanwhile is not asked
// again.
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
		is(t, "asked in a thread that nobody knows", record(t, m, "strange").Asked, "")
		is(t, "pending", a.Pending(), 0)
	})
}

// TestLaterIfKnown: a thread that the store knows takes a message that may be for the bot.
func TestLaterIfKnown(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		done(t, a.claim(t, "k", "1.0"), "1.0")
		away(a)
		a.Later("k", "2.0", true)
		time.Sleep(time.Minute)
		back(a)
		l := a.next(t)
		is(t, "taken over for", l.For(), "2.0")
		done(t, l.Lease, "2.0")
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
		is(t, "takes one thread more", a.Later("one more", "1.0", false), false)
		is(t, "takes a newer ask of a thread", a.Later("k7", "2.0", false), true)
		back(a)
		time.Sleep(time.Minute)
		is(t, "pending a minute after the store is back", a.Pending(), 0)
	})
}

// TestSettled: Settled waits as long as the store is away, and tells what became of the lease.
func TestSettled(t *testing.T) {
	for _, lost := range []bool{false, true} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			l := a.claim(t, "k", "1.0")
			if err := l.Settled(t.Context()); err != nil {
				t.Errorf("fresh: %v", err)
			}
			away(a)
			if !lost {
				away(b)
			}
			time.Sleep(ttl)
			gone(t, l, turn.ErrLapsed)
			settled := make(chan error, 1)
			go func() { settled <- l.Settled(t.Context()) }()
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
			is(t, "known as lost", errors.Is(err, turn.ErrLost), lost)
			if !lost {
				is(t, "error of a lease that is ours", err, nil)
				done(t, l, "1.0")
			}
		})
	}
}

// TestAloneNeverLapses: nobody else can have the thread of a lone process: its lease is good while
// the store is away.
func TestAloneNeverLapses(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a", func(c *turn.Config) { c.Alone = func() bool { return true } })
		l := a.claim(t, "k", "1.0")
		away(a)
		time.Sleep(10 * time.Minute)
		live(t, l)
		back(a)
		time.Sleep(ttl)
		done(t, l, "1.0")
	})
}

// TestStopLater: a stop that the store did not take is told when it is back: to whoever answers,
// or, if nobody has begun, what was asked up to it is done with.
func TestStopLater(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := b.claim(t, "answered", "1.0")
		away(a)
		a.StopLater("answered", "2.0")
		a.Later("waits", "1.0", false)
		a.StopLater("waits", "2.0")
		a.Later("more", "1.0", false)
		a.StopLater("more", "2.0")
		a.Later("more", "3.0", false)
		a.StopLater("unknown", "2.0")
		a.ChangeLater("answered", "1.5")
		changed := l.Changed()
		time.Sleep(time.Minute)
		back(a)
		time.Sleep(ttl)
		is(t, "the stop is told", closed(l.Stopped()), true)
		is(t, "stopped at", l.StoppedAt(), "2.0")
		is(t, "the change is told", closed(changed), true)
		is(t, "changed at", l.ChangedAt(), "1.5")
		r := record(t, m, "waits")
		is(t, "what was stopped before anybody began is owed", r.Owed(), false)
		is(t, "owners of what was stopped before anybody began", r.Epoch, 0)
		r = record(t, m, "more")
		is(t, "what was asked after the stop is owed", r.Owed(), true)
		is(t, "it is answered next", r.For, "3.0")
		is(t, "answered up to the stop", r.Answered, "2.0")
		is(t, "a thread in which nothing was asked has a record", !record(t, m, "unknown").Equal(turn.Record{}), false)
	})
}

// TestSettledEndsWithTheLease: whoever waits for the store to settle a lease is told when somebody else
// ends it meanwhile.
func TestSettledEndsWithTheLease(t *testing.T) {
	for name, end := range map[string]func(*turn.Lease, context.Context) error{
		"done": func(l *turn.Lease, ctx context.Context) error {
			_, err := l.Done(ctx, "1.0")
			return err
		},
		"release": (*turn.Lease).Release,
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *turn.Mem) {
				a, b := start(t, m, "a"), start(t, m, "b")
				l := a.claim(t, "k", "1.0")
				away(a, b)
				time.Sleep(ttl)
				gone(t, l, turn.ErrLapsed)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				settled := make(chan error, 1)
				go func() { settled <- l.Settled(ctx) }()
				synctest.Wait()
				if err := end(l, t.Context()); err == nil {
					t.Error("the store took it")
				}
				is(t, "settled", errors.Is(<-settled, turn.ErrLost), true)
			})
		})
	}
}
