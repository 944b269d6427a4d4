package thread

import "llmbot/bot/turn"

// wrote says who wrote, and when first, as far as that is known: they may have written before.
type wrote struct {
	person string
	first  turn.TS
}

// Crowd records who has written in a thread and how early: only what does not become wrong as more
// comes, except by deletions. The zero value is a crowd of which nothing is known.
//
// It keeps the two persons of whom the earliest messages are known. So Before stays true in
// whichever order messages come.
type Crowd struct {
	one, two wrote // the two of whom the earliest messages are known; empty: not known
	Absent   bool  // the bot was not in it, and what it is asked since is in the store
}

// Many reports whether more than one person has written.
func (k Crowd) Many() bool { return k.two.person != "" }

// Before reports whether somebody else than its author wrote before a message.
func (k Crowd) Before(ts, author string) bool {
	for _, w := range []wrote{k.one, k.two} {
		if w.person != "" && w.person != author && turn.TS(ts).After(w.first) {
			return true
		}
	}
	return false
}

// With returns the crowd after somebody wrote at ts.
func (k Crowd) With(person, ts string) Crowd {
	at := turn.TS(ts)
	switch {
	case person == "" || ts == "":
	case k.one.person == "" || k.one.person == person:
		if k.one.person == "" || k.one.first.After(at) {
			k.one = wrote{person, at}
		}
	case k.two.person == "" || k.two.person == person:
		if k.two.person == "" || k.two.first.After(at) {
			k.two = wrote{person, at}
		}
	case k.one.first.After(at) && !k.two.first.After(k.one.first):
		k.one = wrote{person, at}
	case k.two.first.After(at):
		k.two = wrote{person, at}
	}
	return k
}
