// Package slackio is Slack's wire: sockets, events, calls. It is the only package that imports slack-go.
//
// It promises:
//   - An envelope is acked when its event is durable, or at once if there is nothing to do; never before. What is not acked Slack
//     delivers again. The same message that comes twice (app_mention and message, two sockets, a redelivery) is handled once.
//   - Two sockets overlap, so that a refresh of one loses nothing. At most ten are opened in a minute, however they end. One over which
//     nothing comes is opened anew within 45 s. A frame that is none of Slack's kinds is acked if it has an id, and counted.
//   - Every write of an answer goes through package pace; no draft ever waits for the network in Set.
//   - Tokens go to the Web API and to Slack's file servers, and nowhere else: no redirect of a call is followed, and each one of a file is
//     looked at (host.go).
//   - Whatever the model writes cannot ping anybody, and no link in it is unfurled.
//
// # Goroutines
//
//	Run ─► 2 links (a reader and a writer each) ─► intake ─► ≤ 256 handlers
//	    ─► pace.Scheduler ─► ≤ 16 senders ─► draft.Send
//	Open ─► 1 status line a draft, until its Close
package slackio

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"golang.org/x/time/rate"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/render"
	"llmbot/bot/status"
	"llmbot/llm/egress"
)

const (
	callTimeout = 15 * time.Second // one Web API call: slack-go's client has none of its own (facts/slack.md §8.1)
	tidyTime    = 4 * time.Second  // what may be left to tidy up at the end
	maxHandlers = 256              // events being handled at once; more are not acked, so Slack delivers them again
)

// Config says which app this is and how Slack is reached.
type Config struct {
	AppToken, BotToken string
	APIURL             string            // root of the Web API with a trailing slash; empty: Slack's
	HTTP               *http.Client      // required; its time-out does not matter, and it follows no redirect
	Dialer             *websocket.Dialer // nil: one that honours the proxy of the environment
	Command            string            // the slash command, such as /llm-status
	Stream             string            // how answers grow: StreamAuto (or empty), StreamEdit, StreamNative, StreamOff
	Links              render.Links      // what becomes of the addresses that the model writes
	Pace               pace.Config
	Log                *slog.Logger
	Hooks              Hooks
}

// Handler takes what happens. Handle returns when the event is durable (it is then acked) or with the reason why it is not.
type Handler interface {
	Handle(ctx context.Context, ev bot.Event) error
	Status(ctx context.Context, c bot.Command) status.Report
}

// Slack is one app in one workspace. It is a bot.Replier, bot.History and bot.Room.
type Slack struct {
	cfg      Config
	log      *slog.Logger
	api      *slack.Client
	opener   *slack.Client // of the sockets: slack-go gives apps.connections.open no time-out
	pace     *pace.Scheduler
	users    *directory[bot.Person]
	channels *directory[string]
	seen     *dedupe
	opens    *rate.Limiter // of sockets
	self     Self          // set by Connect, before anything reads it

	streaming sync.Mutex // held while it is decided whether an answer is streamed; taken before mu and pace's own

	mu        sync.Mutex           // guards all below
	open      int                  // sockets that are connected
	links     [2]linkTrouble       // why a socket is not
	counted   int                  // connections of the app when a socket last opened
	closed    time.Time            // since when none is; zero: since the beginning
	noStatus  bool                 // assistant.threads.setStatus was refused for good
	noStream  bool                 // and native streams
	noCharts  bool                 // and charts
	scopes    string               // that were granted, as Slack last said; empty: it did not
	noUploads bool                 // an upload was refused for want of its scope
	refusals  int                  // calls that Slack refused for their rate
	drafts    map[*draft]time.Time // answers that are not finished, or not tidy: with the time of their Close
}

// Self is who the bot is in its workspace.
type Self struct{ User, Bot, Name, Team, TeamName, Enterprise string }

// New returns a Slack that does nothing before Connect.
func New(cfg Config) *Slack {
	cfg.HTTP = egress.Guard(cfg.HTTP, addressVariable)
	impatient := *cfg.HTTP
	impatient.Timeout = callTimeout
	s := &Slack{
		cfg: cfg, log: cfg.Log, opener: apiClient(cfg, &impatient), pace: pace.New(cfg.Pace), seen: newDedupe(),
		users: newDirectory[bot.Person](), channels: newDirectory[string](),
		opens: rate.NewLimiter(rate.Every(opensEvery), opensBurst), drafts: map[*draft]time.Time{},
	}
	s.api = apiClient(cfg, cfg.HTTP, slack.OptionOnResponseHeaders(s.granted))
	return s
}

// addressVariable is what an operator sets to say where the Web API is.
const addressVariable = "SLACK_API_URL"

// apiClient is slack-go's client of the Web API.
func apiClient(cfg Config, h *http.Client, more ...slack.Option) *slack.Client {
	options := []slack.Option{slack.OptionAppLevelToken(cfg.AppToken), slack.OptionHTTPClient(h)}
	if cfg.APIURL != "" {
		options = append(options, slack.OptionAPIURL(cfg.APIURL))
	}
	return slack.New(cfg.BotToken, append(options, more...)...)
}

