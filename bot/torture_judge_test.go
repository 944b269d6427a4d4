//go:build linux

package bot_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// verdict is what is to be said of one thread.
type verdict struct {
	lost    []string // questions without a complete answer
	doubled []string // questions that are answered twice
	half    []string // answers that were left as they were
	stale   []string // answers that were complete and are not any more
	answers []*judged
}

func (v *verdict) bad() []string { return slices.Concat(v.lost, v.doubled, v.half, v.stale) }

// kinds says in words what is wrong.
func (v *verdict) kinds() string {
	var words []string
	for _, k := range []struct {
		name string
		list []string
	}{{"LOST", v.lost}, {"DOUBLED", v.doubled}, {"HALF", v.half}, {"STALE", v.stale}} {
		if len(k.list) > 0 {
			words = append(words, k.name)
		}
	}
	return strings.Join(words, " ")
}

// judged is all messages that answer one question, or several at once.
type judged struct {
	asked    string // ts of the newest of them
	messages []slacksim.Message
	must     []question // that it has to answer
	stopping bool       // somebody stopped it
	complete bool
	good     bool // complete, or rightly stopped

	since    time.Time     // when something was first visible
	finished time.Time     // when it was first complete; zero: never
	over     time.Time     // when it was first complete, or rightly stopped
	repaired int           // how often it was complete, then not, and then again
	least    float64       // visible words, at the worst moment, as a part of those before it
	gap      time.Duration // the longest time without a change, until it was complete
	stall    time.Duration // the longest time without more words
}

// judge looks at a thread as people see it in the end, and as they saw it before.
func judge(d *dialog, messages []slacksim.Message) *verdict {
	v := &verdict{}
	groups := map[string]*judged{}
	for _, m := range messages {
		if m.BotID == "" || m.Deleted {
			continue
		}
		asked, _ := payload(m, "asked")
		if asked == "" { // a native stream that nobody ended, or nothing that the bot should write
			v.half = append(v.half, fmt.Sprintf("message %s answers nothing: %s", m.TS, ending(m.Plain)))
			continue
		}
		if groups[asked] == nil {
			groups[asked] = &judged{asked: asked, least: 1}
		}
		groups[asked].messages = append(groups[asked].messages, m)
	}
	before := ""
	for _, asked := range slices.Sorted(maps.Keys(groups)) {
		a := groups[asked]
		for _, q := range d.questions {
			if q.ts > before && q.ts <= asked {
				if d.stopped(q) {
					a.stopping = true
				} else {
					a.must = append(a.must, q)
				}
			}
		}
		before = asked
		a.judge(v)
		v.answers = append(v.answers, a)
	}
	for _, q := range d.questions {
		v.question(d, q)
	}
	return v
}

// question reports whether a question has its answer, and no second one.
func (v *verdict) question(d *dialog, q question) {
	stopped := d.stopped(q)
	i := slices.IndexFunc(v.answers, func(a *judged) bool { return a.asked >= q.ts })
	switch {
	case i < 0 && !stopped:
		v.lost = append(v.lost, fmt.Sprintf("q%d: nothing answers it", q.id))
	case i >= 0 && !v.answers[i].good && !stopped:
		v.lost = append(v.lost, fmt.Sprintf("q%d: its answer is not complete", q.id))
	}
	where := 0
	for _, a := range v.answers {
		if len(sentences(a.text())[q.id]) > 0 {
			where++
		}
	}
	if where > 1 && !stopped { // one that was stopped before it began is part of the next prompt
		v.doubled = append(v.doubled, fmt.Sprintf("q%d: answered in %d answers", q.id, where))
	}
}

