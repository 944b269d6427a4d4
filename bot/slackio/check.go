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

// helloTimeout is how long Slack may take to greet a socket; usually the greeting comes at once
// (facts/slack.md §7.1).
const helloTimeout = 10 * time.Second

// BotCheck is what Slack tells about a bot token.
type BotCheck struct {
	Self   Self
	Scopes []string // those granted; nil: Slack did not list them
	// Ahead is how much Slack's clock is ahead of ours, below zero if it is behind. Whole seconds
	// and the time on the way limit its precision. It is zero if Timed is false.
	Ahead time.Duration
	Timed bool
}

// CheckBot asks Slack once about the bot token. The error is a [TokenError] if Slack refuses the
// token. It blocks for callTimeout (15 s) at most.
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

// AppOf asks Slack for the id of the app that a bot token is for; empty: Slack does not say it. It
// blocks for twice callTimeout (15 s) at most.
func AppOf(ctx context.Context, cfg Config) string {
	client := checkClient(cfg)
	who, err := timed(ctx, client.AuthTestContext)
	if err != nil {
		return ""
	}
	bot, err := timed(ctx, func(ctx context.Context) (*slack.Bot, error) {
		return client.GetBotInfoContext(ctx, slack.GetBotInfoParameters{Bot: who.BotID})
	})
	if err != nil {
		return ""
	}
	return bot.AppID
}

// ahead returns the least by which the other clock is ahead of ours, below zero if it is behind.
// The other clock showed date, in whole seconds, between sent and got.
func ahead(date, sent, got time.Time) time.Duration {
	switch {
	case date.After(got):
		return date.Sub(got)
	case date.Add(time.Second).Before(sent):
		return date.Add(time.Second).Sub(sent)
	}
	return 0
}

// CheckApp asks Slack once for the address of a socket, which is what the app token is for, and
// does not open it. The error is a [TokenError] if Slack refuses the token. It blocks for
// callTimeout (15 s) at most.
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

// channelPages is how many calls find out in which channels the bot is. A call brings repliesPage of
// them, and a minute has room for 50 (tier 3, facts/slack.md §1.2).
const channelPages = 10

// CheckChannels returns the names of the channels and group messages that the bot is in, by id, and
// whether these are all. It makes channelPages calls at most, each of which blocks for callTimeout
// (15 s) at most.
func CheckChannels(ctx context.Context, cfg Config) (names map[string]string, whole bool, err error) {
	client := checkClient(cfg)
	out := map[string]string{}
	cursor := ""
	for range channelPages {
		page, err := timed(ctx, func(ctx context.Context) (page []slack.Channel, err error) {
			page, cursor, err = client.GetConversationsForUserContext(ctx, &slack.GetConversationsForUserParameters{
				Cursor: cursor, Types: []string{"public_channel", "private_channel", "mpim"}, Limit: repliesPage, ExcludeArchived: true,
			})
			return page, err
		})
		if err != nil {
			return nil, false, tokenError("SLACK_BOT_TOKEN", "users.conversations", err)
		}
		for _, c := range page {
			out[c.ID] = c.Name
		}
		if cursor == "" {
			return out, true, nil
		}
	}
	return out, false, nil
}

// Hello is Slack's greeting on a socket.
type Hello struct {
	App    string // id of the app
	Others int    // other connections of the app
}

// CheckSocket opens the socket that CheckApp returned, waits for the greeting, and closes it. It
// acks nothing, so an event that Slack sends meanwhile is delivered again to another socket. It
// blocks for about 25 s at most.
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
			// The socket is closed anyway, so an error does not matter.
			_ = conn.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
			return Hello{App: m.Info.App, Others: max(m.Connections-1, 0)}, nil
		case "disconnect":
			return Hello{}, &SocketError{Reason: m.Reason}
		}
	}
}

// SocketError reports that Slack closed a socket.
type SocketError struct{ Reason string }

// Error returns the text for the terminal.
func (e *SocketError) Error() string { return "slack closed the socket: " + e.Reason }

// Hint returns the next step.
func (e *SocketError) Hint() string {
	switch e.Reason {
	case "link_disabled":
		return "Turn Socket Mode on (the app's page, Socket Mode)."
	case "too_many_websockets":
		return "An app may have ten connections: end other programs that use this app token."
	}
	return "Try again in a minute."
}

// withoutTicket removes a socket's address from an error, for whoever has the address can open the
// socket.
func withoutTicket(err error) error {
	if text, _, ok := strings.Cut(err.Error(), "?ticket="); ok {
		return errors.New(text)
	}
	return err
}

// checkClient returns a client for one or two calls.
func checkClient(cfg Config, more ...slack.Option) *slack.Client {
	return apiClient(cfg, egress.Guard(cfg.HTTP, addressVariable), more...)
}

// tokenError returns err as a [TokenError] if Slack refused the token.
func tokenError(variable, method string, err error) error {
	if f := classify(err); f.badToken() {
		return &TokenError{Variable: variable, Reason: f.reason, Err: err}
	}
	return fmt.Errorf("%s: %w", method, err)
}
