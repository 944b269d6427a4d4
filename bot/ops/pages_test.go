package ops

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

func TestReady(t *testing.T) {
	up := func(context.Context) error { return nil }
	model := func(context.Context) (string, error) { return "test-model", nil }
	two := func() int { return 2 }
	for name, c := range map[string]struct {
		cfg    Config
		status int
		want   []string
	}{
		"all is well": {
			Config{Sockets: two, Connections: two, Store: up, Model: model},
			http.StatusOK,
			[]string{"ready\n", "sockets: 2 open, Slack counted 2 of the app", "store: usable", "model server: up: test-model"},
		},
		"no socket": {Config{Store: up, Model: model}, http.StatusServiceUnavailable, []string{"not ready: no socket to Slack is open", "sockets: 0 open"}},
		"sockets that Slack refuses": {
			Config{Sockets: func() int { return 1 }, Trouble: func() string { return "socket 1: slack closed the socket: link_disabled" }, Store: up, Model: model},
			http.StatusOK,
			[]string{"ready\nsockets: 1 open\nnot open: socket 1: slack closed the socket: link_disabled\nstore: usable"},
		},
		"no store": {
			Config{Sockets: two, Model: model, Store: func(context.Context) error { return errors.New("disk is full") }},
			http.StatusServiceUnavailable,
			[]string{"not ready: the store is not usable", "store: not usable: disk is full"},
		},
		"a model server that is down is not unready": {
			Config{Sockets: two, Store: up, Model: func(context.Context) (string, error) { return "", errors.New("it is loading") }},
			http.StatusOK,
			[]string{"ready\n", "model server: down: it is loading"},
		},
		"stopping": {
			Config{Sockets: two, Store: up, Model: model, Stopping: func() bool { return true }},
			http.StatusServiceUnavailable,
			[]string{"not ready: it is stopping"},
		},
		"a store that hangs": {
			Config{Sockets: two, Model: model, Store: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			http.StatusServiceUnavailable,
			[]string{"store: not usable: context deadline exceeded"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				get := served(t, c.cfg)
				began := time.Now()
				status, body := get("/readyz")
				if status != c.status || time.Since(began) > 2*askFor {
					t.Errorf("status %d after %s:\n%s", status, time.Since(began), body)
				}
				for _, want := range c.want {
					if !strings.Contains(body, want) {
						t.Errorf("no %q in\n%s", want, body)
					}
				}
				var h Health
				if _, body := get("/readyz?format=json"); json.Unmarshal([]byte(body), &h) != nil || h.Ready != (c.status == http.StatusOK) {
					t.Errorf("as JSON: %s", body)
				}
			})
		})
	}
}

// However many ask, the store and the model server are asked once in 5 s, and whoever gave up costs
// the others nothing.
func TestAskedSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var store, model atomic.Int32
		get := served(t, Config{
			Sockets: func() int { return 1 },
			Store:   func(context.Context) error { store.Add(1); return nil },
			Model:   func(context.Context) (string, error) { time.Sleep(time.Second); model.Add(1); return "m", nil },
		})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { get("/readyz") })
			all.Go(func() { get("/metrics") })
		}
		all.Wait()
		if store.Load() != 1 || model.Load() != 1 {
			t.Errorf("asked %d and %d times", store.Load(), model.Load())
		}
		time.Sleep(askEvery)
		get("/readyz")
		if store.Load() != 2 || model.Load() != 2 {
			t.Errorf("asked %d and %d times after 5 s", store.Load(), model.Load())
		}

		a := newAsking(func(ctx context.Context) (string, error) { time.Sleep(time.Second); return "there", ctx.Err() })
		gone, cancel := context.WithCancel(t.Context())
		all.Go(func() { a.now(gone) })
		synctest.Wait()
		cancel()
		if s := a.now(t.Context()); s.text != "there" || s.err != nil {
			t.Errorf("what comes after one that left: %+v", s)
		}
		all.Wait()
	})
}

func TestThreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		get := served(t, Config{
			Queued: func() int { return 1 }, Held: func() int { return 3 },
			Threads: func() []bot.ThreadState {
				return []bot.ThreadState{
					{Thread: thread.ID{Channel: "C1", TS: "100.5"}, Ask: "101.5", Phase: bot.ThreadWriting, Since: now.Add(-1500 * time.Millisecond), Came: now.Add(-150 * time.Second), Asks: 2},
					{Thread: thread.ID{Channel: "C2", TS: "200.5"}, Phase: bot.ThreadIdle},
				}
			},
		})
		_, body := get("/debug/threads")
		for _, want := range []string{"2 live threads, 1 of them wait for a slot", "C1/100.5  101.5    writing  1.5s  2m30s      2", "C2/200.5  -        idle     -     -          0"} {
			if !strings.Contains(body, want) {
				t.Errorf("no %q in\n%s", want, body)
			}
		}
		var out struct{ Threads []threadJSON }
		_, body = get("/debug/threads?format=json")
		if err := json.Unmarshal([]byte(body), &out); err != nil || len(out.Threads) != 2 || out.Threads[0].For != 1.5 || out.Threads[0].Age != 150 {
			t.Errorf("%v: %s", err, body)
		}
		_, body = get("/metrics")
		for _, want := range []string{`llmbot_threads{phase="writing"} 1`, `llmbot_threads{phase="queued"} 0`, "llmbot_queue_length 1", "llmbot_held_threads 3"} {
			if !strings.Contains(body, want) {
				t.Errorf("no %q in the metrics", want)
			}
		}
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		get := served(t, Config{Pace: func() pace.Snapshot {
			return pace.Snapshot{
				Methods:  map[pace.Method]pace.Budget{pace.MethodEdit: {Now: 7, InMinute: 43, Model: "bucket", Burst: 10, Paused: 4.5, Smooth: 90}},
				Channels: map[string]pace.Budget{"C1": {Now: 1, Model: "window"}},
				Calls:    map[string]int{"first": 3, "final": 2}, Flying: 1, Share: 0.5,
				Lanes: []pace.LaneState{{Channel: "C1", Age: 3, Text: 900, Shown: 400, Next: "edit", Dirty: true, Closing: true}},
			}
		}})
		_, body := get("/debug/pace")
		for _, want := range []string{
			"1 call under way; this process may use 50 %", "chat.update  7    43           a bucket with bursts of 10, for 1m30s more  4.5 s",
			"posts in C1  1", "final 2  first 3", "1 unfinished answer\n", "complete, to be shown",
		} {
			if !strings.Contains(body, want) {
				t.Errorf("no %q in\n%s", want, body)
			}
		}
		var snap pace.Snapshot
		if _, body = get("/debug/pace?format=json"); json.Unmarshal([]byte(body), &snap) != nil || snap.Methods[pace.MethodEdit].Now != 7 {
			t.Errorf("as JSON: %s", body)
		}
		if _, body = get("/metrics"); !strings.Contains(body, `llmbot_slack_budget_left_calls{method="chat.update"} 7`) {
			t.Error("the budget is not in the metrics")
		}
	})
}

