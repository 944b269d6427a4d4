// Package llmsim is a simulated vLLM server, as an http.Handler.
//
// It answers chat completions with Markdown at a given speed, in the byte shape of vLLM 0.32 and of
// the other servers and versions that [Dialect] names, with exact usage. It keeps a queue, metrics
// and a prefix cache as vLLM does. By script it breaks in every way in which we have seen a server
// break ([Tape]). [Fixture] replays captured transcripts.
//
// It is a witness for the client, so it shares no code with it, and imports nothing but the
// standard library. It waits by timers and request contexts only, and starts no goroutine of its
// own: therefore it runs in a testing/synctest bubble.
//
// # Tools
//
// With [Config.Tools] the model calls the tools that a request offers, in the form of [Wire.Calls]:
// a dialect's own, or one with a bug. A test says in the question which ones:
//
//	call wiki_search {"q": "deploys"} and call clock
//	call wiki_search {"q": "deploys"}, then call clock
//
// are one round with two calls, and two rounds with one. Behind the last round, and with
// tool_choice none, the answer quotes the results. With tool_choice required it calls the first
// tool if the question names none. [Config.Script] and [Server.Next] come before that: [CallTools]
// is a step of a tape, and [Chat.Round] and [Chat.Results] say how far a request is. Requests are
// held to OpenAI's rules: tools are never an empty list, each call has its result right behind it,
// and each result its call.
package llmsim

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"sync"
	"time"
)

// KeepAliveIdle is how long vLLM keeps an idle connection open (VLLM_HTTP_TIMEOUT_KEEP_ALIVE, facts
// §1.1). A handler cannot close one; set http.Server.IdleTimeout to it.
const KeepAliveIdle = 5 * time.Second

const (
	defaultModel    = "llmsim"
	defaultModelLen = 32768
	defaultSpeed    = 40  // tokens a second: what one reader of a large model sees
	defaultParallel = 256 // vLLM's --max-num-seqs
	keptRequests    = 1024
)

// Config says how the simulated server behaves. The zero value is a vLLM 0.32 that serves the model
// "llmsim".
type Config struct {
	Model   string   // the served name; empty: llmsim
	Aliases []string // further served names
	// MaxModelLen is the context length in tokens of this package's own tokenizer; 0: 32768.
	MaxModelLen int
	// Speed is in tokens a second for each running request; 0: 40, negative: without any wait.
	Speed float64
	// FirstToken is the time from being scheduled to the first token. It does not include the queue.
	FirstToken time.Duration
	// Parallel is how many requests run at once (vLLM's --max-num-seqs); 0: 256. More wait, with their
	// headers already sent.
	Parallel int
	// MaxQueued is how many requests may run or wait (--max-num-queued-reqs). The server refuses more
	// with 503; 0: no limit.
	MaxQueued int
	APIKey    string // if set, /v1 wants it as a bearer token
	Version   string // what /version says; empty: the dialect's own
	Dialect   Dialect
	Wire      Wire // deviations from the dialect

	Reasoning     bool // the model thinks before it answers (a reasoning parser is set)
	PromptDetails bool // usage has prompt_tokens_details (--enable-prompt-tokens-details)
	ForceUsage    bool // usage in each chunk, unasked (--enable-force-include-usage)
	Strict        bool // the template wants user and assistant to alternate
	NoResults     bool // … and has no place for results of tools
	NoSystem      bool // the template refuses the system role
	Vision        bool // the model takes pictures: image_url parts with a data URL of PNG or JPEG
	// Tools says that the server takes tools: vLLM with --enable-auto-tool-choice and
	// --tool-call-parser, llama.cpp with --jinja, Ollama with a model whose template knows tools.
	// Without it the dialect does what its server does then: it refuses them, or leaves calls in the
	// text (SGLang, LM Studio, TGI).
	Tools bool
	// MaxImages is how many pictures a request may have (vLLM's --limit-mm-per-prompt, whose default
	// was 1 for long); 0: no limit.
	MaxImages int

	// Answer returns the answer's text; nil: [DefaultAnswer]. It must be safe for concurrent use.
	Answer func(*Chat) string
	// Hear returns what is said in a recording; nil: the model writes down no recordings. It must be
	// safe for concurrent use.
	Hear func(recording []byte) string
	// Script returns what to play for a request; nil or an empty tape: the answer's text.
	// [Server.Next] comes before it.
	Script func(*Chat) Tape
}

// Mode is the state of the server as a whole.
type Mode int

// The modes. What is running goes on in each of them; see [Server.Interrupt].
const (
	Up          Mode = iota
	Refusing         // closes each connection without an answer, as a port that nothing listens on
	BadGateway       // 502 with nginx's HTML on every path
	Unavailable      // 503 with nginx's HTML on every path
	Loading          // 503 "Loading model", as llama.cpp
	// Draining got a SIGTERM with --shutdown-timeout: chats get 500 "cannot schedule new futures after
	// shutdown", the rest is well.
	Draining
	Hanging    // takes every request and never answers it
	EngineDead // chats get 500 "EngineCore encountered an issue…", /health an empty 503
	// HugeMetrics has a /metrics of 31 MB: the page of a router in front of many engines, or of
	// something else. The rest is well.
	HugeMetrics
)

