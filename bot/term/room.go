package term

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"llmbot/bot/answer"
)

const (
	frame     = 40 * time.Millisecond  // between two changes of the screen: more often nobody sees
	spin      = 100 * time.Millisecond // between two steps of the progress indicator
	spinSteps = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
)

// Room is a terminal as a place to answer in, a [Place]. Answers appear at the cursor, one at a
// time.
type Room struct {
	Out  io.Writer // a terminal
	Size func() Size
	Look Look // its Width is taken from Size
}

var _ Place = (*Room)(nil)

// Open begins an answer at the cursor. The caller must close it before anybody else writes to the
// terminal.
func (r *Room) Open(context.Context) (answer.Draft, error) {
	return r.draft(time.Now()), nil
}

func (r *Room) draft(begun time.Time) *draft {
	d := &draft{
		room: r, paint: newPainter(r.Out), md: NewMarkdown(), since: begun, wake: make(chan struct{}, 1), quit: make(chan struct{}),
	}
	d.all.Go(d.run)
	return d
}

// draft shows one answer. Set only keeps the newest; a goroutine of the draft paints.
type draft struct {
	room *Room
	wake chan struct{}
	quit chan struct{} // closed by Close
	once sync.Once
	all  sync.WaitGroup

	mu      sync.Mutex // guards the next six
	answer  answer.Snapshot
	thought string    // reasoning to show
	asks    *question // for leave; nil: none
	typed   string    // behind it
	since   time.Time // when the status began
	err     error     // the first failure of the terminal

	// What follows belongs to whoever paints: the goroutine, and Close after it.
	paint   *painter
	md      *Markdown
	settled string   // the beginning of the text, whose lines cannot change
	lines   []string // of settled
	look    Look     // that lines were made for
}

// Set shows a, soon; the newest wins.
func (d *draft) Set(a answer.Snapshot) {
	d.mu.Lock()
	if a.Status != d.answer.Status {
		d.since = time.Now()
	}
	d.answer = a
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Room returns the length of text: a terminal takes all of it. Who sits there ends what is too
// long, and the terminal keeps as much as it is set to.
func (*draft) Room(text string, _ bool) int { return len(text) }

// think shows reasoning above the answer; it is no part of it.
func (d *draft) think(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.thought = text
}

// ask shows a question for leave below the answer.
func (d *draft) ask(_ context.Context, q *question, typed string) error {
	d.mu.Lock()
	d.asks, d.typed = q, typed
	failed := d.err
	d.mu.Unlock()
	select {
	case d.wake <- struct{}{}:
	default:
	}
	return failed
}

// Close shows a as the end of the answer and leaves the cursor below it. It returns the first
// failure of the terminal.
func (d *draft) Close(_ context.Context, a answer.Snapshot) error {
	d.once.Do(func() { close(d.quit) })
	d.all.Wait()
	d.mu.Lock()
	d.answer, d.asks = a, nil
	d.mu.Unlock()
	d.show(true)
	_, err := io.WriteString(d.room.Out, showCursor)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil && err != nil {
		d.err = fmt.Errorf("write to the terminal: %w", err)
	}
	return d.err
}

func (d *draft) run() {
	tick := time.NewTicker(spin)
	defer tick.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-d.quit:
			return
		case <-d.wake:
		case <-tick.C:
		}
		d.show(false)
		pause.Reset(frame)
		select {
		case <-d.quit:
			return
		case <-pause.C:
		}
	}
}

func (d *draft) show(final bool) {
	d.mu.Lock()
	a, thought, since, failed := d.answer, d.thought, d.since, d.err
	asks, typed := d.asks, d.typed
	d.mu.Unlock()
	if failed != nil {
		return
	}
	size := d.room.Size().known()
	look := d.room.Look
	look.Width = size.Width
	if asks != nil {
		a.Status = ""
	}
	lines := d.compose(a, thought, time.Since(since), look)
	if asks != nil {
		lines = append(joinBlocks(lines, asks.lines(look.columns())), look.line(last(runIt+typed, look.columns())))
	}
	if err := d.paint.paint(lines, size, final); err != nil {
		d.mu.Lock()
		d.err = err
		d.mu.Unlock()
	}
}

// compose makes the lines of an answer.
func (d *draft) compose(a answer.Snapshot, thought string, waited time.Duration, look Look) []string {
	var lines []string
	part := func(more []string) {
		if len(lines) > 0 && len(more) > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, more...)
	}
	if thought != "" {
		part(styled(thought, dim, look))
	}
	part(d.text(a.Text, look, a.Phase.Final()))
	if a.Status != "" && !a.Phase.Final() {
		steps := []rune(spinSteps)
		n := int(waited/spin) % len(steps)
		part([]string{look.line([]span{{fmt.Sprintf("%c %s %ds", steps[n], a.Status, int(waited.Seconds())), dim}})})
	}
	if a.Notice != "" {
		part(styled(a.Notice, warn, look))
	}
	if a.Small != "" {
		part(styled(a.Small, dim, look))
	}
	return lines
}

// text renders an answer and keeps the lines of the part that is settled.
func (d *draft) text(text string, look Look, final bool) []string {
	if !strings.HasPrefix(text, d.settled) || look != d.look {
		d.settled, d.lines, d.look = "", nil, look
	}
	tail := text[len(d.settled):]
	if n := d.md.Settled(Clean(tail)); n > 0 && !look.Plain && !final && clean(tail) {
		d.lines = joinBlocks(d.lines, d.md.Lines(tail[:n], look))
		d.settled = text[:len(d.settled)+n]
		tail = tail[n:]
	}
	return joinBlocks(d.lines, d.md.lines(tail, look, !final))
}

// last returns the end of a text that fits into one line.
func last(text string, columns int) []span {
	lines := wrap([]span{{text, warn}}, columns)
	return lines[len(lines)-1]
}

// joinBlocks puts an empty line between what came before and what comes; it changes neither.
func joinBlocks(a, b []string) []string {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := append(slices.Clip(a), "")
	return append(out, b...)
}

// styled returns a text of one look, wrapped.
func styled(text string, a attr, look Look) []string {
	var out []string
	for _, l := range wrap([]span{{strings.TrimSpace(text), a}}, min(look.columns(), mostWidth)) {
		out = append(out, look.line(l))
	}
	return out
}
