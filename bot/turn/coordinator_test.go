package turn_test

import (
	"context"
	"errors"
	"fmt"
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

// TestAskAnswerAsk: a lease from its ask to its end, and the next one.
func TestAskAnswerAsk(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "a")
		l := p.claim(t, "k", "1.0")
		is(t, "key", l.Key(), "k")
		is(t, "first epoch", l.Epoch(), 1)
		is(t, "first answer is to", l.For(), "1.0")
		live(t, l)
		reply(t, l, "m1", "m2")
		r := record(t, m, "k")
		is(t, "owner while answering", r.Owner, "a")
		is(t, "messages while answering", ids(r), "m1 m2")
		is(t, "owed while answering", r.Owed(), true)
		done(t, l, "1.0")
		gone(t, l, turn.ErrLost)
		is(t, "done is told as lost", closed(l.Lost()), false)
		r = record(t, m, "k")
		is(t, "owner after the answer", r.Owner, "")
		is(t, "owed after the answer", r.Owed(), false)
		is(t, "the last answer was to", r.For, "1.0")
		is(t, "messages of the last answer", ids(r), "m1 m2")
		known(t, p.ask(t, "k", "1.0"))
		l = p.claim(t, "k", "2.0")
		is(t, "second epoch", l.Epoch(), 2)
		is(t, "second answer is to", l.For(), "2.0")
		is(t, "messages of the second answer", ids(record(t, m, "k")), "")
		if _, err := l.Done(t.Context(), "2.0"); err != nil {
			t.Error(err)
		}
		if _, err := l.Done(t.Context(), "2.0"); !errors.Is(err, turn.ErrLost) {
			t.Errorf("second done: %v", err)
		}
		if err := l.Release(t.Context()); !errors.Is(err, turn.ErrLost) {
			t.Errorf("release after done: %v", err)
		}
		time.Sleep(time.Hour)
		p.none(t)
	})
}

// known fails if an ask was news, or made a lease.
func known(t *testing.T, a turn.Asked) {
	t.Helper()
	is(t, "what was known is news", a.New, false)
	is(t, "what was known makes a lease", a.Lease != nil, false)
}

// TestAskIsOneWrite: to ask and claim is one write, a redelivery none, and Done one.
func TestAskIsOneWrite(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := &process{store: &faulty{Store: m}}
		p.Coordinator = turn.NewCoordinator(p.store, turn.Config{Owner: "a"})
		l := p.claim(t, "k", "1.0")
		is(t, "writes of ask and claim", p.store.writes, 1)
		p.ask(t, "k", "1.0")
		is(t, "writes with a redelivery", p.store.writes, 1)
		done(t, l, "1.0")
		is(t, "writes with done", p.store.writes, 2)
	})
}

// TestRedelivery: a redelivered or doubled event, to one or two processes, at the same time or
// later, makes one lease.
func TestRedelivery(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		ps := []*process{start(t, m, "a"), start(t, m, "b")}
		var mu sync.Mutex
		var leases []*turn.Lease
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				a := ps[i%2].ask(t, "k", "1.0")
				mu.Lock()
				defer mu.Unlock()
				if a.Lease != nil {
					leases = append(leases, a.Lease)
				}
			})
		}
		wg.Wait()
		if len(leases) != 1 {
			t.Fatalf("%d leases", len(leases))
		}
		time.Sleep(time.Minute)
		live(t, leases[0])
		done(t, leases[0], "1.0")
		for _, p := range ps {
			known(t, p.ask(t, "k", "1.0"))
			p.none(t)
		}
	})
}

// TestSlowRedelivery: an ask that was slow to hear of its claim makes no second lease when the
// other delivery was answered meanwhile.
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
			t.Errorf("a lease of epoch %d, which is over", a.Lease.Epoch())
		}
	})
}

