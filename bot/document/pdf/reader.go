package pdf

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"llmbot/bot/document"
)

// Bounds; the figures are the project's own.
const (
	maxChildren = 2               // files that are read at a time
	readTimeout = 4 * time.Second // for a file, once PDFium is loaded: a page takes 3 ms
	loadTimeout = 3 * time.Minute // for compiling: 6 s of a core, of which there may be a tenth
	maxStderr   = 2 << 10         // bytes of what a child says when it fails
)

// Config configures a Reader.
type Config struct {
	Program []string // the child's program and its arguments, the last one Argument
	Cache   string   // absolute path of the folder of the machine code, 21 MB; it is made if missing. Empty: none
	Name    string   // what the child is called in lists of processes; empty: as its program
	// Ahead is how long after its begin Run compiles PDFium, if no file came before; only with a
	// Cache. 0: it does not.
	Ahead time.Duration
	Log   *slog.Logger
}

// Reader reads PDF files, each in a process of its own. Its methods are safe for concurrent use.
type Reader struct {
	cfg      Config
	readFor  time.Duration   // readTimeout; a test of a slow machine has more
	children chan struct{}   // one for each child that reads
	want     chan chan error // who waits for the machine code
	compiled atomic.Bool     // the machine code is there
	warned   atomic.Bool     // that it is interpreted
}

// New returns a Reader. It needs its Run.
func New(cfg Config) *Reader {
	return &Reader{cfg: cfg, readFor: readTimeout, children: make(chan struct{}, maxChildren), want: make(chan chan error)}
}

// Run compiles PDFium, unless the folder has its machine code: ahead, with what others leave of the
// processors, or for the first file. It is apart from the question that needs it first: on a slow
// machine it takes longer than a question may. It returns when ctx ends.
func (r *Reader) Run(ctx context.Context) {
	var ahead <-chan time.Time
	if r.cfg.Ahead > 0 && r.cfg.Cache != "" { // the bot has forbidden itself to execute: the child finds out whether it may
		timer := time.NewTimer(r.cfg.Ahead)
		defer timer.Stop()
		ahead = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ahead:
			if err := r.compile(ctx, true); err != nil && ctx.Err() == nil {
				r.cfg.Log.WarnContext(ctx, "pdf_reader_not_loaded", "error", err, "hint", "the first PDF file tries again; compiling takes 370 MB for a moment")
			}
		case reply := <-r.want:
			reply <- r.compile(ctx, false)
		}
	}
}

func (r *Reader) compile(ctx context.Context, idle bool) error {
	if r.compiled.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	start := time.Now()
	c := conversation{order: order{Cache: r.cfg.Cache, Load: true, Idle: idle}}
	if err := r.talk(ctx, &c, nil); err != nil {
		return err
	}
	if !c.ready {
		return errLoad
	}
	r.cfg.Log.InfoContext(ctx, "pdf_reader_loaded", "took", time.Since(start), "interpreted", c.interpreted)
	r.compiled.Store(true)
	return nil
}

// ready waits until a child can load PDFium in a moment.
func (r *Reader) ready(ctx context.Context) error {
	if r.cfg.Cache == "" || r.compiled.Load() {
		return nil
	}
	reply := make(chan error, 1)
	select {
	case r.want <- reply:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", document.ErrBusy, ctx.Err())
	}
	select {
	case err := <-reply:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", document.ErrBusy, ctx.Err())
	}
}

// Read returns the text of a file, page after page. It blocks for a child, for 4 s at most once
// PDFium is loaded, and until ctx ends: the pages that came until then are kept.
func (r *Reader) Read(ctx context.Context, data []byte, limits document.Limits) (document.Text, error) {
	if len(data) > document.MaxBytes {
		return document.Text{}, fmt.Errorf("%d bytes: %w", len(data), document.ErrLarge)
	}
	select {
	case r.children <- struct{}{}:
		defer func() { <-r.children }()
	case <-ctx.Done():
		return document.Text{}, fmt.Errorf("%w: %w", document.ErrBusy, ctx.Err())
	}
	if err := r.ready(ctx); err != nil {
		return document.Text{}, err
	}
	c := conversation{order: order{Bytes: len(data), Runes: limits.Runes, Pages: limits.Pages, Cache: r.cfg.Cache}}
	err := r.talk(ctx, &c, data)
	if c.interpreted && !r.warned.Swap(true) {
		r.cfg.Log.WarnContext(ctx, "pdf_interpreted", "hint", "written memory may not become executable here, so PDF files are read sixty times slower; "+
			"remove MemoryDenyWriteExecute= from the service: the bot bans itself")
	}
	return c.text(err)
}

