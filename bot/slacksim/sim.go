package slacksim

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/yuin/goldmark/parser"
)

// Limiter names a way to count calls against Slack's rate tiers.
type Limiter string

// The limiters. Slack publishes only "n a minute" and "short bursts are tolerated"; a bot has to
// cope with either.
const (
	LimiterWindow Limiter = "window" // at most n calls in any 60 s
	LimiterBucket Limiter = "bucket" // n a minute, with bursts of 10
	LimiterOff    Limiter = "off"
)

// Known reports whether there is such a limiter.
func (l Limiter) Known() bool { return l == LimiterWindow || l == LimiterBucket || l == LimiterOff }

// Config describes a workspace and the app in it. The zero value is a usable workspace: a few
// channels and people, and an app with the scopes and events that the bot's manifest asks for.
type Config struct {
	Scopes   []string // granted to the bot token; nil means DefaultScopes
	Events   []string // subscribed bot events; nil means DefaultEvents
	Commands []string // slash commands of the manifest, with the slash; nil means /llm-status
	// The app is declared as an agent: it has sessions (agents.sessions.setStatus) with a stop
	// button.
	Agent bool
	// The workspace refuses data_visualization and data_table blocks, as some still do.
	NoCharts bool
	// EditWindow is how long after a message was posted chat.update takes changes of it, as
	// administrators may set; 0: for ever.
	EditWindow time.Duration
	Limiter    Limiter // default: LimiterWindow; SetLimiter changes it
	// Of every accepted call: half before it takes effect, half after. A call that a limit refuses
	// takes none. SetLatency changes it.
	Latency time.Duration
	// CountLag is how long a thread's reply_count still has a reply that was deleted. Unverified: that
	// real Slack counts late is a guess, on the safe side. The default is 0.
	CountLag time.Duration

	Team     Team
	Bot      Bot
	Users    []User
	Channels []Channel

	BotToken string // default: DefaultBotToken
	AppToken string // default: DefaultAppToken

	// HoldEvents is how many events wait for a socket while none is open; when more come, the
	// oldest is lost. With the default, 0, all are lost at once, as Slack's documentation says
	// ("you may lose events").
	HoldEvents int
	// Redeliver is when an event without an ack is sent again, counted from the last time; after
	// the last entry it is given up. nil: after 3 s, 1 min and 5 min.
	Redeliver []time.Duration

	Seed uint64 // of every random choice
	// The root of all URLs that the workspace gives out. Default: DefaultBaseURL.
	BaseURL string
	// Further host names that requests may name, besides those of loopback and of BaseURL.
	Hosts []string
	// Serve peers that are not on this machine: whoever reaches the workspace may speak as anybody.
	Open   bool
	Notice string // shown at the top of the browser page
	// Folder has what the workspace begins with, and keeps what changes; nil: nothing is kept.
	Folder *Folder
	// KeepFailed is told when the folder does not take what changes, once, and with nil when it does
	// again. Meanwhile the workspace goes on. It must not block, nor use the workspace.
	KeepFailed func(error)
	// Demo serves /page/demo/ behind the same guards as the rest of the page: what a demo around
	// the workspace tells of itself and lets people do. It gets the whole path. nil: there is none.
	Demo http.Handler
	Log  *slog.Logger // default: discards
}

// Default tokens of the workspace.
const (
	DefaultBotToken = "xoxb-slacksim-bot" //nolint:gosec // not a secret: the emulator's own
	DefaultAppToken = "xapp-slacksim-app" //nolint:gosec // not a secret: the emulator's own
)

// DefaultBaseURL is the root of URLs when Config names none. Tests in memory dial it.
const DefaultBaseURL = "http://slack"

// linkPath is where sockets are opened.
const linkPath = "/link/"

// Sim is the workspace. Its methods are safe for concurrent use.
type Sim struct {
	cfg      Config
	log      *slog.Logger
	methods  map[string]method
	page     http.Handler
	markdown parser.Parser
	hosts    []string     // our names besides those of loopback
	bodies   atomic.Int64 // bytes of bodies in memory

	keeping *keeping // nil: nothing is kept. It belongs to keepRun, then to Close

	done chan struct{}  // closed by Close
	wg   sync.WaitGroup // requests and goroutines; Add only under mu while not closed

	mu          sync.Mutex // guards everything below
	closed      bool
	changed     chan struct{} // closed and replaced at every change
	rev         uint64        // number of the newest change
	boot        string        // tells this workspace from an earlier one at the address
	rand        *rand.Rand
	lastMicro   int64 // newest message timestamp
	lastID      int
	users       map[string]*User
	userOrder   []string
	channels    map[string]*channel
	chanOrder   []string
	ephemerals  record[*message]
	status      map[threadKey]*status
	calls       record[Call]
	pings       record[Ping]
	unfurls     record[Unfurl]
	limits      limits
	knobs       Knobs
	traffic     traffic
	faults      []*Fault
	eventFault  []*EventFault
	order       Order
	refuse      refusedSockets
	tickets     map[string]time.Time
	sockets     []*socket
	lastSocket  int
	opened      int
	waiting     map[string]*delivery // by envelope id
	envelopes   record[*Envelope]
	strayAcks   record[string] // of envelopes that are not ours
	held        []*delivery
	responses   map[string]*responseURL
	responseIDs []string // oldest first
	files       map[string]*file
	homes       map[string]*home    // by user id
	modals      map[string][]*modal // the open views of each person by user id, the topmost last
	triggers    []*trigger          // oldest first
	sessions    map[threadKey]*session
	assistants  map[threadKey]*assistant
	uploads     []*pending    // oldest first
	streams     []*pageStream // open event streams of the page, oldest first
	stored      int           // bytes that came from the page and stay
}

