package bot

import (
	"context"
	"errors"
	"sync"

	"llmbot/bot/answer"
	"llmbot/bot/figures"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// finish shows the end of an answer, and returns what becomes of the thread. An end that comes
// while the store is away waits for it, however long that takes: nobody is asked for the text
// again. stream ends when the answer is stopped or called off.
func (t *turnRun) finish(work, stream context.Context, a *admitted, s *stage, out *answer.Outcome) verdict {
	v := verdict{outcome: done, upto: a.upto, question: a.last().TS}
	var err error
	if !takenAway(out.Err) {
		if errors.Is(out.Err, answer.ErrStopped) {
			v.spare(&t.assignment, a.asks, out)
		}
		complete := out.Err == nil
		err = t.show(work, stream, a, s, out)
		if complete && errors.Is(out.Err, answer.ErrStopped) {
			v.spare(&t.assignment, a.asks, out)
		}
	}
	if v.outcome = becomes(out.Err, err, t.bot.cfg.Durable); takenAway(out.Err) {
		if v.outcome == calledOff {
			t.log.InfoContext(work, "answer_called_off", "ask", v.question)
		}
		letGo(work, s.draft, *out)
		s.draft = nil
		t.ended(endOf(*out, nil))
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
	logEnd(work, &t.assignment, a, *out, err)
	if v.outcome != done {
		return v
	}
	t.bot.participants.answered(t.thread)
	s.reply.Adopt = t.messageIDs()
	eraser{&t.assignment}.removeOrphans(work, a, s.reply.Adopt)
	if err == nil && !out.Kept {
		eraser{&t.assignment}.replaceFile(work, a.messages, s.reply, out.File)
	}
	if err == nil && out.File != "" {
		offer{&t.assignment, s.saver}.share(work, s.reply, out)
	}
	v.entry = entryOf(a, s.reply, t.messageIDs(), *out, v.draft != nil)
	if v.entry.Text != "" && !out.Kept && !t.keep(work, *v.entry) {
		v.outcome = lost
	}
	return v
}

// show shows the end of an answer as soon as the lease allows it. It blocks as long as the store is
// away.
func (t *turnRun) show(work, stream context.Context, a *admitted, s *stage, out *answer.Outcome) error {
	for again := false; ; again = true {
		if err := t.settled(work); err != nil {
			gone, cancel := context.WithCancelCause(work)
			cancel(err)
			return errors.Join(err, s.draft.Close(gone, out.Answer))
		}
		err := t.showNow(work, stream, a, s, out)
		if !errors.Is(err, ErrLeaseUncertain) || work.Err() != nil {
			if again && err == nil {
				t.idle()
			}
			return err
		}
		// The lease lapsed meanwhile: once more, in the same messages.
		s.reply.Adopt = t.messageIDs()
		if err := t.openDraft(work, s); err != nil {
			return err
		}
	}
}

// showNow shows the end of an answer, and uploads the whole of it where that shows only a part. If
// a complete answer is stopped meanwhile, its end is what is visible by then, to the end of the
// message that is being written. If it is called off, not another word is shown. stream is what
// those end.
func (t *turnRun) showNow(work, stream context.Context, a *admitted, s *stage, out *answer.Outcome) error {
	closing, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not take the end of the answer in time"))
	defer cancel()
	t.work.is(ThreadClosing)
	if out.Err != nil {
		return s.draft.Close(closing, out.Answer)
	}
	closing, letGo := context.WithCancelCause(closing)
	defer letGo(nil)
	offering, noOffer := context.WithCancel(closing)
	defer noOffer()
	whole, stopped, over := *out, (*answer.Snapshot)(nil), make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-stream.Done():
		case <-over:
			return
		}
		switch cause := context.Cause(stream); {
		case errors.Is(cause, answer.ErrSuperseded):
			letGo(answer.ErrSuperseded)
		case errors.Is(cause, answer.ErrStopped):
			defer noOffer() // after the draft has the end
			_, goesOn := t.askedAfterStop(a.asks)
			if stopped = cutShort(s.draft, whole, goesOn); stopped != nil {
				s.draft.Set(*stopped)
			}
		}
	})
	if out.All != "" {
		offer{&t.assignment, s.saver}.prepare(offering, out)
	}
	err := s.draft.Close(closing, out.Answer)
	close(over)
	watch.Wait()
	switch {
	case stopped != nil:
		if out.Answer, out.File = *stopped, ""; stopped.Phase == answer.Stopped {
			out.Err, out.All = answer.ErrStopped, ""
		}
	case err != nil && errors.Is(context.Cause(closing), answer.ErrSuperseded):
		out.Err = answer.ErrSuperseded
	}
	return err
}

