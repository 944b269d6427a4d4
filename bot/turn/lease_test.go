package turn_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// TestTakeoverAfterKill: a TTL after the owner died another process goes on with its answer, and
// then with what was asked meanwhile.
func TestTakeoverAfterKill(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "1.0")
		reply(t, l, "m1")
		time.Sleep(time.Minute)
		live(t, l)
		b.none(t)
		synctest.Wait()
		renewals := record(t, m, "k").Heartbeat
		a.stop()
		killed := time.Now()
		b.ask(t, "k", "2.0") // a follow-up does not disturb the answer under way
		got := b.next(t)
		if waited := got.at.Sub(killed); waited < ttl*3/4 || waited > ttl {
			t.Errorf("taken over after %s", waited)
		}
		is(t, "the owner renewed", renewals > 0, true)
		is(t, "new owner", got.rec.Owner, "b")
		is(t, "its epoch", got.rec.Epoch, 2)
		is(t, "it goes on with the answer to", got.rec.For, "1.0")
		is(t, "it goes on in the messages", ids(got.rec), "m1")
		is(t, "blame", got.rec.Blame, turn.BlameUnit)
		gone(t, l, turn.ErrLapsed)
		live(t, got.Lease)
		goesOn(t, got.Lease, "1.0", "2.0")
		is(t, "blame after an answer", record(t, m, "k").Blame, 0)
		done(t, got.Lease, "2.0")
	})
}

// TestTakeoverNeverBeforeATTL: the taker waits a whole TTL from the last heartbeat, wherever the
// kill falls between two of them.
func TestTakeoverNeverBeforeATTL(t *testing.T) {
	for ms := 50; ms < 1500; ms += 100 {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			begin := time.Now()
			l := a.claim(t, "k", "1.0")
			time.Sleep(4*ttl + time.Duration(ms)*time.Millisecond)
			a.stop()
			last := begin.Add(time.Since(begin).Truncate(ttl / 4)) // of the heartbeats
			for time.Since(last) < ttl*3/4 {
				live(t, l)
				time.Sleep(ttl / 100)
			}
			gone(t, l, turn.ErrLapsed)
			for time.Since(last) < ttl {
				b.none(t)
				time.Sleep(ttl / 100)
			}
			done(t, b.next(t).Lease, "1.0")
		})
	}
}

// TestBlameCountsDeaths: each owner that dies alone with an answer adds a BlameUnit.
func TestBlameCountsDeaths(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "p0")
		p.claim(t, "k", "1.0")
		for n := 1; n <= 3; n++ {
			p.stop()
			p = start(t, m, fmt.Sprint("p", n))
			l := p.next(t)
			is(t, "blame", l.rec.Blame, n*turn.BlameUnit)
			is(t, "still to answer", l.rec.For, "1.0")
		}
	})
}

// TestBlameAmongOthers: a thread whose owner was busy with others is blamed less than one that was
// alone, and not at all if its answer has made progress since.
func TestBlameAmongOthers(t *testing.T) {
	for n, part := range map[int]int{1: 1, 2: 2, 3: 3, 4: 4, 9: 4} {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			p := start(t, m, "p0")
			for i := range n {
				p.claim(t, fmt.Sprint("k", i), "1.0")
			}
			time.Sleep(ttl) // all of them know of each other
			for died := 1; died <= 3; died++ {
				p.stop()
				p = start(t, m, fmt.Sprint("p", died))
				for range n {
					l := p.next(t)
					want := died * turn.BlameUnit / part
					if l.Key() == "k0" {
						want = turn.BlameUnit / part // of the last death only
						l.Progress()
						is(t, "blame at once after progress", l.Blame(), 0)
					}
					is(t, fmt.Sprintf("blame of %s among %d after %d deaths", l.Key(), n, died), l.rec.Blame, want)
				}
				time.Sleep(ttl) // the next renewal tells that there was progress
				r := record(t, m, "k0")
				is(t, "blame after progress", r.Blame, 0)
				is(t, "load", r.Load, n)
			}
		})
	}
}

// TestAloneNeedNotWait: a process that is alone takes over at once, and blames a death like any
// other.
func TestAloneNeedNotWait(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		a.claim(t, "k", "1.0")
		a.stop()
		begin := time.Now()
		b := start(t, m, "b", func(c *turn.Config) { c.Alone = func() bool { return true } })
		l := b.next(t)
		if wait := l.at.Sub(begin); wait > ttl/64 {
			t.Errorf("taken over after %s", wait)
		}
		is(t, "blame", l.rec.Blame, turn.BlameUnit)
	})
}

// TestLeaseCountsFromTheStart: a lease counts from the start of a renewal, however late its success
// is told.
func TestLeaseCountsFromTheStart(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		l := a.claim(t, "k", "1.0")
		gate, never := make(chan struct{}), make(chan struct{})
		time.Sleep(time.Second)
		a.store.set(func(f *faulty) { f.slow = gate })
		time.Sleep(1500 * time.Millisecond) // a renewal began at 1.5 s
		a.store.set(func(f *faulty) { f.hang, f.slow = never, nil })
		close(gate)
		time.Sleep(3400 * time.Millisecond)
		live(t, l)
		time.Sleep(100 * time.Millisecond) // now it is 6 s
		gone(t, l, turn.ErrLapsed)
	})
}

