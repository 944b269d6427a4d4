package bot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

// countAgain is how long a thread is left alone that Slack counts more replies of than it shows: ours,
// for Slack says nothing of it.
const countAgain = 3 * time.Second

// Sentences about removals.
const (
	noneOfYours  = "I have no finished answer to you in this thread. `!remove` takes back my newest answer to whoever writes it."
	notRemoved   = "I could not remove my answer. Please try again in a moment: `!remove` in its thread."
	fileStays    = "I have removed my answer, but its file `answer.md` stays in Slack: I may not delete it. Who looks after this workspace can."
	oldFileStays = "The file `answer.md` with my answer of before is still in this thread: I could not delete it."
)

// eraser removes what must not stay of a thread's answers: messages, files, and what the store has
// of them. It removes all of it under the thread's lease.
type eraser struct{ *assignment }

// reply ties messages that are to be removed, and that answered what, to the lease.
func (e eraser) reply(what string, ids []string) Reply {
	return Reply{For: what, Epoch: e.lease.Epoch(), Check: e.mayWrite, Adopt: ids}
}

// fulfil removes what is to be removed of the thread's ended answers, and returns the plan without
// it.
func (e eraser) fulfil(work context.Context, p plan) plan {
	nothing := !slices.ContainsFunc(p.messages, func(m thread.Message) bool { return m.Self })
	if p.unread || nothing && len(p.due.Asks) > 0 {
		return p
	}
	wishes, err := stored(work, e.assignment, func() ([]transcript.Removal, error) {
		return e.bot.records.Removals(work, e.thread, e.lease.Answered())
	})
	if err != nil {
		e.log.WarnContext(work, "removals_unread", "error", err)
		return p
	}
	if len(wishes) == 0 {
		return p
	}
	own := e.entries(work)
	asker := func(what string) string { return own[what].Asker }
	var whole []thread.Message // of several wishes, each judges by one read
	var done []string          // the answers that they have had removed
	for _, w := range wishes {
		if turn.TS(w.TS).After(p.upto) {
			continue // for another turn
		}
		gone, found := thread.NewestFor(p.messages, w.By, turn.TS(w.TS), asker)
		if w.Question != "" {
			if whole == nil {
				whole = e.whole(work, p.messages, w.Question)
			}
			gone, found = thread.Forsaken(whole, turn.TS(w.Question), asker)
		}
		switch {
		case slices.Contains(done, gone.For): // another of its questions is gone, too
		case found:
			done = append(done, gone.For)
			p = e.takeOut(work, p, gone, w, own[gone.For])
		case w.By != "":
			e.bot.notifier.tell(e.thread, w.By, noneOfYours)
		}
	}
	return p
}

// whole returns all messages of the thread, or messages, if it is not sure that they are all. Slack may
// still count the question that was deleted, so the thread is read once more then.
func (e eraser) whole(work context.Context, messages []thread.Message, question string) []thread.Message {
	if thread.Whole(messages) {
		return messages
	}
	ctx, cancel := context.WithTimeout(work, historyTimeout)
	defer cancel()
	err := wait.For(ctx, countAgain)
	if err == nil {
		var again []thread.Message
		if again, err = e.bot.dep.History.Messages(ctx, e.thread); thread.Whole(again) {
			return again
		}
	}
	e.log.InfoContext(work, "deletion_not_judged", "ask", question, "error", err)
	return messages
}

