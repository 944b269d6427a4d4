package turn_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// world is the random test's view from above.
type world struct {
	t     *testing.T
	store *turn.Mem

	mu     sync.Mutex // guards all below
	rng    *rand.Rand
	held   map[string]map[*turn.Lease]string // by thread: the leases that somebody works on, and their process
	asked  map[string]turn.TS
	wrote  map[string]map[turn.TS]int // by thread: how often the end of an answer to it was really marked
	leases int
	done   int
	lost   int
}

func (w *world) int(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// check is the invariant: at most one lease of a thread passes Check at any time.
func (w *world) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, leases := range w.held {
		var owners []string
		for l, p := range leases {
			if l.Check() == nil {
				owners = append(owners, fmt.Sprintf("%s (epoch %d)", p, l.Epoch()))
			}
		}
		if len(owners) > 1 {
			w.t.Errorf("%s is written by %v", key, owners)
		}
	}
}

func (w *world) hold(p string, l *turn.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held[l.Key()] == nil {
		w.held[l.Key()] = map[*turn.Lease]string{}
	}
	w.held[l.Key()][l] = p
	w.leases++
}

func (w *world) drop(l *turn.Lease) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.held[l.Key()], l)
}

// answer works under a lease as the bot does, until it is over or ctx (the process) ends.
func (w *world) answer(ctx context.Context, name string, l *turn.Lease) {
	w.hold(name, l)
	defer w.drop(l)
	for {
		if !sleep(ctx, time.Duration(w.int(5000))*time.Millisecond) {
			return
		}
		if w.int(2) == 0 {
			_ = l.Reply(ctx, []string{fmt.Sprint(name, l.Epoch())}) // may be lost; the next call says it
		}
		w.check()
		for errors.Is(l.Check(), turn.ErrLapsed) && ctx.Err() == nil {
			sleep(ctx, 100*time.Millisecond)
		}
		if l.Check() != nil {
			w.mu.Lock()
			w.lost++
			w.mu.Unlock()
			return
		}
		if w.int(10) == 0 {
			_ = l.Release(ctx)
			return
		}
		answers := l.For()
		more, err := l.Done(ctx, answers)
		if err == nil {
			w.mu.Lock()
			w.wrote[l.Key()][answers]++
			w.done++
			w.mu.Unlock()
		}
		if !more {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// run is one process, from its start to its kill.
func (w *world) run(ctx context.Context, name string) {
	ctx, kill := context.WithCancel(ctx)
	var wg, turns sync.WaitGroup
	defer turns.Wait() // after wg, whose goroutines begin turns
	defer wg.Wait()
	defer kill() // in mid-answer
	store := &faulty{Store: w.store}
	leases := make(chan *turn.Lease, 1000)
	c := turn.NewCoordinator(store, turn.Config{
		Owner: name, TTL: ttl, Limit: 1 + w.int(8),
		Owed: func(l *turn.Lease, _ turn.Record) { leases <- l },
	})
	wg.Go(func() { _ = c.Run(ctx) })
	wg.Go(func() {
		for {
			select {
			case l := <-leases:
				turns.Go(func() { w.answer(ctx, name, l) })
			case <-ctx.Done():
				return
			}
		}
	})
	wg.Go(func() { w.trouble(ctx, store) })
	for range 5 + w.int(60) {
		if !sleep(ctx, time.Duration(w.int(1500))*time.Millisecond) {
			return
		}
		w.ask(ctx, c, name, &turns)
	}
	if w.int(2) == 0 { // a deploy instead of a kill
		c.Drain()
		w.ask(ctx, c, name, &turns)
		sleep(ctx, time.Duration(w.int(8000))*time.Millisecond)
	}
}

// ask asks something, as Slack does: again and again until it is taken, and sometimes once more.
func (w *world) ask(ctx context.Context, c *turn.Coordinator, name string, turns *sync.WaitGroup) {
	w.mu.Lock()
	key := fmt.Sprint("k", w.rng.IntN(6))
	ts := turn.TS(fmt.Sprintf("%d.%06d", time.Now().Unix(), w.rng.IntN(1e6)))
	twice := w.rng.IntN(5) == 0
	if w.wrote[key] == nil {
		w.wrote[key] = map[turn.TS]int{}
	}
	w.mu.Unlock()
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, time.Second)
		a, err := c.Ask(short, key, ts)
		cancel()
		if err != nil {
			sleep(ctx, time.Second)
			continue
		}
		w.mu.Lock()
		w.asked[key] = w.asked[key].Max(ts) // acked
		w.mu.Unlock()
		if l := a.Lease; l != nil {
			turns.Go(func() { w.answer(ctx, name, l) })
		}
		if !twice {
			return
		}
		twice = false
	}
}

// trouble is what befalls one process's connection to the store.
func (w *world) trouble(ctx context.Context, store *faulty) {
	for sleep(ctx, time.Duration(w.int(15000))*time.Millisecond) {
		hang := make(chan struct{})
		kind := w.int(3)
		store.set(func(f *faulty) {
			switch kind {
			case 0:
				f.down = errDown
			case 1:
				f.hang = hang
			case 2:
				f.unsure = 3
			}
		})
		sleep(ctx, time.Duration(w.int(9000))*time.Millisecond)
		store.set(func(f *faulty) { f.down, f.hang, f.unsure = nil, nil, 0 })
		close(hang)
	}
}

// TestRandomWorlds lets processes start, ask, answer, hang, lose their store, drain and die as dice
// fall. At any time at most one lease of a thread passes its Check; in the end everything asked is
// answered; nothing is marked answered twice.
func TestRandomWorlds(t *testing.T) {
	seeds := 10
	if testing.Short() {
		seeds = 3
	}
	var leases, done, lost int
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			w := &world{
				t: t, store: turn.NewMem(), rng: rand.New(rand.NewPCG(uint64(seed), 1)),
				held: map[string]map[*turn.Lease]string{}, asked: map[string]turn.TS{}, wrote: map[string]map[turn.TS]int{},
			}
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				for sleep(ctx, 50*time.Millisecond) {
					w.check()
				}
			})
			var lives sync.WaitGroup
			for i := range 3 {
				lives.Go(func() {
					for n := range 4 {
						w.run(ctx, fmt.Sprintf("p%d.%d", i, n))
					}
				})
			}
			lives.Wait()
			// One healthy process is left to finish everything.
			last := start(t, w.store, "last")
			wg.Go(func() {
				for {
					select {
					case l := <-last.owed:
						wg.Go(func() { w.answer(ctx, "last", l.Lease) })
					case <-ctx.Done():
						return
					}
				}
			})
			time.Sleep(5 * time.Minute)
			cancel()
			wg.Wait()
			last.stop()
			for key, ts := range w.asked {
				if r := record(t, w.store, key); r.Owed() || ts.After(r.Answered) || r.Owner != "" {
					t.Errorf("seed %d: %s asked %s: %+v", seed, key, ts, r)
				}
			}
			for key, answers := range w.wrote {
				for ts, n := range answers {
					if n > 1 {
						t.Errorf("seed %d: %s: %s answered %d times", seed, key, ts, n)
					}
				}
			}
			leases, done, lost = leases+w.leases, done+w.done, lost+w.lost
		})
	}
	t.Logf("%d leases, %d answers, %d lost on the way", leases, done, lost)
	if done < 100 || lost == 0 {
		t.Error("the worlds are too quiet to say anything")
	}
}

