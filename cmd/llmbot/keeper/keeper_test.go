//go:build unix

package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for anything. It is only reached by a test that fails.
const patience = 2 * time.Minute

// TestMain lets this test binary be the child, too.
func TestMain(m *testing.M) {
	if kind := os.Getenv("KEEPER_CHILD"); kind != "" {
		os.Exit(child(kind))
	}
	os.Exit(m.Run())
}

// child is a process that does what its kind says.
func child(kind string) int {
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	orphaned := make(chan struct{})
	if kind == "tidy" {
		go func() {
			Lifeline(os.Stdin)
			close(orphaned)
		}()
		time.Sleep(2 * time.Second) // it watches
	}
	fmt.Fprintln(os.Stderr, "started as", os.Getpid())
	switch kind {
	case "fails":
		fmt.Fprint(os.Stderr, "one\ntwo hunter2\nthree")
		return 3
	case "works": // until it is asked to end, or left alone
		go func() {
			Lifeline(os.Stdin)
			os.Exit(9)
		}()
		<-term
		fmt.Fprintln(os.Stderr, "drained")
	case "drains": // for a while, as llmbot does; a second SIGTERM ends it at once
		<-term
		fmt.Fprintln(os.Stderr, "drains")
		select {
		case <-term:
			return 130
		case <-time.After(2 * time.Second):
			fmt.Fprintln(os.Stderr, "drained")
		}
	case "tidy": // writes all the time, and leaves a file when the parent is gone
		for range 400_000 { // two minutes at least
			fmt.Fprintln(os.Stderr, "I write")
			time.Sleep(time.Millisecond / 4)
			select {
			case <-orphaned:
				time.Sleep(50 * time.Millisecond)
				fmt.Fprintln(os.Stderr, "nobody reads this")
				if os.WriteFile(os.Getenv("KEEPER_FILE"), nil, 0o600) != nil {
					return 1
				}
				return 0
			default:
			}
		}
	case "deaf":
		time.Sleep(10 * patience)
	case "parent": // keeps a child itself; both are to be killed
		k := New(Config{Command: command(os.Getenv("KEEPER_GRANDCHILD")), Output: os.Stdout})
		k.Run(context.Background())
	}
	return 0
}

// command returns one for this binary as a child.
func command(kind string, vars ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		self, err := os.Executable()
		if err != nil {
			panic(err)
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), append(vars, "KEEPER_CHILD="+kind, "GORACE=atexit_sleep_ms=0")...)
		return cmd
	}
}

// keep runs a keeper until the test ends, or stop is called.
func keep(t *testing.T, cfg Config) (k *Keeper, stop func()) {
	t.Helper()
	k = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx)
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	return k, stop
}

// until waits for a state.
func until(t *testing.T, k *Keeper, what string, ok func(State) bool) State {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		s := k.State()
		if ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s: %+v", what, s)
		}
	}
}

// gone waits until no process of that number runs.
func gone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(patience); syscall.Kill(pid, 0) == nil; time.Sleep(2 * time.Millisecond) {
		if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && strings.Contains(string(stat), ") Z") {
			return // nobody waits for it, which is a matter of the machine
		}
		if time.Now().After(deadline) {
			t.Fatalf("the process %d runs", pid)
		}
	}
}

func runs(s State) bool { return s.Phase == Running }

// A child that fails is started again, and what it said last is told, without secrets.
func TestFailingChildIsToldAndStartedAgain(t *testing.T) {
	ends := make(chan End, 100)
	k, _ := keep(t, Config{
		Command: command("fails"), Pause: time.Millisecond, MostPause: 4 * time.Millisecond,
		Ended: func(e End) { ends <- e }, Clean: func(s string) string { return strings.ReplaceAll(s, "hunter2", "***") },
	})
	for i, next := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 4 * time.Millisecond, 4 * time.Millisecond} {
		e := <-ends
		if e.Status != "exit status 3" || e.Next != next || len(e.Lines) != 4 || e.Lines[2] != "two ***" || e.Lines[3] != "three" {
			t.Errorf("end %d: %+v", i+1, e)
		}
	}
	s := until(t, k, "a pause", func(s State) bool { return s.Phase == Ended })
	if s.PID != 0 || s.Starts < 4 || s.LastExit != "exit status 3" || len(s.Lines) != 4 {
		t.Errorf("%+v", s)
	}
}

