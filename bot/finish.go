package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
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
		t.closeLeave(work)
		t.tab.settle(work)
		return report{more: true, asks: t.left(t.known)}
	case lost:
		return t.lost(work, v)
	case done:
	}
	t.closeLeave(work)
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
		t.bot.mender.lookBacks.add(takenOver{t.thread, *v.entry, v.upto})
	}
	if v.draft != nil {
		t.bot.mender.cleanUp(work, cleanup{thread: t.thread, entry: *v.entry, draft: v.draft, right: v.right, since: time.Now()})
	}
	if err := t.bot.records.Forget(work, t.thread); err != nil {
		t.bot.log.WarnContext(work, "checkpoint_stays", "thread", t.thread.String(), "error", err)
	}
	t.forgetRounds(work)
	return report{answered: v.upto, more: more}
}

// idle has Slack told that the bot is not at work in the thread any more. That is the draft's part if
// it has said that the bot is; but an owner before may have said so, or a draft before it.
func (t *turnRun) idle() {
	if s, ok := t.bot.dep.Room.(Statuses); ok {
		s.Idle(t.thread)
	}
}

// done notes that the thread is answered up to a time, and reports whether more was asked
// meanwhile. If the store does not take that now, the coordinator goes on trying.
func (t *turnRun) done(work context.Context, upto turn.TS) (more bool, err error) {
	t.tab.settle(work)
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	more, err = t.lease.Done(ctx, upto)
	if err != nil && !errors.Is(err, turn.ErrLost) {
		t.bot.log.WarnContext(work, "answer_not_noted", "thread", t.thread.String(), "ask", string(upto), "error", err)
	}
	return more, err
}

// release gives the thread back unanswered.
func (t *turnRun) release(work context.Context) {
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	if err := t.lease.Release(ctx); err != nil && !errors.Is(err, turn.ErrLost) {
		t.bot.log.WarnContext(work, "claim_not_released", "thread", t.thread.String(), "error", err)
	}
}

