package permalink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/thread"
)

func TestFind(t *testing.T) {
	hosts := []string{"acme.slack.com", "slack"}
	for text, want := range map[string][]Link{
		"see https://acme.slack.com/archives/C0123ABCD/p1763900000000100":                                                           {{"C0123ABCD", "1763900000.000100", ""}},
		"https://ACME.slack.com/archives/C0123ABCD/p1763900005000100?thread_ts=1763900000.000100&cid=C0123ABCD.":                    {{"C0123ABCD", "1763900005.000100", "1763900000.000100"}},
		"[that](https://acme.slack.com/archives/C0123ABCD/p1763900005000100?thread_ts=1763900000.000100&amp;cid=C0123ABCD), please": {{"C0123ABCD", "1763900005.000100", "1763900000.000100"}},
		"http://slack:8080/archives/D01/p1763900000000100 twice http://slack:8080/archives/D01/p1763900000000100":                   {{"D01", "1763900000.000100", ""}},
		"https://other.slack.com/archives/C0123ABCD/p1763900000000100":                                                              nil,
		"https://acme.slack.com.evil.test/archives/C0123ABCD/p1763900000000100":                                                     nil,
		"https://evil.test/?u=https:/acme.slack.com/archives/C0123ABCD/p1763900000000100":                                           nil,
		"https://acme.slack.com/archives/C0123ABCD":                                                                                 nil,
		"https://acme.slack.com/archives/C0123ABCD/p17639":                                                                          nil,
		"https://acme.slack.com/files/U1/F1/x.txt":                                                                                  nil,
		"https://acme.slack.com/archives/C0123ABCD/p1763900005000100?thread_ts=../x&cid=C0123ABCD":                                  {{"C0123ABCD", "1763900005.000100", ""}},
		"https://acme.slack.com/archives/C0123ABCD/p1763900005000100?thread_ts=1763900000.000100&cid=C0OTHER":                       {{"C0123ABCD", "1763900005.000100", ""}},
	} {
		if got := Find(text, hosts); !slices.Equal(got, want) {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add("https://acme.slack.com/archives/C0123ABCD/p1763900005000100?thread_ts=1763900000.000100&cid=C0123ABCD")
	f.Fuzz(func(t *testing.T, text string) {
		for _, l := range Find(text, []string{"acme.slack.com"}) {
			if !tsForm.MatchString(l.TS) || l.Thread != "" && !tsForm.MatchString(l.Thread) || strings.ContainsAny(l.Channel, "/?& ") {
				t.Fatalf("%+v of %q", l, text)
			}
		}
	})
}

// office is a Source.
type office struct {
	places  map[string]Place
	members map[string][]string
	page    map[thread.ID][]thread.Message
	err     error
	reads   int
}

func (o *office) Place(_ context.Context, channel string) (Place, error) {
	p, ok := o.places[channel]
	if !ok {
		return p, errors.New("channel_not_found")
	}
	return p, o.err
}

func (o *office) Members(_ context.Context, channel string, people []string) (bool, error) {
	for _, p := range people {
		if !slices.Contains(o.members[channel], p) {
			return false, o.err
		}
	}
	return true, o.err
}

func (o *office) Page(_ context.Context, t thread.ID) ([]thread.Message, error) {
	o.reads++
	return o.page[t], nil
}

// fullMembers is a Full: whoever begins with UIN or UOUT is a full member.
func fullMembers(_ context.Context, user string) (bool, error) {
	if user == "UFAILS" {
		return true, errors.New("internal_error")
	}
	return strings.HasPrefix(user, "UIN") || user == "UOUT", nil
}

const at = "https://acme.slack.com/archives/"

func newOffice() *office {
	id := func(channel, ts string) thread.ID { return thread.ID{Channel: channel, TS: ts} }
	secret := []thread.Message{{TS: "1763900000.000100", User: "U1", Name: "Ana", Text: "zq secret"}}
	long := []thread.Message{{TS: "1763900000.000200", Name: "Ana", Text: "zq root"}}
	for i := range 50 {
		long = append(long, thread.Message{TS: fmt.Sprintf("17639001%02d.000100", i), Name: "Bob: x\ny", Text: fmt.Sprintf("reply %d\nAlice: never said", i)})
	}
	return &office{
		places:  map[string]Place{"CPUB": {"ops", true, true}, "CPRIV": {"leads", false, true}, "COUT": {"out", true, false}, "DANA": {"", false, true}},
		members: map[string][]string{"CPRIV": {"UIN", "UIN2"}, "CPUB": {"UGUEST"}, "DANA": {"UIN"}},
		page: map[thread.ID][]thread.Message{
			id("CPUB", "1763900000.000100"): secret, id("CPRIV", "1763900000.000100"): secret, id("COUT", "1763900000.000100"): secret, id("CGONE", "1763900000.000100"): secret,
			id("DANA", "1763900000.000100"): secret, id("CPUB", "1763900000.000200"): long,
		},
	}
}

// TestWhoSees: a message is quoted only if everybody who asks is known to see it, and is not even
// read otherwise.
func TestWhoSees(t *testing.T) {
	in, in2, out, guest, stranger, foreign := Person{ID: "UIN"}, Person{ID: "UIN2"}, Person{ID: "UOUT"}, Person{ID: "UGUEST"}, Person{ID: "UX"}, Person{ID: "UOUT", Guest: true}
	for name, tt := range map[string]struct {
		channel string
		people  []Person
		by      string // empty: the first of them
		err     error
		shown   bool
	}{
		"a public channel":                     {"CPUB", []Person{out}, "", nil, true},
		"a guest who is a member of it":        {"CPUB", []Person{guest}, "", nil, true},
		"a guest who is not":                   {"CPUB", []Person{stranger}, "", nil, false},
		"a public channel without the bot":     {"COUT", []Person{in}, "", nil, false},
		"a private one, a member":              {"CPRIV", []Person{in}, "", nil, true},
		"a private one, two members":           {"CPRIV", []Person{in, in2}, "", nil, true},
		"a private one, somebody else":         {"CPRIV", []Person{out}, "", nil, false},
		"a private one, somebody else as well": {"CPRIV", []Person{in, out}, "", nil, false},
		"a direct message":                     {"DANA", []Person{in}, "", nil, true},
		"of others":                            {"DANA", []Person{out}, "", nil, false},
		"a channel that is not there":          {"CGONE", []Person{in}, "", nil, false},
		"nobody asks":                          {"CPUB", nil, "", nil, false},
		"somebody of whom the event says that they are of elsewhere": {"CPUB", []Person{foreign}, "", nil, false},
		"somebody whose role is not known":                           {"CPUB", []Person{{ID: "UFAILS"}}, "", nil, false},
		"planted by somebody who is no member":                       {"CPRIV", []Person{in}, "UOUT", nil, false},
		"planted in a direct message's name":                         {"DANA", []Person{in}, "UIN2", nil, false},
		"pasted by another member":                                   {"CPRIV", []Person{in}, "UIN2", nil, true},
		"pasted by another full member":                              {"CPUB", []Person{in}, "UOUT", nil, true},
		"pasted by a guest who is a member":                          {"CPUB", []Person{in}, "UGUEST", nil, true},
		"planted by a guest who is not":                              {"CPUB", []Person{in}, "UX", nil, false},
		"planted by one whose role is not known":                     {"CPUB", []Person{in}, "UFAILS", nil, false},
		"planted by nobody knows whom":                               {"CPUB", []Person{in}, "nobody", nil, false},
		"Slack does not say":                                         {"CPRIV", []Person{in}, "", errors.New("missing_scope"), false},
	} {
		o := newOffice()
		o.err = tt.err
		r := New(o, fullMembers, []string{"acme.slack.com"}, "llm", slog.New(slog.DiscardHandler))
		by := tt.by
		switch {
		case by == "nobody":
			by = ""
		case by == "" && len(tt.people) > 0:
			by = tt.people[0].ID
		}
		got := r.Quote(t.Context(), thread.ID{Channel: "C9", TS: "1.0"}, tt.people, []Message{{"m", "why? " + at + tt.channel + "/p1763900000000100", by}}, 10_000)
		if shown := strings.Contains(got.Text["m"], "> Ana: zq secret"); shown != tt.shown || got.Hidden["m"] == tt.shown || (o.reads > 0) != tt.shown {
			t.Errorf("%s: %+v, %d reads", name, got, o.reads)
		}
	}
}

// TestRemembered: a message is read once in 10 minutes, and who may see it is asked each time.
func TestRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOffice()
		r := New(o, fullMembers, []string{"acme.slack.com"}, "llm", slog.New(slog.DiscardHandler))
		ask := func() Quotes {
			return r.Quote(t.Context(), thread.ID{Channel: "C9", TS: "1.0"}, []Person{{ID: "UIN"}}, []Message{{"m", at + "CPRIV/p1763900000000100", "UIN"}}, 10_000)
		}
		first := ask().Text["m"]
		if again := ask().Text["m"]; again != first || o.reads != 1 {
			t.Errorf("%q, %d reads", again, o.reads)
		}
		o.members["CPRIV"] = nil
		if got := ask(); !got.Hidden["m"] || strings.Contains(got.Text["m"], "secret") {
			t.Errorf("somebody who has left sees it: %+v", got)
		}
		o.members["CPRIV"] = []string{"UIN"}
		time.Sleep(keepFor + time.Second)
		if ask(); o.reads != 2 {
			t.Errorf("%d reads", o.reads)
		}
	})
}

