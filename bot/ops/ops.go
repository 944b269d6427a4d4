package ops

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof" // registers itself at http.DefaultServeMux too, which nobody serves
	"net/url"
	"path"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/tools"
)

// Limits of the server: it must cost the bot nothing, whoever connects.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second // pprof adds the seconds that it was asked to watch
	idleTimeout   = 2 * time.Minute  // longer than what a scraper usually pauses
	headerBytes   = 16 << 10
	stopTimeout   = 2 * time.Second // for requests under way, when the server ends
	scrapesAtOnce = 4
)

// Config is what the server shows. Each function may be nil and must be safe for concurrent use.
// None may block but Store and Model, which are called at most every 5 s and get 2 s.
type Config struct {
	Metrics *Metrics // required; to be used for one server only

	Stopping    func() bool                     // the bot takes no new questions
	Sockets     func() int                      // that are open
	Connections func() int                      // of the Slack app, as Slack counts
	Trouble     func() string                   // why sockets are not open; empty: not known
	State       string                          // where it is kept, without a secret; empty: not said
	Store       func(ctx context.Context) error // whether it is usable
	Model       func(ctx context.Context) (string, error)
	Threads     func() []bot.ThreadState
	Queued      func() int // answers that wait for a slot
	Held        func() int // threads where something waits for the store
	Pace        func() pace.Snapshot
	Tools       func() []tools.ServerStatus // none: the model has no tools

	Version string
	Log     *slog.Logger
}

func (c Config) stopping() bool              { return c.Stopping != nil && c.Stopping() }
func (c Config) sockets() int                { return called(c.Sockets) }
func (c Config) connections() int            { return called(c.Connections) }
func (c Config) trouble() string             { return called(c.Trouble) }
func (c Config) queued() int                 { return called(c.Queued) }
func (c Config) held() int                   { return called(c.Held) }
func (c Config) threads() []bot.ThreadState  { return called(c.Threads) }
func (c Config) tools() []tools.ServerStatus { return called(c.Tools) }
func (c Config) pace() (snap pace.Snapshot)  { return called(c.Pace) }

// called returns the result of f; the zero value if f is nil.
func called[T any](f func() T) T {
	if f == nil {
		var nothing T
		return nothing
	}
	return f()
}

// Server serves the pages.
type Server struct {
	cfg          Config
	log          *slog.Logger
	store, model *asking
	mux          *http.ServeMux
	since        time.Time
}

// New returns a server that serves nothing before Run.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, log: cfg.Log, model: newAsking(cfg.Model), mux: http.NewServeMux(), since: time.Now()}
	if cfg.Store != nil {
		s.store = newAsking(func(ctx context.Context) (string, error) { return "", cfg.Store(ctx) })
	}
	cfg.Metrics.addGauges(cfg, s.model)
	metrics := promhttp.HandlerFor(cfg.Metrics.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: scrapesAtOnce,
		EnableOpenMetrics: true,
	})
	s.mux.HandleFunc("GET /{$}", s.index)
	s.mux.HandleFunc("GET /livez", s.livez)
	s.mux.HandleFunc("GET /readyz", s.readyz)
	s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		s.model.now(r.Context())
		metrics.ServeHTTP(w, r)
	})
	s.mux.HandleFunc("GET /debug/threads", s.threads)
	s.mux.HandleFunc("GET /debug/pace", s.pace)
	s.mux.HandleFunc("GET /debug/tools", s.tools)
	s.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	s.mux.HandleFunc("GET /debug/pprof/cmdline", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "not shown: arguments may be private", http.StatusForbidden)
	})
	s.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	s.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	s.mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	s.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return s
}

// ServeHTTP serves one page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if foreign(r) {
		http.Error(w, "another site's page may ask for this: open /debug/pprof/ in a tab of its own and follow its links, or ask with curl or go tool pprof", http.StatusForbidden)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// foreign reports whether a web page of another site makes the browser ask for something that
// costs: a profile takes the processor for a minute, and every page asks the store and the model
// server. A link from elsewhere to a page that is no profile is allowed. The method does not
// matter, and another port of this machine is another site, too.
//
// A browser says where a request comes from (Sec-Fetch-Site) only over https and to its own
// machine. Else there is the Origin of some requests, and the Referer, which a page may leave away.
// Then nobody can tell an address that was typed from another page's image: what is cheap is
// served, and a profile only behind a link of ours. Programs send no such headers.
func foreign(r *http.Request) bool {
	where := path.Clean("/"+r.URL.Path) + "/"
	debug := strings.HasPrefix(where, "/debug/")
	origin := r.Header.Get("Origin")
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "":
		referer := r.Header.Get("Referer")
		switch {
		case origin != "":
			return !strings.EqualFold(origin, "http://"+r.Host)
		case !debug || !strings.HasPrefix(r.UserAgent(), "Mozilla/"): // with which every browser begins
			return false
		case referer != "":
			from, err := url.Parse(referer)
			return err != nil || !strings.EqualFold(from.Host, r.Host)
		}
		return strings.HasPrefix(where, "/debug/pprof/") && where != "/debug/pprof/"
	}
	return debug || r.Header.Get("Sec-Fetch-Mode") != "navigate"
}

// Listen takes the address. If it is taken already, the error has a Hint. Listen logs a warning if
// other machines can reach the address: the pages ask for no password.
func Listen(ctx context.Context, addr string, log *slog.Logger) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, &ListenError{addr, err}
	}
	if a, ok := l.Addr().(*net.TCPAddr); ok && !a.IP.IsLoopback() {
		log.WarnContext(ctx, "ops_open_to_network", "address", l.Addr().String(),
			"hint", "who reaches it reads figures and profiles without a password: keep it in a network of your own, or set OPS_ADDR=127.0.0.1:9464")
	}
	return l, nil
}

// ListenError reports that the address could not be taken.
type ListenError struct {
	Addr string
	Err  error
}

// Error returns a text for the log and the terminal.
func (e *ListenError) Error() string {
	return fmt.Sprintf("listen on %s (OPS_ADDR): %v", e.Addr, e.Err)
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// Hint returns the next step.
func (e *ListenError) Hint() string {
	if errors.Is(e.Err, syscall.EADDRINUSE) {
		return "Another bot may be running: end it, or set OPS_ADDR to another address (127.0.0.1:0 takes any free port), or to off."
	}
	return "Set OPS_ADDR to an address of this machine, such as 127.0.0.1:9464, or to off."
}

// Run serves on l until ctx ends, and then gives requests in progress 2 s to finish. It returns
// after its goroutines did.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	srv := s.server(l)
	ended := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { ended <- srv.Serve(l) })
	defer serving.Wait()
	select {
	case err := <-ended:
		return fmt.Errorf("serve the ops pages: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		return srv.Close() // a profile that somebody is taking
	}
	return nil
}

// server returns the HTTP server with its limits.
func (s *Server) server(l net.Listener) *http.Server {
	return &http.Server{
		Handler: guarded(l, s), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: headerBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// guarded keeps web pages in a browser on this machine away from a server that only this machine
// reaches. Such a page can give a name of its own the address 127.0.0.1 (DNS rebinding), and would
// read what is shown.
func guarded(l net.Listener, h http.Handler) http.Handler {
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "ask for localhost or 127.0.0.1", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}