// A program that is not there is told like one that fails.
func TestProgramThatCannotBeStarted(t *testing.T) {
	ends := make(chan End, 100)
	keep(t, Config{Command: func() *exec.Cmd { return exec.Command("/nowhere/llmbot") }, Pause: time.Millisecond, Ended: func(e End) { ends <- e }})
	for range 2 {
		if e := <-ends; !strings.Contains(e.Status, "/nowhere/llmbot") {
			t.Errorf("%+v", e)
		}
	}
}

// Kill is kill -9, also of a child that hears nothing, and nobody is told of an end that was
// wanted.
func TestKill(t *testing.T) {
	k, _ := keep(t, Config{Command: command("deaf"), Pause: time.Millisecond, Grace: 50 * time.Millisecond, Ended: func(e End) { t.Errorf("told: %+v", e) }})
	for n := 1; n <= 3; n++ {
		before := until(t, k, "a child", func(s State) bool { return runs(s) && s.Starts == n })
		if err := k.Kill(); err != nil {
			t.Fatal(err)
		}
		gone(t, before.PID)
		after := until(t, k, "the next child", func(s State) bool { return runs(s) && s.PID != before.PID })
		if after.LastExit != "signal: killed" || after.Starts != n+1 {
			t.Errorf("%+v", after)
		}
	}
	// Its process group is its own.
	if pgid, err := syscall.Getpgid(k.State().PID); err != nil || pgid != k.State().PID {
		t.Errorf("process group %d of %d: %v", pgid, k.State().PID, err)
	}
}

// Restart lets the child finish, and the next one starts at once.
func TestRestart(t *testing.T) {
	var log buffer
	k, stop := keep(t, Config{Command: command("works"), Pause: time.Hour, Output: &log})
	until(t, k, "it started", func(s State) bool { return runs(s) && strings.Contains(log.text(), "started") })
	k.Restart()
	until(t, k, "the second start", func(s State) bool { return runs(s) && s.Starts == 2 })
	if !strings.Contains(log.text(), "drained") {
		t.Errorf("it was not let finish:\n%s", log.text())
	}
	// In a pause, too.
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, k, "the pause", func(s State) bool { return s.Phase == Ended })
	if err := k.Kill(); !errors.Is(err, ErrNotRunning) {
		t.Errorf("kill in a pause: %v", err)
	}
	k.Restart()
	pid := until(t, k, "the third start", func(s State) bool { return runs(s) && s.Starts == 3 }).PID
	stop()
	gone(t, pid)
}

// Who asks for a restart twice, or ends all meanwhile, does not cut short what the first one began.
func TestRestartTwice(t *testing.T) {
	var log buffer
	k, stop := keep(t, Config{Command: command("drains"), Pause: time.Hour, Output: &log})
	until(t, k, "it started", func(s State) bool { return runs(s) && strings.Contains(log.text(), "started") })
	k.Restart()
	until(t, k, "it drains", func(State) bool { return strings.Contains(log.text(), "drains") })
	k.Restart()
	s := until(t, k, "the second start", func(s State) bool { return runs(s) && s.Starts == 2 && strings.Count(log.text(), "started") == 2 })
	if s.LastExit != "exit status 0" || !strings.Contains(log.text(), "drained") {
		t.Errorf("it ended with %s:\n%s", s.LastExit, log.text())
	}
	k.Restart()
	until(t, k, "it drains again", func(State) bool { return strings.Count(log.text(), "drains") == 2 })
	stop()
	if strings.Count(log.text(), "drained") != 2 {
		t.Errorf("its end was cut short:\n%s", log.text())
	}
}

// A child that does not end when it is asked to is killed, with what it has started.
func TestGrace(t *testing.T) {
	var log buffer
	k, stop := keep(t, Config{Command: command("deaf"), Grace: 50 * time.Millisecond, Output: &log})
	pid := until(t, k, "it hears SIGTERM", func(s State) bool { return runs(s) && strings.Contains(log.text(), "started") }).PID
	began := time.Now()
	stop()
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("it was killed after %s", took)
	}
	gone(t, pid)
}

// What a child leaves behind in its group is killed when it does not end by itself.
func TestEndGroup(t *testing.T) {
	c := exec.Command("sh", "-c", `sh -c 'trap "" TERM; echo $$; while :; do sleep 0.1; done' & wait`)
	Alone(c)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "%d\n", &pid); err != nil || pid == c.Process.Pid {
		t.Fatalf("%d, %v", pid, err)
	}
	if err := TermGroup(c); err != nil {
		t.Error(err)
	}
	_ = c.Wait()
	if syscall.Kill(pid, 0) != nil {
		t.Error("it hears SIGTERM")
	}
	EndGroup(c, 50*time.Millisecond)
	gone(t, pid)
}

