package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/slackio"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// found are the findings of the model's part of the check, one a line: status, check, text, next
// step.
func found(t *testing.T, cfg Config, h http.Handler, set ...func(*checker)) string {
	t.Helper()
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		n := memnet.Serve(h)
		client := n.Client()
		defer func() {
			client.CloseIdleConnections()
			_ = n.Close()
		}()
		base, err := loadConfig([]string{"LLM_BASE_URL=http://me:hunter2@gpu:8000/v1"}, "")
		if err != nil {
			t.Fatal(err)
		}
		base.Model, base.MaxTokens = cfg.Model, cfg.MaxTokens
		c := checker{cfg: base, http: client, tell: func(f finding) { out.WriteString(f.Status + " | " + f.Check + " | " + f.Text + " | " + f.Next + "\n") }}
		for _, f := range set {
			f(&c)
		}
		c.model(t.Context())
	})
	if strings.Contains(out.String(), "hunter2") {
		t.Errorf("the password shows in\n%s", out.String())
	}
	return out.String()
}

// wants fails unless each of the wanted pieces is in the text, in a line of its own kind: all words
// of a piece in one line.
func wants(t *testing.T, text string, pieces ...string) {
	t.Helper()
pieces:
	for _, piece := range pieces {
	lines:
		for line := range strings.Lines(text) {
			for word := range strings.SplitSeq(piece, " … ") {
				if !strings.Contains(line, word) {
					continue lines
				}
			}
			continue pieces
		}
		t.Errorf("no line with %q in\n%s", piece, text)
	}
}

func TestCheckModel(t *testing.T) {
	wantsOf := func(name string, cfg Config, sim llmsim.Config, pieces ...string) {
		t.Run(name, func(t *testing.T) {
			if sim.Model == "" {
				sim.Model = "m"
			}
			wants(t, found(t, cfg, llmsim.New(sim)), pieces...)
		})
	}
	wantsOf("vLLM", Config{}, llmsim.Config{MaxModelLen: 131072},
		"ok | model server | http://gpu:8000/v1, version 0.32.0", "ok | model | m, the first that is served", "ok | context length | 131,072 tokens (128k)",
		"ok | model metrics | 0 running, 0 waiting", "ok | usage in streams | ", "ok | answer | … tok/s · first token … · m")
	wantsOf("named", Config{Model: "m"}, llmsim.Config{}, "ok | model | m is served")
	wantsOf("unknown model", Config{Model: "gpt-5"}, llmsim.Config{Aliases: []string{"b", "c", "d", "e", "f"}}, "error | model | gpt-5 is not served; served: m, b, c, d, e, … | Set LLM_MODEL")
	wantsOf("takes any name", Config{Model: "gpt-5"}, llmsim.Config{Dialect: llmsim.LlamaCPP}, "warning | model | gpt-5 is not listed and answers all the same", "ok | answer | ")
	wantsOf("short window", Config{}, llmsim.Config{MaxModelLen: 4096}, "warning | context length | 4,096 tokens (4k) … --max-model-len")
	wantsOf("slow", Config{}, llmsim.Config{Speed: 2}, "warning | answer | … tok/s … slower than people read")
	wantsOf("a model that thinks", Config{MaxTokens: 20}, llmsim.Config{Reasoning: true}, "ok | usage in streams | … 20 completion tokens", "ok | answer | 20 tokens")
	wantsOf("key", Config{}, llmsim.Config{APIKey: "k"}, "error | model server | The model server refused access … | Set LLM_API_KEY")
	for _, d := range llmsim.Dialects() {
		sim := llmsim.Config{Dialect: d}
		switch d {
		case llmsim.Ollama, llmsim.LMStudio, llmsim.TGI:
			wantsOf(string(d), Config{}, sim, "warning | context length | the server does not say it", "warning | model metrics | the server has no /metrics", "ok | answer | ")
		default:
			wantsOf(string(d), Config{}, sim, "ok | context length | 32,768 tokens (32k)", "ok | answer | ")
		}
	}
}

// TestCheckModelTakesTools: with a tools file, check tells before what the first question would.
func TestCheckModelTakesTools(t *testing.T) {
	offers := func(c *checker) { c.offers = true }
	for want, sim := range map[string]llmsim.Config{
		"ok | tools of the model server | the server takes requests with tools":                                                                                               {Tools: true},
		"error | tools of the model server | The model server takes no tools. It said: \"auto\" tool choice … --enable-auto-tool-choice and --tool-call-parser for the model": {},
		"error | tools of the model server | The model server takes no tools. It said: tools param … llama-server with --jinja":                                               {Dialect: llmsim.LlamaCPP},
		"error | tools of the model server | … does not support tools … a model that ollama.com lists":                                                                        {Dialect: llmsim.Ollama},
	} {
		wants(t, found(t, Config{}, llmsim.New(sim), offers), want)
		if out := found(t, Config{}, llmsim.New(sim)); strings.Contains(out, "tools of") {
			t.Errorf("unasked: %s", out)
		}
	}
}

