//go:build linux

package bot_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // makes the schema of a run

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim"
)

// arena is both simulators on ports of this machine, the processes between them, and who watches
// all.
type arena struct {
	t        *testing.T
	binary   string
	dir      string   // of the logs
	env      []string // of every process
	slackURL string
	modelURL string
	slack    *slacksim.Sim
	model    *llmsim.Server
	eye      *witness
	begin    time.Time
	nursery  nursery
	all      sync.WaitGroup

	mu    sync.Mutex // guards all below
	lives []*life
	notes []note
	old   map[int]bool // the seats in which -torture.old runs
}

// note is something that was done to the processes, or by people.
type note struct {
	at   time.Time
	life *life // nil: nobody's
	what string
}

type arenaConfig struct {
	binary string
	slack  slacksim.Config
	speed  float64 // of the model
	env    []string
	old    []int // the seats in which -torture.old runs at first, if that is given
}

// tortureFirst is how long the model takes to its first token.
const tortureFirst = 150 * time.Millisecond

// newArena serves the simulators. At the end of the test everything that was started has ended.
func newArena(t *testing.T, cfg arenaConfig) *arena {
	t.Helper()
	a := &arena{t: t, binary: cfg.binary, dir: t.ArtifactDir(), eye: newWitness(), begin: time.Now(), env: slices.Concat(cfg.env, tortureExtra()), old: map[int]bool{}}
	for _, seat := range cfg.old {
		a.old[seat] = *tortureOld != ""
	}
	var slackPort, modelPort net.Listener
	slackPort, a.slackURL = tortureListen(t)
	modelPort, a.modelURL = tortureListen(t)
	cfg.slack.Limiter, cfg.slack.BaseURL, cfg.slack.Latency, cfg.slack.HoldEvents = slacksim.LimiterOff, a.slackURL, 20*time.Millisecond, 10_000
	a.slack = slacksim.New(cfg.slack)
	a.model = llmsim.New(llmsim.Config{Speed: cfg.speed, FirstToken: tortureFirst, Parallel: 10_000, Answer: a.eye.answer})
	servers := []*http.Server{
		{Handler: a.eye.watch(a.slack, a.eye.slackCall), ReadHeaderTimeout: time.Minute},
		{Handler: a.eye.watch(a.model, a.eye.modelCall), ReadHeaderTimeout: time.Minute, IdleTimeout: llmsim.KeepAliveIdle},
	}
	a.all.Go(func() { _ = servers[0].Serve(slackPort) })
	a.all.Go(func() { _ = servers[1].Serve(modelPort) })
	t.Cleanup(func() {
		a.mu.Lock()
		lives := slices.Clone(a.lives)
		a.mu.Unlock()
		for _, l := range lives {
			a.kill(l)
		}
		for _, s := range servers {
			_ = s.Close()
		}
		a.slack.Close()
		a.all.Wait()
		a.nursery.close()
	})
	return a
}

func tortureListen(t *testing.T) (port net.Listener, address string) {
	t.Helper()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return port, "http://" + port.Addr().String()
}

// tortureState is the environment that says where a run's state is: PostgreSQL if there is one,
// else a folder.
func tortureState(t *testing.T) (env []string, what string) {
	t.Helper()
	address := os.Getenv("LLMBOT_TEST_POSTGRES")
	if address == "" {
		return []string{"STATE_DIR=" + t.TempDir()}, "SQLite"
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	schema := fmt.Sprintf("torture_%x", rand.Uint64())
	if _, err := db.ExecContext(t.Context(), "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	joint := "?"
	if strings.Contains(address, "?") {
		joint = "&"
	}
	return []string{"STATE_URL=" + address + joint + "search_path=" + schema}, "PostgreSQL"
}

func (a *arena) isOld(seat int) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.old[seat]
}

func (a *arena) note(l *life, format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.notes = append(a.notes, note{time.Now(), l, fmt.Sprintf(format, args...)})
}

// until waits, and reports whether it came to be.
func (a *arena) until(atMost time.Duration, ok func() bool) bool {
	for end := time.Now().Add(atMost); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) || a.t.Context().Err() != nil {
			return false
		}
	}
	return true
}

