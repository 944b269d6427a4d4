package bot

import (
	"cmp"
	"slices"

	"llmbot/bot/turn"
)

// FollowUps says when a message in a thread needs no mention (BOT_FOLLOW_UPS).
type FollowUps string

// The modes.
const (
	FollowSolo    FollowUps = "solo"    // as long as one person talks with the bot
	FollowAlways  FollowUps = "always"  // once the bot was asked in the thread
	FollowMention FollowUps = "mention" // never
)

// due is what a turn has to do, derived from the thread.
type due struct {
	asks   []Asked  // to be answered together, oldest first
	part   bool     // more is owed, or may be: the next turn sees what
	left   bool     // more is owed, and is left to another process, or until the store is back
	over   bool     // they were taken for answered: see leftOver
	redo   bool     // they have an answer, which is written anew
	what   string   // redo: what that answer is said to answer
	adopt  []string // messages that show an answer to them, oldest first
	orphan []string // messages of an answer whose question is gone
	half   []string // messages of an answer that was left, to one of the asks alone: it goes
}

// last is what the answer is said to answer.
func (d due) last() Asked { return d.asks[len(d.asks)-1] }

// view is what a turn knows beside the thread.
type view struct {
	answered turn.TS // up to here the thread has its answers
	upto     turn.TS // what came later is for another turn
	wanted   turn.TS // when somebody wanted the last answer anew; empty: nobody
	mode     FollowUps
	begun    []string // messages of the answer that was begun: it is finished as it was begun
	taken    bool     // by an owner before this one
	memory   bool     // the store is away: what another process has begun is left to it
	kept     []string // messages of answers of which the store has the complete text
	look     bool     // perhaps nothing is owed: the thread is read again after an outage
}

func (v view) within(ts turn.TS) bool { return ts.After(v.answered) && !ts.After(v.upto) }

// owed derives from a thread what is owed: everything addressed to the bot that came, or was changed, after answered and up to upto, and has no answer
// there. It needs nothing else, so that every process comes to the same, also one that has heard of none of it. It is pure.
//
// What came is answered together. If nothing came, the last answer is written anew when one of its questions was changed, or when somebody
// wanted it at the time wanted. A changed question of an earlier answer does nothing. What came after the last answer and was not addressed to
// the bot, or was stopped, is new when it was changed.
func owed(thread []Message, t Thread, v view) due {
	var d due
	asks := addressed(thread, t, v.mode)
	newest, before := lastTwo(thread)
	for _, a := range asks {
		ts := turn.TS(a.TS)
		if v.within(ts) || newest != "" && ts.After(newest) && a.Edited != "" && v.within(turn.TS(a.Edited)) {
			d.asks = append(d.asks, a)
		}
	}
	if in, known := asBegun(thread, v.begun, d.asks); v.taken && known {
		part := len(in) < len(d.asks)
		d.asks = in // but for what somebody else has answered meanwhile
		d = d.choose(thread, v.begun, false)
		d.part = d.part || part
	} else {
		d = d.choose(thread, v.begun, v.memory)
	}
	last := turn.TS("")
	if len(d.asks) == 0 && v.look {
		d.asks = leftOver(thread, asks, v.kept)
		d.over = len(d.asks) > 0
	}
	if len(d.asks) == 0 && !d.left {
		d.asks = again(thread, asks, newest, before, v)
		d.redo = len(d.asks) > 0
		last = newest
		if v.memory && d.redo { // two processes would write it, in the same messages
			d = due{left: true}
		}
	}
	if len(d.asks) > 0 && last == "" {
		last = turn.TS(d.last().TS)
	}
	if d.redo {
		d.what = string(last)
	}
	gone := orphans(thread, asks, v)
	for _, m := range thread {
		if !m.Self || m.For == "" {
			continue
		}
		what := turn.TS(m.For)
		switch {
		case last != "" && (what.Compare(last) == 0 || slices.Contains(v.begun, m.TS)) && len(d.asks) > 0:
			d.adopt = append(d.adopt, m.TS)
		case !d.redo && !m.Whole && slices.ContainsFunc(d.asks, func(a Asked) bool { return a.TS == m.For }):
			d.half = append(d.half, m.TS)
		case slices.Contains(gone, m.TS):
			d.orphan = append(d.orphan, m.TS)
		}
	}
	return d
}

