package slackio

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
)

// TestPersonOfAnotherWorkspace: of an organisation with several workspaces, only who is in the
// bot's own one can read its public channels.
func TestPersonOfAnotherWorkspace(t *testing.T) {
	for name, c := range map[string]struct {
		user      string
		external  bool
		elsewhere bool
	}{
		"of ours":                        {`"team_id":"T1"`, false, false},
		"of ours, in an organisation":    {`"team_id":"T1","enterprise_user":{"enterprise_id":"E1","teams":["T1","T2"]}`, false, false},
		"of ours as well":                {`"team_id":"T2","enterprise_user":{"enterprise_id":"E1","teams":["T2","T1"]}`, false, false},
		"of another of the same":         {`"team_id":"T2","enterprise_user":{"enterprise_id":"E1","teams":["T2"]}`, false, true},
		"of another, and Slack is odd":   {`"team_id":"T2","enterprise_user":{"enterprise_id":"E1"}`, false, true},
		"of another organisation":        {`"team_id":"T9","enterprise_user":{"enterprise_id":"E9","teams":["T9"]}`, true, true},
		"of no team that Slack tells of": {`"name":"x"`, false, false},
	} {
		reply := &canned{status: 200, body: strings.NewReader(fmt.Sprintf(`{"ok":true,"user":{"id":"U1",%s}}`, c.user))}
		s := New(Config{BotToken: "xoxb-1", APIURL: "http://slack.test/api/", HTTP: &http.Client{Transport: reply}, Log: slog.New(slog.DiscardHandler)})
		s.self = Self{User: "U0", Team: "T1", Enterprise: "E1"}
		got, err := s.person(t.Context(), "U1")
		if err != nil || got.External != c.external || got.Elsewhere != c.elsewhere {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestQuestionsOfOnePersonShareTheWait: while Slack does not say who somebody is, all of their
// questions wait together.
func TestQuestionsOfOnePersonShareTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := &http.Client{Transport: answers(func(*http.Request) string { return "" })}
		s := New(Config{BotToken: "xoxb-1", APIURL: "http://slack.test/api/", HTTP: down, Log: slog.New(slog.DiscardHandler)})
		began := time.Now()
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if who, err := s.Person(t.Context(), "U1"); err == nil {
					t.Errorf("%+v", who)
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took < bot.WhoTimeout || took > bot.WhoTimeout+30*time.Second {
			t.Errorf("the last one was refused after %s", took)
		}
	})
}

// answers is a Slack that answers with a text; empty: with an error.
type answers func(*http.Request) string

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	text, status := a(r), http.StatusOK
	if text == "" {
		status = http.StatusServiceUnavailable
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}
