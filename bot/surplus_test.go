package bot

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"llmbot/bot/turn"
)

// showing is a message of ours: "id from-for epoch by state", with h half, b broken or w whole.
func showing(id, from, what string, epoch uint64, by string, state byte, page int) Message {
	return Message{
		TS: id, Self: true, From: from, For: what, Since: what, Epoch: epoch, By: by, Page: page, Ended: state != 'h', Whole: state == 'w',
	}
}

func TestSurplus(t *testing.T) {
	tests := map[string]struct {
		thread []Message
		keep   []string
		want   []string
		known  [][]string
	}{
		"nothing":                                 {},
		"half beside whole":                       {[]Message{showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "1", "1", 0, "b", 'w', 0)}, nil, []string{"11"}, nil},
		"half beside half":                        {[]Message{showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "1", "1", 0, "b", 'h', 0)}, nil, nil, nil},
		"half beside broken":                      {[]Message{showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "1", "1", 0, "b", 'b', 0)}, nil, []string{"11"}, nil},
		"broken beside whole":                     {[]Message{showing("11", "1", "1", 0, "a", 'b', 0), showing("12", "1", "1", 0, "b", 'w', 0)}, nil, []string{"11"}, nil},
		"two whole: the first stays":              {[]Message{showing("11", "1", "1", 0, "a", 'w', 0), showing("12", "1", "1", 0, "b", 'w', 0)}, nil, []string{"12"}, nil},
		"two whole: the one with a claim stays":   {[]Message{showing("11", "1", "1", 0, "a", 'w', 0), showing("12", "1", "1", 4, "", 'w', 0)}, nil, []string{"11"}, nil},
		"a claim's half one is not ours to judge": {[]Message{showing("11", "1", "1", 3, "", 'h', 0), showing("12", "1", "1", 0, "b", 'w', 0)}, nil, nil, nil},
		"part of what another answers":            {[]Message{showing("11", "1", "1", 0, "a", 'w', 0), showing("12", "1", "2", 0, "b", 'w', 0)}, nil, []string{"11"}, nil},
		"more than another answers":               {[]Message{showing("11", "1", "2", 0, "a", 'h', 0), showing("12", "2", "2", 0, "b", 'w', 0)}, nil, nil, nil},
		"another question":                        {[]Message{showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "2", "2", 0, "b", 'w', 0)}, nil, nil, nil},
		"kept":                                    {[]Message{showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "1", "1", 0, "b", 'w', 0)}, []string{"11"}, nil, nil},
		"two whole: the one that is known stays":  {[]Message{showing("11", "1", "1", 0, "a", 'w', 0), showing("12", "1", "1", 0, "b", 'w', 0)}, nil, []string{"11"}, [][]string{{"12"}}},
		"the one that is known answers less":      {[]Message{showing("11", "1", "1", 0, "a", 'w', 0), showing("12", "1", "2", 0, "b", 'w', 0)}, nil, []string{"11"}, [][]string{{"11"}}},
		"pages that are known":                    {[]Message{showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "1", "1", 0, "b", 'w', 1)}, nil, nil, [][]string{{"11", "12"}}},
		"pages belong together": {[]Message{
			showing("11", "1", "1", 0, "a", 'h', 0), showing("12", "1", "1", 0, "b", 'h', 0), showing("13", "1", "1", 0, "a", 'w', 1), showing("14", "1", "1", 0, "b", 'h', 1),
		}, nil, []string{"12", "14"}, nil},
		"pages of which nobody says whose they are": {[]Message{showing("11", "1", "1", 0, "", 'h', 0), showing("12", "1", "1", 0, "", 'w', 1)}, nil, nil, nil},
		"of an older form of the question": {[]Message{
			func() Message { m := showing("11", "1", "1", 0, "a", 'h', 0); m.Since = "9"; return m }(), showing("12", "1", "1", 0, "b", 'w', 0),
		}, nil, nil, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := surplus(tt.thread, nil, tt.known, tt.keep); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// TestSurplusLeavesAnAnswer: whatever a thread shows, a question with a complete answer keeps one, nothing that is kept goes, and what is left has no surplus.
func TestSurplusLeavesAnAnswer(t *testing.T) {
	var five []Asked
	for n := range 5 {
		five = append(five, Asked{TS: fmt.Sprint(n + 1)})
	}
	rng := rand.New(rand.NewPCG(1, 3))
	for range 20_000 {
		var thread []Message
		for n := range 1 + rng.IntN(6) {
			from := 1 + rng.IntN(3)
			to := from + rng.IntN(3)
			epoch, by := uint64(rng.IntN(3)), ""
			if epoch == 0 {
				by = string(rune('a' + rng.IntN(3)))
			}
			thread = append(thread, showing(fmt.Sprint(10+n), fmt.Sprint(from), fmt.Sprint(to), epoch, by, "hbw"[rng.IntN(3)], rng.IntN(2)))
		}
		var keep []string
		var known [][]string
		if rng.IntN(2) == 0 {
			known = [][]string{{thread[len(thread)-1].TS}}
		}
		if rng.IntN(2) == 0 {
			keep = []string{thread[0].TS}
		}
		gone := surplus(thread, five, known, keep)
		left := slices.DeleteFunc(slices.Clone(thread), func(m Message) bool { return slices.Contains(gone, m.TS) })
		for _, a := range shownAnswers(left) { // of two that answer the same completely, one would do
			for _, b := range shownAnswers(left) {
				same := a.covers(b) && b.covers(a) && a.whole && b.whole && a.ids[0] != b.ids[0]
				held := slices.ContainsFunc(slices.Concat(a.ids, b.ids), func(id string) bool { return slices.Contains(keep, id) })
				if same && !held && (a.epoch == 0 || b.epoch == 0) && !a.loose && !b.loose && !(len(known) > 0 && a.epoch+b.epoch > 0) {
					t.Fatalf("both stay: %v and %v of %+v, kept %v", a.ids, b.ids, thread, keep)
				}
			}
		}
		for question, a := range five {
			if covered(thread, a) && !covered(left, a) {
				t.Fatalf("%d of 0 to 4 has no answer any more\n%+v\n%v", question, thread, gone)
			}
		}
		if again := surplus(left, five, known, keep); len(again) > 0 || slices.ContainsFunc(keep, func(id string) bool { return slices.Contains(gone, id) }) {
			t.Fatalf("%+v\n%v, then %v, kept %v", thread, gone, again, keep)
		}
	}
}

func TestOwedAfterAnOutage(t *testing.T) {
	asks := []Message{
		{TS: "1", User: "U", Text: "one", Mentioned: true}, {TS: "2", User: "U", Text: "two", Mentioned: true}, {TS: "3", User: "U", Text: "three", Mentioned: true},
	}
	edited := func(at string) []Message {
		out := slices.Clone(asks)
		out[0].Edited = at
		return out
	}
	tests := map[string]struct {
		asks []Message
		ours []Message
		view view
		want string // the questions, and what is said of them
	}{
		"all":                      {asks, nil, view{}, "1 2 3 []"},
		"whole":                    {asks, []Message{showing("31", "1", "3", 0, "a", 'w', 0)}, view{}, " []"},
		"half":                     {asks, []Message{showing("31", "1", "3", 0, "a", 'h', 0)}, view{}, "1 2 3 [31]"},
		"broken":                   {asks, []Message{showing("31", "1", "3", 0, "a", 'b', 0)}, view{}, " []"},
		"the last one":             {asks, []Message{showing("31", "3", "3", 0, "a", 'w', 0)}, view{}, "1 2 []"},
		"the first one":            {asks, []Message{showing("31", "1", "1", 0, "a", 'w', 0)}, view{}, "2 3 []"},
		"the middle":               {asks, []Message{showing("31", "2", "2", 0, "a", 'w', 0)}, view{}, "1 [] part"},
		"the middle, from memory":  {asks, []Message{showing("31", "2", "2", 0, "a", 'w', 0)}, view{memory: true}, "3 [] part"},
		"with a claim":             {asks, []Message{showing("31", "1", "3", 7, "", 'w', 0)}, view{}, " []"},
		"another's, from memory":   {asks, []Message{showing("31", "1", "2", 0, "a", 'h', 0)}, view{memory: true}, "3 [] part left"},
		"another's all":            {asks, []Message{showing("31", "1", "3", 0, "a", 'h', 0)}, view{memory: true}, " [] part left"},
		"begun for one":            {asks, []Message{showing("31", "2", "2", 1, "", 'h', 0)}, view{begun: []string{"31"}, taken: true}, "2 [31] part"},
		"begun for two":            {asks, []Message{showing("31", "1", "2", 1, "", 'h', 0)}, view{begun: []string{"31"}, taken: true}, "1 2 [31] part"},
		"begun here":               {asks, []Message{showing("31", "2", "2", 1, "", 'h', 0)}, view{begun: []string{"31"}}, "1 2 3 [31]"},
		"begun, and gone":          {asks, []Message{showing("31", "4", "4", 1, "", 'h', 0)}, view{begun: []string{"31"}, taken: true}, "1 2 3 [31]"},
		"edited since":             {edited("9"), []Message{showing("31", "1", "3", 0, "a", 'w', 0)}, view{}, "1 []"},
		"edited before":            {edited("2.5"), []Message{showing("31", "1", "3", 0, "a", 'w', 0)}, view{}, " []"},
		"wanted anew":              {asks, []Message{showing("31", "1", "3", 2, "", 'w', 0)}, view{wanted: "5"}, "1 2 3 [31] redo"},
		"wanted anew, from memory": {asks, []Message{showing("31", "1", "3", 2, "", 'w', 0)}, view{wanted: "5", memory: true}, " [] left"},
		"wanted before":            {asks, []Message{showing("31", "1", "3", 2, "", 'w', 0)}, view{wanted: "2.5"}, " []"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.view.upto, tt.view.mode = "20", FollowSolo
			thread := slices.Concat(tt.asks, tt.ours)
			slices.SortStableFunc(thread, func(a, b Message) int { return turn.TS(a.TS).Compare(turn.TS(b.TS)) })
			d := owed(thread, Thread{Channel: "C", TS: "1"}, tt.view)
			var got strings.Builder
			for i, a := range d.asks {
				if i > 0 {
					got.WriteString(" ")
				}
				got.WriteString(a.TS)
			}
			got.WriteString(fmt.Sprintf(" %v", d.adopt))
			for _, w := range []struct {
				word string
				is   bool
			}{{"part", d.part}, {"left", d.left}, {"redo", d.redo}} {
				if w.is {
					got.WriteString(" " + w.word)
				}
			}
			if got.String() != tt.want {
				t.Errorf("%q, want %q", got.String(), tt.want)
			}
		})
	}
}