// takeOut removes an answer from Slack, the store and the plan. kept is what the store has of it.
func (e eraser) takeOut(work context.Context, p plan, gone thread.Ended, w transcript.Removal, kept transcript.Entry) plan {
	reply := e.reply(gone.For, gone.IDs)
	reply.User = cmp.Or(w.By, kept.Asker)
	ids, err := e.remove(work, p.messages, reply)
	e.logRemoved(work, err, "ask", gone.For, "user", w.By)
	if err != nil {
		if reply.User != "" {
			e.bot.notifier.tell(e.thread, reply.User, notRemoved)
		}
		return p
	}
	e.ended(EndRemoved)
	if err := e.bot.records.Drop(work, e.thread, gone.For); err != nil {
		e.log.WarnContext(work, "answer_stays_in_store", "ask", gone.For, "error", err)
	}
	e.dropArguments(work, transcript.For(turn.TS(cmp.Or(kept.From, gone.For)), turn.TS(gone.For)))
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

// unanswered ends a turn in which nothing is answered: a half answer whose question is gone goes,
// too. One that was begun for somebody of whom Slack does not say now who they are waits until it
// does.
func (e eraser) unanswered(work context.Context, a *admitted) verdict {
	ids := thread.Union(e.lease.Messages(), slices.Concat(a.due.Adopt, a.due.Orphans))
	ids = slices.DeleteFunc(ids, func(id string) bool { return thread.Keeps(a.messages, id) })
	switch {
	case len(e.lease.Messages()) > 0 && a.unsure:
		return verdict{outcome: released}
	case a.unread || a.due.Redo || len(a.due.Asks) > 0:
		return verdict{outcome: done, upto: a.upto}
	}
	if err := e.removeStale(work, a); errors.Is(err, ErrLeaseUncertain) {
		return verdict{outcome: released}
	}
	answered := e.lease.Answered()
	e.forgetBegun(work, func(first, last turn.TS) bool { return last.After(answered) && !first.After(a.upto) })
	if len(ids) == 0 {
		return verdict{outcome: done, upto: a.upto}
	}
	_, err := e.remove(work, a.messages, e.reply(string(a.upto), ids))
	e.logRemoved(work, err, "ask", string(a.upto))
	switch {
	case err == nil:
		e.ended(EndRemoved)
	case errors.Is(err, ErrLeaseUncertain):
		return verdict{outcome: released}
	}
	return verdict{outcome: done, upto: a.upto}
}

// removeOrphans removes the half answers whose questions are gone, beside an answer to others. ours
// are the messages of that one.
func (e eraser) removeOrphans(work context.Context, a *admitted, ours []string) {
	ids := slices.DeleteFunc(slices.Clone(a.due.Orphans), func(id string) bool {
		return slices.Contains(ours, id) || thread.Keeps(a.messages, id)
	})
	if len(ids) == 0 {
		return
	}
	_, err := e.remove(work, a.messages, e.reply(a.due.Last().TS, ids))
	e.logRemoved(work, err, "messages", ids)
}

// removeStale removes what a process has written that had lost the thread, beside the answer of
// another that died before it noted that. The one that wrote it waits for a note of that answer, and
// there may never be one. The error wraps ErrLeaseUncertain if another turn has to do that.
func (e eraser) removeStale(work context.Context, a *admitted) error {
	ids := thread.Stale(a.messages, e.lease.Messages())
	if len(ids) == 0 {
		return nil
	}
	err := e.removeMessages(work, e.reply(string(a.upto), ids))
	e.logRemoved(work, err, "messages", ids)
	return err
}

// replaceFile deletes the file of an answer that was written again, unless it is that of the new
// one. messages is the thread as it was before.
func (e eraser) replaceFile(work context.Context, messages []thread.Message, r Reply, file string) {
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
	files, shown := e.filed(work, old, before)
	files = slices.DeleteFunc(files, func(id string) bool { return id == file })
	if len(files) == 0 {
		return
	}
	err := e.unfile(work, files)
	if err == nil && len(shown) > 0 {
		r.Adopt = shown
		err = e.removeMessages(work, r)
		e.logRemoved(work, err, "messages", shown)
	}
	if err != nil {
		e.bot.notifier.tell(e.thread, r.User, oldFileStays)
	}
}

// remove removes the messages of a reply from the thread, of which messages is all, and the files
// with the whole of what they say, and returns all messages that are gone. A file that is not
// deleted now keeps its answer, so that somebody may try again. If no other try helps, the answer
// goes without it, and the reply's user is told.
func (e eraser) remove(work context.Context, messages []thread.Message, r Reply) (gone []string, err error) {
	files, shown := e.filed(work, messages, r.Adopt)
	err = e.unfile(work, files)
	if errors.Is(err, ErrFileStays) && r.User != "" {
		e.bot.notifier.tell(e.thread, r.User, fileStays)
	}
	if err != nil && !errors.Is(err, ErrFileStays) {
		return nil, err
	}
	r.Adopt = thread.Union(r.Adopt, shown)
	return r.Adopt, e.removeMessages(work, r)
}

// filed returns the files with the whole of what some messages say, and the messages that show them.
func (e eraser) filed(work context.Context, messages []thread.Message, ids []string) (files, shown []string) {
	own := e.entries(work)
	known := make(map[string]string, len(own))
	for what, kept := range own {
		known[what] = kept.File
	}
	return thread.Filed(messages, ids, known)
}

// unfile deletes files, each under the lease, and logs what fails. The error wraps ErrFileStays if
// that is all that failed.
func (e eraser) unfile(work context.Context, files []string) (err error) {
	if e.bot.dep.Uploads == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(work, offerTimeout, errors.New("slack did not delete the file in time"))
	defer cancel()
	for _, id := range files {
		one := e.mayWrite()
		if one == nil {
			one = e.bot.dep.Uploads.Delete(ctx, id)
		}
		if one == nil {
			continue
		}
		e.log.WarnContext(work, "file_not_deleted", "file", id, "error", one)
		if err == nil || !errors.Is(one, ErrFileStays) {
			err = one
		}
	}
	return err
}

// removeMessages removes the messages of a reply.
func (e eraser) removeMessages(work context.Context, r Reply) error {
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not delete a half answer in time"))
	defer cancel()
	_, err := e.bot.mender.showAgain(ctx, e.thread, r, answer.Snapshot{Phase: answer.Removed})
	return err
}

// logRemoved logs how a removal ended.
func (e eraser) logRemoved(ctx context.Context, err error, attrs ...any) {
	if err != nil {
		e.log.WarnContext(ctx, "answer_not_removed", append(attrs, "error", err)...)
		return
	}
	e.log.InfoContext(ctx, "answer_removed", attrs...)
}

// forgetBegun forgets what the store has of answers that were begun, and that nobody goes on with:
// their questions are gone.
func (e eraser) forgetBegun(work context.Context, gone func(first, last turn.TS) bool) {
	e.forget(work)
	e.dropArguments(work, gone)
}

// dropArguments forgets what tools were given for answers that are gone, or whose questions are;
// see [transcript.Records.DropArguments].
func (e eraser) dropArguments(work context.Context, gone func(first, last turn.TS) bool) {
	err := e.bot.records.DropArguments(work, e.thread, e.lease.Epoch(), gone)
	if err != nil && !errors.Is(err, turn.ErrKey) {
		e.log.WarnContext(work, "arguments_stay", "error", err)
	}
}
