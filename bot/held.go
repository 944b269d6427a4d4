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
	// askTimeout is how long the store may take to note a question: Slack wants its ack within 3 s (facts/slack.md §5.6).
	askTimeout = 2500 * time.Millisecond
	// heldAfter is how old a question is when its thread says that the bot waits for its database: whoever
	// asked knows within 3 s.
	heldAfter = 2 * time.Second
	// heldAgain is when that is said again: Slack takes a status away after two minutes (facts/slack.md §4).
	heldAgain = 90 * time.Second
	// heldLook is how often it is looked at which threads are to be told.
	heldLook = 250 * time.Millisecond
	// heldTold is how many threads are told at most: Slack does not publish how often a status may be set.
	heldTold = 200
)

const (
	statusHeld  = "is waiting for its database…"
	heldWord    = "I have your question, and wait for my database. I answer as soon as it is there again."
	lastingWord = "I can't take your question now: my database takes nothing, and needs the people who run me. I answer when they have mended it."
	tooManyHeld = "My database does not answer, and too many questions wait for it already. Please ask again later."
)

// Statuses shows what the bot is doing in a thread, where there is no answer yet. A [Room] may be one.
type Statuses interface {
	// Status shows the line "BOT text" under a thread, empty takes it away, and reports whether Slack took
	// it. It blocks for the network, a few seconds at most.
	Status(ctx context.Context, t thread.ID, text string) bool
}

// held are the questions that the store has not taken yet, as far as somebody is to be told of them. The
// desk asks again (turn.Desk.Later); this only says so to people. The zero value is ready.
type held struct {
	mu      sync.Mutex // guards all below
	threads map[thread.ID]*heldAsk
}

// heldAsk is what is told in one thread.
type heldAsk struct {
	user    string
	opens   bool // the question opens the thread
	since   time.Time
	lasting bool      // waiting does not help by itself
	told    time.Time // when the status was shown last
	quiet   bool      // statuses are refused: one word was said instead
}

// add notes that somebody waits in a thread.
func (h *held) add(ev thread.Question, came time.Time, lasting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.threads == nil {
		h.threads = map[thread.ID]*heldAsk{}
	}
	if h.threads[ev.Thread] == nil {
		h.threads[ev.Thread] = &heldAsk{user: ev.User, opens: ev.Opens(), since: came, lasting: lasting}
	}
}

// drop forgets a thread, and reports whether its status says that somebody waits.
func (h *held) drop(t thread.ID) (told bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	delete(h.threads, t)
	return a != nil && !a.told.IsZero() && !a.quiet
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
	slices.SortFunc(out, func(a, b thread.ID) int { return h.threads[a].since.Compare(h.threads[b].since) })
	return out[:min(len(out), max(0, heldTold-told))]
}

// get returns what is to be told in a thread; nil: nothing any more.
func (h *held) get(t thread.ID) *heldAsk {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.threads[t]; a != nil {
		return new(*a)
	}
	return nil
}

// noted notes that a thread was told now, quiet by a word to one person.
func (h *held) noted(t thread.ID, quiet bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if a := h.threads[t]; a != nil {
		a.told, a.quiet = time.Now(), quiet
	}
}

// hold keeps a question that came at a time and that the store did not take. It always returns ErrNotDurable: Slack tells of it
// again, should this process end before the store is back.
func (b *Bot) hold(ctx context.Context, ev thread.Question, ifKnown bool, came time.Time, cause error) error {
	lasting, ok := errors.AsType[interface {
		error
		Lasting() bool
	}](cause)
	b.log.WarnContext(ctx, "ask_held", "thread", ev.Thread.String(), "ask", ev.TS, "error", cause)
	switch {
	case !b.desk.Later(ev.Thread.String(), ev.Since(), ifKnown):
		b.log.WarnContext(ctx, "ask_not_held", "thread", ev.Thread.String(), "ask", ev.TS)
		if !ifKnown {
			b.tell(whisperPlace(ev), ev.User, tooManyHeld)
		}
	case !ifKnown:
		b.held.add(ev, came, ok && lasting.Lasting())
	}
	return ErrNotDurable
}

// noted is told when the store has a question that was held.
func (b *Bot) noted(key string, _ turn.Record) {
	if t, ok := thread.Parse(key); ok && b.held.drop(t) {
		b.errand(b.errands, "status", func(ctx context.Context) { b.unsay(ctx, t) })
	}
}

// unsay takes the status away, unless something is being written there, which says more.
func (b *Bot) unsay(ctx context.Context, t thread.ID) {
	if s, ok := b.dep.Room.(Statuses); ok && !b.isLive(t) {
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
		for _, t := range b.held.due(time.Now()) {
			if ctx.Err() != nil {
				return
			}
			b.tellWait(ctx, t)
		}
	}
}

// tellWait says in one thread that its question waits: by a status, or where that is refused, or does not
// say enough, by one word to who asked.
func (b *Bot) tellWait(ctx context.Context, t thread.ID) {
	a := b.held.get(t)
	if a == nil {
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
		b.whisper(ctx, where, a.user, lastingWord)
	case ok && s.Status(ctx, t, statusHeld):
		b.held.noted(t, false)
	default:
		b.held.noted(t, true)
		b.whisper(ctx, where, a.user, heldWord)
	}
}

// whisperPlace is where a word to who asked is seen: in the thread, if there is one yet.
func whisperPlace(ev thread.Question) thread.ID {
	t := ev.Thread
	if ev.Opens() {
		t.TS = ""
	}
	return t
}
