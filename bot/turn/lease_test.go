package turn_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

func TestTakeoverAfterKill(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "1.0")
		if err := c.Reply(t.Context(), []string{"m1"}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		live(t, c)
		b.none(t)
		synctest.Wait()
		beat := record(t, m, "k").Heartbeat
		a.stop()
		killed := time.Now()
		b.ask(t, "k", "2.0") // a follow-up does not disturb the answer under way
		got := b.next(t)
		if waited := got.at.Sub(killed); waited < ttl*3/4 || waited > ttl {
			t.Errorf("taken over after %s", waited)
		}
		if r := got.rec; r.Owner != "b" || r.Epoch != 2 || r.For != "1.0" || r.Blame != turn.BlameUnit || !slices.Equal(r.Reply, []string{"m1"}) || beat == 0 {
			t.Errorf("taken over as %+v (last beat %d)", r, beat)
		}
		gone(t, c, turn.ErrLapsed)
		live(t, got.Lease)
		if more, err := got.Done(t.Context(), "1.0"); !more || err != nil || got.For() != "2.0" {
			t.Errorf("more %v, %v, for %s", more, err, got.For())
		}
		if r := record(t, m, "k"); r.Blame != 0 {
			t.Errorf("tries %d after an answer", r.Blame)
		}
		done(t, got.Lease, "2.0")
	})
}

// The taker waits a whole TTL from the last beat, not less, wherever the kill falls between two beats.
func TestTakeoverNeverBeforeATTL(t *testing.T) {
	for ms := 50; ms < 1500; ms += 100 {
		bubble(t, func(t *testing.T, m *turn.Mem) {
			a, b := start(t, m, "a"), start(t, m, "b")
			begin := time.Now()
			c := a.claim(t, "k", "1.0")
			time.Sleep(4*ttl + time.Duration(ms)*time.Millisecond)
			a.stop()
			last := begin.Add(time.Since(begin).Truncate(ttl / 4)) // of the beats
			for time.Since(last) < ttl*3/4 {
				live(t, c)
				time.Sleep(ttl / 100)
			}
			gone(t, c, turn.ErrLapsed)
			for time.Since(last) < ttl {
				b.none(t)
				time.Sleep(ttl / 100)
			}
			done(t, b.next(t).Lease, "1.0")
		})
	}
}

func TestTriesCountDeaths(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		p := start(t, m, "p0")
		p.claim(t, "k", "1.0")
		for n := 1; n <= 3; n++ {
			p.stop()
			p = start(t, m, fmt.Sprint("p", n))
			c := p.next(t)
			if c.rec.Blame != n*turn.BlameUnit || c.rec.For != "1.0" {
				t.Errorf("owner %d: %+v", n, c.rec)
			}
		}
	})
}

// Who dies among others is suspected less than who dies alone, and who has come on since, not at all.
func TestTriesAmongOthers(t *testing.T) {
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
					c := p.next(t)
					want := died * turn.BlameUnit / part
					if c.Key() == "k0" {
						want = turn.BlameUnit / part // of the last death only
						c.Progress()
					}
					if c.rec.Blame != want || c.Blame() != want && c.Key() != "k0" {
						t.Errorf("%d threads, %d deaths: %s has %d of %d", n, died, c.Key(), c.rec.Blame, want)
					}
				}
				time.Sleep(ttl) // the next renewal tells that there was progress
				if r := record(t, m, "k0"); r.Blame != 0 || r.Load != n {
					t.Errorf("after progress: %+v", r)
				}
			}
		})
	}
}

func TestAloneNeedNotWait(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		a.claim(t, "k", "1.0")
		a.stop()
		begin := time.Now()
		b := start(t, m, "b", func(c *turn.Config) { c.Alone = func() bool { return true } })
		if c := b.next(t); c.at.Sub(begin) > ttl/64 || c.rec.Blame != turn.BlameUnit {
			t.Errorf("after %s, %+v", c.at.Sub(begin), c.rec)
		}
	})
}

// The lease counts from the start of a renewal, however late its success is told.
func TestLeaseCountsFromTheStart(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		c := a.claim(t, "k", "1.0")
		gate, never := make(chan struct{}), make(chan struct{})
		time.Sleep(time.Second)
		a.store.set(func(f *faulty) { f.slow = gate })
		time.Sleep(1500 * time.Millisecond) // a renewal began at 1.5 s
		a.store.set(func(f *faulty) { f.hang, f.slow = never, nil })
		close(gate)
		time.Sleep(3400 * time.Millisecond)
		live(t, c)
		time.Sleep(100 * time.Millisecond) // now it is 6 s
		gone(t, c, turn.ErrLapsed)
	})
}

