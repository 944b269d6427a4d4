// Package held tells people that their questions wait for the store. The coordinator asks again
// (turn.Coordinator.Later); this package only says so.
//
// A thread's status says it within 3 s of the question, and is kept up. A word to everybody who asked
// says it where statuses are refused, where waiting does not help by itself, and in threads beyond
// the first mostShown. Perhaps only this process cannot reach the store, and another one was told of
// the question, too: a thread whose question is older than fresh is looked at, and is told nothing
// once it shows an answer.
//
// Nothing of Config is called while the lock is held, and no method but Run blocks. What waits here is in
// memory: nothing hangs on it but what people are told.
package held

import (
	"context"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

const (
	// tellAfter is how old a question is when its thread says that the bot waits for its database:
	// whoever asked knows within 3 s.
	tellAfter = 2 * time.Second
	// tellAgain is when that is said again: Slack takes a status away after two minutes
	// (facts/slack.md §4).
	tellAgain = 90 * time.Second
	// lookAround is how often Run looks which threads are to be told.
	lookAround = 250 * time.Millisecond
	// mostShown is how many threads are told by their status at most, those that wait longest: Slack
	// does not publish how often one may be set. In others a word says it.
	mostShown = 200
	// mostAsks is how many questions of one thread are remembered, and how many people who asked: as
	// many as wait for its next turn.
	mostAsks = 64
	// statusesAtOnce is how many statuses are set at the same time, and wordsAtOnce how many words
	// are said.
	statusesAtOnce = 16
	wordsAtOnce    = 4
	// wordTimeout is how long one word may take: its budget is full again by then.
	wordTimeout = time.Minute
	// fresh is how old a question is at most of which Slack tells for the first time: it tells again
	// after 3 s.
	fresh = 4 * time.Second
	// readTimeout is how long a look at a thread may take, and readEvery the pause between two: they
	// come out of the reads that answers need (50 a minute).
	readTimeout = 20 * time.Second
	readEvery   = 4 * time.Second
)

const (
	statusHeld  = "is waiting for its database…"
	heldWord    = "I have your question, and wait for my database. I answer as soon as it is there again."
	lastingWord = "I can't take your question now: my database takes nothing, and needs the people who run me. I answer when they have mended it."
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
}

// History reads conversations, as catchup's does.
type History interface {
	Messages(ctx context.Context, t thread.ID) ([]thread.Message, error)
	Recent(ctx context.Context, channel, after, before string) ([]thread.Message, error)
}

// Questions are those that the store has not taken yet, as far as somebody is to be told of them.
// Their methods are safe for concurrent use.
type Questions struct {
	cfg     Config
	dropped chan struct{} // holds one: a status is to go

	mu      sync.Mutex // guards threads
	threads map[thread.ID]*waiting
}

// waiting is what is told in one thread: by its status, or by a word to everybody who asked.
type waiting struct {
	asks    []string // ts of the questions; of many the first ones. None: the status is to go
	askers  []asker
	since   time.Time
	lasting bool      // waiting does not help by itself
	byWord  bool      // statuses are refused, or do not say enough, or too many are shown
	heard   int       // how many of the askers were told by a word
	shown   bool      // the status may still say so
	told    time.Time // when it was shown last to those who wait; zero: it was not
	look    bool      // somebody has to look whether another process has answered
	looked  time.Time // when somebody did last; zero: nobody did
}

// asker is who asked, and where they see a word.
type asker struct {
	user  string
	where thread.ID
}

// late reports whether another process may have been told of the question, too, and nobody has
// looked since the status was shown whether it has answered.
func (a *waiting) late(now time.Time) bool {
	return !a.looked.After(a.told) && now.Sub(turn.TS(a.asks[0]).Time()) > fresh
}

// New returns Questions of which there are none.
func New(cfg Config) *Questions {
	return &Questions{cfg: cfg, dropped: make(chan struct{}, 1), threads: map[thread.ID]*waiting{}}
}

// Add notes that somebody waits for the answer to q from now on. where is where they see a word.
func (h *Questions) Add(q thread.Question, where thread.ID) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[q.Thread]
	if a == nil || len(a.asks) == 0 {
		a = &waiting{since: now, shown: a != nil}
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
// names by their ts; nil: to none of them. If none is left, its status goes.
func (h *Questions) Drop(t thread.ID, gone func(ts string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	switch {
	case a == nil:
		return
	case gone == nil:
		a.asks = nil
	default:
		a.asks = slices.DeleteFunc(a.asks, gone)
	}
	switch {
	case len(a.asks) > 0:
	case a.shown:
		h.goesLocked()
	default:
		delete(h.threads, t)
	}
}

// goesLocked has Run see at once that a status is to go.
func (h *Questions) goesLocked() {
	select {
	case h.dropped <- struct{}{}:
	default:
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
		case a.byWord || len(a.asks) == 0:
		case !a.told.IsZero() && now.Sub(a.told) < tellAgain:
			shown++
		case now.Sub(a.since) >= tellAfter:
			out = append(out, t)
		}
	}
	h.sortLocked(out)
	for len(out) > 0 && shown+len(out) > mostShown {
		last := out[len(out)-1]
		out = out[:len(out)-1]
		h.threads[last].byWord = true
	}
	slices.SortStableFunc(out, func(a, b thread.ID) int { return h.threads[a].told.Compare(h.threads[b].told) })
	return out
}

// words returns the threads where a word is to be said now, and over those whose status is to go: each
// time those that wait longest first.
func (h *Questions) words(now time.Time) []thread.ID {
	return h.list(func(a *waiting) bool {
		return len(a.asks) > 0 && a.byWord && !a.look && a.heard < len(a.askers) && (a.lasting || now.Sub(a.since) >= tellAfter)
	})
}

// looks returns the threads where somebody has to look, those first where nobody ever did, or not for
// long: a status that is shown again wants one each time.
func (h *Questions) looks(time.Time) []thread.ID {
	out := h.list(func(a *waiting) bool { return len(a.asks) > 0 && a.look })
	h.mu.Lock()
	defer h.mu.Unlock()
	looked := func(t thread.ID) (at time.Time) {
		if a := h.threads[t]; a != nil {
			at = a.looked
		}
		return at
	}
	slices.SortStableFunc(out, func(a, b thread.ID) int { return looked(a).Compare(looked(b)) })
	return out
}

// over leaves out what this process is at work on: that says more, and takes the status away.
func (h *Questions) over(time.Time) []thread.ID {
	return slices.DeleteFunc(h.list(func(a *waiting) bool { return len(a.asks) == 0 }), h.cfg.IsLive)
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
	if a == nil || len(a.asks) == 0 {
		return waiting{}, false
	}
	out := *a
	out.asks, out.askers = slices.Clone(a.asks), slices.Clone(a.askers)
	return out, true
}

// note changes what is told in a thread.
func (h *Questions) note(t thread.ID, change func(*waiting)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.threads[t]; a != nil {
		change(a)
	}
}

// Run tells people, until ctx ends, that their questions wait for the database. The status of a new
// thread waits for no word, and neither of them for a look.
func (h *Questions) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { each(ctx, nil, h.statuses, statusesAtOnce, 0, h.tellStatus) })
	all.Go(func() { each(ctx, nil, h.words, wordsAtOnce, 0, h.tellWord) })
	all.Go(func() { each(ctx, nil, h.looks, 1, readEvery, h.look) })
	all.Go(func() { each(ctx, h.dropped, h.over, statusesAtOnce, 0, h.unsay) })
}

