package render

import "strings"

// breakMax is the longest form of a break of a line in HTML, in bytes; more blanks are not looked
// at.
const breakMax = 16

// breakLen returns the length of the <br>, <br/> or </br> that begins s, in any case, 0 if there is
// none. Not ok: it needs more text.
func breakLen(s string, full bool) (n int, ok bool) {
	tag := s[:min(len(s), breakMax)]
	at := func(like string) bool {
		if n < len(tag) && strings.IndexByte(like, tag[n]) >= 0 {
			n++
			return true
		}
		return false
	}
	found := at("<")
	at("/")
	found = found && at("bB") && at("rR")
	for found && at(" \t") {
	}
	if found {
		at("/")
	}
	if found && at(">") {
		return n, true
	}
	return 0, full || n < len(tag) || len(tag) == breakMax
}

// breakLine returns the length of the blank line, made of breaks, that begins s, without its end.
// 0: it is none. Not ok: it needs more text.
func breakLine(s string, full bool) (n int, ok bool) {
	if len(s) > lineMax {
		s, full = s[:lineMax], true
	}
	for n < len(s) && s[n] == '<' {
		k, ok := breakLen(s[n:], full)
		if k == 0 {
			return 0, ok
		}
		n += k
		n += spaces(s[n:], len(s))
	}
	switch {
	case n < len(s) && s[n] != '\n', n == lineMax:
		return 0, true
	case n == len(s) && !full:
		return 0, false
	}
	return n, true
}

// stepBreak processes a <br> that ends so many bytes further on; not ok: its end has not come. The
// break is written before what follows it in the line. Where nothing precedes it, there is none.
func (d *Doc) stepBreak(n int, ok bool) bool {
	if !ok {
		return false
	}
	d.pos += n
	d.breaks, d.torn = true, d.torn || !d.head // what follows is text, whatever it looks like
	if !d.fresh && d.opened != len(d.buf) {
		d.broken, d.mid, d.shown = true, false, d.pos
	}
	return true
}

// breakText returns the break that is due: a hard one of Markdown, and what keeps the line after it
// in its quote and its item. A heading has one line.
func (d *Doc) breakText() string {
	if d.head {
		return " "
	}
	col := d.col
	if d.quote == 0 {
		col -= d.base
	}
	return "  \n" + strings.Repeat("> ", d.quote) + strings.Repeat(" ", max(0, min(col, spaceMax)))
}
