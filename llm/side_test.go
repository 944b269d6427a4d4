package llm

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm/egress"
)

func TestBaseURL(t *testing.T) {
	for in, want := range map[string][2]string{
		"http://h:8000/v1":                  {"http://h:8000/v1", "http://h:8000"},
		"http://h:8000/v1/":                 {"http://h:8000/v1", "http://h:8000"},
		"http://h:8000":                     {"http://h:8000/v1", "http://h:8000"},
		"http://h:8000/":                    {"http://h:8000/v1", "http://h:8000"},
		" h:8000 ":                          {"http://h:8000/v1", "http://h:8000"},
		"https://k/openai/v1":               {"https://k/openai/v1", "https://k/openai"},
		"https://k/openai":                  {"https://k/openai/v1", "https://k/openai"},
		"http://h/v1/chat/completions":      {"http://h/v1", "http://h"},
		"http://h/api/v4":                   {"http://h/api/v4", "http://h/api"},
		"http://[::1]:8000/v1?x=1#y":        {"http://[::1]:8000/v1", "http://[::1]:8000"},
		"http://user:pw@h:8000/v1":          {"http://user:pw@h:8000/v1", "http://user:pw@h:8000"},
		"":                                  {},
		"ftp://h":                           {},
		"http://h:80000/v1":                 {},
		":8000":                             {},
		"http://":                           {},
		"http://user:se cret@h:8000/%zz/v1": {},
	} {
		base, root, err := splitBase(in, "LLM_BASE_URL")
		if base != want[0] || root != want[1] || (err != nil) != (want[0] == "") {
			t.Errorf("%q: %q %q %v", in, base, root, err)
		}
	}
}

// fixtures serves captured bodies by path; other paths are vLLM's 404.
type fixtures map[string]string

