package turn_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// looks collects the calls of Config.Look.
type looks chan turn.Record

func (l looks) into(c *turn.Config) { c.Look = func(_ string, r turn.Record) { l <- r } }

// within fails unless a look is asked for between two times from now.
func (l looks) within(t *testing.T, least, most time.Duration) turn.Record {
	t.Helper()
	begin := time.Now()
	select {
	case r := <-l:
		if d := time.Since(begin); d < least {
			t.Errorf("a look after %s, want %s at least", d, least)
		}
		return r
	case <-time.After(most):
		t.Fatalf("no look within %s", most)
		return turn.Record{}
	}
}

func (l looks) none(t *testing.T, d time.Duration) {
	t.Helper()
	time.Sleep(d)
	select {
	case r := <-l:
		t.Errorf("a look: %+v", r)
	default:
	}
}

// takeLook takes the right to a look that was asked for.
func (p *process) takeLook(t *testing.T, seen turn.Record) *turn.Tidying {
	t.Helper()
	right, err := p.TakeLook(t.Context(), "k", seen)
	if right == nil || err != nil {
		t.Fatal(right, err)
	}
	return right
}

// TestTidying: as long as an owner tidies after its answer, nobody else looks; a TTL after its death
// somebody does. It may not write any more then, and a later look is for owners that were frozen.
func TestTidying(t *testing.T) {
	begin := func(t *testing.T, a *process) *turn.Tidying {
		l := a.claim(t, "k", "1.0")
		right := l.LookAgain()
		is(t, "under the lease", right.Check(), nil)
		done(t, l, "1.0")
		is(t, "after the end", right.Check(), nil)
		return right
	}
	t.Run("it lives, and ends", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			start(t, m, "b", l.into)
			right := begin(t, a)
			l.none(t, 5*time.Minute)
			is(t, "meanwhile", right.Check(), nil)
			is(t, "end", right.End(t.Context()), nil)
			is(t, "errors after the end", errors.Is(right.Check(), turn.ErrLost), true)
			l.within(t, turn.DefaultLookAfter, 2*turn.DefaultLookAfter)
		})
	})
	t.Run("it leaves", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			start(t, m, "b", l.into)
			is(t, "leave", begin(t, a).Leave(t.Context()), nil)
			l.within(t, 0, 4*time.Second)
		})
	})
	t.Run("it dies", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			b := start(t, m, "b", l.into)
			begin(t, a)
			time.Sleep(20 * time.Second)
			a.stop()
			seen := l.within(t, ttl*3/4, ttl*3/2)
			right := b.takeLook(t, seen)
			again, err := b.TakeLook(t.Context(), "k", seen)
			if again != nil || err != nil {
				t.Errorf("a second look: %v, %v", again, err)
			}
			l.none(t, time.Minute) // it is at it
			is(t, "end", right.End(t.Context()), nil)
			seen = l.within(t, turn.DefaultLookAfter, 2*turn.DefaultLookAfter)
			right = b.takeLook(t, seen)
			is(t, "end", right.End(t.Context()), nil)
			is(t, "look", record(t, m, "k").Look, false)
		})
	})
	t.Run("it is frozen, and wakes", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			b := start(t, m, "b", l.into)
			right := begin(t, a)
			never := make(chan struct{})
			a.store.set(func(f *faulty) { f.hang = never })
			seen := l.within(t, ttl*3/4, ttl*3/2)
			is(t, "it knows that it does not know", errors.Is(right.Check(), turn.ErrLapsed), true)
			b.takeLook(t, seen)
			a.store.set(func(f *faulty) { f.hang = nil })
			time.Sleep(2 * ttl)
			is(t, "it is lost", errors.Is(right.Check(), turn.ErrLost) && !errors.Is(right.Check(), turn.ErrLapsed), true)
			is(t, "tidier", record(t, m, "k").Tidier, "b")
		})
	})
	t.Run("it dies, and the next one is alone", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			begin(t, a)
			a.stop()
			b := start(t, m, "b", l.into, func(c *turn.Config) { c.Alone = func() bool { return true } })
			right := b.takeLook(t, l.within(t, 0, time.Second))
			is(t, "end", right.End(t.Context()), nil)
			is(t, "look", record(t, m, "k").Look, false)
		})
	})
	t.Run("the store is away", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			b := start(t, m, "b", l.into)
			right := begin(t, a)
			away(a, b)
			l.none(t, time.Minute)
			is(t, "it may not write", errors.Is(right.Check(), turn.ErrLapsed), true)
			back(a, b)
			l.none(t, time.Minute)
			is(t, "it may again", right.Check(), nil)
		})
	})
	t.Run("two answers", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, l := start(t, m, "a"), make(looks, 9)
			start(t, m, "b", l.into)
			first := begin(t, a)
			lease := a.claim(t, "k", "2.0")
			second := lease.LookAgain()
			done(t, lease, "2.0")
			is(t, "end", first.End(t.Context()), nil)
			l.none(t, time.Minute)
			is(t, "the other goes on", second.Check(), nil)
		})
	})
}

