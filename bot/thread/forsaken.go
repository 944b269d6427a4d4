package thread

import (
	"cmp"
	"slices"

	"llmbot/bot/turn"
)

// Ended is an answer that has ended, as a thread shows it.
type Ended struct {
	For string   // the last of its questions
	IDs []string // its messages, oldest first
}

// Forsaken returns the ended answer to a question that was deleted, if none of its questions is
// there any more, and nobody but whoever asked has written after it: what others build upon stays.
// It finds none unless the whole thread was read for sure: what was left out may be a question, or of
// others. asker returns who asked for the answer to a question; empty: it is whom the answer names, and
// if nobody knows, everybody counts. It is pure.
func Forsaken(thread []Message, question turn.TS, asker func(what string) string) (Ended, bool) {
	if !Whole(thread) {
		return Ended{}, false
	}
	for _, a := range shownAnswers(thread) {
		if !a.ended || !a.answers(question) {
			continue
		}
		whose := cmp.Or(asker(string(a.to)), a.asker)
		keeps := func(m Message) bool {
			if m.Self || m.Bot && !m.Behalf {
				return false
			}
			ts := turn.TS(m.TS)
			return a.answers(ts) || ts.After(a.to) && (whose == "" || m.User != whose)
		}
		if slices.ContainsFunc(thread, keeps) {
			return Ended{}, false
		}
		return Ended{string(a.to), a.ids}, true
	}
	return Ended{}, false
}

// Abandoned returns the last questions of ended answers of which no question is there any more. It
// returns none unless the whole thread was read for sure: what was left out may be there. It is pure.
func Abandoned(thread []Message) []turn.TS {
	if !Whole(thread) {
		return nil
	}
	var out []turn.TS
	for _, a := range shownAnswers(thread) {
		if a.ended && !a.asked(thread) {
			out = append(out, a.to)
		}
	}
	return out
}

// Whole reports whether these are all messages of their thread for sure. It is pure.
func Whole(thread []Message) bool { return len(thread) > 0 && thread[0].All }

// NewestFor returns the newest ended answer to a person, who may have asked any of its questions.
// asker returns who asked for the answer to a question; empty: not known. It is pure.
func NewestFor(thread []Message, user string, before turn.TS, asker func(what string) string) (Ended, bool) {
	var newest shownAnswer
	for _, a := range shownAnswers(thread) {
		theirs := cmp.Or(asker(string(a.to)), a.asker) == user || slices.ContainsFunc(thread, func(m Message) bool {
			return !m.Self && m.User == user && (!m.Bot || m.Behalf) && a.answers(turn.TS(m.TS))
		})
		if a.ended && theirs && before.After(a.to) && a.to.After(newest.to) {
			newest = a
		}
	}
	return Ended{string(newest.to), newest.ids}, len(newest.ids) > 0
}
