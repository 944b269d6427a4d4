package thread

import (
	"fmt"
	"slices"
	"testing"

	"llmbot/bot/turn"
)

func TestForsaken(t *testing.T) {
	const asker = "U0ALICE001"
	ours := func(ts, from, to string) Message {
		return Message{TS: ts, Self: true, For: to, From: from, Ended: true, Whole: true}
	}
	said := func(ts, user string) Message { return Message{TS: ts, User: user} }
	tests := map[string]struct {
		thread   []Message
		question string
		asker    string
		want     []string
	}{
		"gone":                         {[]Message{ours("2", "1", "1")}, "1", asker, []string{"2"}},
		"two messages":                 {[]Message{ours("2", "1", "1"), ours("3", "1", "1")}, "1", asker, []string{"2", "3"}},
		"another question":             {[]Message{said("1", asker), ours("2", "1", "1")}, "5", asker, nil},
		"it is there":                  {[]Message{said("1", asker), ours("2", "1", "1")}, "1", asker, nil},
		"one of two is there":          {[]Message{said("1", "U0BOB00001"), ours("3", "1", "2")}, "2", asker, nil},
		"both are gone":                {[]Message{ours("3", "1", "2")}, "1", asker, []string{"3"}},
		"the asker wrote on":           {[]Message{ours("2", "1", "1"), said("3", asker), ours("4", "3", "3")}, "1", asker, []string{"2"}},
		"another one wrote on":         {[]Message{ours("2", "1", "1"), said("3", "U0BOB00001")}, "1", asker, nil},
		"another one wrote before":     {[]Message{said("0", "U0BOB00001"), ours("2", "1", "1")}, "1", asker, []string{"2"}},
		"an app wrote on":              {[]Message{ours("2", "1", "1"), {TS: "3", Bot: true}}, "1", asker, []string{"2"}},
		"an app wrote on, for someone": {[]Message{ours("2", "1", "1"), {TS: "3", Bot: true, Behalf: true, User: "U0BOB00001"}}, "1", asker, nil},
		"the asker is not known":       {[]Message{ours("2", "1", "1"), said("3", asker)}, "1", "", nil},
		"it has not ended":             {[]Message{{TS: "2", Self: true, For: "1"}}, "1", asker, nil},
		"nothing":                      {nil, "1", asker, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			asker := func(string) string { return tt.asker }
			if got, found := Forsaken(tt.thread, turn.TS(tt.question), asker); found {
				t.Errorf("in a part of a thread: %v", got.IDs)
			}
			if len(tt.thread) > 0 {
				tt.thread[0].All = true
			}
			got, found := Forsaken(tt.thread, turn.TS(tt.question), asker)
			if !slices.Equal(got.IDs, tt.want) || found != (tt.want != nil) {
				t.Errorf("%v, want %v", got.IDs, tt.want)
			}
		})
	}
}

// TestAbandoned: the answers whose questions are gone, unless they may stand in what was not read.
func TestAbandoned(t *testing.T) {
	answer := func(ts, from, to string) Message {
		return Message{TS: ts, Self: true, For: to, From: from, Ended: true}
	}
	for name, tt := range map[string]struct {
		messages []Message
		want     string
	}{
		"it is there":          {[]Message{{TS: "1.0", User: "U1"}, answer("1.1", "1.0", "1.0")}, "[]"},
		"it opened the thread": {[]Message{answer("1.1", "1.0", "1.0")}, "[1.0]"},
		"a reply":              {[]Message{{TS: "1.0", User: "U1"}, answer("2.1", "2.0", "2.0")}, "[2.0]"},
		"one of two":           {[]Message{{TS: "1.0", User: "U1"}, {TS: "2.0", User: "U1"}, answer("3.1", "2.0", "3.0")}, "[]"},
		"it has not ended":     {[]Message{{TS: "1.1", Self: true, For: "1.0"}}, "[]"},
	} {
		if got := fmt.Sprint(Abandoned(tt.messages)); got != "[]" {
			t.Errorf("%s, in a part of a thread: %s", name, got)
		}
		tt.messages[0].All = true
		if got := fmt.Sprint(Abandoned(tt.messages)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestStale(t *testing.T) {
	show := func(ts, what string, page int, epoch uint64, ended bool) Message {
		return Message{TS: ts, Self: true, For: what, Page: page, Epoch: epoch, Ended: ended}
	}
	for name, tt := range map[string]struct {
		beside Message
		ended  bool // the answer in 3.0 and 4.0
		want   []string
	}{
		"its first page, half":       {show("5.0", "1.0", 0, 1, false), true, []string{"5.0"}},
		"all of one that broke off":  {Message{TS: "5.0", Self: true, For: "1.0", Epoch: 1, Ended: true, Whole: true}, true, nil},
		"its second page, ended":     {show("5.0", "1.0", 1, 1, true), true, []string{"5.0"}},
		"a page that it has not":     {show("5.0", "1.0", 2, 1, false), true, nil},
		"of the same epoch":          {show("5.0", "1.0", 0, 2, false), true, nil},
		"of a later epoch":           {show("5.0", "1.0", 0, 3, false), true, nil},
		"to another question":        {show("5.0", "2.0", 0, 1, false), true, nil},
		"a stream, to nothing":       {show("5.0", "", 0, 1, false), true, nil},
		"beside one that is written": {show("5.0", "1.0", 0, 1, false), false, nil},
		"somebody's":                 {Message{TS: "5.0", User: "U1"}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			all := []Message{{TS: "1.0", User: "U1"}, show("3.0", "1.0", 0, 2, false), show("4.0", "1.0", 1, 2, tt.ended), tt.beside}
			if got := Stale(all, []string{"3.0", "4.0"}); !slices.Equal(got, tt.want) {
				t.Errorf("%q are stale, want %q", got, tt.want)
			}
			if got := Stale(all, nil); got != nil {
				t.Errorf("%q are stale beside nothing", got)
			}
		})
	}
}
