package pace

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Method is the name of a Slack Web API method. Each method has its own budget.
type Method string

// The methods that lanes use.
const (
	MethodPost   Method = "chat.postMessage"
	MethodEdit   Method = "chat.update"
	MethodDelete Method = "chat.delete"
	MethodStart  Method = "chat.startStream"
	MethodAppend Method = "chat.appendStream"
	MethodStop   Method = "chat.stopStream"
)

// shared reports whether the method's budget is divided among processes by the answers that they
// write. Other methods, reads above all, are called at most once a turn: a process with few answers
// must not wait for them while the workspace has budget left. If all processes together call too
// often, Slack refuses calls of each.
func (m Method) shared() bool {
	switch m {
	case MethodPost, MethodEdit, MethodDelete, MethodStart, MethodAppend, MethodStop:
		return true
	}
	return false
}

// Kind is what a call does.
type Kind int

// The kinds of calls.
const (
	// None is no call.
	None Kind = iota
	// Post is a new message: the first of an answer, or its next page.
	Post
	// Edit changes the newest message.
	Edit
	// Continue posts what is not visible yet as a new message, because Slack refuses the edit that
	// would show it for too long. Only pace asks for it, and only for a final; a Load never has it.
	Continue
	// Start begins a native stream.
	Start
	// Append adds to a native stream.
	Append
	// Stop ends a native stream; it may carry text.
	Stop
	// Delete removes a message.
	Delete
)

// String returns the kind in lower case.
func (k Kind) String() string {
	switch k {
	case Post:
		return "post"
	case Edit:
		return "edit"
	case Continue:
		return "continue"
	case Start:
		return "start"
	case Append:
		return "append"
	case Stop:
		return "stop"
	case Delete:
		return "delete"
	case None:
	}
	return "none"
}

// Method returns the method whose budget a call of this kind needs.
func (k Kind) Method() Method {
	switch k {
	case Post, Continue:
		return MethodPost
	case Start:
		return MethodStart
	case Append:
		return MethodAppend
	case Stop:
		return MethodStop
	case Delete:
		return MethodDelete
	case Edit, None:
	}
	return MethodEdit
}

// Load is what an answer could show now. It is a value, and the newest one replaces the one before.
type Load struct {
	// Text is the number of characters of the whole answer that exist now, small print not counted.
	Text int
	// Next is the kind of call that would show more of the answer. The zero value means Post while
	// nothing has been shown, then Edit.
	Next Kind
	// Dirty means that a call would change something; small print and buttons count. Small print
	// without any text is posted at once, so before there is text, set Dirty only for what is worth
	// a message.
	Dirty bool
	// Closing means that the answer is complete, so that the next calls show its final.
	Closing bool
	// Rev orders loads. When Set is called during a call, the Set load and the call's Outcome.Load
	// compete, and the one with the higher Rev counts. A sender that counts its changes under its
	// mutex never gives pace an old Next. If both are zero, the outcome's counts, and Set only adds
	// Text, Dirty and Closing.
	Rev uint64
}

// Outcome is the outcome of a call.
type Outcome struct {
	// Shown is the number of characters of the whole answer that are visible after the call. After
	// a call that failed, it is what was visible before.
	Shown int
	// Load is what remains to be shown. A final is done when this Load is not Dirty.
	Load Load
	// Err reports that the call failed. Without RetryAfter and Failed, the call is retried a few
	// times.
	Err error
	// RetryAfter, if above zero, reports that Slack refused the call for its rate (HTTP 429, or
	// ratelimited). The method pauses that long (posts: in this channel); then the lane sends what
	// is newest. Set it to a second if Slack names no time.
	RetryAfter time.Duration
	// Failed reports that no further call will help. The lane ends, and Close returns Err.
	Failed bool
	// Skipped reports that no call was made, because there was nothing to send or it was not of the
	// right kind. It costs no budget. Load has what is next.
	Skipped bool
}

// Sender makes the calls of one lane.
type Sender interface {
	// Send makes one call of the given kind with the newest text, and blocks until its outcome is
	// known. final means that the answer is complete, so that the call shows all of it if it fits.
	// A lane has at most one call under way. ctx ends with Scheduler.Run.
	Send(ctx context.Context, kind Kind, final bool) Outcome
}

// Hooks report what happens, for metrics. Each may be nil. Run calls them one at a time; they must
// not block or call the Scheduler.
type Hooks struct {
	// Call is called for each call with its reason: "first", "read", "live", "print", "final",
	// "continue", "tidy".
	Call func(m Method, reason string)
	// Refused is called when Slack refuses a call for its rate.
	Refused func(m Method, retryAfter time.Duration)
	// Left is called with how many edits could be made at once now.
	Left func(edits int)
	// EndLag is called with the time from Close until the complete text is visible.
	EndLag func(d time.Duration)
	// Staleness is called with the age of the oldest text that a call made visible.
	Staleness func(d time.Duration)
}

// Config configures a Scheduler. The zero value is usable.
type Config struct {
	// Limits are calls a minute by method. A missing method has the limit of Slack's documents.
	Limits map[Method]int
	// Scale multiplies the documents' limits, for an app to which Slack granted more, or an
	// emulator without limits; below 1: 1.
	Scale float64
	// Senders is how many calls may be under way at once; 0: 16.
	Senders int
	// Share is the part of the budget that this process may use, above 0 up to 1; 0: 1.
	Share float64
	Hooks Hooks
}

// ErrStopped is the error of Close and Take when Run has ended.
var ErrStopped = errors.New("pace: scheduler stopped")

