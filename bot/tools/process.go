package tools

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"sync"
	"time"

	"llmbot/llm"
)

// Bounds of a program that is a server; the figures are the project's own.
const (
	mostMessage  = 8 << 20          // bytes of one message: a screenshot in base64 has up to 4 MB
	writeTimeout = 10 * time.Second // for a message that it does not read
	politeWait   = 2 * time.Second  // between the end of its input, SIGTERM and SIGKILL
	mostLine     = 500              // characters of a line of its standard error in the log
	mostLines    = 200              // such lines a minute
	mostTail     = 2 << 10          // bytes that are remembered of its standard error
	mostAsked    = 100              // requests and notifications of its own a second
	mostAsk      = 64 << 10         // bytes of such a message
)

// process is a program that is a server: a child in a process group of its own.
type process struct {
	in, out *os.File // what it reads, and what it writes
	errs    *os.File // what it writes to its standard error
	life    *os.File // its end ends the guard; nil: there is none
	said    *complaint
	cmd     *exec.Cmd
	ended   chan struct{} // closed once it was waited for
	err     error         // why it ended; to be read after ended
}

// startProcess starts a program with the variables of base and the file's own, and no others. guard
// is the program before it that ends its whole group with the bot; empty: there is none.
func startProcess(ctx context.Context, l link, base map[string]string, guard []string, log *slog.Logger) (*process, error) {
	vars := maps.Clone(base)
	if vars == nil {
		vars = map[string]string{}
	}
	maps.Copy(vars, l.env)
	path, err := lookPath(l.command, l.dir, vars["PATH"])
	if err != nil {
		return nil, err
	}
	argv := slices.Concat(guard, []string{path}, l.args)
	//nolint:gosec,noctx // the operator's own file names the program; stop ends it
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = l.dir, []string{}
	for name, value := range vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	p := &process{cmd: cmd, ended: make(chan struct{}), said: &complaint{ctx: func() context.Context { return context.WithoutCancel(ctx) }, log: log}}
	theirs, err := p.pipes(len(guard) > 0)
	defer func() {
		closeAll(theirs) // the child has its own
	}()
	if err != nil {
		p.close()
		return nil, fmt.Errorf("make pipes: %w", err)
	}
	alone(cmd, len(guard) > 0)
	started := make(chan error, 1)
	go p.live(started)
	if err := <-started; err != nil {
		p.close()
		<-p.ended
		return nil, fmt.Errorf("start %s: %w", llm.Printable(l.command, mostWord), err)
	}
	return p, nil
}

// pipes makes the pipes, and returns the child's ends.
func (p *process) pipes(guarded bool) (theirs []*os.File, err error) {
	pipe := func() (read, write *os.File) {
		if err == nil {
			read, write, err = os.Pipe()
		}
		return read, write
	}
	var in, out, errs, end *os.File
	in, p.in = pipe()
	p.out, out = pipe()
	p.errs, errs = pipe()
	if guarded {
		end, p.life = pipe()
		p.cmd.ExtraFiles = []*os.File{end}
	}
	theirs = []*os.File{in, out, errs, end}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, out, errs
	return theirs, err //nolint:wrapcheck // the caller says it
}

// live starts the child and waits for it. It keeps a thread: on Linux a child's signal for the
// death of its parent (PR_SET_PDEATHSIG) comes when the thread that started it ends, not the
// process.
func (p *process) live(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(p.ended)
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	var drained sync.WaitGroup
	drained.Go(func() { _, _ = io.Copy(p.said, p.errs) })
	p.err = p.cmd.Wait()
	killGroup(p.cmd)                                           // what it started and left behind
	_ = p.errs.SetReadDeadline(time.Now().Add(politeWait / 4)) // what left its group may hold it open
	drained.Wait()
}

// stop ends the program as the protocol asks for: it ends its input, then sends SIGTERM, then
// SIGKILL to its group, with two seconds between them. It returns when the program is gone. It may
// be called again.
func (p *process) stop() {
	_ = p.in.Close()
	for _, next := range []func(*exec.Cmd){termGroup, killGroup} {
		timer := time.NewTimer(politeWait)
		select {
		case <-p.ended:
			timer.Stop()
		case <-timer.C:
			next(p.cmd)
			continue
		}
		break
	}
	<-p.ended
	p.close()
}

// cut ends whatever waits for the program to read or to write.
func (p *process) cut() {
	_ = p.in.Close()
	_ = p.out.SetReadDeadline(time.Now())
}

// close closes the bot's ends of the pipes.
func (p *process) close() {
	closeAll([]*os.File{p.in, p.out, p.errs, p.life})
}

// closeAll closes files, of which some may be nil.
func closeAll(files []*os.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// why returns how the program ended, with the last that it said.
func (p *process) why() error {
	how := "the program ended"
	if p.err != nil {
		how += ": " + p.err.Error()
	}
	return &saidError{errors.New(how), p.said.tail()}
}

// Write writes to the program, and gives up when it does not read.
func (p *process) Write(b []byte) (int, error) {
	if err := p.in.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, fmt.Errorf("write to the program: %w", err)
	}
	n, err := p.in.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = errors.New("the program does not read what it is sent")
	}
	return n, err //nolint:wrapcheck // mcp says what was sent
}

