package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/slacksim"
)

// locked is a buffer that several goroutines write to.
type locked struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestNoSecretAtAnyLevel runs the bot with every secret configured, against servers that repeat all
// they know of them in their errors, in every spelling. Neither the log at debug, nor the ops
// pages, nor the check, nor an answer has any of it.
func TestNoSecretAtAnyLevel(t *testing.T) {
	t.Parallel()
	secrets := []string{"sk-live-1234567890abcdef", "gpuPassw0rd/+x", "queryT0kenValue", "urlPassw0rd%&x", "extraT0kenValue", "proxyPassw0rd", "pgPassw0rd123"}
	echo := func(r *http.Request) string {
		var b strings.Builder
		fmt.Fprintf(&b, "you sent %v to %s", r.Header, r.URL)
		for _, s := range secrets {
			for _, spelt := range spellings(s) {
				b.WriteString(" " + spelt)
			}
			b.WriteString("\x1b[31m")
		}
		return b.String()
	}
	model := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		said := echo(r)
		// The reader of errors keeps 300 bytes: another part of the text each time.
		at := int(time.Now().UnixNano()/1000) % len(said)
		if space := strings.IndexByte(said[at:], ' '); space >= 0 {
			at += space
		}
		said = said[at:] + said[:at]
		switch {
		case strings.HasSuffix(r.URL.Path, "/models"):
			_ = json.NewEncoder(w).Encode(map[string]any{"data": []any{map[string]any{"id": "m " + secrets[0] + "\x1b]0;x\a", "owned_by": said}}})
		case strings.HasSuffix(r.URL.Path, "/version"):
			_ = json.NewEncoder(w).Encode(map[string]any{"version": said})
		default:
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": said, "code": 400}})
		}
	}))
	defer model.Close()
	gpu := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "DCGM_FI_DEV_FB_USED{"+echo(r)) }))
	defer gpu.Close()
	var sim *slacksim.Sim // it is to know its address
	slack := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.Contains([]string{"/api/conversations.info", "/api/reactions.add", "/api/chat.delete"}, r.URL.Path) {
			_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": "no " + r.FormValue("token") + r.Header.Get("Authorization") + echo(r)})
			return
		}
		sim.ServeHTTP(w, r)
	}))
	sim = slacksim.New(slacksim.Config{Limiter: slacksim.LimiterOff, BaseURL: "http://" + slack.Listener.Addr().String()})
	secrets = append(secrets, sim.AppToken(), sim.BotToken())
	slack.Start()
	defer slack.Close()
	defer sim.Close()
	with := func(address, user string) string { return strings.Replace(address, "://", "://"+user+"@", 1) }
	env := []string{
		"SLACK_APP_TOKEN=" + sim.AppToken(), "SLACK_BOT_TOKEN=" + sim.BotToken(), "SLACK_API_URL=" + slack.URL + "/api/", "LLM_API_KEY=" + secrets[0],
		"LLM_BASE_URL=" + with(model.URL, "urluser:urlPassw0rd%25%26x") + "/v1?api_key=" + secrets[2], "GPU_METRICS_URL=" + with(gpu.URL, "urluser:gpuPassw0rd%2F+x") + "/metrics?token=" + secrets[2],
		`LLM_EXTRA_BODY={"api_key": "` + secrets[4] + `"}`, "HTTPS_PROXY=http://urluser:" + secrets[5] + "@proxy:1", "PGPASSWORD=" + secrets[6],
		"LOG_LEVEL=debug", "OPS_ADDR=127.0.0.1:0", "STATE_DIR=" + filepath.Join(t.TempDir(), "state"), "BOT_DRAIN_TIMEOUT=1s",
	}
	cfg, err := loadConfig(env, "")
	if err != nil {
		t.Fatal(err)
	}
	var out, checked locked
	log := newLog(&out, cfg, slog.LevelDebug)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- cfg.redactor().hide(serve(ctx, cfg, log)) }()
	limited, stop := context.WithTimeout(ctx, patience)
	defer stop()
	if err := sim.Wait(limited, func(*slacksim.Sim) bool { return sim.Sockets() == 2 }); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	ops := ""
	for line := range strings.Lines(out.String()) {
		if _, address, ok := strings.Cut(line, "msg=ops_open address="); ok {
			ops = "http://" + strings.TrimSpace(address)
		}
	}
	ts := sim.Say("alice", "general", "", sim.Mention()+" hello")
	if err := sim.Wait(limited, func(*slacksim.Sim) bool { return len(sim.Replies("general", ts)) > 0 }); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	said, err := sim.Command(limited, "alice", "general", "/llm-status", "details")
	if err != nil {
		t.Error(err)
	}
	if strings.Contains(said.Plain, "\x1b") { // what a server that has the key calls itself is shown; it could publish the key anyhow
		t.Errorf("the status has an escape: %q", said.Plain)
	}
	fmt.Fprintln(&checked, sim.Replies("general", ts))
	for _, path := range []string{"/", "/readyz", "/readyz?format=json", "/metrics", "/debug/threads", "/debug/pace", "/debug/pprof/goroutine?debug=2"} {
		b, err := page(limited, http.DefaultClient, ops+path)
		if err != nil {
			t.Error(err)
		}
		checked.Write(b)
	}
	for _, flags := range [][]string{nil, {"-json"}} {
		p := process{env: env, in: strings.NewReader(""), out: &checked, err: &checked}
		if code := run(limited, append([]string{"check"}, flags...), p); code != exitFailed {
			t.Errorf("the check ends with %d", code)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		fmt.Fprintln(&checked, err)
	}
	for what, text := range map[string]string{"the log": out.String(), "pages and check": checked.String()} {
		for _, s := range secrets {
			if found := shows(text, s); found != "" {
				for line := range strings.Lines(text) {
					if shows(line, s) != "" {
						t.Errorf("%s shows %s as %s: %s", what, s, found, line)
						break
					}
				}
			}
		}
		for _, bad := range []string{"\x1b", "urluser", "api_key=", "?token="} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %q", what, bad)
			}
		}
		if !strings.Contains(text, mask) {
			t.Errorf("nothing was hidden in %s: the servers were not heard\n%s", what, text)
		}
	}
}
