package fair

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPersonTravelsInTheContext(t *testing.T) {
	ctx := t.Context()
	if got := Person(ctx); got != "" {
		t.Errorf("%q", got)
	}
	alice := With(ctx, "alice")
	bob, cancel := context.WithCancel(With(alice, "bob"))
	defer cancel()
	if Person(alice) != "alice" || Person(bob) != "bob" || With(bob, "bob") != bob {
		t.Errorf("%q, %q", Person(alice), Person(bob))
	}
}

// TestRing: those who wait are served in turn, whoever may not be served keeps their place, and
// each person's own work keeps its order.
func TestRing(t *testing.T) {
	var r Ring[string]
	for _, w := range []string{"a1", "a2", "a3", "b1", "b2", "c1"} {
		r.Join(w[:1], w)
	}
	if !r.Quit("b", "b1") || r.Quit("b", "b1") || r.Quit("x", "x1") {
		t.Error("b1 left once")
	}
	var got []string
	next := func(not string) {
		w, ok := r.Next(func(person, _ string) bool { return person != not })
		if !ok {
			w = "none"
		}
		got = append(got, w)
	}
	next("a") // b2
	next("a") // c1
	next("a") // nobody else is left
	r.Join("d", "d1")
	for range 4 {
		next("")
	}
	if s := strings.Join(got, " "); s != "b2 c1 none a1 d1 a2 a3" || !r.Empty() {
		t.Error(s)
	}
}

// TestPoolKeepsAHalf: one person has half of the places and bytes, however much they come with, and
// the next one waits for nobody. One piece of work alone may be as large as the pool.
func TestPoolKeepsAHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Need{4, 80})
		alice, bob := With(t.Context(), "alice"), With(t.Context(), "bob")
		var all sync.WaitGroup
		take := func(ctx context.Context, n Need, d time.Duration) *time.Duration {
			var waited time.Duration
			began := time.Now()
			all.Go(func() {
				h, err := p.Take(ctx, n)
				if err != nil {
					t.Error(err)
					return
				}
				defer h.Give()
				waited = time.Since(began)
				time.Sleep(d)
			})
			synctest.Wait()
			return &waited
		}
		for range 10 {
			take(alice, Need{1, 1}, time.Minute)
		}
		small := take(bob, Need{1, 40}, time.Second)
		all.Wait()
		if *small != 0 {
			t.Errorf("Bob waited %s for a place", *small)
		}
		take(alice, Need{1, 60}, time.Minute)
		second := take(alice, Need{1, 10}, time.Minute) // over her half, and in nobody's way
		his := take(bob, Need{1, 20}, 10*time.Second)
		large := take(With(t.Context(), "carol"), Need{1, 70}, time.Second) // waits for her first
		medium := take(With(t.Context(), "dave"), Need{1, 10}, time.Second) // does not overtake it
		little := take(With(t.Context(), "erin"), Need{0, 5}, time.Second)  // does
		all.Wait()
		for name, got := range map[string][2]time.Duration{
			"her second": {*second, time.Minute}, "his": {*his, 0}, "the large one": {*large, time.Minute},
			"the one behind it": {*medium, 61 * time.Second}, "a little": {*little, 10 * time.Second},
		} {
			if got[0] != got[1] {
				t.Errorf("%s waited %s, want %s", name, got[0], got[1])
			}
		}
		whole, err := p.Take(alice, Need{9, 999})
		if err != nil || whole.has != p.all {
			t.Errorf("alone: %+v, %v", whole, err)
		}
		whole.Give()
	})
}

// TestLargeIsNotStarved: little needs pass a large one for some seconds only, and what somebody has
// does not grow past it.
func TestLargeIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Need{8, 80})
		var all sync.WaitGroup
		for i := range 40 { // always one more little need, each held for two seconds
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				h, err := p.Take(With(t.Context(), fmt.Sprint("p", i%4)), Need{1, 5})
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(1500 * time.Millisecond)
				if h.More(10) && i == 1 {
					t.Error("it grew past a large need")
				}
				time.Sleep(500 * time.Millisecond)
				h.Give()
			})
		}
		time.Sleep(2200 * time.Millisecond)
		began := time.Now()
		large, err := p.Take(With(t.Context(), "bob"), Need{1, 80})
		if took := time.Since(began); err != nil || took > patience+3*time.Second {
			t.Errorf("the large one waited %s, %v", took, err)
		}
		large.Give()
		all.Wait()
		if p.free != p.all || len(p.held) != 0 || p.behind {
			t.Errorf("%+v is free, %v held, behind %t", p.free, p.held, p.behind)
		}
	})
}

