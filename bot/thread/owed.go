package thread

import (
	"cmp"
	"slices"

	"llmbot/bot/turn"
)

// FollowUps is when a message in a thread needs no mention (BOT_FOLLOW_UPS).
type FollowUps string

// The modes.
const (
	FollowSolo    FollowUps = "solo"    // as long as one person talks with the bot
	FollowAlways  FollowUps = "always"  // once the bot was asked in the thread
	FollowMention FollowUps = "mention" // never
)

// Due is what a turn has to do, derived from the thread.
type Due struct {
	Asks    []Question // to be answered together, oldest first
	Redo    bool       // they have an answer, which is to be written again
	What    string     // redo: For of that answer's messages
	Adopt   []string   // messages that show an answer to them, oldest first
	Orphans []string   // messages of an answer whose question is gone
}

// Last returns what the answer is said to answer.
func (d Due) Last() Question { return d.Asks[len(d.Asks)-1] }

// View is what a turn knows besides the thread.
type View struct {
	Answered turn.TS // up to here the thread has its answers
	Upto     turn.TS // what came later is for another turn
	Wanted   turn.TS // when somebody asked for another last answer; empty: nobody
	Mode     FollowUps
	Begun    []string // messages of the answer that was begun
}

// within reports whether a time belongs to what the turn answers.
func (v View) within(ts turn.TS) bool { return ts.After(v.Answered) && !ts.After(v.Upto) }

// Owed derives from a thread what is owed: everything addressed to the bot that came, or was
// changed, after v.Answered and up to v.Upto, and has no answer there. It is pure.
//
// Questions that came are answered together. If none came, the last answer is written again when
// one of its questions was changed, or when somebody asked for that at v.Wanted. A changed question
// of an earlier answer does nothing. A message after the last answer that was not addressed to the
// bot, or was stopped, counts as new when it was changed.
func Owed(thread []Message, t ID, v View) Due {
	var d Due
	asks := Addressed(thread, t, v.Mode)
	newest, before := lastTwo(thread)
	for _, a := range asks {
		ts := turn.TS(a.TS)
		came := v.within(ts) || newest != "" && ts.After(newest) && a.Edited != "" && v.within(turn.TS(a.Edited))
		if came && !covered(thread, a, v.Begun...) {
			d.Asks = append(d.Asks, a)
		}
	}
	last := newest
	if len(d.Asks) > 0 {
		last = turn.TS(d.Last().TS)
	} else if d.Asks = again(thread, asks, newest, before, v); len(d.Asks) > 0 {
		d.Redo, d.What = true, string(last)
	}
	gone := orphans(thread, asks, v)
	for _, m := range thread {
		if !m.Self || m.For == "" {
			continue
		}
		half := func(a Question) bool { return !d.Redo && !m.Whole && a.TS == m.For } // begun, and left
		switch {
		case len(d.Asks) > 0 && (turn.TS(m.For).Compare(last) == 0 ||
			slices.Contains(v.Begun, m.TS) || slices.ContainsFunc(d.Asks, half)):
			d.Adopt = append(d.Adopt, m.TS)
		case slices.Contains(gone, m.TS), unclaimed(thread, asks, m):
			d.Orphans = append(d.Orphans, m.TS)
		}
	}
	return d
}

// unclaimed reports whether a message is a half answer that an older version wrote without a lease,
// beside a finished one to the same question. Nobody goes on with it.
func unclaimed(thread []Message, asks []Question, m Message) bool {
	if m.Epoch != 0 || m.Ended {
		return false
	}
	finished := func(a Question) bool { return a.TS == m.For && covered(thread, a, m.TS) }
	laterPage := func(o Message) bool {
		return o.Self && o.TS != m.TS && o.For == m.For && o.Ended && o.Page > m.Page
	}
	return slices.ContainsFunc(asks, finished) && !slices.ContainsFunc(thread, laterPage)
}

// orphans returns the messages of answers whose question is gone. An answer that has ended stays if
// another of its questions is there.
func orphans(thread []Message, asks []Question, v View) []string {
	var out []string
	for _, a := range shownAnswers(thread) {
		there := slices.ContainsFunc(thread, func(q Message) bool {
			return !q.Self && turn.TS(q.TS).Compare(a.to) == 0
		})
		another := slices.ContainsFunc(asks, func(q Question) bool { return a.answers(turn.TS(q.TS)) })
		if v.within(a.to) && !there && !(a.ended && another) {
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
	asker    string // empty: not known
}

// shownAnswers returns the answers that a thread shows, in the order in which they began: messages
// belong together by what they answer.
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
		a.ids, a.ended, a.asker = append(a.ids, m.TS), a.ended || m.Ended, cmp.Or(m.Asker, a.asker)
		if a.from.After(from) {
			a.from = from
		}
	}
	return out
}

// answers reports whether it is an answer to the question of ts, in whichever form.
func (a shownAnswer) answers(ts turn.TS) bool { return !a.from.After(ts) && !ts.After(a.to) }

