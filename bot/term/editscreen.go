package term

import (
	"fmt"
	"io"
	"strings"
)

// editScreen shows a line that is edited. It writes again only the rows from the first that
// changed.
type editScreen struct {
	w     io.Writer
	shown []string // the rows as they were last painted
	row   int      // of the cursor, among shown
	wide  int      // the width of the terminal then; 0: nothing is painted
}

// columns returns how wide a row may be: the last column behaves differently everywhere.
func (s Size) columns() int { return s.known().Width - 1 }

// paint shows l behind a prompt, and a note below it if there is one. Of a line with more rows than
// the terminal it shows those up to the cursor's. If done, the cursor is left on the row below.
func (s *editScreen) paint(l *line, prompt, note string, size Size, done bool) error {
	rows := l.rows(prompt, size.columns())
	y := l.rowOf(rows)
	if done {
		y = len(rows) - 1
	}
	var notes []string
	if note != "" {
		below := line{text: note}
		for _, r := range below.rows("", size.columns()) {
			notes = append(notes, below.shown(r.from, r.to))
		}
	}
	most := max(size.Height-1-len(notes), 1)
	first := max(y+1-most, 0)
	var lines []string
	for _, r := range rows[first:min(first+most, len(rows))] {
		lines = append(lines, r.prefix+l.shown(r.from, r.to))
	}
	lines = append(lines, notes...)

	var b strings.Builder
	b.WriteString(syncBegin)
	if s.wide != 0 && s.wide != size.Width {
		s.resized(&b, size)
	}
	s.wide = size.Width
	same := 0
	for same < len(lines) && same < len(s.shown) && lines[same] == s.shown[same] {
		same++
	}
	switch {
	case same == len(lines) && same == len(s.shown):
		s.to(&b, y-first)
	case same == len(lines): // there are fewer rows now
		s.to(&b, same)
		b.WriteString(eraseBelow)
		s.to(&b, y-first)
	default:
		s.to(&b, same)
		for i := same; i < len(lines); i++ {
			if i > same {
				b.WriteString("\r\n")
			}
			b.WriteString(lines[i] + eraseRight)
		}
		s.row = len(lines) - 1
		if len(s.shown) > len(lines) {
			b.WriteString("\r\n" + eraseBelow)
			s.row++
		}
		s.to(&b, y-first)
	}
	s.shown = lines
	if done {
		s.to(&b, len(lines)-1)
		b.WriteString("\r\n")
	} else {
		// What is before the cursor is written once more: so it stands where the terminal has it, also
		// where that takes a character for wider or narrower than we do.
		r := rows[y]
		b.WriteString(r.prefix + l.shown(r.from, max(l.at, r.from)))
	}
	b.WriteString(syncEnd)
	if _, err := io.WriteString(s.w, b.String()); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}

// to goes to the beginning of a row. One that is not there yet is the one below the last.
func (s *editScreen) to(b *strings.Builder, row int) {
	b.WriteString("\r")
	switch {
	case row < s.row:
		fmt.Fprintf(b, "\x1b[%dA", s.row-row)
	case row > s.row:
		b.WriteString(strings.Repeat("\n", row-s.row)) // unlike a cursor movement it makes the row
	}
	s.row = row
}

// resized goes to the beginning of what the terminal made of the rows when its width changed, and
// clears it.
func (s *editScreen) resized(b *strings.Builder, size Size) {
	above := 0
	for i, l := range s.shown {
		if i < s.row {
			above += max((width(l)+size.Width-1)/size.Width, 1)
		}
	}
	up(b, min(above, size.Height-1))
	b.WriteString(eraseBelow)
	s.shown, s.row = nil, 0
}

// clear empties the whole screen.
func (s *editScreen) clear() error {
	s.shown, s.row, s.wide = nil, 0, 0
	if _, err := io.WriteString(s.w, "\x1b[H\x1b[2J"); err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}
