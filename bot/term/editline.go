package term

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/displaywidth"
)

// line is a question that is edited. Its cursor stands between what a reader takes for characters:
// an emoji made of several code points, or a letter with its accents, is one.
type line struct {
	text string
	at   int // the cursor, in bytes
}

// end reports whether the cursor is at the end.
func (l *line) end() bool { return l.at == len(l.text) }

// insert puts s before the cursor.
func (l *line) insert(s string) {
	l.text = l.text[:l.at] + s + l.text[l.at:]
	l.at = l.boundary(l.at + len(s))
}

// boundary returns at, or the end of the character in whose middle it is: what is inserted may join
// what follows.
func (l *line) boundary(at int) int {
	pos := l.lineStart(at)
	g := displaywidth.StringGraphemes(l.text[pos:])
	for pos < at && g.Next() {
		pos += len(g.Value())
	}
	return pos
}

// lineStart returns where the line begins in which at is.
func (l *line) lineStart(at int) int { return strings.LastIndexByte(l.text[:at], '\n') + 1 }

// lineEnd returns where the line ends in which at is.
func (l *line) lineEnd(at int) int {
	if i := strings.IndexByte(l.text[at:], '\n'); i >= 0 {
		return at + i
	}
	return len(l.text)
}

// before returns where the character before at begins.
func (l *line) before(at int) int {
	start := l.lineStart(at)
	if start == at {
		return max(at-1, 0) // over the line end
	}
	last := start
	g := displaywidth.StringGraphemes(l.text[start:at])
	for pos := start; g.Next(); pos += len(g.Value()) {
		last = pos
	}
	return last
}

// after returns where the character behind at ends.
func (l *line) after(at int) int {
	g := displaywidth.StringGraphemes(l.text[at:])
	if !g.Next() {
		return at
	}
	return at + len(g.Value())
}

// wordBefore returns where the word before at begins.
func (l *line) wordBefore(at int) int {
	return l.boundary(l.back(l.back(at, func(r rune) bool { return !inWord(r) }), inWord))
}

// wordAfter returns where the word behind at ends.
func (l *line) wordAfter(at int) int {
	return l.boundary(l.forth(l.forth(at, func(r rune) bool { return !inWord(r) }), inWord))
}

func (l *line) back(at int, while func(rune) bool) int {
	for at > 0 {
		r, n := utf8.DecodeLastRuneInString(l.text[:at])
		if !while(r) {
			break
		}
		at -= n
	}
	return at
}

func (l *line) forth(at int, while func(rune) bool) int {
	for at < len(l.text) {
		r, n := utf8.DecodeRuneInString(l.text[at:])
		if !while(r) {
			break
		}
		at += n
	}
	return at
}

func inWord(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '_'
}

// cut removes what is between the cursor and to, on either side of it, and returns it.
func (l *line) cut(to int) string {
	from := min(l.at, to)
	to = max(l.at, to)
	gone := l.text[from:to]
	l.text = l.text[:from] + l.text[to:]
	l.at = l.boundary(from)
	return gone
}

// continued reports whether the text ends in a backslash that stands for a further line, and takes
// it away. Two of them are a backslash.
func (l *line) continued() bool {
	slashes := len(l.text) - len(strings.TrimRight(l.text, `\`))
	if !l.end() || slashes%2 == 0 {
		return false
	}
	l.text = l.text[:len(l.text)-1]
	l.at = len(l.text)
	return true
}

// screenRow is a row of the screen with a part of a line.
type screenRow struct {
	prefix   string // the prompt, or what stands below it
	from, to int    // of the text, in bytes
}

// rows breaks the text into rows of at most columns columns. A line that was begun with Alt-Enter
// stands under the text of the first one; one that is only too long goes on at the margin.
func (l *line) rows(prompt string, columns int) []screenRow {
	var out []screenRow
	row := screenRow{prefix: prompt}
	used := width(prompt)
	indent := strings.Repeat(" ", used)
	if used >= columns {
		out, row, used, indent = append(out, row), screenRow{}, 0, ""
	}
	g := displaywidth.StringGraphemes(l.text)
	for pos := 0; g.Next(); pos += len(g.Value()) {
		if g.Value() == "\n" {
			row.to = pos
			out = append(out, row)
			row, used = screenRow{prefix: indent, from: pos + 1}, len(indent)
			continue
		}
		_, w := glyph(g.Value(), g.Width())
		if used+w > columns {
			row.to = pos
			out = append(out, row)
			row, used = screenRow{from: pos}, 0
		}
		used += w
	}
	row.to = len(l.text)
	return append(out, row)
}

// rowOf returns the row of the cursor.
func (l *line) rowOf(rows []screenRow) int {
	for i := len(rows) - 1; i > 0; i-- {
		if rows[i].from <= l.at {
			return i
		}
	}
	return 0
}

// glyph returns a character as the screen has it, and its width: the greatest that a terminal may
// give it, for some show an emoji of several code points in pieces. An accent without a letter gets
// a circle: else it would stand on the prompt.
func glyph(char string, w int) (string, int) {
	switch {
	case char == "\t":
		return strings.Repeat(" ", tabWidth), tabWidth
	case w == 0:
		return "◌" + char, 1
	}
	if n := utf8.RuneCountInString(char); n > 1 {
		sum := 0
		for _, r := range char {
			sum += displaywidth.Rune(r)
		}
		w = max(w, sum)
	}
	return char, w
}

// shown returns a part of the text as the screen has it.
func (l *line) shown(from, to int) string {
	var b strings.Builder
	g := displaywidth.StringGraphemes(l.text[from:to])
	for g.Next() {
		s, _ := glyph(g.Value(), g.Width())
		b.WriteString(s)
	}
	return b.String()
}

// vertical moves the cursor to the row above (-1) or below (1). It reports whether there is one.
func (l *line) vertical(rows []screenRow, step int) bool {
	y := l.rowOf(rows)
	to := y + step
	if to < 0 || to >= len(rows) {
		return false
	}
	column := width(rows[y].prefix)
	for pos := rows[y].from; pos < l.at; {
		next := l.after(pos)
		_, w := glyph(l.text[pos:next], width(l.text[pos:next]))
		column += w
		pos = next
	}
	r := rows[to]
	used := width(r.prefix)
	pos := r.from
	g := displaywidth.StringGraphemes(l.text[r.from:r.to])
	for g.Next() {
		_, w := glyph(g.Value(), g.Width())
		if used+w > column {
			break
		}
		used += w
		pos += len(g.Value())
	}
	if pos == r.to && to+1 < len(rows) && rows[to+1].from == pos && pos > r.from {
		pos = l.before(pos) // its end is the beginning of the next row
	}
	l.at = pos
	return true
}
