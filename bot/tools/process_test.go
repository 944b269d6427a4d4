//go:build unix

package tools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestMain lets this program be a server, a guard, or a bot with a server.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "server":
			serveStdio(os.Args[2])
			os.Exit(0)
		case GuardArgument:
			code, err := Guard(os.Args[2:])
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
			os.Exit(code)
		case "bot":
			botOf(os.Args[2], os.Args[3])
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// serveStdio is a program that is a server, of several kinds.
func serveStdio(kind string) {
	s := mcp.NewServer(&mcp.Implementation{Name: kind, Version: "1"}, nil)
	schema := map[string]any{"type": "object"}
	answer := func(text string) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
	s.AddTool(&mcp.Tool{Name: "env", InputSchema: schema}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		env := os.Environ()
		slices.Sort(env)
		dir, _ := os.Getwd()
		return answer(strings.Join(env, "\n") + "\n" + dir)
	})
	s.AddTool(&mcp.Tool{Name: "die", InputSchema: schema}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		fmt.Fprintln(os.Stderr, "I am dying")
		os.Exit(3)
		return nil, nil
	})
	s.AddTool(&mcp.Tool{Name: "pids", InputSchema: schema}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		child := exec.Command("sleep", "1000") // left behind, and it holds every pipe
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		if err := child.Start(); err != nil {
			return answer(err.Error())
		}
		return answer(fmt.Sprintf("%d %d", os.Getpid(), child.Process.Pid))
	})
	switch kind {
	case "crash":
		fmt.Fprintln(os.Stderr, "Traceback (most recent call last):\nModuleNotFoundError: No module named 'mcp'")
		os.Exit(1)
	case "banner":
		fmt.Println("Server listening...\n\n[not json")
	case "flood":
		go func() {
			line := strings.Repeat("x", 1000) + "\n"
			for {
				fmt.Fprint(os.Stderr, line)
			}
		}()
	case "stubborn":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)
	case "deaf":
		in := bufio.NewReader(os.Stdin)
		for range 5 {
			line, _ := in.ReadBytes('\n')
			var m struct {
				ID     json.RawMessage
				Method string
			}
			_ = json.Unmarshal(line, &m)
			switch m.Method {
			case "server/discover":
				fmt.Println(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32601,"message":"no"}}`)
			case "initialize":
				fmt.Println(reply(m.ID, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"x","version":"1"}}`))
			case "tools/list":
				fmt.Println(reply(m.ID, `{"tools":[{"name":"env","inputSchema":{"type":"object"}}]}`))
				time.Sleep(time.Hour)
			}
		}
	}
	err := s.Run(context.Background(), &mcp.StdioTransport{})
	if kind == "stubborn" {
		time.Sleep(time.Hour)
	}
	if err != nil {
		os.Exit(4)
	}
}

// botOf has a stubborn server, says its process ids, and lives on.
func botOf(self, guarded string) {
	cfg := Config{File: File{servers: []entry{local("stubborn", self, "server", "stubborn")}}, Env: map[string]string{"PATH": os.Getenv("PATH")}}
	if guarded == "guarded" {
		cfg.Guard = []string{self, GuardArgument}
	}
	s, _ := New(cfg)
	go func() { _ = s.Run(context.Background()) }()
	s.Settle(context.Background())
	for _, tool := range s.Offer(Place{}) {
		if tool.Title == "pids" {
			fmt.Println(s.Call(context.Background(), Call{Tool: tool}).Text)
		}
	}
	time.Sleep(time.Hour)
}