// A renewal between the write of Done and its return must not bring the messages of the last answer back.
func TestRenewalDuringDone(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		c := a.claim(t, "k", "1.0")
		if err := c.Reply(t.Context(), []string{"m"}); err != nil {
			t.Error(err)
		}
		a.ask(t, "k", "2.0")
		gate, ended := make(chan struct{}), make(chan bool)
		a.store.set(func(f *faulty) { f.slow = gate })
		go func() {
			more, err := c.Done(t.Context(), "1.0")
			ended <- more && err == nil
		}()
		time.Sleep(ttl / 2)
		if r := record(t, m, "k"); r.For != "2.0" || r.Reply != nil || r.Heartbeat < 3 {
			t.Errorf("%+v", r)
		}
		live(t, c)
		a.store.set(func(f *faulty) { f.slow = nil })
		close(gate)
		if !<-ended {
			t.Error("no more, or an error")
		}
		live(t, c)
		done(t, c, "2.0")
	})
}

// A frozen owner is one whose store calls hang and who does not look; when it wakes, its first look says no.
func TestFrozenOwnerWakes(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "1.0")
		freeze := make(chan struct{})
		a.store.set(func(f *faulty) { f.hang = freeze })
		time.Sleep(8 * time.Second)
		gone(t, c, turn.ErrLapsed)
		if !errors.Is(c.Check(), turn.ErrLost) {
			t.Error("ErrLapsed is not ErrLost for who does not care")
		}
		got := b.next(t)
		live(t, got.Lease)
		if closed(c.Lost()) {
			t.Error("lost before it can know")
		}
		a.store.set(func(f *faulty) { f.hang = nil })
		close(freeze)
		time.Sleep(time.Second) // the next try to renew, or Watch
		gone(t, c, turn.ErrLost)
		if !closed(c.Lost()) {
			t.Error("not told that it is lost")
		}
		if _, err := c.Done(t.Context(), "1.0"); !errors.Is(err, turn.ErrLost) {
			t.Errorf("done: %v", err)
		}
		if err := c.Reply(t.Context(), []string{"mine"}); !errors.Is(err, turn.ErrLost) {
			t.Errorf("reply: %v", err)
		}
		if r := record(t, m, "k"); r.Owner != "b" || !r.Owed() || r.Reply != nil {
			t.Errorf("the loser wrote: %+v", r)
		}
		done(t, got.Lease, "1.0")
		a.none(t)
	})
}

// The same, but the owner's first act after the wake is Done: the write itself is refused.
func TestFrozenOwnerWakesInDone(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "1.0")
		a.stop() // its Coordinator does nothing more, its turn goes on
		got := b.next(t)
		if more, err := c.Done(t.Context(), "1.0"); more || !errors.Is(err, turn.ErrLost) {
			t.Errorf("done: %v, %v", more, err)
		}
		if !closed(c.Lost()) {
			t.Error("not told")
		}
		if r := record(t, m, "k"); !r.Owed() || r.Owner != "b" {
			t.Errorf("%+v", r)
		}
		done(t, got.Lease, "1.0")
	})
}

// A taker that was frozen has seen nothing for long; that is not the same as nothing having happened.
func TestFrozenTakerWakes(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		c := a.claim(t, "k", "1.0")
		synctest.Wait()
		for range 5 {
			freeze := make(chan struct{})
			b.store.set(func(f *faulty) { f.hang = freeze })
			time.Sleep(3 * ttl)
			b.store.set(func(f *faulty) { f.hang = nil })
			close(freeze)
			time.Sleep(ttl)
			b.none(t)
			live(t, c)
		}
		done(t, c, "1.0")
	})
}

// Three desks see an owner die at the same moment: one gets the thread.
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
				c := p.next(t)
				if keys[c.Key()] {
					t.Errorf("%s taken over twice", c.Key())
				}
				keys[c.Key()] = true
				live(t, c.Lease)
				done(t, c.Lease, "1.0")
			}
		}
		if len(keys) != threads {
			t.Errorf("%d threads taken over", len(keys))
		}
	})
}

func TestDeletedRecordLosesTheClaim(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a := start(t, m, "a")
		c := a.claim(t, "k", "1.0")
		if err := m.Update(t.Context(), "thread/k", func([]byte) ([]byte, error) { return nil, nil }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(ttl / 4)
		synctest.Wait()
		gone(t, c, turn.ErrLost)
		if !closed(c.Lost()) {
			t.Error("not told")
		}
		done(t, a.claim(t, "k", "2.0"), "2.0")
	})
}

func TestManyLeasesHold(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		a, b := start(t, m, "a"), start(t, m, "b")
		claims := make([]*turn.Lease, 0, 1000)
		for n := range cap(claims) {
			claims = append(claims, a.claim(t, fmt.Sprint("k", n), "1.0"))
			if n%10 == 0 {
				time.Sleep(7 * time.Millisecond)
			}
		}
		for range 20 {
			time.Sleep(ttl / 3)
			for _, c := range claims {
				live(t, c)
			}
		}
		b.none(t)
		per := float64(a.store.writes) / 1000 / (20 * (ttl / 3).Seconds())
		if per > 0.75 { // 4 a TTL = 0.67 a second, and the asks
			t.Errorf("%.2f writes a second and claim", per)
		}
	})
}