// Close ends the program's input.
func (p *process) Close() error { return p.in.Close() } //nolint:wrapcheck // nothing to add

// messages reads the messages of a program, one a line. It leaves out lines that are none, which
// many programs print when they start, and what a program asks or tells by itself too often: the
// SDK's queue for that has no bound.
type messages struct {
	from *bufio.Reader
	out  io.Closer
	said *complaint
	rest []byte    // of the line that is being read
	sec  time.Time // the second in which asked came
	n    int
}

func newMessages(out io.ReadCloser, said *complaint) *messages {
	return &messages{from: bufio.NewReaderSize(out, 64<<10), out: out, said: said}
}

// errLong reports a message of more than mostMessage bytes.
var errLong = errors.New("the server sent a message of more than 8 MB")

// Read is part of io.Reader.
func (m *messages) Read(b []byte) (int, error) {
	for len(m.rest) == 0 {
		line, err := m.line()
		if err != nil {
			return 0, err
		}
		if text := bytes.TrimSpace(line); len(text) > 0 && (text[0] == '{' || text[0] == '[') && json.Valid(text) {
			if some := m.wanted(text); some != nil {
				m.rest = append(some, '\n')
			}
			continue
		}
		_, _ = m.said.Write(append([]byte("(standard output) "), line[:min(len(line), mostLine)]...))
		_, _ = m.said.Write([]byte("\n"))
	}
	n := copy(b, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

// line reads a line with its end; the last may have none.
func (m *messages) line() ([]byte, error) {
	var line []byte
	for {
		part, err := m.from.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case len(line) > mostMessage:
			return nil, errLong
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil && len(line) == 0:
			return nil, err //nolint:wrapcheck // io.EOF must stay
		default:
			return line, nil
		}
	}
}

// wanted returns what of a line is passed on: answers, and what a program asks or tells by itself if it
// is not too much; nil: nothing. Of a batch, which older versions of the protocol know, each is judged.
func (m *messages) wanted(text []byte) []byte {
	if text[0] == '{' {
		if m.admits(text) {
			return text
		}
		return nil
	}
	var all, some []json.RawMessage
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	for _, one := range all {
		if m.admits(one) {
			some = append(some, one)
		}
	}
	switch len(some) {
	case 0:
		return nil
	case len(all):
		return text
	}
	text, _ = json.Marshal(some)
	return text
}

// admits reports whether one message is passed on.
func (m *messages) admits(text []byte) bool {
	var head struct {
		Method string `json:"method"`
	}
	if json.Unmarshal(text, &head) == nil && head.Method == "" {
		return true // an answer
	}
	if now := time.Now(); now.Sub(m.sec) >= time.Second {
		m.sec, m.n = now, 0
	}
	m.n++
	return m.n <= mostAsked && len(text) <= mostAsk
}

// Close is part of io.Closer.
func (m *messages) Close() error { return m.out.Close() } //nolint:wrapcheck // nothing to add

// complaint is the standard error of a program. Its lines go to the log at the level debug, a
// number of them a minute, and the last is remembered. It never blocks. Its methods are safe for
// concurrent use.
type complaint struct {
	ctx func() context.Context // for the log alone
	log *slog.Logger

	mu     sync.Mutex // guards what follows
	line   []byte     // the one that is not complete
	last   []byte
	minute time.Time
	n      int
}

// Write is part of io.Writer.
func (c *complaint) Write(b []byte) (int, error) {
	c.mu.Lock()
	var lines []string
	if over := len(c.last) + len(b) - mostTail; over > 0 {
		c.last = append(c.last[min(over, len(c.last)):], b[max(0, len(b)-mostTail):]...)
	} else {
		c.last = append(c.last, b...)
	}
	for part := range bytes.Lines(b) {
		c.line = append(c.line, part[:min(len(part), max(0, 4*mostLine-len(c.line)))]...)
		if !bytes.HasSuffix(part, []byte("\n")) {
			continue
		}
		if c.admitsLocked() {
			lines = append(lines, llm.Printable(string(c.line), mostLine))
		}
		c.line = c.line[:0]
	}
	c.mu.Unlock()
	for _, line := range lines {
		c.log.DebugContext(c.ctx(), "tool_server_said", "line", line)
	}
	return len(b), nil
}

// admitsLocked reports whether one more line may go to the log.
func (c *complaint) admitsLocked() bool {
	if now := time.Now(); now.Sub(c.minute) >= time.Minute {
		c.minute, c.n = now, 0
	}
	c.n++
	return c.n <= mostLines
}

// tail returns the last lines on one line.
func (c *complaint) tail() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := llm.Printable(string(c.last), 2*mostTail)
	if over := len(text) - mostLine; over > 0 {
		text = "…" + string(bytes.ToValidUTF8([]byte(text[over:]), nil))
	}
	return text
}
