package render

import (
	"math"
	"strings"
)

// openFence begins a fence. It reports whether there is one.
func (d *Doc) openFence(p prefix, body string, n int) (done, more bool) {
	end := strings.IndexByte(body, '\n')
	switch {
	case end < 0 && !d.eof && len(body) <= infoMax:
		return true, false
	case end < 0 && d.eof:
		end = len(body)
	case end < 0:
		return false, false
	}
	info := strings.TrimRight(body[n:end], " \t")
	if end > infoMax || cost(info) > infoMax || body[0] == '`' && strings.IndexByte(info, '`') >= 0 {
		return false, false
	}
	n = min(n, fenceMax)
	info = escapeCode(info)
	l := levLine
	if d.blank {
		l = levBlank
	}
	if !d.roomBlock() || !d.room(l, cost(info)+2*n+2*p.n+60, len(info)+2*n+2*p.n+60) {
		return true, true
	}
	d.hold()
	d.open()
	if p.marks == 0 {
		d.leave(max(p.first, 1))
	}
	out, f := d.fenceLead(p)
	d.blocks++
	d.put(out + body[:n] + info)
	d.run, d.para, d.prev, d.head, d.loose = false, false, -1, false, false
	// The pages after it keep the info string, and with a part of the text all of that: see cut.
	f.char, f.n, f.info = body[0], n, strings.Clone(info)
	d.fence = f
	d.quote = p.quote
	d.pos += p.n + end
	d.endLine()
	d.mode, d.opened = atCode, len(d.buf)
	return true, true
}

// fenceLead returns what stands before the marks of a fence, so that a reader of Markdown sees a
// fence and no indented text, for models indent more than Markdown allows. Where that stays in
// doubt, the lines count as text and as code.
func (d *Doc) fenceLead(p prefix) (string, fence) {
	f := fence{indent: p.col, quote: p.quote}
	lead := d.lead(p, d.rest())
	d.endItems(p)
	at, item := d.column(p)
	if at-item > 3 {
		at = item
	}
	f.at, f.doubt = at, at > 3
	out := strings.Repeat("> ", p.quote) + strings.Repeat(" ", at)
	if p.marks > 0 {
		if p.number != "" && d.nl > 0 { // such an item may not interrupt a paragraph
			d.nl = max(d.nl, 2)
		}
		marks := lead
		if p.quote > 0 {
			marks = d.rest()[p.lead:p.n]
		}
		marks = strings.Join(strings.Fields(marks), " ") + " "
		out += marks
		f.at += len(marks)
	}
	return out, f
}

// endItems ends the items whose content begins further right than the line that p begins.
func (d *Doc) endItems(p prefix) {
	at, _ := d.column(p)
	d.endItemsAt(at)
}

// endItemsAt ends the items that a line at that column of the page is no part of.
func (d *Doc) endItemsAt(at int) {
	for i := range d.lists[:d.nList] {
		if l := &d.lists[i]; l.content > at {
			l.content = math.MaxInt / 2
		}
	}
}

// column returns the column at which a line begins on the page, after its quote marks, and the
// column of the content of the item that it stands in.
func (d *Doc) column(p prefix) (at, item int) {
	d.setBase(p)
	if at = p.first; p.quote == 0 {
		at = min(max(0, p.first-d.base), spaceMax)
	}
	for _, l := range d.lists[:d.nList] {
		if l.page == d.page && l.content <= at && (p.marks == 0 || l.col != p.last) {
			item = max(item, l.content)
		}
	}
	return at, item
}