// TestHammer is for the race detector: real time, several goroutines on every method of two
// coordinators.
func TestHammer(t *testing.T) {
	m := turn.NewMem()
	const short = 80 * time.Millisecond
	work := make(chan *turn.Lease, 10000)
	cfg := turn.Config{TTL: short, Owed: func(l *turn.Lease, _ turn.Record) { work <- l }}
	ctx, cancel := context.WithCancel(t.Context())
	var coordinators []*turn.Coordinator
	var wg, askers sync.WaitGroup
	for _, name := range []string{"a", "b"} {
		cfg.Owner = name
		c := turn.NewCoordinator(m, cfg)
		coordinators = append(coordinators, c)
		wg.Go(func() { _ = c.Run(ctx) })
	}
	for g := range 8 {
		c := coordinators[g%2]
		askers.Go(func() {
			for n := range 150 {
				key, ts := fmt.Sprint("k", n%5), turn.TS(fmt.Sprintf("%d.%d", n+1, g))
				a, err := c.Ask(ctx, key, ts)
				if err != nil {
					t.Errorf("ask: %v", err)
				}
				if a.Lease != nil {
					work <- a.Lease
				}
				switch n % 10 {
				case 3:
					_ = c.Stop(ctx, key, ts)
				case 5:
					_, _ = c.Note(ctx, key, ts)
				case 7:
					c.Later(key, ts, n%3 == 0)
				}
				c.Owners()
				c.Pending()
			}
		})
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case l := <-work:
					_, _, _ = l.Epoch(), l.Key(), l.Check()
					_ = l.Reply(ctx, []string{"m"})
					closed(l.Stopped())
					closed(l.Lost())
					if n%5 == 0 {
						_ = l.Settled(ctx)
					}
					if n%7 == 0 {
						_ = l.Release(ctx)
					} else if more, _ := l.Done(ctx, l.For()); more {
						work <- l
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	askers.Wait()
	for begin := time.Now(); ; {
		owed := 0
		for n := range 5 {
			if record(t, m, fmt.Sprint("k", n)).Owed() {
				owed++
			}
		}
		if owed == 0 {
			break
		}
		if time.Since(begin) > 20*time.Second {
			t.Fatalf("%d threads still owed", owed)
		}
		<-time.After(short / 4)
	}
	coordinators[0].Drain()
	cancel()
	wg.Wait()
}
