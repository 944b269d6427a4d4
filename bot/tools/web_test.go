package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"llmbot/llm/llmsim/memnet"
)

// site is an HTTP server in memory that remembers what was asked.
type site struct {
	mu   sync.Mutex // guards what follows
	asks []string   // method, path, Authorization
	h    http.Handler
}

func (w *site) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	w.asks = append(w.asks, r.Method+" "+r.Host+r.URL.Path+" "+r.Header.Get("Authorization"))
	h := w.h
	w.mu.Unlock()
	body, _ := io.ReadAll(r.Body) // else the server does not notice that the client is gone
	r.Body = io.NopCloser(bytes.NewReader(body))
	h.ServeHTTP(rw, r)
}

func (w *site) set(h http.Handler) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h = h
}

func (w *site) asked() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.asks, "\n")
}

// online runs Servers against a handler.
func online(t *testing.T, h http.Handler, more string) (*Servers, *site) {
	t.Helper()
	w := &site{h: h}
	n := memnet.Serve(w)
	rt := &http.Transport{DialContext: n.Dial, DialTLSContext: n.Dial}
	t.Cleanup(func() {
		rt.CloseIdleConnections()
		_ = n.Close()
		time.Sleep(time.Hour) // sessions of the server time out
	})
	s := started(t, Config{HTTP: rt, File: parsed(t, `{"mcpServers": {"s": {"url": "http://wiki.test/mcp?key=s3cret-key", "headers": {"Authorization": "Bearer ${TOKEN}"}, "tools": {"*": "everywhere"}`+more+`}}}`)})
	s.Settle(t.Context())
	return s, w
}

func streamable(s *mcp.Server, o *mcp.StreamableHTTPOptions) http.Handler {
	if o == nil {
		o = &mcp.StreamableHTTPOptions{}
	}
	o.DisableLocalhostProtection, o.SessionTimeout = true, 30*time.Minute
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, o)
}

// TestHTTP speaks streamable HTTP in all its forms, and SSE where the server knows nothing else.
func TestHTTP(t *testing.T) {
	server := newest("search")
	events := mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return server }, nil)
	for name, c := range map[string]struct {
		h    http.Handler
		more string
		get  bool // there is a GET
	}{
		"sessions":  {streamable(server, nil), "", true},
		"JSON":      {streamable(server, &mcp.StreamableHTTPOptions{JSONResponse: true}), `, "type": "http"`, true},
		"stateless": {streamable(server, &mcp.StreamableHTTPOptions{Stateless: true}), "", false},
		"old":       {events, "", true},
		"SSE":       {events, `, "type": "sse"`, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w := online(t, c.h, c.more)
			if r := calls(t, s, "s_search"); r.Failed || r.Text != `search{"a":1}` {
				t.Errorf("%s: %+v %+v", name, r, s.Status())
			}
			for ask := range strings.SplitSeq(w.asked(), "\n") {
				if !strings.HasSuffix(ask, " Bearer s3cret-token") {
					t.Errorf("%s: %s", name, ask)
				}
			}
			if got := strings.Contains(w.asked(), "GET "); got != c.get {
				t.Errorf("%s: %s", name, w.asked())
			}
			if name == "SSE" && strings.HasPrefix(w.asked(), "POST") {
				t.Errorf("%s: %s", name, w.asked())
			}
		})
	}
}

// TestHTTPFails says in words that help why a server cannot be used, without its secrets.
func TestHTTPFails(t *testing.T) {
	status := func(n int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) })
	}
	for name, c := range map[string]struct {
		h          http.Handler
		more       string
		told, hint string
	}{
		"401":      {status(401), "", "HTTP 401 (Unauthorized)", "token"},
		"403":      {status(403), "", "HTTP 403", "token"},
		"404":      {status(404), "", "HTTP 404", "path of url"},
		"404 http": {status(404), `, "type": "http"`, "HTTP 404", "path of url"},
		"500":      {status(500), "", "HTTP 500", "log"},
		"redirect": {http.RedirectHandler("https://evil.test/s3cret-token?x", http.StatusTemporaryRedirect), "", "redirects to https://evil.test", "BOT_TOOLS_FILE"},
		"a page":   {http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello</html>") }), "", "", ""},
		"hangs":    {http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), "", "did not answer in time", ""},
		"SSE away": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: endpoint\ndata: http://evil.test/take?token\n\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}), "", "", ""},
		"endless JSON": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("[", 1<<16)); err != nil {
					return
				}
			}
		}), "", "", ""},
		"endless event": {http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: ")
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, strings.Repeat("x", 1<<16)); err != nil {
					return
				}
			}
		}), "", "", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, w := online(t, c.h, c.more)
			st := s.Status()[0]
			if !strings.Contains(st.Why, c.told) || !strings.Contains(st.Hint, c.hint) || st.Connected {
				t.Errorf("%s: %+v", name, st)
			}
			if strings.Contains(fmt.Sprintf("%+v", st), "s3cret") {
				t.Errorf("%s: a secret: %+v", name, st)
			}
			if strings.Contains(w.asked(), "evil") {
				t.Errorf("%s: %s", name, w.asked())
			}
			if got := s.Offer(Place{}); got != nil {
				t.Errorf("%s: %v", name, got)
			}
		})
	}
}