// Every page that the index names is there; others are not, and nothing can be changed.
func TestIndex(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		get := served(t, Config{Version: "v1 <b>", Sockets: func() int { return 1 }})
		status, body := get("/")
		if status != http.StatusOK || !strings.Contains(body, "llmbot v1 &lt;b&gt;") {
			t.Errorf("%d\n%s", status, body)
		}
		links := strings.Split(body, `href="`)[1:]
		if len(links) != 7 {
			t.Errorf("%d links", len(links))
		}
		for _, link := range append(links, "/debug/pprof/heap?debug=1\"", "/debug/pprof/goroutine?debug=2\"") {
			path, _, _ := strings.Cut(link, `"`)
			if status, body := get(path); status != http.StatusOK {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		for _, path := range []string{"/nothing", "/debug/", "/livez/x"} {
			if status, _ := get(path); status != http.StatusNotFound {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status, _ := get("/debug/pprof/cmdline"); status != http.StatusForbidden {
			t.Errorf("the command line: %d", status)
		}
	})
}

func TestMethodsAndHosts(t *testing.T) {
	s := New(Config{Metrics: NewMetrics(Build{}), Log: slog.New(slog.DiscardHandler)})
	loopback := &net.TCPAddr{IP: net.IPv6loopback, Port: 9464}
	open := &net.TCPAddr{IP: net.IPv4zero, Port: 9464}
	for _, c := range []struct {
		method, host string
		at           net.Addr
		status       int
	}{
		{http.MethodGet, "127.0.0.1:9464", loopback, http.StatusOK},
		{http.MethodGet, "localhost:9464", loopback, http.StatusOK},
		{http.MethodGet, "localhost", loopback, http.StatusOK},
		{http.MethodGet, "[::1]:9464", loopback, http.StatusOK},
		{http.MethodGet, "evil.example:9464", loopback, http.StatusMisdirectedRequest},
		{http.MethodGet, "10.0.0.1", loopback, http.StatusMisdirectedRequest},
		{http.MethodGet, "pod-7.cluster.local:9464", open, http.StatusOK},
		{http.MethodPost, "localhost", loopback, http.StatusMethodNotAllowed},
		{http.MethodDelete, "localhost", open, http.StatusMethodNotAllowed},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/livez", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		guarded(at{c.at}, s).ServeHTTP(w, r)
		if w.Code != c.status {
			t.Errorf("%s for %s at %s: %d, want %d", c.method, c.host, c.at, w.Code, c.status)
		}
	}
}

// at is a listener that is only asked where it listens.
type at struct{ addr net.Addr }

func (a at) Accept() (net.Conn, error) { return nil, net.ErrClosed }
func (a at) Close() error              { return nil }
func (a at) Addr() net.Addr            { return a.addr }

// Clients that say nothing, or half of something, are cut; a request under way when the server ends
// is answered; a long one is cut.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := New(Config{
			Metrics: NewMetrics(Build{}), Log: slog.New(slog.DiscardHandler), Sockets: func() int { return 1 },
			Model: func(ctx context.Context) (string, error) {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return "m", nil
			},
		})
		l := newPipes()
		if srv := s.server(l); srv.ReadTimeout <= 0 || srv.WriteTimeout <= 0 || srv.IdleTimeout <= 0 || srv.ReadHeaderTimeout <= 0 || srv.MaxHeaderBytes <= 0 {
			t.Errorf("a limit is missing: %+v", srv)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, l) }()

		for _, begin := range []string{"", "GET /livez HTTP/1.1\r\nHost: localh"} {
			c := l.dial()
			fmt.Fprint(c, begin)
			began := time.Now()
			if _, err := io.ReadAll(c); err != nil || time.Since(began) > headerTimeout+time.Second {
				t.Errorf("a client that said %q was cut after %s: %v", begin, time.Since(began), err)
			}
		}

		c := l.dial()
		fmt.Fprint(c, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		synctest.Wait()
		cancel()
		synctest.Wait()
		close(release)
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); status(err, resp) != http.StatusOK {
			t.Errorf("under way at the end: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
