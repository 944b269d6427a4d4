package pace

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// defaultSenders is how many calls may be under way at once. Slack answers in about 0.1 s and
// allows 50 edits a minute, so the number only matters when Slack hangs.
const defaultSenders = 16

// result is what a sender's goroutine returns to Run.
type result struct {
	lane *Lane
	call call
	out  Outcome
}

// Run makes the calls until ctx ends, and returns nil after the calls under way have. Call it once.
// To lose nothing, close the lanes and wait with Idle before ctx ends.
func (s *Scheduler) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	results := make(chan result, s.senders) // has room for all, so no sender blocks
	defer func() {
		wg.Wait()
		close(results)
		// A final whose call returned while we stop was shown.
		for r := range results {
			s.finish(r)
		}
		close(s.stopped)
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-timer.C:
		case r := <-results:
			s.finish(r)
		}
		calls, next := s.look(time.Now())
		for _, c := range calls {
			wg.Go(func() {
				results <- result{lane: c.to, call: c.call, out: send(ctx, c)}
			})
		}
		timer.Reset(next)
	}
}

// send makes a call. A sender that panics ends its own answer and no other.
func send(ctx context.Context, o order) (out Outcome) {
	defer func() {
		if p := recover(); p != nil {
			out = Outcome{Failed: true, Err: fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())}
		}
	}()
	return o.to.snd.Send(ctx, o.call.kind, o.call.final)
}

// order is a call with its lane.
type order struct {
	call call
	to   *Lane
}

// look hands the lanes' newest loads to the core. It returns the calls to make now, and how long to
// wait before looking again.
func (s *Scheduler) look(now time.Time) ([]order, time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cl := range s.core.lanes {
		s.live[cl].foldLocked(now)
	}
	s.settleLocked()
	var orders []order
	calls, next := s.core.decide(now, s.senders)
	for _, c := range calls {
		orders = append(orders, order{call: c, to: s.live[c.lane]})
		if s.hooks.Call != nil {
			s.hooks.Call(c.kind.Method(), c.why.String())
		}
		if c.hasText && s.hooks.Staleness != nil {
			s.hooks.Staleness(now.Sub(c.oldest))
		}
	}
	if len(calls) > 0 && s.hooks.Left != nil {
		s.hooks.Left(s.core.limit(MethodEdit).within(now, 0))
	}
	s.settleLocked()
	for _, cl := range s.core.lanes {
		if cl.wantText {
			l := s.live[cl]
			l.mu.Lock()
			l.armed = true
			if l.fresh { // it came after foldLocked
				s.poke()
			}
			l.mu.Unlock()
		}
	}
	return orders, max(next.Sub(now), 0)
}

// foldLocked hands the lane's newest load to the core. The caller holds s.mu.
func (l *Lane) foldLocked(now time.Time) {
	l.mu.Lock()
	load, at, fresh := l.load, l.arrived, l.fresh
	l.fresh = false
	l.mu.Unlock()
	if fresh {
		l.s.core.set(now, l.core, load, at)
	}
}

// finish hands an outcome to the core.
func (s *Scheduler) finish(r result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if r.out.RetryAfter > 0 && s.hooks.Refused != nil {
		s.hooks.Refused(r.call.kind.Method(), r.out.RetryAfter)
	}
	r.lane.foldLocked(now)
	s.core.done(now, r.call, r.out)
	// Set compares with this load, so it must follow what the sender reported. Otherwise a clean
	// lane that becomes dirty again would not wake Run.
	r.lane.mu.Lock()
	if !r.lane.fresh {
		r.lane.load = r.call.lane.load
	}
	r.lane.mu.Unlock()
	s.settleLocked()
}

// settleLocked ends the lanes that the core is done with. The caller holds s.mu.
func (s *Scheduler) settleLocked() {
	for _, cl := range slices.Backward(s.core.lanes) { // endLocked removes them
		l := s.live[cl]
		if cl.visible && !l.told {
			l.told = true
			if s.hooks.EndLag != nil {
				s.hooks.EndLag(cl.visibleAt.Sub(cl.closingAt))
			}
			close(l.done)
		}
		if cl.over {
			s.endLocked(l, cl.err)
		}
	}
}

// endLocked removes the lane. The caller holds s.mu.
func (s *Scheduler) endLocked(l *Lane, err error) {
	if _, ok := s.live[l.core]; !ok {
		return
	}
	delete(s.live, l.core)
	s.core.drop(l.core)
	if len(s.live) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	if !l.told {
		l.told = true
		l.err = err
		close(l.done)
	}
}
