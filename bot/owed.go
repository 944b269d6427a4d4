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
	redo   bool     // they have an answer, which is written anew
	what   string   // redo: what that answer is said to answer
	adopt  []string // messages that show an answer to them, oldest first
	orphan []string // messages of an answer whose question is gone
}

// last is what the answer is said to answer.
func (d due) last() Asked { return d.asks[len(d.asks)-1] }

// view is what a turn knows beside the thread.
type view struct {
	answered turn.TS // up to here the thread has its answers
	upto     turn.TS // what came later is for another turn
	wanted   turn.TS // when somebody wanted the last answer anew; empty: nobody
	mode     FollowUps
	begun    []string // messages of the answer that was begun
}

func (v view) within(ts turn.TS) bool { return ts.After(v.answered) && !ts.After(v.upto) }

// owed derives from a thread what is owed: everything addressed to the bot that came, or was changed,
// after answered and up to upto, and has no answer there. It needs nothing else, so that every process
// comes to the same, also one that has heard of none of it. It is pure.
//
// What came is answered together. If nothing came, the last answer is written anew when one of its
// questions was changed, or when somebody wanted it at the time wanted. A changed question of an earlier
// answer does nothing. What came after the last answer and was not addressed to the bot, or was stopped,
// is new when it was changed.
func owed(thread []Message, t Thread, v view) due {
	var d due
	asks := addressed(thread, t, v.mode)
	newest, before := lastTwo(thread)
	for _, a := range asks {
		ts := turn.TS(a.TS)
		came := v.within(ts) || newest != "" && ts.After(newest) && a.Edited != "" && v.within(turn.TS(a.Edited))
		if came && !covered(thread, a, v.begun...) {
			d.asks = append(d.asks, a)
		}
	}
	last := newest
	if len(d.asks) > 0 {
		last = turn.TS(d.last().TS)
	} else if d.asks = again(thread, asks, newest, before, v); len(d.asks) > 0 {
		d.redo, d.what = true, string(last)
	}
	gone := orphans(thread, asks, v)
	for _, m := range thread {
		if !m.Self || m.For == "" {
			continue
		}
		half := func(a Asked) bool { return !d.redo && !m.Whole && a.TS == m.For } // begun, and left
		switch {
		case len(d.asks) > 0 && (turn.TS(m.For).Compare(last) == 0 || slices.Contains(v.begun, m.TS) || slices.ContainsFunc(d.asks, half)):
			d.adopt = append(d.adopt, m.TS)
		case slices.Contains(gone, m.TS), unclaimed(thread, asks, m):
			d.orphan = append(d.orphan, m.TS)
		}
	}
	return d
}

// unclaimed reports whether a message is a half answer that an older version wrote without a claim, beside
// a finished one to the same question: nobody goes on with it.
func unclaimed(thread []Message, asks []Asked, m Message) bool {
	return m.Epoch == 0 && !m.Ended && slices.ContainsFunc(asks, func(a Asked) bool { return a.TS == m.For && covered(thread, a, m.TS) }) &&
		!slices.ContainsFunc(thread, func(o Message) bool { return o.Self && o.TS != m.TS && o.For == m.For && o.Ended && o.Page > m.Page })
}

// orphans are the messages of answers whose question is gone. One that has ended stays if another of its
// questions is there.
func orphans(thread []Message, asks []Asked, v view) []string {
	var out []string
	for _, a := range shownAnswers(thread) {
		there := slices.ContainsFunc(thread, func(q Message) bool { return !q.Self && turn.TS(q.TS).Compare(a.to) == 0 })
		if v.within(a.to) && !there && !(a.ended && slices.ContainsFunc(asks, func(q Asked) bool { return a.answers(turn.TS(q.TS)) })) {
			out = append(out, a.ids...)
		}
	}
	return out
}

// shownAnswer is what a thread shows of one answer.
type shownAnswer struct {
	from, to turn.TS  // the first and the last of its questions
	ids      []string // of its messages, oldest first
	ended    bool
}

// shownAnswers are the answers that a thread shows, in the order in which they began: messages belong
// together by what they answer.
func shownAnswers(thread []Message) []shownAnswer {
	var out []shownAnswer
	for _, m := range thread {
		if !m.Self || m.For == "" {
			continue
		}
		from, to := turn.TS(cmp.Or(m.From, m.For)), turn.TS(m.For)
		i := slices.IndexFunc(out, func(have shownAnswer) bool { return have.to == to })
		if i < 0 {
			i = len(out)
			out = append(out, shownAnswer{from: from, to: to})
		}
		a := &out[i]
		a.ids, a.ended = append(a.ids, m.TS), a.ended || m.Ended
		if a.from.After(from) {
			a.from = from
		}
	}
	return out
}

// answers reports whether it is an answer to the question of ts, in whichever form.
func (a shownAnswer) answers(ts turn.TS) bool { return !a.from.After(ts) && !ts.After(a.to) }

// covered reports whether the thread shows a finished answer to the newest form of an ask, although the
// store does not know of it. The messages of but do not count.
func covered(thread []Message, a Asked, but ...string) bool {
	return slices.ContainsFunc(thread, func(m Message) bool {
		if slices.Contains(but, m.TS) || !m.Self || !m.Ended || m.For == "" || a.since().After(turn.TS(cmp.Or(m.Since, m.For))) {
			return false
		}
		return !turn.TS(cmp.Or(m.From, m.For)).After(turn.TS(a.TS)) && !turn.TS(a.TS).After(turn.TS(m.For))
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
