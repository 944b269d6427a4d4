package thread

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/turn"
)

// mention is a message that names the bot.
func mention(ts, user string) Message { return Message{TS: ts, User: user, Mentioned: true, Text: "q"} }

// says is a message that does not.
func says(ts, user string) Message { return Message{TS: ts, User: user, Text: "q"} }

// edited is a message in the form that it has had since at.
func edited(m Message, at string) Message {
	m.Edited = at
	return m
}

// answer is our complete message to the questions from one to another, in the form that they had at
// since.
func answer(ts, from, to, since string) Message {
	return Message{TS: ts, Self: true, Epoch: 1, From: from, For: to, Since: since, Ended: true, Whole: true, Text: "a"}
}

// half is our message of an answer that has not ended.
func half(ts, to string) Message { return Message{TS: ts, Self: true, Epoch: 1, For: to, Text: "a"} }

// list writes what is owed on one line.
func list(d Due) string {
	ts := make([]string, 0, len(d.Asks))
	for _, a := range d.Asks {
		ts = append(ts, a.TS)
	}
	out := "asks " + strings.Join(ts, " ")
	if d.Redo {
		out += " anew " + d.What
	}
	if len(d.Adopt) > 0 {
		out += " in " + strings.Join(d.Adopt, " ")
	}
	if len(d.Orphans) > 0 {
		out += " without " + strings.Join(d.Orphans, " ")
	}
	return out
}

func TestOwed(t *testing.T) {
	tests := map[string]struct {
		thread []Message
		v      View
		want   string
	}{
		"a question":                                 {[]Message{mention("1.0", "a")}, View{Upto: "1.0"}, "asks 1.0"},
		"nothing after its answer":                   {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0")}, View{Answered: "1.0", Upto: "2.0"}, "asks "},
		"nothing, although the store was wiped":      {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0")}, View{Upto: "2.0"}, "asks "},
		"what came is answered together":             {[]Message{mention("1.0", "a"), mention("2.0", "b")}, View{Upto: "2.0"}, "asks 1.0 2.0"},
		"not what came later":                        {[]Message{mention("1.0", "a"), mention("2.0", "b")}, View{Upto: "1.0"}, "asks 1.0"},
		"a follow-up of the only person":             {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0"), says("3.0", "a")}, View{Answered: "1.0", Upto: "3.0"}, "asks 3.0"},
		"none of somebody else":                      {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0"), says("3.0", "b")}, View{Answered: "1.0", Upto: "3.0"}, "asks "},
		"of somebody else, always":                   {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0"), says("3.0", "b")}, View{Answered: "1.0", Upto: "3.0", Mode: FollowAlways}, "asks 3.0"},
		"no follow-up, mention only":                 {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0"), says("3.0", "a")}, View{Answered: "1.0", Upto: "3.0", Mode: FollowMention}, "asks "},
		"a word is no question":                      {[]Message{mention("1.0", "a"), {TS: "2.0", User: "a", Mentioned: true, Text: "stop"}}, View{Upto: "2.0"}, "asks 1.0"},
		"the half answer goes on":                    {[]Message{mention("1.0", "a"), half("2.0", "1.0")}, View{Upto: "1.0"}, "asks 1.0 in 2.0"},
		"an edit of the last question: anew":         {[]Message{edited(mention("1.0", "a"), "3.0"), answer("2.0", "1.0", "1.0", "1.0")}, View{Answered: "1.0", Upto: "3.0"}, "asks 1.0 anew 1.0 in 2.0"},
		"an edit of an earlier one: nothing":         {[]Message{edited(mention("1.0", "a"), "5.0"), answer("2.0", "1.0", "1.0", "1.0"), mention("3.0", "a"), answer("4.0", "3.0", "3.0", "3.0")}, View{Answered: "3.0", Upto: "5.0"}, "asks "},
		"wanted anew":                                {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "1.0")}, View{Answered: "1.0", Upto: "3.0", Wanted: "3.0"}, "asks 1.0 anew 1.0 in 2.0"},
		"wanted anew, and done":                      {[]Message{mention("1.0", "a"), answer("2.0", "1.0", "1.0", "3.0")}, View{Answered: "1.0", Upto: "3.0", Wanted: "3.0"}, "asks "},
		"a half answer whose question is gone: goes": {[]Message{half("2.0", "1.0"), mention("3.0", "a")}, View{Upto: "3.0"}, "asks 3.0 without 2.0"},
		"a complete one to a question that is there": {[]Message{mention("1.0", "a"), answer("3.0", "1.0", "2.0", "2.0"), mention("4.0", "a")}, View{Answered: "1.0", Upto: "4.0"}, "asks 4.0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.v.Mode = cmp.Or(tt.v.Mode, FollowSolo)
			if got := list(Owed(tt.thread, ID{Channel: "C", TS: "1.0"}, tt.v)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// FuzzOwed holds what must be true of every thread: questions are people's, oldest first, of the
// time that the turn is for; messages are ours, and none both goes on and goes.
func FuzzOwed(f *testing.F) {
	f.Add([]byte{1, 0x12, 0x33, 0xf4, 9}, uint8(0), uint8(4))
	f.Fuzz(func(t *testing.T, in []byte, answered, upto uint8) {
		if len(in) > 60 {
			t.Skip()
		}
		ts := func(n int) string { return fmt.Sprintf("%d.0", n) }
		messages := make([]Message, 0, len(in))
		for i, c := range in {
			m := Message{TS: ts(i + 1), User: string(rune('a' + c>>6)), Text: "q", Mentioned: c&2 != 0, Elsewhere: c&4 != 0}
			if c&8 != 0 {
				m.Edited = ts(i + 1 + int(c>>4))
			}
			if c&1 != 0 {
				m = Message{TS: ts(i + 1), Self: true, Epoch: uint64(c >> 7), For: ts(int(c>>3)%(i+1) + 1), Ended: c&2 != 0, Whole: c&6 == 6}
			}
			messages = append(messages, m)
		}
		v := View{Answered: turn.TS(ts(int(answered))), Upto: turn.TS(ts(int(upto))), Mode: FollowAlways}
		d := Owed(messages, ID{Channel: "C", TS: "1.0"}, v)
		byTS := func(id string) Message {
			i := slices.IndexFunc(messages, func(m Message) bool { return m.TS == id })
			if i < 0 {
				t.Fatalf("%q is no message", id)
			}
			return messages[i]
		}
		for i, a := range d.Asks {
			if m := byTS(a.TS); m.Self || i > 0 && !turn.TS(a.TS).After(turn.TS(d.Asks[i-1].TS)) || turn.TS(a.TS).After(v.Upto) {
				t.Errorf("question %+v of %+v", a, d)
			}
			if !d.Redo && !a.Since().After(v.Answered) {
				t.Errorf("%s is answered up to %s", a.TS, v.Answered)
			}
		}
		for _, id := range slices.Concat(d.Adopt, d.Orphans) {
			if m := byTS(id); !m.Self || slices.Contains(d.Adopt, id) && slices.Contains(d.Orphans, id) {
				t.Errorf("message %+v of %+v", m, d)
			}
		}
		if len(d.Adopt) > 0 && len(d.Asks) == 0 {
			t.Errorf("nothing is asked, and %v goes on", d.Adopt)
		}
		if again := Owed(messages, ID{Channel: "C", TS: "1.0"}, v); list(again) != list(d) {
			t.Errorf("%s, then %s", list(d), list(again))
		}
	})
}