// Request is a chat completion that came in.
type Request struct {
	ID      string // what the chunks carry
	At      time.Time
	Header  http.Header
	Raw     []byte         // the body as it came
	Body    map[string]any // the body, decoded; nil if it is no JSON object
	Chat    *Chat          // the body, understood; nil if it was refused
	Prompt  int            // tokens of the prompt
	Cached  int            // of these, from the prefix cache
	Tokens  int            // tokens generated so far, reasoning included
	Status  int            // HTTP status; 0 while none was sent
	Finish  string         // finish reason that was sent
	Ended   bool
	Cancel  bool      // the client went away before the end
	FirstAt time.Time // first token
	EndAt   time.Time
}

// Server is the simulated server. It is safe for concurrent use.
type Server struct {
	cfg   Config
	shape shape
	start time.Time

	mu       sync.Mutex // guards all below; never held across I/O
	mode     Mode
	speed    float64
	seq      uint64
	next     []Script
	log      []*Request
	heard    []Recording
	live     map[*call]struct{}
	running  int
	waiting  []chan struct{}
	kvTokens int // tokens of running requests
	blocks   map[uint64]struct{}
	total    int
	cancels  int
	m        metrics
}

// Script is a tape with the dialect and the wire in which it is played. Their zero values are the
// server's own.
type Script struct {
	Tape    Tape
	Dialect Dialect
	Wire    *Wire
}

// New returns a server. It holds no resources: there is nothing to close.
func New(cfg Config) *Server {
	cfg.Model = cmp.Or(cfg.Model, defaultModel)
	cfg.MaxModelLen = cmp.Or(cfg.MaxModelLen, defaultModelLen)
	cfg.Speed = cmp.Or(cfg.Speed, defaultSpeed)
	cfg.Parallel = cmp.Or(cfg.Parallel, defaultParallel)
	cfg.Dialect = cmp.Or(cfg.Dialect, VLLM032)
	if cfg.Answer == nil {
		cfg.Answer = DefaultAnswer
	}
	sh := cfg.Dialect.shape()
	cfg.Version = cmp.Or(cfg.Version, sh.version)
	now := time.Now()
	return &Server{
		cfg: cfg, shape: sh, start: now, speed: cfg.Speed,
		live: map[*call]struct{}{}, blocks: map[uint64]struct{}{}, m: newMetrics(cfg.MaxModelLen),
	}
}

// Next queues scripts: each of the next chat completions that is accepted plays one.
func (s *Server) Next(scripts ...Script) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = append(s.next, scripts...)
}

// NextTape queues tapes in the server's own dialect.
func (s *Server) NextTape(tapes ...Tape) {
	for _, t := range tapes {
		s.Next(Script{Tape: t})
	}
}

// SetMode changes what new requests meet.
func (s *Server) SetMode(m Mode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = m
}

// SetSpeed changes the speed, also of running answers, from their next token on. Its unit is that
// of Config.Speed.
func (s *Server) SetSpeed(tokensPerSecond float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.speed = cmp.Or(tokensPerSecond, defaultSpeed)
}

// Interrupt makes every running and waiting request play t from now on instead of its own tape:
// Tape{Cut()} is a killed process, Tape{Finish("abort")} a SIGTERM, Tape{EngineDeath()} a dead
// engine. It does not wait for them, and returns how many there were.
func (s *Server) Interrupt(t Tape) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.live {
		select {
		case c.brk <- t:
		default: // already told
		}
	}
	return len(s.live)
}

// Requests returns the chat completions so far in the order in which they came, refused ones too;
// of very many, the last 1024.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Request, len(s.log))
	for i, r := range s.log {
		out[i] = *r
	}
	return out
}

// Last returns the newest chat completion, the zero Request if there was none.
func (s *Server) Last() Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == 0 {
		return Request{}
	}
	return *s.log[len(s.log)-1]
}

// Total returns how many chat completions came, refused ones too.
func (s *Server) Total() int { return s.count(func() int { return s.total }) }

// Running returns how many requests generate tokens now.
func (s *Server) Running() int { return s.count(func() int { return s.running }) }

// Waiting returns how many requests wait in the queue.
func (s *Server) Waiting() int { return s.count(func() int { return len(s.waiting) }) }

// Cancelled returns how many requests ended because their client went away.
func (s *Server) Cancelled() int { return s.count(func() int { return s.cancels }) }

func (s *Server) count(fLocked func() int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fLocked()
}

// record notes a request, and forgets the oldest when there are too many.
func (s *Server) record(r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total++
	s.seq++
	r.ID = s.shape.id(s.seq, r.Header.Get("X-Request-Id"))
	if len(s.log) >= keptRequests {
		s.log = slices.Delete(s.log, 0, 1)
	}
	s.log = append(s.log, r)
}

// note changes a request's record.
func (s *Server) note(r *Request, fLocked func(*Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fLocked(r)
}

// interval returns the time between two tokens; 0: no wait.
func (s *Server) interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.speed < 0 || math.IsInf(s.speed, 0) {
		return 0
	}
	return time.Duration(float64(time.Second) / s.speed)
}

// models returns the served names.
func (s *Server) models() []string { return append([]string{s.cfg.Model}, s.cfg.Aliases...) }
