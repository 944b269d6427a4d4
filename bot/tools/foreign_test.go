//go:build unix

package tools

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var foreign = flag.String("foreign", "", "folder in which .ci/foreign/test has installed servers that nobody here wrote")

// everything is the program of server-everything.
const everything = "node_modules/@modelcontextprotocol/server-everything/dist/index.js"

// callTimeout is how long a call may take. A busy machine must be faster than that, and a call that is
// to take longer waits for all of it.
const callTimeout = 15 * time.Second

// port returns one that is free.
func port(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, p, _ := net.SplitHostPort(l.Addr().String())
	return p
}

// background starts a program, and returns what kills it. It waits until the port answers.
func background(t *testing.T, port string, env []string, argv ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), env...)
	out := &buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	kill = func() {
		killGroup(cmd)
		<-ended
	}
	t.Cleanup(kill)
	for until := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			_ = c.Close()
			return kill
		}
		if time.Now().After(until) {
			t.Fatalf("%v does not come up: %s", argv, out)
		}
	}
}

// at runs Servers with one server s.
func at(t *testing.T, l link) *Servers {
	t.Helper()
	if *foreign == "" {
		t.Skip("-foreign is not given: .ci/foreign/test")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	s := started(t, Config{
		File: File{servers: []entry{{name: "s", link: l, channels: []string{"*"}, timeout: callTimeout, rules: map[string]Policy{"*": PolicyEverywhere}}}},
		Env:  map[string]string{"PATH": os.Getenv("PATH"), "HOME": t.TempDir()}, Guard: []string{self, GuardArgument}, HTTP: newTransport(http.ProxyFromEnvironment, nil),
		Log: slog.New(slog.NewTextHandler(testLog{t}, nil)),
	})
	s.Settle(t.Context())
	return s
}

type testLog struct{ t *testing.T }

func (l testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil { // else the test is over
		l.t.Log(strings.TrimSpace(string(p)))
	}
	return len(p), nil
}

// does makes a call and returns its result.
func does(t *testing.T, s *Servers, name, args string) Result {
	t.Helper()
	return s.Call(t.Context(), Call{Tool: named(t, s, "s_"+name), Place: Place{Channel: "C1"}, Arguments: json.RawMessage(args)})
}

// expect makes a call, whose text must have what is wanted.
func expect(t *testing.T, s *Servers, name, args, want string, failed bool) {
	t.Helper()
	r := does(t, s, name, args)
	if r.Failed != failed || !strings.Contains(r.Text, want) || r.Took > 2*callTimeout {
		t.Errorf("%s(%s): failed %v after %s: %.300s", name, args, r.Failed, r.Took, r.Text)
	}
	decent(t, name, r.Text)
}

// soon repeats a call until the server, which may have gone, is there again and answers what is wanted.
func soon(t *testing.T, s *Servers, name, args, want string) {
	t.Helper()
	for until := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		r := does(t, s, name, args)
		if !r.Failed && strings.Contains(r.Text, want) {
			return
		}
		if time.Now().After(until) {
			t.Fatalf("%s(%s): %.300s; %+v", name, args, r.Text, s.Status())
		}
	}
}

// eventually waits until something is offered.
func eventually(t *testing.T, s *Servers, name string) {
	t.Helper()
	for until := time.Now().Add(patience); !strings.Contains(" "+offered(s)+" ", " s_"+name+" "); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s is not offered: %s; %+v", name, offered(s), s.Status())
		}
	}
}