// asked reports whether a question of the answer is in the thread.
func (a shownAnswer) asked(thread []Message) bool {
	return slices.ContainsFunc(thread, func(q Message) bool { return !q.Self && a.answers(turn.TS(q.TS)) })
}

// covered reports whether the thread already shows a finished answer to the latest version of a.
// The messages of but do not count. The store need not know of that answer.
func covered(thread []Message, a Question, but ...string) bool {
	return slices.ContainsFunc(thread, func(m Message) bool {
		if slices.Contains(but, m.TS) || !m.Self || !m.Ended || m.For == "" ||
			a.Since().After(turn.TS(cmp.Or(m.Since, m.For))) {
			return false
		}
		return !turn.TS(cmp.Or(m.From, m.For)).After(turn.TS(a.TS)) && !turn.TS(a.TS).After(turn.TS(m.For))
	})
}

// Streams returns our messages after a question that do not say what they answer. They are native
// streams, which say that only when they end, and whose owner died before.
func Streams(thread []Message, question turn.TS) []string {
	var out []string
	for _, m := range thread {
		if m.Self && !m.Notice && m.For == "" && turn.TS(m.TS).After(question) {
			out = append(out, m.TS)
		}
	}
	return out
}

// lastTwo returns what the last answer and the one before it answer.
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

// again returns the questions of the last answer, newest, if it is to be written again. before is
// the answer before it.
func again(thread []Message, asks []Question, newest, before turn.TS, v View) []Question {
	var questions []Question
	for _, a := range asks {
		ts := turn.TS(a.TS)
		if ts.After(v.Upto) || newest != "" && (ts.After(newest) || !ts.After(before)) {
			continue
		}
		if newest == "" { // no message of an answer is left: the last question
			questions = nil
		}
		questions = append(questions, a)
	}
	wanted := v.Wanted.After(newest) && v.within(v.Wanted) && !slices.ContainsFunc(thread, func(m Message) bool {
		return m.Self && m.Ended && turn.TS(m.For).Compare(newest) == 0 && !v.Wanted.After(turn.TS(m.Since))
	})
	changed := func(a Question) bool { return a.Edited != "" && v.within(turn.TS(a.Edited)) && !covered(thread, a) }
	if !wanted && !slices.ContainsFunc(questions, changed) {
		return nil
	}
	return questions
}

// Addressed returns the messages of a thread that are addressed to the bot, oldest first. Each is
// judged by what stood in the thread when it was written, so that what comes later changes nothing.
func Addressed(thread []Message, t ID, mode FollowUps) []Question {
	var (
		asks   []Question
		person string // who has written
		crowd  bool   // more than one has
		here   bool   // the bot was asked, or has answered
	)
	wrote := func(who string) { crowd, person = crowd || person != "" && person != who, who }
	for _, m := range thread {
		if m.Self {
			here = true
			if m.Asker != "" { // their question may be gone
				wrote(m.Asker)
			}
			continue
		}
		if m.Bot {
			continue
		}
		wrote(m.User)
		if CommandOf(m.Text) != NoCommand {
			continue
		}
		a := m.Question(t)
		switch {
		case a.Explicit():
			here = true
		case a.Elsewhere, !here, mode == FollowMention, mode != FollowAlways && crowd:
			continue
		}
		asks = append(asks, a)
	}
	return asks
}

// Complete reports whether those messages of the thread that are in begun show a complete answer to
// the latest version of all asks.
func Complete(thread []Message, begun []string, asks []Question) bool {
	ours := slices.DeleteFunc(slices.Clone(thread), func(m Message) bool {
		return !m.Self || !m.Whole || !slices.Contains(begun, m.TS)
	})
	return len(ours) > 0 && !slices.ContainsFunc(asks, func(a Question) bool { return !covered(ours, a) })
}

// Stale returns the messages beside begun that show a page of an answer that begun shows, too, once
// that has ended, and that are older by their epoch: a process wrote them that had lost the thread.
// What is whole stays beside what broke off.
func Stale(thread []Message, begun []string) (ids []string) {
	type page struct {
		of string
		n  int
	}
	epochs, ended, whole := map[page]uint64{}, map[string]bool{}, map[string]bool{}
	for _, m := range thread {
		if m.Self && m.For != "" && slices.Contains(begun, m.TS) {
			epochs[page{m.For, m.Page}] = m.Epoch
			ended[m.For] = ended[m.For] || m.Ended
			whole[m.For] = whole[m.For] || m.Whole
		}
	}
	for _, m := range thread {
		if m.Self && ended[m.For] && (whole[m.For] || !m.Whole) && m.Epoch < epochs[page{m.For, m.Page}] && !slices.Contains(begun, m.TS) {
			ids = append(ids, m.TS)
		}
	}
	return ids
}

// Keeps reports whether a message belongs to an answer that has ended, to a question that is there.
func Keeps(thread []Message, id string) bool {
	return slices.ContainsFunc(shownAnswers(thread), func(a shownAnswer) bool {
		return a.ended && slices.Contains(a.ids, id) && a.asked(thread)
	})
}