// each does something in the threads that are due, some at once, and pauses after them, until ctx
// ends. It looks which are due now and then, and when it is woken.
func each(ctx context.Context, wake <-chan struct{}, due func(now time.Time) []thread.ID, atOnce int, pause time.Duration, do func(context.Context, thread.ID)) {
	for ctx.Err() == nil {
		threads := due(time.Now())
		if len(threads) == 0 {
			select {
			case <-wake:
			case <-time.After(lookAround):
			case <-ctx.Done():
			}
			continue
		}
		var all sync.WaitGroup
		for _, t := range threads[:min(len(threads), atOnce)] {
			all.Go(func() { do(ctx, t) })
		}
		all.Wait()
		_ = wait.For(ctx, pause)
	}
}

// tellStatus says by the status of a thread that its question waits.
func (h *Questions) tellStatus(ctx context.Context, t thread.ID) {
	if h.cfg.Status == nil || !h.cfg.Status(ctx, t, statusHeld) {
		h.note(t, func(a *waiting) { a.byWord = true })
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a == nil { // nobody waits any more
		a = &waiting{}
		h.threads[t] = a
		h.goesLocked()
	}
	// The look comes after the status: an answer that is posted after the status takes it away, and
	// one that was posted before is seen then. The other way round, one between the two would be
	// missed.
	a.shown, a.told = true, time.Now()
	a.look = a.look || len(a.asks) > 0 && a.late(a.told)
}

// unsay takes the status away where nobody waits any more.
func (h *Questions) unsay(ctx context.Context, t thread.ID) {
	h.mu.Lock()
	a := h.threads[t]
	gone := a != nil && len(a.asks) == 0
	if gone {
		delete(h.threads, t)
	}
	h.mu.Unlock()
	if gone {
		h.cfg.Status(ctx, t, "")
	}
}

// tellWord says to everybody who asked in a thread, and does not know it yet, that the question
// waits.
func (h *Questions) tellWord(ctx context.Context, t thread.ID) {
	a, ok := h.get(t)
	if !ok {
		return
	}
	word := heldWord
	switch {
	case a.lasting:
		word = lastingWord
	case a.late(time.Now()):
		h.note(t, func(a *waiting) { a.look = true })
		return // until somebody has looked
	}
	ctx, cancel := context.WithTimeout(ctx, wordTimeout)
	defer cancel()
	for _, who := range a.askers[a.heard:] {
		h.cfg.Whisper(ctx, who.where, who.user, word)
	}
	h.note(t, func(now *waiting) { now.heard = len(a.askers) })
}

// look forgets what waits in a thread if another process has answered it.
func (h *Questions) look(ctx context.Context, t thread.ID) {
	a, ok := h.get(t)
	if !ok {
		return
	}
	if h.isAnswered(ctx, t, a.asks) {
		h.Drop(t, func(ts string) bool { return slices.Contains(a.asks, ts) })
	}
	h.note(t, func(a *waiting) { a.look, a.looked = false, time.Now() })
}

// isAnswered reports whether a thread shows answers to all questions that wait in it. The thread
// itself is read only if its first message shows that something followed: answers need those reads
// when the store is back.
func (h *Questions) isAnswered(ctx context.Context, t thread.ID, asks []string) bool {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	newest := turn.TS(slices.MaxFunc(asks, func(x, y string) int { return turn.TS(x).Compare(turn.TS(y)) }))
	began := turn.TS(t.TS).Time()
	first, err := h.cfg.History.Recent(ctx, t.Channel, string(turn.At(began.Add(-time.Second))), string(turn.At(began.Add(time.Second))))
	if err != nil || !slices.ContainsFunc(first, func(m thread.Message) bool { return m.TS == t.TS && turn.TS(m.Latest).After(newest) }) {
		return false
	}
	messages, err := h.cfg.History.Messages(ctx, t)
	return err == nil && slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self && !newest.After(turn.TS(m.For)) })
}