// TestHTTPRestarts: a server that forgets its sessions, is busy, or goes away for a while.
func TestHTTPRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newest("w")
		old := func() http.Handler { // it knows the handshake alone, so it has sessions
			h := streamable(server, nil)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if strings.Contains(string(body), "server/discover") {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				h.ServeHTTP(w, r)
			})
		}
		s, w := online(t, old(), "")
		if r := calls(t, s, "s_w"); r.Failed {
			t.Fatalf("%+v %+v", r, s.Status())
		}
		if got := s.Status()[0].Protocol; got != oldVersion {
			t.Errorf("%s", got)
		}
		time.Sleep(10 * time.Minute) // the stream of what it sends by itself stays open
		w.set(old())                 // restarted: its sessions are forgotten
		first := calls(t, s, "s_w")
		time.Sleep(5 * time.Second)
		if r := calls(t, s, "s_w"); r.Failed {
			t.Errorf("after %+v: %+v", first, r)
		}
		w.set(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
		if r := calls(t, s, "s_w"); !r.Failed {
			t.Errorf("%+v", r)
		}
		w.set(old())
		time.Sleep(2 * time.Minute)
		first = calls(t, s, "s_w")
		time.Sleep(5 * time.Second)
		if r := calls(t, s, "s_w"); r.Failed {
			t.Errorf("after %+v: %+v", first, r)
		}
	})
}

// TestHTTPForgets: servers say in several words that they do not know a session. The call, which
// nobody has made, is made in a new one, also if its tool may change something.
func TestHTTPForgets(t *testing.T) {
	for _, words := range []string{
		`{"jsonrpc":"2.0","id":"server-error","error":{"code":-32600,"message":"Session not found"}}`, // Python's SDK 1
		`{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"Session not found"}}`,           // TypeScript's
		"session not found\n",
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newest("w")
			fresh := func() http.Handler {
				h := streamable(server, nil)
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if strings.Contains(string(body), "server/discover") {
						w.WriteHeader(http.StatusBadRequest)
						return
					}
					r.Body = io.NopCloser(bytes.NewReader(body))
					rec := &notFound{ResponseWriter: w, words: words}
					h.ServeHTTP(rec, r)
				})
			}
			s, w := online(t, fresh(), "")
			if r := calls(t, s, "s_w"); r.Failed {
				t.Fatalf("%+v %+v", r, s.Status())
			}
			w.set(fresh())
			if r := calls(t, s, "s_w"); r.Failed || r.Text != `w{"a":1}` {
				t.Errorf("%s: %+v", words, r)
			}
		})
	}
}

// TestHostHeader: a server behind a name of its own gets that name.
func TestHostHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := ""
		inner := streamable(newest("w"), nil)
		n := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Host
			inner.ServeHTTP(w, r)
		}))
		rt := &http.Transport{DialContext: n.Dial}
		t.Cleanup(func() {
			rt.CloseIdleConnections()
			_ = n.Close()
			time.Sleep(time.Hour)
		})
		s := started(t, Config{HTTP: rt, File: parsed(t, `{"mcpServers": {"s": {"url": "http://10.0.0.1/mcp", "headers": {"host": "wiki.test"}}}}`)})
		s.Settle(t.Context())
		if got != "wiki.test" {
			t.Errorf("Host: %q", got)
		}
	})
}