// cutShort returns the end of a complete answer that is stopped while its end is being shown; nil:
// it is shown as it is. goesOn reports that the next turn goes on in its messages.
func cutShort(draft answer.Draft, whole answer.Outcome, goesOn bool) *answer.Snapshot {
	cut := whole.Answer
	switch n := draft.Room(cut.Text, true); {
	case n < len(cut.Text):
		cut.Text, cut.Phase, cut.Notice, cut.Controls, cut.Ending = cut.Text[:n], answer.Stopped, "", answer.CanRegenerate, answer.EndingBroken
		cut.Small = figures.Join("stopped", cut.Small)
		if goesOn {
			cut.Controls, cut.Ending = 0, answer.EndingOpen
		}
		return &cut
	case whole.All != "": // a file would come after the stop
		cut.Notice = ofRest(cut.Notice, false, whole.Result)
		return &cut
	}
	return nil
}

// takenAway reports whether an answer is not this turn's any more: nothing of it is shown from then
// on.
func takenAway(err error) bool {
	return errors.Is(err, turn.ErrLost) || errors.Is(err, answer.ErrSuperseded)
}

// becomes returns what an answer leaves: written is the error with which it was written, shown the
// one with which its end was shown; durable reports that the store outlives this process.
func becomes(written, shown error, durable bool) outcome {
	switch {
	case errors.Is(written, answer.ErrSuperseded):
		return calledOff
	case errors.Is(written, turn.ErrLost), errors.Is(shown, turn.ErrLost):
		return lost
	case errors.Is(shown, ErrLeaseUncertain), errors.Is(written, errShutdown) && durable:
		return released // another process, or the next one, finishes it in the same messages
	}
	return done
}

// spare leaves the questions that were asked after a stop for the next turn, which goes on in the
// same messages.
func (v *verdict) spare(as *assignment, asks []thread.Question, out *answer.Outcome) {
	if at, some := as.askedAfterStop(asks); some {
		v.upto, v.goesOn, out.Answer.Controls, out.Answer.Ending = at, true, 0, answer.EndingOpen
	}
}

// letGo lets go of the messages as they are: they are somebody else's now.
func letGo(work context.Context, draft answer.Draft, out answer.Outcome) {
	cause := turn.ErrLost
	if !errors.Is(out.Err, cause) {
		cause = answer.ErrSuperseded
	}
	ctx, cancel := context.WithCancelCause(work)
	cancel(cause)
	_ = draft.Close(ctx, out.Answer)
}

// entryOf returns what is kept of an answer in some messages.
func entryOf(a *admitted, r Reply, ids []string, out answer.Outcome, untidy bool) *transcript.Entry {
	return &transcript.Entry{
		For: r.For, From: r.From, Since: r.Since, Epoch: r.Epoch, IDs: ids, Asker: a.last().User, Untidy: untidy, File: out.File,
		Text: out.Answer.Text, Notice: out.Answer.Notice, Small: out.Answer.Small,
		Phase: out.Answer.Phase, Controls: out.Answer.Controls, Ending: out.Answer.Ending,
		Tokens: out.Result.Usage.CompletionTokens, Elapsed: out.Result.Elapsed, TTFT: out.Result.TTFT, Word: out.Result.FirstWord,
	}
}

// logEnd logs how an answer ended.
func logEnd(ctx context.Context, as *assignment, a *admitted, out answer.Outcome, closeErr error) {
	as.ended(endOf(out, closeErr))
	attrs := []any{
		"ask", a.last().TS, "user", a.last().User, "request", a.request(), "model", out.Result.Model, "finish", string(out.Result.Finish),
		"prompt_tokens", out.Result.Usage.PromptTokens, "cached_tokens", out.Result.Usage.CachedTokens,
		"completion_tokens", out.Result.Usage.CompletionTokens,
		"ttft_ms", out.Result.TTFT.Milliseconds(), "elapsed_ms", out.Result.Elapsed.Milliseconds(),
	}
	switch {
	case closeErr != nil:
		as.log.ErrorContext(ctx, "answer_not_shown", append(attrs, "error", closeErr)...)
	case out.Err == nil || errors.Is(out.Err, answer.ErrStopped) || errors.Is(out.Err, errOverQuota):
		as.log.InfoContext(ctx, "answer_done", attrs...)
	case errors.Is(out.Err, errShutdown) && as.bot.cfg.Durable: // no failure: it goes on
		as.log.InfoContext(ctx, "answer_handed_over", attrs...)
	default:
		hint := ""
		if e, ok := errors.AsType[*llm.Error](out.Err); ok {
			hint = e.Hint()
		}
		as.log.WarnContext(ctx, "answer_failed", append(attrs, "hint", hint, "error", out.Err)...)
	}
}
