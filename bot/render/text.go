package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	wordMax = 200    // what is longer is no word that is moved to the next page whole
	cjk     = 0x2e80 // from here on scripts do without spaces between words
	emphMax = 120    // bytes after an opening emphasis mark in which its end is waited for
)

// stepText does the next word or construct of a line of text.
func (d *Doc) stepText() bool {
	if d.nHeld > 0 || d.pre != "" {
		return d.stepReopened()
	}
	s := d.rest()
	n := spaces(s)
	if n == len(s) {
		if !d.eof {
			return false
		}
		d.pos += n
		return true
	}
	sp, body := noCR(s[:min(n, 40)]), s[n:]
	switch body[0] {
	case '\n':
		if n >= 2 && sp == "  " && d.fits(2, 2) && !d.fresh {
			d.put(sp)
		}
		d.pos += n
		if (d.linePage == d.page || d.fresh) && d.para && strings.IndexByte(d.text[d.line:min(d.pos, d.line+lineMax)], '|') >= 0 && d.pos-d.line < lineMax {
			d.prev = d.line
		} else {
			d.prev = -1
		}
		if d.head {
			d.head, d.run = false, false
		}
		d.endLine()
		if d.fresh {
			d.torn = false
			d.reopen()
		}
		return true
	case '*', '_', '~':
		return d.stepEmph(n, sp, body)
	case '\\', '`', '[', '!', '<', '&', '@':
		out, k, ok := atom(body, d.text[max(d.from, d.pos+n-urlMax):d.pos+n], d.eof)
		half := 0
		if !ok {
			if !d.eager {
				return false
			}
			if out, half = halfOf(body); half == 0 {
				return false
			}
			d.torn, k = true, half
		}
		if k > 1 && (cost(out) > d.atom.Chars || len(out) > d.atom.Bytes) {
			out, k = literal(body)
			half = 0
		}
		more := d.unit(n, sp, out, k)
		if half > 0 && !d.stopped {
			d.halfShown(body[:half])
		}
		return more
	}
	return d.stepPlain(n, sp, body, textSpecial())
}

func spaces(s string) int {
	n := 0
	for n < len(s) && (s[n] == ' ' || s[n] == '\t' || s[n] == '\r') {
		n++
	}
	return n
}

// borderLevel is what stands between the page so far and the next word.
func (d *Doc) borderLevel(n int) level {
	r, _ := utf8.DecodeLastRune(d.buf)
	switch {
	case sentenceEnd(r) && (n > 0 || r >= cjk):
		return levSentence
	case n == 0:
		return levNone
	}
	return levWord
}

func sentenceEnd(r rune) bool {
	switch r {
	case '.', '!', '?', ':', ';', '。', '！', '？', '…', '：', '；':
		return true
	}
	return false
}

// unit puts out, which stands for k bytes of the source after n bytes of space.
func (d *Doc) unit(n int, sp, out string, k int) bool {
	return d.unitOf(n, sp, out, cost(out), k)
}

func (d *Doc) unitOf(n int, sp, out string, chars, k int) bool {
	l := levNone
	if !d.below(0, 0) {
		l = d.borderLevel(n)
	}
	if d.fresh && d.mode == inText {
		sp = ""
	}
	if !d.room(l, len(sp)+chars, len(sp)+len(out)) {
		return true
	}
	if sp != "" {
		d.put(sp)
	}
	if d.torn && out != "" {
		if d.torn = false; marksLine(out[0], d.mode, d.fence.char, out) {
			d.put(joiner)
		}
	}
	d.putOf(out, chars)
	d.pos += n + k
	d.shown = d.pos
	d.mid = true
	d.commit()
	return true
}

// marksLine reports whether out would mean something else at the beginning of a line.
func marksLine(c byte, m mode, fence byte, out string) bool {
	if m == inCode {
		return c == fence
	}
	switch c {
	case '#', '>', '-', '+', '=', '|', '*', '~', '_':
		return true
	case '`':
		return runLen(out) >= 3
	}
	return c >= '0' && c <= '9'
}

// special is a set of ASCII characters at which plain text ends: a table without a package variable.
type special struct{ lo, hi uint64 }

func (s special) has(c byte) bool {
	if c < 64 {
		return s.lo>>c&1 != 0
	}
	return c < 128 && s.hi>>(c-64)&1 != 0
}