// stepCodeLine begins a line in a fence, or ends the fence.
func (d *Doc) stepCodeLine() bool {
	s := d.rest()
	f := d.fence
	i, quote := 0, 0
	for ; i < len(s) && quote < f.quote; i++ {
		if s[i] == '>' {
			quote++
		} else if s[i] != ' ' {
			break
		}
	}
	if quote < f.quote {
		if i == len(s) && !d.eof {
			return false
		}
		nl := max(d.nl, 1)
		d.closeFence(0) // the quote ended, and so did the fence
		d.nl = nl
		return true
	}
	if f.quote > 0 && i < len(s) && s[i] == ' ' {
		i++
	}
	lead := i
	i += spaces(s[i:], lineMax)
	body := s[i:]
	if body == "" && !d.eof {
		return false
	}
	// The line has looked like the fence's end for longer than anybody looks.
	like := false
	if body != "" && body[0] == f.char {
		n := runLen(body, lineMax)
		j := n + spaces(body[n:], lineMax)
		like = n >= f.n && (n == lineMax || j-n == lineMax)
		if j == len(body) && !d.eof && n < lineMax && j-n < lineMax {
			return false
		}
		if n >= f.n && n < lineMax && (j == len(body) && d.eof || j < len(body) && body[j] == '\n') {
			return d.closeFence(i + j)
		}
	}
	strip, c := lead, 0
	for strip < i && c < f.indent-f.at {
		c++
		if s[strip] == '\t' {
			c += 3
		}
		strip++
	}
	if body == "" || body[0] == '\n' {
		return d.blankCode(s[strip:i], i, body != "")
	}
	l := levLine
	if d.blank {
		l = levItem
	}
	quotes := strings.Repeat("> ", f.quote)
	// Code that stands before its fence would end the item that both are in.
	if w := columns(s[strip:i], len(quotes)); w < f.at {
		if strings.IndexByte(s[strip:i], '\t') >= 0 {
			w, strip = 0, i
		}
		quotes += strings.Repeat(" ", f.at-w)
	}
	if like {
		// Other readers look further, and would end the fence.
		quotes += joiner
	}
	more := 0
	if f.doubt && strings.IndexByte("#-=*_+`~|0123456789", body[0]) >= 0 {
		if more = headingChars; !d.roomBlock() {
			return true
		}
	}
	// The rest of the indentation stays with the first word of the line.
	if !d.room(l, 5*f.quote+f.at+2+more, len(quotes)+2) {
		return true
	}
	if more > 0 {
		d.blocks++
		d.chars += more
	}
	if d.fresh {
		d.add(quotes) // after the reopened fence; fresh until the first word
	} else {
		d.put(quotes)
	}
	d.pos += strip
	d.mode, d.mid = inCode, false
	return true
}

// blankCode writes a line of code that has nothing but white space, which is code, too: a diff has a
// space before each line of context. n is how many bytes it has with its margin, and its end follows
// if ended. What is no wider than the item's margin is no code, and a page does not begin with it.
func (d *Doc) blankCode(blank string, n int, ended bool) bool {
	quotes := strings.Repeat("> ", d.fence.quote)
	line := strings.TrimSpace(quotes)
	if columns(blank, len(quotes)) > d.fence.at {
		line = quotes + blank
	}
	if line != "" && !d.fresh {
		if !d.room(levLine, cost(line), len(line)) {
			return true
		}
		d.put(line)
	}
	d.pos += n
	if ended {
		d.pos++
	}
	d.nl++
	d.blank = true
	return true
}

// columns returns the width of white space that begins at a column; a tab goes to the next multiple
// of 4.
func columns(blank string, at int) int {
	col := at
	for i := range len(blank) {
		if col++; blank[i] == '\t' {
			col = (col + 3) / 4 * 4
		}
	}
	return col - at
}

// closeFence writes the closing fence, for which room was kept. Where the empty lines before it
// have used that up, the page ends before them.
func (d *Doc) closeFence(n int) bool {
	if !d.fresh && !d.fits(0, 0) && d.cut() {
		return true
	}
	f := d.fence
	d.fence, d.mode = fence{}, atLine
	if d.fresh {
		d.reopen()
	} else {
		d.put(strings.Repeat("> ", f.quote) + strings.Repeat(" ", f.at) + strings.Repeat(string(f.char), f.n))
	}
	d.run, d.hasSnap = false, false
	if d.pos += n; n > 0 {
		d.endLine()
	}
	d.mode, d.shown = atLine, d.pos
	return true
}

// stepCode processes the next piece of a line in a fence.
func (d *Doc) stepCode() bool {
	s := d.rest()
	n := spaces(s, wordMax)
	if n == len(s) && n < wordMax {
		if !d.eof {
			return false
		}
		d.pos += n
		return true
	}
	// A page does not begin with so much of nothing.
	if n >= wordMax && d.fresh {
		d.pos += n
		return true
	}
	if n >= wordMax {
		return d.fill(0, "", s[:wordMax], false)
	}
	sp, body := s[:n], s[n:]
	switch body[0] {
	case '\n':
		if n > 0 && !d.fresh && d.fits(n, n) {
			d.put(sp)
		}
		d.pos += n
		d.endLine()
		d.mode = atCode
		if d.fresh {
			d.reopen()
		}
		return true
	case '<':
		live, ok := d.lessInFence(body)
		if !ok {
			return false
		}
		out := "<"
		if live {
			out += joiner
		}
		return d.unit(n, sp, out, 1)
	}
	return d.stepPlain(n, sp, body, codeSpecial())
}