// Connect asks Slack who the bot is. It waits for a Slack that does not answer until ctx ends; an error means that the token is not
// good.
func (s *Slack) Connect(ctx context.Context) (Self, error) {
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		who, err := timed(ctx, s.api.AuthTestContext)
		if err == nil {
			s.self = Self{User: who.UserID, Bot: who.BotID, Name: who.User, Team: who.TeamID, TeamName: who.Team, Enterprise: who.EnterpriseID}
			return s.self, nil
		}
		f := classify(err)
		if f.badToken() {
			return Self{}, &TokenError{Variable: "SLACK_BOT_TOKEN", Reason: f.reason, Err: err}
		}
		s.log.WarnContext(ctx, "slack_away", "error", err, "retry_s", int(pause.Seconds()))
		if err := wait(ctx, max(pause, f.retryAfter)); err != nil {
			return Self{}, fmt.Errorf("ask slack who the bot is: %w", err)
		}
	}
}

// Run receives and answers until ctx ends; then it tidies up for a few seconds what is already visible (small print of messages that
// go on in others, streams that are not stopped), and returns after all its goroutines did. It returns early with a [TokenError] when Slack
// refuses the app token, and with another error when one of its own loops has ended. Connect has to be called first.
func (s *Slack) Run(ctx context.Context, h Handler) error {
	sockets, closeSockets := context.WithCancel(ctx)
	pacing, stopPacing := context.WithCancel(context.WithoutCancel(ctx))
	var paced, linked sync.WaitGroup
	defer func() {
		closeSockets()
		tidy, cancel := context.WithTimeout(pacing, tidyTime)
		defer cancel()
		if err := s.pace.Idle(tidy); err != nil {
			s.log.WarnContext(ctx, "answers_not_tidy", "error", err)
		}
		stopPacing()
		paced.Wait()
		s.stopStreams(ctx)
		linked.Wait()
	}()
	in := &intake{slack: s, handler: h, room: make(chan struct{}, maxHandlers)}
	failed := make(chan error, len(s.links)+1) // also with nil, if one ends although nothing has ended it
	paced.Go(func() {
		if err := s.pace.Run(pacing); err != nil {
			failed <- fmt.Errorf("pace slack's calls: %w", err)
		}
	})
	for n := range s.links {
		linked.Go(func() { failed <- s.newLink(n, in).run(sockets) })
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
}

// Sockets is how many sockets are connected now.
func (s *Slack) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Use is how much of the budget of edits is used.
func (s *Slack) Use() status.SlackUse {
	edits := s.pace.Snapshot().Methods[pace.MethodEdit].InMinute
	s.mu.Lock()
	defer s.mu.Unlock()
	return status.SlackUse{Edits: edits, Limit: cmp.Or(s.cfg.Pace.Limits[pace.MethodEdit], defaultEdits), Refused: s.refusals}
}

// defaultEdits is how many edits a minute Slack allows (facts/slack.md §1.2).
const defaultEdits = 50

// limited counts a refusal.
func (s *Slack) limited() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals++
}

// SetShare sets which part of the workspace's budgets this process may use, above 0 up to 1; others use the rest.
func (s *Slack) SetShare(share float64) { s.pace.SetShare(share) }

// Pace is the scheduler's state, for /debug/pace.
func (s *Slack) Pace() pace.Snapshot { return s.pace.Snapshot() }

// opened notes that a socket has opened or closed, and says what that means for what is heard; nil: nothing.
func (s *Slack) opened(delta int) bot.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += delta
	switch {
	case delta > 0 && s.open == 1:
		return bot.Connected{Since: s.closed}
	case delta < 0 && s.open == 0:
		s.closed = time.Now()
		return bot.Disconnected{}
	}
	return nil
}

// TokenError says that Slack does not accept a token.
type TokenError struct {
	Variable string // the variable to change
	Reason   string // Slack's own word
	Err      error
}

// Error is for the log and the terminal; it holds no secret.
func (e *TokenError) Error() string {
	return fmt.Sprintf("slack refused %s: %s", e.Variable, e.Reason)
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Hint is the next step.
func (e *TokenError) Hint() string {
	switch e.Reason {
	case "not_allowed_token_type":
		return "Set SLACK_BOT_TOKEN to the token that begins with xoxb- and SLACK_APP_TOKEN to the one that begins with xapp-."
	case "missing_scope":
		if e.Variable == "SLACK_APP_TOKEN" {
			return "Make a new app-level token with the scope connections:write (Basic Information, App-Level Tokens)."
		}
		return "Install the app again with the manifest that `llmbot manifest` prints."
	case "account_inactive", "token_revoked", "token_expired":
		return "The token was revoked. Install the app again and copy the new token."
	default:
		return "Copy " + e.Variable + " again from the app's page on api.slack.com/apps; it must be of the workspace that the app is installed in."
	}
}

// timed bounds one call.
func timed[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, errors.New("slack did not answer in time"))
	defer cancel()
	return call(ctx)
}

// wait returns after d, or with the cause of ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
