package render

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	wordMax      = 200    // bytes; a longer word is not moved to the next page whole
	cjk          = 0x2e80 // from this character on scripts have no spaces between words
	emphMax      = 120    // bytes after an opening emphasis mark in which its end may come
	lookMax      = 800    // bytes of plain text processed together: more than wordMax
	spaceMax     = 40     // bytes of white space in a line; more mean nothing, and are scanned once
	addressPiece = 300    // bytes of an address that are kept together as code
	beforeMax    = 500    // bytes before an @ that are searched for the beginning of an address
)

// stepText processes the next word or construct of a line of text.
func (d *Doc) stepText() bool {
	if d.nHeld > 0 || d.pre != "" {
		return d.stepReopened()
	}
	n := d.skipSpaces()
	s := d.rest()
	if n == len(s) {
		if !d.eof {
			return false
		}
		d.pos += n
		return true
	}
	sp, body := s[:n], s[n:]
	if d.broken || d.breaks && d.opened == len(d.buf) {
		sp = ""
	}
	switch body[0] {
	case '\n':
		hard := n >= 2 && sp == "  "
		if d.broken { // one is enough
			hard, d.broken = !d.head, false
		}
		d.torn = d.torn && !d.breaks
		if hard && d.fits(2, 2) && !d.fresh {
			d.put("  ")
		}
		d.pos += n
		if (d.linePage == d.page || d.fresh) && d.para && !d.breaks && strings.IndexByte(d.text[d.line:min(d.pos, d.line+lineMax)], '|') >= 0 && d.pos-d.line < lineMax {
			d.prev = d.line
		} else {
			d.prev = -1
		}
		if d.head {
			d.head, d.run, d.loose = false, false, false
		}
		d.endLine()
		if d.fresh {
			d.torn = false
			d.reopen()
		}
		return true
	case '*', '_', '~':
		return d.stepEmph(n, sp, body)
	case '`':
		if d.lit && n == 0 || runLen(body, ticksMax+1) > ticksMax {
			return d.stepTicks(n, sp, body)
		}
		if done, more := d.stepSpan(n, sp, body); done {
			return more
		}
	}
	if d.lit = false; d.links.strict() {
		switch done, more := d.stepAddress(n, sp, body); {
		case done:
			return more
		case !more:
			return false
		}
	}
	if d.copied(d.pos + n) {
		if out, k, ok := d.links.verbatim(body, d.eof); !ok {
			return false
		} else if k > 0 {
			return d.unit(n, sp, out, k)
		}
	}
	if body[0] == '<' {
		if k, ok := breakLen(body, d.eof); !ok || k > 0 {
			return d.stepBreak(n+k, ok)
		}
	}
	switch body[0] {
	case '\\', '`', '[', '!', '<', '&', '@':
		out, k, ok := d.links.atom(body, d.text[max(d.from, d.pos+n-beforeMax):d.pos+n], d.eof)
		half := 0
		if !ok {
			if !d.eager {
				return false
			}
			if out, half = d.links.halfOf(body); half == 0 {
				return false
			}
			d.torn, k = true, half
		}
		if k > 1 && (cost(out) > d.atom.Chars || len(out) > d.atom.Bytes) {
			out, k = d.links.literal(body)
			half = 0
		}
		at := d.pos
		more := d.unit(n, sp, out, k)
		if half == 0 && d.pos > at && body[0] == '`' && k == runLen(body, ticksMax+1) {
			d.loose = !d.links.strict()
		}
		if half > 0 && !d.stopped {
			d.halfShown(body[:half])
		}
		return more
	}
	return d.stepPlain(n, sp, body, textSpecial())
}

// spaces returns how many bytes of white space begin s, counting up to most.
func spaces(s string, most int) int {
	n := 0
	for n < len(s) && n < most && (s[n] == ' ' || s[n] == '\t') {
		n++
	}
	return n
}

// skipSpaces returns how many bytes of white space come next, once it has skipped all but spaceMax.
func (d *Doc) skipSpaces() int {
	n := spaces(d.rest(), len(d.text))
	if n > spaceMax {
		d.pos += n - spaceMax
		n = spaceMax
	}
	return n
}

