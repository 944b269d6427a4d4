package answer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsAreServedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		if err := s.take(t.Context(), "U", nil); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex // guards all below
		var order []int
		places := map[int][]int{}
		var all sync.WaitGroup
		ctx, cancel := context.WithCancelCause(t.Context())
		why := errors.New("why")
		for i := range 4 {
			c := t.Context()
			if i == 1 {
				c = ctx
			}
			all.Go(func() {
				err := s.take(c, "U", func(p int) { mu.Lock(); places[i] = append(places[i], p); mu.Unlock() })
				if i == 1 {
					if !errors.Is(err, why) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				order = append(order, i)
				mu.Unlock()
				time.Sleep(time.Second)
				s.give("U")
			})
			synctest.Wait()
		}
		cancel(why)
		synctest.Wait()
		s.give("U")
		all.Wait()
		if fmt.Sprint(order) != "[0 2 3]" || fmt.Sprint(places) != "map[0:[1] 1:[2] 2:[3 2 1] 3:[4 3 2 1]]" || len(s.line.running) != 0 || s.queued() != 0 {
			t.Errorf("%v %v %v", order, places, s.line.running)
		}
	})
}

// Bob's first question comes before Alice's second, and both are told so.
func TestSlotsGoRoundByPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(2)
		var mu sync.Mutex // guards all below
		var order []string
		places := map[string][]int{}
		var all sync.WaitGroup
		for _, name := range []string{"a1", "a2", "a3", "a4", "b1", "b2", "c1"} {
			all.Go(func() {
				err := s.take(t.Context(), name[:1], func(p int) { mu.Lock(); places[name] = append(places[name], p); mu.Unlock() })
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				time.Sleep(time.Second)
				s.give(name[:1])
			})
			synctest.Wait()
			time.Sleep(time.Millisecond) // so that no two end at once
		}
		all.Wait()
		// Of two slots each has one while others wait.
		if got := fmt.Sprint(order); got != "[a1 a2 b1 a3 c1 b2 a4]" {
			t.Errorf("served %s", got)
		}
		if got := fmt.Sprint(places); got != "map[a3:[1 2 1] a4:[2 3 4 5 4 3 2 1] b1:[1] b2:[3 4 3 2 1] c1:[3 2 1]]" {
			t.Errorf("told %s", got)
		}
	})
}

// who is a person of the tests below.
func who(i int) string { return string(rune('A' + i)) }

// TestLineup plays random people against the arithmetic.
func TestLineup(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		n, people := 1+r.IntN(9), 1+r.IntN(6)
		half := max(1, n/2)
		l := newFairQueue(n)
		asked := map[string][]*waiter{}       // the questions of each person that wait, the oldest first
		before := map[string]map[string]int{} // of each person who waits: how often others were served since it was their turn last
		ahead := map[string]map[string]bool{} // and who waited already then
		waits := func(p string) {
			before[p], ahead[p] = map[string]int{}, map[string]bool{}
			for q := range asked {
				ahead[p][q] = q != p && len(asked[q]) > 0
			}
		}
		serve := func() {
			for {
				others := map[string]bool{}
				for p, line := range asked {
					others[p] = len(line) > 0
				}
				w := l.serve()
				if w == nil {
					break
				}
				p := ""
				for q, line := range asked {
					if slices.Contains(line, w) {
						p = q
					}
				}
				if asked[p][0] != w {
					t.Fatalf("seed %d: %s's questions are served in another order", seed, p)
				}
				delete(others, p)
				alone := true
				for _, waits := range others {
					alone = alone && !waits
				}
				if !alone && l.held[p] > half {
					t.Fatalf("seed %d: %s has %d of %d while others wait", seed, p, l.held[p], n)
				}
				asked[p] = asked[p][1:]
				waits(p)
				for q, line := range asked {
					if q == p || len(line) == 0 {
						continue
					}
					if l.held[q] >= half {
						waits(q) // it is not to be served while others wait
						continue
					}
					if before[q][p]++; before[q][p] > 1 || !ahead[q][p] {
						t.Fatalf("seed %d: %s is served before %s again", seed, p, q)
					}
				}
			}
			waiting, below := 0, 0
			for p, line := range asked {
				if len(line) > 0 {
					waiting++
					if l.held[p] < half {
						below++
					}
				}
			}
			if len(l.running) > n || len(l.running) < n && (waiting == 1 || below > 0) {
				t.Fatalf("seed %d: %d of %d slots are taken, %d people wait", seed, len(l.running), n, waiting)
			}
			if free := n - len(l.running); waiting > 0 && free > n%2 {
				t.Fatalf("seed %d: %d of %d slots are free, %d people wait", seed, free, n, waiting)
			}
		}
		for range 400 {
			p := who(r.IntN(people))
			switch r.IntN(5) {
			case 0, 1:
				w := &waiter{}
				if len(asked[p]) == 0 {
					waits(p)
				}
				asked[p] = append(asked[p], w)
				l.ring.Join(p, w)
			case 2:
				if line := asked[p]; len(line) > 0 {
					w := line[r.IntN(len(line))]
					if !l.ring.Quit(p, w) {
						t.Fatalf("seed %d: a question of %s was not there", seed, p)
					}
					asked[p] = slices.DeleteFunc(slices.Clone(line), func(o *waiter) bool { return o == w })
				}
			default:
				if len(l.running) > 0 {
					l.end(l.running[r.IntN(len(l.running))])
				}
			}
			serve()
		}
		// What people are told comes true, if answers take equally long and nobody else comes.
		places := l.order()
		if len(places) != l.ring.Len() {
			t.Fatalf("seed %d: %d of %d have a place", seed, len(places), l.ring.Len())
		}
		for len(l.running) > 0 {
			l.end(l.running[0])
			for w := l.serve(); w != nil; w = l.serve() {
				if places[0] != w {
					t.Fatalf("seed %d: somebody else is served", seed)
				}
				places = places[1:]
			}
		}
		if len(places) > 0 || l.ring.Len() > 0 || len(l.held) > 0 {
			t.Fatalf("seed %d: %d are never served", seed, l.ring.Len())
		}
	}
}

func TestSlotsHammer(t *testing.T) {
	const n = 5
	s := newSlots(n)
	var all sync.WaitGroup
	var inside atomic.Int64
	for i := range 16 {
		all.Go(func() {
			person := who(i % 4)
			for j := range 200 {
				ctx, cancel := context.WithCancel(t.Context())
				if (i+j)%3 == 0 {
					go cancel()
				}
				if err := s.take(ctx, person, func(place int) {
					if place < 1 {
						t.Errorf("place %d", place)
					}
				}); err == nil {
					if inside.Add(1) > n {
						t.Error("more than there are slots")
					}
					inside.Add(-1)
					s.give(person)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if len(s.line.running) != 0 || len(s.line.held) != 0 || s.queued() != 0 {
		t.Errorf("%v run, %v, %d wait", s.line.running, s.line.held, s.queued())
	}
}