func (f fixtures) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	name, ok := f[r.Method+" "+r.URL.Path]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"detail":"Not Found"}`)
		return
	}
	body, err := os.ReadFile("testdata/real/" + name)
	if err != nil {
		body = []byte(name)
	}
	_, _ = w.Write(body)
}

func TestSideEndpoints(t *testing.T) {
	ctx := t.Context()
	c := recordedClient(t, fixtures{
		"GET /v1/models": "models.json", "GET /health": "", "GET /version": "version.json", "POST /tokenize": "tokenize_chat.json",
	}, Config{})
	models, err := c.Models(ctx)
	if err != nil || len(models) == 0 || models[0].MaxModelLen != 512 || models[0].ID != "tiny" || models[0].OwnedBy != "vllm" {
		t.Errorf("models %+v %v", models, err)
	}
	if m, err := c.Model(ctx, ""); err != nil || m.ID != "tiny" {
		t.Errorf("model %+v %v", m, err)
	}
	if err := c.Health(ctx); err != nil {
		t.Error(err)
	}
	if v, err := c.Version(ctx); err != nil || v != "0.32.0" {
		t.Errorf("version %q %v", v, err)
	}
	if n, limit, err := c.Tokenize(ctx, "", []Message{{Role: RoleUser, Content: "hi"}}); err != nil || n == 0 || limit != 512 {
		t.Errorf("tokenize %d %d %v", n, limit, err)
	}
	// What a server does not have is not a failure.
	c = recordedClient(t, fixtures{"GET /v1/models": "llamacpp-models.json", "POST /tokenize": `{"tokens":[1,2]}`}, Config{})
	if m, err := c.Model(ctx, ""); err != nil || m.MaxModelLen != 512 {
		t.Errorf("llama.cpp: %+v %v", m, err)
	}
	_, verr := c.Version(ctx)
	_, merr := c.Metrics(ctx)
	_, _, terr := c.Tokenize(ctx, "m", nil)
	for _, err := range []error{c.Health(ctx), verr, merr, terr} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
	}
}

func TestModelIsCachedAndRefreshed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served, looked := "a", 0
		c := recordedClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			switch {
			case r.Method == http.MethodGet:
				looked++
				_, _ = io.WriteString(w, `{"data":[{"id":"`+served+`"}]}`)
			case len(body) > 0 && !containsModel(body, served):
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, "{\"error\":{\"message\":\"The model `x` does not exist. Valid aliases: b.\",\"param\":\"model\",\"code\":404}}")
			default:
				_, _ = io.WriteString(w, textEvent("Hi")+stopEvent+doneEvent)
			}
		}), Config{})
		for range 3 {
			if m, err := c.Model(t.Context(), ""); err != nil || m.ID != "a" {
				t.Fatal(m, err)
			}
		}
		if looked != 1 {
			t.Errorf("asked %d times", looked)
		}
		served = "b"
		// The server came back with another model: the refusal is not shown.
		if got := ask(t.Context(), c, Request{}); got.err != nil || got.text != "Hi" || looked != 2 {
			t.Errorf("%v, asked %d times", got.err, looked)
		}
		if m, _ := c.Model(t.Context(), ""); m.ID != "b" {
			t.Errorf("model %q", m.ID)
		}
		time.Sleep(modelsTTL)
		if _, err := c.Model(t.Context(), ""); err != nil || looked != 3 {
			t.Errorf("asked %d times, %v", looked, err)
		}
		got := ask(t.Context(), c, Request{Model: "nope"})
		if e, ok := errors.AsType[*Error](got.err); !ok || e.Kind != KindNoModel || e.Hint() != "Set LLM_MODEL to a served model (b), or leave it empty for the first one." {
			t.Errorf("%v", got.err)
		}
	})
}

func containsModel(body []byte, name string) bool {
	return contains(string(body), `"model":"`+name+`"`)
}

func TestDown(t *testing.T) {
	for name, cause := range map[string]error{
		"refused": &net.OpError{Op: "dial", Err: errors.New("connection refused")},
		"dns":     &net.DNSError{Name: "nope", IsNotFound: true},
		"reset":   io.EOF,
	} {
		hc := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, cause }}}
		c, err := New(Config{BaseURL: "http://secret.host:8000", HTTP: hc})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{ask(t.Context(), c, Request{Model: "m"}).err, ask(t.Context(), c, Request{}).err, c.Health(t.Context())} {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != KindDown || !e.Away() || e.Again() {
				t.Errorf("%s: %v", name, err)
				continue
			}
			checkSentence(t, e)
		}
	}
}

// A pooled connection that the server closed in the meantime must never show (vLLM closes idle ones after 5 s).
func TestStaleConnection(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip("no sockets here")
	}
	srv := &http.Server{IdleTimeout: 20 * time.Millisecond, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, textEvent("Hi")+stopEvent+doneEvent)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(ln) }()
	defer func() { _ = srv.Close(); <-done }()
	c, err := New(Config{BaseURL: "http://" + ln.Addr().String(), Model: "m"})
	if err != nil {
		t.Fatal(err)
	}
	for range 60 {
		if got := ask(t.Context(), c, Request{}); got.err != nil {
			t.Fatal(got.err)
		}
		<-time.After(19 * time.Millisecond)
	}
}

func TestGivenClientIsNotChanged(t *testing.T) {
	tr := &http.Transport{ResponseHeaderTimeout: time.Second}
	hc := &http.Client{Transport: tr, Timeout: time.Minute}
	c, err := New(Config{BaseURL: "http://h", HTTP: hc})
	if err != nil {
		t.Fatal(err)
	}
	if hc.Timeout != time.Minute || hc.Transport != tr || tr.ResponseHeaderTimeout != time.Second {
		t.Error("the given client was changed")
	}
	if own, ok := egress.Transport(c.http).(*http.Transport); !ok || c.http.Timeout != 0 || own.ResponseHeaderTimeout != 0 {
		t.Error("its timeouts would end a stream")
	}
	if own, ok := egress.Transport(httpClient(Config{})).(*http.Transport); !ok || own.Proxy != nil || own.IdleConnTimeout > idleConnTimeout {
		t.Error("our own transport")
	}
}

func TestEveryKindHasWords(t *testing.T) {
	seen := map[string]Kind{}
	for k := KindServer; k <= KindEmpty; k++ {
		e := &Error{Kind: k}
		checkSentence(t, e)
		if other, twice := seen[e.User()]; twice {
			t.Errorf("%v and %v have the same sentence", k, other)
		}
		seen[e.User()] = k
		if e.Away() && e.Again() {
			t.Errorf("%v: both away and again", k)
		}
	}
}