// conversation is what was said with a child.
type conversation struct {
	order       order
	ready       bool
	interpreted bool
	pages       int // of the file
	read        int
	words       bool // a page has some
	b           strings.Builder
	end         string
}

// hear takes a message.
func (c *conversation) hear(m message) {
	switch {
	case m.Ready:
		c.ready, c.interpreted = true, m.Interpreted
	case m.Pages > 0:
		c.pages = m.Pages
	case m.End != "":
		c.end = m.End
	case m.Blank:
		c.read++
		fmt.Fprintf(&c.b, "\n\n## Page %d\n\n(no text on this page)", c.read)
	case m.Page != "":
		c.read++
		c.words = true
		fmt.Fprintf(&c.b, "\n\n## Page %d\n\n%s", c.read, m.Page)
	}
}

// text returns what came of the file. err is why no more came.
func (c *conversation) text(err error) (document.Text, error) {
	failed := endError(c.end)
	if c.end == "" {
		failed = err
	}
	if !c.words {
		if failed == nil {
			failed = document.ErrNoText
		}
		return document.Text{}, failed
	}
	t := document.Text{Markdown: strings.TrimSpace(c.b.String())}
	if c.read < c.pages || c.end != endAll {
		t.Part = fmt.Sprintf("the first %d of %d pages", c.read, max(c.pages, c.read))
	}
	switch {
	case failed == nil:
	case errors.Is(failed, document.ErrSlow):
		t.Part += "; reading on took too long"
	default:
		t.Part += "; the rest is damaged"
	}
	return t, nil
}

// talk starts a child, gives it the order and the file, and hears it out. It waits until the child
// is gone.
func (r *Reader) talk(ctx context.Context, c *conversation, data []byte) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	line, err := json.Marshal(c.order)
	if err != nil {
		return fmt.Errorf("write the order: %w", err)
	}
	child := exec.CommandContext(ctx, r.cfg.Program[0], r.cfg.Program[1:]...) //nolint:gosec // this program itself
	child.Args[0] = cmp.Or(r.cfg.Name, child.Args[0])
	child.Env = []string{}
	child.Stdin = io.MultiReader(bytes.NewReader(line), strings.NewReader("\n"), bytes.NewReader(data))
	complaint := &tail{}
	child.Stderr = complaint
	child.WaitDelay = time.Second
	alone(child)
	out, err := child.StdoutPipe()
	if err != nil {
		return fmt.Errorf("%w: %w", errLoad, err)
	}
	if err := child.Start(); err != nil {
		return fmt.Errorf("%w: %w", errLoad, err)
	}
	clock := time.AfterFunc(loadTimeout, func() { cancel(document.ErrSlow) })
	defer clock.Stop()
	// More than this is none of Serve's: a character is at most 12 bytes in JSON.
	bounded := &io.LimitedReader{R: out, N: int64(12*c.order.Runes) + int64(100*c.order.Pages) + 64<<10}
	from := json.NewDecoder(bounded)
	for err == nil && c.end == "" {
		var m message
		if err = from.Decode(&m); err == nil {
			c.hear(m)
		}
		if m.Ready {
			clock.Reset(r.readFor)
		}
	}
	if c.end != "" || bounded.N <= 0 { // nothing more is to come, or to be heard
		cancel(document.ErrDamaged)
	}
	_, _ = io.Copy(io.Discard, out)
	waited := child.Wait()
	switch {
	case c.end != "" || c.order.Load && c.ready && waited == nil:
		return nil
	case errors.Is(context.Cause(ctx), document.ErrSlow):
		return document.ErrSlow
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), document.ErrDamaged):
		return fmt.Errorf("%w: %w", document.ErrSlow, ctx.Err())
	case !c.ready:
		return fmt.Errorf("%w: %w: %s", errLoad, ended(waited), complaint)
	}
	// It ran out of memory, most often, or PDFium gave up.
	return fmt.Errorf("%w: the reader ended: %w: %s", document.ErrDamaged, ended(waited), complaint)
}

// errEarly says that a child ended well, and said too little.
var errEarly = errors.New("it said too little")

// ended returns how a child ended, which said too little.
func ended(waited error) error {
	if waited == nil {
		return errEarly
	}
	return waited
}

// tail keeps the beginning of what a child says when it fails.
type tail struct{ b []byte }

// Write is part of io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[:min(len(p), maxStderr-len(t.b))]...)
	return len(p), nil
}

// String returns it on one line.
func (t *tail) String() string { return strings.Join(strings.Fields(string(t.b)), " ") }