// It is starting until it does its work, and what an earlier one said is forgotten then.
func TestReady(t *testing.T) {
	var mu sync.Mutex
	ready := false
	k, _ := keep(t, Config{Command: command("deaf"), Grace: time.Millisecond, Ready: func() bool {
		mu.Lock()
		defer mu.Unlock()
		return ready
	}})
	until(t, k, "it starts", func(s State) bool { return s.Phase == Starting && s.PID != 0 })
	mu.Lock()
	ready = true
	mu.Unlock()
	until(t, k, "it runs", runs)
}

// Nothing is left of a child whose keeper is killed.
func TestNothingOutlivesAKilledParent(t *testing.T) {
	orphan(t, "works")
}

// A child whose keeper is killed can tidy up, also if it writes at that moment, which nobody reads.
func TestAnOrphanTidiesUp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tidied")
	orphan(t, "tidy", "KEEPER_FILE="+file)
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}

// orphan starts a keeper of a child of a kind in another process, kills that, and waits for the
// child's end.
func orphan(t *testing.T, kind string, vars ...string) {
	t.Helper()
	parent := command("parent", append(vars, "KEEPER_GRANDCHILD="+kind)...)()
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "started as %d\n", &pid); err != nil || pid == parent.Process.Pid {
		t.Fatalf("%d, %v", pid, err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = parent.Wait()
	gone(t, pid)
}

// Whatever many do at once, at most one child runs, and none at the end.
func TestHammer(t *testing.T) {
	var log buffer
	k, stop := keep(t, Config{Command: command("works"), Pause: time.Millisecond, Output: &log})
	var all sync.WaitGroup
	over := time.Now().Add(time.Second)
	for i := range 6 {
		all.Go(func() {
			for time.Now().Before(over) || k.State().Starts < 3 {
				switch i % 3 {
				case 0:
					if err := k.Kill(); err != nil && !errors.Is(err, ErrNotRunning) {
						t.Error(err)
					}
					time.Sleep(3 * time.Millisecond)
				case 1:
					k.Restart()
					time.Sleep(5 * time.Millisecond)
				default:
					if s := k.State(); (s.PID == 0) != (s.Phase == Ended) {
						t.Errorf("%+v", s)
					}
				}
			}
		})
	}
	all.Wait()
	until(t, k, "it works again", runs)
	stop()
	for line := range strings.SplitSeq(log.text(), "\n") {
		if pid, err := strconv.Atoi(strings.TrimPrefix(line, "started as ")); err == nil {
			gone(t, pid)
		}
	}
}

func TestPauses(t *testing.T) {
	cfg := New(Config{}).cfg
	for _, c := range []struct {
		last, lived time.Duration
		wanted      bool
		want        time.Duration
	}{
		{0, 0, false, 2 * time.Second},
		{2 * time.Second, time.Second, false, 4 * time.Second},
		{16 * time.Second, time.Second, false, 30 * time.Second},
		{30 * time.Second, time.Second, false, 30 * time.Second},
		{30 * time.Second, settled, false, 2 * time.Second},
		{30 * time.Second, 0, true, 2 * time.Second},
	} {
		if got := nextPause(cfg, c.last, c.lived, c.wanted); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestTail(t *testing.T) {
	same := func(s string) string { return s }
	for name, c := range map[string]struct {
		writes []string
		want   string
	}{
		"nothing":       {nil, ""},
		"lines":         {[]string{"a\nb\n"}, "a|b"},
		"in pieces":     {[]string{"a", "b\nc", "d"}, "ab|cd"},
		"empty ones":    {[]string{"\n\n  \nx\n\n"}, "x"},
		"no UTF-8":      {[]string{"a\xffb\n"}, "ab"},
		"half a letter": {[]string{"a\xc3", "\xa4\n"}, "aä"},
		"endless":       {[]string{strings.Repeat("x", 3*mostLine), "y\nz"}, strings.Repeat("x", mostLine) + "|z"},
		"many":          {[]string{strings.Repeat("a\n", 100) + strings.Repeat("b\n", mostLines)}, strings.TrimSuffix(strings.Repeat("b|", mostLines), "|")},
	} {
		tl := &tail{to: broken{}}
		for _, w := range c.writes {
			if n, err := tl.Write([]byte(w)); n != len(w) || err != nil {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		if got := strings.Join(tl.lines(same), "|"); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// broken is a log that cannot be written.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no room") }

// buffer collects what children write.
type buffer struct {
	mu sync.Mutex // guards b
	b  strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
