package scenario_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/slacksim"
	"llmbot/bot/slacksim/scenario"
)

var clients = flag.String("clients", "", "the `DIR` with apps on Slack's SDKs, installed as .ci/run does")

// wanted are the complaints that have nothing to do with us: a scenario has a call refused with
// 429, slack_bolt finds the token in the environment although the app gives it a client, and Bolt
// for JavaScript acks over a socket that is just being refreshed: Slack sends that event again.
var wanted = regexp.MustCompile("(?i)rate.?limit|As you gave `client` as well|no active connection|SMSendWhileNotReady")

// complaint is a line in which an SDK, or the app on it, complains.
var complaint = regexp.MustCompile(`(?i)\[(?:WARN|WARNING|ERROR)\]|\bTraceback\b|\bUnhandled\b|\bpanic:|\bError:`)

// TestClients plays scenarios to apps that use Slack's own SDKs unchanged. It runs with -clients
// DIR.
func TestClients(t *testing.T) {
	if *clients == "" {
		t.Skip("needs -clients DIR, with node, python3 and the SDKs: .ci/run installs them")
	}
	dir, err := filepath.Abs(*clients)
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(t.TempDir(), "slackgo")
	if out, err := exec.Command("go", "build", "-C", filepath.Join(dir, "slackgo"), "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the app on slack-go: %v\n%s", err, out)
	}
	python := filepath.Join(dir, "py", "venv", "bin", "python")
	for _, c := range []struct {
		name, scenario, dir string
		command             []string
	}{
		{"bolt-js", "app.yaml", "js", []string{"node", "bolt.mjs"}},
		{"socket-mode-js", "app.yaml", "js", []string{"node", "socket.mjs"}},
		{"slack_bolt", "app.yaml", "py", []string{python, "bolt_app.py"}},
		{"slack_sdk", "app.yaml", "py", []string{python, "sdk_app.py"}},
		{"slack-go", "app.yaml", "slackgo", []string{binary}},
		{"assistant-js", "assistant.yaml", "js", []string{"node", "assistant.mjs"}},
		{"assistant-py", "assistant.yaml", "py", []string{python, "assistant_app.py"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			script, err := scenario.Load(filepath.Join(dir, c.scenario))
			if err != nil {
				t.Fatal(err)
			}
			playTo(t, script, filepath.Join(dir, c.dir), c.command)
		})
	}
	for name, c := range map[string]struct {
		dir     string
		command []string
	}{
		"documented-js":     {"js", []string{"node", "--input-type=module", "--eval", documented(t, "js")}},
		"documented-python": {"py", []string{python, "-c", documented(t, "python")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The time that the page gives an app is enough for one that starts alone.
			script, err := scenario.Parse("hello.yaml", []byte("start: 2m\npatience: 2m\n"+documented(t, "yaml")))
			if err != nil {
				t.Fatal(err)
			}
			playTo(t, script, filepath.Join(dir, c.dir), c.command)
		})
	}
}

// documented returns the example in docs/slacksim.md that is written in a language.
func documented(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/slacksim.md")
	if err != nil {
		t.Fatal(err)
	}
	_, code, found := strings.Cut(string(text), "```"+language+"\n")
	code, _, ends := strings.Cut(code, "```\n")
	if !found || !ends {
		t.Fatalf("docs/slacksim.md has no example in %s", language)
	}
	return code
}

// playTo starts an app and plays a scenario to it.
func playTo(t *testing.T, script *scenario.Scenario, dir string, command []string) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	srv, err := slacksim.Serve(ctx, "127.0.0.1:0", script.Config(slacksim.Config{Seed: 1}))
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()

	var said output
	app := exec.CommandContext(ctx, command[0], command[1:]...)
	app.Dir, app.Stdout, app.Stderr = dir, &said, &said
	app.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SLACK_") })
	app.Env = append(append(app.Env, srv.Env()...), "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1")
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	err = script.Run(ctx, srv.Sim, writer{t})
	_ = app.Process.Kill()
	_ = app.Wait()
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(said.String()) {
		if complaint.MatchString(line) && !wanted.MatchString(line) {
			t.Errorf("the app complains: %s", line)
		}
	}
	if t.Failed() {
		t.Logf("the app said:\n%s", said.String())
		for _, c := range srv.Calls() {
			if !c.OK {
				t.Logf("refused: %s %v with %s", c.Method, c.Args, c.Error)
			}
		}
	}
}

// output keeps what an app writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// writer logs lines.
type writer struct{ t *testing.T }

func (w writer) Write(p []byte) (int, error) {
	w.t.Log(strings.TrimRight(string(p), "\n"))
	return len(p), nil
}

var _ io.Writer = writer{}