func TestCheckModelIsAway(t *testing.T) {
	for mode, want := range map[llmsim.Mode]string{
		llmsim.Refusing:   "error | model server | The model server is not reachable at the moment. (http://gpu:8000/v1) | Start the model server … out of memory … address already in use",
		llmsim.BadGateway: "error | model server | The model server is not reachable",
		llmsim.Loading:    "warning | model server | The model is still loading. … | The server is loading the model; wait",
		llmsim.EngineDead: "error | answer | The model server is restarting.",
	} {
		sim := llmsim.New(llmsim.Config{})
		sim.SetMode(mode)
		wants(t, found(t, Config{}, sim), want)
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>It works!</html>") })
	wants(t, found(t, Config{}, page), "error | model server | … ss -ltnp")
	full := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, `{"error":{"message":"CUDA out of memory. Tried to allocate 2.00 GiB","code":500}}`)
	})
	wants(t, found(t, Config{}, full), "error | model server | … CUDA out of memory … --tensor-parallel-size … --max-model-len")
}

// A gateway takes away what asks for the token counts.
func TestCheckUsage(t *testing.T) {
	sim := llmsim.New(llmsim.Config{Model: "m"})
	gateway := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/chat/completions") {
			var body map[string]any
			_ = json.NewDecoder(r.Body).Decode(&body)
			delete(body, "stream_options")
			b, _ := json.Marshal(body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(b)), int64(len(b))
		}
		sim.ServeHTTP(w, r)
	})
	wants(t, found(t, Config{}, gateway), "warning | usage in streams | … include_usage", "ok | answer | … first token")
}

func TestCheckOthers(t *testing.T) {
	for _, c := range []struct {
		n     int
		state string
		want  string
	}{
		{0, "", "ok | other programs | none uses this app token"},
		{1, "", "warning | other programs | 1 more connection with this app token"},
		{2, "", "warning | other programs | 2 more connections with this app token"},
		{2, "postgres://db/x", "ok | other programs | 2 connections with this app token: right if they are replicas"},
	} {
		var out strings.Builder
		check := checker{cfg: Config{StateURL: c.state}, tell: func(f finding) { out.WriteString(f.Status + " | " + f.Check + " | " + f.Text) }}
		check.others(c.n)
		wants(t, out.String(), c.want)
	}
}

func TestCheckBeside(t *testing.T) {
	for n, want := range map[int]string{-1: "ok | other programs | none", 0: "ok | other programs | none", 1: "look | other programs | ", 2: "warning | other programs | 2 more"} {
		var out strings.Builder
		check := checker{tell: func(f finding) { out.WriteString(f.Status + " | " + f.Check + " | " + f.Text) }}
		check.beside(n)
		wants(t, out.String(), want)
	}
}

func TestCheckClock(t *testing.T) {
	for ahead, want := range map[string]string{
		"0s": "ok | clock | within a second", "-700ms": "ok | clock | within a second", "3s": "ok | clock | this machine is 3s behind Slack",
		"-3s": "ok | clock | this machine is 3s ahead of Slack", "90s": "warning | clock | this machine is 1m30s behind Slack",
	} {
		var out strings.Builder
		check := checker{tell: func(f finding) { out.WriteString(f.Status + " | " + f.Check + " | " + f.Text) }}
		check.clock(slackio.BotCheck{Ahead: duration(t, ahead), Timed: true})
		wants(t, out.String(), want)
	}
}

func duration(t *testing.T, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAppID(t *testing.T) {
	for token, want := range map[string]string{"xapp-1-A0123456789-987-secret": "A0123456789", "xapp-slacksim-app": "", "xapp-1-abcdefgh-1": "", "": ""} {
		if got := appID(token); got != want {
			t.Errorf("%s: %q", token, got)
		}
	}
}

// TestCheckLooksAtTheServicesState: when nothing says where the state is, and none is in this
// folder, it is that of the service.
func TestCheckLooksAtTheServicesState(t *testing.T) {
	service := t.TempDir()
	s, err := openStore(Config{StateDir: service}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.check(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	nowhere := filepath.Join(t.TempDir(), "data")
	for want, cfg := range map[string]Config{
		"ok | state | " + filepath.Join(service, "state.db") + " takes writes": {StateDir: nowhere},
		"ok | state | " + filepath.Join(nowhere, "state.db") + " takes writes": {StateDir: nowhere, stateNamed: true},
	} {
		var out strings.Builder
		check := checker{cfg: cfg, service: service, tell: func(f finding) { out.WriteString(f.Status + " | " + f.Check + " | " + f.Text) }}
		check.state(t.Context(), runningBot{})
		wants(t, out.String(), want)
	}
	if _, err := os.Stat(nowhere); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the check has left %s behind (%v)", nowhere, err)
	}
}

// TestFindingsStandApart: a name that is longer than its column runs into no text.
func TestFindingsStandApart(t *testing.T) {
	for check, want := range map[string]string{
		"state":                     "ok       state            fine\n         → go on\n",
		"tools of the model server": "ok       tools of the model server fine\n         → go on\n",
	} {
		var b strings.Builder
		tellFinding(&b, finding{Status: findingOK, Check: check, Text: "fine", Next: "go on"})
		if b.String() != want {
			t.Errorf("%q, want %q", b.String(), want)
		}
	}
}