// TestHammer: many turns at once read the same and other links.
func TestHammer(t *testing.T) {
	r := New(&still{}, fullMembers, []string{"acme.slack.com"}, "llm", slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for n := range 50 {
				link := fmt.Sprintf("%sCPUB/p1763900%03d000100", at, (i+n)%20)
				got := r.Quote(t.Context(), thread.ID{Channel: "C9", TS: "1.0"}, []Person{{ID: "UIN"}}, []Message{{"m", link, "UIN"}}, 10_000)
				if got.Shown != 1 {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	all.Wait()
}

// still is a Source that has every message, and does not change.
type still struct{}

func (*still) Place(context.Context, string) (Place, error)            { return Place{"ops", true, true}, nil }
func (*still) Members(context.Context, string, []string) (bool, error) { return true, nil }
func (*still) Page(_ context.Context, t thread.ID) ([]thread.Message, error) {
	return []thread.Message{{TS: t.TS, Name: "Ana", Text: "zq"}}, nil
}

// TestQuotation: a thread is bounded, no line of it looks like ours, and three links are read at
// most.
func TestQuotation(t *testing.T) {
	o := newOffice()
	r := New(o, fullMembers, []string{"acme.slack.com"}, "llm", slog.New(slog.DiscardHandler))
	here := thread.ID{Channel: "CPUB", TS: "1763900000.000100"}
	text := at + "CPUB/p1763900130000100?thread_ts=1763900000.000200&cid=CPUB"
	got := r.Quote(t.Context(), here, []Person{{ID: "UIN"}}, []Message{{"m", text, "UIN"}}, 30_000).Text["m"]
	if strings.Count(got, "> Bob x y") != maxMessages-1 || !strings.Contains(got, "> Bob x y (the linked one): reply 30\n>   Alice: never said") || !strings.Contains(got, "> Ana: zq root") ||
		!strings.HasSuffix(got, "(31 further messages of the thread are left out.)") {
		t.Error(got)
	}
	for line := range strings.Lines(got) {
		if !strings.HasPrefix(line, "> ") && !strings.HasPrefix(line, "(31") && !strings.HasPrefix(line, "Linked message in #ops, with its thread:") {
			t.Errorf("%q", line)
		}
	}
	if got := r.Quote(t.Context(), here, []Person{{ID: "UIN"}}, []Message{{"m", at + "CPUB/p1763900000000100", "UIN"}}, 30_000); len(got.Text) > 0 {
		t.Errorf("the thread quotes itself: %+v", got)
	}
	for _, shown := range []string{"Forwarded message (" + text + "):\n> see " + text, "Forwarded message from Ana in #ops (" + text + "):\n> see " + text, "Preview of a linked message from Ana (" + text + "):\n> x"} {
		if got := r.Quote(t.Context(), here, []Person{{ID: "UIN"}}, []Message{{"m", "why?\n\n" + shown, "UIN"}}, 30_000); len(got.Text) > 0 {
			t.Errorf("what Slack shows already is quoted again: %+v", got)
		}
	}
	for _, own := range []string{
		"> see " + text + "\nwhat is that?", "> a\n> " + text, "Forwarded message from Ana:\n> hi\n\nand\n> " + text, "Forwarded messages are nice: " + text, "Preview of tomorrow " + text,
	} {
		if got := r.Quote(t.Context(), here, []Person{{ID: "UIN"}}, []Message{{"m", own, "UIN"}}, 30_000); got.Shown != 1 {
			t.Errorf("what a person quotes or says is not followed: %q: %+v", own, got)
		}
	}
	o.reads = 0
	var many []Message
	for i := range 6 {
		many = append(many, Message{fmt.Sprint(i), fmt.Sprintf("%sCPUB/p17639009%02d000100", at, i), "UIN"})
	}
	if got := r.Quote(t.Context(), here, []Person{{ID: "UIN"}}, many, 30_000); o.reads != maxReads || got.Failed != MaxLinks || len(got.Text) != 6 || len(got.Unread) != MaxLinks || len(got.Surplus) != 3 {
		t.Errorf("%d reads: %+v", o.reads, got)
	}
}

// TestQuotationHasWhatAPreviewHad: of a thread the linked message comes first, however short the
// budget is. Its preview goes only if all of the message is quoted.
func TestQuotationHasWhatAPreviewHad(t *testing.T) {
	const link = at + "CPUB/p1763900150000100?thread_ts=1763900000.000300&cid=CPUB"
	here := thread.ID{Channel: "C9", TS: "1.0"}
	for name, tt := range map[string]struct {
		size, others, runes int
		whole               bool
	}{
		"all of it":                {900, 30, 3_000, true},
		"a long one":               {3_500, 30, 12_000, true},
		"longer than its share":    {1_500, 30, 3_000, false},
		"longer, and alone":        {1_500, 0, 3_000, false},
		"longer than what is kept": {maxRunes + 10, 3, 60_000, false},
	} {
		said := strings.Repeat("word ", tt.size/5-1) + "last"
		page := []thread.Message{{TS: "1763900000.000300", Name: "Ana", Text: "zq root"}}
		for i := range tt.others {
			page = append(page, thread.Message{TS: fmt.Sprintf("17639001%02d.000100", i), Name: "Bob", Text: strings.Repeat("other ", 500)})
		}
		page = append(page, thread.Message{TS: "1763900150.000100", Name: "Cy", Text: said})
		o := newOffice()
		o.page[thread.ID{Channel: "CPUB", TS: "1763900000.000300"}] = page
		r := New(o, fullMembers, []string{"acme.slack.com"}, "llm", slog.New(slog.DiscardHandler))
		text := link + "\n\nPreview of a linked message from Cy (" + link + "):\n> " + said
		got := r.Quote(t.Context(), here, []Person{{ID: "UIN"}}, []Message{{"m", text, "UIN"}}, tt.runes)
		if has := strings.Contains(got.Text["m"], said); has != tt.whole {
			t.Errorf("%s: quoted as a whole: %v: %s", name, has, got.Text["m"])
		}
		if seen := got.Text["m"] + got.WithoutPreviews(text); strings.Count(seen, "last") != 1 {
			t.Errorf("%s: its end is there %d times", name, strings.Count(seen, "last"))
		}
		if n := len([]rune(got.Text["m"])); n > tt.runes/MaxLinks+maxMessages*(leastRunes+40) {
			t.Errorf("%s: a quotation of %d characters", name, n)
		}
	}
}
