package slackio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"llmbot/llm/egress"
)

// helloTimeout is how long Slack may take to greet a socket; it comes at once (facts/slack.md §7.1).
const helloTimeout = 10 * time.Second

// BotCheck is what a bot token tells of itself.
type BotCheck struct {
	Self   Self
	Scopes []string // that were granted; nil: Slack did not say
	// Ahead is how much Slack's clock is ahead of ours, as far as whole seconds and the way there let it be told; zero if Timed is false.
	Ahead time.Duration
	Timed bool
}

// CheckBot asks Slack once about the bot token. An error is a [TokenError] if Slack refuses the token. It blocks for at most 15 s.
func CheckBot(ctx context.Context, cfg Config) (BotCheck, error) {
	var header http.Header
	client := checkClient(cfg, slack.OptionOnResponseHeaders(func(_ string, h http.Header) { header = h }))
	sent := time.Now()
	who, err := timed(ctx, client.AuthTestContext)
	if err != nil {
		return BotCheck{}, tokenError("SLACK_BOT_TOKEN", "auth.test", err)
	}
	c := BotCheck{Self: Self{User: who.UserID, Bot: who.BotID, Name: who.User, Team: who.TeamID, TeamName: who.Team, Enterprise: who.EnterpriseID}}
	if granted := header.Get("X-Oauth-Scopes"); granted != "" {
		for scope := range strings.SplitSeq(granted, ",") {
			c.Scopes = append(c.Scopes, strings.TrimSpace(scope))
		}
	}
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		c.Ahead, c.Timed = ahead(date, sent, time.Now()), true
	}
	return c, nil
}

// ahead is the least by which a clock that said date, in whole seconds, between sent and got is ahead of ours (or behind, below zero).
func ahead(date, sent, got time.Time) time.Duration {
	switch {
	case date.After(got):
		return date.Sub(got)
	case date.Add(time.Second).Before(sent):
		return date.Add(time.Second).Sub(sent)
	}
	return 0
}

// CheckApp asks Slack once for the address of a socket, without opening it: that is what the app token is for. An error is a [TokenError]
// if Slack refuses the token. It blocks for at most 15 s.
func CheckApp(ctx context.Context, cfg Config) (link string, err error) {
	client := checkClient(cfg)
	link, err = timed(ctx, func(ctx context.Context) (string, error) {
		_, link, err := client.StartSocketModeContext(ctx)
		return link, err
	})
	if err != nil {
		return "", tokenError("SLACK_APP_TOKEN", "apps.connections.open", err)
	}
	return link, nil
}

// Hello is how Slack greets a socket.
type Hello struct {
	App    string // id of the app
	Others int    // connections of the app beside this one
}

// CheckSocket opens the socket that CheckApp gave, waits to be greeted, and closes it. It acks nothing: an event that Slack sends meanwhile
// it delivers again, to another socket. It blocks for about 25 s at most.
func CheckSocket(ctx context.Context, cfg Config, link string) (Hello, error) {
	s := Slack{cfg: cfg}
	conn, err := s.dial(ctx, link)
	if err != nil {
		return Hello{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(helloTimeout)); err != nil {
		return Hello{}, fmt.Errorf("wait for slack's hello: %w", err)
	}
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return Hello{}, fmt.Errorf("wait for slack's hello: %w", err)
		}
		var m struct {
			Type        string `json:"type"`
			Reason      string `json:"reason"`
			Connections int    `json:"num_connections"`
			Info        struct {
				App string `json:"app_id"`
			} `json:"connection_info"`
		}
		if err := json.Unmarshal(data, &m); err != nil {
			return Hello{}, fmt.Errorf("read slack's hello: %w", err)
		}
		switch m.Type {
		case "hello":
			bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
			_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second)) // it is closed anyway
			return Hello{App: m.Info.App, Others: max(m.Connections-1, 0)}, nil
		case "disconnect":
			return Hello{}, &SocketError{Reason: m.Reason}
		}
	}
}

// SocketError says that Slack closed a socket at once.
type SocketError struct{ Reason string }

// Error is for the terminal.
func (e *SocketError) Error() string { return "slack closed the socket: " + e.Reason }

// Hint is the next step.
func (e *SocketError) Hint() string {
	switch e.Reason {
	case "link_disabled":
		return "Turn Socket Mode on (the app's page, Socket Mode)."
	case "too_many_websockets":
		return "An app may have ten connections: end other programs that use this app token."
	}
	return "Try again in a minute."
}

// withoutTicket keeps the address of a socket, which opens it, out of an error.
func withoutTicket(err error) error {
	if text, _, ok := strings.Cut(err.Error(), "?ticket="); ok {
		return errors.New(text)
	}
	return err
}

// checkClient is a client that is asked once or twice.
func checkClient(cfg Config, more ...slack.Option) *slack.Client {
	return apiClient(cfg, egress.Guard(cfg.HTTP, addressVariable), more...)
}

// tokenError is err, as a TokenError if it is one.
func tokenError(variable, method string, err error) error {
	if f := classify(err); f.badToken() {
		return &TokenError{Variable: variable, Reason: f.reason, Err: err}
	}
	return fmt.Errorf("%s: %w", method, err)
}
