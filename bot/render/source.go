package render

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// source is the text as the scanner reads it. It is settled before anything is decided:
//
//   - A line ends with \n. Both \r\n and a bare \r become one.
//   - It has no other control characters, C0 but the tab, DEL or C1, not even in code.
//   - It is UTF-8: each invalid byte becomes U+FFFD.
//   - Outside of code it has no bidirectional controls, no tag characters and no invisible
//     characters, but for those that serve a script or an emoji.
//
// It grows as the text does. What the next byte may change is left for the next call.
type source struct {
	raw  string // the whole text that was given
	read int    // bytes of raw that are settled
	// out is the settled text if it is not as raw begins. Most texts need no second copy.
	out   strings.Builder
	moved bool // out is in use
	moves []move
	prev  rune // the last character of out
	code  codeFinder
}

// move records that the settled text stands elsewhere in the raw one from an offset on.
type move struct{ out, raw int32 }

// settle returns all of a text, settled.
func settle(text string) string {
	if settled(text) {
		return text
	}
	var s source
	return s.take(text, true)
}

// settled reports whether text has only what most texts have, so that it need not be settled.
func settled(text string) bool {
	for i := range len(text) {
		if !plainByte(text[i]) {
			return false
		}
	}
	return true
}

func plainByte(c byte) bool { return c >= ' ' && c < 0x7f || c == '\n' || c == '\t' }

// take settles the new part of raw, which begins with the text of the last call. full means that
// nothing follows it. The text that it returns begins with the one that it returned before.
func (s *source) take(raw string, full bool) string {
	s.raw = raw
	for s.read < len(raw) {
		i := s.read
		for i < len(raw) && plainByte(raw[i]) {
			i++
		}
		if i > s.read {
			s.keep(i-s.read, rune(raw[i-1]))
			continue
		}
		r, n := utf8.DecodeRuneInString(raw[i:])
		switch {
		case raw[i] == '\r':
			switch {
			case i+1 == len(raw) && !full:
				return s.text()
			case i+1 < len(raw) && raw[i+1] == '\n':
				s.drop(1)
			default:
				s.replace("\n", '\n')
			}
		case r == utf8.RuneError && n == 1:
			if !full && !utf8.FullRuneInString(raw[i:]) {
				return s.text()
			}
			s.replace("\uFFFD", r)
		case unicode.IsControl(r):
			s.drop(n)
		case !invisible(r):
			s.keep(n, r)
		default:
			k, ok := s.wanted(r, n, full)
			if !ok {
				return s.text()
			}
			if k > 0 {
				last, _ := utf8.DecodeLastRuneInString(raw[i : i+k])
				s.keep(k, last)
			} else {
				s.drop(n)
			}
		}
	}
	return s.text()
}

// text returns what is settled.
func (s *source) text() string {
	if s.moved {
		return s.out.String()
	}
	return s.raw[:s.read]
}

// keep settles n raw bytes as they are.
func (s *source) keep(n int, last rune) {
	if s.moved {
		s.out.WriteString(s.raw[s.read : s.read+n])
	}
	s.read += n
	s.prev = last
}

// move begins a text that is not as raw begins.
func (s *source) move() {
	if !s.moved {
		s.moved = true
		s.out.WriteString(s.raw[:s.read])
	}
}

// replace settles one raw byte as out.
func (s *source) replace(out string, last rune) {
	s.move()
	s.out.WriteString(out)
	s.read++
	s.prev = last
	if len(out) != 1 {
		s.moves = append(s.moves, move{out: int32(s.out.Len()), raw: int32(s.read)})
	}
}

// drop settles n raw bytes as nothing.
func (s *source) drop(n int) {
	s.move()
	s.read += n
	at := int32(s.out.Len())
	if k := len(s.moves); k > 0 && s.moves[k-1].out == at {
		s.moves[k-1].raw = int32(s.read)
		return
	}
	s.moves = append(s.moves, move{out: at, raw: int32(s.read)})
}

// offset returns the raw offset at which the settled text up to at ends: before what is dropped
// there.
func (s *source) offset(at int) int {
	i := sort.Search(len(s.moves), func(i int) bool { return int(s.moves[i].out) >= at })
	from := move{}
	if i > 0 {
		from = s.moves[i-1]
	}
	to := int(from.raw) + at - int(from.out)
	if i < len(s.moves) {
		to = min(to, int(s.moves[i].raw))
	}
	return to
}

