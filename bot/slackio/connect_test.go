package slackio

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim/memnet"
)

// TestASlackThatWasNotWaitedForIsNotAway: a SIGTERM in the middle of the first call says nothing of
// Slack; a Slack that does not answer is away.
func TestASlackThatWasNotWaitedForIsNotAway(t *testing.T) {
	for name, tt := range map[string]struct {
		fault slacksim.Fault
		away  bool
	}{
		"it is asked":         {slacksim.Fault{Method: "auth.test", Hang: true, Times: -1}, false},
		"it does not answer":  {slacksim.Fault{Method: "auth.test", Status: 503, Times: -1}, true},
		"it is asked to wait": {slacksim.Fault{Method: "auth.test", Status: 429, RetryAfter: 30, Times: -1}, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := slacksim.New(slacksim.Config{})
				net := memnet.Serve(sim)
				client := net.Client()
				defer func() {
					client.CloseIdleConnections()
					sim.Close()
					_ = net.Close()
				}()
				sim.Fail(tt.fault)
				var log bytes.Buffer
				s := New(Config{
					AppToken: slacksim.DefaultAppToken, BotToken: slacksim.DefaultBotToken, APIURL: "http://slack/api/", HTTP: client,
					Log: slog.New(slog.NewTextHandler(&log, nil)),
				})
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				if _, err := s.Connect(ctx); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
				if got := strings.Contains(log.String(), "slack_away"); got != tt.away {
					t.Errorf("the log says that Slack is away: %v\n%s", got, log.String())
				}
			})
		})
	}
}
