package bot

import (
	"context"
	"sync"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// maxInbox is how many messages to one thread wait for its next turn.
const maxInbox = 64

// actors is the table of the live threads, and of the actors that own them. Its methods are safe
// for concurrent use and do not block, but for wait.
type actors struct {
	newTurn func(t thread.ID, l *turn.Lease, heir bool, known []thread.Question) *turnRun
	left    func(t thread.ID) // is told that an actor has left; must not block
	wake    chan struct{}     // holds one: an actor is to be started, or the last ask or actor has left
	all     sync.WaitGroup    // the actors' goroutines; only start adds to it

	mu       sync.Mutex // guards all below, and what the actors say of it
	live     map[thread.ID]*actor
	starting []*actor // in live, without a goroutine yet
	// asking is how many asks are being taken: one of them may have a lease that no actor knows of
	// yet.
	asking   int
	draining bool // no new asks are taken
	over     bool // no actor is left, and none is started any more
}

func newActors(newTurn func(thread.ID, *turn.Lease, bool, []thread.Question) *turnRun, left func(thread.ID)) *actors {
	return &actors{newTurn: newTurn, left: left, wake: make(chan struct{}, 1), live: map[thread.ID]*actor{}}
}

// deliver puts an item into a thread's inbox, and sees to it that the thread has an actor. A lease
// that comes when the bot has stopped is left to lapse: the process ends.
func (s *actors) deliver(t thread.ID, item inboxItem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.live[t]
	switch {
	case a != nil && a.behind+len(a.inbox) >= maxInbox && item.lease == nil:
		return ErrBusy
	case s.over:
		return ErrDraining
	case a == nil && item.lease == nil:
		return nil // nobody is at work on it here, and nothing was claimed
	case a == nil:
		a = &actor{of: s, thread: t, wake: make(chan struct{}, 1)}
		s.live[t] = a
		s.starting = append(s.starting, a)
		poke(s.wake)
	}
	a.inbox = append(a.inbox, item)
	poke(a.wake)
	return nil
}

// start starts the actors that have no goroutine yet. work and cut are as in [actor.run].
func (s *actors) start(work, cut context.Context) {
	s.mu.Lock()
	starting := s.starting
	s.starting = nil
	s.mu.Unlock()
	for _, a := range starting {
		s.all.Go(func() { a.run(work, cut) })
	}
}

// remove takes an actor out of the table. It reports false, and does nothing, if something is in
// its inbox.
func (s *actors) remove(a *actor) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(a.inbox) > 0 {
		return false
	}
	delete(s.live, a.thread)
	if s.draining {
		poke(s.wake)
	}
	return true
}

// enter notes that an ask is being taken, until exit. It reports false when none is taken any more.
func (s *actors) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		return false
	}
	s.asking++
	return true
}

func (s *actors) exit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking--
	if s.draining {
		poke(s.wake)
	}
}

// drain has no ask taken any more, and returns how many threads are at work.
func (s *actors) drain() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	return len(s.live)
}

// seal reports whether no actor is left and none is about to come. If so, none begins any more.
func (s *actors) seal() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = len(s.live) == 0 && s.asking == 0
	return s.over
}

// wait returns when all actors have ended.
func (s *actors) wait() { s.all.Wait() }

// get returns the actor of a thread; nil: this process is not at work on it.
func (s *actors) get(t thread.ID) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[t]
}

// isLive reports whether this process is at work on a thread.
func (s *actors) isLive(t thread.ID) bool { return s.get(t) != nil }

// in returns the threads of a channel that this process is at work on.
func (s *actors) in(channel string) (out []thread.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.live {
		if t.Channel == channel {
			out = append(out, t)
		}
	}
	return out
}

// count returns how many threads are at work.
func (s *actors) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}
