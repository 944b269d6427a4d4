package bot

import (
	"cmp"
	"context"
	"slices"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// An ended answer goes when its question is deleted, unless others have written after it, and when
// who asked says so. Both are a wish in the store and a time in the thread's record. So whoever has
// the thread fulfils it under its lease, in the next turn, and no process that dies loses it.

// Sentences about removals.
const (
	noneOfYours = "I have no finished answer to you in this thread. `!remove` takes back my newest answer to whoever writes it."
	whichAnswer = "Write `!remove` in the thread of the answer: it takes back my newest answer to you there."
	notRemoved  = "I could not remove my answer. Please try again in a moment."
)

// afterNewest is the smallest step of Slack's clock.
const afterNewest = time.Microsecond

// forsake has the ended answer to a deleted question removed. record is the thread's.
func (b *Bot) forsake(ctx context.Context, ev Deleted, record turn.Record) error {
	if record.Asked == "" {
		return nil // never ours
	}
	own, err := b.records.Entries(ctx, ev.Thread)
	if err == nil { // of the answer under way, if it has one, the next turn forgets them
		err = b.records.DropArguments(ctx, ev.Thread, 0, transcript.For(turn.TS(ev.TS), turn.TS(ev.TS)))
	}
	if err != nil {
		return err
	}
	for _, e := range own {
		from := turn.TS(e.From)
		if from == "" {
			from = turn.TS(e.For)
		}
		if ts := turn.TS(ev.TS); !from.After(ts) && !ts.After(turn.TS(e.For)) {
			return b.wantRemoved(ctx, ev.Thread, record, transcript.Removal{TS: ev.At, Question: ev.TS})
		}
	}
	return nil
}

// takeBack has the newest answer to somebody removed, because they say so.
func (b *Bot) takeBack(ctx context.Context, ev thread.Question, where thread.ID) error {
	if ev.Opens() {
		b.tell(where, ev.User, whichAnswer)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	if refusal, _ := b.mayAsk(ctx, Command{User: ev.User, Channel: ev.Thread.Channel}); refusal != "" {
		b.refuse(ctx, where, ev.User, refusal)
		return nil
	}
	record, err := b.coordinator.Record(ctx, ev.Thread.String())
	if err == nil {
		err = b.wantRemoved(ctx, ev.Thread, record, transcript.Removal{TS: ev.TS, By: ev.User})
	}
	b.log.InfoContext(ctx, "removal_asked", "thread", ev.Thread.String(), "user", ev.User, "error", err)
	if err != nil {
		return ErrNotDurable
	}
	return nil
}

// wantRemoved notes a wish, and asks for a turn that fulfils it. The wish is newer than all that
// the thread's record knows: a deletion may come late.
func (b *Bot) wantRemoved(ctx context.Context, t thread.ID, record turn.Record, w transcript.Removal) error {
	newest := record.Asked.Max(record.Answered)
	if at := turn.TS(w.TS); !at.After(newest) {
		w.TS = string(turn.At(newest.Time().Add(afterNewest)))
	}
	if err := b.records.KeepRemoval(ctx, t, w); err != nil {
		b.log.WarnContext(ctx, "removal_not_noted", "thread", t.String(), "error", err)
		return err
	}
	return b.askAgain(ctx, t, w.TS)
}

// fulfil removes what is to be removed of the thread's ended answers, and returns the plan without
// it.
func (t *turnRun) fulfil(work context.Context, p plan) plan {
	var wishes []transcript.Removal
	nothing := !slices.ContainsFunc(p.messages, func(m thread.Message) bool { return m.Self })
	if p.unread || nothing && len(p.due.Asks) > 0 {
		return p
	}
	err := t.stored(work, func() (err error) {
		wishes, err = t.bot.records.Removals(work, t.thread, t.lease.Answered())
		return err
	})
	if err != nil {
		t.bot.log.WarnContext(work, "removals_unread", "thread", t.thread.String(), "error", err)
		return p
	}
	if len(wishes) == 0 {
		return p
	}
	own, err := t.bot.records.Entries(work, t.thread)
	if err != nil {
		t.bot.log.WarnContext(work, "answers_unread", "thread", t.thread.String(), "error", err)
	}
	asker := func(what string) string { return own[what].Asker }
	for _, w := range wishes {
		if turn.TS(w.TS).After(p.upto) {
			continue // for another turn
		}
		gone, found := thread.NewestFor(p.messages, w.By, turn.TS(w.TS), asker)
		if w.Question != "" {
			who := ""
			for what, e := range own {
				if from := turn.TS(e.From); !from.After(turn.TS(w.Question)) && !turn.TS(w.Question).After(turn.TS(what)) {
					who = e.Asker
				}
			}
			gone, found = thread.Forsaken(p.messages, turn.TS(w.Question), who)
		}
		switch {
		case found:
			p = t.takeOut(work, p, gone, w, turn.TS(cmp.Or(own[gone.For].From, gone.For)))
		case w.By != "":
			t.bot.tell(t.thread, w.By, noneOfYours)
		}
	}
	return p
}

// takeOut removes an answer from Slack, the store and the plan. first is the first of its
// questions.
func (t *turnRun) takeOut(work context.Context, p plan, gone thread.Ended, w transcript.Removal, first turn.TS) plan {
	err := t.remove(work, Reply{For: gone.For, Epoch: t.lease.Epoch(), Check: t.mayWrite, Adopt: gone.IDs})
	t.logRemoved(work, err, "ask", gone.For, "user", w.By)
	if err != nil {
		if w.By != "" {
			t.bot.tell(t.thread, w.By, notRemoved)
		}
		return p
	}
	t.ended(EndRemoved)
	if err := t.bot.records.Drop(work, t.thread, gone.For); err != nil {
		t.bot.log.WarnContext(work, "answer_stays_in_store", "thread", t.thread.String(), "ask", gone.For, "error", err)
	}
	t.dropArguments(work, transcript.For(first, turn.TS(gone.For)))
	isGone := func(id string) bool { return slices.Contains(gone.IDs, id) }
	p.messages = slices.DeleteFunc(slices.Clone(p.messages), func(m thread.Message) bool { return isGone(m.TS) })
	p.due.Adopt = slices.DeleteFunc(slices.Clone(p.due.Adopt), isGone)
	p.due.Orphans = slices.DeleteFunc(slices.Clone(p.due.Orphans), isGone)
	return p
}
