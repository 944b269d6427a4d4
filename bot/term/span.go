package term

import (
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// attr is how text looks.
type attr uint16

const (
	bold attr = 1 << iota
	italic
	underline
	strike
	dim
	code    // a colour
	title   // a colour
	address // a colour
	warn    // a colour
	keyword // a colour of code, as the next three
	quote
	number
	kind // of types and functions
)

// span is text of one look.
type span struct {
	text string
	attr attr
}

// Look is how answers are shown.
type Look struct {
	Width  int  // columns; less than 10 counts as 80
	Colour bool // false (NO_COLOR): bold and the like stay, colours do not
	Plain  bool // the Markdown as it is written, cut into lines of Width
}

const (
	leastWidth   = 10
	defaultWidth = 80
	mostWidth    = 110 // columns of running text: longer lines are hard to read
)

// columns returns how wide a line may be: one less than the terminal, because the last column
// behaves differently everywhere.
func (l Look) columns() int {
	if l.Width < leastWidth {
		return defaultWidth - 1
	}
	return l.Width - 1
}

// sgr returns the escape sequence that switches to a; empty for plain text.
func (l Look) sgr(a attr) string {
	var codes []string
	add := func(bit attr, code string) {
		if a&bit != 0 {
			codes = append(codes, code)
		}
	}
	add(bold, "1")
	add(dim, "2")
	add(italic, "3")
	add(underline, "4")
	add(strike, "9")
	if l.Colour {
		add(code, "36")
		add(title, "35")
		add(address, "34")
		add(warn, "33")
		add(keyword, "35")
		add(quote, "32")
		add(number, "33")
		add(kind, "34")
	}
	if len(codes) == 0 {
		return ""
	}
	return "\x1b[" + strings.Join(codes, ";") + "m"
}

const reset = "\x1b[0m"

// line returns one line of the screen, which switches its colours on and off itself. It cleans the
// text: everything that is shown comes through here.
func (l Look) line(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		text := strings.ReplaceAll(Clean(s.text), "\n", " ")
		text = strings.ReplaceAll(text, "\t", strings.Repeat(" ", tabWidth))
		if text == "" {
			continue
		}
		on := l.sgr(s.attr)
		b.WriteString(on)
		b.WriteString(text)
		if on != "" {
			b.WriteString(reset)
		}
	}
	return b.String()
}

func width(s string) int { return displaywidth.String(s) }

func spansText(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.text)
	}
	return b.String()
}

func spansWidth(spans []span) int {
	n := 0
	for _, s := range spans {
		n += width(s.text)
	}
	return n
}

// wrap breaks text into lines of at most most columns, at spaces if there are any. A newline in a
// span ends a line. It returns at least one line.
func wrap(spans []span, most int) [][]span {
	w := wrapper{most: max(most, 1)}
	for _, s := range spans {
		text := strings.ReplaceAll(Clean(s.text), "\t", strings.Repeat(" ", tabWidth))
		for i, part := range strings.Split(text, "\n") {
			if i > 0 {
				w.word()
				w.newline()
			}
			w.add(part, s.attr)
		}
	}
	w.word()
	return append(w.lines, w.line)
}

// wrapper fills lines word by word; a word may be made of several spans.
type wrapper struct {
	most  int
	lines [][]span
	line  []span // the line that is filled
	used  int
	next  []span // the word that is read
	size  int
	gap   span // the space before it
}

func (w *wrapper) add(text string, a attr) {
	g := displaywidth.StringGraphemes(text)
	for g.Next() {
		if g.Value() == " " {
			if len(w.next) > 0 || w.gap.text == "" {
				w.word()
				w.gap = span{"", a}
			}
			w.gap.text += " "
			continue
		}
		w.next = push(w.next, g.Value(), a)
		w.size += g.Width()
	}
}

// word puts the word that was read onto the line, or onto the next one.
func (w *wrapper) word() {
	gap := w.gap
	w.gap = span{}
	if len(w.next) == 0 {
		return
	}
	switch {
	case w.used+len(gap.text)+w.size <= w.most:
		w.line = push(w.line, gap.text, gap.attr)
		w.used += len(gap.text)
	case w.used > 0:
		w.newline()
	}
	for _, s := range w.next {
		w.letters(s)
	}
	w.next, w.size = nil, 0
}

// letters puts text onto the line and breaks it wherever the line is full.
func (w *wrapper) letters(s span) {
	if n := width(s.text); w.used+n <= w.most {
		w.line = push(w.line, s.text, s.attr)
		w.used += n
		return
	}
	g := displaywidth.StringGraphemes(s.text)
	for g.Next() {
		if w.used > 0 && w.used+g.Width() > w.most {
			w.newline()
		}
		w.line = push(w.line, g.Value(), s.attr)
		w.used += g.Width()
	}
}

func (w *wrapper) newline() {
	w.lines = append(w.lines, w.line)
	w.line, w.used = nil, 0
}

// push appends text, into the last span if it looks the same.
func push(spans []span, text string, a attr) []span {
	if text == "" {
		return spans
	}
	if n := len(spans); n > 0 && spans[n-1].attr == a {
		spans[n-1].text += text
		return spans
	}
	return append(spans, span{text, a})
}

// chopLines breaks spans at their line ends, and into lines of at most most columns. The last line
// end ends the last line. It returns at least one line.
func chopLines(spans []span, most int) [][]span {
	w := wrapper{most: max(most, 1)}
	for i, s := range spans {
		if i == len(spans)-1 {
			s.text = strings.TrimSuffix(s.text, "\n")
		}
		for j, part := range strings.Split(strings.ReplaceAll(Clean(s.text), "\t", strings.Repeat(" ", tabWidth)), "\n") {
			if j > 0 {
				w.newline()
			}
			w.letters(span{part, s.attr})
		}
	}
	return append(w.lines, w.line)
}

// chop breaks text into lines of at most most columns, wherever they are full. Spaces stay as they
// are.
func chop(text string, a attr, most int) [][]span {
	w := wrapper{most: max(most, 1)}
	w.letters(span{strings.ReplaceAll(Clean(text), "\t", strings.Repeat(" ", tabWidth)), a})
	return append(w.lines, w.line)
}
