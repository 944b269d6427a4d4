package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/prompt"
	"llmbot/bot/turn"
	"llmbot/llm"
)

func TestFooter(t *testing.T) {
	result := func(tokens int, elapsed, first time.Duration, model string) llm.Result {
		return llm.Result{Model: model, Usage: llm.Usage{CompletionTokens: tokens, Known: true}, Elapsed: elapsed, TTFT: first}
	}
	unknown := result(0, 4200*time.Millisecond, 310*time.Millisecond, "MODEL")
	unknown.Usage.Known = false
	tests := []struct {
		in   llm.Result
		want string
	}{
		{result(156, 4205*time.Millisecond, 310*time.Millisecond, "MODEL"), "156 tokens in 4.2s = 37.1 tok/s · first token 0.31s · MODEL"},
		{result(3, 100*time.Millisecond, 40*time.Millisecond, "MODEL"), "3 tokens in 0.1s = 30.0 tok/s · first token 0.04s · MODEL"},
		{result(1, 50*time.Millisecond, 50*time.Millisecond, "m/x:1"), "1 token in 0.1s = 20.0 tok/s · first token 0.05s · m/x:1"},
		{result(1234, 20*time.Second, time.Second, "MODEL"), "1,234 tokens in 20.0s = 61.7 tok/s · first token 1.00s · MODEL"},
		{result(100, 83400*time.Millisecond, 61*time.Second, "MODEL"), "100 tokens in 83.4s = 1.2 tok/s · first token 61.00s · MODEL"},
		{result(1234567, 1234500*time.Millisecond, 0, ""), "1,234,567 tokens in 1,234.5s = 1000.1 tok/s"},
		{unknown, "4.2s · first token 0.31s · MODEL"},
		{llm.Result{}, ""},
	}
	for _, tt := range tests {
		if got := Footer(tt.in); got != tt.want {
			t.Errorf("got  %q\nwant %q", got, tt.want)
		}
	}
}

// show writes a conversation on one line.
func show(turns []prompt.Turn) string {
	parts := make([]string, 0, len(turns))
	for _, turn := range turns {
		parts = append(parts, [...]string{"", "bot ", "self "}[turn.Who]+turn.Name+":"+turn.Text)
	}
	return strings.Join(parts, " | ")
}