// TestAsksWhileAnswering: what is asked during an answer, wherever, is answered together after it.
func TestAsksWhileAnswering(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "1.0")
		for i, p := range []*process{a, b, b} {
			got := p.ask(t, "k", turn.TS(fmt.Sprintf("2.%d", i)))
			is(t, "an ask during an answer is news", got.New, true)
			is(t, "an ask during an answer makes a lease", got.Lease != nil, false)
		}
		b.ask(t, "k", "1.5") // out of order: old news
		reply(t, l, "m")
		goesOn(t, l, "1.0", "2.2")
		r := record(t, m, "k")
		is(t, "owner of the next answer", r.Owner, "a")
		is(t, "epoch of the next answer", r.Epoch, 1)
		is(t, "recorded as answered next", r.For, "2.2")
		time.Sleep(time.Minute)
		live(t, l)
		is(t, "messages of the last answer that came back", ids(record(t, m, "k")), "")
		b.ask(t, "k", "3.0")
		done(t, l, "3.0") // the turn read the newer message too
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
	})
}

// TestStop: a stop reaches the answer to what was asked up to it, in whichever process, and no
// other.
func TestStop(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "10.0")
		stop := l.Stopped()
		b.cut(t, "k", "9.0")
		synctest.Wait()
		is(t, "stopped by a stop before the question", closed(stop), false)
		b.cut(t, "k", "11.0") // another process heard the word
		synctest.Wait()       // and no time passes
		is(t, "a stop arrives through Watch", closed(stop), true)
		live(t, l) // what is there has to be finished
		b.ask(t, "k", "12.0")
		goesOn(t, l, "10.0", "12.0")
		is(t, "a question after the stop is stopped", closed(l.Stopped()), false)
		a.cut(t, "k", "12.0")
		is(t, "a stop of our own arrives at once", closed(l.Stopped()), true)
		done(t, l, "12.0")
		before := record(t, m, "k")
		a.cut(t, "k", "20.0")
		if r := record(t, m, "k"); !r.Equal(before) {
			t.Errorf("a stop of nothing is kept: %+v", r)
		}
	})
}

// TestNoteIsTakenByWhoeverHasRoom: at once, and also what a draining process asks.
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
			l := b.next(t)
			is(t, "taken over", l.Key(), key)
			is(t, "taken over after", l.at.Sub(begin), 0)
			is(t, "blame", l.rec.Blame, 0)
			done(t, l.Lease, l.For())
		}
		time.Sleep(time.Minute)
		a.none(t)
		b.none(t)
	})
}

// TestDrainGivesAway: a draining process keeps what it answers, and others get what is asked, and
// what it releases with its messages.
func TestDrainGivesAway(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		running, half := a.claim(t, "running", "1.0"), a.claim(t, "half", "2.0")
		reply(t, half, "m")
		b := start(t, m, "b")
		a.Drain()
		a.ask(t, "running", "3.0")
		time.Sleep(time.Minute) // answers take their time
		live(t, running)
		b.none(t)
		done(t, running, "1.0") // more was asked, but not for us
		l := b.next(t)
		is(t, "given away after its answer", l.Key(), "running")
		is(t, "it is to answer", l.For(), "3.0")
		is(t, "messages of the answer before", ids(l.rec), "")
		if err := half.Release(t.Context()); err != nil {
			t.Error(err)
		}
		h := b.next(t)
		is(t, "released", h.Key(), "half")
		is(t, "it goes on with the answer to", h.For(), "2.0")
		is(t, "it goes on in the messages", ids(h.rec), "m")
		is(t, "blame for a release", h.rec.Blame, 0)
		is(t, "epoch after a release", h.Epoch(), 2)
		a.stop()
		done(t, l.Lease, "3.0")
		done(t, h.Lease, "2.0")
	})
}

// TestReleaseLetsOthersGoFirst: who released a thread takes it back only if nobody else has.
func TestReleaseLetsOthersGoFirst(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		begin := time.Now()
		if err := a.claim(t, "k", "1.0").Release(t.Context()); err != nil {
			t.Error(err)
		}
		l := a.next(t) // nobody else is there
		is(t, "taken back after", l.at.Sub(begin), ttl/4)
		done(t, l.Lease, "1.0")
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

// TestOldestFirst: threads are taken over in the order of their asks, as many at once as Limit
// allows.
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
			l := b.next(t)
			is(t, "taken over", l.Key(), fmt.Sprint("k", n))
			holding = append(holding, l)
			if len(holding) == limit {
				time.Sleep(time.Minute)
				b.none(t)
			}
		}
		for _, l := range holding {
			live(t, l.Lease)
			done(t, l.Lease, l.For())
		}
		if n := b.Owners(); len(n) != 0 {
			t.Errorf("left: %v", n)
		}
	})
}

// TestOwners: every process counts the answers of all.
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
