package thread

import (
	"slices"

	"llmbot/bot/turn"
)

// Question is a message of a person that may want an answer: one that names the bot, any of a
// direct message, and any of a thread, for the thread itself decides whether it is addressed to the
// bot.
type Question struct {
	Thread ID
	TS     string // of the message
	Edited string // ts of its newest edit; empty: none
	User   string
	Text   string // unescaped, mentions as names, without the mention of the bot
	Files  []File
	Direct bool // in a direct message

	Mentioned    bool // it names the bot
	Elsewhere    bool // it begins by addressing somebody else
	FilesPending bool // the event does not say which files the message has: app_mention has none
	// External says that the author is of another organisation, as far as the event itself shows
	// it.
	External bool
}

// Opens reports whether the message opens its thread, so that there is no history to read.
func (a Question) Opens() bool { return a.TS == a.Thread.TS }

// Since returns when the message got its latest version: it is owed an answer from then on.
func (a Question) Since() turn.TS { return turn.TS(a.TS).Max(turn.TS(a.Edited)) }

// Explicit reports whether the message is addressed to the bot whatever else stands in its thread.
func (a Question) Explicit() bool { return a.Direct || a.Mentioned && !a.Elsewhere }

// message returns the question as a message of its thread.
func (a Question) message(name string) Message {
	return Message{
		TS: a.TS, Edited: a.Edited, User: a.User, Name: name, Text: a.Text, Files: a.Files,
		Mentioned: a.Mentioned, Elsewhere: a.Elsewhere,
	}
}

// Index returns the index of the question of ts, in whichever version; -1: it is not among them.
func Index(asks []Question, ts string) int {
	return slices.IndexFunc(asks, func(a Question) bool { return turn.TS(a.TS).Compare(turn.TS(ts)) == 0 })
}

// Newest returns when the newest of the questions got its latest version; empty: there are none.
func Newest(asks []Question) (ts turn.TS) {
	for _, ask := range asks {
		ts = ts.Max(ask.Since())
	}
	return ts
}

// Merge adds to a thread the questions that it does not show yet, or shows in an older version:
// whoever read it may have come too early. name returns the names of people that the thread does
// not show.
func Merge(thread []Message, asks []Question, name func(user string) string) []Message {
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
		case a.Since().After(turn.TS(out[i].TS).Max(turn.TS(out[i].Edited))):
			m := a.message(out[i].Name)
			m.All = out[i].All
			if a.FilesPending {
				m.Files = out[i].Files
			}
			out[i] = m
		default: // Slack may say in an event that a message mentions the bot, where its text does not
			out[i].Mentioned = out[i].Mentioned || a.Mentioned
		}
	}
	return out
}

// Union returns the ids of both lists, each once, oldest first.
func Union(a, b []string) []string {
	out := slices.Concat(a, b)
	slices.SortFunc(out, func(x, y string) int { return turn.TS(x).Compare(turn.TS(y)) })
	return slices.Compact(out)
}
