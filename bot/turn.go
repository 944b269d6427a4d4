package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/quota"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// Time-outs of the steps around the model's answer.
const (
	personTimeout  = 10 * time.Second        // for a name
	whoTimeout     = 2 * time.Minute         // for who may ask: want of Slack's budget delays an answer, and refuses none
	historyTimeout = 20 * time.Second        // a read that takes longer is done without: an answer to the question alone beats none
	othersTimeout  = time.Minute             // where other processes may have heard of more in the thread, which would be lost
	earlyTimeout   = time.Second             // to show a status before the thread is read
	closeTimeout   = 90 * time.Second        // for the last Slack calls: longer than a minute, the longest that a budget can be empty
	rootOnlyFor    = 2500 * time.Millisecond // a root message younger than this has no replies yet, so that nothing is read: Slack redelivers after 3 s
	doneTimeout    = 3 * time.Second         // for the store to take the end; then the coordinator goes on trying in the background
	keepAgain      = 2 * time.Second         // the pause between two tries with the store
	storeTries     = 4                       // with pauses that are longer than a lease is trusted, so that the last try waits until the store is back
)

// turnRun is one turn: what is owed in a thread is answered by one answer. It runs in its own goroutine; the actor may call answers,
// newer and drop meanwhile.
type turnRun struct {
	bot    *Bot
	thread thread.ID
	claim  *turn.Lease
	known  []thread.Question // what this process has heard of, oldest first; empty if nothing
	taken  bool              // an earlier owner has begun the answer
	first  bool              // this claim has not begun the answer
	heir   bool              // this is the claim's first turn: an owner before may have begun something
	came   time.Time         // when the first of what is asked came
	work   *atWork           // what it does, for others to see

	mu     sync.Mutex        // guards all below
	asks   []thread.Question // being answered: the known ones, until the thread was read
	gone   []string          // messages that were deleted meanwhile
	cancel context.CancelCauseFunc
	off    bool     // called off
	lates  []string // messages that were written to when they may not have been ours any more
	ids    []string // of the messages of the answer

	// Of the turn's own goroutine:
	set      Settings
	messages []thread.Message // the thread, as far as it is known
	unread   bool             // it could not be read
	preface  []thread.Message // what was said before a direct message, in other threads
	due      thread.Due
	wanted   turn.TS           // when somebody wanted the last answer anew; empty: that was not asked for
	more     bool              // the answer is to go on where the length limit ended it
	said     []string          // what the person should know of their files
	draft    answer.Draft      // open; nil: none
	saver    *transcript.Saver // of its text; nil: none
	unsure   bool              // somebody was refused only because Slack did not say who they are
	cutShort bool              // the turn ended while Slack was asked who somebody is
	denied   bool              // the thread may not be read, now or later
	early    bool              // the status says that the bot is at it, and no draft does yet
	wanter   string            // who wanted the last answer anew
	person   string            // for whom the answer is: see payer
	paying   []quota.Account
	refused  quota.Over     // why the answer may not be written, of which something is visible; zero: it may
	books    sync.WaitGroup // writes into the accounts that are under way
}

// newTurn is the turn of a claim; first says that it is the claim's first.
func newTurn(b *Bot, t thread.ID, c *turn.Lease, first bool, known []thread.Question) *turnRun {
	return &turnRun{
		bot: b, thread: t, claim: c, known: known, asks: known, cancel: func(error) {}, taken: first && len(c.Messages()) > 0,
		first: first || len(c.Messages()) == 0, heir: first,
	}
}

// answers says whether a message is among those that are answered.
func (t *turnRun) answers(ts string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return thread.Index(t.asks, ts) >= 0
}

// under is what is being answered.
func (t *turnRun) under() []thread.Question {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.asks)
}

// newer calls the turn off if the ask is in a newer form than the one that is answered.
func (t *turnRun) newer(ask thread.Question) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := thread.Index(t.asks, ask.TS)
	if i < 0 || !ask.Since().After(t.asks[i].Since()) {
		return false
	}
	t.callOffLocked()
	return true
}

// drop calls the turn off if it answers a message that was deleted.
func (t *turnRun) drop(ts string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gone = append(t.gone, ts)
	if thread.Index(t.asks, ts) >= 0 {
		t.callOffLocked()
	}
}

func (t *turnRun) callOffLocked() {
	t.off = true
	t.cancel(answer.ErrSuperseded)
}

// isOff says whether another turn is to take this one's place.
func (t *turnRun) isOff() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.off
}

// calledOff hands what is still owed to the next turn.
func (t *turnRun) calledOff(work context.Context) report {
	t.settle(work)
	t.mu.Lock()
	defer t.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(t.known), func(a thread.Question) bool { return slices.Contains(t.gone, a.TS) })
	return report{more: true, asks: left}
}

