package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
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
	// heldTold is how many threads are told by their status at most, those that wait longest: Slack
	// does not publish how often one may be set. In others a word says it.
	heldTold = 200
	// heldAtOnce is how many statuses are set at the same time, and heldWords how many words are
	// said.
	heldAtOnce = 16
	heldWords  = 4
	// heldWordTimeout is how long one word may take: its budget is full again by then.
	heldWordTimeout = time.Minute
	// heldFresh is how old a question is at most of which Slack tells for the first time: it tells
	// again after 3 s.
	heldFresh = 4 * time.Second
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

// heldAsk is what is told in one thread: by its status, or by a word to everybody who asked.
type heldAsk struct {
	asks    []string // ts of the questions; of many the first ones
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
func (a *heldAsk) late(now time.Time) bool {
	return a.looked.IsZero() && now.Sub(turn.TS(a.asks[0]).Time()) > heldFresh
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
		a = &heldAsk{since: came}
		h.threads[ev.Thread] = a
	}
	if len(a.askers) < maxInbox && !slices.ContainsFunc(a.askers, func(who asker) bool { return who.user == ev.User }) {
		a.askers = append(a.askers, asker{ev.User, whisperPlace(ev)})
		if a.byWord && a.heard == len(a.askers)-1 { // nobody else waits for that word
			a.since = came
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
	if a := h.threads[t]; a != nil && a.told.IsZero() && a.heard == 0 {
		a.lasting, a.byWord = true, true
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
	if a.told.IsZero() {
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

// statuses returns the threads whose status is to be shown now, those first where none is. Threads
// that wait when enough are shown are told by a word from now on.
func (h *held) statuses(now time.Time) (out []thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shown := 0
	for t, a := range h.threads {
		switch {
		case a.byWord:
		case !a.told.IsZero() && now.Sub(a.told) < heldAgain:
			shown++
		case now.Sub(a.since) >= heldAfter:
			out = append(out, t)
		}
	}
	h.sortLocked(out)
	for len(out) > 0 && shown+len(out) > heldTold {
		last := out[len(out)-1]
		out = out[:len(out)-1]
		h.threads[last].byWord = true
	}
	slices.SortStableFunc(out, func(a, b thread.ID) int { return h.threads[a].told.Compare(h.threads[b].told) })
	return out
}

// words returns the threads where a word is to be said now, those that wait longest first.
func (h *held) words(now time.Time) []thread.ID {
	return h.list(func(a *heldAsk) bool {
		return a.byWord && !a.look && a.heard < len(a.askers) && (a.lasting || now.Sub(a.since) >= heldAfter)
	})
}

// looks returns the threads where somebody has to look, those that wait longest first.
func (h *held) looks(time.Time) []thread.ID { return h.list(func(a *heldAsk) bool { return a.look }) }

func (h *held) list(which func(*heldAsk) bool) (out []thread.ID) {
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

func (h *held) sortLocked(threads []thread.ID) {
	slices.SortFunc(threads, func(a, b thread.ID) int { return h.threads[a].since.Compare(h.threads[b].since) })
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
	a.asks, a.askers = slices.Clone(a.asks), slices.Clone(a.askers)
	return a
}

// note changes what is told in a thread, and reports whether somebody still waits there.
func (h *held) note(t thread.ID, change func(*heldAsk)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	a := h.threads[t]
	if a != nil {
		change(a)
	}
	return a != nil
}

// missed notes that the status was shown when nobody waited any more.
func (h *held) missed(t thread.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.shown[t] = struct{}{}
}

// hold keeps a question that the store did not take. It always returns ErrNotDurable: Slack tells
// of it again, should this process end before the store is back.
func (b *Bot) hold(ctx context.Context, ev thread.Question, ifKnown bool, cause error) error {
	b.log.WarnContext(ctx, "ask_held", "thread", ev.Thread.String(), "ask", ev.TS, "error", cause)
	lasting, ok := errors.AsType[interface {
		error
		Lasting() bool
	}](cause)
	now := time.Now()
	switch {
	case !b.coordinator.Later(ev.Thread.String(), ev.Since(), ifKnown):
		b.log.WarnContext(ctx, "ask_not_held", "thread", ev.Thread.String(), "ask", ev.TS)
		b.waitsNoMore(ev.Thread, func(ts string) bool { return ts == ev.TS })
		if ev.Explicit() && !ifKnown && b.notifier.due("held/"+ev.Thread.String()+"/"+ev.TS, now, now.Add(refusalEvery)) {
			b.notifier.tell(whisperPlace(ev), ev.User, tooManyHeld)
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
		b.notifier.jobs.add("status", func(ctx context.Context) { b.unsay(ctx, t) })
	}
}

// left takes the news that this process is not at work on a thread any more.
func (b *Bot) left(t thread.ID) {
	if b.held.isShown(t) {
		b.notifier.jobs.add("status", func(ctx context.Context) { b.unsay(ctx, t) })
	}
}

// unsay takes the status away. While something is being written there, that says more: the actor's
// end has it taken away.
func (b *Bot) unsay(ctx context.Context, t thread.ID) {
	if s, ok := b.dep.Room.(Statuses); ok && !b.actors.isLive(t) && b.held.cleared(t) {
		s.Status(ctx, t, "")
	}
}

// tellHeld tells people, until ctx ends, that their questions wait for the database. The status of a
// new thread waits for no word, and neither of them for a look.
func (b *Bot) tellHeld(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { eachHeld(ctx, b.held.statuses, heldAtOnce, 0, b.tellStatus) })
	all.Go(func() { eachHeld(ctx, b.held.words, heldWords, 0, b.tellWord) })
	all.Go(func() { eachHeld(ctx, b.held.looks, 1, threadEvery, b.lookHeld) })
}

// eachHeld does something in the threads that are due, some at once, and pauses after them, until
// ctx ends.
func eachHeld(ctx context.Context, due func(now time.Time) []thread.ID, atOnce int, pause time.Duration, do func(context.Context, thread.ID)) {
	for ctx.Err() == nil {
		threads := due(time.Now())
		if len(threads) == 0 {
			_ = wait.For(ctx, heldLook)
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
func (b *Bot) tellStatus(ctx context.Context, t thread.ID) {
	s, ok := b.dep.Room.(Statuses)
	if !ok || !s.Status(ctx, t, statusHeld) {
		b.held.note(t, func(a *heldAsk) { a.byWord = true })
		return
	}
	// The look comes after the status: an answer that is posted after the status takes it away, and
	// one that was posted before is seen then. The other way round, one between the two would be
	// missed.
	if !b.held.note(t, func(a *heldAsk) {
		a.told, a.looked = time.Now(), time.Time{}
		a.look = a.look || a.late(a.told)
	}) {
		b.held.missed(t)
		b.unsay(ctx, t)
	}
}

// tellWord says to everybody who asked in a thread, and does not know it yet, that the question
// waits.
func (b *Bot) tellWord(ctx context.Context, t thread.ID) {
	a := b.held.get(t)
	if a == nil {
		return
	}
	word := heldWord
	switch {
	case a.lasting:
		word = lastingWord
	case a.late(time.Now()):
		b.held.note(t, func(a *heldAsk) { a.look = true })
		return // until somebody has looked
	}
	ctx, cancel := context.WithTimeout(ctx, heldWordTimeout)
	defer cancel()
	for _, who := range a.askers[a.heard:] {
		b.notifier.whisper(ctx, who.where, who.user, word)
	}
	b.held.note(t, func(now *heldAsk) { now.heard = len(a.askers) })
}

// lookHeld forgets what waits in a thread if another process has answered it.
func (b *Bot) lookHeld(ctx context.Context, t thread.ID) {
	a := b.held.get(t)
	if a == nil {
		return
	}
	if b.isAnswered(ctx, t, a.asks) {
		b.waitsNoMore(t, func(ts string) bool { return slices.Contains(a.asks, ts) })
	}
	b.held.note(t, func(a *heldAsk) { a.look, a.looked = false, time.Now() })
}

// isAnswered reports whether a thread shows answers to all questions that wait in it: perhaps only
// this process cannot reach the store, and another one was told of them, too. The thread itself is
// read only if its first message shows that something followed: answers need those reads when the
// store is back.
func (b *Bot) isAnswered(ctx context.Context, t thread.ID, asks []string) bool {
	ctx, cancel := context.WithTimeout(ctx, threadTimeout)
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