// local is a server that is a program, at which everything runs unasked.
func local(name, command string, args ...string) entry {
	return entry{name: name, link: link{command: command, args: args}, channels: []string{"*"}, timeout: patience, rules: map[string]Policy{"*": PolicyEverywhere}}
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// programs starts servers of these kinds.
func programs(t *testing.T, guard bool, change func(*entry), kinds ...string) (*Servers, *buffer) {
	t.Helper()
	log := &buffer{}
	cfg := Config{Env: map[string]string{"PATH": "/usr/bin:/bin", "HOME": "/nowhere"}, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if guard {
		cfg.Guard = []string{self, GuardArgument}
	}
	for _, kind := range kinds {
		e := local(kind, self, "server", kind)
		if change != nil {
			change(&e)
		}
		cfg.File.servers = append(cfg.File.servers, e)
	}
	s := started(t, cfg)
	s.Settle(t.Context())
	return s, log
}

// TestProgram has exactly the variables of the file and the base, its own folder, and ends with
// Servers.
func TestProgram(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-secret")
	for _, guard := range []bool{false, true} {
		dir := t.TempDir()
		s, _ := programs(t, guard, func(e *entry) {
			e.link.env, e.link.dir = map[string]string{"A": "1", "HOME": "/own"}, dir
		}, "good", "banner")
		want := "A=1\nHOME=/own\nPATH=/usr/bin:/bin\n" + dir
		for _, name := range []string{"good_env", "banner_env"} {
			if r := calls(t, s, name); r.Failed || r.Text != want {
				t.Errorf("guard %v: %+v", guard, r)
			}
		}
		r := calls(t, s, "good_pids")
		pids := strings.Fields(r.Text)
		if len(pids) != 2 || !alive(pids[0]) || !alive(pids[1]) {
			t.Fatalf("%+v", r)
		}
		s.Reload(File{})
		gone(t, pids...)
	}
}

func alive(pid string) bool {
	n, _ := strconv.Atoi(pid)
	if syscall.Kill(n, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat") // a zombie that nobody waits for is dead
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// patience is how long a test waits for a process. It is only reached by a test that fails: none ends
// by itself within it.
const patience = 2 * time.Minute

// gone waits until processes are gone.
func gone(t *testing.T, pids ...string) {
	t.Helper()
	until := time.Now().Add(patience)
	for _, pid := range pids {
		for alive(pid) {
			if time.Now().After(until) {
				t.Fatalf("process %s is there after %s", pid, patience)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// TestStubborn: a server that ignores the end of its input and SIGTERM ends all the same, with what
// it started.
func TestStubborn(t *testing.T) {
	s, _ := programs(t, true, nil, "stubborn")
	pids := strings.Fields(calls(t, s, "stubborn_pids").Text)
	s.Reload(File{})
	gone(t, pids...)
}

// TestKilledBot kills the bot: its servers end, with the guard also what they started.
func TestKilledBot(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, guarded := range []string{"guarded", "alone"} {
		bot := exec.Command(self, "bot", self, guarded)
		bot.Stderr = os.Stderr
		out, err := bot.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := bot.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		pids := strings.Fields(line)
		if len(pids) != 2 {
			t.Fatalf("%q", line)
		}
		_ = bot.Process.Kill()
		_ = bot.Wait()
		if guarded == "alone" {
			gone(t, pids[0])
			n, _ := strconv.Atoi(pids[1])
			_ = syscall.Kill(n, syscall.SIGKILL)
			continue
		}
		gone(t, pids...)
	}
}

// TestProgramFails: what a program says when it cannot work is said to the operator.
func TestProgramFails(t *testing.T) {
	s, log := programs(t, true, func(e *entry) {
		switch e.name {
		case "missing":
			e.link.command = "no-such-program"
		case "folder":
			e.link.command = "/usr"
		}
	}, "crash", "missing", "folder")
	told := map[string]ServerStatus{}
	for _, st := range s.Status() {
		told[st.Name] = st
	}
	if st := told["crash"]; st.Why != "the program ended: exit status 1" || !strings.Contains(st.Said, "No module named 'mcp'") {
		t.Errorf("%+v", st)
	}
	if st := told["missing"]; st.Why != "there is no program no-such-program in PATH (2 folders)" || !strings.Contains(st.Hint, "docs/tools.md") {
		t.Errorf("%+v", st)
	}
	if st := told["folder"]; !strings.Contains(st.Why, "is no program") {
		t.Errorf("%+v", st)
	}
	if !strings.Contains(log.String(), "tool_server_said") || !strings.Contains(log.String(), "level=WARN msg=tool_server_away server=crash") {
		t.Error(log)
	}
}

// TestProgramDies in a call, and is started again.
func TestProgramDies(t *testing.T) {
	s, log := programs(t, true, nil, "good")
	start := time.Now()
	if r := calls(t, s, "good_die"); !r.Failed || !strings.Contains(r.Text, "broke off") || time.Since(start) > patience {
		t.Errorf("%+v", r)
	}
	if r := calls(t, s, "good_env"); r.Failed {
		t.Errorf("%+v", r)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "I am dying") && !strings.Contains(line, "level=DEBUG") {
			t.Errorf("what it wrote is in the log: %s", line)
		}
	}
	if !strings.Contains(log.String(), "tool_server_away") || !strings.Contains(log.String(), "exit status 3") {
		t.Errorf("how it ended is not: %s", log)
	}
}

// TestFlood: a server that writes to its standard error without end works, and the log stays small.
func TestFlood(t *testing.T) {
	s, log := programs(t, true, nil, "flood")
	time.Sleep(200 * time.Millisecond)
	if r := calls(t, s, "flood_env"); r.Failed {
		t.Errorf("%+v", r)
	}
	if n := len(log.String()); n > (mostLines+20)*(mostLine+200) {
		t.Errorf("%d bytes of log", n)
	}
}

// TestDeaf: a server that reads nothing any more ends a call in time, also one that does not fit into
// the pipe.
func TestDeaf(t *testing.T) {
	s, _ := programs(t, true, func(e *entry) { e.timeout = time.Second }, "deaf")
	tool := named(t, s, "deaf_env")
	for range 2 {
		start := time.Now()
		args := json.RawMessage(`{"a":"` + strings.Repeat("x", 1<<20) + `"}`)
		if r := s.Call(t.Context(), Call{Tool: tool, Arguments: args}); !r.Failed || time.Since(start) > patience {
			t.Errorf("%+v after %s", r, time.Since(start))
		}
	}
}

// TestLines passes on what is a message, and nothing else.
func TestLines(t *testing.T) {
	said := &complaint{ctx: context.Background, log: slog.New(slog.DiscardHandler)}
	many := strings.Repeat(`{"method":"notifications/x"}`+"\n", 500)
	m := newMessages(io.NopCloser(strings.NewReader("Hello\n\n{\"id\":1}\n{broken\r\n"+many+"{\"id\":2}\r\n{\"method\":\""+strings.Repeat("x", mostAsk)+"\"}\n [3]")), said)
	got, err := io.ReadAll(m)
	if want := "{\"id\":1}\n" + strings.Repeat(`{"method":"notifications/x"}`+"\n", mostAsked) + "{\"id\":2}\n"; err != nil || string(got) != want {
		t.Errorf("%d bytes, %v: %.100q…%q", len(got), err, got, got[max(0, len(got)-100):])
	}
	if !strings.Contains(said.tail(), "{broken") {
		t.Errorf("%q", said.tail())
	}
	m = newMessages(io.NopCloser(io.LimitReader(endless{}, 1<<30)), said)
	if _, err := io.ReadAll(m); err != errLong { //nolint:errorlint // it is not wrapped
		t.Error(err)
	}
}

// endless is a line without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