func TestArrange(t *testing.T) {
	person := func(ts, name, text string) Message { return Message{TS: ts, Name: name, Text: text} }
	self := func(ts, answers, text string) Message { return Message{TS: ts, Self: true, For: answers, Text: text} }
	tests := map[string]struct {
		messages []Message
		own      map[string]string
		upto     turn.TS
		want     string
	}{
		"one":                    {[]Message{person("1.0", "a", "q")}, nil, "1.0", "a:q"},
		"exact":                  {[]Message{person("1.0", "a", "q"), self("2.0", "1.0", "x"), person("3.0", "b", "r")}, map[string]string{"1.0": "**X**"}, "3.0", "a:q | self :**X** | b:r"},
		"pages are one":          {[]Message{person("1.0", "a", "q"), self("2.0", "1.0", "x"), self("2.5", "1.0", "y"), person("3.0", "b", "r")}, map[string]string{"1.0": "**XY**"}, "3.0", "a:q | self :**XY** | b:r"},
		"behind what it answers": {[]Message{person("1.0", "a", "q"), person("2.0", "b", "meanwhile"), self("3.0", "1.0", "x"), person("4.0", "b", "r")}, nil, "4.0", "a:q | self :x | b:meanwhile | b:r"},
		"being written":          {[]Message{person("1.0", "a", "q"), self("2.0", "1.0", "half")}, nil, "1.0", "a:q"},
		"later":                  {[]Message{person("1.0", "a", "q"), person("2.0", "b", "not yet")}, nil, "1.0", "a:q"},
		"notice":                 {[]Message{person("1.0", "a", "q"), {TS: "2.0", Self: true, Notice: true, For: "1.0", Text: "away"}, person("3.0", "b", "r")}, nil, "3.0", "a:q | b:r"},
		"bot":                    {[]Message{{TS: "1.0", Bot: true, Name: "ci", Text: "red"}, person("3.0", "b", "why")}, nil, "3.0", "bot ci:red | b:why"},
		"question gone":          {[]Message{self("2.0", "1.0", "x"), self("2.5", "1.0", "y"), person("3.0", "b", "r")}, map[string]string{"1.0": "XY"}, "3.0", "self :XY | b:r"},
		"question gone, inexact": {[]Message{self("2.0", "1.0", "x"), self("2.5", "1.0", "y"), person("3.0", "b", "r")}, nil, "3.0", "self :x | self :y | b:r"},
	}
	for name, tt := range tests {
		if got := show(arrange(tt.messages, tt.own, tt.upto)); got != tt.want {
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
		messages, people := []Message{}, 0
		upto := turn.TS("0.0")
		for i, c := range in {
			m := Message{TS: fmt.Sprintf("%d.0", i+1), Name: "p", Text: fmt.Sprintf("#%d#", i)}
			if c&1 == 1 {
				m.Self, m.For, m.Notice = true, fmt.Sprintf("%d.0", int(c>>3)+1), c&6 == 6
			} else {
				m.Bot = c&2 == 2
				people++
				upto = turn.TS(m.TS)
			}
			messages = append(messages, m)
		}
		got := arrange(messages, nil, upto)
		all := show(got)
		for i, m := range messages {
			n := strings.Count(all, fmt.Sprintf("#%d#", i))
			gone := !slices.ContainsFunc(messages, func(q Message) bool { return !q.Self && q.TS == m.For })
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

func TestPolicy(t *testing.T) {
	p := Policy{Channels: []string{"C1"}, Users: []string{"U1", "U2"}, Deny: []string{"U2"}}
	tests := []struct {
		p             Policy
		channel, user string
		external      bool
		want          Refusal
	}{
		{Policy{}, "C9", "U9", false, ""},
		{Policy{}, "C9", "U9", true, refuseExternal},
		{Policy{AllowExternal: true}, "C9", "U9", true, ""},
		{p, "C1", "U1", false, ""},
		{p, "C2", "U1", false, refuseChannel},
		{p, "D2", "U1", false, ""},
		{p, "C1", "U2", false, refuseUser},
		{p, "C1", "U3", false, refuseUser},
	}
	for _, tt := range tests {
		if got := tt.p.Quick(tt.channel, Asked{User: tt.user, External: tt.external, Direct: strings.HasPrefix(tt.channel, "D")}); got != tt.want {
			t.Errorf("%+v %s %s: %q", tt.p, tt.channel, tt.user, got)
		}
	}
	for _, tt := range []struct {
		p    Policy
		who  Person
		want Refusal
	}{
		{Policy{}, Person{}, ""},
		{Policy{}, Person{Guest: true}, refuseGuest},
		{Policy{}, Person{External: true}, refuseExternal},
		{Policy{AllowGuests: true}, Person{Guest: true}, ""},
		{Policy{AllowGuests: true}, Person{Guest: true, External: true}, refuseExternal},
		{Policy{AllowExternal: true}, Person{External: true}, ""},
	} {
		if got := tt.p.Check(tt.who); got != tt.want {
			t.Errorf("%+v %+v: %q", tt.p, tt.who, got)
		}
	}
}

func TestBudget(t *testing.T) {
	for _, tt := range []struct{ window, answer, want int }{{0, 0, 0}, {1000, 0, 744}, {8192, 0, 6144}, {8192, 1024, 7168}, {8192, 8000, 4096}, {300, 0, 150}} {
		if got := budget(tt.window, tt.answer); got != tt.want {
			t.Errorf("budget(%d, %d) = %d, want %d", tt.window, tt.answer, got, tt.want)
		}
	}
	if got := smaller(&llm.Error{Limit: 1000, Prompt: 2000}, 1500); got != 562 {
		t.Errorf("%d", got)
	}
	if got := smaller(&llm.Error{}, 1500); got != 750 {
		t.Errorf("%d", got)
	}
	// vLLM stops counting behind its window.
	if got := smaller(&llm.Error{Limit: 512, Prompt: 513, AtLeast: true}, 1500); got > 384 {
		t.Errorf("%d of a window of 512", got)
	}
}

func TestWindowLearns(t *testing.T) {
	w := newWindow()
	known, other := Thread{"C", "1"}, Thread{"C", "2"}
	in := prompt.Input{Turns: []prompt.Turn{{ID: "a"}, {ID: "b"}, {ID: "c"}}}
	ratio := func(th Thread) (float64, int) {
		in := prompt.Input{Turns: in.Turns}
		w.fit(th, &in)
		return in.Ratio, in.First
	}
	long := []llm.Message{{Content: strings.Repeat("x", 4000)}}
	w.learn(known, in, 0, long, llm.Usage{PromptTokens: 1000})
	w.learn(known, in, 0, []llm.Message{{Content: "x", Images: []llm.Image{{}}}}, llm.Usage{PromptTokens: 1000, Known: true})
	if got, first := ratio(known); got != 0 || first != 0 {
		t.Error("learnt from nothing")
	}
	w.learn(known, in, 1, long, llm.Usage{PromptTokens: 1000, Known: true})
	if got, first := ratio(known); got != 4 || first != 1 {
		t.Errorf("%v, from turn %d on", got, first)
	}
	for range 50 {
		w.learn(known, in, 0, long, llm.Usage{PromptTokens: 2000, Known: true})
	}
	if got, first := ratio(other); got < 1.99 || got > 2.01 || first != 0 {
		t.Errorf("%v, from turn %d on", got, first)
	}
	w.learn(other, in, 0, []llm.Message{{Content: "short"}}, llm.Usage{PromptTokens: 5, Known: true})
	if got, _ := ratio(Thread{"C", "3"}); got < 1.99 {
		t.Errorf("a short prompt taught %v", got)
	}
}

// counter counts a token a byte.
type counter struct {
	calls int
	err   error
}

func (c *counter) Tokenize(_ context.Context, _ string, msgs []llm.Message) (int, int, error) {
	c.calls++
	size, _ := textSize(msgs)
	return size, 0, c.err
}

func TestExactCountsWhenItIsClose(t *testing.T) {
	turns := []prompt.Turn{{ID: "1", Text: strings.Repeat("a", 300)}, {ID: "2", Who: prompt.Self, Text: strings.Repeat("b", 300)}, {ID: "3", Text: "now"}}
	for _, tt := range []struct {
		name        string
		budget      int
		err         error
		calls, left int
	}{
		{"far from full", 4000, nil, 0, 0},
		{"no limit known", 0, nil, 0, 0},
		{"close, and too much", 300, nil, 1, 2},
		{"close, and not counted", 300, errors.ErrUnsupported, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &counter{err: tt.err}
			in := prompt.Input{Turns: turns, Budget: tt.budget}
			out := exact(t.Context(), c, &in, "")
			if c.calls != tt.calls || out.LeftOut != tt.left {
				t.Errorf("%d counts, %d left out", c.calls, out.LeftOut)
			}
		})
	}
}

func TestSpeeds(t *testing.T) {
	var s speeds
	s.add(llm.Result{})
	if s.interactive().n != 0 {
		t.Error("counted nothing")
	}
	for i := range 150 {
		s.add(llm.Result{Usage: llm.Usage{Known: true, CompletionTokens: i + 1}, Elapsed: time.Second, TTFT: time.Duration(i+1) * time.Millisecond})
	}
	if got := s.interactive(); got.n != 100 || got.median != 100.5 || got.slow != 55.95 || got.ttft95.Round(10*time.Microsecond) != 145050*time.Microsecond {
		t.Errorf("%+v", got)
	}
	s = speeds{}
	for _, n := range []int{38, 15} {
		s.add(llm.Result{Usage: llm.Usage{Known: true, CompletionTokens: n}, Elapsed: time.Second, TTFT: time.Second})
	}
	if got := s.interactive(); got.median != 26.5 || got.ttft95 != time.Second {
		t.Errorf("of two: %+v", got)
	}
}

func TestAnswersKeepTheNewest(t *testing.T) {
	store := turn.NewMem()
	a, th := answers{store: store}, Thread{"C", "1.0"}
	big := strings.Repeat("x", maxAnswersKept/3)
	for i := range 5 {
		if err := a.put(t.Context(), th, written{For: fmt.Sprintf("%d.0", i), Text: big}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.put(t.Context(), th, written{For: "4.0", Text: "anew"}); err != nil {
		t.Fatal(err)
	}
	got, err := a.get(t.Context(), th)
	if err != nil || len(got) != 3 || got["4.0"].Text != "anew" || got["3.0"].Text != big {
		t.Errorf("%d %v", len(got), err)
	}
	if err := store.Update(t.Context(), answersKey(th), func([]byte) ([]byte, error) { return []byte("{"), nil }); err != nil {
		t.Fatal(err)
	}
	if _, err = a.get(t.Context(), th); err == nil {
		t.Error("read what is no JSON")
	}
	if err := a.put(t.Context(), th, written{For: "5.0", Text: "x"}); err != nil {
		t.Error(err)
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		owners map[string]int
		want   float64
	}{
		{nil, 1}, {map[string]int{"me": 4}, 1}, {map[string]int{"me": 1, "b": 3}, 0.25}, {map[string]int{"b": 3}, 0.25}, {map[string]int{"": 5, "me": 2, "b": 2}, 0.5},
	} {
		if got := share(tt.owners, "me"); got != tt.want {
			t.Errorf("%v: %v", tt.owners, got)
		}
	}
}
