package bot

import (
	"context"
	"errors"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
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
		return report{answered: v.upto, more: more, lost: errors.Is(err, turn.ErrLost)}
	case errors.Is(err, turn.ErrLost):
		return t.lost(work, v)
	}
	if t.lease.Died() && !v.goesOn && t.bot.cfg.Durable && (t.bot.cfg.Alone == nil || !t.bot.cfg.Alone()) {
		t.bot.lookBacks.add(takenOver{t.thread, *v.entry, v.upto})
	}
	if v.draft != nil {
		t.bot.cleanUp(work, cleanup{thread: t.thread, entry: *v.entry, draft: v.draft, right: v.right, since: time.Now()})
	}
	t.forget(work)
	t.kit.forgetRounds(work)
	return report{answered: v.upto, more: more}
}

// done notes that the thread is answered up to a time, and reports whether more was asked
// meanwhile. If the store does not take that now, the coordinator goes on trying.
func (t *turnRun) done(work context.Context, upto turn.TS) (more bool, err error) {
	var counted sync.WaitGroup
	defer counted.Wait()
	counted.Go(func() { t.tab.settle(work) })
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
		t.bot.longJobs.add("repair", func(ctx context.Context) { t.bot.repair(ctx, t.thread, v.question, v.upto, fenced) })
	}
	return report{answered: v.upto, lost: true}
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
		t.bot.whisper(ctx, whisperPlace(t.known[n-1]), t.known[n-1].User, sentence)
	}
	return t.end(work, verdict{outcome: done, upto: t.upto()})
}

// finish shows the end of an answer, and returns what becomes of the thread. An end that comes
// while the store is away waits for it, however long that takes: nobody is asked for the text
// again. stream ends when the answer is stopped or called off.
func (t *turnRun) finish(work, stream context.Context, a *admitted, s *stage, out *answer.Outcome) verdict {
	v := verdict{outcome: done, upto: a.upto, question: a.last().TS}
	var err error
	if !takenAway(out.Err) {
		if errors.Is(out.Err, answer.ErrStopped) {
			t.spare(a, &v, out)
		}
		complete := out.Err == nil
		err = t.show(work, stream, a, s, out)
		if complete && errors.Is(out.Err, answer.ErrStopped) {
			t.spare(a, &v, out)
		}
	}
	if v.outcome = t.becomes(out.Err, err); takenAway(out.Err) {
		if v.outcome == calledOff {
			t.log.InfoContext(work, "answer_called_off", "ask", v.question)
		}
		t.letGo(work, s, *out)
		return v
	}
	// Some messages still want tidying, such as their small print: should this process end before,
	// somebody else does it.
	if d, ok := s.draft.(tidying); ok && d.Untidy() {
		v.draft, v.right = d, t.lease.LookAgain()
		d.Tidy(func() error { return mayPass(v.right.Check()) })
	}
	s.draft = nil
	s.saver.End()
	t.logEnd(work, a, s.request, *out, err)
	if v.outcome != done {
		return v
	}
	t.bot.hints.answered(t.thread, time.Now())
	eraser{&t.assignment}.removeOrphans(work, a, t.messageIDs())
	if err == nil && !out.Kept {
		eraser{&t.assignment}.replaceFile(work, a.messages, s.reply, out.File)
	}
	if err == nil && out.File != "" {
		t.share(work, s, out)
	}
	v.entry = t.entry(a, s.reply, *out, v.draft != nil)
	if v.entry.Text != "" && !out.Kept && !t.keep(work, *v.entry) {
		v.outcome = lost
	}
	return v
}

// takenAway reports whether an answer is not this turn's any more: nothing of it is shown from then
// on.
func takenAway(err error) bool {
	return errors.Is(err, turn.ErrLost) || errors.Is(err, answer.ErrSuperseded)
}

// becomes returns what an answer leaves: written is the error with which it was written, shown the
// one with which its end was shown.
func (t *turnRun) becomes(written, shown error) outcome {
	switch {
	case errors.Is(written, answer.ErrSuperseded):
		return calledOff
	case errors.Is(written, turn.ErrLost), errors.Is(shown, turn.ErrLost):
		return lost
	case errors.Is(shown, ErrLeaseUncertain), errors.Is(written, errShutdown) && t.bot.cfg.Durable:
		return released // another process, or the next one, finishes it in the same messages
	}
	return done
}

// spare leaves the questions that were asked after a stop for the next turn, which goes on in the
// same messages.
func (t *turnRun) spare(a *admitted, v *verdict, out *answer.Outcome) {
	if at, some := t.askedAfterStop(a.asks); some {
		v.upto, v.goesOn, out.Answer.Controls, out.Answer.Ending = at, true, 0, answer.EndingOpen
	}
}

// letGo lets go of the messages as they are: they are somebody else's now.
func (t *turnRun) letGo(work context.Context, s *stage, out answer.Outcome) {
	cause := turn.ErrLost
	if !errors.Is(out.Err, cause) {
		cause = answer.ErrSuperseded
	}
	ctx, cancel := context.WithCancelCause(work)
	cancel(cause)
	_ = s.draft.Close(ctx, out.Answer)
	s.draft = nil
	t.ended(endOf(out, nil))
}

// entry returns what is kept of an answer.
func (t *turnRun) entry(a *admitted, r Reply, out answer.Outcome, untidy bool) *transcript.Entry {
	return &transcript.Entry{
		For: r.For, From: r.From, Since: r.Since, Epoch: r.Epoch, IDs: t.messageIDs(), Asker: a.last().User, Untidy: untidy, File: out.File,
		Text: out.Answer.Text, Notice: out.Answer.Notice, Small: out.Answer.Small,
		Phase: out.Answer.Phase, Controls: out.Answer.Controls, Ending: out.Answer.Ending,
		Tokens: out.Result.Usage.CompletionTokens, Elapsed: out.Result.Elapsed, TTFT: out.Result.TTFT, Word: out.Result.FirstWord,
	}
}

// logEnd logs how an answer ended.
func (t *turnRun) logEnd(ctx context.Context, a *admitted, request string, out answer.Outcome, closeErr error) {
	t.ended(endOf(out, closeErr))
	attrs := []any{
		"ask", a.last().TS, "user", a.last().User, "request", request, "model", out.Result.Model, "finish", string(out.Result.Finish),
		"prompt_tokens", out.Result.Usage.PromptTokens, "cached_tokens", out.Result.Usage.CachedTokens,
		"completion_tokens", out.Result.Usage.CompletionTokens,
		"ttft_ms", out.Result.TTFT.Milliseconds(), "elapsed_ms", out.Result.Elapsed.Milliseconds(),
	}
	switch {
	case closeErr != nil:
		t.log.ErrorContext(ctx, "answer_not_shown", append(attrs, "error", closeErr)...)
	case out.Err == nil || errors.Is(out.Err, answer.ErrStopped) || errors.Is(out.Err, errOverQuota):
		t.log.InfoContext(ctx, "answer_done", attrs...)
	case errors.Is(out.Err, errShutdown) && t.bot.cfg.Durable: // no failure: it goes on
		t.log.InfoContext(ctx, "answer_handed_over", attrs...)
	default:
		hint := ""
		if e, ok := errors.AsType[*llm.Error](out.Err); ok {
			hint = e.Hint()
		}
		t.log.WarnContext(ctx, "answer_failed", append(attrs, "hint", hint, "error", out.Err)...)
	}
}
