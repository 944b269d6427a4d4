package bot

import (
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
	half   []string // messages of an answer that was left, to one of the asks alone: it goes
}

// last is what the answer is said to answer.
func (d due) last() Asked { return d.asks[len(d.asks)-1] }

// owed derives from a thread what is owed: everything addressed to the bot that came, or was changed, after answered and up to upto. It
// needs nothing else, so that every process comes to the same, also one that has heard of none of it. It is pure.
//
// What came is answered together. If nothing came, the last answer is written anew when one of its questions was changed, or when somebody
// wanted it at the time wanted. A changed question of an earlier answer does nothing. What came after the last answer and was not addressed to
// the bot, or was stopped, is new when it was changed.
//
// begun says that the answer was begun by an owner before: it is finished as it was begun. Else what was answered from memory is left out.
func owed(thread []Message, t Thread, answered, upto, wanted turn.TS, mode FollowUps, begun bool) due {
	var d due
	asks := addressed(thread, t, mode)
	within := func(ts turn.TS) bool { return ts.After(answered) && !ts.After(upto) }
	newest, before := lastTwo(thread)
	for _, a := range asks {
		ts := turn.TS(a.TS)
		if within(ts) || newest != "" && ts.After(newest) && a.Edited != "" && within(turn.TS(a.Edited)) {
			d.asks = append(d.asks, a)
		}
	}
	d.asks = slices.DeleteFunc(d.asks, func(a Asked) bool { return !begun && covered(thread, a) })
	last := turn.TS("")
	if len(d.asks) == 0 {
		d.asks = again(asks, newest, before, answered, wanted != "" && within(wanted), within)
		d.redo = len(d.asks) > 0
		last = newest
	}
	if len(d.asks) > 0 && last == "" {
		last = turn.TS(d.last().TS)
	}
	if d.redo {
		d.what = string(last)
	}
	for _, m := range thread {
		if !m.Self || m.For == "" {
			continue
		}
		what := turn.TS(m.For)
		switch {
		case last != "" && what.Compare(last) == 0 && len(d.asks) > 0:
			d.adopt = append(d.adopt, m.TS)
		case !d.redo && !m.Whole && slices.ContainsFunc(d.asks, func(a Asked) bool { return a.TS == m.For }):
			d.half = append(d.half, m.TS)
		case within(what) && !slices.ContainsFunc(thread, func(q Message) bool { return !q.Self && q.TS == m.For }):
			d.orphan = append(d.orphan, m.TS)
		}
	}
	return d
}

// covered says that an ask has its answer although the store does not know: a complete one, written from memory, to it or to what came after it. What
// has a half answer of its own is no part of that.
func covered(thread []Message, a Asked) bool {
	half := slices.ContainsFunc(thread, func(m Message) bool { return m.Self && m.For == a.TS && !m.Ended })
	return a.Edited == "" && slices.ContainsFunc(thread, func(m Message) bool {
		return m.Self && m.Whole && m.Epoch == 0 && (m.For == a.TS || !half && turn.TS(m.For).After(turn.TS(a.TS)))
	})
}

// spare are half answers to what another message of ours answers completely: both were written from memory, by two processes.
func spare(thread []Message) []string {
	var out []string
	for _, whole := range thread {
		if !whole.Self || !whole.Whole || whole.Epoch > 0 || whole.Page > 0 { // of several pages the others could not be told apart
			continue
		}
		for _, m := range thread {
			if m.Self && m.For == whole.For && m.TS != whole.TS && m.Epoch == 0 && !m.Whole && !slices.Contains(out, m.TS) {
				out = append(out, m.TS)
			}
		}
	}
	return out
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
func again(asks []Asked, newest, before, answered turn.TS, wanted bool, within func(turn.TS) bool) []Asked {
	var questions []Asked
	for _, a := range asks {
		ts := turn.TS(a.TS)
		if ts.After(answered) || newest != "" && (ts.After(newest) || !ts.After(before)) {
			continue
		}
		if newest == "" { // no message of an answer is left: the last question
			questions = nil
		}
		questions = append(questions, a)
	}
	if !wanted && !slices.ContainsFunc(questions, func(a Asked) bool { return a.Edited != "" && within(turn.TS(a.Edited)) }) {
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
