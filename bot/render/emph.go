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
	// As people mean it, where CommonMark takes the marks for text: Chinese, Japanese, Korean and Thai,
	// for example, have no spaces beside their punctuation, as in **注意：**正文 (commonmark-spec #650). A word joiner
	// between the punctuation and the marks makes every reader of CommonMark see it so, for it is
	// neither a space nor punctuation.
	easedOpen, easedClose bool
}

func flanksOf(c byte, run int, prev, next rune) flanks {
	spaceBefore, spaceAfter := unicode.IsSpace(prev), unicode.IsSpace(next)
	left := !spaceAfter && (!punct(next) || spaceBefore || punct(prev))
	right := !spaceBefore && (!punct(prev) || spaceAfter || punct(next))
	f := flanks{opens: left, closes: right}
	beside := (unspaced(prev) || unspaced(next)) && !spaceBefore && !spaceAfter
	switch {
	case c == '_':
		f.opens, f.closes = left && (!right || punct(prev)), right && (!left || punct(next))
		// Two of them are meant as such also between letters; one may be part of a name.
		f.easedOpen, f.easedClose = beside && !f.opens && run == 2 && unspaced(prev), beside && !f.closes && (run == 2 || unspaced(prev))
	case beside && run >= 2:
		f.easedOpen, f.easedClose = !left, !right
	case beside && c == '*': // a single one may be a product
		f.easedOpen, f.easedClose = !left && !factor(next), !right && !factor(prev)
	}
	return f
}

// unspaced reports whether a character is of a script that has no spaces between words, or none beside
// its punctuation.
func unspaced(r rune) bool {
	return r >= cjk || r >= 0xE00 && unicode.In(r, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan)
}

// Emphasis reports what a run of emphasis marks can do for people, by the characters beside it. c
// is one of * _ ~.
func Emphasis(c byte, run int, prev, next rune) (opens, closes bool) {
	f := flanksOf(c, run, prev, next)
	return f.opens || f.easedOpen, f.closes || f.easedClose
}

// Name reports whether two underscores begin a name such as __init__. prev is the character before
// them, rest what follows them.
func Name(prev rune, rest string) bool {
	is, _ := dunder(prev, rest, true)
	return is
}

// factor reports whether a sign beside an asterisk may be part of a formula.
func factor(r rune) bool {
	return unicode.IsSymbol(r) || strings.ContainsRune("()[]{}（）［］｛｝%/", r)
}

// starred reports whether underscores that open emphasis are written as asterisks: beside Chinese,
// Japanese and Korean CommonMark takes one of the two ends for text. rest is what follows them.
// known: no more of the text is needed.
func starred(run int, f flanks, rest string, eof bool) (is, known bool) {
	if run > 2 {
		return false, true
	}
	marks := "__"[:run]
	end := strings.Index(rest, marks)
	if end < 0 {
		return false, true
	}
	tail := rest[end+run:]
	if tail == "" && !eof {
		return false, false
	}
	prev, _ := utf8.DecodeLastRuneInString(rest[:end])
	next, _ := utf8.DecodeRuneInString(tail)
	if tail == "" {
		next = ' '
	}
	e := flanksOf('_', run, prev, next)
	return (f.opens || f.easedOpen) && (e.closes || e.easedClose) && (!f.opens || !e.closes), true
}

// behindAddress reports whether what follows a text is still in an address, which is written as it
// stands.
func behindAddress(before string) bool {
	const longest = 300
	word := before[max(0, len(before)-longest):]
	word = word[strings.LastIndexAny(word, " \t\n<>|(\"'")+1:]
	return strings.Contains(word, "://") || strings.HasPrefix(word, "www.")
}

// dunders are names between two underscores that are no bold words: of Python, PHP, C and tests.
const dunders = " init main name file dict class call new del doc all str repr len iter next enter exit getitem setitem delitem getattr " +
	"setattr delattr getattribute contains eq ne lt le gt ge hash bool bytes format slots module annotations package path version " +
	"author license future builtins builtin pycache add sub mul truediv floordiv mod pow neg pos abs invert int float complex index round trunc " +
	"floor ceil aenter aexit aiter anext await subclasses mro bases qualname wrapped self func globals code closure defaults debug spec " +
	"loader cached proto typename typeof attribute asm inline restrict thread volatile declspec stdcall line date time function method " +
	"namespace dir trait counter tests mocks snapshots fixtures dirname filename "

// dunder reports whether two underscores begin a name such as __init__, whose reader wants to see
// them. rest is what follows them. known: no more of the text is needed.
func dunder(prev rune, rest string, eof bool) (is, known bool) {
	const longest = 40
	end := 0
	for end < len(rest) && end < longest && (wordByte(rest[end]) || rest[end] == '_') {
		end++
	}
	name, ok := strings.CutSuffix(rest[:end], "__")
	switch {
	case end == len(rest) && end < longest && !eof:
		return false, false
	case !ok || name == "":
		return false, true
	}
	tail := rest[end:]
	return strings.Contains(dunders, " "+strings.ToLower(name)+" ") && (name == strings.ToLower(name) || name == strings.ToUpper(name)) ||
		strings.Contains(name, "_") || prev == '.' || strings.HasPrefix(tail, "(") || len(tail) > 1 && tail[0] == '.' && wordByte(tail[1]), true
}

