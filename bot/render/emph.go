package render

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// flanks is what a run of emphasis marks can do, by the characters beside it.
type flanks struct {
	opens, closes bool // by CommonMark
	// As people mean it, where CommonMark takes the marks for text: Chinese, Japanese and Korean have
	// no spaces beside their punctuation, as in **注意：**正文 (commonmark-spec #650). A word joiner
	// between the punctuation and the marks makes every reader of CommonMark see it so, for it is
	// neither a space nor punctuation.
	easedOpen, easedClose bool
}

func flanksOf(c byte, run int, prev, next rune) flanks {
	spaceBefore, spaceAfter := unicode.IsSpace(prev), unicode.IsSpace(next)
	left := !spaceAfter && (!punct(next) || spaceBefore || punct(prev))
	right := !spaceBefore && (!punct(prev) || spaceAfter || punct(next))
	f := flanks{opens: left, closes: right}
	if c == '_' {
		f.opens, f.closes = left && (!right || punct(prev)), right && (!left || punct(next))
	} else if run >= 2 && (prev >= cjk || next >= cjk) && !spaceBefore && !spaceAfter {
		f.easedOpen, f.easedClose = !left, !right
	}
	return f
}

// literalMarks returns marks that are text.
func (d *Doc) literalMarks(marks string, f flanks) string {
	struck := slices.ContainsFunc(d.emph[:d.nEmph], func(m mark) bool { return m.char == '~' })
	return literalTildes(marks, f, struck, &d.wavy)
}

// literalTildes is literalMarks, for some readers strike through with a single tilde. Where one may
// have begun that, another does not end it, and none does either within what is struck through.
func literalTildes(marks string, f flanks, struck bool, wavy *bool) string {
	if marks[0] != '~' || len(marks) > 2 {
		return marks
	}
	if f.closes && *wavy || struck {
		return strings.Repeat("\\~", len(marks))
	}
	*wavy = *wavy || f.opens
	return marks
}

// emphasis follows the marks of a whole piece of text, as stepEmph does those of a line.
type emphasis struct {
	open []string
	wavy bool // see state
}

// next returns the run of marks at an offset of s as it is written, and its length.
func (e *emphasis) next(s string, at int) (out string, n int) {
	n = runLen(s[at:], len(s))
	marks, c := s[at:at+n], s[at]
	prev, next := ' ', ' '
	if at > 0 {
		prev, _ = utf8.DecodeLastRuneInString(s[:at])
	}
	if at+n < len(s) {
		next, _ = utf8.DecodeRuneInString(s[at+n:])
	}
	f := flanksOf(c, n, prev, next)
	if n > 3 || c == '~' && n != 2 {
		return literalTildes(marks, f, slices.Contains(e.open, "~~"), &e.wavy), n
	}
	if top := len(e.open) - 1; top >= 0 && e.open[top] == marks && (f.closes || f.easedClose) {
		if e.open = e.open[:top]; !f.closes {
			return joiner + marks, n
		}
		return marks, n
	}
	if !f.opens && !f.easedOpen || !strings.Contains(s[at+n:], marks) {
		return literalTildes(marks, f, slices.Contains(e.open, "~~"), &e.wavy), n
	}
	e.open = append(e.open, marks)
	if e.wavy = e.wavy || c == '~'; !f.opens {
		return marks + joiner, n
	}
	return marks, n
}

// stepEmph processes a run of emphasis marks.
func (d *Doc) stepEmph(n int, sp, body string) bool {
	r := runLen(body, wordMax+1)
	if r > wordMax {
		return d.unit(n, sp, body[:wordMax], wordMax)
	}
	if r == len(body) && !d.eof {
		if d.eager && r > 3 { // so many are no marks, whatever follows
			return d.unit(n, sp, body, r)
		}
		return false
	}
	c := body[0]
	next, _ := utf8.DecodeRuneInString(body[r:])
	prev, _ := utf8.DecodeLastRuneInString(d.text[:d.pos+n])
	if d.pos+n == 0 {
		prev = ' '
	}
	if r == len(body) {
		next = ' '
	}
	f := flanksOf(c, r, prev, next)
	if r > 3 || c == '~' && r != 2 {
		return d.unit(n, sp, d.literalMarks(body[:r], f), r)
	}
	if d.nEmph > 0 && d.emph[d.nEmph-1].char == c && (f.closes || f.easedClose && r >= d.emph[d.nEmph-1].n) {
		top := &d.emph[d.nEmph-1]
		k := min(r, top.n)
		marks := body[:k]
		if !f.closes && d.fits(0, 0) {
			marks = joiner + marks // there is room for it, or nothing follows on this page
		}
		if top.n -= k; top.n == 0 {
			d.nEmph--
		}
		if d.fresh {
			d.reopen()
		} else {
			broken := d.broken
			d.broken = false // before what follows
			d.put(marks)     // there is room for it
			d.broken = broken
		}
		d.pos += n + k
		d.shown = d.pos
		d.mid = true
		return true
	}
	if !f.opens && !f.easedOpen || d.nEmph == maxEmph || d.fence.n > 0 {
		return d.unit(n, sp, d.literalMarks(body[:r], f), r)
	}
	window := body[r:min(len(body), r+emphMax)]
	line, _, ended := strings.Cut(window, "\n")
	if !strings.Contains(line, body[:r]) {
		switch {
		case ended, len(line) < emphMax && d.eof && (r < 2 || !f.opens):
			return d.unit(n, sp, d.literalMarks(body[:r], f), r)
		case len(line) < emphMax && !d.eof && !d.eager:
			return false
		}
	}
	l := d.borderLevel(n)
	if d.fresh {
		sp = ""
	}
	marks := body[:r]
	if !f.opens {
		marks += joiner
	}
	if !d.room(l, cost(sp)+cost(marks)+r+1, len(sp)+len(marks)+r+1) {
		return true
	}
	d.hold()
	d.open()
	if sp != "" {
		d.put(sp)
	}
	if d.fresh && len(d.buf) > 0 && c == '~' && d.buf[len(d.buf)-1] == c {
		d.add(joiner) // otherwise it would be a fence
	}
	d.put(marks)
	d.wavy = d.wavy || c == '~'
	d.emph[d.nEmph] = mark{char: c, n: r}
	d.nEmph++
	d.opened = len(d.buf)
	d.pos += n + r
	d.mid = true
	return true
}

func punct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }
