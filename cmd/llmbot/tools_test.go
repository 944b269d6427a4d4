package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

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
	if err := runTools(t.Context(), cfg, nil, nil); err != nil {
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