// TestLooksAgainLater: a look that could not be made comes again later each time, also in a process
// that is alone, which looks at once the first time.
func TestLooksAgainLater(t *testing.T) {
	for name, alone := range map[string]bool{"alone": true, "with others": false} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *turn.Mem) {
				a := start(t, m, "a")
				lease := a.claim(t, "k", "1.0")
				right := lease.LookAgain()
				done(t, lease, "1.0")
				is(t, "leave", right.Leave(t.Context()), nil)
				a.stop()
				l := make(looks, 9)
				b := start(t, m, "b", l.into, func(c *turn.Config) { c.Alone = func() bool { return alone } })
				least, most := time.Duration(0), 5*time.Second
				for range 6 {
					right := b.takeLook(t, l.within(t, least, most))
					is(t, "again", right.Again(t.Context()), nil)
					least = max(turn.DefaultLookAfter, 2*least)
					most = least + 5*time.Second
				}
				right = b.takeLook(t, l.within(t, least, most))
				is(t, "end", right.End(t.Context()), nil)
				is(t, "a look after the end", record(t, m, "k").Look, false)
			})
		})
	}
}

// TestTidyBeforeTheStoreKnows: the store is away when the answer ends, and the tidying is over before
// it comes back. Then it hears of no right that nobody would end, and of what is left to others.
func TestTidyBeforeTheStoreKnows(t *testing.T) {
	for name, tt := range map[string]struct {
		over func(*turn.Tidying, context.Context) error
		look bool
	}{
		"it ended":   {(*turn.Tidying).End, false},
		"it is left": {(*turn.Tidying).Leave, true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, m *turn.Mem) {
				a, l := start(t, m, "a"), make(looks, 9)
				start(t, m, "b", l.into)
				lease := a.claim(t, "k", "1.0")
				right := lease.LookAgain()
				away(a)
				if _, err := lease.Done(t.Context(), "1.0"); err == nil {
					t.Fatal("the store took it")
				}
				is(t, "over", tt.over(right, t.Context()), nil)
				is(t, "it may not write", errors.Is(right.Check(), turn.ErrLost), true)
				time.Sleep(ttl / 4)
				back(a)
				if tt.look {
					is(t, "in a hurry", l.within(t, 0, ttl).Hurry, true)
				} else {
					l.none(t, 5*time.Minute)
				}
				got := record(t, m, "k")
				is(t, "answered", got.Answered, "1.0")
				is(t, "tidier", got.Tidier, "")
				is(t, "look", got.Look, tt.look)
			})
		})
	}
}

// TestTidyingBesideAnAnswer: the right to tidy an answer says nothing of the next one. That has a right
// of its own when its end is written, and not before.
func TestTidyingBesideAnAnswer(t *testing.T) {
	begin := func(t *testing.T, a *process) (first, second *turn.Tidying, lease *turn.Lease) {
		lease = a.claim(t, "k", "1.0")
		first = lease.LookAgain()
		done(t, lease, "1.0")
		lease = a.claim(t, "k", "2.0")
		return first, lease.LookAgain(), lease
	}
	t.Run("it does not end", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a := start(t, m, "a")
			first, second, lease := begin(t, a)
			time.Sleep(2 * ttl) // it is renewed
			is(t, "release", lease.Release(t.Context()), nil)
			is(t, "nobody may tidy it", errors.Is(second.Check(), turn.ErrLost), true)
			is(t, "the first goes on", first.Check(), nil)
			is(t, "end", first.End(t.Context()), nil)
			time.Sleep(2 * ttl)
			is(t, "tidier", record(t, m, "k").Tidier, "")
		})
	})
	t.Run("it ends while the first right does", func(t *testing.T) {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a := start(t, m, "a")
			first, second, lease := begin(t, a)
			hang := make(chan struct{})
			a.store.set(func(f *faulty) { f.hang = hang })
			var all sync.WaitGroup
			all.Go(func() { is(t, "end", first.End(t.Context()), nil) })
			synctest.Wait()
			a.store.set(func(f *faulty) { f.hang = nil })
			done(t, lease, "2.0")
			close(hang)
			all.Wait()
			time.Sleep(2 * ttl)
			is(t, "the second goes on", second.Check(), nil)
			is(t, "tidier", record(t, m, "k").Tidier, "a")
			is(t, "end", second.End(t.Context()), nil)
			is(t, "tidier", record(t, m, "k").Tidier, "")
		})
	})
}

// TestTidyingOfALostThread: the store takes the end of an answer, and its owner hears of that only
// when another process has the thread. It drops its right to tidy, which nobody would end.
func TestTidyingOfALostThread(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		lease := a.claim(t, "k", "1.0")
		right := lease.LookAgain()
		a.ask(t, "k", "2.0")
		slow := make(chan struct{})
		a.store.set(func(f *faulty) { f.slow = slow })
		var all sync.WaitGroup
		all.Go(func() {
			_, err := lease.Done(t.Context(), "1.0")
			is(t, "it is lost", errors.Is(err, turn.ErrLost), true)
		})
		b.next(t)
		synctest.Wait()
		a.store.set(func(f *faulty) { f.slow = nil })
		close(slow)
		all.Wait()
		is(t, "it may not write", errors.Is(right.Check(), turn.ErrLost), true)
		time.Sleep(ttl) // a renewal may have been under way
		before := record(t, m, "k").Tidied
		time.Sleep(3 * ttl)
		is(t, "renewals of the right", record(t, m, "k").Tidied-before, 0)
	})
}
