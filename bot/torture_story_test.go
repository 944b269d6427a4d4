//go:build linux

package bot_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

// toldLines is how long a story may be.
const toldLines = 160

// explain fails the test for all that is wrong, and tells the story of the first threads.
func (r *report) explain(t *testing.T) {
	t.Helper()
	told, kindly := 0, map[string]int{} // stories, also by what they are about
	for i, v := range r.verdicts {
		bad := v.bad()
		if len(bad) == 0 {
			continue
		}
		d := r.dialogs[i]
		kinds := v.kinds()
		t.Errorf("%s/%s: %s\n  %s", d.channel, d.ts, kinds, strings.Join(bad, "\n  "))
		if kindly[kinds]++; told < *tortureStories && kindly[kinds] <= (*tortureStories+2)/3 {
			told++
			t.Logf("the story of %s/%s:\n%s", d.channel, d.ts, r.story(d))
		}
	}
	for i, v := range r.verdicts {
		for _, a := range v.answers {
			if a.least < 0.5 && len(v.bad()) == 0 && kindly["less"] < *tortureStories {
				kindly["less"]++
				t.Logf("%s: only %.0f %% of its words were visible for a while; the story:\n%s", a, 100*a.least, r.story(r.dialogs[i]))
			}
		}
	}
	for _, to := range r.takeovers {
		if to.took == 0 {
			t.Logf("nobody took over the answer to %s in %s/%s", to.asked, to.d.channel, to.d.ts)
		}
	}
}

// eventTS is the message that an event tells of; empty: it tells of something else.
func eventTS(e slacksim.Envelope) string {
	var outer struct {
		Event struct {
			Type, Subtype, TS string
		}
	}
	if err := json.Unmarshal(e.Payload, &outer); err != nil || outer.Event.Subtype != "" {
		return ""
	}
	return outer.Event.TS
}

// told is a line of a story.
type told struct {
	at   time.Time
	what string
}

var reLogTime = regexp.MustCompile(`\btime=(\S+)`)

// story is all that is known of a thread, in its order: what people and the processes did, what was
// done to these, and what they logged.
func (r *report) story(d *dialog) string {
	a := r.a
	var lines []told
	add := func(at time.Time, format string, args ...any) {
		lines = append(lines, told{at, fmt.Sprintf(format, args...)})
	}
	answers := map[string]bool{}
	for _, q := range d.questions {
		answers[q.ts] = true
		add(slackTime(q.ts), "ask q%d (%d sentences), ts %s", q.id, q.sentences, q.ts)
	}
	for _, ts := range d.stops {
		add(slackTime(ts), "stop, ts %s", ts)
	}
	workers := map[int]bool{}
	a.eye.mu.Lock()
	for _, w := range a.eye.writes {
		if answers[w.asked] {
			workers[w.life] = true
			add(w.at, "p%d: %s for %s, epoch %d, %d bytes", w.life, w.method, w.asked, w.epoch, w.chars)
		}
	}
	var before request
	for _, q := range a.eye.requests {
		again := q.asked == before.asked && q.life == before.life && q.at.Sub(before.at) < 100*time.Millisecond // a client tries quickly
		before = q
		if answers[q.asked] && !again {
			workers[q.life] = true
			add(q.at, "p%d: asks the model for the answer to %s, going on: %v, questions %v %s", q.life, q.asked, q.goesOn, q.questions, q.ending)
		}
	}
	a.eye.mu.Unlock()
	for _, e := range a.slack.Envelopes() {
		ts := eventTS(e)
		if !answers[ts] && !slices.Contains(d.stops, ts) {
			continue
		}
		acked := "never acked"
		if !e.Acked.IsZero() {
			acked = "acked after " + e.Acked.Sub(e.Sent).Round(time.Millisecond).String()
		}
		add(e.Sent, "    event %s %s to socket %d, attempt %d, %s", e.Type, ts, e.Socket, e.Attempt, acked)
	}
	for _, l := range a.lives {
		for _, line := range l.logLines(d.ts) {
			at := a.begin
			if m := reLogTime.FindStringSubmatch(line); m != nil {
				if parsed, err := time.Parse(time.RFC3339Nano, m[1]); err == nil {
					at = parsed
				}
				line = strings.Replace(line, m[0]+" ", "", 1)
			}
			workers[l.id] = true
			add(at, "p%d log: %s", l.id, line)
		}
	}
	for _, m := range a.slack.Thread(d.channel, d.ts) {
		if m.BotID != "" {
			epoch, _ := payload(m, "epoch")
			asked, _ := payload(m, "asked")
			for _, v := range m.Versions {
				add(v.At, "    message %s for %s, epoch now %s, shows %s: %s", m.TS, asked, epoch, numbers(v.Plain), ending(v.Plain))
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b told) int { return a.at.Compare(b.at) })
	if len(lines) == 0 {
		return "nothing is known"
	}
	first, last := lines[0].at.Add(-time.Second), lines[len(lines)-1].at.Add(time.Second)
	for _, n := range a.notes {
		if n.at.Before(first) || n.at.After(last) || n.life == nil && strings.Contains(n.what, " in ") && !strings.Contains(n.what, d.ts) {
			continue
		}
		switch {
		case n.life == nil:
			add(n.at, "--- %s", n.what)
		case workers[n.life.id]:
			add(n.at, "--- p%d (seat %d): %s", n.life.id, n.life.seat, n.what)
		}
	}
	slices.SortStableFunc(lines, func(a, b told) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for i, l := range lines {
		if len(lines) > toldLines && i == toldLines/2 {
			fmt.Fprintf(&b, "    … %d lines …\n", len(lines)-toldLines)
		}
		if len(lines) <= toldLines || i < toldLines/2 || i >= len(lines)-toldLines/2 {
			fmt.Fprintf(&b, "    %s %s\n", l.at.Format(clock), l.what)
		}
	}
	return b.String()
}

// numbers says in short which sentences a text has.
func numbers(s string) string {
	found := sentences(s)
	words := make([]string, 0, len(found))
	for id, list := range found {
		words = append(words, fmt.Sprintf("q%d:%d", id, len(list)))
	}
	slices.Sort(words)
	return cmp.Or(strings.Join(words, ","), "nothing")
}
