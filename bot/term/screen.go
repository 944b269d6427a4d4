package term

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Sequences of ECMA-48 and xterm that every terminal of today knows.
const (
	eraseBelow = "\x1b[J"
	eraseRight = "\x1b[K"
	hideCursor = "\x1b[?25l"
	showCursor = "\x1b[?25h"
	// After syncBegin the terminal shows nothing new until syncEnd. Those that do not know it ignore
	// it.
	syncBegin = "\x1b[?2026h"
	syncEnd   = "\x1b[?2026l"
)

const defaultHeight = 24

// Size is what a terminal can show, in columns and rows. Zeroes: not known.
type Size struct{ Width, Height int }

func (s Size) known() Size {
	if s.Width < leastWidth {
		s.Width = defaultWidth
	}
	if s.Height < 3 {
		s.Height = defaultHeight
	}
	return s
}

// painter shows a block of lines, and writes again only those that changed. The cursor rests at the
// beginning of the line below. It belongs to one goroutine.
type painter struct {
	w     io.Writer
	shown []string // the block as it was last painted
	wide  int      // the width of the terminal then; 0: nothing painted yet
	gone  int      // lines that have left the screen at the top
	stale int      // the first of them that is not what the block says now; math.MaxInt: none
}

func newPainter(w io.Writer) *painter { return &painter{w: w, stale: math.MaxInt} }

// paint shows lines in place of what was shown. It cannot change what has left the screen at the
// top. While an answer grows that stays as it is; if final, paint writes everything from the first
// such difference on once more, so that no text is missing.
func (p *painter) paint(lines []string, size Size, final bool) error {
	size = size.known()
	var b strings.Builder
	if p.wide != 0 && p.wide != size.Width {
		p.resized(&b, size)
	}
	p.wide = size.Width
	same := 0
	for same < len(lines) && same < len(p.shown) && lines[same] == p.shown[same] {
		same++
	}
	if same < p.gone {
		p.stale = min(p.stale, same)
		same = p.gone
	}
	from := same
	switch {
	// The text was taken back, or is written again: begin on what is left of the screen.
	case len(lines) < p.gone:
		same, from = p.gone, 0
		p.gone, p.stale = 0, math.MaxInt
	case final && p.stale < p.gone:
		from = p.stale
		same = p.gone
	}
	p.gone = max(p.gone, len(lines)-(size.Height-1))
	if same == len(p.shown) && from == len(lines) {
		p.shown = slices.Clone(lines)
		return p.flush(&b)
	}
	up(&b, len(p.shown)-same)
	for _, l := range lines[from:] {
		b.WriteString(l + eraseRight + "\r\n")
	}
	if len(p.shown)-same > len(lines)-from {
		// tmux keeps in its history what a bare eraseBelow takes from the first line.
		b.WriteString(eraseRight + eraseBelow)
	}
	p.shown = slices.Clone(lines)
	return p.flush(&b)
}

func (p *painter) flush(b *strings.Builder) error {
	if b.Len() == 0 {
		return nil
	}
	if _, err := io.WriteString(p.w, syncBegin+hideCursor+b.String()+syncEnd); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// resized clears what the terminal made of the block when its width changed: a terminal breaks
// lines that have become too long.
func (p *painter) resized(b *strings.Builder, size Size) {
	rows := 0
	for _, l := range p.shown {
		rows += max((width(stripLooks(l))+size.Width-1)/size.Width, 1)
	}
	up(b, min(rows, size.Height-1))
	b.WriteString(eraseBelow)
	// What has left the screen is written once more, in the new shape.
	p.shown, p.gone, p.stale = nil, 0, math.MaxInt
}

// up goes to the beginning of the n-th line above.
func up(b *strings.Builder, n int) {
	b.WriteString("\r")
	if n > 0 {
		fmt.Fprintf(b, "\x1b[%dA", n)
	}
}

// stripLooks returns a line of ours without its looks.
func stripLooks(s string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, s, _ = strings.Cut(rest, "m")
	}
}