func TestMore(t *testing.T) {
	p := NewPool(Need{4, 80})
	a, _ := p.Take(With(t.Context(), "alice"), Need{1, 10})
	b, _ := p.Take(With(t.Context(), "bob"), Need{1, 10})
	if !a.More(60) || a.More(1) || b.More(1) {
		t.Error("her only work takes all that is free, and no more")
	}
	a.Give()
	a.Give()
	c, _ := p.Take(With(t.Context(), "bob"), Need{1, 10})
	if !c.More(20) || c.More(1) {
		t.Error("two of his have half together")
	}
	b.Give()
	c.Give()
	if p.free != p.all || len(p.held) != 0 {
		t.Errorf("%+v is free, %v held", p.free, p.held)
	}
}

// TestGivingUp: who gives up is told why, and is in nobody's way any more.
func TestGivingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPool(Need{2, 80})
		h, _ := p.Take(With(t.Context(), "alice"), Need{1, 50})
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(With(t.Context(), "bob"))
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := p.Take(ctx, Need{1, 60}); !errors.Is(err, why) {
				t.Error(err)
			}
		})
		synctest.Wait()
		all.Go(func() {
			c, err := p.Take(With(t.Context(), "carol"), Need{1, 30})
			if err != nil {
				t.Error(err)
				return
			}
			c.Give()
		})
		synctest.Wait()
		cancel(why)
		all.Wait()
		h.Give()
		if p.free != p.all || !p.ring.Empty() {
			t.Errorf("%+v is free", p.free)
		}
	})
}

// TestHammer: whatever people do at once, no more is handed out than there is, nobody has more than
// their share, and in the end everything is there again.
func TestHammer(t *testing.T) {
	all := Need{4, 1 << 20}
	p := NewPool(all)
	var used, places atomic.Int64
	var work sync.WaitGroup
	for i := range 40 {
		rng := rand.New(rand.NewPCG(uint64(i), 7))
		person := fmt.Sprint(i % 5)
		work.Go(func() {
			for range 200 {
				ctx, cancel := context.WithTimeout(With(t.Context(), person), time.Duration(rng.IntN(400))*time.Microsecond)
				need := Need{rng.IntN(2), rng.Int64N(1 << (4 + rng.IntN(17)))}
				h, err := p.Take(ctx, need)
				cancel()
				if err != nil {
					continue
				}
				if n := places.Add(int64(need.Places)); n > int64(all.Places) {
					t.Errorf("%d places", n)
				}
				more := rng.Int64N(1 << 12)
				if !h.More(more) {
					more = 0
				}
				if n := used.Add(need.Bytes + more); n > all.Bytes {
					t.Errorf("%d bytes", n)
				}
				places.Add(-int64(need.Places))
				used.Add(-need.Bytes - more)
				h.Give()
			}
		})
	}
	work.Wait()
	if p.free != p.all || len(p.held) != 0 || !p.ring.Empty() {
		t.Errorf("%+v of %+v is free, %v held", p.free, p.all, p.held)
	}
}

// TestTry: who does not wait gets what somebody who waits would get at once, and is in nobody's way
// else.
func TestTry(t *testing.T) {
	p := NewPool(Need{4, 80})
	alice, bob := With(t.Context(), "alice"), With(t.Context(), "bob")
	var got []*Hold
	for range 3 {
		got = append(got, p.Try(alice, Need{Places: 1}))
	}
	if got[0] == nil || got[1] == nil || got[2] != nil {
		t.Errorf("she has %v, not half", got)
	}
	his := p.Try(bob, Need{Places: 9, Bytes: 999})
	if his != nil || !p.ring.Empty() || p.behind {
		t.Errorf("he has %v of what is not there", his)
	}
	if his = p.Try(bob, Need{1, 80}); his == nil {
		t.Fatal("he has nothing of what is there")
	}
	for _, h := range []*Hold{got[0], got[1], his} {
		h.Give()
	}
	if p.free != p.all || len(p.held) != 0 {
		t.Errorf("%+v is free, %v held", p.free, p.held)
	}
}