// wanted returns how many bytes to keep of an invisible character of n bytes and of what belongs to
// it. Not ok: more text is needed.
func (s *source) wanted(r rune, n int, full bool) (k int, ok bool) {
	rest := s.raw[s.read:]
	switch in, ok := s.code.has(s.text(), rest, s.read, full); {
	case !ok:
		return 0, false
	case in:
		return n, true
	}
	if tag(r) {
		return s.flag(rest, full)
	}
	if selector(r) {
		if servesSelector(r, s.prev) {
			return n, true
		}
		return 0, true
	}
	next, _ := utf8.DecodeRuneInString(rest[n:])
	if !full && !utf8.FullRuneInString(rest[n:]) {
		return 0, false
	}
	if serves(r, s.prev, next) {
		return n, true
	}
	return 0, true
}

// flag keeps the tag characters of the three flags that are written with them.
func (s *source) flag(rest string, full bool) (k int, ok bool) {
	if s.prev != 0x1f3f4 {
		return 0, true
	}
	for _, region := range []string{"gbeng", "gbsct", "gbwls"} {
		var tags strings.Builder
		for _, c := range region {
			tags.WriteRune(0xe0000 + c)
		}
		tags.WriteRune(0xe007f)
		switch {
		case strings.HasPrefix(rest, tags.String()):
			return tags.Len(), true
		case !full && strings.HasPrefix(tags.String(), rest):
			return 0, false
		}
	}
	return 0, true
}

func tag(r rune) bool { return r >= 0xe0000 && r <= 0xe007f }

func selector(r rune) bool {
	return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef || r >= 0x180b && r <= 0x180d || r == 0x180f
}

// Fillers that may serve.
const (
	choseongFiller  = 0x115f
	jungseongFiller = 0x1160
	brailleBlank    = 0x2800
)

