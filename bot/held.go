package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// askTimeout is how long the store may take to note a question: Slack wants its ack within 3 s
	// (facts/slack.md §5.6).
	askTimeout = 2500 * time.Millisecond
	// heldAfter is how old a question is when its thread says that the bot waits for its database:
	// whoever asked knows within 3 s.
	heldAfter = 2 * time.Second
	// heldAgain is when that is said again: Slack takes a status away after two minutes
	// (facts/slack.md §4).
	heldAgain = 90 * time.Second
	// heldLook is how often the bot looks which threads are to be told.
	heldLook = 250 * time.Millisecond
	// heldTold is how many threads are told at most: Slack does not publish how often a status may
	// be set.
	heldTold = 200
	// heldAtOnce is how many threads are told at the same time.
	heldAtOnce = 16
	// heldFresh is how old a question is at most of which Slack tells for the first time: it tells
	// again after 3 s.
	heldFresh = 4 * time.Second
	// heldRead is how long the bot tries to find out whether another process has answered an older
	// one.
	heldRead = 2 * time.Second
)

const (
	statusHeld  = "is waiting for its database…"
	heldWord    = "I have your question, and wait for my database. I answer as soon as it is there again."
	lastingWord = "I can't take your question now: my database takes nothing, and needs the people who run me. I answer when they have mended it."
	tooManyHeld = "My database does not answer, and too many questions wait for it already. Please ask again later."
)

// Statuses shows what the bot is doing in a thread, where there is no answer yet. A [Room] may be
// one.
type Statuses interface {
	// Status shows the line "BOT text" under a thread, empty takes it away, and reports whether
	// Slack took it. It blocks for the network, a few seconds at most.
	Status(ctx context.Context, t thread.ID, text string) bool
	// Idle has Slack told that the bot is not at work in a thread, unless this process is at work
	// there. It does not block; best effort.
	Idle(t thread.ID)
}

// held are the questions that the store has not taken yet, as far as somebody is to be told of
// them. The coordinator asks again (turn.Coordinator.Later); this only says so to people. The zero
// value is ready.
type held struct {
	mu      sync.Mutex // guards all below
	threads map[thread.ID]*heldAsk
	// shown are the threads whose status says that somebody waits, although nobody does any more.
	shown map[thread.ID]struct{}
}

// heldAsk is what is told in one thread.
type heldAsk struct {
	asks    []string // ts of the questions; of many the first ones
	users   []string // who asked; the last of them is told, where it is told by a word
	opens   bool     // the question opens the thread
	since   time.Time
	lasting bool      // waiting does not help by itself
	told    time.Time // when the status was shown last
	quiet   bool      // statuses are refused: one word was said instead
}

// add notes that somebody waits in a thread since they came.
func (h *held) add(ev thread.Question, came time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.threads == nil {
		h.threads, h.shown = map[thread.ID]*heldAsk{}, map[thread.ID]struct{}{}
	}
	a := h.threads[ev.Thread]
	if a == nil {
		a = &heldAsk{opens: ev.Opens(), since: came}
		h.threads[ev.Thread] = a
	}
	if len(a.users) < maxInbox && !slices.Contains(a.users, ev.User) {
		a.users = append(a.users, ev.User)
		if a.quiet { // only who asked before has seen that word
			a.since, a.told, a.quiet = came, time.Time{}, false
		}
	}
	if len(a.asks) < maxInbox && !slices.Contains(a.asks, ev.TS) {
		a.asks = append(a.asks, ev.TS)
	}
}

// lasts notes that waiting does not help by itself.
func (h *held) lasts(t thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.threads[t]; a != nil && a.told.IsZero() {
		a.lasting = true
	}
}

// drop forgets the questions of a thread that gone names, and reports whether none is left although
// the status says that one waits.
func (h *held) drop(t thread.ID, gone func(ts string) bool) (shown bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a == nil {
		return false
	}
	if a.asks = slices.DeleteFunc(a.asks, gone); len(a.asks) > 0 {
		return false
	}
	delete(h.threads, t)
	if a.told.IsZero() || a.quiet {
		return false
	}
	h.shown[t] = struct{}{}
	return true
}

// isShown reports whether the status of a thread says that somebody waits, although nobody does.
func (h *held) isShown(t thread.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, shown := h.shown[t]
	return shown
}

// cleared records that the status of a thread is about to be taken away, and reports whether it has
// to be.
func (h *held) cleared(t thread.ID) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, shown := h.shown[t]
	delete(h.shown, t)
	return shown
}

// due returns the threads that are to be told now, those that wait longest first.
func (h *held) due(now time.Time) (out []thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := 0
	for t, a := range h.threads {
		switch {
		case a.quiet:
		case !a.told.IsZero() && now.Sub(a.told) < heldAgain:
			told++
		case a.lasting || now.Sub(a.since) >= heldAfter:
			out = append(out, t)
		}
	}
	if told >= heldTold {
		return nil
	}
	slices.SortFunc(out, func(a, b thread.ID) int { return h.threads[a].since.Compare(h.threads[b].since) })
	return out[:min(len(out), heldTold-told)]
}

// get returns what is to be told in a thread; nil: nothing any more.
func (h *held) get(t thread.ID) *heldAsk {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a == nil {
		return nil
	}
	a = new(*a)
	a.asks, a.users = slices.Clone(a.asks), slices.Clone(a.users)
	return a
}

