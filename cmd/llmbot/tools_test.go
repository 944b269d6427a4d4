package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"llmbot/bot/tools"
)

func TestToolsFile(t *testing.T) {
	t.Parallel()
	secretFile := written(t, "token", "from-a-file-1\n")
	path := written(t, "tools.json", `{"mcpServers": {"wiki": {"url": "https://wiki.test/mcp", "headers": {"Authorization": "Bearer ${WIKI_TOKEN}", "X-Key": "literal-key-2"}},
		"files": {"command": "files", "env": {"TOKEN": "${FILED}"}}}}`)
	cfg, err := loadConfig([]string{"BOT_TOOLS_FILE=" + path, "WIKI_TOKEN=wiki-token-0", "FILED_FILE=" + secretFile}, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := cfg.tools.file.String(); got != "files, wiki" {
		t.Errorf("%s", got)
	}
	var out bytes.Buffer
	log := newLog(&out, cfg, slog.LevelDebug)
	say := func() string {
		out.Reset()
		log.Info("said", "text", "wiki-token-0 literal-key-2 from-a-file-1 Bearer wiki-token-0 new-token-3", "config", fmt.Sprintf("%v %+v", cfg, &cfg))
		return out.String()
	}
	for _, s := range []string{"wiki-token-0", "literal-key-2", "from-a-file-1"} {
		if got := say(); strings.Contains(got, s) {
			t.Errorf("%s shows: %s", s, got)
		}
	}
	if !strings.Contains(say(), "new-token-3") {
		t.Error("the log hides what is no secret")
	}

	// Another file: its secrets are hidden at once, and those from before still.
	if err := os.WriteFile(path, []byte(`{"mcpServers": {"wiki": {"url": "https://wiki.test/mcp", "headers": {"Authorization": "new-token-3"}}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := cfg.tools.load(); !changed || err != nil {
		t.Fatal(changed, err)
	}
	for _, s := range []string{"wiki-token-0", "literal-key-2", "new-token-3"} {
		if got := say(); strings.Contains(got, s) {
			t.Errorf("%s shows: %s", s, got)
		}
	}

	// A broken file changes nothing.
	if err := os.WriteFile(path, []byte(`{"mcpServers": {"wiki": {"url": "x", "tool": 1}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = cfg.tools.load()
	if err == nil || !strings.Contains(err.Error(), `Is "tools" meant?`) || !strings.Contains(err.Error(), "no http or https address") || cfg.tools.file.String() != "wiki" {
		t.Errorf("%v: %s", err, cfg.tools.file)
	}
}

// TestToolsFileProblems tells all problems of the file with those of the other variables.
func TestToolsFileProblems(t *testing.T) {
	t.Parallel()
	path := written(t, "tools.json", `{"mcpServers": {"a": {"url": "http://a", "headers": {"A": "${UNSET_ONE}"}, "tools": {"x": "evrywhere"}}}}`)
	_, err := loadConfig([]string{"BOT_TOOLS_FILE=" + path, "BOT_STREAM=sometimes"}, "")
	for _, want := range []string{"BOT_STREAM is", "BOT_TOOLS_FILE has a problem in line 1: mcpServers.a.headers.A: the variable UNSET_ONE is not set", `Is "everywhere" meant?`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not said: %s in %v", want, err)
		}
	}
	_, err = loadConfig([]string{"BOT_TOOLS_FILE=" + path + ".gone"}, "")
	if err == nil || !strings.Contains(err.Error(), "BOT_TOOLS_FILE cannot be read") {
		t.Error(err)
	}
}

// TestWithoutToolsFile makes nothing.
func TestWithoutToolsFile(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig(nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if servers, err := newTools(cfg, slog.New(slog.DiscardHandler), tools.Hooks{}); servers != nil || err != nil {
		t.Errorf("%v %v", servers, err)
	}
	if err := runTools(t.Context(), cfg, nil, nil, nil); err != nil {
		t.Error(err)
	}
}

// TestCheckListsTools lists servers, tools and policies, and what is wrong with them.
func TestCheckListsTools(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig([]string{"LLM_BASE_URL=http://127.0.0.1:1/v1"}, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg.demoTools()
	var said strings.Builder
	c := checker{cfg: cfg, tell: func(f finding) { fmt.Fprintf(&said, "%s | %s | %s | %s\n", f.Status, f.Check, f.Text, f.Next) }}
	c.toolServers(t.Context())
	for _, want := range []string{
		"ok | tools team | in this program, protocol 2026-07-28, offered: everywhere, a call may take 30s",
		"ok | tools team | add note (team_add_note): ask, asks before each call, ",
		"ok | tools team | clock (team_clock): everywhere, never asks, only reads, says its server, ",
		"ok | tools | 3 tools, whose definitions take about ",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("not said: %s\n%s", want, said.String())
		}
	}
}

// TestTooManyTools: the bot says so at its start and when the file has become another, once each.
func TestTooManyTools(t *testing.T) {
	t.Parallel()
	path := written(t, "tools.json", `{"mcpServers": {}}`)
	cfg, err := loadConfig([]string{"BOT_TOOLS_FILE=" + path}, "")
	if err != nil {
		t.Fatal(err)
	}
	cfg.tools.file = tools.Demo(time.Now)
	said := &lockedLog{}
	log := slog.New(slog.NewTextHandler(said, nil))
	servers, err := newTools(cfg, log, tools.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	loaded, ended, window := make(chan struct{}), make(chan struct{}), make(chan int)
	go func() {
		defer close(ended)
		weighTools(ctx, servers, loaded, func(context.Context) int { return <-window }, log)
	}()
	running := make(chan error, 1)
	go func() { running <- servers.Run(ctx) }()
	for i, tt := range []struct{ window, told int }{{1_000_000, 0}, {1000, 1}, {1000, 1}, {0, 1}, {2000, 2}} {
		loaded <- struct{}{}
		window <- tt.window
		loaded <- struct{}{} // it has done with the one before
		window <- tt.window
		if n := strings.Count(said.String(), "tools_too_many"); n < tt.told {
			t.Errorf("%d, a window of %d: told %d times, want %d: %s", i, tt.window, n, tt.told, said)
		}
	}
	end()
	<-ended
	if err := <-running; err != nil {
		t.Error(err)
	}
	if n := strings.Count(said.String(), "tools_too_many"); n != 2 || !strings.Contains(said.String(), "tools=3") {
		t.Errorf("told %d times: %s", n, said)
	}
	if w := weightOf(make([]tools.Tool, manyTools), 0); w.heavy() || !weightOf(make([]tools.Tool, manyTools+1), 0).heavy() {
		t.Error("the number of tools")
	}
}

// lockedLog is a log that is read while it is written.
type lockedLog struct {
	mu  sync.Mutex // guards out
	out bytes.Buffer
}

// Write implements io.Writer.
func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(p)
}

// String returns what was logged.
func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.String()
}

// TestASecretBesideTheFile: a signal has the values of the variables read again, also if the file
// is the same.
func TestASecretBesideTheFile(t *testing.T) {
	secret := written(t, "token", "first-token-1\n")
	path := written(t, "tools.json", `{"mcpServers": {"wiki": {"url": "https://wiki.test/mcp", "headers": {"Authorization": "${T}"}}}}`)
	cfg, err := loadConfig([]string{"BOT_TOOLS_FILE=" + path, "T_FILE=" + secret}, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(secret, []byte("second-token-2"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	loads, over := make(chan struct{}, 10), make(chan struct{})
	go func() {
		defer close(over)
		cfg.tools.watch(ctx, func(error) {}, func() { loads <- struct{}{} })
	}()
	own, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	quiet := make(chan os.Signal, 1)
	signal.Notify(quiet, syscall.SIGHUP)
	defer signal.Stop(quiet)
	for done := false; !done; {
		if err := own.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		select {
		case <-loads:
			done = true
		case <-time.After(50 * time.Millisecond): // it does not listen yet
		}
	}
	end()
	<-over
	if !slices.Contains(cfg.tools.file.Secrets(), "second-token-2") {
		t.Errorf("after a signal it has the secret from before")
	}
}
