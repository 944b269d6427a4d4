package pace

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/fair"
)

// TestTakeIsFair: however many calls some people want, a call of somebody else waits for none of
// them, and those who want many get about the same number (who comes first finds more left).
func TestTakeIsFair(t *testing.T) {
	for _, floods := range []int{1, 2, 5, 20} {
		synctest.Test(t, func(t *testing.T) {
			const m = Method("conversations.history")
			s := start(t, Config{})
			ctx, cancel := context.WithCancel(t.Context())
			var all sync.WaitGroup
			var mu sync.Mutex // guards got
			got := map[string]int{}
			for i := range 60 * floods {
				person := fmt.Sprint("flood", i%floods)
				all.Go(func() {
					if s.Take(fair.With(ctx, person), m) == nil {
						mu.Lock()
						got[person]++
						mu.Unlock()
					}
				})
				synctest.Wait() // they come in this order
			}
			time.Sleep(time.Second)
			began := time.Now()
			if err := s.Take(fair.With(t.Context(), "bob"), m); err != nil || time.Since(began) != 0 {
				t.Errorf("behind %d floods Bob waited %s, %v", floods, time.Since(began), err)
			}
			mu.Lock()
			least, most := 1000, 0
			for _, n := range got {
				least, most = min(least, n), max(most, n)
			}
			if len(got) != floods || most-least > 2 {
				t.Errorf("%d floods got %v", floods, got)
			}
			mu.Unlock()
			time.Sleep(4 * minute)
			mu.Lock()
			if n := got["flood0"]; floods == 1 && n != 60 {
				t.Errorf("one got %d of 60 in the end", n)
			}
			mu.Unlock()
			cancel()
			all.Wait()
			if len(s.queues) != 0 {
				t.Errorf("%d queues are left", len(s.queues))
			}
		})
	}
}

// TestShares: a person's share is what the window has left, and comes back a minute after their
// calls.
func TestShares(t *testing.T) {
	now := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	l := newLimiter(50, 1)
	take := func(person string) (n int) {
		for l.can(now) && l.shares(now, person) {
			l.accepted(now, l.spend(now))
			l.used(now, person)
			n++
		}
		return n
	}
	for _, step := range []struct {
		after  time.Duration
		person string
		want   int
	}{
		{0, "alice", 25},
		{0, "alice", 0},
		{time.Second, "bob", 13},
		{0, "carol", 6},
		{0, "dave", 3},
		{58 * time.Second, "alice", 0},
		{time.Second, "alice", 14}, // her 25 are gone; the others have 22
		{time.Hour, "", 50},        // what is nobody's
		{0, "alice", 0},
		{minute, "alice", 25},
	} {
		now = now.Add(step.after)
		if got := take(step.person); got != step.want {
			t.Errorf("%+v: got %d", step, got)
		}
	}
	now = now.Add(time.Hour)
	if l.move(now); len(l.uses) != 0 {
		t.Errorf("%v", l.uses)
	}
}

// TestTakeHammer is for the race detector: people who wait, give up and are refused at once. In
// each minute no more calls are made than there are, and nobody is forgotten.
func TestTakeHammer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const m = Method("conversations.replies")
		s := start(t, Config{})
		var all sync.WaitGroup
		var mu sync.Mutex // guards made
		var made []time.Time
		for i := range 40 {
			rng := rand.New(rand.NewPCG(uint64(i), 3))
			all.Go(func() {
				for range 10 {
					time.Sleep(time.Duration(rng.IntN(20_000)) * time.Millisecond)
					patience := time.Hour
					if rng.IntN(3) == 0 {
						patience = time.Duration(rng.IntN(3000)) * time.Millisecond
					}
					ctx, cancel := context.WithTimeout(fair.With(t.Context(), fmt.Sprint(rng.IntN(6))), patience)
					err := s.Take(ctx, m)
					cancel()
					switch {
					case err != nil && patience == time.Hour:
						t.Error(err)
					case err == nil && rng.IntN(50) == 0:
						s.Refused(ctx, m, 3*time.Second)
					case err == nil:
						mu.Lock()
						made = append(made, time.Now())
						mu.Unlock()
					}
					_ = s.TryTake(m, 0.4)
				}
			})
		}
		all.Wait()
		for i := range made {
			if i >= 50 && made[i].Sub(made[i-50]) < minute {
				t.Fatalf("51 calls within %s", made[i].Sub(made[i-50]))
			}
		}
		if len(s.queues) != 0 {
			t.Errorf("%d queues are left", len(s.queues))
		}
	})
}

// TestRefusedCostsNobody: a call that Slack has refused is none of those that somebody has had.
func TestRefusedCostsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const m = Method("users.info")
		s := start(t, Config{})
		alice, bob := fair.With(t.Context(), "alice"), fair.With(t.Context(), "bob")
		for _, ctx := range []context.Context{alice, bob, alice, alice} {
			if err := s.Take(ctx, m); err != nil {
				t.Fatal(err)
			}
		}
		s.Refused(alice, m, time.Second)
		s.Refused(fair.With(alice, ""), m, time.Second) // nobody's
		s.mu.Lock()
		defer s.mu.Unlock()
		had := map[string]int{}
		for _, u := range s.core.limit(m).uses {
			had[u.person]++
		}
		if had["alice"] != 2 || had["bob"] != 1 {
			t.Errorf("they have had %v", had)
		}
	})
}

// TestTakeWith: a call that needs something else as well is counted when both are there, is in
// nobody's way before, and is told when that is there again.
func TestTakeWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const m = Method("conversations.replies")
		s := start(t, Config{})
		places := 1 // guarded by s.mu
		place := func() bool {
			if places == 0 {
				return false
			}
			places--
			return true
		}
		alice, bob := fair.With(t.Context(), "alice"), fair.With(t.Context(), "bob")
		if err := s.TakeWith(alice, m, place); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		began, waited := time.Now(), time.Duration(0)
		all.Go(func() {
			if err := s.TakeWith(alice, m, place); err != nil {
				t.Error(err)
			}
			waited = time.Since(began)
		})
		all.Go(func() {
			ctx, cancel := context.WithTimeout(alice, time.Second)
			defer cancel()
			if err := s.TakeWith(ctx, m, place); err == nil {
				t.Error("there were two places")
			}
		})
		synctest.Wait()
		if err := s.Take(bob, m); err != nil || time.Since(began) != 0 {
			t.Errorf("who needs no place waited %s, %v", time.Since(began), err)
		}
		if n := s.Snapshot().Methods[m].InMinute; n != 2 {
			t.Errorf("%d calls are counted", n)
		}
		time.Sleep(5 * time.Second)
		s.mu.Lock()
		places++
		s.mu.Unlock()
		s.Look(m, "conversations.history")
		all.Wait()
		if waited != 5*time.Second || len(s.queues) != 0 {
			t.Errorf("waited %s, %d queues are left", waited, len(s.queues))
		}
	})
}
