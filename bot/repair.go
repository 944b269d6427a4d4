package bot

import (
	"context"
	"errors"
	"slices"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

const (
	// repairTimeout is how long a repair waits for the answer of the process that took the thread
	// over.
	repairTimeout = 15 * time.Minute
	// repairLook is how often a repair looks at the record meanwhile.
	repairLook = time.Second
)

const (
	// lookBackAfter is how long after the end of an answer that was taken over the bot looks at it
	// again: a process that was frozen for somewhat more than a lease has woken by then. A minute
	// later the coordinator has whichever process lives then look once more.
	lookBackAfter = 10 * time.Second
	// lookBackTimeout is how long one such look may take, and the repair after it: the next ones
	// wait for it.
	lookBackTimeout = 30 * time.Second
)

// takenOver is an answer that was taken over, and is complete.
type takenOver struct {
	thread thread.ID
	entry  transcript.Entry
	upto   turn.TS
}

// lookBack looks at an answer that was taken over, some time after it is complete. Its owner before
// may have been frozen, not dead: when it wakes, a write that it had begun goes out. Should it die
// before it repairs that, nobody else knows.
func (b *Bot) lookBack(ctx context.Context, o takenOver) (cost bool) {
	ctx, cancel := context.WithTimeout(ctx, lookBackTimeout)
	defer cancel()
	messages, err := b.dep.History.Messages(ctx, o.thread)
	if err != nil {
		b.log.WarnContext(ctx, "history_unread", "thread", o.thread.String(), "error", err)
		return true
	}
	if late := overwritten(messages, o.entry); len(late) > 0 {
		b.repair(ctx, o.thread, o.entry.For, o.upto, late)
	}
	return true
}

// oneLook is a thread that is to be looked at once more.
type oneLook struct {
	key  string
	seen turn.Record // as it was when that was due
}

// lookAgain takes a thread that is to be looked at once more.
func (b *Bot) lookAgain(key string, seen turn.Record) { b.lastLooks.add(oneLook{key, seen}) }

// lookOnce looks at the answers of a thread once more: some time after one of them was taken over,
// for whoever has written over them, and whoever knew, may be dead; or when the process is gone that
// was to tidy one up.
func (b *Bot) lookOnce(ctx context.Context, l oneLook) (cost bool) {
	t, ok := thread.Parse(l.key)
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	right, err := b.coordinator.TakeLook(ctx, l.key, l.seen)
	if err != nil {
		b.log.WarnContext(ctx, "thread_unknown", "thread", t.String(), "error", err)
	}
	if right == nil {
		return false // another process has looked, or is at it
	}
	end := right.End
	if !b.mendAll(ctx, t) {
		end = right.Again
	}
	// A look that took all of its time is noted too: nobody else would look again.
	noting, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*storeTimeout)
	defer cancel()
	if err := end(noting); err != nil {
		b.log.WarnContext(ctx, "look_not_noted", "thread", t.String(), "error", err)
	}
	return true
}

// mendAll mends what is not as it should be of a thread's answers. It reports false if somebody has
// to look again.
func (b *Bot) mendAll(ctx context.Context, t thread.ID) bool {
	own, err := b.records.Entries(ctx, t)
	if err != nil {
		b.log.WarnContext(ctx, "answers_unread", "thread", t.String(), "error", err)
		return false
	}
	messages, err := b.dep.History.Messages(ctx, t)
	// What cannot be read, now or later, cannot be mended.
	if err != nil && !errors.Is(err, thread.ErrUnreadable) {
		b.log.WarnContext(ctx, "history_unread", "thread", t.String(), "error", err)
		return false
	}
	for _, w := range own {
		late := overwritten(messages, w)
		if !w.Phase.Final() || len(late) == 0 && !w.Untidy {
			continue
		}
		b.mend(ctx, t, w, late)
		if w.Untidy = false; b.records.Keep(ctx, t, w) != nil {
			return false
		}
	}
	return true
}

// overwritten returns the messages that an owner before has written to, or posted, after the answer
// was complete. It returns none if there is no such answer any more.
func overwritten(messages []thread.Message, mine transcript.Entry) (late []string) {
	there := false
	for _, m := range messages {
		if !m.Self || m.For != mine.For || m.Epoch > mine.Epoch {
			continue
		}
		ours := slices.Contains(mine.IDs, m.TS)
		there = there || ours
		if m.Epoch < mine.Epoch || ours && m.TS == mine.IDs[len(mine.IDs)-1] && !m.Ended {
			late = append(late, m.TS)
		}
	}
	if !there {
		return nil
	}
	return late
}

// repair waits until another process has answered, and then shows its answer again in the messages
// that this process may have overwritten. It deletes a message of ours that is none of them, but
// only if the other process has named its own.
func (b *Bot) repair(ctx context.Context, t thread.ID, question string, upto turn.TS, lates []string) {
	answer, ok := b.answeredElsewhere(ctx, t, question, upto)
	if !ok {
		b.log.WarnContext(ctx, "answer_not_repaired", "thread", t.String(), "ask", question, "error", context.Cause(ctx))
		return
	}
	b.mend(ctx, t, answer, lates)
}

// mend shows an answer again, and removes what is none of it.
func (b *Bot) mend(ctx context.Context, t thread.ID, kept transcript.Entry, lates []string) {
	reply := Reply{For: kept.For, From: kept.From, Since: kept.Since, User: kept.Asker, Epoch: kept.Epoch, Adopt: kept.IDs}
	shown := kept.Snapshot()
	shown.Phase = max(shown.Phase, answer.Done)
	err := b.showAgain(ctx, t, reply, shown)
	for _, id := range lates {
		if id != "" && !slices.Contains(kept.IDs, id) {
			reply.Adopt = []string{id}
			err = errors.Join(err, b.showAgain(ctx, t, reply, answer.Snapshot{Phase: answer.Removed}))
		}
	}
	b.log.InfoContext(ctx, "answer_repaired", "thread", t.String(), "ask", kept.For, "messages", kept.IDs, "late", lates, "error", err)
}

func (b *Bot) showAgain(ctx context.Context, t thread.ID, r Reply, a answer.Snapshot) error {
	draft, err := b.dep.Replier.Open(ctx, t, r)
	if err != nil {
		return err
	}
	return draft.Close(ctx, a)
}

// answeredElsewhere waits for the answer of the process that has the thread now. It reports false
// if ctx ends before, or if that process left none.
func (b *Bot) answeredElsewhere(ctx context.Context, t thread.ID, question string, upto turn.TS) (transcript.Entry, bool) {
	tick := time.NewTicker(repairLook)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return transcript.Entry{}, false
		}
		record, err := b.coordinator.Record(ctx, t.String())
		if err != nil || upto.After(record.Answered) || record.Owner != "" {
			continue // not yet, or something newer is being written, perhaps in the same messages
		}
		own, err := b.records.Entries(ctx, t)
		if err != nil {
			continue
		}
		w, ok := own[question]
		return w, ok && len(w.IDs) > 0
	}
}
