package main

import (
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"llmbot/llm/llmsim"
)

// patience is how long a script waits for anything. It is only reached by a test that fails.
const patience = 2 * time.Minute

// stage is what a script has running.
type stage struct {
	processes map[string]*running
	model     *llmsim.Server
}

type stageKey struct{}

func stageOf(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

// running is a program in the background.
type running struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// usageOf ends the script when a command has too few arguments or is negated without a meaning for
// it.
func usageOf(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

// statusCmd runs the program to its end and checks its exit status; exec only knows good from bad.
func statusCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 1, "status STATUS [ARGUMENT...]")
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("llmbot", args[1:]...)
	got := 0
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		got = e.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("it ended with %d, want %d", got, want)
	}
}

// expandCmd replaces $VARIABLE in files of the script.
func expandCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 1, "expand FILE...")
	for _, file := range args {
		text := os.Expand(ts.ReadFile(file), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(file), []byte(text), 0o600))
	}
}

// fillCmd writes a value behind a name in a file of settings, as somebody does in an editor: the
// name stands there once, commented or not.
func fillCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 3, "fill FILE NAME VALUE")
	line := regexp.MustCompile(`(?m)^#?` + regexp.QuoteMeta(args[1]) + `=.*$`)
	text := ts.ReadFile(args[0])
	if n := len(line.FindAllString(text, -1)); n != 1 {
		ts.Fatalf("%s names %s %d times", args[0], args[1], n)
	}
	text = line.ReplaceAllLiteralString(text, args[1]+"="+args[2])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// startCmd runs the program in the background; what it prints is in NAME.out and NAME.err at once,
// not only at its end.
func startCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 1, "start NAME [ARGUMENT...]")
	name := args[0]
	path, err := exec.LookPath("llmbot")
	ts.Check(err)
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = environment(ts)
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	errs, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = out, errs
	ts.Check(cmd.Start())
	r := &running{cmd, make(chan struct{})}
	go func() {
		_ = cmd.Wait() // the exit status is in ProcessState
		out.Close()
		errs.Close()
		close(r.done)
	}()
	stageOf(ts).processes[name] = r
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		<-r.done
	})
}

// environment is the script's own, as its commands see it.
func environment(ts *testscript.TestScript) []string {
	var vars []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "GORACE", "GOCOVERDIR"} {
		vars = append(vars, name+"="+ts.Getenv(name))
	}
	for _, name := range variables() {
		if v := ts.Getenv(name); v != "" {
			vars = append(vars, name+"="+v)
		}
	}
	return vars
}

func processOf(ts *testscript.TestScript, name string) *running {
	r := stageOf(ts).processes[name]
	if r == nil {
		ts.Fatalf("there is no process %q", name)
	}
	return r
}

// untilCmd waits until a file matches, and sets variables to the groups of the match.
func untilCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "until FILE REGEXP [VARIABLE...]")
	re, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	var text string
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		text = string(b)
		if m := re.FindStringSubmatch(text); len(m) > len(args)-2 {
			for i, name := range args[2:] {
				ts.Setenv(name, m[i+1])
			}
			return
		}
	}
	ts.Fatalf("%s does not match %q:\n%s", args[0], args[1], text)
}

// signalCmd sends a signal.
func signalCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "signal NAME INT|TERM|HUP|USR1|KILL")
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "KILL": syscall.SIGKILL, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "USR1": levelSignal}
	ts.Check(processOf(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// endedCmd waits for a program's end and checks its exit status, and that it came soon enough.
func endedCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "ended NAME STATUS [WITHIN]")
	within := patience
	if len(args) > 2 {
		var err error
		within, err = time.ParseDuration(args[2])
		ts.Check(err)
	}
	r := processOf(ts, args[0])
	tell := func() string {
		return ts.ReadFile(args[0]+".out") + ts.ReadFile(args[0]+".err")
	}
	select {
	case <-r.done:
	case <-time.After(within):
		ts.Fatalf("%s has not ended within %s:\n%s", args[0], within, tell())
	}
	if got := strconv.Itoa(r.cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("%s ended with %s, want %s:\n%s", args[0], got, args[1], tell())
	}
}