func (a *judged) judge(v *verdict) {
	texts := make([]string, len(a.messages))
	for i, m := range a.messages {
		texts[i] = m.Plain
	}
	pages := map[string]int{}
	for _, m := range a.messages {
		page, _ := payload(m, "page")
		pages[page]++
	}
	twice := len(pages) < len(a.messages)
	a.complete = a.whole(texts)
	if twice && !a.complete { // one of them may be what was to be there
		a.complete = slices.ContainsFunc(texts, func(s string) bool { return a.whole([]string{s}) })
	}
	all := strings.Join(texts, "\n")
	a.good = a.complete || a.rightlyStopped(all)
	switch {
	case twice:
		v.doubled = append(v.doubled, fmt.Sprintf("%s: %d messages for %d pages", a, len(a.messages), len(pages)))
	default:
		for id, numbers := range sentences(all) {
			slices.Sort(numbers)
			if n := len(slices.Compact(slices.Clone(numbers))); n < len(numbers) {
				v.doubled = append(v.doubled, fmt.Sprintf("%s: %d of q%d's sentences come again", a, len(numbers)-n, id))
			}
		}
	}
	busy := ""
	for _, s := range texts {
		busy = cmp.Or(busy, stillBusy(s))
	}
	switch {
	case busy != "":
		v.half = append(v.half, fmt.Sprintf("%s still says %q: %s", a, busy, ending(all)))
	case !a.good:
		v.half = append(v.half, fmt.Sprintf("%s: %s: %s", a, a.missing(all), ending(all)))
	}
	a.past(v)
}

// past looks at all that was ever visible.
func (a *judged) past(v *verdict) {
	type change struct {
		at      time.Time
		message int
		text    string
	}
	var changes []change
	for i, m := range a.messages {
		for _, version := range m.Versions {
			changes = append(changes, change{version.At, i, version.Plain})
		}
	}
	slices.SortStableFunc(changes, func(a, b change) int { return a.at.Compare(b.at) })
	now := make([]string, len(a.messages))
	was, most, grew := false, 0, a.since
	for i, c := range changes {
		now[c.message] = c.text
		if i == 0 {
			a.since, grew = c.at, c.at
		} else if a.finished.IsZero() {
			a.gap = max(a.gap, c.at.Sub(changes[i-1].at))
		}
		is := a.whole(now)
		switch {
		case is && a.finished.IsZero():
			a.finished = c.at
		case is && !was:
			a.repaired++
		}
		was = is
		if a.over.IsZero() && (is || a.rightlyStopped(strings.Join(now, "\n"))) {
			a.over = c.at
		}
		words := len(strings.Fields(body(strings.Join(now, "\n"))))
		if most >= 10 {
			a.least = min(a.least, float64(words)/float64(most))
		}
		if a.finished.IsZero() || a.finished.Equal(c.at) {
			a.stall = max(a.stall, c.at.Sub(grew))
		}
		if words > most {
			most, grew = words, c.at
		}
	}
	// A process that had lost the thread may show a complete answer for a moment, and then its
	// owner, whom a person stopped, what it had.
	if !a.finished.IsZero() && !a.good {
		v.stale = append(v.stale, fmt.Sprintf("%s was complete at %s, and is not any more", a, a.finished.Format(clock)))
	}
}

// whole reports whether texts, one after the other, are a complete answer with its footer. What an
// earlier message says under its text is another matter.
func (a *judged) whole(texts []string) bool {
	all := strings.Join(texts, "\n")
	if strings.Count(all, "first token ") != 1 || strings.Contains(all, "\nstopped") {
		return false
	}
	return a.missing(all) == ""
}

// rightlyStopped reports whether a text says that it was stopped, and somebody did.
func (a *judged) rightlyStopped(all string) bool {
	return a.stopping && len(a.must) == 0 && (strings.Contains(all, "\nstopped") || strings.Contains(all, "it was stopped before it began"))
}

// missing says which sentences are missing, or not in their order; empty: none.
func (a *judged) missing(all string) string {
	found := sentences(all)
	if len(found) == 0 {
		return "no sentence"
	}
	for _, q := range a.must {
		if n := len(found[q.id]); n != q.sentences {
			return fmt.Sprintf("%d of q%d's %d sentences", n, q.id, q.sentences)
		}
	}
	for id, numbers := range found {
		for i, n := range numbers {
			if i != n {
				return fmt.Sprintf("q%d's sentence %d comes after %d others", id, n, i)
			}
		}
	}
	return ""
}