type threadKey struct{ channel, ts string }

// New returns a workspace. The caller ends it with [Sim.Close].
func New(cfg Config) *Sim {
	cfg = cfg.withDefaults()
	s := &Sim{
		cfg: cfg, log: cfg.Log, done: make(chan struct{}), changed: make(chan struct{}),
		rand:  rand.New(rand.NewPCG(cfg.Seed, 0x51ac)),
		hosts: hostNames(cfg),
		users: map[string]*User{}, channels: map[string]*channel{}, status: map[threadKey]*status{},
		limits: newLimits(cfg.Limiter), knobs: Knobs{Latency: cfg.Latency, Limiter: cfg.Limiter}, tickets: map[string]time.Time{}, waiting: map[string]*delivery{},
		responses: map[string]*responseURL{}, files: map[string]*file{}, homes: map[string]*home{}, sessions: map[threadKey]*session{},
		modals: map[string][]*modal{}, assistants: map[threadKey]*assistant{},
	}
	s.methods, s.markdown = methodTable(), newMarkdown()
	s.boot = strconv.FormatInt(time.Now().UnixNano(), 36)
	s.seed()
	s.page = s.newPage()
	if cfg.Folder != nil {
		s.mu.Lock() // streams that are restored may end at once
		s.keeping = s.restoreLocked(cfg.Folder)
		s.mu.Unlock()
		s.wg.Go(func() { s.keepRun(s.keeping) })
	}
	return s
}

// ServeHTTP serves the Web API under /api/ (and under any other prefix, if the last path element is
// a method's name), the sockets under /link/, answers to commands under /response/, files under
// /files/ and /upload/, and the browser page under everything else. It decides whether the sender
// may ask before it reads anything of the request's body.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		http.Error(w, "closed", http.StatusServiceUnavailable)
		return
	}
	defer s.wg.Done()
	limitBody(w, r)
	if why := s.refused(r); why != "" {
		http.Error(w, why, http.StatusForbidden)
		return
	}
	last := lastOf(r.URL.Path)
	switch { // see forPrograms
	case strings.HasPrefix(r.URL.Path, linkPath):
		s.serveLink(w, r)
	case strings.HasPrefix(r.URL.Path, "/response/"):
		s.serveResponse(w, r, last)
	case strings.HasPrefix(r.URL.Path, "/api/"), s.methods[last].run != nil:
		s.serveAPI(w, r, last)
	case strings.HasPrefix(r.URL.Path, "/upload/"):
		s.serveUpload(w, r, last)
	case strings.HasPrefix(r.URL.Path, "/files/"):
		s.serveFile(w, r)
	default:
		s.page.ServeHTTP(w, r)
	}
}

func lastOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// forPrograms reports whether a path is no part of the page.
func (s *Sim) forPrograms(path string) bool {
	for _, prefix := range []string{linkPath, "/response/", "/api/", "/upload/", "/files/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return s.methods[lastOf(path)].run != nil
}

// Close cuts all sockets and hanging requests, waits for everything that runs, and writes what is
// not in Config.Folder yet. It may be called more than once.
func (s *Sim) Close() {
	s.mu.Lock()
	first := !s.closed
	if !s.closed {
		s.closed = true
		close(s.done)
		for _, c := range s.sockets {
			_ = c.ws.NetConn().Close()
		}
	}
	s.mu.Unlock()
	s.wg.Wait()
	if first && s.keeping != nil {
		s.save(s.keeping)
	}
}

// Wait blocks until ok returns true, and calls ok again after every change in the workspace. It
// returns ctx's error if ctx ends first. ok runs on the caller's goroutine and may use all methods
// of the workspace.
func (s *Sim) Wait(ctx context.Context, ok func(*Sim) bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if ok(s) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return ErrClosed
		}
	}
}

// begin counts a request, for which the caller calls wg.Done. It returns false after Close.
func (s *Sim) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Add(1)
	return true
}

// goLocked runs f on a goroutine that Close waits for.
func (s *Sim) goLocked(f func()) {
	if !s.closed {
		s.wg.Go(f)
	}
}

// touchLocked counts a change and wakes all waiters.
func (s *Sim) touchLocked() uint64 {
	s.rev++
	close(s.changed)
	s.changed = make(chan struct{})
	return s.rev
}

// sleep waits for d and returns true, or returns false if ctx or the workspace ends first.
func (s *Sim) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}
