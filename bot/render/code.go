package render

import (
	"strings"
)

// openFence begins a fence; not done if it is none.
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
	info := strings.TrimRight(body[n:end], " \t\r")
	if end > infoMax || body[0] == '`' && strings.IndexByte(info, '`') >= 0 {
		return false, false
	}
	n = min(n, fenceMax)
	info = clean(escapeCode(info))
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
	out := d.lead(p, d.rest())
	d.blocks++
	d.put(clean(out) + body[:n] + info)
	d.run, d.para, d.prev, d.head = false, false, -1, false
	d.fence = fence{char: body[0], n: n, indent: p.col, quote: p.quote, info: info}
	if p.quote > 0 {
		d.fence.indent = 0
	}
	d.quote = p.quote
	d.pos += p.n + end
	d.endLine()
	d.mode, d.opened = atCode, len(d.buf)
	return true, true
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
	col := 0
	for ; i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\r'); i++ {
		col++
		if s[i] == '\t' {
			col += 3
		}
		if i-lead >= lineMax {
			break
		}
	}
	body := s[i:]
	if body == "" && !d.eof {
		return false
	}
	if body != "" && body[0] == f.char {
		n := runLen(body)
		j := n
		for j < len(body) && (body[j] == ' ' || body[j] == '\t' || body[j] == '\r') {
			j++
		}
		if j == len(body) && !d.eof && n < lineMax {
			return false
		}
		if n >= f.n && (j == len(body) || body[j] == '\n') {
			return d.closeFence(i + j)
		}
	}
	if body == "" || body[0] == '\n' {
		if f.quote > 0 && !d.fresh {
			if !d.room(levLine, 5*f.quote, 2*f.quote) {
				return true
			}
			d.put(strings.TrimSpace(strings.Repeat("> ", f.quote)))
		}
		d.pos += i
		if body != "" {
			d.pos++
		}
		d.nl++
		d.blank = true
		return true
	}
	l := levLine
	if d.blank {
		l = levItem
	}
	strip := lead
	for c := 0; strip < i && c < d.base; strip++ {
		c++
		if s[strip] == '\t' {
			c += 3
		}
	}
	quotes := strings.Repeat("> ", f.quote)
	// The rest of the indentation stays with the first word of the line.
	if !d.room(l, 5*f.quote+2, len(quotes)+2) {
		return true
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

// closeFence writes the closing fence; room for it was kept.
func (d *Doc) closeFence(n int) bool {
	f := d.fence
	d.fence, d.mode = fence{}, atLine
	if d.fresh {
		d.reopen()
	} else {
		d.put(strings.Repeat("> ", f.quote) + strings.Repeat(" ", max(0, f.indent-d.base)) + strings.Repeat(string(f.char), f.n))
	}
	d.run, d.hasSnap = false, false
	if d.pos += n; n > 0 {
		d.endLine()
	}
	d.mode, d.shown = atLine, d.pos
	return true
}

// stepCode does the next piece of a line in a fence.
func (d *Doc) stepCode() bool {
	s := d.rest()
	n := spaces(s)
	if n == len(s) && n < wordMax {
		if !d.eof {
			return false
		}
		d.pos += n
		return true
	}
	if n >= wordMax {
		return d.fill(0, "", s[:wordMax], false)
	}
	sp, body := noCR(s[:n]), s[n:]
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
	case '<', '&':
		live, ok := liveInCode(body, d.eof)
		if !ok {
			return false
		}
		k := 1
		if body[0] == '&' && live {
			k = entityLen(body)
		}
		if body[0] == '<' && !live {
			k = harmlessLen(body)
		}
		out := body[:k]
		if live {
			out += joiner
		}
		return d.unit(n, sp, out, k)
	}
	return d.stepPlain(n, sp, body, codeSpecial())
}
