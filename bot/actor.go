package bot

import (
	"context"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// filesWait is how long a question waits for the second of its two events, which tells its files:
// they come within milliseconds of each other (facts/slack.md §5.1). After that the thread tells
// them.
const filesWait = 400 * time.Millisecond

// inboxItem is something that an actor is told.
type inboxItem struct {
	ask   *thread.Question // also one that is known, in a newer form
	lease *turn.Lease      // of the thread: this process is to answer
	gone  string           // ts of a message that was deleted
	// now is the thread as it is, read after a change of which another process has heard.
	now []thread.Message
	at  turn.TS // of that change
}

// actor owns one live thread: what is asked, which lease the bot has, and the one turn that runs.
// It lives as long as there is work, and does no I/O. Its fields belong to its goroutine, but for
// those that say otherwise.
type actor struct {
	of     *actors
	thread thread.ID
	wake   chan struct{} // holds one: something is in the inbox
	inbox  []inboxItem   // guarded by of.mu
	behind int           // asks that the actor has taken and no turn has; guarded by of.mu

	asks    []thread.Question // not answered yet, oldest first
	lease   *turn.Lease
	since   time.Time   // when the oldest of asks came
	turn    *turnRun    // the one that runs; nil: none
	running chan report // gets its end
	work    atWork
	with    *turn.Lease // of the turn that runs, or ran last
}

// report is how a turn ended.
type report struct {
	answered turn.TS           // up to here the thread has its answer
	more     bool              // the lease goes on: something newer is owed
	asks     []thread.Question // the turn was called off: these are still owed
}

// run is the actor's goroutine. It returns when there is no work left. work ends when nothing may
// block any more, cut when streams must end.
func (a *actor) run(work, cut context.Context) {
	ripe := time.NewTimer(0)
	defer ripe.Stop()
	for {
		a.read()
		if a.turn == nil {
			switch {
			case a.lease != nil:
				if wait := a.waitForFiles(); wait > 0 && cut.Err() == nil {
					ripe.Reset(wait)
				} else {
					a.start(work, cut)
				}
			case a.of.remove(a):
				return
			default:
				continue
			}
		}
		select {
		case <-a.wake:
		case <-ripe.C:
		case <-cut.Done():
			if a.turn != nil {
				a.finish(<-a.running)
			}
		case r := <-a.running:
			a.finish(r)
		}
	}
}

// waitForFiles returns how long to wait for what an ask still has to be told of.
func (a *actor) waitForFiles() time.Duration {
	if !slices.ContainsFunc(a.asks, func(ask thread.Question) bool { return ask.FilesPending }) {
		return 0
	}
	return filesWait - time.Since(a.since)
}

// read takes the items of the inbox.
func (a *actor) read() {
	a.of.mu.Lock()
	inbox := a.inbox
	a.inbox, a.behind = nil, len(a.asks)+len(a.inbox)
	a.of.mu.Unlock()
	for _, item := range inbox {
		if item.gone != "" {
			a.delete(item.gone)
		}
		a.compare(item.now, item.at)
		if item.lease != nil {
			a.lease = item.lease
		}
		if item.ask != nil {
			a.insert(*item.ask)
		}
	}
}

// insert keeps asks in the order of their ts, each once. One that comes again replaces the older
// form if it was changed or tells more. One that a turn is answering, and that was changed, calls
// the turn off.
func (a *actor) insert(ask thread.Question) {
	if len(a.asks) == 0 {
		a.since = time.Now()
	}
	i, known := slices.BinarySearchFunc(a.asks, ask, func(have, ask thread.Question) int { return turn.TS(have.TS).Compare(turn.TS(ask.TS)) })
	switch {
	case known && (ask.Since().After(a.asks[i].Since()) || a.asks[i].FilesPending):
		a.asks[i] = ask
	case known:
	case a.turn != nil && a.turn.answers(ask.TS):
		if !a.turn.newer(ask) {
			return
		}
		fallthrough
	default:
		a.asks = slices.Insert(a.asks, i, ask)
	}
}

// compare takes in how the thread looks after a change: asks that are gone, or in a newer form.
func (a *actor) compare(now []thread.Message, at turn.TS) {
	if len(now) == 0 {
		return
	}
	pending := slices.Clone(a.asks)
	if a.turn != nil {
		pending = append(pending, a.turn.under()...)
	}
	for _, ask := range pending {
		i := slices.IndexFunc(now, func(m thread.Message) bool { return turn.TS(m.TS).Compare(turn.TS(ask.TS)) == 0 })
		switch {
		case i >= 0 && now[i].Question(a.thread).Since().After(ask.Since()):
			a.insert(now[i].Question(a.thread))
		// What is newer than the change may be newer than the read.
		case i < 0 && at.After(turn.TS(ask.TS)):
			a.delete(ask.TS)
		}
	}
}

// delete forgets an ask, and calls off the turn that answers it.
func (a *actor) delete(ts string) {
	a.asks = slices.DeleteFunc(a.asks, func(ask thread.Question) bool { return turn.TS(ask.TS).Compare(turn.TS(ts)) == 0 })
	if a.turn != nil {
		a.turn.drop(ts)
	}
}

// start begins a turn for all that is asked so far.
func (a *actor) start(work, cut context.Context) {
	t := a.of.newTurn(a.thread, a.lease, a.lease != a.with, a.asks)
	t.came, t.work = a.heard(), &a.work
	a.work.begins(t.came, t.known)
	a.asks, a.with, a.turn = nil, a.lease, t
	a.of.mu.Lock()
	a.behind = 0
	a.of.mu.Unlock()
	a.running = make(chan report, 1)
	done := a.running
	// The actor waits for it: it leaves its loop only when none runs.
	go func() { done <- t.run(work, cut) }()
}

// finish takes in how a turn ended.
func (a *actor) finish(r report) {
	a.turn, a.running = nil, nil
	a.work.ends()
	if !r.more && a.lease == a.with {
		a.lease = nil
	}
	a.asks = slices.DeleteFunc(a.asks, func(ask thread.Question) bool { return !ask.Since().After(r.answered) })
	for _, ask := range r.asks {
		if !slices.ContainsFunc(a.asks, func(have thread.Question) bool { return have.TS == ask.TS }) {
			a.insert(ask)
		}
	}
}

// maxInbox is how many messages to one thread wait for its next turn.
const maxInbox = 64

// actors is the table of the live threads, and of the actors that own them. Its methods are safe
// for concurrent use and do not block.
type actors struct {
	newTurn func(t thread.ID, l *turn.Lease, heir bool, known []thread.Question) *turnRun
	wake    chan struct{}  // holds one: an actor is to be started, or the last ask or actor has left
	all     sync.WaitGroup // the actors' goroutines; only start adds to it

	mu       sync.Mutex // guards all below, and what the actors say of it
	live     map[thread.ID]*actor
	starting []*actor // in live, without a goroutine yet
	// asking is how many asks are being taken: one of them may have a lease that no actor knows of
	// yet.
	asking   int
	draining bool // no new asks are taken
	over     bool // no actor is left, and none is started any more
}

func newActors(newTurn func(thread.ID, *turn.Lease, bool, []thread.Question) *turnRun) *actors {
	return &actors{newTurn: newTurn, wake: make(chan struct{}, 1), live: map[thread.ID]*actor{}}
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

// get returns the actor of a thread; nil: this process is not at work on it.
func (s *actors) get(t thread.ID) *actor {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[t]
}

// isLive reports whether this process is at work on a thread.
func (s *actors) isLive(t thread.ID) bool { return s.get(t) != nil }

// count returns how many threads are at work.
func (s *actors) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}
