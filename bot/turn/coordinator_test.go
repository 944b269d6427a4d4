package turn_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// bubble runs one test in virtual time.
func bubble(t *testing.T, test func(t *testing.T, m *turn.Mem)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, turn.NewMem()) })
}

func TestAskAnswerAsk(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		c := p.claim(t, "k", "1.0")
		if c.Key() != "k" || c.Epoch() != 1 || c.For() != "1.0" {
			t.Errorf("claim is %s %d %s", c.Key(), c.Epoch(), c.For())
		}
		live(t, c)
		if err := c.Reply(t.Context(), []string{"m1", "m2"}); err != nil {
			t.Error(err)
		}
		if r := record(t, m, "k"); r.Owner != "a" || !slices.Equal(r.Reply, []string{"m1", "m2"}) || !r.Owed() {
			t.Errorf("while answering: %+v", r)
		}
		done(t, c, "1.0")
		gone(t, c, turn.ErrLost)
		if closed(c.Lost()) {
			t.Error("done is told as lost")
		}
		if r := record(t, m, "k"); r.Owner != "" || r.Owed() || r.For != "1.0" || len(r.Reply) != 2 {
			t.Errorf("after the answer: %+v", r)
		}
		if a := p.ask(t, "k", "1.0"); a.New || a.Lease != nil {
			t.Error("an answered question is asked again")
		}
		c = p.claim(t, "k", "2.0")
		if r := record(t, m, "k"); c.Epoch() != 2 || c.For() != "2.0" || r.Reply != nil {
			t.Errorf("second claim: %d %s %+v", c.Epoch(), c.For(), r)
		}
		if _, err := c.Done(t.Context(), "2.0"); err != nil {
			t.Error(err)
		}
		if _, err := c.Done(t.Context(), "2.0"); !errors.Is(err, turn.ErrLost) {
			t.Errorf("second done: %v", err)
		}
		if err := c.Release(t.Context()); !errors.Is(err, turn.ErrLost) {
			t.Errorf("release after done: %v", err)
		}
		time.Sleep(time.Hour)
		p.none(t)
	})
}

func TestAskIsOneWrite(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := &process{store: &faulty{Store: m}}
		p.Coordinator = turn.NewCoordinator(p.store, turn.Config{Owner: "a"})
		c := p.claim(t, "k", "1.0")
		if p.store.writes != 1 {
			t.Errorf("ask and claim: %d writes", p.store.writes)
		}
		p.ask(t, "k", "1.0")
		if p.store.writes != 1 {
			t.Errorf("a redelivery writes")
		}
		done(t, c, "1.0")
		if p.store.writes != 2 {
			t.Errorf("ask and done: %d writes", p.store.writes)
		}
	})
}

// A redelivered or doubled event, to one or two processes, at the same time or later, gives one claim.
func TestRedelivery(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		ps := []*process{start(t, m, "a"), start(t, m, "b")}
		var mu sync.Mutex
		var claims []*turn.Lease
		fresh := 0
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				a := ps[i%2].ask(t, "k", "1.0")
				mu.Lock()
				defer mu.Unlock()
				if a.Lease != nil {
					claims = append(claims, a.Lease)
				}
				if a.New {
					fresh++
				}
			})
		}
		wg.Wait()
		if len(claims) != 1 {
			t.Fatalf("%d claims", len(claims))
		}
		time.Sleep(time.Minute)
		live(t, claims[0])
		done(t, claims[0], "1.0")
		for _, p := range ps {
			if a := p.ask(t, "k", "1.0"); a.New || a.Lease != nil {
				t.Error("a late redelivery is answered again")
			}
			p.none(t)
		}
	})
}

// A redelivery that was slow to hear of its claim, while the other one was answered meanwhile, must not give a second claim.
func TestSlowRedelivery(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		gate, slow := make(chan struct{}), make(chan turn.Asked)
		p.store.set(func(f *faulty) { f.slow = gate })
		go func() { slow <- p.ask(t, "k", "1.0") }()
		synctest.Wait() // it is written, but nobody here knows
		p.store.set(func(f *faulty) { f.slow = nil })
		a := p.ask(t, "k", "1.0")
		if a.New || a.Lease == nil {
			t.Fatalf("%+v", a)
		}
		live(t, a.Lease)
		done(t, a.Lease, "1.0")
		close(gate)
		if a := <-slow; a.Lease != nil {
			t.Errorf("a claim of epoch %d, which is over", a.Lease.Epoch())
		}
	})
}

func TestAsksWhileAnswering(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "1.0")
		for i, p := range []*process{a, b, b} {
			if got := p.ask(t, "k", turn.TS(fmt.Sprintf("2.%d", i))); !got.New || got.Lease != nil {
				t.Errorf("ask %d: %+v", i, got)
			}
		}
		b.ask(t, "k", "1.5") // out of order: old news
		if err := c.Reply(t.Context(), []string{"m"}); err != nil {
			t.Error(err)
		}
		more, err := c.Done(t.Context(), "1.0")
		if !more || err != nil || c.For() != "2.2" {
			t.Fatalf("more %v, %v, for %s", more, err, c.For())
		}
		if r := record(t, m, "k"); r.Owner != "a" || r.Epoch != 1 || r.For != "2.2" || r.Reply != nil {
			t.Errorf("%+v", r)
		}
		time.Sleep(time.Minute)
		live(t, c)
		if r := record(t, m, "k"); r.Reply != nil {
			t.Errorf("messages of the last answer came back: %v", r.Reply)
		}
		b.ask(t, "k", "3.0")
		done(t, c, "3.0") // the turn read the newer message too
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
	})
}