// ErrFailed is the error of Close when the Sender gave up without saying why.
var ErrFailed = errors.New("pace: sender gave up")

// ErrPanic is the error of Close when the Sender panicked; the stack is in its text.
var ErrPanic = errors.New("pace: sender panicked")

// ErrAbandoned is the error of Close when the lane was abandoned.
var ErrAbandoned = errors.New("pace: lane abandoned")

// Scheduler shares the budget among lanes. Its methods are safe for concurrent use.
type Scheduler struct {
	hooks   Hooks
	senders int
	wake    chan struct{} // holds one: "look again"
	stopped chan struct{} // closed when Run has ended

	mu     sync.Mutex // guards all below
	core   *core
	live   map[*lane]*Lane
	queues map[Method]*queue // callers of Take that wait
	idle   chan struct{}     // closed when no lane is left; nil if nobody waits
}

// New returns a Scheduler. It makes no call before Run.
func New(cfg Config) *Scheduler {
	c := newCore(cfg.Limits, cfg.Share)
	c.scale = cfg.Scale
	return &Scheduler{
		hooks:   cfg.Hooks,
		senders: cmpOr(cfg.Senders, defaultSenders),
		wake:    make(chan struct{}, 1),
		stopped: make(chan struct{}),
		core:    c,
		live:    make(map[*lane]*Lane),
		queues:  make(map[Method]*queue),
	}
}

// Open adds an answer to be shown in a channel. It does not block. End the lane with Close or
// Abandon.
func (s *Scheduler) Open(channel string, snd Sender) *Lane {
	l := &Lane{s: s, snd: snd, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.core = s.core.open(time.Now(), channel)
	s.live[l.core] = l
	return l
}

// SetShare sets the part of the budget that this process may use, above 0 up to 1; other processes
// use the rest.
func (s *Scheduler) SetShare(share float64) {
	s.mu.Lock()
	s.core.setShare(share)
	s.mu.Unlock()
	s.poke()
}

// StreamFits reports whether a native stream may be opened now: there is budget for its start, and
// for its stop after those of all open streams. A lane counts as a stream as soon as its Load has
// Next Start, even if the Load is not Dirty.
func (s *Scheduler) StreamFits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, streams := time.Now(), 0
	for _, cl := range s.core.lanes {
		s.live[cl].foldLocked(now)
		if cl.native() && !cl.over {
			streams++
		}
	}
	return s.core.limit(MethodStart).can(now) && s.core.limit(MethodStop).cautious(now, 0) > streams
}

// Left returns how many calls of a method can be made within d from now, as far as is known.
func (s *Scheduler) Left(m Method, d time.Duration) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.core.limit(m).within(time.Now(), d)
}

// Idle returns nil when no lane is left, not even one that only waits for the cleanup after a
// continuation message. It returns ErrStopped when Run has ended, and the cause of ctx when that
// ends first.
func (s *Scheduler) Idle(ctx context.Context) error {
	s.mu.Lock()
	if len(s.live) == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-s.stopped:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// poke wakes Run.
func (s *Scheduler) poke() { poke(s.wake) }

// Lane is one answer. Its methods are safe for concurrent use.
type Lane struct {
	s    *Scheduler
	snd  Sender
	core *lane         // owned by s.core, guarded by s.mu
	done chan struct{} // closed when the answer is visible or given up
	err  error         // set before done is closed
	told bool          // done is closed; guarded by s.mu

	mu      sync.Mutex // guards all below; taken after s.mu, or alone
	load    Load       // the newest
	arrived time.Time  // when its text last grew
	fresh   bool       // Run does not know load yet
	armed   bool       // Run wants to be woken by the next text
}

// Set replaces what the answer could show. It never waits for a call and keeps no queue: the newest
// load wins. After Close it does nothing.
func (l *Lane) Set(load Load) {
	l.set(load, false)
}

func (l *Lane) set(load Load, closing bool) {
	l.mu.Lock()
	if l.load.Closing && !closing {
		l.mu.Unlock()
		return
	}
	wake := closing || l.armed || load.Dirty && !l.load.Dirty || load.Text > 0 && l.load.Text == 0 || load.Next != l.load.Next
	if load.Text > l.load.Text {
		l.arrived = time.Now()
	}
	l.load, l.fresh = load, true
	if wake {
		l.armed = false
	}
	l.mu.Unlock()
	if wake {
		l.s.poke()
	}
}

// Close sets the complete answer and returns nil when it is visible: when the Sender has reported a
// Load that is not dirty, or one with nothing left but the cleanup after a continuation message,
// which goes on without the caller (see Idle). It returns the Sender's error when that was
// permanent or came a few times, ErrStopped when Run has ended, and the cause of ctx when that ends
// first; the lane then makes no further call. A second call returns the same.
func (l *Lane) Close(ctx context.Context, load Load) error {
	load.Closing = true
	l.set(load, true)
	select {
	case <-l.done:
		return l.err
	case <-l.s.stopped:
		select {
		case <-l.done:
			// Both at once: what was reached counts.
			return l.err
		default:
			return ErrStopped
		}
	case <-ctx.Done():
		l.Abandon()
		return context.Cause(ctx)
	}
}

// Abandon ends the lane without a final. It makes no further call, and does not cancel one that is
// under way.
func (l *Lane) Abandon() {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	l.s.endLocked(l, ErrAbandoned)
}

func cmpOr(v, def int) int {
	if v > 0 {
		return v
	}
	return def
}
