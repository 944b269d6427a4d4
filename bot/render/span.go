package render

import "strings"

// Code that readers of Markdown see in lines of text: by indentation, and between backticks that
// stand in different lines of a paragraph. Its lines are processed as text, because a page may end
// in it, and Slack may see no code there; so links and mentions in it are as dead as anywhere. But
// what an entity would stand for is copied, as in other code: see proseLess.

// spanMax bounds, in bytes, code between backticks that goes across line ends. A backtick without a
// partner holds an answer back that long while it streams: 300 bytes are about two seconds.
const spanMax = 300

// copied reports whether an offset of the current line is in such code.
func (d *Doc) copied(at int) bool {
	return at < d.span || d.code && d.linePage == d.page
}

// verbatim returns the beginning of s, which stands in code, and of how many bytes it is; 0: it is
// written as in text. Not ok: it needs more text.
func (l Links) verbatim(s string, full bool) (out string, n int, ok bool) {
	switch {
	case s[0] == '<':
		// A token may go on in the next line, or behind the code: it gets the joiner, too.
		line, _, ended := strings.Cut(s[:min(len(s), tokenMax)], "\n")
		live, broken, known := token(line)
		if !known && !ended && !full && len(line) < tokenMax {
			return "", 0, false
		}
		if live || broken > 0 || !known {
			return "<" + joiner, 1, true
		}
		return "<", 1, true
	case strings.HasPrefix(s, `\<`):
		return `\`, 1, true
	case s[0] == '&' && !l.strict(): // else an entity may make an address, where there is no code
		if n := entityLen(s); n > 0 && hides(s[:n]) {
			return s[:n], n, true
		}
	}
	return "", 0, true
}

// stepSpan writes the marks of inline code that goes across a line end, or what could be such marks
// in a paragraph in which it is not certain what is code; not done: they are other ones.
func (d *Doc) stepSpan(n int, sp, body string) (done, more bool) {
	at, run := d.pos+n, runLen(body, ticksMax)
	if d.links.strict() { // its marks are written as no code: see ticks
		return false, false
	}
	if at < d.span {
		return true, d.stepTicks(n, sp, body)
	}
	size, ok := d.spanLen(body, run)
	first := strings.IndexByte(body[:min(len(body), spanMax)], '\n')
	switch {
	case !ok && !d.eager && (d.loose || first >= 0):
		return true, false
	case !d.loose && (!ok || first < 0 || size <= first):
		return false, false
	}
	span := body[:size]
	lines := strings.Count(span, "\n")
	chars, bytes := cost(span)+strings.Count(span, "<")+lines*spaceMax, size+strings.Count(span, "<")*len(joiner)+lines*spaceMax
	if chars > d.atom.Chars || bytes > d.atom.Bytes {
		size = 0
	}
	// Half of it would be no code.
	z, c := d.zones[levLine], d.closeCost()+d.nl+len(sp)
	if size > 0 && !d.fresh && (d.chars+c+chars >= z.Chars || len(d.buf)+c+bytes >= z.Bytes) && d.cut() {
		return true, true
	}
	more = d.stepTicks(n, sp, body)
	if size > 0 && d.pos == at+run {
		d.span = at + size
	}
	if d.pos > at {
		d.loose = true
	}
	return true, more
}

// spanLen returns the length of the inline code that begins s with n marks. It goes across line
// ends, but not out of its paragraph. 0: there is none. Not ok: it needs more text.
func (d *Doc) spanLen(s string, n int) (size int, ok bool) {
	for i := n; i < len(s) && i < spanMax; {
		switch s[i] {
		case '`':
			k := runLen(s[i:], codeMax)
			if i+k == len(s) && !d.eof {
				return 0, false
			}
			if i += k; k == n {
				return i, true
			}
		case '\n':
			i++
			if goesOn, ok := d.goesOn(s[i:]); !goesOn {
				return 0, ok
			}
		default:
			i++
		}
	}
	return 0, d.eof || len(s) >= spanMax
}

// goesOn reports whether the line that begins s goes on with the paragraph. It says no where a line
// might be another thing. Not ok: it needs more text.
func (d *Doc) goesOn(s string) (goesOn, ok bool) {
	if d.head || d.code {
		return false, true
	}
	p, ok := readPrefix(s, d.eof)
	if !ok && len(s) < lineMax {
		return false, false
	}
	body := s[p.n:]
	switch {
	case body == "":
		return false, d.eof || len(s) >= lineMax
	case body[0] == '\n', p.marks > 0, p.quote != d.quote:
		return false, true
	case strings.IndexByte("#`~-=*_+|:<", body[0]) < 0:
		return true, true
	}
	line, _, ended := strings.Cut(body[:min(len(body), lineMax)], "\n")
	if !ended && !d.eof && len(line) < lineMax {
		return false, false
	}
	n := runLen(line, len(line))
	isTable, _ := isDelimiter(line, true)
	blank, _ := breakLine(line, true)
	switch body[0] {
	case '#':
		return n > 6 || n < len(line) && line[n] != ' ' && line[n] != '\t', true
	case '`', '~':
		return n < 3, true
	}
	return !isTable && blank == 0 && !isRule(line+"\n") && !onlyOf(line, line[0]), true
}
