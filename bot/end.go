package bot

import (
	"context"
	"errors"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// outcome is what a turn leaves to the store and to the next turn.
type outcome int

const (
	// done: the thread has its answers up to a time.
	done outcome = iota + 1
	// released: the thread is given back unanswered; another process, or turn, goes on with it.
	released
	// lost: another process has the thread.
	lost
	// calledOff: the next turn of this process takes over the questions, and the messages.
	calledOff
)

// verdict is what becomes of a thread when a turn is over.
type verdict struct {
	outcome outcome
	// done: until when the thread has its answers; lost: until when it was to have them.
	upto turn.TS

	// Of an answer that was written:
	question string            // what it answers
	entry    *transcript.Entry // done: the answer; nil: none was shown
	goesOn   bool              // done: the next turn goes on in its messages
	draft    tidying           // its messages still wait for their cleanup; nil: they do not
	right    *turn.Tidying     // of the draft, to do that
}

// end tells the store what becomes of the thread, and the actor.
func (t *turnRun) end(work context.Context, v verdict) report {
	switch v.outcome {
	case released:
		t.release(work)
		return report{answered: t.upto()}
	case calledOff:
		t.kit.close(work)
		t.tab.settle(work)
		return report{more: true, asks: t.left(t.known)}
	case lost:
		return t.lost(work, v)
	case done:
	}
	t.kit.close(work)
	more, err := t.done(work, v.upto)
	if t.lease.Died() && !errors.Is(err, turn.ErrLost) {
		t.idle()
	}
	switch {
	case v.entry == nil:
		return report{answered: v.upto, more: more}
	case errors.Is(err, turn.ErrLost):
		return t.lost(work, v)
	}
	if t.lease.Died() && !v.goesOn && t.bot.hasOthers() {
		t.bot.mender.lookBacks.add(takenOver{t.thread, *v.entry, v.upto})
	}
	if v.draft != nil {
		t.bot.mender.cleanUp(work, cleanup{thread: t.thread, entry: *v.entry, draft: v.draft, right: v.right, since: time.Now()})
	}
	t.forget(work)
	t.kit.forgetRounds(work)
	return report{answered: v.upto, more: more}
}

// done notes that the thread is answered up to a time, and reports whether more was asked
// meanwhile. If the store does not take that now, the coordinator goes on trying.
func (t *turnRun) done(work context.Context, upto turn.TS) (more bool, err error) {
	t.tab.settle(work) // before: whoever has the thread next begins another answer
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	more, err = t.lease.Done(ctx, upto)
	if err != nil && !errors.Is(err, turn.ErrLost) {
		t.log.WarnContext(work, "answer_not_noted", "ask", string(upto), "error", err)
	}
	return more, err
}

// release gives the thread back unanswered.
func (t *turnRun) release(work context.Context) {
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	if err := t.lease.Release(ctx); err != nil && !errors.Is(err, turn.ErrLost) {
		t.log.WarnContext(work, "claim_not_released", "error", err)
	}
}

// lost has a write of ours made good that may have come after another process took the thread over.
func (t *turnRun) lost(work context.Context, v verdict) report {
	fenced := t.fencedIDs()
	t.log.WarnContext(work, "claim_lost", "ask", v.question, "late_writes", len(fenced))
	if len(fenced) > 0 {
		t.bot.mender.repairs.add("repair", func(ctx context.Context) { t.bot.mender.repair(ctx, t.thread, v.question, v.upto, fenced) })
	}
	return report{answered: v.upto}
}

// giveUp ends a turn that has panicked.
func (t *turnRun) giveUp(work context.Context, draft answer.Draft) report {
	const sentence = "Something went wrong inside me. The people who run me find it in my log."
	t.ended(EndPanicked)
	ctx, cancel := context.WithTimeout(work, closeTimeout)
	defer cancel()
	if draft != nil {
		t.work.is(ThreadClosing)
		if err := draft.Close(ctx, answer.Snapshot{Notice: sentence, Phase: answer.Failed}); err != nil {
			t.log.ErrorContext(ctx, "answer_not_shown", "ask", string(t.upto()), "error", err)
		}
	} else if n := len(t.known); n > 0 {
		t.bot.notifier.whisper(ctx, whisperPlace(t.known[n-1]), t.known[n-1].User, sentence)
	}
	return t.end(work, verdict{outcome: done, upto: t.upto()})
}