func (a *judged) text() string {
	var b strings.Builder
	for _, m := range a.messages {
		b.WriteString(m.Plain + "\n")
	}
	return b.String()
}

// String names the answer by what it answers.
func (a *judged) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "answer to %s", a.asked)
	for _, q := range a.must {
		fmt.Fprintf(&b, " (q%d)", q.id)
	}
	return b.String()
}

func payload(m slacksim.Message, key string) (string, bool) {
	p, _ := m.Metadata["event_payload"].(map[string]any)
	s, ok := p[key].(string)
	return s, ok
}

// stillBusy finds the words that must not stay.
func stillBusy(s string) string {
	for _, words := range []string{"writing…", "goes on in a moment", "Thinking…", "as soon as it is there again"} {
		if strings.Contains(s, words) {
			return words
		}
	}
	return ""
}

// body is what the model wrote, without our small print and notices.
func body(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		small := strings.HasPrefix(line, "writing…") || strings.HasPrefix(line, "stopped") || strings.HasPrefix(line, "⚠️") || strings.Contains(line, "first token ") ||
			strings.Contains(line, "as soon as it is there again")
		if !small {
			b.WriteString(line)
		}
	}
	return b.String()
}

// sentences are the numbers of the sentences in a text, by question, in the order in which they
// stand there.
func sentences(s string) map[int][]int {
	out := map[int][]int{}
	plain := strings.ReplaceAll(strings.Join(strings.Fields(body(s)), ""), "\u2060", "") // a page that would begin like a list has this before it
	for _, m := range reSentence.FindAllStringSubmatch(plain, -1) {
		number, _ := strconv.Atoi(m[1])
		id, _ := strconv.Atoi(m[3])
		out[id] = append(out[id], number)
	}
	return out
}

func ending(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), "\n", " | ")
	if cut := len(s) - 160; cut > 0 {
		s = "…" + strings.ToValidUTF8(s[cut:], "")
	}
	return s
}

