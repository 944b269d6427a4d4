// Package held tells people that their questions wait for the store.
//
// The coordinator asks again (turn.Coordinator.Later); this package only says so to people. A
// thread's status says it within 3 s of the question, and is kept up, for Slack takes a status away
// after two minutes. A word to everybody who asked says it where statuses are refused, where waiting
// does not help by itself, and in threads beyond the first heldMost. Perhaps only this process cannot
// reach the store, and another one was told of the question, too: Slack tells again after 3 s. So a
// thread whose question is older than that is looked at, and is told nothing once it shows an answer.
//
// # Promises
//
// No method but Run blocks, and nothing is called while the lock is held. What waits here is in
// memory, and lost with the process: nothing hangs on it but what people are told.
package held

import (
	"context"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// tellAfter is how old a question is when its thread says that the bot waits for its database:
	// whoever asked knows within 3 s.
	tellAfter = 2 * time.Second
	// tellAgain is when that is said again: Slack takes a status away after two minutes
	// (facts/slack.md §4).
	tellAgain = 90 * time.Second
	// heldMost is how many threads are told by their status at most, those that wait longest: Slack
	// does not publish how often one may be set. In others a word says it.
	heldMost = 200
	// mostAsks is how many questions of one thread are remembered, and how many people who asked: as
	// many as wait for its next turn.
	mostAsks = 64
	// fresh is how old a question is at most of which Slack tells for the first time: it tells again
	// after 3 s.
	fresh = 4 * time.Second
)

// Config is what Questions need of others. Each function may be called from any goroutine.
type Config struct {
	// Status shows a line under a thread, empty takes it away, and reports whether Slack took it. It
	// may block for the network. nil: statuses are refused.
	Status func(ctx context.Context, t thread.ID, text string) bool
	// Whisper shows a word to one person. It may block for the network.
	Whisper func(ctx context.Context, t thread.ID, user, text string)
	History History
	// IsLive reports whether this process is at work on a thread: its status says more then.
	IsLive func(t thread.ID) bool
	// Later does something in the background. It does not block.
	Later func(do func(context.Context))
}

// History reads conversations. Both methods wait for the read budget.
type History interface {
	// Messages returns all messages of a thread, oldest first.
	Messages(ctx context.Context, t thread.ID) ([]thread.Message, error)
	// Recent returns the top-level messages of a conversation between two times, both excluded,
	// oldest first.
	Recent(ctx context.Context, channel, after, before string) ([]thread.Message, error)
}

// Questions are those that the store has not taken yet, as far as somebody is to be told of them.
// Their methods are safe for concurrent use.
type Questions struct {
	cfg Config

	mu      sync.Mutex // guards all below
	threads map[thread.ID]*waiting
	// shown are the threads whose status says that somebody waits, although nobody does any more.
	shown map[thread.ID]struct{}
}

// waiting is what is told in one thread: by its status, or by a word to everybody who asked.
type waiting struct {
	asks    []string // ts of the questions, at least one; of many the first ones
	askers  []asker
	since   time.Time
	lasting bool      // waiting does not help by itself
	byWord  bool      // statuses are refused, or do not say enough, or too many are shown
	heard   int       // how many of the askers were told by a word
	told    time.Time // when the status was shown last; zero: it was not
	look    bool      // somebody has to look whether another process has answered
	looked  time.Time // when somebody did last
}

// asker is who asked, and where they see a word.
type asker struct {
	user  string
	where thread.ID
}

// late reports whether another process may have been told of the question, too, and nobody has
// looked yet whether it has answered.
func (a *waiting) late(now time.Time) bool {
	return a.looked.IsZero() && now.Sub(turn.TS(a.asks[0]).Time()) > fresh
}

// New returns Questions of which there are none.
func New(cfg Config) *Questions {
	return &Questions{cfg: cfg, threads: map[thread.ID]*waiting{}, shown: map[thread.ID]struct{}{}}
}

