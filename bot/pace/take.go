package pace

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// takeTime is how long a call after Take is assumed to be under way. Its place in the window is
// free a minute after that.
const takeTime = time.Second

// ticket is a place in a method's queue.
type ticket struct {
	head chan struct{} // closed when this ticket is the first
}

// Take waits until a call of a method, such as conversations.replies, fits the method's budget, and
// counts it as made now. Callers that wait for the same method are served in the order in which
// they came; nobody else is delayed. Take returns the cause of ctx when that ends first, and
// ErrStopped when Run has ended. If Slack then refuses the call, call Refused, and Take again.
func (s *Scheduler) Take(ctx context.Context, m Method) error {
	t := &ticket{head: make(chan struct{})}
	s.mu.Lock()
	s.queues[m] = append(s.queues[m], t)
	if len(s.queues[m]) == 1 {
		close(t.head)
	}
	s.mu.Unlock()
	defer s.leave(m, t)
	select {
	case <-t.head:
	case <-ctx.Done():
		return fmt.Errorf("wait for %s: %w", m, context.Cause(ctx))
	case <-s.stopped:
		return ErrStopped
	}
	for {
		select {
		case <-s.stopped:
			return ErrStopped
		default:
		}
		wait := s.tryTake(m)
		if wait <= 0 {
			return nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w", m, context.Cause(ctx))
		case <-s.stopped:
			timer.Stop()
			return ErrStopped
		}
	}
}

// TryTake counts a call of a method as made now and returns true, if the call can be made at once,
// nobody waits for the method, and less than that part of its budget is used. It does not block. It
// is for calls that can be left out, so that Take always finds the rest.
func (s *Scheduler) TryTake(m Method, part float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, lim := time.Now(), s.core.limit(m)
	if len(s.queues[m]) > 0 || !lim.spare(now, part) {
		return false
	}
	lim.accepted(now.Add(takeTime), lim.spend(now))
	return true
}

// tryTake counts a call and returns 0, or returns how long to wait before the next try.
func (s *Scheduler) tryTake(m Method) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, lim := time.Now(), s.core.limit(m)
	if lim.can(now) {
		lim.accepted(now.Add(takeTime), lim.spend(now))
		return 0
	}
	return max(lim.soonest(now, 1).Sub(now), time.Millisecond)
}

// leave removes a ticket, and gives the turn to the next if it was the first.
func (s *Scheduler) leave(m Method, t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[m]
	i := slices.Index(q, t)
	q = slices.Delete(q, i, i+1)
	if i == 0 && len(q) > 0 {
		close(q[0].head)
	}
	if len(q) == 0 {
		delete(s.queues, m)
		return
	}
	s.queues[m] = q
}

// Refused records that Slack refused a call that Take or TryTake had counted. The method pauses for
// retryAfter.
func (s *Scheduler) Refused(m Method, retryAfter time.Duration) {
	s.mu.Lock()
	lim := s.core.limit(m)
	lim.flying++ // the call was counted as returned
	if n := len(lim.past); n > 0 {
		lim.past = lim.past[:n-1]
	}
	lim.refused(time.Now(), retryAfter, false)
	s.mu.Unlock()
	s.poke()
}