func everythingWorks(t *testing.T, s *Servers) {
	t.Helper()
	st := s.Status()[0]
	t.Logf("%s: protocol %s, %d tools, %d bytes of definitions", st.Transport, st.Protocol, len(st.Tools), DefinitionBytes(s.Offer(Place{})))
	expect(t, s, "echo", `{"message":"hällo"}`, "hällo", false)
	expect(t, s, "get-sum", `{"a":2,"b":40}`, "42", false)
	expect(t, s, "get-sum", `{"a":"x"}`, "", true)
	expect(t, s, "get-tiny-image", `{}`, "a picture, image/png", false)
	expect(t, s, "get-resource-links", `{"count":2}`, "a link to", false)
	expect(t, s, "get-structured-content", `{"location":"New York"}`, "temperature", false)
	expect(t, s, "trigger-long-running-operation", `{"duration":1,"steps":2}`, "completed", false)
	expect(t, s, "trigger-long-running-operation", `{"duration":60,"steps":2}`, "did not answer within 15s", true)
	soon(t, s, "echo", `{"message":"again"}`, "again")
	if !named(t, s, "s_echo").ReadOnly || named(t, s, "s_toggle-simulated-logging").ReadOnly {
		t.Error("read-only hints are wrong")
	}
}

func TestForeignEverything(t *testing.T) {
	path := filepath.Join(*foreign, everything)
	t.Run("stdio", func(t *testing.T) {
		s := at(t, link{command: "node", args: []string{path, "stdio"}, env: map[string]string{"ONLY": "this"}})
		everythingWorks(t, s)
		r := does(t, s, "get-env", "{}")
		var env map[string]string
		if err := json.Unmarshal([]byte(r.Text), &env); err != nil || len(env) != 3 || env["ONLY"] != "this" {
			t.Errorf("%v %s", err, r.Text)
		}
	})
	for kind, way := range map[string]string{"streamableHttp": "/mcp", "sse": "/sse"} {
		t.Run(kind, func(t *testing.T) {
			if *foreign == "" {
				t.Skip("-foreign is not given: .ci/foreign/test")
			}
			p := port(t)
			start := func() func() { return background(t, p, []string{"PORT=" + p}, "node", path, kind) }
			kill := start()
			s := at(t, link{url: "http://127.0.0.1:" + p + way})
			everythingWorks(t, s)
			kill()
			if r := does(t, s, "toggle-simulated-logging", "{}"); !r.Failed {
				t.Errorf("a server that is away: %+v", r)
			}
			start()
			soon(t, s, "echo", `{"message":"back"}`, "back")
		})
	}
}

func pythonWorks(t *testing.T, s *Servers) {
	t.Helper()
	st := s.Status()[0]
	t.Logf("%s: protocol %s, %d tools", st.Transport, st.Protocol, len(st.Tools))
	expect(t, s, "add", `{"a":2,"b":40}`, "42", false)
	expect(t, s, "add", `{"a":"two"}`, "", true)
	expect(t, s, "fail", `{}`, "", true)
	expect(t, s, "flood", `{"size":1000000}`, "characters are left out here", false)
	expect(t, s, "flood", `{"size":10000000}`, "too long", true)
	soon(t, s, "add", `{"a":1,"b":2}`, "3")
	expect(t, s, "sleep", `{"seconds":60}`, "did not answer within 15s", true)
	soon(t, s, "add", `{"a":1,"b":1}`, "2")
}

func TestForeignPython(t *testing.T) {
	for _, version := range []string{"1", "2"} {
		python := filepath.Join(*foreign, "python-"+version, "bin", "python")
		script := filepath.Join(*foreign, "server.py")
		t.Run(fmt.Sprintf("version %s, streamable HTTP", version), func(t *testing.T) {
			if *foreign == "" {
				t.Skip("-foreign is not given: .ci/foreign/test")
			}
			p := port(t)
			start := func() func() { return background(t, p, nil, python, script, p) }
			start()
			s := at(t, link{url: "http://127.0.0.1:" + p + "/mcp"})
			pythonWorks(t, s)
			expect(t, s, "grow", `{}`, "one more", false)
			if version == "1" { // version 2 tells nobody of it
				eventually(t, s, "grown")
			}
			expect(t, s, "die", `{}`, "not known whether", true)
			start()
			soon(t, s, "add", `{"a":3,"b":4}`, "7")
		})
		t.Run(fmt.Sprintf("version %s, stdio", version), func(t *testing.T) {
			s := at(t, link{command: python, args: []string{script}})
			pythonWorks(t, s)
			expect(t, s, "die", `{}`, "not known whether", true)
			soon(t, s, "add", `{"a":3,"b":4}`, "7")
		})
	}
}
