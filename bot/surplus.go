package bot

import (
	"cmp"
	"slices"

	"llmbot/bot/turn"
)

// While the store is away processes answer from memory, and two may answer the same, or one may die in mid-answer. Which of their messages stay, the
// thread itself says, to whoever reads it when the store is back.

// shownAnswer is what a thread shows of one answer.
type shownAnswer struct {
	from, to turn.TS // the first and the last of its questions
	since    turn.TS // when the newest of them had become what it was
	epoch    uint64
	by       string
	ids      []string // of its messages, oldest first
	ended    bool
	whole    bool
	known    int  // which of the answers that the store knows it is, from 1 on; 0: none
	loose    bool // which messages belong to it besides cannot be told
}

// shownAnswers are the answers that a thread shows, in the order in which they began. Messages of one that was written under a claim belong together by
// what they answer, others also by who wrote them.
func shownAnswers(thread []Message) []shownAnswer {
	var out []shownAnswer
	for _, m := range thread {
		if !m.Self || m.For == "" {
			continue
		}
		a := shownAnswer{
			from: turn.TS(cmp.Or(m.From, m.For)), to: turn.TS(m.For), since: turn.TS(cmp.Or(m.Since, m.For)), epoch: m.Epoch, by: m.By,
			ids: []string{m.TS}, ended: m.Ended, whole: m.Whole, loose: m.Page > 0 && m.Epoch == 0 && m.By == "",
		}
		i := slices.IndexFunc(out, func(have shownAnswer) bool {
			switch {
			case have.to != a.to || (have.epoch == 0) != (a.epoch == 0):
				return false
			case a.epoch > 0:
				return true
			}
			return a.by != "" && have.by == a.by && have.from == a.from
		})
		if i < 0 {
			out = append(out, a)
			continue
		}
		have := &out[i]
		have.ids = append(have.ids, m.TS)
		switch {
		case a.worth() > have.worth(): // its last message knows best
			have.from, have.since = a.from, a.since
		case a.worth() == have.worth() && a.worth() > 0 && a.from.After(have.from): // two of them: no more than is sure
			have.from = a.from
		case a.worth() == 0 && have.worth() == 0 && have.from.After(a.from):
			have.from = a.from
		}
		have.ended, have.whole = have.ended || a.ended, have.whole || a.whole
		have.epoch = max(have.epoch, a.epoch)
	}
	return out
}

// answers says that it is an answer to the question of ts, in whichever form.
func (a shownAnswer) answers(ts turn.TS) bool { return !a.from.After(ts) && !ts.After(a.to) }

// among are those of asks that it answers.
func (a shownAnswer) among(asks []Asked) []Asked {
	return slices.DeleteFunc(slices.Clone(asks), func(q Asked) bool { return !a.answers(turn.TS(q.TS)) })
}

// covers says that everything b answers is answered by a, in no older form.
func (a shownAnswer) covers(b shownAnswer) bool {
	return !a.from.After(b.from) && !b.to.After(a.to) && !b.since.After(a.since)
}

// worth is how far an answer is.
func (a shownAnswer) worth() int {
	switch {
	case a.whole:
		return 2
	case a.ended:
		return 1
	}
	return 0
}

// beats says that b need not stay beside a: a answers all that b does, and better. Of two that are as good, the one that answers more stays, then the one
// that the store knows, then the one with a claim, then the one that began first.
func (a shownAnswer) beats(b shownAnswer) bool {
	switch {
	case !a.ended || a.loose || !a.covers(b), a.known > 0 && a.known == b.known: // pages of one answer
		return false
	case a.worth() != b.worth():
		return a.worth() > b.worth()
	case !b.covers(a):
		return true
	case (a.known > 0) != (b.known > 0):
		return a.known > 0
	case a.epoch != b.epoch:
		return a.epoch > b.epoch
	}
	return turn.TS(b.ids[0]).After(turn.TS(a.ids[0]))
}

// surplus are the messages of answers that were written without a claim and are not needed beside others: another one is better, or it has not ended and all of
// asks that it is to have an answer. known are the answers that the store knows, each with its messages. None of keep goes.
func surplus(thread []Message, asks []Asked, known [][]string, keep []string) []string {
	all := shownAnswers(thread)
	within := func(ids, list []string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(list, id) })
	}
	for i := range all {
		all[i].known = 1 + slices.IndexFunc(known, func(ids []string) bool { return within(all[i].ids, ids) })
	}
	var out []string
	for _, b := range all {
		if b.epoch > 0 || within(b.ids, keep) {
			continue
		}
		to := b.among(asks)
		others := without(thread, b.ids)
		answered := !b.ended && b.known == 0 && len(to) > 0 && !slices.ContainsFunc(to, func(a Asked) bool { return !covered(others, a) })
		if answered || slices.ContainsFunc(all, func(a shownAnswer) bool { return a.beats(b) }) {
			out = append(out, b.ids...)
		}
	}
	return out
}

// leftStreams are native streams that nobody ended, behind an ask that has its answer: they do not say what they answer, and their process is gone.
func leftStreams(thread []Message, asks []Asked) []string {
	var out []string
	for _, id := range streams(thread, "") {
		var last Asked
		for _, a := range asks {
			if turn.TS(id).After(turn.TS(a.TS)) {
				last = a
			}
		}
		if last.TS != "" && covered(thread, last) {
			out = append(out, id)
		}
	}
	return out
}

// fromMemory says that something in a thread was written without a claim.
func fromMemory(thread []Message) bool {
	return slices.ContainsFunc(thread, func(m Message) bool { return m.Self && m.For != "" && m.Epoch == 0 })
}
