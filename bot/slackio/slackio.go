// Package slackio connects the bot to Slack: sockets, events, calls. Only this package imports
// slack-go.
//
// It promises:
//   - An envelope is acked when its event is durable, or at once if there is nothing to do; never
//     before. Slack delivers again what is not acked. A message that comes twice (app_mention and
//     message, two sockets, a redelivery) is handled once.
//   - Two sockets overlap, so that a refresh of one loses nothing. At most ten are opened in a
//     minute, however they end. A socket over which nothing comes is replaced within 45 s. A frame
//     of an unknown kind is acked if it has an id, and counted.
//   - Every write of an answer goes through package pace, and Set never waits for the network.
//   - Tokens go to the Web API and to Slack's file servers, and nowhere else: no redirect of a call
//     is followed, and each redirect of a file is checked (host.go).
//   - Whatever the model writes cannot ping anybody, and no link in it is unfurled.
//
// # Goroutines
//
//	Run ─► 2 links (a reader and a writer each) ─► intake ─► ≤ 256 handlers
//	    ─► pace.Scheduler ─► ≤ 16 senders ─► draft.Send
//	    ─► the one that tells Slack where the bot is at work (sessions.go)
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
	"llmbot/bot/fair"
	"llmbot/bot/pace"
	"llmbot/bot/render"
	"llmbot/bot/status"
	"llmbot/bot/wait"
	"llmbot/llm/egress"
)

const (
	// callTimeout bounds one Web API call, for slack-go's client has no time-out (facts/slack.md
	// §8.1).
	callTimeout = 15 * time.Second
	cleanupTime = 4 * time.Second // for the cleanup at the end of Run
	// maxHandlers is how many events are handled at once. More are not acked, so Slack delivers
	// them again.
	maxHandlers = 256
)

// Config describes the app and how Slack is reached.
type Config struct {
	AppToken, BotToken string
	APIURL             string            // root of the Web API with a trailing slash; empty: Slack's
	HTTP               *http.Client      // required; follows no redirect; its time-out does not count
	Dialer             *websocket.Dialer // nil: one that uses the proxy of the environment
	Command            string            // the slash command, such as /llm-status
	Stream             string            // how answers grow: StreamAuto (or empty), StreamEdit, …
	Links              render.Links      // what becomes of addresses that the model writes
	Pace               pace.Config
	Log                *slog.Logger
	Hooks              Hooks
}

// Handler takes events and commands. Handle returns nil when the event is durable, so that it can
// be acked, or the reason why it is not.
type Handler interface {
	Handle(ctx context.Context, ev bot.Event) error
	Status(ctx context.Context, c bot.Command) status.Report
}

// Slack is one app in one workspace. It is a bot.Replier, bot.History and bot.Room. Its methods are
// safe for concurrent use.
type Slack struct {
	cfg      Config
	log      *slog.Logger
	api      *slack.Client
	opener   *slack.Client // opens sockets: slack-go gives apps.connections.open no time-out
	pace     *pace.Scheduler
	users    *directory[bot.Person]
	channels *directory[string]
	seen     *dedupe
	previews *previews
	sessions *sessions
	opens    *rate.Limiter // limits how often sockets are opened
	// Places: of the pages of history that are read, and of the threads that have more than one.
	readers, longReaders *fair.Pool

	self Self // set by Connect, before anything reads it

	// Held while a draft decides whether it is streamed; taken before mu and pace's own.
	streaming sync.Mutex

	mu        sync.Mutex           // guards all below
	open      int                  // sockets that are connected
	links     [2]linkTrouble       // why a socket is not connected
	counted   int                  // connections of the app when a socket last opened
	closed    time.Time            // since when no socket is; zero: since the beginning
	noStatus  bool                 // Slack refused assistant.threads.setStatus for good
	noStream  bool                 // and native streams
	noCharts  bool                 // and charts
	scopes    string               // those granted, as Slack last listed them; empty: it did not
	noUploads bool                 // Slack refused an upload for lack of its scope
	refusals  int                  // calls that Slack refused for their rate
	drafts    map[*draft]time.Time // answers open or in need of cleanup, by time of Close
}

// Self is the bot's identity in its workspace.
type Self struct{ User, Bot, Name, Team, TeamName, Enterprise, URL string }

// New returns a Slack that makes no call before Connect.
func New(cfg Config) *Slack {
	cfg.HTTP = egress.Guard(cfg.HTTP, addressVariable)
	impatient := *cfg.HTTP
	impatient.Timeout = callTimeout
	s := &Slack{
		cfg: cfg, log: cfg.Log, opener: apiClient(cfg, &impatient), pace: pace.New(cfg.Pace), seen: newDedupe(), previews: newPreviews(), sessions: newSessions(),
		readers: fair.NewPool(fair.Need{Places: readers}), longReaders: fair.NewPool(fair.Need{Places: longReaders}),
		users: newDirectory[bot.Person](), channels: newDirectory[string](),
		opens: rate.NewLimiter(rate.Every(opensEvery), opensBurst), drafts: map[*draft]time.Time{},
	}
	s.api = apiClient(cfg, cfg.HTTP, slack.OptionOnResponseHeaders(s.granted))
	return s
}