// leftOver are the asks of a half answer that was left to what counts as answered: it was stopped where nobody saw that it had been begun, or somebody wrote
// over the complete one. What the store has the text of is shown again, and is none of them.
func leftOver(thread []Message, asks []Asked, kept []string) []Asked {
	for _, a := range shownAnswers(thread) {
		if a.ended || slices.ContainsFunc(a.ids, func(id string) bool { return slices.Contains(kept, id) }) {
			continue
		}
		to := slices.DeleteFunc(a.among(asks), func(q Asked) bool { return covered(thread, q) })
		if len(to) > 0 && turn.TS(to[len(to)-1].TS).Compare(a.to) == 0 {
			return to
		}
	}
	return nil
}

// orphans are the messages of answers whose question is gone. One that has ended stays if another of its questions is there.
func orphans(thread []Message, asks []Asked, v view) []string {
	var out []string
	for _, a := range shownAnswers(thread) {
		there := slices.ContainsFunc(thread, func(q Message) bool { return !q.Self && turn.TS(q.TS).Compare(a.to) == 0 })
		if v.within(a.to) && !there && !(a.ended && len(a.among(asks)) > 0) {
			out = append(out, a.ids...)
		}
	}
	return out
}

// choose leaves out what has its answer although the store does not know, and, from memory, what another process has begun to answer. Of what is left
// only what stands together is answered at once: the beginning of it, or from memory, where somebody waits for the newest, the end.
func (d due) choose(thread []Message, begun []string, memory bool) due {
	var runs [][]Asked
	gap := true
	for _, a := range d.asks {
		left, has := memory && begunBy(without(thread, begun), a), covered(thread, a, begun...)
		if d.left = d.left || left && !has; left || has {
			gap = true
			continue
		}
		if gap {
			runs = append(runs, nil)
		}
		gap = false
		runs[len(runs)-1] = append(runs[len(runs)-1], a)
	}
	d.asks, d.part = nil, len(runs) > 1 || d.left
	switch {
	case len(runs) == 0:
	case memory:
		d.asks = runs[len(runs)-1]
	default:
		d.asks = runs[0]
	}
	return d
}

// asBegun are those of asks that an answer is to, as its messages say; known: they do.
func asBegun(thread []Message, ids []string, asks []Asked) (in []Asked, known bool) {
	var from, to turn.TS
	open := false // it is not known from which question on
	for _, m := range thread {
		if !m.Self || m.For == "" || !slices.Contains(ids, m.TS) {
			continue
		}
		open = open || m.From == ""
		if from == "" || from.After(turn.TS(m.From)) {
			from = turn.TS(m.From)
		}
		to = to.Max(turn.TS(m.For))
	}
	for _, a := range asks {
		if ts := turn.TS(a.TS); !ts.After(to) && (open || !from.After(ts)) {
			in = append(in, a)
		}
	}
	return in, len(in) > 0
}

// covered says that an ask has had its answer although the store does not know: one that has ended, to its newest form. One of which is not known from which
// question on it answers is taken for one to all before it that have no half answer of their own. The messages of but do not count.
func covered(thread []Message, a Asked, but ...string) bool {
	return slices.ContainsFunc(thread, func(m Message) bool {
		switch {
		case slices.Contains(but, m.TS), !m.Self || !m.Ended || m.For == "" || a.since().After(turn.TS(cmp.Or(m.Since, m.For))):
			return false
		case m.For == a.TS:
			return true
		case m.From == "":
			half := func(m Message) bool { return m.Self && m.For == a.TS && !m.Ended }
			return m.Epoch == 0 && m.Whole && turn.TS(m.For).After(turn.TS(a.TS)) && !slices.ContainsFunc(thread, half)
		}
		return !turn.TS(m.From).After(turn.TS(a.TS)) && !turn.TS(a.TS).After(turn.TS(m.For))
	})
}

// without is a thread without some messages.
func without(thread []Message, ids []string) []Message {
	if len(ids) == 0 {
		return thread
	}
	return slices.DeleteFunc(slices.Clone(thread), func(m Message) bool { return slices.Contains(ids, m.TS) })
}

// begunBy says that a thread shows an answer to an ask, or the beginning of one.
func begunBy(thread []Message, a Asked) bool {
	return slices.ContainsFunc(thread, func(m Message) bool {
		ts := turn.TS(a.TS)
		return m.Self && m.For != "" && !turn.TS(cmp.Or(m.From, m.For)).After(ts) && !ts.After(turn.TS(m.For))
	})
}

