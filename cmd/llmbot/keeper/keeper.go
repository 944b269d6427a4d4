// Package keeper keeps one child process running: it starts the process again whenever it ends, and
// can kill it in earnest, so that people see what the program behind it survives.
//
// # Promises
//
//   - At most one child runs at a time. [Keeper.Run] returns after it has ended.
//   - A child that ended by itself, or was killed, is started again after [Config.Pause]. If it
//     keeps ending soon after its start, the pause doubles each time, up to [Config.MostPause].
//   - The child's standard input is a pipe that this process holds open and never writes to. The
//     kernel closes it when this process ends, however it ends: a child that watches for its end
//     ([Lifeline]) does not outlive this process, and can tidy up.
//   - The child has a process group of its own, so that Ctrl-C in the terminal reaches it only
//     through this process.
//   - Of what the child writes, the last lines are kept, bounded in number and length.
package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// Defaults of [Config].
const (
	DefaultPause     = 2 * time.Second // a visitor sees that the child is gone, and does not wait long
	DefaultMostPause = 30 * time.Second
	DefaultGrace     = 30 * time.Second
)

const (
	// settled is how long a child must have run for its end to count as the first: the pause then is
	// the shortest again.
	settled = 30 * time.Second
	// drainOutput is how long a grandchild may hold the output of a child that has ended.
	drainOutput = time.Second
)

// ErrNotRunning reports that there is no child to be killed.
var ErrNotRunning = errors.New("it is not running: it is started again in a moment")

// Config says what to run.
type Config struct {
	// Command returns a new command for each start. Its input, output and process group are the
	// keeper's.
	Command func() *exec.Cmd
	// Ready reports whether a child that runs does its work; nil: as soon as it runs. It is called
	// without locks.
	Ready func() bool
	// Ended is told of each end that nobody asked for. It is called on the goroutine of Run, which
	// waits for it. nil: nobody is told.
	Ended     func(End)
	Output    io.Writer           // gets all that the child writes; nil: nobody
	Clean     func(string) string // takes secrets out of the lines that are kept; nil: there are none
	Pause     time.Duration       // before the next start; 0: DefaultPause
	MostPause time.Duration       // the longest that Pause grows to; 0: DefaultMostPause
	Grace     time.Duration       // from SIGTERM to SIGKILL; 0: DefaultGrace
}

// End is the end of a child that nobody asked for.
type End struct {
	Status string        // such as "exit status 1" or "signal: killed"
	Lived  time.Duration // from its start
	Next   time.Duration // until the next start
	Lines  []string      // the last that it wrote, oldest first
}

// Phase is what a child does.
type Phase string

// The phases.
const (
	Starting Phase = "starting" // it runs, and is not ready
	Running  Phase = "running"
	Ended    Phase = "ended" // none runs; the next start is to come
)

// State is what is known of the child.
type State struct {
	Phase    Phase
	PID      int       // 0: none runs
	Since    time.Time // of its start, or its end
	Starts   int       // how often one was started
	LastExit string    // of the last that ended; empty: none has
	// Lines are the last lines of a child that ended by itself, until one is ready again.
	Lines []string
}

// Keeper keeps a child running. Its methods are safe for concurrent use.
type Keeper struct {
	cfg   Config
	quit  chan struct{} // asks the child to end; holds at most one request
	start chan struct{} // ends a pause; holds at most one request

	mu     sync.Mutex // guards all below
	child  *os.Process
	asked  bool // the child's end is wanted
	quick  bool // and the next start at once
	state  State
	output *tail // of the present child, or the last
}

// New returns a keeper. Nothing runs before [Keeper.Run].
func New(cfg Config) *Keeper {
	cfg.Pause = cmp.Or(cfg.Pause, DefaultPause)
	cfg.MostPause = max(cmp.Or(cfg.MostPause, DefaultMostPause), cfg.Pause)
	cfg.Grace = cmp.Or(cfg.Grace, DefaultGrace)
	if cfg.Output == nil {
		cfg.Output = io.Discard
	}
	if cfg.Clean == nil {
		cfg.Clean = func(s string) string { return s }
	}
	return &Keeper{cfg: cfg, quit: make(chan struct{}, 1), start: make(chan struct{}, 1), state: State{Phase: Ended, Since: time.Now()}}
}

// Run keeps a child running until ctx ends. It then sends SIGTERM, waits Config.Grace for the
// child's end, kills it if that did not help, and returns when it is gone.
func (k *Keeper) Run(ctx context.Context) {
	pause := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		err := k.once(ctx)
		lived := time.Since(began)
		end, wanted, quick := k.ended(err, lived)
		if ctx.Err() != nil {
			return
		}
		pause = nextPause(k.cfg, pause, lived, wanted)
		if end.Next = pause; !wanted && k.cfg.Ended != nil {
			k.cfg.Ended(end)
		}
		if !quick {
			k.wait(ctx, pause)
		}
	}
}