// Add notes that somebody waits for the answer to q from now on. where is where they see a word.
func (h *Questions) Add(q thread.Question, where thread.ID) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[q.Thread]
	if a == nil {
		a = &waiting{since: now}
		h.threads[q.Thread] = a
	}
	if len(a.askers) < mostAsks && !slices.ContainsFunc(a.askers, func(who asker) bool { return who.user == q.User }) {
		a.askers = append(a.askers, asker{q.User, where})
		if a.byWord && a.heard == len(a.askers)-1 { // nobody else waits for that word
			a.since = now
		}
	}
	if len(a.asks) < mostAsks && !slices.Contains(a.asks, q.TS) {
		a.asks = append(a.asks, q.TS)
	}
}

// Lasts notes that waiting does not help by itself in a thread: people are told so at once.
func (h *Questions) Lasts(t thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.threads[t]; a != nil && a.told.IsZero() && a.heard == 0 {
		a.lasting, a.byWord = true, true
	}
}

// Drop notes that nobody waits any more for the answers to those questions of a thread that gone
// names by their ts; nil: to none of them. If none is left, the status goes.
func (h *Questions) Drop(t thread.ID, gone func(ts string) bool) {
	if h.drop(t, gone) {
		h.cfg.Later(func(ctx context.Context) { h.unsay(ctx, t) })
	}
}

// drop reports whether none is left although the status says that one waits.
func (h *Questions) drop(t thread.ID, gone func(ts string) bool) (shown bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a == nil {
		return false
	}
	if gone != nil {
		if a.asks = slices.DeleteFunc(a.asks, gone); len(a.asks) > 0 {
			return false
		}
	}
	delete(h.threads, t)
	if a.told.IsZero() {
		return false
	}
	h.shown[t] = struct{}{}
	return true
}

// Left takes the news that this process is not at work on a thread any more: its status may go.
func (h *Questions) Left(t thread.ID) {
	h.mu.Lock()
	_, shown := h.shown[t]
	h.mu.Unlock()
	if shown {
		h.cfg.Later(func(ctx context.Context) { h.unsay(ctx, t) })
	}
}

// statuses returns the threads whose status is to be shown now, those first where none is. Threads
// that wait when enough are shown are told by a word from now on.
func (h *Questions) statuses(now time.Time) (out []thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := 0
	for t, a := range h.threads {
		switch {
		case a.byWord:
		case !a.told.IsZero() && now.Sub(a.told) < tellAgain:
			shown++
		case now.Sub(a.since) >= tellAfter:
			out = append(out, t)
		}
	}
	h.sortLocked(out)
	for len(out) > 0 && shown+len(out) > heldMost {
		last := out[len(out)-1]
		out = out[:len(out)-1]
		h.threads[last].byWord = true
	}
	slices.SortStableFunc(out, func(a, b thread.ID) int { return h.threads[a].told.Compare(h.threads[b].told) })
	return out
}

// words returns the threads where a word is to be said now, those that wait longest first.
func (h *Questions) words(now time.Time) []thread.ID {
	return h.list(func(a *waiting) bool {
		return a.byWord && !a.look && a.heard < len(a.askers) && (a.lasting || now.Sub(a.since) >= tellAfter)
	})
}

// looks returns the threads where somebody has to look, those that wait longest first.
func (h *Questions) looks(time.Time) []thread.ID {
	return h.list(func(a *waiting) bool { return a.look })
}

func (h *Questions) list(which func(*waiting) bool) (out []thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for t, a := range h.threads {
		if which(a) {
			out = append(out, t)
		}
	}
	h.sortLocked(out)
	return out
}

func (h *Questions) sortLocked(threads []thread.ID) {
	slices.SortFunc(threads, func(a, b thread.ID) int { return h.threads[a].since.Compare(h.threads[b].since) })
}

// get returns what is to be told in a thread. It reports false if nothing is any more.
func (h *Questions) get(t thread.ID) (waiting, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a == nil {
		return waiting{}, false
	}
	out := *a
	out.asks, out.askers = slices.Clone(a.asks), slices.Clone(a.askers)
	return out, true
}

// note changes what is told in a thread, and reports whether somebody still waits there.
func (h *Questions) note(t thread.ID, change func(*waiting)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a != nil {
		change(a)
	}
	return a != nil
}
