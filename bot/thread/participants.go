package thread

import (
	"slices"

	"llmbot/bot/turn"
)

// author is a person, and when their first message is that we know: there may be earlier ones.
type author struct {
	person string
	first  turn.TS
}

// Participants records who has written in a thread and how early: only what does not become wrong
// as more comes, except by deletions. The zero value is for a thread of which nothing is known.
//
// It keeps the two persons of whom the earliest messages are known. So Before stays true in
// whichever order messages come.
type Participants struct {
	one, two author // the two of whom the earliest messages are known; empty: not known
	NotOurs  bool   // the bot was not in it, and what it is asked since is in the store
}

// Multiple reports whether more than one person has written.
func (k Participants) Multiple() bool { return k.two.person != "" }

// Solo reports whether one person has begun the thread, at root, and nobody else is known to have
// written in it.
func (k Participants) Solo(root string) bool {
	return !k.Multiple() && k.one.person != "" && k.one.first.Compare(turn.TS(root)) == 0
}

// Before reports whether somebody else than its author, person, wrote before the message of ts.
func (k Participants) Before(ts, person string) bool {
	for _, a := range []author{k.one, k.two} {
		if a.person != "" && a.person != person && turn.TS(ts).After(a.first) {
			return true
		}
	}
	return false
}

// With returns them after somebody wrote at ts: the two authors with the earliest messages of
// those that it had and this one.
func (k Participants) With(person, ts string) Participants {
	if person == "" || ts == "" {
		return k
	}
	added := author{person, turn.TS(ts)}
	known := make([]author, 0, 3)
	for _, a := range []author{k.one, k.two} {
		switch {
		case a.person == "":
		case a.person != person:
			known = append(known, a)
		case added.first.After(a.first):
			added = a
		}
	}
	known = append(known, added)
	slices.SortStableFunc(known, func(a, b author) int { return a.first.Compare(b.first) })
	k.one, k.two = known[0], author{}
	if len(known) > 1 {
		k.two = known[1]
	}
	return k
}
