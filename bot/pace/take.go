package pace

import (
	"context"
	"fmt"
	"slices"
	"time"

	"llmbot/bot/fair"
)

// takeTime is how long a call after Take is assumed to be under way. Its place in the window is
// free a minute after that.
const takeTime = time.Second

// ticket is a call that waits for its method's budget.
type ticket struct {
	person string
	// also takes what else the call needs, and reports whether that was there; nil: nothing
	also func() bool
	mine chan struct{} // closed when the call may be made
	look chan struct{} // holds one: "look again, you keep the time now"
}

// queue holds those who wait for the budget of a method.
type queue struct {
	ring fair.Ring[*ticket]
	// all are in the order in which they came. The first one keeps the time: it wakes when the
	// budget has grown, and hands it to whoever's turn it is.
	all []*ticket
}

// Take waits until a call of a method, such as conversations.replies, fits the method's budget, and
// counts it as made now. Callers that wait for the same method are served round by person (package
// fair), each within their share of the minute (see limiter.shares), and each person's own in the
// order in which they came. Take returns the cause of ctx when that ends first, and ErrStopped when
// Run has ended. If Slack then refuses the call, call Refused, and Take again.
func (s *Scheduler) Take(ctx context.Context, m Method) error { return s.TakeWith(ctx, m, nil) }

// TakeWith is Take for a call that needs something else as well, such as a place: whoever waits for
// both holds neither, and nobody is waited for who lacks the other one. also takes that if it is
// there now, and reports whether it was. It is called with the Scheduler's lock held, perhaps by
// another goroutine, and not after TakeWith has returned; it does no I/O, and does not call the
// Scheduler. If TakeWith returns an error, also may have taken it. Call Look when it is there
// again.
func (s *Scheduler) TakeWith(ctx context.Context, m Method, also func() bool) error {
	t := &ticket{person: fair.Person(ctx), also: also, mine: make(chan struct{}), look: make(chan struct{}, 1)}
	s.enter(m, t)
	defer s.leave(m, t)
	for {
		select {
		case <-s.stopped:
			return ErrStopped
		default:
		}
		timer := time.NewTimer(s.serve(m, t))
		select {
		case <-t.mine:
			timer.Stop()
			return nil
		case <-timer.C:
		case <-t.look:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("wait for %s: %w", m, context.Cause(ctx))
		case <-s.stopped:
			timer.Stop()
			return ErrStopped
		}
		timer.Stop()
	}
}

// TryTake counts a call of a method as made now and returns true, if the call can be made at once,
// none of those who wait may make one, and less than that part of its budget is used. It does not
// block. It is for calls that can be left out, so that Take always finds the rest.
func (s *Scheduler) TryTake(m Method, part float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q := s.queues[m]; q != nil {
		s.serveLocked(m, q)
	}
	now, lim := time.Now(), s.core.limit(m)
	if !lim.spare(now, part) {
		return false
	}
	lim.accepted(now.Add(takeTime), lim.spend(now))
	return true
}

// Look tells those who wait in TakeWith for one of these methods that what else they need may be
// there now. It does not block.
func (s *Scheduler) Look(methods ...Method) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range methods {
		if q := s.queues[m]; q != nil {
			poke(q.all[0].look)
		}
	}
}

// enter queues a ticket.
func (s *Scheduler) enter(m Method, t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[m]
	if q == nil {
		q = &queue{}
		s.queues[m] = q
	}
	q.ring.Join(t.person, t)
	q.all = append(q.all, t)
	if keeper := q.all[0]; keeper != t {
		s.serveLocked(m, q)
		poke(keeper.look) // the next time to look may be another one now
	}
}

// serve hands out the budget that there is, and returns how long the ticket is to wait until it
// looks again, if nobody tells it to.
func (s *Scheduler) serve(m Method, t *ticket) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[m]
	if q.all[0] != t {
		return minute
	}
	return s.serveLocked(m, q)
}

// serveLocked hands out the budget that there is, and returns how long it takes until there may be
// more.
func (s *Scheduler) serveLocked(m Method, q *queue) time.Duration {
	now, lim := time.Now(), s.core.limit(m)
	for !q.ring.Empty() {
		if !lim.can(now) {
			return max(lim.soonest(now, 1).Sub(now), time.Millisecond)
		}
		t, ok := q.ring.Next(func(person string, t *ticket) bool {
			return lim.shares(now, person) && (t.also == nil || t.also())
		})
		if !ok {
			return max(lim.sharesAt(now).Sub(now), time.Millisecond)
		}
		back := now.Add(takeTime)
		lim.accepted(back, lim.spend(now))
		lim.used(back, t.person)
		close(t.mine)
	}
	return minute // nobody waits
}

// leave removes a ticket, and has the next one keep the time if it was the first.
func (s *Scheduler) leave(m Method, t *ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.queues[m]
	q.ring.Quit(t.person, t)
	i := slices.Index(q.all, t)
	q.all = slices.Delete(q.all, i, i+1)
	switch {
	case len(q.all) == 0:
		delete(s.queues, m)
	case i == 0:
		poke(q.all[0].look)
	}
}

// poke wakes who waits for c, which holds one, unless it is to wake already.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Refused records that Slack refused a call that Take had counted for the person of ctx, or TryTake
// for nobody: it comes out of no share then. The method pauses for retryAfter.
func (s *Scheduler) Refused(ctx context.Context, m Method, retryAfter time.Duration) {
	s.mu.Lock()
	lim := s.core.limit(m)
	lim.flying++ // the call was counted as returned
	if n := len(lim.past); n > 0 {
		lim.past = lim.past[:n-1]
	}
	lim.unused(fair.Person(ctx))
	lim.refused(time.Now(), retryAfter, false)
	s.mu.Unlock()
	s.poke()
}