func TestStop(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "10.0")
		stop := c.Stopped()
		if err := b.Stop(t.Context(), "k", "9.0"); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if closed(stop) {
			t.Error("stopped by a stop before the question")
		}
		if err := b.Stop(t.Context(), "k", "11.0"); err != nil { // another process heard the word
			t.Error(err)
		}
		synctest.Wait() // and no time passes
		if !closed(stop) {
			t.Error("a stop did not arrive through Watch")
		}
		live(t, c) // what is there has to be finished
		b.ask(t, "k", "12.0")
		if more, err := c.Done(t.Context(), "10.0"); !more || err != nil {
			t.Fatal(more, err)
		}
		if closed(c.Stopped()) {
			t.Error("a question after the stop is stopped")
		}
		if err := a.Stop(t.Context(), "k", "12.0"); err != nil {
			t.Error(err)
		}
		if !closed(c.Stopped()) {
			t.Error("a stop of our own did not arrive at once")
		}
		done(t, c, "12.0")
		before := record(t, m, "k")
		if err := a.Stop(t.Context(), "k", "20.0"); err != nil {
			t.Error(err)
		}
		if r := record(t, m, "k"); !r.Equal(before) {
			t.Errorf("a stop of nothing is kept: %+v", r)
		}
	})
}

func TestNoteIsTakenByWhoeverHasRoom(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		a.Drain()
		time.Sleep(time.Second)
		begin := time.Now()
		if n, err := a.Note(t.Context(), "k", "1.0"); err != nil || !n.New || n.Lease != nil {
			t.Fatal(n, err)
		}
		if n := a.ask(t, "k2", "2.0"); !n.New || n.Lease != nil { // Ask of a draining process is Note
			t.Error(n)
		}
		for _, key := range []string{"k", "k2"} {
			c := b.next(t)
			if c.Key() != key || c.at != begin || c.rec.Blame != 0 {
				t.Errorf("%s after %s, tries %d", c.Key(), c.at.Sub(begin), c.rec.Blame)
			}
			done(t, c.Lease, c.For())
		}
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
	})
}

func TestDrainGivesAway(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		running, half := a.claim(t, "running", "1.0"), a.claim(t, "half", "2.0")
		if err := half.Reply(t.Context(), []string{"m"}); err != nil {
			t.Error(err)
		}
		b := start(t, m, "b")
		a.Drain()
		a.ask(t, "running", "3.0")
		time.Sleep(time.Minute) // answers take their time
		live(t, running)
		b.none(t)
		done(t, running, "1.0") // more was asked, but not for us
		c := b.next(t)
		if c.Key() != "running" || c.For() != "3.0" || len(c.rec.Reply) != 0 {
			t.Errorf("%+v", c.rec)
		}
		if err := half.Release(t.Context()); err != nil {
			t.Error(err)
		}
		h := b.next(t)
		if h.Key() != "half" || h.For() != "2.0" || !slices.Equal(h.rec.Reply, []string{"m"}) || h.rec.Blame != 0 || h.Epoch() != 2 {
			t.Errorf("%+v", h.rec)
		}
		a.stop()
		done(t, c.Lease, "3.0")
		done(t, h.Lease, "2.0")
	})
}

func TestReleaseLetsOthersGoFirst(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		begin := time.Now()
		if err := a.claim(t, "k", "1.0").Release(t.Context()); err != nil {
			t.Error(err)
		}
		c := a.next(t) // nobody else is there
		if waited := c.at.Sub(begin); waited != ttl/4 {
			t.Errorf("taken back after %s", waited)
		}
		done(t, c.Lease, "1.0")
	})
}

// lazy is a store that takes a millisecond to tell of a record.
type lazy struct{ turn.Store }

func (l lazy) Watch(ctx context.Context, prefix string, fn func(string, []byte)) error {
	return l.Store.Watch(ctx, prefix, func(key string, value []byte) {
		time.Sleep(time.Millisecond)
		fn(key, value)
	})
}

func TestOldestFirst(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a", func(c *turn.Config) { c.Owed = nil })
		for i := range 40 { // asked in a mixed order, with nine and ten digits
			n := i * 27 % 40
			if _, err := a.Note(t.Context(), fmt.Sprint("k", n), turn.TS(fmt.Sprintf("%d.5", 999_999_980+n))); err != nil {
				t.Error(err)
			}
		}
		const limit = 5
		b := start(t, lazy{m}, "b", func(c *turn.Config) { c.Limit = limit })
		var holding []taken
		for n := range 40 {
			if n >= limit {
				done(t, holding[0].Lease, holding[0].For())
				holding = holding[1:]
			}
			c := b.next(t)
			if want := fmt.Sprint("k", n); c.Key() != want {
				t.Errorf("%s taken over, want %s", c.Key(), want)
			}
			holding = append(holding, c)
			if len(holding) == limit {
				time.Sleep(time.Minute)
				b.none(t)
			}
		}
		for _, c := range holding {
			live(t, c.Lease)
			done(t, c.Lease, c.For())
		}
		if n := b.Owners(); len(n) != 0 {
			t.Errorf("left: %v", n)
		}
	})
}

func TestOwners(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		a.claim(t, "k1", "1.0")
		a.claim(t, "k2", "1.0")
		b.claim(t, "k3", "1.0")
		synctest.Wait()
		for _, p := range []*process{a, b} {
			if n := p.Owners(); len(n) != 2 || n["a"] != 2 || n["b"] != 1 {
				t.Errorf("owners %v", n)
			}
		}
	})
}