// noted records that a thread was told now, quiet by a word to one person. It reports whether
// somebody still waits.
func (h *held) noted(t thread.ID, quiet bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	switch {
	case a != nil:
		a.told, a.quiet = time.Now(), quiet
	case !quiet:
		h.shown[t] = struct{}{}
	}
	return a != nil
}

// hold keeps a question that the store did not take. It always returns ErrNotDurable: Slack tells
// of it again, should this process end before the store is back.
func (b *Bot) hold(ctx context.Context, ev thread.Question, ifKnown bool, cause error) error {
	b.log.WarnContext(ctx, "ask_held", "thread", ev.Thread.String(), "ask", ev.TS, "error", cause)
	lasting, ok := errors.AsType[interface {
		error
		Lasting() bool
	}](cause)
	switch {
	case !b.coordinator.Later(ev.Thread.String(), ev.Since(), ifKnown):
		b.log.WarnContext(ctx, "ask_not_held", "thread", ev.Thread.String(), "ask", ev.TS)
		b.waitsNoMore(ev.Thread, func(ts string) bool { return ts == ev.TS })
		if ev.Explicit() && !ifKnown && b.refused.due("held/"+ev.Thread.String()+"/"+ev.TS, time.Now()) {
			b.tell(whisperPlace(ev), ev.User, tooManyHeld)
		}
	case ok && lasting.Lasting():
		b.held.lasts(ev.Thread)
	}
	return ErrNotDurable
}

// noted takes the news that the store has a question that was held.
func (b *Bot) noted(key string, _ turn.Record) {
	if t, ok := thread.Parse(key); ok {
		b.waitsNoMore(t, everyAsk)
	}
}

func everyAsk(string) bool { return true }

// waitsNoMore notes that nobody waits for the store any more with those questions of a thread.
func (b *Bot) waitsNoMore(t thread.ID, which func(ts string) bool) {
	if b.held.drop(t, which) {
		b.jobs.add("status", func(ctx context.Context) { b.unsay(ctx, t) })
	}
}

// unsay takes the status away. While something is being written there, that says more: the actor's
// end has it taken away.
func (b *Bot) unsay(ctx context.Context, t thread.ID) {
	if s, ok := b.dep.Room.(Statuses); ok && !b.isLive(t) && b.held.cleared(t) {
		s.Status(ctx, t, "")
	}
}

// tellHeld tells people, until ctx ends, that their questions wait for the database.
func (b *Bot) tellHeld(ctx context.Context) {
	tick := time.NewTicker(heldLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		room := make(chan struct{}, heldAtOnce)
		var all sync.WaitGroup
		for _, t := range b.held.due(time.Now()) {
			room <- struct{}{}
			all.Go(func() {
				defer func() { <-room }()
				b.tellWait(ctx, t)
			})
		}
		all.Wait()
	}
}

// tellWait says in one thread that its question waits: by a status, or where that is refused, or
// does not say enough, by one word to who asked.
func (b *Bot) tellWait(ctx context.Context, t thread.ID) {
	a := b.held.get(t)
	if a == nil || ctx.Err() != nil {
		return
	}
	where := t
	if a.opens {
		where.TS = ""
	}
	s, ok := b.dep.Room.(Statuses)
	switch {
	case a.lasting:
		b.held.noted(t, true)
		b.whisper(ctx, where, a.users[len(a.users)-1], lastingWord)
	case ok && s.Status(ctx, t, statusHeld):
		if !b.held.noted(t, false) {
			b.unsay(ctx, t)
			return
		}
		// The look comes after the status: an answer that is posted after the status takes it away,
		// and one that was posted before is seen here. The other way round, one between the two
		// would be missed.
		if time.Since(turn.TS(a.asks[0]).Time()) > heldFresh && b.isAnswered(ctx, t, a.asks) {
			b.waitsNoMore(t, everyAsk)
		}
	case time.Since(turn.TS(a.asks[0]).Time()) > heldFresh && b.isAnswered(ctx, t, a.asks):
		b.waitsNoMore(t, everyAsk)
	default:
		b.held.noted(t, true)
		b.whisper(ctx, where, a.users[len(a.users)-1], heldWord)
	}
}

// isAnswered reports whether a thread shows answers to all questions that wait in it: perhaps only
// this process cannot reach the store, and another one was told of them, too. The thread itself is
// read only if its first message shows that something followed: answers need those reads when the
// store is back.
func (b *Bot) isAnswered(ctx context.Context, t thread.ID, asks []string) bool {
	ctx, cancel := context.WithTimeout(ctx, heldRead)
	defer cancel()
	newest := turn.TS(slices.MaxFunc(asks, func(x, y string) int { return turn.TS(x).Compare(turn.TS(y)) }))
	began := turn.TS(t.TS).Time()
	first, err := b.dep.History.Recent(ctx, t.Channel, string(turn.At(began.Add(-time.Second))), string(turn.At(began.Add(time.Second))))
	if err != nil || !slices.ContainsFunc(first, func(m thread.Message) bool { return m.TS == t.TS && turn.TS(m.Latest).After(newest) }) {
		return false
	}
	messages, err := b.dep.History.Messages(ctx, t)
	return err == nil && slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self && !newest.After(turn.TS(m.For)) })
}

// whisperPlace returns where a word to who asked is seen: in the thread, if there is one yet.
func whisperPlace(ev thread.Question) thread.ID {
	t := ev.Thread
	if ev.Opens() {
		t.TS = ""
	}
	return t
}
