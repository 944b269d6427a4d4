package tools

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"llmbot/bot/wait"
	"llmbot/llm"
)

// Bounds of how a server is used; the figures are the project's own.
const (
	leastPause = time.Second // before a session is opened again; it doubles with each failure
	mostPause  = time.Minute // the longest such pause; a session that held so long was a success
	grace      = time.Minute // for which the tools of a lost session stay offered
	mostCalls  = 8           // calls of a server at a time; more wait
	mostLate   = 3           // calls in a row without an answer in time, until a new session is opened
	mostReason = 500         // characters of an error that are shown
)

// server is one server of the file, and the session to it. run is its only writer apart from calls.
type server struct {
	cfg     *Config
	name    string
	link    link // how it is reached; another link is another server
	log     *slog.Logger
	moved   func() // tells that its state is another
	changed chan struct{}
	slots   chan struct{}
	hidden  *strings.Replacer // takes secrets of link out of what the server says
	all     sync.WaitGroup    // the goroutines of a session

	mu       sync.Mutex // guards what follows
	entry    entry
	session  *session      // nil: there is none
	open     chan struct{} // closed while there is a session
	since    time.Time     // when the session was opened, or lost; zero: there was none yet
	why      error         // that there is none; nil: not tried yet
	failures int           // to open one, since the last that was open
	told     []*mcp.Tool   // as the server has told last
	offers   []offer       // of told and entry
	troubles []string
	listed   []string // what was wrong with the list itself
	count    counts
}

// counts is what became of a server's calls.
type counts struct {
	calls, failures, running int
}

func newServer(cfg *Config, e entry, moved func()) *server {
	return &server{
		cfg: cfg, name: e.name, link: e.link, entry: e, log: cfg.Log.With("server", e.name), moved: moved,
		changed: make(chan struct{}, 1), slots: make(chan struct{}, mostCalls), open: make(chan struct{}),
		hidden: e.link.hidden(),
	}
}

// patience returns how long a session may take to open.
func (s *server) patience() time.Duration {
	if s.link.command != "" {
		return startTimeout
	}
	return connectTimeout
}

// run keeps a session open until ctx ends.
func (s *server) run(ctx context.Context) {
	old := false
	for failures := 0; ctx.Err() == nil; {
		began := time.Now()
		opened, err := s.hold(ctx, old)
		if ctx.Err() != nil {
			return
		}
		if !opened {
			old = !old // a server that does not get over the newest handshake gets the older one
		}
		if opened && time.Since(began) > mostPause {
			failures = 0
		}
		s.failed(ctx, err, opened)
		pause := min(leastPause<<min(failures, 6), mostPause)
		failures++
		if wait.For(ctx, pause/2+rand.N(pause/2+1)) != nil {
			return
		}
	}
}

// failed notes why there is no session.
func (s *server) failed(ctx context.Context, err error, opened bool) {
	s.mu.Lock()
	before := s.why
	s.why = err
	if !opened {
		s.failures++
	}
	n := s.failures
	s.mu.Unlock()
	s.moved()
	attrs := []any{"error", s.shown(err), "hint", hintOf(err)}
	if n > 1 && before != nil && before.Error() == err.Error() {
		s.log.DebugContext(ctx, "tool_server_away", attrs...)
		return
	}
	s.log.WarnContext(ctx, "tool_server_away", attrs...)
}

// shown returns an error as it may be shown to people.
func (s *server) shown(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	if s.cfg.Clean != nil {
		text = s.cfg.Clean(text)
	}
	return llm.Printable(text, mostReason)
}

// opened notes that there is a session.
func (s *server) opened(ses *session) {
	s.mu.Lock()
	s.session, s.since, s.why, s.failures = ses, time.Now(), nil, 0
	close(s.open)
	tools, troubles := len(s.offers), s.troubles
	s.mu.Unlock()
	s.moved()
	s.cfg.Hooks.session(s.name, true)
	s.log.Info("tool_server_connected", "tools", tools, "protocol", ses.mcp.InitializeResult().ProtocolVersion)
	for _, t := range troubles {
		s.log.Warn("tool_server_trouble", "problem", t)
	}
}

// lost notes that a session ends, and gives up its calls.
func (s *server) lost(ses *session) {
	close(ses.gone)
	s.mu.Lock()
	was := s.session == ses
	if was {
		s.session, s.since, s.open = nil, time.Now(), make(chan struct{})
	}
	s.mu.Unlock()
	if was {
		s.cfg.Hooks.session(s.name, false)
		s.moved()
	}
}

// relist has the tools listed again. It never blocks.
func (s *server) relist() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// list reads the server's tools.
func (s *server) list(ctx context.Context, ses *session) error {
	all, listed, err := listTools(ctx, ses.mcp)
	if err != nil {
		if e, ok := answered(err); ok && e.Code == codeNoMethod {
			return errNoTools
		}
		return err
	}
	if len(all) == 0 {
		listed = append(listed, errNoTools.Error())
	}
	s.mu.Lock()
	s.told, s.listed = all, listed
	s.deriveLocked()
	s.mu.Unlock()
	s.moved()
	return nil
}

// deriveLocked computes what is offered from the list and the file.
func (s *server) deriveLocked() {
	var troubles []string
	s.offers, troubles = s.entry.offers(s.told)
	s.troubles = append(append([]string(nil), s.listed...), troubles...)
}

// set takes over everything of the file but the link.
func (s *server) set(e entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entry = e
	if s.told != nil {
		s.deriveLocked()
	}
}

// offered returns the tools to offer now, and where. They are to be read only.
func (s *server) offered(now time.Time) ([]offer, entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil && now.Sub(s.since) > grace {
		return nil, s.entry
	}
	return s.offers, s.entry
}

// settled reports whether the server is connected, or was tried twice.
func (s *server) settled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session != nil || s.failures > 1
}

// await returns a session, or waits for one other than not.
func (s *server) await(ctx context.Context, not *session) (*session, error) {
	for {
		s.mu.Lock()
		ses, open := s.session, s.open
		s.mu.Unlock()
		if ses != nil && ses != not {
			return ses, nil
		}
		var gone <-chan struct{}
		if ses != nil {
			open, gone = nil, ses.gone
		}
		select {
		case <-open:
		case <-gone:
			// lost replaces open right after.
			if err := wait.For(ctx, time.Millisecond); err != nil {
				return nil, err //nolint:wrapcheck // the caller says it
			}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// tool returns the name at the server of a tool that is still offered as it was: from the server and by
// the name that a person has allowed, under a policy that is not stricter than the one of the call, and as one that
// only reads if the call took it for such a one, and so noted nothing and may be made again.
func (s *server) tool(c Call) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.offers {
		if o.Name != c.Tool.Name {
			continue
		}
		if !s.entry.fits(c.Place) || c.Tool.Policy.looser(o.Policy) || c.Tool.Origin != o.Origin || c.Tool.Title != o.Title || c.Tool.ReadOnly && !o.ReadOnly {
			return "", errors.New("the rules for this tool have changed, and it may not run now")
		}
		return o.own, nil
	}
	return "", fmt.Errorf("the server has no such tool any more")
}
