package bot

import (
	"context"
	"errors"
	"slices"
	"time"

	"llmbot/bot/turn"
)

const (
	// settlePause is how long what was written from memory must stay as it is to be taken for left: longer than a process needs to notice that the store
	// is back and that another one has the thread (TTL/4 to the next try, and as long for the try).
	settlePause = 3 * time.Second
	// settleTries is how often that is looked at in a turn that has nothing else to do. Who still writes then does not know that the store is
	// back, and leaves the thread owed when it does.
	settleTries = 5
)

// readOwn reads what the store knows of the answers, where something may have been written without a claim.
func (t *turnRun) readOwn(ctx context.Context, thread []Message) {
	if !fromMemory(thread) && !t.claim.For().Moment() || t.claim.Epoch() == 0 {
		return
	}
	get, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	own, err := t.bot.answers.get(get, t.thread)
	if err != nil {
		t.bot.log.WarnContext(ctx, "answers_unread", "thread", t.thread.String(), "error", err)
	}
	t.own, t.unsettled = own, err != nil
}

// setAside takes what is no part of the thread out of it: what is going to be removed.
func (t *turnRun) setAside(thread []Message) {
	aside := t.due.half
	if len(t.due.asks) > 0 {
		aside = union(aside, t.due.orphan)
	}
	if t.own != nil {
		aside = union(aside, t.surplus(thread))
	}
	ours := slices.Concat(t.claim.Messages(), t.due.adopt, aside)
	t.open = slices.ContainsFunc(shownAnswers(thread), func(a shownAnswer) bool {
		return a.epoch == 0 && !a.ended && !slices.ContainsFunc(a.ids, func(id string) bool { return slices.Contains(ours, id) })
	})
	t.messages, t.halves = nil, nil
	for _, m := range thread {
		if slices.Contains(aside, m.TS) {
			t.halves = append(t.halves, m)
		} else {
			t.messages = append(t.messages, m)
		}
	}
}

// surplus are the messages that are not needed beside others, and are nobody's.
func (t *turnRun) surplus(thread []Message) []string {
	keep := slices.Concat(t.claim.Messages(), t.due.adopt)
	var known [][]string
	for _, w := range t.own {
		if w.Phase == Done { // one that was stopped or has failed is not worth more than another
			known = append(known, w.IDs)
		}
	}
	asks := addressed(thread, t.thread, t.set.FollowUps)
	out := surplus(thread, asks, known, keep)
	if t.thread.direct() {
		out = union(out, leftStreams(without(thread, slices.Concat(append(known, keep)...)), asks))
	}
	return out
}

// sweep removes the messages that the answer takes the place of, or that are not needed beside another one, if they still are as they were: what
// grows is being written, by a process that has lost the store. false: it is not known yet what becomes of them.
func (t *turnRun) sweep(work context.Context) bool {
	switch {
	case t.memory || t.claim.Epoch() == 0: // who is writing one cannot be known without the store
		return true
	case len(t.halves) == 0:
		return !t.unsettled
	}
	if !t.bot.pause(work, settlePause-time.Since(t.readAt)) {
		return false
	}
	quiet, _, err := t.removeHalves(work)
	return quiet && err == nil && !t.unsettled
}

// tidy is sweep for a turn that has nothing else to do. It takes the time that is needed to find out what is left, and shows answers again that were
// overwritten. false: ctx ended before.
func (t *turnRun) tidy(work, ctx context.Context) bool {
	switch {
	case t.unread || t.claim.Epoch() == 0:
		return true
	case t.unsettled:
		return false
	case len(t.halves) == 0 && t.own == nil:
		return true
	}
	thread := slices.Concat(t.messages, t.halves)
	for try := 1; ; try++ {
		late := t.overlaid(thread)
		if len(t.halves) == 0 && len(late) == 0 {
			return true
		}
		if !t.bot.pause(ctx, settlePause-time.Since(t.readAt)) {
			return false
		}
		quiet, now, err := t.removeHalves(work)
		if err != nil {
			return false
		}
		if quiet || try == settleTries {
			for what, ids := range t.overlaid(now) {
				t.bot.mend(work, t.thread, t.own[what], ids)
			}
			return true
		}
		t.readAt = time.Now()
		thread, t.halves = now, nil
		for _, id := range t.surplus(now) {
			t.halves = append(t.halves, now[slices.IndexFunc(now, func(m Message) bool { return m.TS == id })])
		}
	}
}

// overlaid are the messages of complete answers that show something else, by what is answered: whoever had begun them wrote once more.
func (t *turnRun) overlaid(thread []Message) map[string][]string {
	out := map[string][]string{}
	for what, w := range t.own {
		if w.Phase != Done || turn.TS(what).After(t.claim.For()) {
			continue
		}
		foreign := func(id string) bool { // surplus says which complete answer stays
			return !slices.Contains(w.IDs, id) && slices.ContainsFunc(thread, func(m Message) bool { return m.TS == id && m.Whole })
		}
		if ids := slices.DeleteFunc(overwritten(thread, w), foreign); len(ids) > 0 {
			out[what] = ids
		}
	}
	return out
}

// removeHalves reads the thread once more, and removes those of the messages set aside that are as they were. quiet says that all were, or are gone; now
// is what was read.
func (t *turnRun) removeHalves(work context.Context) (quiet bool, now []Message, err error) {
	ctx, cancel := context.WithTimeoutCause(work, closeTimeout, errors.New("slack did not delete a half answer in time"))
	defer cancel()
	now, err = t.bot.dep.History.Messages(ctx, t.thread)
	if err != nil {
		t.bot.log.WarnContext(ctx, "history_unread", "thread", t.thread.String(), "error", err)
		return false, nil, err
	}
	var left []string
	quiet = true
	for _, m := range now {
		i := slices.IndexFunc(t.halves, func(h Message) bool { return h.TS == m.TS })
		switch {
		case i < 0:
		case t.halves[i].Shown == m.Shown && t.halves[i].Whole == m.Whole && t.halves[i].Ended == m.Ended && t.halves[i].Epoch == m.Epoch:
			left = append(left, m.TS)
		default:
			quiet = false
		}
	}
	if len(left) == 0 {
		return quiet, now, nil
	}
	reply := Reply{For: t.halves[0].For, Check: t.mayWrite, Adopt: left}
	err = t.bot.showAgain(ctx, t.thread, reply, Answer{Phase: Removed})
	t.bot.log.InfoContext(work, "answer_removed", "thread", t.thread.String(), "ask", reply.For, "messages", left, "error", err)
	if !errors.Is(err, ErrNotNow) && !errors.Is(err, turn.ErrLost) {
		err = nil // Slack does not take it: another try will not change that
	}
	return quiet, slices.DeleteFunc(now, func(m Message) bool { return slices.Contains(left, m.TS) }), err
}

// putOff gives up a turn that could not find out what is left: it was called off, or is to be done later.
func (t *turnRun) putOff(work context.Context) report {
	if t.isOff() {
		return t.calledOff(work)
	}
	return t.release(work)
}
