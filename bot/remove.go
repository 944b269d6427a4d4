package bot

import (
	"cmp"
	"context"
	"errors"
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
	notRemoved  = "I could not remove my answer. Please try again in a moment: `!remove` in its thread."
	fileStays   = "I have removed my answer, but its file `answer.md` stays in Slack: I may not delete it. Who looks after this workspace can."

	oldFileStays = "The file `answer.md` with my answer of before is still in this thread: I could not delete it."
)

// afterNewest is the smallest step of Slack's clock.
const afterNewest = time.Microsecond

// forsake has the ended answer to a deleted message removed. record is the thread's. The store may
// have forgotten that answer, or not know it yet: the thread tells whether there is one.
func (b *Bot) forsake(ctx context.Context, ev Deleted, record turn.Record) error {
	if record.Asked == "" {
		return nil // never ours
	}
	// Of the answer under way, if it has one, the next turn forgets them.
	if err := b.records.DropArguments(ctx, ev.Thread, 0, transcript.For(turn.TS(ev.TS), turn.TS(ev.TS))); err != nil {
		return err
	}
	return b.wantRemoved(ctx, ev.Thread, record, transcript.Removal{TS: ev.At, Question: ev.TS})
}

// missed has the ended answers removed whose questions were deleted while nobody heard of it. After an
// error it is to be called again.
func (b *Bot) missed(ctx context.Context, t thread.ID, record turn.Record, messages []thread.Message) error {
	gone := thread.Abandoned(messages)
	if record.Asked == "" || len(gone) == 0 {
		return nil
	}
	own, err := b.records.Entries(ctx, t)
	if err != nil {
		return err
	}
	for _, question := range gone {
		if _, found := thread.Forsaken(messages, question, func(what string) string { return own[what].Asker }); found {
			one := b.wantRemoved(ctx, t, record, transcript.Removal{Question: string(question)})
			b.log.InfoContext(ctx, "deletion_found", "thread", t.String(), "ask", string(question), "error", one)
			err = errors.Join(err, one)
		}
	}
	return err
}

// takeBack has the newest answer to somebody removed, because they say so.
func (b *Bot) takeBack(ctx context.Context, ev thread.Question, where thread.ID) error {
	if ev.Opens() {
		b.tell(where, ev.User, whichAnswer)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	if ok, _ := b.allowed(ctx, where, ev.User, nil); !ok {
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
			gone, found = thread.Forsaken(p.messages, turn.TS(w.Question), asker)
		}
		switch {
		case found:
			p = t.takeOut(work, p, gone, w, turn.TS(cmp.Or(own[gone.For].From, gone.For)), own[gone.For].Asker)
		case w.By != "":
			t.bot.tell(t.thread, w.By, noneOfYours)
		}
	}
	return p
}

// takeOut removes an answer from Slack, the store and the plan. first is the first of its
// questions.
func (t *turnRun) takeOut(work context.Context, p plan, gone thread.Ended, w transcript.Removal, first turn.TS, asker string) plan {
	reply := Reply{For: gone.For, User: cmp.Or(w.By, asker), Epoch: t.lease.Epoch(), Check: t.mayWrite, Adopt: gone.IDs}
	ids, err := t.remove(work, p.messages, reply)
	t.logRemoved(work, err, "ask", gone.For, "user", w.By)
	if err != nil {
		if reply.User != "" {
			t.bot.tell(t.thread, reply.User, notRemoved)
		}
		return p
	}
	t.ended(EndRemoved)
	if err := t.bot.records.Drop(work, t.thread, gone.For); err != nil {
		t.bot.log.WarnContext(work, "answer_stays_in_store", "thread", t.thread.String(), "ask", gone.For, "error", err)
	}
	t.dropArguments(work, transcript.For(first, turn.TS(gone.For)))
	isGone := func(id string) bool { return slices.Contains(ids, id) }
	all := p.messages[0].All
	p.messages = slices.DeleteFunc(slices.Clone(p.messages), func(m thread.Message) bool { return isGone(m.TS) })
	if len(p.messages) > 0 {
		p.messages[0].All = all
	}
	p.due.Adopt = slices.DeleteFunc(slices.Clone(p.due.Adopt), isGone)
	p.due.Orphans = slices.DeleteFunc(slices.Clone(p.due.Orphans), isGone)
	return p
}

// remove removes the messages of a reply from the thread, of which messages is all, and the files
// with the whole of what they say, and returns all messages that are gone. A file that is not
// deleted now keeps its answer, so that somebody may try again. If no other try helps, the answer
// goes without it, and the reply's user is told.
func (t *turnRun) remove(work context.Context, messages []thread.Message, r Reply) (gone []string, err error) {
	files, shown := t.filed(work, messages, r.Adopt)
	err = t.unfile(work, files)
	if errors.Is(err, ErrFileStays) && r.User != "" {
		t.bot.tell(t.thread, r.User, fileStays)
	}
	if err != nil && !errors.Is(err, ErrFileStays) {
		return nil, err
	}
	r.Adopt = thread.Union(r.Adopt, shown)
	return r.Adopt, t.removeMessages(work, r)
}

// filed returns the files with the whole of what some messages say, and the messages that show them.
func (t *turnRun) filed(work context.Context, messages []thread.Message, ids []string) (files, shown []string) {
	own, err := t.bot.records.Entries(work, t.thread)
	if err != nil { // the thread shows nearly all of it
		t.bot.log.WarnContext(work, "answers_unread", "thread", t.thread.String(), "error", err)
	}
	known := make(map[string]string, len(own))
	for what, e := range own {
		known[what] = e.File
	}
	return thread.Filed(messages, ids, known)
}

// unfile deletes files, each under the lease, and logs what fails. The error wraps ErrFileStays if
// that is all that failed.
func (t *turnRun) unfile(work context.Context, files []string) (err error) {
	if t.bot.dep.Uploads == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(work, offerTimeout, errors.New("slack did not delete the file in time"))
	defer cancel()
	for _, id := range files {
		one := t.mayWrite()
		if one == nil {
			one = t.bot.dep.Uploads.Delete(ctx, id)
		}
		if one == nil {
			continue
		}
		t.bot.log.WarnContext(work, "file_not_deleted", "thread", t.thread.String(), "file", id, "error", one)
		if err == nil || !errors.Is(one, ErrFileStays) {
			err = one
		}
	}
	return err
}

// replaceFile deletes the file of an answer that was written again, unless it is that of the new
// one. messages is the thread as it was before.
func (t *turnRun) replaceFile(work context.Context, messages []thread.Message, r Reply, file string) {
	var old []thread.Message // without the new file
	var before []string
	for _, m := range messages {
		if file != "" && slices.ContainsFunc(m.Files, func(f thread.File) bool { return f.ID == file }) {
			continue
		}
		if old = append(old, m); m.Self && m.For == r.For {
			before = append(before, m.TS)
		}
	}
	if len(before) == 0 {
		return
	}
	files, shown := t.filed(work, old, before)
	files = slices.DeleteFunc(files, func(id string) bool { return id == file })
	if len(files) == 0 {
		return
	}
	err := t.unfile(work, files)
	if err == nil && len(shown) > 0 {
		r.Adopt = shown
		err = t.removeMessages(work, r)
		t.logRemoved(work, err, "messages", shown)
	}
	if err != nil {
		t.bot.tell(t.thread, r.User, oldFileStays)
	}
}