// run does the turn. work ends when nothing may block any more; cut when the stream must end.
func (t *turnRun) run(work, cut context.Context) report {
	live, callOff := context.WithCancelCause(cut) // as long as the turn is ours to do
	t.mu.Lock()
	t.cancel = callOff
	if t.off {
		callOff(answer.ErrSuperseded)
	}
	t.mu.Unlock()
	ctx, cancel := context.WithCancelCause(live) // as long as the model is to write
	var watch sync.WaitGroup
	changed := t.claim.Changed() // what comes after this is not in what is read
	watch.Go(func() { t.watch(live, changed, callOff, cancel) })
	defer watch.Wait()
	defer t.endSaver()
	defer t.endEarly(work)
	defer callOff(nil)
	defer cancel(nil)

	upto := t.upto()
	if t.stopped() && len(t.claim.Messages()) == 0 && !t.claim.Died() {
		return t.done(work, t.stopEnds()) // before anybody saw anything of it; what came after the stop is for the next turn
	}
	t.set = t.bot.settings(live, t.thread.Channel)
	t.read(live, upto)
	if t.isOff() {
		return t.calledOff(work)
	}
	switch newest := t.newest(); {
	case !t.unread || !upto.After(newest):
	case len(t.known) == 0 && t.denied:
		return t.done(work, upto) // and never will be
	case len(t.known) == 0:
		return t.release(work) // what is asked is not known: later, or another process
	default:
		upto = newest // Done says that there is more
	}
	t.plan(live, upto)
	asks := t.admit(live, t.due.Asks)
	if t.isOff() || !t.begin(asks) {
		return t.calledOff(work)
	}
	switch {
	case t.cutShort:
		return t.release(work) // the next process, or turn, asks again
	case len(asks) == 0:
		return t.none(work, upto)
	case t.isWhole(asks): // its owner died between the end and the note of it
		t.bot.log.InfoContext(work, "answered_before", "thread", t.thread.String(), "ask", asks[len(asks)-1].TS)
		t.shareLeft(work, t.saved(work, transcript.OfTurn(asks, upto)))
		return t.done(work, upto)
	case t.stopped() && len(t.claim.Messages()) == 0 && len(t.due.Adopt) == 0:
		return t.done(work, t.stopEnds())
	}
	asks = t.afford(live, asks)
	switch {
	case t.isOff() || !t.begin(asks):
		return t.calledOff(work)
	case len(asks) == 0:
		return t.none(work, upto)
	}
	return t.answer(work, ctx, asks, upto)
}

// begin sets what is answered; false: one of it is gone meanwhile.
func (t *turnRun) begin(asks []thread.Question) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asks = asks
	if slices.ContainsFunc(t.gone, func(ts string) bool { return thread.Index(asks, ts) >= 0 }) {
		t.callOffLocked()
	}
	return !t.off
}

// upto is the newest thing that this turn answers. An answer that has begun is finished as it was begun, but for changes of its questions.
func (t *turnRun) upto() turn.TS {
	upto := t.claim.For()
	if len(t.claim.Messages()) == 0 || upto == "" {
		return upto.Max(t.newest())
	}
	begun := upto
	for _, ask := range t.known {
		if !turn.TS(ask.TS).After(begun) {
			upto = upto.Max(ask.Since())
		}
	}
	return upto
}

// newest is when the newest ask came that this process has heard of; empty: none.
func (t *turnRun) newest() turn.TS { return thread.Newest(t.known) }

func (t *turnRun) stopped() bool {
	select {
	case <-t.claim.Stopped():
		return true
	default:
		return false
	}
}

// watch ends the turn when the claim is lost, ends the stream when it is stopped, and has the thread read again when another process has heard
// of a change in it. It returns when ctx ends.
func (t *turnRun) watch(ctx context.Context, changed <-chan struct{}, callOff, stop context.CancelCauseFunc) {
	var looks sync.WaitGroup
	defer looks.Wait()
	stopped := t.claim.Stopped()
	for {
		select {
		case <-t.claim.Lost():
			callOff(turn.ErrLost)
			return
		case <-stopped:
			stop(answer.ErrStopped)
			stopped = nil
		case <-changed:
			changed = t.claim.Changed()
			looks.Go(func() { t.reread(ctx) })
		case <-ctx.Done():
			return
		}
	}
}

// reread tells the thread's actor how the thread looks now.
func (t *turnRun) reread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	at := t.claim.ChangedAt()
	messages, err := t.bot.dep.History.Messages(ctx, t.thread)
	if err != nil {
		if ctx.Err() == nil {
			t.bot.log.WarnContext(ctx, "history_unread", "thread", t.thread.String(), "error", err)
		}
		return
	}
	_ = t.bot.deliver(t.thread, inboxItem{now: messages, at: at}) // the actor is there: it waits for this turn
}

// alone says that there is nothing to read: the question opened the thread, and this process knows all of it.
func (t *turnRun) alone(upto turn.TS) bool {
	if len(t.known) != 1 {
		return false
	}
	a := t.known[0]
	return a.Opens() && a.Explicit() && time.Since(turn.TS(a.TS).Time()) < rootOnlyFor && t.claim.Heard() == "" && !a.Bare && a.Edited == "" && a.Since().Compare(upto) == 0 && turn.TS(a.TS).After(t.claim.Answered())
}