// borderLevel returns the level of the border between the page so far and the next word.
func (d *Doc) borderLevel(n int) level {
	r, _ := utf8.DecodeLastRune(d.buf)
	switch {
	case d.broken:
		return levLine
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

// unit writes out, which stands for k bytes of the source after n bytes of space.
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
	if d.seamed(sp, out) {
		out, chars = joiner+out, chars+1
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

// stepTicks writes a run of marks that is too long for code, as much of it as fits the page.
func (d *Doc) stepTicks(n int, sp, body string) bool {
	run := runLen(body, wordMax)
	one := d.links.ticks(1)
	if d.fresh && d.mode == inText {
		sp = ""
	}
	lead := len(sp)
	if d.torn || d.seamed(sp, one) {
		lead += len(joiner)
	}
	if !d.room(d.borderLevel(n), lead+len(one), lead+len(one)) {
		return true
	}
	k := 1
	for k < run && d.fits(lead+(k+1)*len(one), lead+(k+1)*len(one)) {
		k++
	}
	at := d.pos
	out := d.links.ticks(k)
	if d.torn { // or it would be a fence, perhaps when more of it has come
		out = joiner + out
	}
	more := d.unit(n, sp, out, k)
	d.lit = d.pos > at
	d.loose = d.loose || d.lit && !d.links.strict()
	return more
}

// stepAddress processes an address not to be clicked; not done: it is none; not more: it goes on.
func (d *Doc) stepAddress(n int, sp, body string) (done, more bool) {
	at := d.pos + n
	if at >= d.word.free && !d.word.begins(at) {
		if wordEnd(body) == len(body) && !d.eof && !d.eager {
			return false, false
		}
		d.word.look(d.text, at)
	}
	if !d.word.begins(at) {
		return false, true
	}
	whole := d.text[d.word.from:d.word.to]
	piece := whole
	most := min(d.atom.Chars, d.atom.Bytes, addressPiece)
	if d.word.whole && cost(whole) <= most && d.links.open(whole) {
		return true, d.unit(n, sp, address(deadWords(whole)), len(whole))
	}
	for cost(piece) > most || len(piece) > most {
		piece = wholeRunes(piece[:len(piece)/2])
	}
	k := d.pos
	more = d.unit(n, sp, inCodeMarks(piece), len(piece))
	if d.pos > k && len(piece) < len(whole) { // it goes on
		d.word.from, d.word.free, d.word.whole = d.word.from+len(piece), d.word.from+len(piece), false
	}
	return true, more
}

// seamed reports whether out must be kept apart from what is on the page.
func (d *Doc) seamed(sp, out string) bool {
	return sp == "" && d.mode == inText && d.nl == 0 && !d.broken && len(d.buf) > 0 && d.links.seam(d.buf[len(d.buf)-1], out)
}

// marksLine reports whether out would mean something else at the beginning of a line.
func marksLine(c byte, m mode, fence byte, out string) bool {
	if m == inCode {
		return c == fence
	}
	switch c {
	case '#', '>', '-', '+', '=', '|', ':', '*', '~', '_':
		return true
	case '`':
		return runLen(out, 3) >= 3
	}
	return c >= '0' && c <= '9'
}

// special is a set of ASCII characters at which plain text ends, without a package variable.
type special struct{ lo, hi uint64 }

func (s special) has(c byte) bool {
	if c < 64 {
		return s.lo>>c&1 != 0
	}
	return c < 128 && s.hi>>(c-64)&1 != 0
}

func textSpecial() special {
	return special{
		1<<'\n' | 1<<'!' | 1<<'&' | 1<<'*' | 1<<'<',
		1<<('@'-64) | 1<<('['-64) | 1<<('\\'-64) | 1<<('_'-64) | 1<<('`'-64) | 1<<('~'-64),
	}
}

func codeSpecial() special { return special{lo: 1<<'\n' | 1<<'<'} }

// stepPlain writes plain words: all at once while the page is far from full, one by one after that.
func (d *Doc) stepPlain(n int, sp, body string, ends special) bool {
	more := len(body) > lookMax
	if more {
		body = wholeRunes(body[:lookMax])
	}
	prose := d.mode == inText
	ended := d.eof && !more
	if at := d.word.free - d.pos - n; prose && d.links.strict() && at <= len(body) {
		body, ended = body[:at], true // what follows is known
	}
	i := 1
	for blank := 0; i < len(body) && !ends.has(body[i]) && blank <= spaceMax; i++ { // see skipSpaces
		if blank++; body[i] != ' ' && body[i] != '\t' {
			blank = 0
		}
	}
	run := body[:i]
	all := len(run)
	run = strings.TrimRight(run, " \t")
	out := run
	if prose {
		out = dead(run)
	}
	if c := cost(out); d.below(len(sp)+c, len(sp)+len(out)) {
		return d.unitOf(n, sp, out, c, len(run))
	}
	w := strings.IndexAny(run, " \t")
	whole := w >= 0 || len(run) < all || i < len(body) || ended
	if w < 0 {
		w = len(run)
	}
	word := run[:w]
	if out = word; prose {
		out = dead(word)
	}
	if d.mid && n == 0 || len(out) > wordMax || cost(out) > wordMax || strings.IndexFunc(out, func(r rune) bool { return r >= cjk }) >= 0 {
		return d.fill(n, sp, word, !whole)
	}
	if !whole && !d.eager && !d.below(cost(sp)+cost(out), len(sp)+len(out)) {
		return false
	}
	return d.unit(n, sp, out, len(word))
}

// below reports whether the page stays below the zone in which words are processed one by one.
func (d *Doc) below(chars, bytes int) bool {
	z, c := d.zones[levSentence], d.closeCost()+d.nl
	return d.chars+c+chars < z.Chars && len(d.buf)+c+bytes < z.Bytes // the zone of full
}

// fill writes as much of a giant word as fits the page. An open word may go on.
func (d *Doc) fill(n int, sp, word string, open bool) bool {
	l := d.borderLevel(n)
	if d.fresh && d.mode == inText {
		sp = ""
	}
	from := d.pos + n
	k := clusterEnd(d.text, from, from+len(word)) - from
	if k == len(word) && open && !d.eager && !d.below(0, 0) {
		return false // it may go on
	}
	chars, bytes := cost(sp)+cost(word[:k]), len(sp)+k
	if d.seamed(sp, word) {
		chars, bytes = chars+1, bytes+len(joiner)
	}
	if !d.room(l, chars, bytes) {
		return true
	}
	for k < len(word) {
		if r, _ := utf8.DecodeLastRuneInString(word[:k]); r >= cjk && sentenceEnd(r) && !d.below(chars, bytes) {
			break
		}
		next := clusterEnd(d.text, from+k, from+len(word)) - from - k
		if k+next == len(word) && open && !d.eager && !d.below(chars, bytes) {
			break
		}
		c := word[k : k+next]
		if d.mode == inText && word[k-1] == ']' && (c == "(" || c == ":") {
			c = joiner + c
		}
		if !d.fits(chars+cost(c), bytes+len(c)) {
			break
		}
		chars, bytes, k = chars+cost(c), bytes+len(c), k+next
	}
	if word = word[:k]; d.mode == inText {
		word = dead(word)
	}
	return d.unit(n, sp, word, k)
}

// clusterMax is how many bytes of one character, as a person sees it, stay together.
const clusterMax = 64

// clusterEnd returns where the character ends that begins at an offset, at the latest end.
func clusterEnd(text string, at, end int) int {
	for at < end {
		_, n := utf8.DecodeRuneInString(text[at:])
		if at += n; at < end && border(text, at) {
			break
		}
	}
	return min(at, end)
}

// border reports whether a character may begin at an offset: not joiners, variation selectors, skin
// tones, combining marks, flags. It only looks back, so that it does not matter where text is cut.
func border(text string, at int) bool {
	r, _ := utf8.DecodeRuneInString(text[at:])
	prev, _ := utf8.DecodeLastRuneInString(text[:at])
	if isFlag(r) {
		flags := 0
		for i := at; i > 0 && at-i < clusterMax; flags++ {
			before, n := utf8.DecodeLastRuneInString(text[:i])
			if !isFlag(before) {
				break
			}
			i -= n
		}
		if flags%2 == 1 {
			return false
		}
	}
	if !extends(r) && prev != 0x200d {
		return true
	}
	i := at
	for i > 0 && at-i < clusterMax {
		before, n := utf8.DecodeLastRuneInString(text[:i])
		if i -= n; !extends(before) {
			if other, _ := utf8.DecodeLastRuneInString(text[:i]); other != 0x200d {
				break
			}
		}
	}
	return at-i >= clusterMax
}

// extends reports whether r is a part of the character before it.
func extends(r rune) bool {
	return r == 0x200d || r >= 0x300 && (unicode.Is(unicode.M, r) || r >= 0x1f3fb && r <= 0x1f3ff)
}

func isFlag(r rune) bool { return r >= 0x1f1e6 && r <= 0x1f1ff }