// invisible reports whether r shows nothing and may deceive: format characters, fillers with and
// without width, variation selectors. Package llm removes the same fillers (Printable), which a test
// of package bot compares.
func invisible(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == choseongFiller, r == jungseongFiller, r == 0x3164, r == 0xffa0, r == brailleBlank,
		r == 0xad, r == 0x34f, r == 0x61c, r == 0x17b4, r == 0x17b5, r >= 0x180b && r <= 0x180f,
		r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
		r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r >= 0xfff0 && r <= 0xfffb,
		r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

// serves reports whether an invisible character is of use between its neighbours: joiners in
// scripts whose letters join and in emoji, the space without width where words are written without
// spaces, fillers among what they fill.
func serves(r, prev, next rune) bool {
	switch r {
	case 0x200c:
		return joins(prev) || joins(next) && unicode.IsLetter(prev)
	case 0x200d:
		return joins(prev) || (pictograph(prev) || prev == 0xfe0f) && pictograph(next)
	case 0x200b:
		return unicode.In(prev, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
	// Korean letters in parts: an initial or a vowel that is left out stands there as its filler. Two of
	// them alone are nothing.
	case choseongFiller:
		return next > jungseongFiller && next <= 0x11a7 || next >= 0xd7b0 && next <= 0xd7c6
	case jungseongFiller:
		return prev >= 0x1100 && prev < choseongFiller || prev >= 0xa960 && prev <= 0xa97c ||
			next >= 0x11a8 && next <= 0x11ff || next >= 0xd7cb && next <= 0xd7fb
	case brailleBlank:
		return unicode.Is(unicode.Braille, prev) || next != brailleBlank && unicode.Is(unicode.Braille, next)
	case 0x180e:
		return unicode.Is(unicode.Mongolian, prev)
	}
	return false
}

// servesSelector reports whether a variation selector is of use after prev. One is at most, so that
// nothing can be hidden in them.
func servesSelector(r, prev rune) bool {
	switch {
	case r < 0xfe00:
		return unicode.Is(unicode.Mongolian, prev)
	case r >= 0xe0100:
		return unicode.Is(unicode.Han, prev)
	case prev < 0x80:
		// Keycaps.
		return prev >= '0' && prev <= '9' || prev == '#' || prev == '*'
	}
	return pictograph(prev) || unicode.In(prev, unicode.Han, unicode.Myanmar, unicode.Phags_Pa, unicode.Mongolian) || unicode.IsSymbol(prev) ||
		unicode.IsPunct(prev)
}

// joins reports whether r is of a script whose letters change their form next to a joiner.
func joins(r rune) bool {
	return r >= 0x300 && (unicode.IsLetter(r) || unicode.IsMark(r)) && unicode.In(r, unicode.Arabic, unicode.Syriac, unicode.Nko, unicode.Mandaic,
		unicode.Mongolian, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil,
		unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan,
		unicode.Balinese, unicode.Javanese, unicode.Sundanese, unicode.Adlam, unicode.Hanifi_Rohingya, unicode.Phags_Pa)
}

// pictograph reports whether r may be part of an emoji.
func pictograph(r rune) bool {
	switch {
	case r == 0xa9, r == 0xae, r >= 0x203c && r <= 0x2049, r == 0x2122, r == 0x2139, r >= 0x2190 && r <= 0x21ff, r >= 0x2300 && r <= 0x27bf,
		r >= 0x2900 && r <= 0x2bff, r == 0x3030, r == 0x303d, r == 0x3297, r == 0x3299, r == 0x20e3, r >= 0x1f000 && r <= 0x1faff:
		return true
	}
	return false
}

// codeFinder finds out whether the end of a text is in code, where invisible characters stay. It
// searches only when there is such a character, and then each byte once. A wrong guess keeps or
// drops a character that shows nothing; what is live is decided later.
type codeFinder struct {
	line  int // offset at which the current line begins
	seen  int // offset up to which the settled text was searched
	char  byte
	marks int // length of the open fence's marks; 0: none is open
	quote int
	ticks int // length of the marks of inline code that is open in the line
	upTo  int // offset in the raw text up to which they are known to enclose code
}

// has reports whether the end of out is in code. rest is what follows it, from an offset of the raw
// text on. Not ok: more text is needed.
func (f *codeFinder) has(out, rest string, offset int, full bool) (in, ok bool) {
	for f.seen < len(out) {
		switch out[f.seen] {
		case '\n':
			f.endLine(out[f.line:f.seen])
			f.line = f.seen + 1
		case '\\':
			f.seen += min(1, len(out)-f.seen-1)
			if out[f.seen] == '\n' {
				continue
			}
		case '`':
			n := runLen(out[f.seen:], ticksMax+1)
			switch f.ticks {
			case 0:
				f.ticks = n
			case n:
				f.ticks = 0
			}
			f.seen += n - 1
		}
		f.seen++
	}
	switch {
	case f.marks > 0, offset < f.upTo:
		return true, true
	case f.ticks == 0 || f.ticks > ticksMax:
		return false, true
	}
	for i := 0; i < len(rest) && i < codeMax && rest[i] != '\n' && rest[i] != '\r'; i++ {
		if rest[i] != '`' {
			continue
		}
		n := runLen(rest[i:], ticksMax+1)
		if i+n == len(rest) && !full {
			return false, false
		}
		if n == f.ticks {
			f.upTo = offset + i
			return true, true
		}
		i += n - 1
	}
	if !full && len(rest) < codeMax && !strings.ContainsAny(rest, "\r\n") {
		return false, false
	}
	f.ticks = 0
	return false, true
}

// endLine processes a whole line.
func (f *codeFinder) endLine(s string) {
	f.ticks = 0
	if f.marks > 0 {
		quote := 0
		body := strings.TrimLeft(s, " \t")
		for quote < f.quote && strings.HasPrefix(body, ">") {
			body = strings.TrimLeft(body[1:], " \t")
			quote++
		}
		if quote < f.quote {
			f.marks = 0
		} else {
			if strings.HasPrefix(body, string(f.char)) {
				if n := runLen(body, len(body)); n >= f.marks && strings.Trim(body[n:], " \t") == "" {
					f.marks = 0
				}
			}
			return
		}
	}
	p, _ := readPrefix(s, true)
	body := s[p.n:]
	if body == "" || body[0] != '`' && body[0] != '~' {
		return
	}
	n := runLen(body, len(body))
	if n >= 3 && len(body) <= infoMax && (body[0] == '~' || strings.IndexByte(body[n:], '`') < 0) {
		f.char, f.marks, f.quote = body[0], min(n, fenceMax), p.quote
	}
}
