package bot

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/fair"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// Time-outs of the steps around the model's answer.
const (
	personTimeout = 10 * time.Second // for a name
	// historyTimeout is how long a read may take: an answer to the question alone beats none.
	historyTimeout = 20 * time.Second
	// othersTimeout is how long it may take with replicas: another process may know messages that
	// this one does not.
	othersTimeout = time.Minute
	earlyTimeout  = time.Second // to show a status before there is a draft
	// closeTimeout is for the last Slack calls: longer than a minute, the longest that a budget can
	// be empty.
	closeTimeout = 90 * time.Second
	// rootOnlyFor is how young a message is that opens a thread and has no replies yet, so that
	// nothing is read: Slack redelivers after 3 s.
	rootOnlyFor = 2500 * time.Millisecond
	// doneTimeout is how long the store may take to take the end; then the coordinator goes on
	// trying in the background.
	doneTimeout = 3 * time.Second
	keepAgain   = 2 * time.Second // the pause between two tries with the store
	// storeTries is how often the store is asked, with pauses that are longer than a lease is
	// trusted, so that the last try waits until the store is back.
	storeTries = 4
)

// turnRun is one turn: one answer to what is owed in a thread. Its phases hand each other values:
//
//	read ─ reading ─► plan ─ plan ─► admit, afford ─ admitted ─► open, write ─ Outcome ─► finish
//
// phases returns the verdict as soon as it is known: what becomes of the thread. end tells the
// store, in one place. Its contexts are nested: work ends when nothing may block any more, cut when
// streams must end, live when the turn is not ours any more, stream when the model is to write no
// further.
//
// The phases share the assignment. One with steps of its own is a type around that, which knows
// nothing else of the turn: early, reader, planner, eraser, tab, kit, material, offer.
//
// It runs in its own goroutine. The actor may call the methods of inHand meanwhile, and the
// draft calls what stands in its Reply.
type turnRun struct {
	assignment

	work *atWork // what it does, for others to see
	tab  tab     // the accounts in which the answer is counted
	kit  kit     // the tools of the answer

	inHand // what is being answered
	posts  // the messages of the answer
}

// newTurn returns the turn of a lease; heir reports that it is the lease's first.
func newTurn(b *Bot, t thread.ID, l *turn.Lease, heir bool, known []thread.Question) *turnRun {
	r := &turnRun{
		assignment: assignment{
			bot: b, log: b.log.With("thread", t.String()), thread: t, lease: l, known: known, heir: heir, begun: len(l.Messages()) > 0,
		},
		inHand: inHand{asks: known, cancel: func(error) {}},
	}
	r.tab.assignment, r.kit.assignment = &r.assignment, &r.assignment
	return r
}

// stage is what a turn has before people's eyes or under way. It is ended however the turn ends.
type stage struct {
	early early             // the status, until a draft says that the bot is at it
	reply Reply             // of the draft
	draft answer.Draft      // open; nil: none is
	saver *transcript.Saver // of the text; nil: none
}

