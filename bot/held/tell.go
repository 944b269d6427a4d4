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
	// lookAround is how often Run looks which threads are to be told.
	lookAround = 250 * time.Millisecond
	// statusesAtOnce is how many statuses are set at the same time, and wordsAtOnce how many words
	// are said.
	statusesAtOnce = 16
	wordsAtOnce    = 4
	// wordTimeout is how long one word may take: its budget is full again by then.
	wordTimeout = time.Minute
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

// Run tells people, until ctx ends, that their questions wait for the database. The status of a new
// thread waits for no word, and neither of them for a look.
func (h *Questions) Run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { each(ctx, h.statuses, statusesAtOnce, 0, h.tellStatus) })
	all.Go(func() { each(ctx, h.words, wordsAtOnce, 0, h.tellWord) })
	all.Go(func() { each(ctx, h.looks, 1, readEvery, h.look) })
}

// each does something in the threads that are due, some at once, and pauses after them, until ctx
// ends.
func each(ctx context.Context, due func(now time.Time) []thread.ID, atOnce int, pause time.Duration, do func(context.Context, thread.ID)) {
	for ctx.Err() == nil {
		threads := due(time.Now())
		if len(threads) == 0 {
			_ = wait.For(ctx, lookAround)
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
	// The look comes after the status: an answer that is posted after the status takes it away, and
	// one that was posted before is seen then. The other way round, one between the two would be
	// missed.
	if h.note(t, func(a *waiting) {
		a.told, a.looked = time.Now(), time.Time{}
		a.look = a.look || a.late(a.told)
	}) {
		return
	}
	h.mu.Lock()
	h.shown[t] = struct{}{} // nobody waited any more
	h.mu.Unlock()
	h.unsay(ctx, t)
}

// unsay takes the status away. While something is being written there, that says more: Left has it
// taken away then.
func (h *Questions) unsay(ctx context.Context, t thread.ID) {
	if h.cfg.IsLive(t) {
		return
	}
	h.mu.Lock()
	_, shown := h.shown[t]
	delete(h.shown, t)
	h.mu.Unlock()
	if shown {
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
