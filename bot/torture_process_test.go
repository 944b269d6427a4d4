//go:build linux

package bot_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// nursery starts processes, all on one thread that lives as long as the test. The kernel kills them
// when that thread ends, so that even a test binary that is killed leaves none behind.
type nursery struct {
	jobs chan func()
	once sync.Once
}

func (n *nursery) do(job func() error) error {
	n.once.Do(func() {
		n.jobs = make(chan func())
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			for job := range n.jobs {
				job()
			}
		}()
	})
	done := make(chan error)
	n.jobs <- func() { done <- job() }
	return <-done
}

func (n *nursery) close() {
	if n.jobs != nil {
		close(n.jobs)
	}
}

// life is one process, from its start to its end.
type life struct {
	id, seat int
	begin    time.Time
	cmd      *exec.Cmd
	log      string
	done     chan struct{} // closed when it has ended

	mu     sync.Mutex // guards all below
	killed time.Time  // by us
	asked  time.Time  // to end, by us
	end    time.Time
	frozen []Span
}

// span is a time in which a process did not run.
type Span struct{ from, to time.Time }

func (a *arena) start(seat int) *life {
	a.mu.Lock()
	id, binary, started := len(a.lives)+1, a.binary, "started"
	if a.old[seat] {
		binary, started = tortureAbs(a.t, *tortureOld), "started, -torture.old"
	}
	l := &life{id: id, seat: seat, done: make(chan struct{}), log: filepath.Join(a.dir, fmt.Sprintf("p%d-seat%d.log", id, seat))}
	a.lives = append(a.lives, l)
	a.mu.Unlock()
	out, err := os.Create(l.log)
	if err != nil {
		a.t.Error(err)
		close(l.done)
		return l
	}
	l.cmd = exec.Command(binary, "serve")
	l.cmd.Dir = a.dir
	l.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + a.dir,
		"SLACK_API_URL=" + fmt.Sprintf("%s/p%d/api/", a.slackURL, id), "SLACK_APP_TOKEN=" + a.slack.AppToken(), "SLACK_BOT_TOKEN=" + a.slack.BotToken(),
		"LLM_BASE_URL=" + fmt.Sprintf("%s/p%d/v1", a.modelURL, id), "OPS_ADDR=127.0.0.1:0",
	}, a.env...)
	l.cmd.Stdout, l.cmd.Stderr = out, out
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	l.begin = time.Now()
	err = a.nursery.do(l.cmd.Start)
	_ = out.Close() // the child has its own
	if err != nil {
		a.t.Errorf("start a process: %v", err)
		close(l.done)
		return l
	}
	a.note(l, "%s", started)
	a.all.Go(func() {
		_ = l.cmd.Wait() // the status is in ProcessState
		l.mu.Lock()
		l.end = time.Now()
		l.mu.Unlock()
		if !l.wanted() {
			a.note(l, "ENDED BY ITSELF: %s", l.cmd.ProcessState)
		}
		close(l.done)
	})
	return l
}

// wanted reports whether it ended as we wanted it.
func (l *life) wanted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.killed.IsZero() || !l.asked.IsZero() && l.cmd.ProcessState.ExitCode() == 0
}

func (l *life) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// kill is kill -9, and returns when the process is gone.
func (a *arena) kill(l *life) {
	if l.over() {
		return
	}
	l.mu.Lock()
	l.killed = time.Now()
	l.mu.Unlock()
	a.note(l, "kill -9")
	if err := l.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		a.t.Errorf("kill: %v", err)
	}
	<-l.done
}

// term is SIGTERM, once: a second one ends it at once. It does not wait.
func (a *arena) term(l *life) {
	if l.over() {
		return
	}
	l.mu.Lock()
	again := !l.asked.IsZero()
	if !again {
		l.asked = time.Now()
	}
	l.mu.Unlock()
	if again {
		return
	}
	a.note(l, "SIGTERM")
	_ = l.cmd.Process.Signal(syscall.SIGTERM)
}

// freeze stops a process until the returned function is called. One that is frozen must not be
// frozen.
func (a *arena) freeze(l *life) (thaw func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = append(l.frozen, Span{from: time.Now()})
	_ = l.cmd.Process.Signal(syscall.SIGSTOP)
	return func() {
		if !l.over() {
			a.note(l, "goes on")
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		_ = l.cmd.Process.Signal(syscall.SIGCONT) // it may have been killed meanwhile
		l.frozen[len(l.frozen)-1].to = time.Now()
	}
}

func (l *life) isFrozen() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.frozen)
	return n > 0 && l.frozen[n-1].to.IsZero()
}

// ran reports whether a process ran without a break from one time to another. It takes a moment
// until a new one is connected.
func (l *life) ran(from, to time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.begin.Add(time.Second).After(from) && (l.end.IsZero() || !l.end.Before(to)) && !l.frozeLocked(from, to)
}

// awake reports whether a process was not frozen in all the time from one moment to another.
func (l *life) awake(from, to time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.frozeLocked(from, to)
}

func (l *life) frozeLocked(from, to time.Time) bool {
	return slices.ContainsFunc(l.frozen, func(s Span) bool { return s.from.Before(to) && (s.to.IsZero() || s.to.After(from)) })
}

// killedAt is when we killed it; zero: we did not.
func (l *life) killedAt() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.killed
}

// endAll ends all processes, politely first, and waits for them. It says which did not end well.
func (a *arena) endAll(patience time.Duration) (bad []*life) {
	a.mu.Lock()
	lives := append([]*life(nil), a.lives...)
	a.mu.Unlock()
	for _, l := range lives {
		a.term(l)
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	late := false
	for _, l := range lives {
		select {
		case <-l.done:
		case <-limit.C:
			late = true
		}
		if late && !l.over() {
			a.note(l, "does not end")
			_ = l.cmd.Process.Kill() // not wanted: it counts as one that did not end well
			<-l.done
		}
		if l.cmd != nil && l.cmd.ProcessState != nil && !l.wanted() {
			bad = append(bad, l)
		}
	}
	return bad
}

// logLines are the lines of a process's log that hold a word; all if it is empty.
func (l *life) logLines(word string) []string {
	data, err := os.ReadFile(l.log)
	if err != nil {
		return nil
	}
	var out []string
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, word) {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return out
}

func (l *life) logTail(n int) string {
	lines := l.logLines("")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// cpu is the processor time that a process has used.
func (l *life) cpu(t *testing.T) time.Duration {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(data), ") ") // the name before it may hold anything
	words := strings.Fields(rest)
	user, _ := strconv.Atoi(words[11])
	system, _ := strconv.Atoi(words[12])
	const tick = time.Second / 100 // USER_HZ, the same on all machines that Go runs on
	return time.Duration(user+system) * tick
}

// memory are the resident and the most ever resident megabytes of a process.
func (l *life) memory(t *testing.T) (now, most int) {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		kb, _ := strconv.Atoi(words[1])
		switch words[0] {
		case "VmRSS:":
			now = kb / 1024
		case "VmHWM:":
			most = kb / 1024
		}
	}
	return now, most
}