// nextPause returns how long to wait after a child that lived so long. pause is the last pause.
func nextPause(cfg Config, pause, lived time.Duration, wanted bool) time.Duration {
	if wanted || lived >= settled || pause == 0 {
		return cfg.Pause
	}
	return min(2*pause, cfg.MostPause)
}

// wait pauses until d is over, somebody asks for a start, or ctx ends.
func (k *Keeper) wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-k.start:
	case <-ctx.Done():
	}
}

// once runs one child to its end, and returns why it ended.
func (k *Keeper) once(ctx context.Context) error {
	cmd := k.cfg.Command()
	watched, held, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the child's input: %w", err)
	}
	defer func() { _ = held.Close() }()
	out := &tail{to: k.cfg.Output}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = watched, out, out, drainOutput
	Alone(cmd)
	done := make(chan error, 1)
	err = k.begin(cmd, out)
	_ = watched.Close()
	if err != nil {
		return fmt.Errorf("start the child: %w", err)
	}
	go func() { done <- cmd.Wait() }()
	var late <-chan time.Time
	over := ctx.Done()
	for {
		select {
		case err := <-done:
			if errors.Is(err, exec.ErrWaitDelay) { // a grandchild holds the output
				return nil
			}
			return err //nolint:wrapcheck // its text is the status
		case <-k.quit:
		case <-over:
			over = nil
		case <-late:
			killGroup(cmd)
			continue
		}
		if late != nil {
			continue // asked already: to many programs a second SIGTERM means "at once"
		}
		if cmd.Process.Signal(syscall.SIGTERM) != nil { // it has ended, or cannot be asked
			_ = cmd.Process.Kill()
		}
		timer := time.NewTimer(k.cfg.Grace)
		defer timer.Stop()
		late = timer.C
	}
}

// begin starts the child and notes it.
func (k *Keeper) begin(cmd *exec.Cmd, out *tail) error {
	k.mu.Lock()
	for _, c := range []chan struct{}{k.quit, k.start} { // what was asked of an earlier child
		select {
		case <-c:
		default:
		}
	}
	k.asked, k.quick, k.output = false, false, out
	k.state.Starts++
	k.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return err //nolint:wrapcheck // the caller does
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.child = cmd.Process
	k.state.PID, k.state.Since = cmd.Process.Pid, time.Now()
	return nil
}

// ended notes a child's end, and returns whether somebody asked for it, and for the next start at
// once.
func (k *Keeper) ended(err error, lived time.Duration) (end End, wanted, quick bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	status := "exit status 0"
	if err != nil {
		status = k.cfg.Clean(err.Error())
	}
	k.child, k.state.PID, k.state.Since, k.state.LastExit = nil, 0, time.Now(), status
	k.state.Lines = nil
	if !k.asked {
		k.state.Lines = k.output.lines(k.cfg.Clean)
	}
	return End{Status: status, Lived: lived, Lines: k.state.Lines}, k.asked, k.quick
}

// Kill ends the child as kill -9 does: it gets no chance to do anything. It returns ErrNotRunning
// if there is none, and does not wait for its end.
func (k *Keeper) Kill() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.child == nil {
		return ErrNotRunning
	}
	k.asked = true
	if err := k.child.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill it: %w", err)
	}
	return nil
}

// Restart sends SIGTERM, and has the next child started as soon as this one has ended. If none
// runs, it is started now. Restart does not wait.
func (k *Keeper) Restart() {
	k.mu.Lock()
	defer k.mu.Unlock()
	ask := k.start
	if k.child != nil {
		k.asked, k.quick = true, true
		ask = k.quit
	}
	select {
	case ask <- struct{}{}:
	default: // asked already
	}
}

// State returns what is known of the child now.
func (k *Keeper) State() State {
	ready := k.cfg.Ready == nil || k.cfg.Ready()
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.child == nil:
		k.state.Phase = Ended
	case ready:
		k.state.Phase, k.state.Lines = Running, nil
	default:
		k.state.Phase = Starting
	}
	return k.state
}

// Lifeline blocks until the process that started this one is gone. in is standard input. Nobody
// reads what this process writes then: from the call on, a write that fails does not end the
// process, as a broken pipe does otherwise, so that it can tidy up.
func Lifeline(in io.Reader) {
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE) // who is told of it survives it
	_, _ = io.Copy(io.Discard, in)
}
