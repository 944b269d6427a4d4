package bot

import (
	"context"
	"slices"
	"sync"
)

// slots limits the answers in progress. Who comes first is served first, and whoever waits is told their place.
type slots struct {
	mu      sync.Mutex // guards all below
	free    int
	waiting []*waiter
}

type waiter struct {
	ready chan struct{} // closed when the slot is the waiter's
	moved chan struct{} // holds one: the place may have changed
}

func newSlots(n int) *slots { return &slots{free: n} }

// take waits for a slot; told is called with the place in the queue, 1 first, at once and when it changes. The error is ctx's cause.
func (s *slots) take(ctx context.Context, told func(place int)) error {
	s.mu.Lock()
	if s.free > 0 {
		s.free--
		s.mu.Unlock()
		return nil
	}
	w := &waiter{ready: make(chan struct{}), moved: make(chan struct{}, 1)}
	s.waiting = append(s.waiting, w)
	place := len(s.waiting)
	s.mu.Unlock()
	for last := 0; ; {
		if place > 0 && place != last { // 0: the slot is the waiter's by now
			told(place)
			last = place
		}
		select {
		case <-w.ready:
			return nil
		case <-w.moved:
			place = s.place(w)
		case <-ctx.Done():
			s.quit(w)
			return context.Cause(ctx)
		}
	}
}

// give returns a slot.
func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		s.free++
		return
	}
	close(s.waiting[0].ready)
	s.waiting = s.waiting[1:]
	s.movedLocked()
}

func (s *slots) movedLocked() {
	for _, w := range s.waiting {
		poke(w.moved)
	}
}

func (s *slots) place(w *waiter) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Index(s.waiting, w) + 1
}

func (s *slots) quit(w *waiter) {
	s.mu.Lock()
	i := slices.Index(s.waiting, w)
	if i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		s.movedLocked()
	}
	s.mu.Unlock()
	if i < 0 { // it got its slot at the same moment
		s.give()
	}
}

// queued is how many wait.
func (s *slots) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}