func textSpecial() special {
	return special{
		1<<'\n' | 1<<'\r' | 1<<'!' | 1<<'&' | 1<<'*' | 1<<'<',
		1<<('@'-64) | 1<<('['-64) | 1<<('\\'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('~'-64),
	}
}

func codeSpecial() special { return special{lo: 1<<'\n' | 1<<'\r' | 1<<'<' | 1<<'&'} }

func noCR(s string) string {
	if strings.IndexByte(s, '\r') >= 0 {
		return strings.ReplaceAll(s, "\r", "")
	}
	return s
}

// stepPlain puts plain words: all at once while the page is far from full, else one by one.
func (d *Doc) stepPlain(n int, sp, body string, ends special) bool {
	i := 1
	for i < len(body) && !ends.has(body[i]) {
		i++
	}
	run := body[:i]
	if i == len(body) && !d.eof {
		run = wholeRunes(run)
	}
	all := len(run)
	run = strings.TrimRight(run, " \t")
	if run == "" {
		return false
	}
	out := clean(run)
	if c := cost(out); d.below(len(sp)+c, len(sp)+len(out)) {
		return d.unitOf(n, sp, out, c, len(run))
	}
	w := strings.IndexAny(run, " \t")
	whole := w >= 0 || len(run) < all || i < len(body) || d.eof
	if w < 0 {
		w = len(run)
	}
	word := run[:w]
	out = clean(word)
	if d.mid && n == 0 || len(out) > wordMax || cost(out) > wordMax || strings.IndexFunc(out, func(r rune) bool { return r >= cjk }) >= 0 {
		return d.fill(n, sp, word, !whole)
	}
	if !whole && !d.eager && !d.below(cost(sp)+cost(out), len(sp)+len(out)) {
		return false
	}
	return d.unit(n, sp, out, len(word))
}

// below reports whether the page stays below the zone in which words are looked at one by one.
func (d *Doc) below(chars, bytes int) bool {
	z, c := d.zones[levSentence], d.closeCost()+d.nl
	return d.chars+c+chars < z.Chars && len(d.buf)+c+bytes < z.Bytes // where full begins
}

// fill puts as much of a giant word as the page takes; an open word may go on.
func (d *Doc) fill(n int, sp, word string, open bool) bool {
	l := d.borderLevel(n)
	if d.fresh && d.mode == inText {
		sp = ""
	}
	k := cluster(word)
	if k == len(word) && open && !d.eager && !d.below(0, 0) {
		return false // it may go on
	}
	first := clean(word[:k])
	chars, bytes := cost(sp)+cost(first), len(sp)+len(first)
	if !d.room(l, chars, bytes) {
		return true
	}
	for k < len(word) {
		if r, _ := utf8.DecodeLastRuneInString(word[:k]); r >= cjk && sentenceEnd(r) && !d.below(chars, bytes) {
			break
		}
		next := cluster(word[k:])
		if k+next == len(word) && open && !d.eager && !d.below(chars, bytes) {
			break
		}
		c := clean(word[k : k+next])
		if !d.fits(chars+cost(c), bytes+len(c)) {
			break
		}
		chars, bytes, k = chars+cost(c), bytes+len(c), k+next
	}
	return d.unit(n, sp, clean(word[:k]), k)
}

// cluster is the length of the first character as a person sees it: joiners, variation selectors, skin tones, combining
// marks and flags stay together, up to a sane length.
func cluster(s string) int {
	r, n := utf8.DecodeRuneInString(s)
	flag := isFlag(r)
	for n < len(s) && n < 64 {
		r, k := utf8.DecodeRuneInString(s[n:])
		switch {
		case r == 0x200d:
			n += k
			if n < len(s) {
				_, k = utf8.DecodeRuneInString(s[n:])
				n += k
			}
		case flag && isFlag(r):
			flag = false
			n += k
		case r >= 0x300 && (unicode.Is(unicode.M, r) || r >= 0x1f3fb && r <= 0x1f3ff):
			n += k
		default:
			return n
		}
	}
	return n
}

func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }

// stepEmph does a run of emphasis marks.
func (d *Doc) stepEmph(n int, sp, body string) bool {
	r := runLen(body)
	if r == len(body) && !d.eof {
		if r > wordMax {
			return d.unit(n, sp, body[:wordMax], wordMax)
		}
		return false
	}
	if r < len(body) && !d.eof && !utf8.FullRuneInString(body[r:]) {
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
	left := !unicode.IsSpace(next) && (!punct(next) || unicode.IsSpace(prev) || punct(prev))
	right := !unicode.IsSpace(prev) && (!punct(prev) || unicode.IsSpace(next) || punct(next))
	opens, closes := left, right
	if c == '_' {
		opens, closes = left && (!right || punct(prev)), right && (!left || punct(next))
	}
	if r > 3 || c == '~' && r != 2 {
		k := min(r, wordMax)
		return d.unit(n, sp, body[:k], k)
	}
	if closes && d.nEmph > 0 && d.emph[d.nEmph-1].char == c {
		top := &d.emph[d.nEmph-1]
		k := min(r, top.n)
		if top.n -= k; top.n == 0 {
			d.nEmph--
		}
		if d.fresh {
			d.reopen()
		} else {
			d.put(body[:k]) // room for it was kept
		}
		d.pos += n + k
		d.shown = d.pos
		d.mid = true
		return true
	}
	if !opens || d.nEmph == maxEmph || d.fence.n > 0 {
		return d.unit(n, sp, body[:r], r)
	}
	window := body[r:min(len(body), r+emphMax)]
	line, _, ended := strings.Cut(window, "\n")
	if !strings.Contains(line, body[:r]) {
		switch {
		case ended, len(line) < emphMax && d.eof && r < 2:
			return d.unit(n, sp, body[:r], r)
		case len(line) < emphMax && !d.eof && !d.eager:
			return false
		}
	}
	l := d.borderLevel(n)
	if d.fresh {
		sp = ""
	}
	if !d.room(l, cost(sp)+2*r+1, len(sp)+2*r+1) {
		return true
	}
	d.hold()
	d.open()
	if sp != "" {
		d.put(sp)
	}
	if d.fresh && len(d.buf) > 0 && c == '~' && d.buf[len(d.buf)-1] == c {
		d.add(joiner) // or it would be a fence
	}
	d.put(body[:r])
	d.emph[d.nEmph] = mark{char: c, n: r}
	d.nEmph++
	d.opened = len(d.buf)
	d.pos += n + r
	d.mid = true
	return true
}

func punct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }
