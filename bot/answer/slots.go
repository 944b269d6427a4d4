package answer

import (
	"context"
	"maps"
	"slices"
	"sync"

	"llmbot/bot/fair"
)

// slots limits the answers in progress. Slots go round by person (see fairQueue), and everybody who
// waits hears their place.
type slots struct {
	mu   sync.Mutex // guards all below
	line fairQueue
}

// waiter is one question that waits.
type waiter struct {
	place int           // in the queue, 1 first; 0: it has its slot, or has left. Guarded by slots.mu
	ready chan struct{} // closed when the slot is the waiter's
	moved chan struct{} // holds one: the place has changed
}

func newSlots(n int) *slots { return &slots{line: newFairQueue(n)} }

// take waits for a slot for one of a person's questions. It calls told with the place in the queue,
// 1 first, at once and when it changes. The place may rise: a person who had no question waiting
// comes before other people's later ones. The error is ctx's cause.
func (s *slots) take(ctx context.Context, person string, told func(place int)) error {
	w := &waiter{ready: make(chan struct{}), moved: make(chan struct{}, 1)}
	s.join(person, w)
	for last := 0; ; {
		if place := s.place(w); place > 0 && place != last {
			told(place)
			last = place
		}
		select {
		case <-w.ready:
			return nil
		case <-w.moved:
		case <-ctx.Done():
			s.quit(person, w)
			return context.Cause(ctx)
		}
	}
}

// give returns a person's slot.
func (s *slots) give(person string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line.end(person)
	s.serveLocked()
}

// join queues a question.
func (s *slots) join(person string, w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line.ring.Join(person, w)
	s.serveLocked()
}

// quit takes a question out of the queue. If the question has got its slot meanwhile, quit gives it
// back.
func (s *slots) quit(person string, w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.line.ring.Quit(person, w) { // it got its slot at the same moment
		s.line.end(person)
	}
	s.serveLocked()
}

// serveLocked hands out the free slots, and tells those who wait their places.
func (s *slots) serveLocked() {
	for w := s.line.serve(); w != nil; w = s.line.serve() {
		w.place = 0
		close(w.ready)
	}
	for i, w := range s.line.order() {
		if w.place != i+1 {
			w.place = i + 1
			select {
			case w.moved <- struct{}{}:
			default:
			}
		}
	}
}

// place returns the place of a question in the queue; 0: it waits no longer.
func (s *slots) place(w *waiter) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.place
}

// queued returns how many wait.
func (s *slots) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.line.ring.Len()
}

// fairQueue knows who has slots and who waits for one: a round robin by person. It is pure
// arithmetic.
//
// Those who wait get one slot each in turn. A person's own questions are first come, first served.
// While others wait, nobody who holds half of the slots (rounded down, at least one) gets another;
// a person who waits alone may have all. So a person who holds less than half waits for at most one
// question of each of the others. Nobody loses a slot: a person who came to more than half alone
// gives them back answer by answer. Of an odd number one slot stays free, for whoever comes next,
// while just two people wait and each holds half.
type fairQueue struct {
	n       int
	running []string           // whose answers are in progress, in the order in which they began
	held    map[string]int     // how many each person has of them
	ring    fair.Ring[*waiter] // who waits
}

func newFairQueue(n int) fairQueue { return fairQueue{n: n, held: map[string]int{}} }

// serve gives a free slot to the person whose turn it is, and returns the question; nil: no slot is
// free, or it is nobody's turn.
func (l *fairQueue) serve() *waiter {
	if len(l.running) >= l.n {
		return nil
	}
	half, alone, whose := max(1, l.n/2), l.ring.People() == 1, ""
	w, ok := l.ring.Next(func(person string, _ *waiter) bool {
		whose = person
		return alone || l.held[person] < half
	})
	if !ok {
		return nil
	}
	l.running = append(l.running, whose)
	l.held[whose]++
	return w
}

// end takes back the slot that a person has had longest.
func (l *fairQueue) end(person string) {
	if i := slices.Index(l.running, person); i >= 0 {
		l.running = slices.Delete(l.running, i, i+1)
	}
	if l.held[person]--; l.held[person] <= 0 {
		delete(l.held, person)
	}
}

// order returns those who wait in the order in which they will be served, if nobody else comes and
// the answers end in the order in which they began.
func (l *fairQueue) order() []*waiter {
	if l.ring.Empty() {
		return nil
	}
	ahead := fairQueue{n: l.n, running: slices.Clone(l.running), held: maps.Clone(l.held), ring: l.ring.Clone()}
	out := make([]*waiter, 0, l.ring.Len())
	for !ahead.ring.Empty() {
		w := ahead.serve()
		if w == nil { // somebody has to end: if nobody ran, somebody would be served
			ahead.end(ahead.running[0])
			continue
		}
		out = append(out, w)
	}
	return out
}
