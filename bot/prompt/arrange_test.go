package prompt_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/prompt"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// show writes a conversation on one line.
func show(turns []prompt.Turn) string {
	parts := make([]string, 0, len(turns))
	for _, turn := range turns {
		parts = append(parts, [...]string{"", "bot ", "self "}[turn.Who]+turn.Name+":"+turn.Text)
	}
	return strings.Join(parts, " | ")
}

func TestArrange(t *testing.T) {
	person := func(ts, name, text string) thread.Message { return thread.Message{TS: ts, Name: name, Text: text} }
	self := func(ts, answers, text string) thread.Message {
		return thread.Message{TS: ts, Self: true, For: answers, Text: text}
	}
	late := func(ts, text, came string) thread.Message {
		return thread.Message{TS: ts, Name: "a", Text: text, Late: []thread.Preview{{Came: came, Text: "preview"}}}
	}
	tests := map[string]struct {
		messages []thread.Message
		own      map[string]string
		upto     turn.TS
		want     string
	}{
		"one":                    {[]thread.Message{person("1.0", "a", "q")}, nil, "1.0", "a:q"},
		"exact":                  {[]thread.Message{person("1.0", "a", "q"), self("2.0", "1.0", "x"), person("3.0", "b", "r")}, map[string]string{"1.0": "**X**"}, "3.0", "a:q | self :**X** | b:r"},
		"pages are one":          {[]thread.Message{person("1.0", "a", "q"), self("2.0", "1.0", "x"), self("2.5", "1.0", "y"), person("3.0", "b", "r")}, map[string]string{"1.0": "**XY**"}, "3.0", "a:q | self :**XY** | b:r"},
		"behind what it answers": {[]thread.Message{person("1.0", "a", "q"), person("2.0", "b", "meanwhile"), self("3.0", "1.0", "x"), person("4.0", "b", "r")}, nil, "4.0", "a:q | self :x | b:meanwhile | b:r"},
		"being written":          {[]thread.Message{person("1.0", "a", "q"), self("2.0", "1.0", "half")}, nil, "1.0", "a:q"},
		"later":                  {[]thread.Message{person("1.0", "a", "q"), person("2.0", "b", "not yet")}, nil, "1.0", "a:q"},
		"notice":                 {[]thread.Message{person("1.0", "a", "q"), {TS: "2.0", Self: true, Notice: true, For: "1.0", Text: "away"}, person("3.0", "b", "r")}, nil, "3.0", "a:q | b:r"},
		"bot":                    {[]thread.Message{{TS: "1.0", Bot: true, Name: "ci", Text: "red"}, person("3.0", "b", "why")}, nil, "3.0", "bot ci:red | b:why"},
		"question gone":          {[]thread.Message{self("2.0", "1.0", "x"), self("2.5", "1.0", "y"), person("3.0", "b", "r")}, map[string]string{"1.0": "XY"}, "3.0", "self :XY | b:r"},
		"question gone, inexact": {[]thread.Message{self("2.0", "1.0", "x"), self("2.5", "1.0", "y"), person("3.0", "b", "r")}, nil, "3.0", "self :x | self :y | b:r"},
		"by an app":              {[]thread.Message{{TS: "1.0", Bot: true, Behalf: true, User: "U1", Name: "a", Text: "p"}, person("3.0", "b", "why")}, nil, "3.0", "a:p | b:why"},
		"only a mention":         {[]thread.Message{{TS: "1.0", Name: "a", Mentioned: true}, {TS: "2.0", Name: "b"}}, nil, "2.0", "a:(mentions you, and says nothing else) | b:(an empty message)"},
		"late preview":           {[]thread.Message{late("1.0", "link", "2.5"), person("2.0", "b", "q"), self("2.1", "2.0", "x"), person("3.0", "b", "r")}, nil, "3.0", "a:link | b:q | self :x | bot :preview | b:r"},
		"late preview, last":     {[]thread.Message{late("1.0", "link", "2.5"), person("2.0", "b", "q")}, nil, "2.0", "a:link | b:q\n\npreview"},
	}
	for name, tt := range tests {
		if got := show(prompt.Arrange(tt.messages, tt.own, tt.upto)); got != tt.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, tt.want)
		}
	}
}

func FuzzArrange(f *testing.F) {
	f.Add([]byte{1, 0x12, 0x33, 0xf4, 9})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) > 200 {
			t.Skip()
		}
		messages, people := []thread.Message{}, 0
		upto := turn.TS("0.0")
		for i, c := range in {
			m := thread.Message{TS: fmt.Sprintf("%d.0", i+1), Name: "p", Text: fmt.Sprintf("#%d#", i)}
			if c&1 == 1 {
				m.Self, m.For, m.Notice = true, fmt.Sprintf("%d.0", int(c>>3)+1), c&6 == 6
			} else {
				m.Bot = c&2 == 2
				people++
				upto = turn.TS(m.TS)
			}
			messages = append(messages, m)
		}
		got := prompt.Arrange(messages, nil, upto)
		all := show(got)
		for i, m := range messages {
			n := strings.Count(all, fmt.Sprintf("#%d#", i))
			gone := !slices.ContainsFunc(messages, func(q thread.Message) bool { return !q.Self && q.TS == m.For })
			hidden := m.Self && (m.Notice || turn.TS(m.For).Compare(upto) == 0 || gone && turn.TS(m.TS).After(upto))
			if hidden && n != 0 || !hidden && n != 1 {
				t.Fatalf("message %d is there %d times: %s", i, n, all)
			}
		}
		if people > 0 && got[len(got)-1].Who == prompt.Self {
			t.Fatalf("ends with the assistant: %s", all)
		}
	})
}