func TestTortureJudge(t *testing.T) {
	const footer = "\n44 tokens in 1.0s = 44.0 tok/s · first token 0.15s · llmsim"
	q := func(id, n int) string {
		text, _, _ := numberedAnswer([]llmsim.Message{{Role: "user", Content: question{id: id, sentences: n}.words()}})
		return text
	}
	cut := func(s string) string { return s[:len(s)*2/3] }
	start := time.Unix(1_700_000_000, 0)
	said := func(asked, page string, versions ...string) slacksim.Message {
		m := slacksim.Message{BotID: "B", Plain: versions[len(versions)-1], Metadata: map[string]any{"event_payload": map[string]any{"asked": asked, "page": page}}}
		for i, s := range versions {
			m.Versions = append(m.Versions, slacksim.Version{At: start.Add(time.Duration(i) * time.Second), Plain: s})
		}
		return m
	}
	good := q(1, 4) + footer
	tests := map[string]struct {
		stops    []string
		messages []slacksim.Message
		want     string // lost doubled half stale, and how many of them
	}{
		"complete":               {nil, []slacksim.Message{said("3", "0", cut(q(1, 4))+"\nwriting…", good), said("5", "0", q(2, 3)+footer)}, "0 0 0 0"},
		"both at once":           {nil, []slacksim.Message{said("5", "0", q(1, 4)+"\n\n"+q(2, 3)+footer)}, "0 0 0 0"},
		"two pages":              {nil, []slacksim.Message{said("3", "0", cut(q(1, 4))), said("3", "1", "\u2060"+q(1, 4)[len(cut(q(1, 4))):]+footer), said("5", "0", q(2, 3)+footer)}, "0 0 0 0"},
		"two, the first writing": {nil, []slacksim.Message{said("3", "0", cut(q(1, 4))+"\nwriting…"), said("3", "1", q(1, 4)[len(cut(q(1, 4))):]+footer), said("5", "0", q(2, 3)+footer)}, "0 0 1 0"},
		"nothing":                {nil, nil, "2 0 0 0"},
		"one of two":             {nil, []slacksim.Message{said("3", "0", good)}, "1 0 0 0"},
		"the older is left out":  {nil, []slacksim.Message{said("5", "0", q(2, 3)+footer)}, "2 0 1 0"},
		"half":                   {nil, []slacksim.Message{said("3", "0", good), said("5", "0", cut(q(2, 3))+"\nwriting…")}, "1 0 1 0"},
		"no footer":              {nil, []slacksim.Message{said("3", "0", good), said("5", "0", q(2, 3))}, "1 0 1 0"},
		"not in order":           {nil, []slacksim.Message{said("3", "0", good), said("5", "0", cut(q(2, 3))+q(2, 3)+footer)}, "1 1 1 0"},
		"twice":                  {nil, []slacksim.Message{said("3", "0", good), said("3", "0", good), said("5", "0", q(2, 3)+footer)}, "0 1 0 0"},
		"twice, one half":        {nil, []slacksim.Message{said("3", "0", good), said("3", "0", cut(q(1, 4))+"\nwriting…"), said("5", "0", q(2, 3)+footer)}, "0 1 1 0"},
		"answered again":         {nil, []slacksim.Message{said("3", "0", good), said("5", "0", q(1, 4)+"\n\n"+q(2, 3)+footer)}, "0 1 0 0"},
		"overwritten":            {nil, []slacksim.Message{said("3", "0", good, cut(q(1, 4))+"\nwriting…"), said("5", "0", q(2, 3)+footer)}, "1 0 1 1"},
		"overwritten, repaired":  {nil, []slacksim.Message{said("3", "0", good, cut(q(1, 4))+"\nwriting…", good), said("5", "0", q(2, 3)+footer)}, "0 0 0 0"},
		"stopped":                {[]string{"4"}, []slacksim.Message{said("3", "0", cut(q(1, 4))+"\nstopped"), said("5", "0", q(2, 3)+footer)}, "0 0 0 0"},
		"stopped before":         {[]string{"4"}, []slacksim.Message{said("5", "0", q(1, 4)+"\n\n"+q(2, 3)+footer)}, "0 0 0 0"},
		"stopped, nobody did":    {nil, []slacksim.Message{said("3", "0", cut(q(1, 4))+"\nstopped"), said("5", "0", q(2, 3)+footer)}, "1 0 1 0"},
		"stopped, but left half": {[]string{"4"}, []slacksim.Message{said("3", "0", cut(q(1, 4))+"\nwriting…"), said("5", "0", q(2, 3)+footer)}, "0 0 1 0"},
		"without metadata":       {[]string{"6"}, []slacksim.Message{{BotID: "B", Plain: "hello"}}, "0 0 1 0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d := &dialog{stops: tt.stops, questions: []question{{1, 4, "3"}, {2, 3, "5"}}}
			v := judge(d, tt.messages)
			if got := fmt.Sprint(len(v.lost), len(v.doubled), len(v.half), len(v.stale)); got != tt.want {
				t.Errorf("%s, want %s\n%s", got, tt.want, strings.Join(v.bad(), "\n"))
			}
			for _, a := range v.answers {
				if a.asked != "3" {
					continue
				}
				if (a.repaired > 0) != strings.HasSuffix(name, "repaired") || a.complete && a.finished.IsZero() && !strings.HasPrefix(name, "twice") {
					t.Errorf("%s: repaired %d, finished %s", a, a.repaired, a.finished)
				}
				if shrank := a.least < 1; shrank != strings.HasPrefix(name, "overwritten") {
					t.Errorf("%s: words shrank to %.2f", a, a.least)
				}
			}
		})
	}
}