// lost has a write of ours made good that may have come after another process took the thread over.
func (t *turnRun) lost(work context.Context, v verdict) report {
	fenced := t.fencedIDs()
	t.bot.log.WarnContext(work, "claim_lost", "thread", t.thread.String(), "ask", v.question, "late_writes", len(fenced))
	if len(fenced) > 0 {
		t.bot.mender.repairs.add("repair", func(ctx context.Context) { t.bot.mender.repair(ctx, t.thread, v.question, v.upto, fenced) })
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
			t.bot.log.ErrorContext(ctx, "answer_not_shown", "thread", t.thread.String(), "ask", string(t.upto()), "error", err)
		}
	} else if n := len(t.known); n > 0 {
		t.bot.notifier.whisper(ctx, whisperPlace(t.known[n-1]), t.known[n-1].User, sentence)
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
			t.bot.log.InfoContext(work, "answer_called_off", "thread", t.thread.String(), "ask", v.question)
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
	t.bot.participants.answered(t.thread)
	t.removeOrphans(work, a)
	if err == nil && !out.Kept {
		t.replaceFile(work, a.messages, s.reply, out.File)
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

// askedAfterStop reports whether some of what the answer is to answer was asked after the stop, at.
func (t *turnRun) askedAfterStop(asks []thread.Question) (at turn.TS, some bool) {
	at = t.lease.StoppedAt()
	return at, at != "" && slices.ContainsFunc(asks, func(q thread.Question) bool { return turn.TS(q.TS).After(at) })
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

// settled waits until the turn may write to Slack. It returns ErrLost if another process has the
// thread.
func (t *turnRun) settled(work context.Context) error {
	err := t.lease.Settled(work)
	if err == nil || errors.Is(err, turn.ErrLost) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLeaseUncertain, err)
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

// keep keeps the exact text of the answer. It tries as long as the thread is ours, for Done must
// not come before it: what is overwritten afterwards is mended from it. It reports false when
// another process has the thread, or the process ends.
func (t *turnRun) keep(work context.Context, e transcript.Entry) bool {
	for try := 1; ; try++ {
		err := t.bot.records.Keep(work, t.thread, e)
		// A thread whose key is just too long for it has no such record.
		if err == nil || errors.Is(err, turn.ErrKey) {
			return true
		}
		if try == 1 {
			t.bot.log.WarnContext(work, "answer_not_kept", "thread", t.thread.String(), "ask", e.For, "error", err)
		}
		if wait.For(work, keepAgain) != nil || t.settled(work) != nil {
			return false
		}
	}
}

// none ends a turn in which nothing is answered: a half answer whose question is gone goes, too.
// One that was begun for somebody of whom Slack does not say now who they are waits until it does.
func (t *turnRun) none(work context.Context, a *admitted) verdict {
	ids := thread.Union(t.lease.Messages(), slices.Concat(a.due.Adopt, a.due.Orphans))
	ids = slices.DeleteFunc(ids, func(id string) bool { return thread.Keeps(a.messages, id) })
	switch {
	case len(t.lease.Messages()) > 0 && a.unsure:
		return verdict{outcome: released}
	case a.unread || a.due.Redo || len(a.due.Asks) > 0:
		return verdict{outcome: done, upto: a.upto}
	}
	answered := t.lease.Answered()
	t.forgetBegun(work, func(first, last turn.TS) bool { return last.After(answered) && !first.After(a.upto) })
	if len(ids) == 0 {
		return verdict{outcome: done, upto: a.upto}
	}
	reply := t.reply(work, a, thread.Question{TS: string(a.upto)})
	reply.Adopt = ids // and none that stay
	_, err := t.remove(work, a.messages, reply)
	t.logRemoved(work, err, "ask", string(a.upto))
	switch {
	case err == nil:
		t.ended(EndRemoved)
	case errors.Is(err, ErrLeaseUncertain):
		return verdict{outcome: released}
	}
	return verdict{outcome: done, upto: a.upto}
}

// forgetBegun forgets what the store has of answers that were begun, and that nobody goes on with:
// their questions are gone.
func (t *turnRun) forgetBegun(work context.Context, gone func(first, last turn.TS) bool) {
	if err := t.bot.records.Forget(work, t.thread); err != nil {
		t.bot.log.WarnContext(work, "checkpoint_stays", "thread", t.thread.String(), "error", err)
	}
	t.dropArguments(work, gone)
}

// removeOrphans removes the half answers whose questions are gone, beside an answer to others.
func (t *turnRun) removeOrphans(work context.Context, a *admitted) {
	ours := t.messageIDs()
	ids := slices.DeleteFunc(slices.Clone(a.due.Orphans), func(id string) bool {
		return slices.Contains(ours, id) || thread.Keeps(a.messages, id)
	})
	if len(ids) == 0 {
		return
	}
	_, err := t.remove(work, a.messages, Reply{For: a.due.Last().TS, Epoch: t.lease.Epoch(), Check: t.mayWrite, Adopt: ids})
	t.logRemoved(work, err, "messages", ids)
}

// logRemoved logs how a removal ended.
func (t *turnRun) logRemoved(ctx context.Context, err error, attrs ...any) {
	attrs = append([]any{"thread", t.thread.String()}, attrs...)
	if err != nil {
		t.bot.log.WarnContext(ctx, "answer_not_removed", append(attrs, "error", err)...)
		return
	}
	t.bot.log.InfoContext(ctx, "answer_removed", attrs...)
}

// removeMessages removes the messages of a reply.
func (t *turnRun) removeMessages(work context.Context, r Reply) error {
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not delete a half answer in time"))
	defer cancel()
	return t.bot.mender.showAgain(ctx, t.thread, r, answer.Snapshot{Phase: answer.Removed})
}

// logEnd logs how an answer ended.
func (t *turnRun) logEnd(ctx context.Context, a *admitted, request string, out answer.Outcome, closeErr error) {
	t.ended(endOf(out, closeErr))
	attrs := []any{
		"thread", t.thread.String(), "ask", a.last().TS, "user", a.last().User, "request", request, "model", out.Result.Model, "finish", string(out.Result.Finish),
		"prompt_tokens", out.Result.Usage.PromptTokens, "cached_tokens", out.Result.Usage.CachedTokens,
		"completion_tokens", out.Result.Usage.CompletionTokens,
		"ttft_ms", out.Result.TTFT.Milliseconds(), "elapsed_ms", out.Result.Elapsed.Milliseconds(),
	}
	switch {
	case closeErr != nil:
		t.bot.log.ErrorContext(ctx, "answer_not_shown", append(attrs, "error", closeErr)...)
	case out.Err == nil || errors.Is(out.Err, answer.ErrStopped) || errors.Is(out.Err, errOverQuota):
		t.bot.log.InfoContext(ctx, "answer_done", attrs...)
	case errors.Is(out.Err, errShutdown) && t.bot.cfg.Durable: // no failure: it goes on
		t.bot.log.InfoContext(ctx, "answer_handed_over", attrs...)
	default:
		hint := ""
		if e, ok := errors.AsType[*llm.Error](out.Err); ok {
			hint = e.Hint()
		}
		t.bot.log.WarnContext(ctx, "answer_failed", append(attrs, "hint", hint, "error", out.Err)...)
	}
}