// read reads the thread, unless there is nothing to read. A direct message that opens one is read what was said in the hour before.
func (t *turnRun) read(ctx context.Context, upto turn.TS) {
	most := historyTimeout
	if alone := t.bot.cfg.Alone; t.bot.cfg.Durable && (alone == nil || !alone()) {
		most = othersTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, most, errors.New("the thread could not be read in time"))
	defer cancel()
	if t.alone(upto) {
		if t.thread.Direct() {
			t.preface = t.before(ctx)
		}
		return
	}
	var status sync.WaitGroup
	status.Go(func() { t.sayEarly(ctx) })
	defer status.Wait() // before a draft says something else
	messages, err := t.bot.dep.History.Messages(ctx, t.thread)
	if err != nil {
		if !t.isOff() {
			t.bot.log.WarnContext(ctx, "history_unread", "thread", t.thread.String(), "error", err)
		}
		t.unread, t.denied = true, errors.Is(err, ErrNoThread)
		return
	}
	t.messages = messages
	t.bot.participants.see(t.thread, messages)
	if t.thread.Direct() {
		t.preface = t.beforeAgain(ctx, messages)
	}
}

// sayEarly tells whoever asked within a second that the bot is at it: a read may have to wait for its budget.
func (t *turnRun) sayEarly(ctx context.Context) {
	s, ok := t.bot.dep.Room.(Statuses)
	if !ok || len(t.claim.Messages()) > 0 || !slices.ContainsFunc(t.known, thread.Question.Explicit) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, earlyTimeout)
	defer cancel()
	t.early = s.Status(ctx, t.thread, answer.StatusThinking)
}

// endEarly takes that back if nothing was to be said.
func (t *turnRun) endEarly(work context.Context) {
	if s, ok := t.bot.dep.Room.(Statuses); ok && t.early {
		ctx, cancel := context.WithTimeout(work, earlyTimeout)
		defer cancel()
		s.Status(ctx, t.thread, "")
	}
}

// plan finds out what is owed.
func (t *turnRun) plan(ctx context.Context, upto turn.TS) {
	messages := thread.Merge(t.messages, t.known, func(user string) string { return t.name(ctx, user) })
	t.messages = messages
	mode := t.set.FollowUps
	if t.unread {
		if !t.bot.participants.get(t.thread).Many() { // as far as is known, one person talks with the bot
			messages = append([]thread.Message{{Self: true}}, messages...)
		}
	}
	answered := t.answered(messages)
	for _, a := range thread.Addressed(t.messages, t.thread, mode) {
		t.claim.NoteAsked(turn.TS(a.TS)) // of what came before its thread was known, nobody may tell again
	}
	v := thread.View{Answered: answered, Upto: upto, Mode: mode, Begun: t.claim.Messages()}
	t.due = thread.Owed(messages, t.thread, v)
	if len(t.known) == 0 && t.thread.Direct() && len(t.due.Asks) > 0 {
		t.due.Adopt = thread.Union(t.due.Adopt, thread.Streams(messages, turn.TS(t.due.Last().TS)))
	}
	if len(t.due.Asks) > 0 || t.unread {
		return
	}
	var wanted transcript.Redo
	err := t.stored(ctx, func(ctx context.Context) (err error) {
		wanted, err = t.bot.records.Redo(ctx, t.thread)
		return err
	})
	if err != nil {
		t.bot.log.WarnContext(ctx, "press_unread", "thread", t.thread.String(), "error", err)
		return
	}
	if wanted.TS == "" {
		return
	}
	v.Wanted, t.wanted, t.wanter = turn.TS(wanted.TS), turn.TS(wanted.TS), wanted.By
	t.due = thread.Owed(messages, t.thread, v)
	if t.due.Redo && wanted.More == t.due.What && turn.TS(wanted.TS).After(answered) {
		t.more = true
	}
}

// stored does something with the store, and tries again what fails as long as the store may be away: what a
// turn does not find there would be lost, or done again.
func (t *turnRun) stored(ctx context.Context, do func(context.Context) error) error {
	for try := 1; ; try++ {
		err := do(ctx)
		if err == nil || errors.Is(err, turn.ErrKey) || try == storeTries {
			return err
		}
		if !pause(ctx, keepAgain) || t.settled(ctx) != nil {
			return err
		}
	}
}

// answered is what has its answer. A store that was wiped knows less than the thread.
func (t *turnRun) answered(messages []thread.Message) turn.TS {
	answered := t.claim.Answered()
	if len(t.known) == 0 {
		return answered
	}
	oldest := turn.TS(t.known[0].TS)
	for _, m := range messages {
		if slices.Contains(t.claim.Messages(), m.TS) {
			continue // it is what is to be finished
		}
		if m.Self && m.Epoch > 0 && oldest.After(turn.TS(m.For)) {
			answered = answered.Max(turn.TS(m.For))
		}
	}
	return answered
}

func (t *turnRun) whisper(ctx context.Context, ask thread.Question, text string) {
	where := t.thread
	if ask.Opens() {
		where.TS = "" // there is no thread yet in which it could be seen
	}
	t.bot.whisper(ctx, where, ask.User, text)
}
