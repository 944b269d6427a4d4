package slackio

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim/memnet"
)

// inCheck runs a test with a workspace in a bubble, and what reaches it.
func inCheck(t *testing.T, sim slacksim.Config, test func(t *testing.T, sim *slacksim.Sim, cfg Config)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := slacksim.New(sim)
		net := memnet.Serve(sim)
		client := net.Client()
		defer func() {
			client.CloseIdleConnections()
			sim.Close()
			_ = net.Close()
		}()
		test(t, sim, Config{
			AppToken: slacksim.DefaultAppToken, BotToken: slacksim.DefaultBotToken, APIURL: "http://slack/api/", HTTP: client,
			Dialer: &websocket.Dialer{NetDialContext: net.Dial}, Log: slog.New(slog.DiscardHandler),
		})
	})
}

func TestCheckTokens(t *testing.T) {
	inCheck(t, slacksim.Config{Scopes: []string{"chat:write", "users:read"}}, func(t *testing.T, _ *slacksim.Sim, cfg Config) {
		c, err := CheckBot(t.Context(), cfg)
		if err != nil || c.Self.User == "" || !slices.Equal(c.Scopes, []string{"chat:write", "users:read"}) || !c.Timed || c.Ahead != 0 {
			t.Errorf("%+v, %v", c, err)
		}
		if link, err := CheckApp(t.Context(), cfg); err != nil || !strings.HasPrefix(link, "ws://") {
			t.Errorf("%q, %v", link, err)
		}
		bad := cfg
		bad.BotToken, bad.AppToken = "xoxb-hunter2", "xapp-hunter2"
		_, botErr := CheckBot(t.Context(), bad)
		_, appErr := CheckApp(t.Context(), bad)
		for variable, err := range map[string]error{"SLACK_BOT_TOKEN": botErr, "SLACK_APP_TOKEN": appErr} {
			e, ok := errors.AsType[*TokenError](err)
			if !ok || e.Variable != variable || e.Reason != "invalid_auth" || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: %v", variable, err)
			}
		}
	})
}

// A socket is opened and closed, counts the others, and takes no event away from them.
func TestCheckSocket(t *testing.T) {
	inCheck(t, slacksim.Config{}, func(t *testing.T, sim *slacksim.Sim, cfg Config) {
		hello := func() (Hello, error) {
			link, err := CheckApp(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			return CheckSocket(t.Context(), cfg, link)
		}
		h, err := hello()
		if err != nil || h.Others != 0 || h.App != sim.Bot().AppID {
			t.Errorf("%+v, %v", h, err)
		}
		time.Sleep(time.Second)
		if sim.Sockets() != 0 || sim.Opened() != 1 {
			t.Errorf("%d sockets are open, %d were", sim.Sockets(), sim.Opened())
		}

		link, err := CheckApp(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := cfg.Dialer.Dial(link, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		time.Sleep(time.Second)
		if h, err = hello(); err != nil || h.Others != 1 {
			t.Errorf("beside another program: %+v, %v", h, err)
		}

		sim.RefuseSockets(-1, "link_disabled")
		_, err = hello()
		if e, ok := errors.AsType[*SocketError](err); !ok || !strings.Contains(e.Hint(), "Socket Mode") {
			t.Errorf("refused: %v", err)
		}
		_, err = CheckSocket(t.Context(), cfg, link) // a ticket works once
		if err == nil || strings.Contains(err.Error(), "ticket=") {
			t.Errorf("an old ticket: %v", err)
		}
	})
}

func TestAhead(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	sent, got := noon.Add(300*time.Millisecond), noon.Add(900*time.Millisecond)
	for date, want := range map[time.Time]time.Duration{
		noon:                         0, // whole seconds: it may have been 12:00:00.9 there
		noon.Add(-time.Second):       -300 * time.Millisecond,
		noon.Add(time.Second):        100 * time.Millisecond,
		noon.Add(-61 * time.Second):  -60*time.Second - 300*time.Millisecond,
		noon.Add(3601 * time.Second): 3600*time.Second + 100*time.Millisecond,
	} {
		if got := ahead(date, sent, got); got != want {
			t.Errorf("%s: %s, want %s", date.Format(time.TimeOnly), got, want)
		}
	}
}