func wordByte(b byte) bool {
	return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
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
	open []mark
	wavy bool // see state
}

// next returns the run of marks at an offset of s as it is written, and its length.
func (e *emphasis) next(s string, at int) (out string, n int) {
	n = runLen(s[at:], len(s))
	marks, c, rest := s[at:at+n], s[at], s[at+n:]
	prev, next := ' ', ' '
	if at > 0 {
		prev, _ = utf8.DecodeLastRuneInString(s[:at])
	}
	if rest != "" {
		next, _ = utf8.DecodeRuneInString(rest)
	}
	f := flanksOf(c, n, prev, next)
	struck := slices.ContainsFunc(e.open, func(m mark) bool { return m.char == '~' })
	if n > 3 || c == '~' && n != 2 {
		return literalTildes(marks, f, struck, &e.wavy), n
	}
	if top := len(e.open) - 1; top >= 0 && e.open[top].from == c && e.open[top].n == n {
		char := e.open[top].char
		if char != c {
			f = flanksOf(char, n, prev, next)
		}
		if f.closes || f.easedClose {
			marks = strings.Repeat(string(char), n)
			if e.open = e.open[:top]; !f.closes {
				return joiner + marks, n
			}
			return marks, n
		}
	}
	plain := c == '_' && behindAddress(s[:at])
	if is, _ := dunder(prev, rest, true); c == '_' && n == 2 && is && !plain {
		return `\_\_`, n
	}
	if !f.opens && !f.easedOpen || !strings.Contains(rest, marks) {
		return literalTildes(marks, f, struck, &e.wavy), n
	}
	m := mark{char: c, n: n, from: c}
	if plain && !f.opens {
		return marks, n
	}
	if c == '_' && !plain {
		is, _ := starred(n, f, rest, true)
		switch {
		case is:
			m.char = '*'
			f = flanksOf('*', n, prev, next)
			marks = strings.Repeat("*", n)
		case !f.opens:
			return marks, n
		}
	}
	e.open = append(e.open, m)
	if e.wavy = e.wavy || c == '~'; !f.opens {
		return marks + joiner, n
	}
	return marks, n
}

// underscored reports whether an underscore of s may be a mark that is not written as it stands:
// one of two, or beside Chinese, Japanese or Korean.
func underscored(s string, at int) bool {
	const farEast = 0xE2 // the first byte of such a letter is no less
	return at+1 < len(s) && (s[at+1] == '_' || s[at+1] >= farEast) || at > 0 && s[at-1] >= utf8.RuneSelf
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
	if d.nEmph > 0 && d.emph[d.nEmph-1].from == c && d.emph[d.nEmph-1].char != c {
		f = flanksOf(d.emph[d.nEmph-1].char, r, prev, next)
	}
	if d.nEmph > 0 && d.emph[d.nEmph-1].from == c && (f.closes || f.easedClose && r >= d.emph[d.nEmph-1].n) {
		top := &d.emph[d.nEmph-1]
		k := min(r, top.n)
		marks := strings.Repeat(string(top.char), k)
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
	wait := !d.eof && !d.eager
	plain := c == '_' && behindAddress(d.text[:d.pos+n])
	if c == '_' && r == 2 && !plain {
		is, known := dunder(prev, body[r:], !wait)
		if !known {
			return false
		}
		if is {
			return d.unit(n, sp, `\_\_`, r)
		}
	}
	if !f.opens && (!f.easedOpen || plain) || d.nEmph == maxEmph || d.fence.n > 0 {
		return d.unit(n, sp, d.literalMarks(body[:r], f), r)
	}
	window := body[r:min(len(body), r+emphMax)]
	line, _, ended := strings.Cut(window, "\n")
	if !strings.Contains(line, body[:r]) {
		switch {
		case ended, len(line) < emphMax && d.eof && (r < 2 || !f.opens):
			return d.unit(n, sp, d.literalMarks(body[:r], f), r)
		case len(line) < emphMax && wait:
			return false
		}
	}
	char := c
	if c == '_' && !plain {
		is, known := starred(r, f, line, !wait || ended)
		switch {
		case !known:
			return false
		case is:
			char = '*'
			f = flanksOf(char, r, prev, next)
		case !f.opens:
			return d.unit(n, sp, body[:r], r)
		}
	}
	l := d.borderLevel(n)
	if d.fresh {
		sp = ""
	}
	marks := strings.Repeat(string(char), r)
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
	d.emph[d.nEmph] = mark{char: char, n: r, from: c}
	d.nEmph++
	d.opened = len(d.buf)
	d.pos += n + r
	d.mid = true
	return true
}

func punct(r rune) bool { return unicode.IsPunct(r) || unicode.IsSymbol(r) }
