package bot

import (
	"context"
	"errors"
	"slices"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// none ends a turn in which nothing is owed: a half answer whose question is gone goes, too. One that was
// begun for somebody of whom Slack does not say now who they are waits until it does.
func (t *turnRun) none(work context.Context, upto turn.TS) report {
	ids := slices.DeleteFunc(thread.Union(t.claim.Messages(), slices.Concat(t.due.Adopt, t.due.Orphans)), t.keeps)
	switch {
	case len(t.claim.Messages()) > 0 && t.unsure:
		return t.release(work)
	case t.unread || t.due.Redo || len(t.due.Asks) > 0:
		return t.done(work, upto)
	case len(ids) > 0:
		if err := t.removeAll(work, ids, upto); errors.Is(err, ErrNotNow) {
			return t.release(work)
		}
	}
	return t.done(work, upto)
}

// removeOrphans removes the half answers whose questions are gone, beside an answer to others.
func (t *turnRun) removeOrphans(work context.Context) {
	ours := t.messageIDs()
	ids := slices.DeleteFunc(slices.Clone(t.due.Orphans), func(id string) bool { return slices.Contains(ours, id) || t.keeps(id) })
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not delete a half answer in time"))
	defer cancel()
	err := t.bot.showAgain(ctx, t.thread, Reply{For: t.due.Last().TS, Epoch: t.claim.Epoch(), Check: t.mayWrite, Adopt: ids}, answer.Snapshot{Phase: answer.Removed})
	t.bot.log.InfoContext(work, "answer_removed", "thread", t.thread.String(), "messages", ids, "error", err)
}

// removeAll removes the messages of an answer to what is gone.
func (t *turnRun) removeAll(work context.Context, ids []string, upto turn.TS) error {
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not delete a half answer in time"))
	defer cancel()
	reply := t.reply(work, thread.Question{TS: string(upto)})
	reply.Adopt = ids // and none that stay
	draft, err := t.bot.dep.Replier.Open(work, t.thread, reply)
	if err == nil {
		err = draft.Close(ctx, answer.Snapshot{Phase: answer.Removed})
	}
	t.bot.log.InfoContext(work, "answer_removed", "thread", t.thread.String(), "ask", string(upto), "error", err)
	if err == nil {
		t.ended(EndRemoved)
	}
	return err
}

// release gives the thread back unanswered.
func (t *turnRun) release(work context.Context) report {
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	if err := t.claim.Release(ctx); err != nil && !errors.Is(err, turn.ErrLost) {
		t.bot.log.WarnContext(work, "claim_not_released", "thread", t.thread.String(), "error", err)
	}
	return report{answered: t.upto()}
}

// done notes that the thread is answered up to a point. If the store does not take it now, the coordinator goes on trying.
func (t *turnRun) done(work context.Context, upto turn.TS) report {
	t.settle(work)
	ctx, cancel := context.WithTimeout(work, doneTimeout)
	defer cancel()
	more, err := t.claim.Done(ctx, upto)
	lost := errors.Is(err, turn.ErrLost)
	if err != nil && !lost {
		t.bot.log.WarnContext(work, "answer_not_noted", "thread", t.thread.String(), "ask", string(upto), "error", err)
	}
	return report{answered: upto, more: more, lost: lost}
}
