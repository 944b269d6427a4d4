//go:build linux

package bot_test

import (
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"llmbot/llm/llmsim"
)

// seats keep a number of replicas running, whatever becomes of the processes.
type seats struct {
	a  *arena
	mu sync.Mutex // guards all below
	in []*life
}

// fill starts a process in each seat, and another one whenever it has ended, until ctx does.
func (s *seats) fill(ctx context.Context, n int, down time.Duration) {
	s.in = make([]*life, n)
	for i := range n {
		s.in[i] = s.a.start(i)
		s.a.all.Go(func() {
			for {
				select {
				case <-s.get(i).done:
				case <-ctx.Done():
					return
				}
				if !pause(ctx, down) {
					return
				}
				l := s.a.start(i)
				s.mu.Lock()
				s.in[i] = l
				s.mu.Unlock()
			}
		})
	}
}

func (s *seats) get(i int) *life {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.in[i]
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// chaos does to the processes, and to what they need, what happens to them in the world.
type chaos struct {
	a     *arena
	seats *seats
	rand  *rand.Rand

	kills, freezes, restarts, outages, deploys int // read when run has returned
}

// run goes on until ctx ends, and then puts everything in order again.
func (c *chaos) run(ctx context.Context, every time.Duration) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { c.model(ctx) })
	all.Go(func() { c.postgres(ctx) })
	all.Go(func() { c.deploy(ctx) })
	if every <= 0 {
		return
	}
	for pause(ctx, time.Duration((0.5+c.rand.Float64())*float64(every))) {
		seat, kill := c.rand.IntN(*tortureReplicas), c.rand.Float64() < *tortureKills
		long := time.Second + time.Duration(c.rand.Float64()*float64(max(0, *tortureFreeze-time.Second)))
		l := c.seats.get(seat)
		switch {
		case l.over(), !kill && l.isFrozen():
		case kill:
			c.kills++
			all.Go(func() { c.a.kill(l) })
		default:
			c.freezes++
			c.a.note(l, "frozen for %s", long.Round(time.Millisecond))
			thaw := c.a.freeze(l)
			all.Go(func() {
				pause(ctx, long)
				thaw()
			})
		}
	}
}

// model restarts the model server: what it writes is cut, and nobody takes connections for a while.
func (c *chaos) model(ctx context.Context) {
	if *tortureModel <= 0 {
		return
	}
	for pause(ctx, *tortureModel) {
		c.restarts++
		c.a.model.SetMode(llmsim.Refusing)
		n := c.a.model.Interrupt(llmsim.Tape{llmsim.Cut()})
		c.a.note(nil, "the model server restarts, %d answers are cut", n)
		pause(ctx, *tortureModelDown)
		c.a.model.SetMode(llmsim.Up)
		c.a.note(nil, "the model server is back")
	}
}

// deploy replaces one replica after the other: those of -torture.old with the program, and then
// back. When ctx ends, the program is in all seats.
func (c *chaos) deploy(ctx context.Context) {
	if *tortureOld == "" {
		return
	}
	for seat := 0; pause(ctx, *tortureRoll); seat = (seat + 1) % *tortureReplicas {
		c.deploys++
		c.version(seat, !c.a.isOld(seat))
	}
	for seat := range *tortureReplicas {
		if c.a.isOld(seat) {
			c.version(seat, false)
		}
	}
}

// version has the next process in a seat be of a version, and ends the one that is there.
func (c *chaos) version(seat int, old bool) {
	c.a.mu.Lock()
	c.a.old[seat] = old
	c.a.mu.Unlock()
	c.a.term(c.seats.get(seat))
}

// postgres stops and starts the database, if it is ours to stop.
func (c *chaos) postgres(ctx context.Context) {
	ctl := strings.Fields(os.Getenv("LLMBOT_TEST_POSTGRES_CTL"))
	if *torturePostgres <= 0 || len(ctl) == 0 {
		return
	}
	control := func(what string) {
		cmd := exec.Command(ctl[0], append(slices.Clip(ctl[1:]), what)...) // its output must not be a pipe: the server would keep it open
		if err := cmd.Run(); err != nil {
			c.a.t.Errorf("PostgreSQL %s: %v", what, err)
		}
		c.a.note(nil, "PostgreSQL: %s", what)
	}
	for pause(ctx, *torturePostgres) {
		c.outages++
		control("stop")
		pause(ctx, *torturePostgresDown)
		control("start")
	}
}