// run does the turn. work ends when nothing may block any more; cut when the stream must end.
func (t *turnRun) run(work, cut context.Context) (r report) {
	s := stage{early: early{assignment: &t.assignment}}
	defer func() {
		// The one border for panics: a bug in one thread must not end the others (style.md §6.3).
		if p := recover(); p != nil {
			t.log.ErrorContext(work, "turn_panicked", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			r = t.giveUp(work, s.draft)
		}
	}()
	work, cut = fair.With(work, t.asker()), fair.With(cut, t.asker())
	live, callOff := context.WithCancelCause(cut) // as long as the turn is ours to do
	t.onCancel(callOff)
	stream, stop := context.WithCancelCause(live) // as long as the model is to write
	var watch sync.WaitGroup
	changed := t.lease.Changed() // what comes after this is not in what is read
	watch.Go(func() { t.watch(live, changed, callOff, stop) })
	defer watch.Wait()
	defer func() {
		if s.saver != nil {
			s.saver.End()
		}
	}()
	defer s.early.takeBack(work)
	defer callOff(nil)
	defer stop(nil)
	return t.end(work, t.phases(work, live, stream, &s))
}

// phases does everything but the end of the turn, and returns what becomes of the thread. What
// prepare needs does not lie on the stack while the model writes: every live answer has one.
func (t *turnRun) phases(work, live, stream context.Context, s *stage) verdict {
	a, v := t.prepare(work, live, stream, s)
	if a == nil {
		return v
	}
	work, stream = fair.With(work, t.tab.person), fair.With(stream, t.tab.person)
	return t.finish(work, stream, a, s, t.write(work, stream, a, s))
}

// prepare does the phases up to the open draft. It returns nil and a verdict if nothing is to be
// written.
func (t *turnRun) prepare(work, live, stream context.Context, s *stage) (*admitted, verdict) {
	upto := t.upto()
	if t.stopped() && !t.begun && !t.lease.Died() {
		// Before anybody saw anything of it; what came after the stop is for the next turn, which reads.
		t.lease.NoteAsked(t.lease.Heard())
		return nil, verdict{outcome: done, upto: t.stopEnds()}
	}
	set := t.bot.settings(live, t.thread.Channel)
	s.early.begin(live, set.FollowUps)
	r := reader{&t.assignment}.read(live, set, upto)
	if t.isOff() {
		return nil, verdict{outcome: calledOff}
	}
	if r.unread {
		t.lease.NoteAsked(t.lease.Heard()) // it may be for the bot: the next turn reads
	}
	e := eraser{&t.assignment}
	switch newest := thread.Newest(t.known); {
	case !r.unread || !upto.After(newest):
	case len(t.known) == 0 && r.denied: // and never will be read: there is nothing to go on with
		e.forgetBegun(work, func(_, _ turn.TS) bool { return true })
		return nil, verdict{outcome: done, upto: upto}
	case len(t.known) == 0:
		return nil, verdict{outcome: released} // what is asked is not known: later, or another process
	default:
		upto = newest // Done reports that there is more
	}
	a := admit(live, &t.assignment, e.fulfil(work, planner{&t.assignment}.plan(live, r, upto)))
	switch {
	case t.isOff() || !t.begin(a.asks):
		return nil, verdict{outcome: calledOff}
	case a.cutShort:
		return nil, verdict{outcome: released} // the next process, or turn, asks again
	case len(a.asks) == 0:
		return nil, e.unanswered(work, a)
	// Its owner died between the end and the note of it.
	case !a.due.Redo && thread.Complete(a.messages, t.lease.Messages(), a.asks):
		t.log.InfoContext(work, "answered_before", "ask", a.last().TS)
		offer{assignment: &t.assignment}.shareLeft(work, t.saved(work, transcript.OfTurn(a.asks, upto)))
		if err := e.removeStale(work, a); errors.Is(err, ErrLeaseUncertain) {
			return nil, verdict{outcome: released}
		}
		return nil, verdict{outcome: done, upto: upto}
	case t.stopped() && len(t.lease.Messages()) == 0 && len(a.due.Adopt) == 0:
		return nil, verdict{outcome: done, upto: t.stopEnds()}
	}
	t.tab.afford(live, a)
	switch {
	case t.isOff() || !t.begin(a.asks):
		return nil, verdict{outcome: calledOff}
	case len(a.asks) == 0:
		return nil, e.unanswered(work, a)
	}
	if err := t.open(work, a, s); err != nil {
		t.log.ErrorContext(stream, "answer_not_opened", "ask", a.last().TS, "error", err)
		t.ended(EndNotShown)
		return nil, verdict{outcome: done, upto: upto}
	}
	return a, verdict{}
}

// watch ends the turn when the lease is lost, ends the stream when it is stopped, and has the
// thread read again when another process has heard of a change in it. It returns when ctx ends.
func (t *turnRun) watch(ctx context.Context, changed <-chan struct{}, callOff, stop context.CancelCauseFunc) {
	var rereads sync.WaitGroup
	defer rereads.Wait()
	stopped := t.lease.Stopped()
	for {
		select {
		case <-t.lease.Lost():
			callOff(turn.ErrLost)
			return
		case <-stopped:
			stop(answer.ErrStopped)
			stopped = nil
		case <-changed:
			changed = t.lease.Changed()
			rereads.Go(func() { t.reread(ctx) })
		case <-ctx.Done():
			return
		}
	}
}

// reread tells the thread's actor how the thread looks now.
func (t *turnRun) reread(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	at := t.lease.ChangedAt()
	messages, err := t.bot.dep.History.Messages(ctx, t.thread)
	if err != nil {
		if ctx.Err() == nil {
			t.log.WarnContext(ctx, "history_unread", "error", err)
		}
		return
	}
	// The actor is there: it waits for this turn.
	_ = t.bot.actors.deliver(t.thread, inboxItem{now: messages, at: at})
}
