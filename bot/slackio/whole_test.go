package slackio

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

// TestWholeThread: an answer has lost its question only if all of its thread was read. What was cut
// for its size, or cannot be decoded, may be that question; and so may what Slack counts, but does not
// tell.
func TestWholeThread(t *testing.T) {
	const root, asked = `"ts":"1700000000.000100"`, "1700000001.000100"
	head := func(more string) string {
		return `{` + root + `,"thread_ts":"1700000000.000100","user":"U1","text":"hello"` + more + `}`
	}
	reply := func(ts, more string) string {
		return `{"ts":"` + ts + `","thread_ts":"1700000000.000100",` + more + `}`
	}
	answer := reply("1700000002.000100", `"user":"U0","text":"so","metadata":{"event_type":"`+metadataType+`","event_payload":{"asked":"`+asked+`","from":"`+asked+`","end":"whole"}}`)
	var bulk []string // more than is kept of a thread
	for n := range maxKept/maxLong + 20 {
		bulk = append(bulk, reply(fmt.Sprintf("17000001%02d.%06d", n%90, n+1), `"user":"U2","text":"`+strings.Repeat("zq ", maxLong/3)+`"`))
	}
	with := func(list ...string) []string { return list }
	count := func(n int) string { return fmt.Sprintf(`,"reply_count":%d`, n) }
	question := reply(asked, `"user":"U1","text":"why?"`)
	for name, c := range map[string]struct {
		messages []string
		gone     bool
	}{
		"it is there":                  {with(head(count(2)), question, answer), false},
		"it was deleted":               {with(head(count(1)), answer), true},
		"the first message, too":       {with(head(count(1)+`,"subtype":"tombstone","hidden":true`), answer), true},
		"it cannot be decoded":         {with(head(count(2)), `{"ts":7}`, answer), false},
		"nor is its count of use":      {with(head(count(1)), `{"ts":7}`, answer), false},
		"its author is odd":            {with(head(count(2)), reply(asked, `"user":"<@U1>","text":"why?"`), answer), false},
		"Slack does not show it":       {with(head(count(2)), answer), false},
		"Slack does not count":         {with(head(""), answer), false},
		"Slack counts oddly":           {with(head(`,"reply_count":"1"`), answer), false},
		"it is of a new kind":          {with(head(count(2)), reply(asked, `"user":"U1","text":"why?","subtype":"a_new_kind"`), answer), false},
		"the first message is unknown": {with(reply("1700000003.000100", `"user":"U1","text":"and?"`), answer), false},
		"it was cut by bytes":          {append(append(with(head(count(len(bulk)+2)), question), bulk...), answer), false},
		"nor is that count of use":     {append(append(with(head(count(1)), question), bulk...), answer), false},
	} {
		s := New(Config{BotToken: "xoxb-1", APIURL: "http://slack.test/api/", HTTP: &http.Client{Transport: pages(c.messages)}, Log: slog.New(slog.DiscardHandler), Pace: pace.Config{Scale: 1e6}})
		s.self = Self{User: "U0", Team: "T1"}
		messages, err := s.Messages(t.Context(), thread.ID{Channel: "C1", TS: "1700000000.000100"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.Contains(name, "cut") && len(messages) > len(bulk) {
			t.Errorf("%s: all %d are kept", name, len(messages))
		}
		want := "[]"
		if c.gone {
			want = "[" + asked + "]"
		}
		if got := fmt.Sprint(thread.Abandoned(messages)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// maxLong is the size of a message that is long, and which a page may have a hundred of.
const maxLong = 38_000

// pages is a Slack that has these messages, a hundred on a page, and knows no people.
type pages []string

func (l pages) RoundTrip(r *http.Request) (*http.Response, error) {
	body := `{"ok":false,"error":"user_not_found"}`
	if strings.HasSuffix(r.URL.Path, "conversations.replies") {
		if err := r.ParseForm(); err != nil {
			return nil, err
		}
		from, next := 0, ""
		if _, err := fmt.Sscan(r.Form.Get("cursor"), &from); err != nil {
			from = 0
		}
		to := min(from+100, len(l))
		if to < len(l) {
			next = fmt.Sprint(to)
		}
		body = `{"ok":true,"messages":[` + strings.Join(l[from:to], ",") + `],"response_metadata":{"next_cursor":"` + next + `"}}`
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(body)))}, nil
}
