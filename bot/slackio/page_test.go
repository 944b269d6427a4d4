package slackio

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// canned answers every request with the same.
type canned struct {
	status int
	header http.Header
	body   io.Reader
	asked  *http.Request
	form   string
}

func (c *canned) RoundTrip(req *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(req.Body)
	c.asked, c.form = req, string(form)
	return &http.Response{StatusCode: c.status, Status: fmt.Sprint(c.status, " x"), Header: c.header, Body: io.NopCloser(c.body), Request: req}, err
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestFetchPage reads pages of history as Slack, or what stands before it, may answer.
func TestFetchPage(t *testing.T) {
	after := http.Header{"Retry-After": {"7"}}
	for name, c := range map[string]struct {
		canned

		kind     kind
		reason   string
		wait     time.Duration
		messages int
		next     string
	}{
		"good":              {canned{status: 200, body: strings.NewReader(`{"ok":true,"messages":[{"ts":"1.5","user":"U1"},7,{"user":"U1"},{"ts":"x"},null,{"ts":"1.6"}],"response_metadata":{"next_cursor":"abc"},"has_more":"?"}`)}, fine, "", 0, 2, "abc"},
		"nothing":           {canned{status: 200, body: strings.NewReader(`{"ok":true}`)}, fine, "", 0, 0, ""},
		"an odd cursor":     {canned{status: 200, body: strings.NewReader(`{"ok":true,"messages":[],"response_metadata":[7]}`)}, fine, "", 0, 0, ""},
		"limited":           {canned{status: 429, header: after, body: strings.NewReader("")}, limited, "ratelimited", 7 * time.Second, 0, ""},
		"limited, unsaid":   {canned{status: 429, body: strings.NewReader("")}, limited, "ratelimited", limitedPause, 0, ""},
		"limited, with 200": {canned{status: 200, body: strings.NewReader(`{"ok":false,"error":"ratelimited"}`)}, limited, "ratelimited", limitedPause, 0, ""},
		"down":              {canned{status: 503, header: after, body: strings.NewReader("<html>")}, transient, "503 x", 0, 0, ""},
		"a proxy":           {canned{status: 403, body: strings.NewReader("<html>")}, denied, "403 x", 0, 0, ""},
		"no such channel":   {canned{status: 200, body: strings.NewReader(`{"ok":false,"error":"channel_not_found"}`)}, denied, "channel_not_found", 0, 0, ""},
		"no scope":          {canned{status: 200, body: strings.NewReader(`{"ok":false,"error":"missing_scope","needed":"im:history","provided":7}`)}, denied, "missing_scope", 0, 0, ""},
		"no JSON":           {canned{status: 200, body: strings.NewReader(`<html>`)}, transient, "", 0, 0, ""},
		"no list":           {canned{status: 200, body: strings.NewReader(`{"ok":true,"messages":{"a":1}}`)}, transient, "", 0, 0, ""},
		"endless":           {canned{status: 200, body: endless{}}, transient, "", 0, 0, ""},
	} {
		left := 0
		s := New(Config{
			BotToken: "xoxb-1", APIURL: "http://slack.test/api/", HTTP: &http.Client{Transport: &c.canned}, Log: slog.New(slog.DiscardHandler),
			Hooks: Hooks{Unread: func(n int) { left += n }},
		})
		got, err := s.fetchPage(t.Context(), methodReplies, url.Values{"channel": {"C1"}, "cursor": {""}})
		f := classify(err)
		if f.kind != c.kind || f.reason != c.reason || f.retryAfter != c.wait || len(got.messages) != c.messages || got.next != c.next {
			t.Errorf("%s: %+v, %d messages, next %q, %v", name, f, len(got.messages), got.next, err)
		}
		if name == "good" && left != 4 {
			t.Errorf("%d left out", left)
		}
		if large := errors.Is(err, errLargePage); large != (name == "endless") {
			t.Errorf("%s: %v", name, err)
		}
		if c.asked.URL.String() != "http://slack.test/api/conversations.replies" || c.asked.Header.Get("Authorization") != "Bearer xoxb-1" || c.form != "channel=C1" {
			t.Errorf("%s: asked %s with %q", name, c.asked.URL, c.form)
		}
		if err != nil && strings.Contains(err.Error(), "xoxb-1") {
			t.Errorf("the error says the token: %v", err)
		}
	}
}

// TestPreviewsOfMany has many read the same messages at the same time: a preview came once.
func TestPreviewsOfMany(t *testing.T) {
	p := newPreviews()
	if got := p.read("C/1", true, "5.0"); got != "" {
		t.Errorf("one that was there came at %q", got)
	}
	p.read("C/2", false, "5.0")
	var all sync.WaitGroup
	came := make(chan string, 64)
	for i := range 64 {
		all.Go(func() { came <- p.read("C/2", true, fmt.Sprintf("%d.0", 6+i)) })
	}
	all.Wait()
	close(came)
	first := <-came
	for got := range came {
		if got != first || got == "" {
			t.Errorf("it came at %q and %q", first, got)
		}
	}
	if got := p.read("C/2", false, "99.0"); got != first {
		t.Errorf("it is forgotten: %q", got)
	}
}
