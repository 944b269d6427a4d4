package bot

import (
	"context"
	"errors"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// An ended answer goes when its question is deleted, unless others have written after it, and when
// who asked says so. Both are a wish in the store and a time in the thread's record. So whoever has
// the thread fulfils it under its lease, in the next turn, and no process that dies loses it.

// whichAnswer is said to who takes back an answer outside of its thread.
const whichAnswer = "Write `!remove` in the thread of the answer: it takes back my newest answer to you there."

// afterNewest is the smallest step of Slack's clock.
const afterNewest = time.Microsecond

// forsake has the ended answer to a deleted message removed. record is the thread's. The store may
// have forgotten that answer, or not know it yet: the thread tells whether there is one.
func (c *controls) forsake(ctx context.Context, ev Deleted, record turn.Record) error {
	if record.Asked == "" {
		return nil // never ours
	}
	// Of the answer under way, if it has one, the next turn forgets them.
	if err := c.records.DropArguments(ctx, ev.Thread, 0, transcript.For(turn.TS(ev.TS), turn.TS(ev.TS))); err != nil {
		return err
	}
	return c.wantRemoved(ctx, ev.Thread, record, transcript.Removal{TS: ev.At, Question: ev.TS})
}

// missed has the ended answers removed whose questions were deleted while nobody heard of it. After
// an error it is to be called again.
func (c *controls) missed(ctx context.Context, t thread.ID, record turn.Record, messages []thread.Message) error {
	gone := thread.Abandoned(messages)
	if record.Asked == "" || len(gone) == 0 {
		return nil
	}
	own, err := c.records.Entries(ctx, t)
	if err != nil {
		return err
	}
	for _, question := range gone {
		if _, found := thread.Forsaken(messages, question, func(what string) string { return own[what].Asker }); found {
			one := c.wantRemoved(ctx, t, record, transcript.Removal{Question: string(question)})
			c.log.InfoContext(ctx, "deletion_found", "thread", t.String(), "ask", string(question), "error", one)
			err = errors.Join(err, one)
		}
	}
	return err
}

// takeBack has the newest answer to somebody removed, because they say so.
func (c *controls) takeBack(ctx context.Context, ev thread.Question, where thread.ID) error {
	if ev.Opens() {
		c.notifier.tell(where, ev.User, whichAnswer)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	if ok, _ := c.access.allowed(ctx, where, ev.User, nil); !ok {
		return nil
	}
	record, err := c.coordinator.Record(ctx, ev.Thread.String())
	if err == nil {
		err = c.wantRemoved(ctx, ev.Thread, record, transcript.Removal{TS: ev.TS, By: ev.User})
	}
	c.log.InfoContext(ctx, "removal_asked", "thread", ev.Thread.String(), "user", ev.User, "error", err)
	if err != nil {
		return ErrNotDurable
	}
	return nil
}

// wantRemoved notes a wish, and asks for a turn that fulfils it. The wish is newer than all that
// the thread's record knows: a deletion may come late.
func (c *controls) wantRemoved(ctx context.Context, t thread.ID, record turn.Record, w transcript.Removal) error {
	newest := record.Asked.Max(record.Answered)
	if at := turn.TS(w.TS); !at.After(newest) {
		w.TS = string(turn.At(newest.Time().Add(afterNewest)))
	}
	if err := c.records.KeepRemoval(ctx, t, w); err != nil {
		c.log.WarnContext(ctx, "removal_not_noted", "thread", t.String(), "error", err)
		return err
	}
	return c.askAgain(ctx, t, w.TS)
}