// TestRenewalDuringDone: a renewal between the write of Done and its return does not bring the
// messages of the last answer back.
func TestRenewalDuringDone(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		l := a.claim(t, "k", "1.0")
		reply(t, l, "m")
		a.ask(t, "k", "2.0")
		gate, ended := make(chan struct{}), make(chan bool)
		a.store.set(func(f *faulty) { f.slow = gate })
		go func() {
			more, err := l.Done(t.Context(), "1.0")
			ended <- more && err == nil
		}()
		time.Sleep(ttl / 2)
		r := record(t, m, "k")
		is(t, "answered next", r.For, "2.0")
		is(t, "messages of the last answer", ids(r), "")
		is(t, "it was renewed meanwhile", r.Heartbeat >= 3, true)
		live(t, l)
		a.store.set(func(f *faulty) { f.slow = nil })
		close(gate)
		if !<-ended {
			t.Error("no more, or an error")
		}
		live(t, l)
		done(t, l, "2.0")
	})
}

// TestFrozenOwnerWakes: an owner whose store calls hang hears on waking that the thread is not its
// own any more, and its writes change nothing.
func TestFrozenOwnerWakes(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "1.0")
		freeze := make(chan struct{})
		a.store.set(func(f *faulty) { f.hang = freeze })
		time.Sleep(8 * time.Second)
		gone(t, l, turn.ErrLapsed)
		is(t, "ErrLapsed is an ErrLost", errors.Is(l.Check(), turn.ErrLost), true)
		got := b.next(t)
		live(t, got.Lease)
		is(t, "lost before it can know", closed(l.Lost()), false)
		a.store.set(func(f *faulty) { f.hang = nil })
		close(freeze)
		time.Sleep(time.Second) // the next try to renew, or Watch
		gone(t, l, turn.ErrLost)
		is(t, "it is told that it is lost", closed(l.Lost()), true)
		if _, err := l.Done(t.Context(), "1.0"); !errors.Is(err, turn.ErrLost) {
			t.Errorf("done: %v", err)
		}
		if err := l.Reply(t.Context(), []string{"mine"}); !errors.Is(err, turn.ErrLost) {
			t.Errorf("reply: %v", err)
		}
		r := record(t, m, "k")
		is(t, "owner", r.Owner, "b")
		is(t, "the loser left it owed", r.Owed(), true)
		is(t, "the loser's messages", ids(r), "")
		done(t, got.Lease, "1.0")
		a.none(t)
	})
}

// TestFrozenOwnerWakesInDone: if its first act after the wake is Done, that write is refused.
func TestFrozenOwnerWakesInDone(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "1.0")
		a.stop() // its Coordinator does nothing more, its turn goes on
		got := b.next(t)
		if more, err := l.Done(t.Context(), "1.0"); more || !errors.Is(err, turn.ErrLost) {
			t.Errorf("done: %v, %v", more, err)
		}
		is(t, "it is told that it is lost", closed(l.Lost()), true)
		r := record(t, m, "k")
		is(t, "owner", r.Owner, "b")
		is(t, "the loser left it owed", r.Owed(), true)
		done(t, got.Lease, "1.0")
	})
}

// TestFrozenTakerWakes: a process that was frozen takes nothing over at once: it saw nothing for
// long, but the owner may have written.
func TestFrozenTakerWakes(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		l := a.claim(t, "k", "1.0")
		synctest.Wait()
		for range 5 {
			freeze := make(chan struct{})
			b.store.set(func(f *faulty) { f.hang = freeze })
			time.Sleep(3 * ttl)
			b.store.set(func(f *faulty) { f.hang = nil })
			close(freeze)
			time.Sleep(ttl)
			b.none(t)
			live(t, l)
		}
		done(t, l, "1.0")
	})
}

// TestOneOfManyTakesOver: when three processes see an owner die at the same moment, one gets each
// thread.
func TestOneOfManyTakesOver(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		const threads = 30
		for n := range threads {
			a.claim(t, fmt.Sprint("k", n), "1.0")
		}
		others := []*process{start(t, m, "b"), start(t, m, "c"), start(t, m, "d")}
		synctest.Wait()
		a.stop()
		time.Sleep(2 * ttl)
		keys := map[string]bool{}
		for _, p := range others {
			for len(p.owed) > 0 {
				l := p.next(t)
				if keys[l.Key()] {
					t.Errorf("%s taken over twice", l.Key())
				}
				keys[l.Key()] = true
				live(t, l.Lease)
				done(t, l.Lease, "1.0")
			}
		}
		if len(keys) != threads {
			t.Errorf("%d threads taken over", len(keys))
		}
	})
}

// TestDeletedRecordLosesTheLease: its owner is told, and the thread can be asked in again.
func TestDeletedRecordLosesTheLease(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		l := a.claim(t, "k", "1.0")
		if err := m.Update(t.Context(), "thread/k", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(ttl / 4)
		synctest.Wait()
		gone(t, l, turn.ErrLost)
		is(t, "it is told that it is lost", closed(l.Lost()), true)
		done(t, a.claim(t, "k", "2.0"), "2.0")
	})
}

// TestManyLeasesHold: a thousand leases of one process last, at four writes a TTL for each.
func TestManyLeasesHold(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		leases := make([]*turn.Lease, 0, 1000)
		for n := range cap(leases) {
			leases = append(leases, a.claim(t, fmt.Sprint("k", n), "1.0"))
			if n%10 == 0 {
				time.Sleep(7 * time.Millisecond)
			}
		}
		for range 20 {
			time.Sleep(ttl / 3)
			for _, l := range leases {
				live(t, l)
			}
		}
		b.none(t)
		per := float64(a.store.writes) / 1000 / (20 * (ttl / 3).Seconds())
		if per > 0.75 { // 4 a TTL = 0.67 a second, and the asks
			t.Errorf("%.2f writes a second and lease", per)
		}
	})
}
