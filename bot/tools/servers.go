package tools

import (
	"context"
	"crypto/x509"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Config configures Servers.
type Config struct {
	File    File
	Version string            // of the bot, for the servers
	Env     map[string]string // the variables that every program gets, such as PATH; the file's own come on top
	Guard   []string          // the program and arguments that end a server with the bot, see Guard; empty: none

	Proxy func(*http.Request) (*url.URL, error) // for servers in the network; nil: none
	Roots *x509.CertPool                        // whom they are trusted by; nil: the system's
	HTTP  http.RoundTripper                     // instead of Proxy and Roots

	Clean func(string) string // takes secrets out of a text; nil: nothing does
	Log   *slog.Logger        // nil: none
	Hooks Hooks

	transport func(link) (mcp.Transport, func(), error) // of tests
}

// Hooks hear what happens. They must not block. The names are those of the file and of the servers'
// tools, at most 50 and 128 for each.
type Hooks struct {
	Called  func(server, tool, outcome string, took time.Duration) // a call ended
	Session func(server string, open bool)                         // a session opened or ended
}

func (h Hooks) called(server, tool, outcome string, took time.Duration) {
	if h.Called != nil {
		h.Called(server, tool, outcome, took)
	}
}

func (h Hooks) session(server string, open bool) {
	if h.Session != nil {
		h.Session(server, open)
	}
}

// Servers has a session to each server of the file. Its methods are safe for concurrent use.
type Servers struct {
	cfg    Config
	wake   chan struct{} // tells Run that the file is another
	shared *http.Transport

	mu      sync.Mutex // guards what follows
	servers map[string]*server
	moved   chan struct{} // closed, and replaced, when a server's state is another
}

// New returns Servers for a file. It connects to none: Run does.
func New(cfg Config) (*Servers, error) {
	s := &Servers{cfg: cfg, wake: make(chan struct{}, 1), servers: map[string]*server{}, moved: make(chan struct{})}
	if s.cfg.Log == nil {
		s.cfg.Log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.HTTP == nil {
		s.shared = newTransport(cfg.Proxy, cfg.Roots)
		s.cfg.HTTP = s.shared
	}
	s.Reload(cfg.File)
	return s, nil
}

// Reload takes over another file. Sessions to servers that are reached as before stay, also if
// their policies, channels or time-outs are others, which hold at once. It never blocks.
func (s *Servers) Reload(f File) {
	s.mu.Lock()
	next := map[string]*server{}
	for _, e := range f.servers {
		if e.disabled {
			continue
		}
		srv := s.servers[e.name]
		if srv == nil || !srv.link.same(e.link) {
			srv = newServer(&s.cfg, e, s.tell)
		}
		srv.set(e)
		next[e.name] = srv
	}
	s.servers = next
	s.mu.Unlock()
	s.tell()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// tell wakes those who wait for another state.
func (s *Servers) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.moved)
	s.moved = make(chan struct{})
}

// Run keeps the sessions open until ctx ends. It returns when they are closed, and all programs
// that it started are gone. It is to be called once.
func (s *Servers) Run(ctx context.Context) error {
	var all sync.WaitGroup
	running := map[*server]context.CancelCauseFunc{}
	for ctx.Err() == nil {
		s.mu.Lock()
		now := slices.Collect(maps.Values(s.servers))
		s.mu.Unlock()
		for srv, end := range running {
			if !slices.Contains(now, srv) {
				end(errStopping)
				delete(running, srv)
			}
		}
		for _, srv := range now {
			if running[srv] != nil {
				continue
			}
			life, end := context.WithCancelCause(ctx)
			running[srv] = end
			all.Go(func() {
				defer end(nil)
				srv.run(life)
			})
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		}
	}
	all.Wait()
	if s.shared != nil {
		s.shared.CloseIdleConnections()
	}
	return nil
}

// Settle blocks until each server is connected or was tried twice, or ctx ends. Run must be
// running.
func (s *Servers) Settle(ctx context.Context) {
	for {
		s.mu.Lock()
		moved, now := s.moved, slices.Collect(maps.Values(s.servers))
		s.mu.Unlock()
		if !slices.ContainsFunc(now, func(srv *server) bool { return !srv.settled() }) {
			return
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
	}
}

// known returns the servers, sorted by name.
func (s *Servers) known() []*server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.servers), func(a, b *server) int { return strings.Compare(a.name, b.name) })
}

// Offer returns the tools that may be offered at a place, sorted by name, so that the beginning of
// a prompt stays the same. It never waits for a server: these are the tools that are known. Those
// of a server that was lost less than a minute ago are among them.
func (s *Servers) Offer(p Place) []Tool {
	now := time.Now()
	var tools []Tool
	count := map[string]int{}
	for _, srv := range s.known() {
		offers, e := srv.offered(now)
		fits := e.fits(p)
		for _, o := range offers {
			count[o.Name]++
			if fits {
				tools = append(tools, o.Tool)
			}
		}
	}
	// Of two with one name nobody could say which is meant, and which policy holds.
	tools = slices.DeleteFunc(tools, func(t Tool) bool { return count[t.Name] > 1 })
	slices.SortFunc(tools, func(a, b Tool) int { return strings.Compare(a.Name, b.Name) })
	return tools
}

// collisions returns the names that tools of several servers have, each with the servers.
func (s *Servers) collisions(servers []*server) map[string][]string {
	who := map[string][]string{}
	for _, srv := range servers {
		srv.mu.Lock()
		for _, o := range srv.offers {
			who[o.Name] = append(who[o.Name], srv.name)
		}
		srv.mu.Unlock()
	}
	maps.DeleteFunc(who, func(_ string, names []string) bool { return len(names) < 2 })
	return who
}

// Call makes a call, within the tool's time-out, which begins now. A failure is a result, too, in
// words for the model. A call that broke off is made again, once, only if c.Tool.Retries. At most 8
// calls of a server run at a time; more wait. The text of the result has at most MostResult bytes.
func (s *Servers) Call(ctx context.Context, c Call) Result {
	began := time.Now()
	s.mu.Lock()
	srv := s.servers[c.Tool.Server]
	s.mu.Unlock()
	if srv == nil {
		return Result{Text: "The call was not made: the server of this tool is not there any more.", Failed: true}
	}
	timeout := c.Tool.Timeout
	if timeout <= 0 {
		timeout = defaultTimeout
		c.Tool.Timeout = timeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	srv.mu.Lock()
	srv.count.calls++
	srv.count.running++
	srv.mu.Unlock()
	out := srv.call(limited, c)
	took := time.Since(began)
	srv.mu.Lock()
	srv.count.running--
	if out.err != nil && out.kind != OutcomeStopped {
		srv.count.failures++
	}
	srv.mu.Unlock()
	s.cfg.Hooks.called(c.Tool.Server, c.Tool.Name, out.kind, took)
	srv.log.DebugContext(ctx, "tool_called", "tool", c.Tool.Name, "outcome", out.kind, "took_ms", took.Milliseconds(), "bytes", len(out.text))
	return Result{Text: out.text, Failed: out.err != nil, Took: took}
}