// streams are our messages behind a question that do not say what they answer: a native stream does only when it ends, and its owner died before.
func streams(thread []Message, question turn.TS) []string {
	var out []string
	for _, m := range thread {
		if m.Self && !m.Notice && m.For == "" && turn.TS(m.TS).After(question) {
			out = append(out, m.TS)
		}
	}
	return out
}

// lastTwo is what the last answer and the one before it answer.
func lastTwo(thread []Message) (newest, before turn.TS) {
	for _, m := range thread {
		if !m.Self {
			continue
		}
		switch what := turn.TS(m.For); {
		case what.After(newest):
			newest, before = what, newest
		case what.After(before) && newest.After(what):
			before = what
		}
	}
	return newest, before
}

// again finds the questions of the last answer, newest, if it is to be written anew. before is the answer before it.
func again(thread []Message, asks []Asked, newest, before turn.TS, v view) []Asked {
	var questions []Asked
	for _, a := range asks {
		ts := turn.TS(a.TS)
		if ts.After(v.upto) || newest != "" && (ts.After(newest) || !ts.After(before)) {
			continue
		}
		if newest == "" { // no message of an answer is left: the last question
			questions = nil
		}
		questions = append(questions, a)
	}
	wanted := v.wanted.After(newest) && v.within(v.wanted) && !slices.ContainsFunc(thread, func(m Message) bool {
		return m.Self && m.Ended && turn.TS(m.For).Compare(newest) == 0 && !v.wanted.After(turn.TS(m.Since))
	})
	changed := func(a Asked) bool { return a.Edited != "" && v.within(turn.TS(a.Edited)) && !covered(thread, a) }
	if !wanted && !slices.ContainsFunc(questions, changed) {
		return nil
	}
	return questions
}

// addressed are the messages of a thread that are addressed to the bot, oldest first. Each is judged by what stood in the thread when it
// was written, so that what comes later changes nothing.
func addressed(thread []Message, t Thread, mode FollowUps) []Asked {
	var (
		asks   []Asked
		person string // who has written
		crowd  bool   // more than one has
		here   bool   // the bot was asked, or has answered
	)
	for _, m := range thread {
		if m.Self {
			here = true
			continue
		}
		if m.Bot {
			continue
		}
		crowd = crowd || person != "" && person != m.User
		person = m.User
		if control(m.Text) != noWord {
			continue
		}
		a := m.asked(t)
		switch {
		case a.explicit():
			here = true
		case a.Elsewhere, !here, mode == FollowMention, mode != FollowAlways && crowd:
			continue
		}
		asks = append(asks, a)
	}
	return asks
}

// people are the persons who have written in a thread.
func people(thread []Message) []string {
	var out []string
	for _, m := range thread {
		if !m.Self && !m.Bot && m.User != "" && !slices.Contains(out, m.User) {
			out = append(out, m.User)
		}
	}
	return out
}

// asked is the message as an ask.
func (m Message) asked(t Thread) Asked {
	return Asked{
		Thread: t, TS: m.TS, Edited: m.Edited, User: m.User, Text: m.Text, Files: m.Files, Direct: t.direct(),
		Mentioned: m.Mentioned, Elsewhere: m.Elsewhere,
	}
}

// message is the ask as a message of its thread.
func (a Asked) message(name string) Message {
	return Message{
		TS: a.TS, Edited: a.Edited, User: a.User, Name: name, Text: a.Text, Files: a.Files, Mentioned: a.Mentioned, Elsewhere: a.Elsewhere,
	}
}

// merge adds to a thread what its reader may have come too early for: asks that it does not show yet, or shows in an older form. name is
// asked for the names of people that the thread does not show.
func merge(thread []Message, asks []Asked, name func(user string) string) []Message {
	out := slices.Clone(thread)
	for _, a := range asks {
		i := slices.IndexFunc(out, func(m Message) bool { return turn.TS(m.TS).Compare(turn.TS(a.TS)) == 0 })
		switch {
		case i < 0:
			m := a.message(name(a.User))
			at := slices.IndexFunc(out, func(m Message) bool { return turn.TS(m.TS).After(turn.TS(a.TS)) })
			if at < 0 {
				at = len(out)
			}
			out = slices.Insert(out, at, m)
		case a.since().After(turn.TS(out[i].TS).Max(turn.TS(out[i].Edited))):
			m := a.message(out[i].Name)
			if a.Bare {
				m.Files = out[i].Files
			}
			out[i] = m
		}
	}
	return out
}