// must is until, for what nothing makes sense without.
func (a *arena) must(what string, atMost time.Duration, ok func() bool) {
	a.t.Helper()
	if a.until(atMost, ok) {
		return
	}
	a.mu.Lock()
	lives := slices.Clone(a.lives)
	a.mu.Unlock()
	for _, l := range lives {
		a.t.Logf("the end of %s:\n%s", l.log, l.logTail(15))
	}
	a.t.Fatalf("%s: not after %s", what, atMost)
}

// witness sees every call of the processes. Each process has addresses of its own, http://…/pN/…,
// so it knows whose call it is.
type witness struct {
	mu        sync.Mutex // guards all below
	writes    []write
	requests  []request
	accepted  map[int]int // by question: how often the model began to answer it
	continued int         // of them, those that went on from a text
	last      time.Time   // of writes
}

// write is one call that changes an answer.
type write struct {
	at                     time.Time
	life                   int
	method, channel, asked string
	epoch                  int
	chars                  int
}

// request is one call to the model.
type request struct {
	at        time.Time
	life      int
	asked     string // ts of what is answered
	questions []int  // that it is to answer
	goesOn    bool
	ending    string // of the prompt, if there is no question in it
}

func newWitness() *witness { return &witness{accepted: map[int]int{}} }

// watch tells look of each call before it is made.
func (w *witness) watch(next http.Handler, look func(life int, r *http.Request, body []byte)) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		id, err := strconv.Atoi(strings.TrimPrefix(first, "p"))
		if !strings.HasPrefix(first, "p") || err != nil { // sockets
			next.ServeHTTP(out, r)
			return
		}
		r.URL.Path = "/" + rest
		if r.Method == http.MethodPost {
			body, err := io.ReadAll(r.Body)
			if err != nil { // it was killed in the middle of its call
				panic(http.ErrAbortHandler)
			}
			look(id, r, body)
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		next.ServeHTTP(out, r)
	})
}

func (w *witness) slackCall(life int, r *http.Request, body []byte) {
	method := path.Base(r.URL.Path)
	if !strings.HasPrefix(method, "chat.") {
		return
	}
	args, err := url.ParseQuery(string(body))
	if err != nil {
		return
	}
	var meta struct {
		Payload map[string]string `json:"event_payload"`
	}
	_ = json.Unmarshal([]byte(args.Get("metadata")), &meta) // there is none in streams and ephemerals
	epoch, _ := strconv.Atoi(meta.Payload["epoch"])
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = time.Now()
	w.writes = append(w.writes, write{
		at: w.last, life: life, method: method, channel: args.Get("channel"), asked: meta.Payload["asked"], epoch: epoch, chars: len(args.Get("blocks")),
	})
}

func (w *witness) modelCall(life int, r *http.Request, body []byte) {
	if r.URL.Path != "/v1/chat/completions" {
		return
	}
	var chat struct {
		Messages []llmsim.Message `json:"messages"`
		Continue bool             `json:"continue_final_message"`
	}
	if json.Unmarshal(body, &chat) != nil {
		return
	}
	if n := len(chat.Messages); chat.Continue && n > 0 {
		chat.Messages = chat.Messages[:n-1]
	}
	_, ids, goesOn := numberedAnswer(chat.Messages)
	q := request{at: time.Now(), life: life, questions: ids, goesOn: goesOn || chat.Continue}
	q.asked = strings.Replace(strings.TrimPrefix(r.Header.Get("X-Request-Id"), "llmbot-"), "-", ".", 1)
	if n := len(chat.Messages); len(ids) == 0 && n > 0 {
		q.ending = fmt.Sprintf("%s: %q", chat.Messages[n-1].Role, ending(chat.Messages[n-1].Content))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.requests = append(w.requests, q)
}

// answer is the model's answer; it is called once for each request that the server accepts.
func (w *witness) answer(c *llmsim.Chat) string {
	text, ids, goesOn := numberedAnswer(c.Messages)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		w.accepted[id]++
	}
	if goesOn || c.Continue {
		w.continued++
	}
	return text
}

func (w *witness) quietFor() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.last)
}