// modelCmd starts a simulated model server in this process and sets VARIABLE to its root.
func modelCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "model VARIABLE TOKENS_A_SECOND [MODE]")
	speed, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	sim := llmsim.New(llmsim.Config{Model: "test-model", Speed: speed, APIKey: ts.Getenv("LLM_API_KEY"), Answer: obey, Tools: true})
	stageOf(ts).model = sim
	if len(args) > 2 {
		modeCmd(ts, false, args[2:])
	}
	srv := httptest.NewServer(sim)
	ts.Defer(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	ts.Setenv(args[0], srv.URL+"/v1")
}

// obey says X when asked to "say: X".
func obey(c *llmsim.Chat) string {
	if _, what, ok := strings.Cut(c.Messages[len(c.Messages)-1].Content, "say: "); ok {
		return what
	}
	return llmsim.DefaultAnswer(c)
}

// modeCmd lets the model server go away, or come back.
func modeCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 1, "mode up|refusing|loading")
	mode, ok := map[string]llmsim.Mode{"up": llmsim.Up, "refusing": llmsim.Refusing, "loading": llmsim.Loading}[args[0]]
	if !ok {
		ts.Fatalf("unknown mode %q", args[0])
	}
	stageOf(ts).model.SetMode(mode)
}

// takeCmd listens where nobody else can then. An address that is taken already is as good.
func takeCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "take VARIABLE ADDRESS")
	l, err := net.Listen("tcp", args[1])
	if errors.Is(err, syscall.EADDRINUSE) {
		ts.Setenv(args[0], args[1])
		return
	}
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// sayCmd posts as Alice in #general, or in the thread of $TS with -thread, and sets TS to the new
// message.
func sayCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "say [-thread] URL TEXT")
	thread := ""
	if args[0] == "-thread" {
		thread, args = ts.Getenv("TS"), args[1:]
	}
	posted, err := browser{args[0]}.say(thread, args[1])
	ts.Check(err)
	if thread == "" {
		ts.Setenv("TS", posted)
	}
}

// slashCmd gives a slash command as Alice in #general and waits for its answer, which seeCmd then
// prints.
func slashCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "slash URL COMMAND")
	posted, err := browser{args[0]}.slash(args[1])
	ts.Check(err)
	ts.Setenv("TS", posted)
}

// seeCmd waits until the page shows a message of the bot for $TS that matches, and prints it: text,
// notices, small print, one a line.
func seeCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "see URL REGEXP")
	re, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	text, err := browser{args[0]}.see(ts.Getenv("TS"), re)
	ts.Check(err)
	fmt.Fprintln(ts.Stdout(), text)
}

// fileCmd copies a file of the repository into the script's folder.
func fileCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 2, "file NAME PATH_IN_THE_REPOSITORY")
	b, err := os.ReadFile(filepath.Join(repository(), args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
}

// repository is the folder of go.mod, seen from this package.
func repository() string {
	dir, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		panic(err)
	}
	return dir
}

// goneCmd waits until no process of a file with their numbers runs.
func goneCmd(ts *testscript.TestScript, neg bool, args []string) {
	usageOf(ts, neg, args, 1, "gone FILE")
	for line := range strings.FieldsSeq(ts.ReadFile(args[0])) {
		pid, err := strconv.Atoi(line)
		ts.Check(err)
		process, err := os.FindProcess(pid)
		ts.Check(err)
		for deadline := time.Now().Add(patience); process.Signal(syscall.Signal(0)) == nil && !dead(pid); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(deadline) {
				ts.Fatalf("the process %d runs", pid)
			}
		}
	}
}

// dead reports whether a process has ended and nobody waits for it: which parent an orphan gets is
// a matter of the machine.
func dead(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(stat), ") Z ")
}