// addressVariable is the environment variable with the address of the Web API, named in errors.
const addressVariable = "SLACK_API_URL"

// apiClient returns slack-go's client of the Web API.
func apiClient(cfg Config, h *http.Client, more ...slack.Option) *slack.Client {
	options := []slack.Option{slack.OptionAppLevelToken(cfg.AppToken), slack.OptionHTTPClient(h)}
	if cfg.APIURL != "" {
		options = append(options, slack.OptionAPIURL(cfg.APIURL))
	}
	return slack.New(cfg.BotToken, append(options, more...)...)
}

// Connect asks Slack who the bot is. It retries until ctx ends while Slack does not answer; another
// error is a [TokenError].
func (s *Slack) Connect(ctx context.Context) (Self, error) {
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		who, err := timed(ctx, s.api.AuthTestContext)
		if err == nil {
			s.self = Self{User: who.UserID, Bot: who.BotID, Name: who.User, Team: who.TeamID, TeamName: who.Team, Enterprise: who.EnterpriseID, URL: who.URL}
			return s.self, nil
		}
		f := classify(err)
		if f.badToken() {
			return Self{}, &TokenError{Variable: "SLACK_BOT_TOKEN", Reason: f.reason, Err: err}
		}
		if ctx.Err() == nil { // else it says nothing of Slack
			s.log.WarnContext(ctx, "slack_away", "error", err, "retry_s", int(pause.Seconds()))
		}
		if err := wait.For(ctx, max(pause, f.retryAfter)); err != nil {
			return Self{}, fmt.Errorf("ask slack who the bot is: %w", err)
		}
	}
}

// Run receives events and sends answers until ctx ends. Then it spends up to cleanupTime on cleanup
// (small print of messages that go on in others, streams that still live), and returns after all
// its goroutines have. It returns early with a [TokenError] if Slack refuses the app token, and
// with another error if one of its own loops has ended. Connect must have returned before.
func (s *Slack) Run(ctx context.Context, h Handler) error {
	sockets, closeSockets := context.WithCancel(ctx)
	pacing, stopPacing := context.WithCancel(context.WithoutCancel(ctx))
	var paced, linked sync.WaitGroup
	defer func() {
		closeSockets()
		tidy, cancel := context.WithTimeout(pacing, cleanupTime)
		defer cancel()
		if err := s.pace.Idle(tidy); err != nil {
			s.log.WarnContext(ctx, "answers_not_tidy", "error", err)
		}
		s.sessions.idle(tidy)
		stopPacing()
		paced.Wait()
		s.stopStreams(ctx)
		linked.Wait()
	}()
	in := &intake{slack: s, handler: h, room: make(chan struct{}, maxHandlers)}
	failed := make(chan error, len(s.links)+1) // gets nil from a loop that ends by itself
	paced.Go(func() {
		if err := s.pace.Run(pacing); err != nil {
			failed <- fmt.Errorf("pace slack's calls: %w", err)
		}
	})
	paced.Go(func() { s.runSessions(pacing) })
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

// Sockets returns how many sockets are connected now.
func (s *Slack) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// Use returns how much of the budget of edits is used.
func (s *Slack) Use() status.SlackUse {
	edits := s.pace.Snapshot().Methods[pace.MethodEdit].InMinute
	s.mu.Lock()
	defer s.mu.Unlock()
	return status.SlackUse{Edits: edits, Limit: cmp.Or(s.cfg.Pace.Limits[pace.MethodEdit], defaultEdits), Refused: s.refusals}
}

// defaultEdits is how many edits a minute Slack allows (facts/slack.md §1.2).
const defaultEdits = 50

// limited counts a call that Slack refused for its rate.
func (s *Slack) limited() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusals++
}

// SetShare sets the part of the workspace's budgets that this process may use, above 0 up to 1;
// other processes use the rest.
func (s *Slack) SetShare(share float64) { s.pace.SetShare(share) }

// Pace returns the scheduler's state, for /debug/pace.
func (s *Slack) Pace() pace.Snapshot { return s.pace.Snapshot() }

// opened records that a socket has opened or closed. It returns an event if that is the first to
// open or the last to close.
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

// TokenError reports that Slack does not accept a token.
type TokenError struct {
	Variable string // the environment variable to change
	Reason   string // Slack's own word
	Err      error
}

// Error returns the text for the log and the terminal; it holds no secret.
func (e *TokenError) Error() string {
	return fmt.Sprintf("slack refused %s: %s", e.Variable, e.Reason)
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Hint returns the next step.
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

// timed makes one call, which may take callTimeout.
func timed[T any](ctx context.Context, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, callTimeout, errors.New("slack did not answer in time"))
	defer cancel()
	return call(ctx)
}