// TestOnlyALostSessionIsMadeAnew: a tool of the server's own may know sessions, and answer that it does
// not find one. Such a call was made, and is not made again, however the answer comes.
func TestOnlyALostSessionIsMadeAnew(t *testing.T) {
	for _, code := range []int{-32602, -32600, -32001, -32000, 1} {
		for _, status := range []int{http.StatusOK, http.StatusBadRequest, http.StatusInternalServerError} {
			synctest.Test(t, func(t *testing.T) {
				made := 0
				inner := streamable(newest("w"), nil)
				s, _ := online(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					var m struct {
						ID     json.RawMessage
						Method string
					}
					if _ = json.Unmarshal(body, &m); m.Method == "tools/call" {
						made++
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(status)
						_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"Session not found"}}`, m.ID, code)
						return
					}
					r.Body = io.NopCloser(bytes.NewReader(body))
					inner.ServeHTTP(w, r)
				}), "")
				if r := calls(t, s, "s_w"); !r.Failed || made != 1 {
					t.Errorf("%d with HTTP %d: made %d times: %+v", code, status, made, r)
				}
			})
		}
	}
}

// A call whose answer is a stream has been made. When the stream breaks off, and the server that was
// restarted meanwhile does not know the session in which it is to be resumed, nobody makes it again.
func TestAResumedStreamIsNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // guards made and resumed
		made, resumed := 0, 0
		inner := streamable(newest("w"), nil)
		s, _ := online(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			call := strings.Contains(string(body), `"tools/call"`)
			again := r.Header.Get("Last-Event-ID") != ""
			mu.Lock()
			if call {
				made++
			} else if again {
				resumed++
			}
			mu.Unlock()
			switch {
			case call:
				w.Header().Set("Content-Type", "text/event-stream")
				_, _ = io.WriteString(w, "id: 7\nretry: 10\ndata: \n\n")
			case again:
				w.WriteHeader(http.StatusNotFound)
			default:
				r.Body = io.NopCloser(bytes.NewReader(body))
				inner.ServeHTTP(w, r)
			}
		}), "")
		r := calls(t, s, "s_w")
		mu.Lock()
		defer mu.Unlock()
		if !r.Failed || made != 1 || resumed == 0 {
			t.Errorf("made %d times, resumed %d times: %+v", made, resumed, r)
		}
	})
}

// notFound says in other words that a session is not known.
type notFound struct {
	http.ResponseWriter

	words string
	is    bool
}

func (w *notFound) WriteHeader(status int) {
	if w.is = status == http.StatusNotFound; w.is && strings.HasPrefix(w.words, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *notFound) Write(b []byte) (int, error) {
	if w.is {
		_, err := io.WriteString(w.ResponseWriter, w.words)
		return len(b), err
	}
	return w.ResponseWriter.Write(b)
}

func (w *notFound) Flush() {
	if f, ok := w.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// TestHTTPCalls: what goes wrong in a call over HTTP.
func TestHTTPCalls(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, id string)
		want   string
	}{
		"hangs": {func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() }, "did not answer within 30s"},
		"stream ends": {func(w http.ResponseWriter, _ *http.Request, _ string) {
			w.Header().Set("Content-Type", "text/event-stream")
		}, "broke off"},
		"10 MB": {func(w http.ResponseWriter, _ *http.Request, id string) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = fmt.Fprintf(w, `data: {"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}`+"\n\n", id, strings.Repeat("x", 10<<20))
		}, "too long"},
		"20 MB of JSON": {func(w http.ResponseWriter, _ *http.Request, id string) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"%s"}]}}`, id, strings.Repeat("x", 20<<20))
		}, "too long"},
		"slow stream": {func(w http.ResponseWriter, r *http.Request, _ string) {
			w.Header().Set("Content-Type", "text/event-stream")
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, ": wait\n\n")
				w.(http.Flusher).Flush()
				time.Sleep(time.Second)
			}
		}, "did not answer within 30s"},
		"refusal": {func(w http.ResponseWriter, _ *http.Request, id string) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32602,"message":"bad argument"}}`, id)
		}, "refused the call: bad argument"},
		"another type": {func(w http.ResponseWriter, _ *http.Request, _ string) { w.Header().Set("Content-Type", "text/html") }, ""},
		"401":          {func(w http.ResponseWriter, _ *http.Request, _ string) { w.WriteHeader(http.StatusUnauthorized) }, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			inner := streamable(newest("w"), nil)
			s, w := online(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var m struct {
					ID     json.RawMessage
					Method string
				}
				if _ = json.Unmarshal(body, &m); m.Method == "tools/call" {
					c.answer(w, r, string(m.ID))
					return
				}
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				inner.ServeHTTP(w, r)
			}), "")
			r := calls(t, s, "s_w")
			if !r.Failed || !strings.Contains(r.Text, c.want) || r.Took > defaultTimeout || strings.Contains(r.Text, "s3cret") {
				t.Errorf("%s: %.300s after %s", name, r.Text, r.Took)
			}
			w.set(inner)
			time.Sleep(5 * time.Second)
			if r := calls(t, s, "s_w"); r.Failed {
				t.Errorf("after %s: %+v", name, r)
			}
		})
	}
}
