package render

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// inAddress reports whether an entity stands for a character that makes an address of a word, or is
// a part of one.
func inAddress(e string) bool {
	s := html.UnescapeString(e)
	return s != e && strings.ContainsFunc(s, func(r rune) bool { return inName(r) || strings.ContainsRune(".:/@`\\"+wideDots, r) })
}

// hides reports whether an entity stands for a character that the text must not have.
func hides(e string) bool {
	return strings.ContainsFunc(html.UnescapeString(e), func(r rune) bool { return invisible(r) || unicode.IsControl(r) })
}

// words finds the addresses in a text, word by word. Its offsets are those of the text.
type words struct {
	// No address begins between the place of the last look and this offset; one may begin at it.
	free     int
	from, to int  // the address; to is 0 if there is none
	whole    bool // no reader takes what follows the address for a part of it
	// The last look ended here, in the middle of a word. An address may have begun before it, so the
	// next look goes back.
	torn int
}

// begins reports whether the address begins at an offset.
func (w *words) begins(at int) bool { return at == w.from && w.to > at }

const (
	// wholeWord bounds the bytes of a word searched at once. A longer address is cut, to lead nowhere.
	wholeWord = 400
	// nameMax is how far a look goes back: no longer host has an address.
	nameMax = 255
)

// look finds the next address in the word at an offset of the text. Where it ends in the middle of
// the word, the next look begins behind the last character that no address has, or at the address
// that reaches the end. If that is as long as a look, it is not whole, and the next look goes back.
func (w *words) look(text string, at int) {
	n := wordEnd(text[at:])
	end := at + n
	torn := end < len(text) && !blank(text[end])
	back := 0
	if at <= w.torn {
		back = min(at, nameMax)
		for !utf8.RuneStart(text[at-back]) {
			back--
		}
	}
	*w = words{free: end}
	if torn {
		w.torn = end
	}
	word := dotted(text[at-back : min(end+utf8.UTFMax, len(text))])[:back+n]
	from, to, over := 0, 0, 0
	for done := 0; to <= back; done = to {
		from, to, over = findAddress(word[done:])
		if to == 0 {
			if torn {
				w.tear(text, at, end)
			}
			return
		}
		from, to, over = from+done, to+done, over+done
	}
	reaches := torn && over == len(word)
	if reaches && from > back {
		*w = words{free: at + from - back}
		return
	}
	whole := !reaches && from >= back
	from = max(from-back, 0) + at
	to += at - back
	whole = whole && (to == len(text) || text[to] != '\\')
	*w = words{free: from, from: from, to: to, whole: whole && !splits(text[from:to]), torn: w.torn}
	if !reaches {
		w.torn = 0
	}
}

// tear ends a look in the middle of a word without an address, so that the next one begins behind
// the last character that is in no address but in its path. Where there is none, it goes back.
func (w *words) tear(text string, at, end int) {
	s := text[at:end]
	if n := back(s, len(s), func(r rune) bool { return inName(r) || strings.ContainsRune(".:/@!#$%&'*+=?^_{|}~"+wideDots, r) }); n > 0 {
		*w = words{free: at + n}
		return
	}
	// A reader may find one in the Latin part of a word alone.
	if n := back(s, len(s), func(r rune) bool { return r < utf8.RuneSelf && isAlnum(byte(r)) || r == '.' }); n > 0 {
		*w = words{free: at + n, torn: at + n}
	}
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }

// wordEnd returns where the first word of s, or a part of it, ends.
func wordEnd(s string) int {
	n := 0
	for n < len(s) && n < wholeWord && !blank(s[n]) {
		n++
	}
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// wideDots are what browsers take for a dot in a host. Each has three bytes.
const wideDots = "\u3002\uff0e\uff61\u2024\ufe52"

// dotted returns a word with a dot, of as many bytes, for each wide one between Latin letters or
// digits. Elsewhere it ends a sentence of a script that has no spaces.
func dotted(word string) string {
	var out []byte
	prev := ' '
	for i, r := range word {
		if r > cjkDots && strings.ContainsRune(wideDots, r) && latin(prev) {
			if next, _ := utf8.DecodeRuneInString(word[i+3:]); latin(next) {
				if out == nil {
					out = []byte(word)
				}
				copy(out[i:], "0.a")
			}
		}
		prev = r
	}
	if out == nil {
		return word
	}
	return string(out)
}

// cjkDots is below all wide dots.
const cjkDots = 0x2000

// latin reports whether r is an ASCII letter or digit, or a fullwidth one.
func latin(r rune) bool {
	if r >= 0xff10 && r <= 0xff5a {
		r -= 0xff10 - '0'
	}
	return r < utf8.RuneSelf && isAlnum(byte(r))
}

// findAddress finds the first address in a word: one with a scheme, a mailbox, or a host name. A
// reader may look for its end up to over.
func findAddress(s string) (from, to, over int) {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ':':
			if !strings.HasPrefix(s[i:], "://") {
				continue
			}
			from = back(s, i, func(r rune) bool { return r < utf8.RuneSelf && isAlnum(byte(r)) || r == '+' || r == '-' || r == '.' })
			if from == i {
				continue
			}
			if to, over = addressEnd(s, from, i+3); to > i+3 {
				return from, to, over
			}
		case '@':
			from = back(s, i, func(r rune) bool {
				return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(".!#$%&'*+/=?^_{|}~-", r)
			})
			for from < i && strings.IndexByte("*_~/?!'", s[from]) >= 0 {
				from++
			}
			if n := hostEnd(s[i+1:]); from < i && n > 0 {
				if at := from - len("mailto:"); at >= 0 && strings.EqualFold(s[at:from], "mailto:") {
					from = at
				}
				return from, i + 1 + n, i + 1 + hostLen(s[i+1:])
			}
		case '.':
			from = back(s, i, inName)
			if from == i {
				continue
			}
			n := domainEnd(s[from:])
			end := from + n
			over = from + hostLen(s[from:])
			rest, tail := s[end:], s[over:]
			switch {
			case n == 0 && strings.Contains(s[from:over], ".."):
				i = from + strings.Index(s[from:over], "..")
				continue
			case n == 0:
				if at := wwwBehind(s[from:over]); at > 0 {
					return from + at, over, over
				}
				i = over - 1
				continue
			case strings.HasPrefix(rest, "://"):
				if to, _ = addressEnd(s, from, end+3); to > end+3 {
					i = end - 1
					continue
				}
			case strings.HasPrefix(rest, "@"):
				if hostEnd(rest[1:]) > 0 {
					i = end - 1
					continue
				}
			case rest != "" && (strings.IndexByte("/?#", rest[0]) >= 0 || rest[0] == ':' && len(rest) > 1 && isPort(rest[1:])):
				to, over = addressEnd(s, from, end)
				return from, max(to, end), over
			}
			if strings.HasPrefix("://", tail) || tail[0] == '@' && len(tail) == 1+hostLen(tail[1:]) {
				over = len(s)
			}
			return from, end, over
		}
	}
	return 0, 0, 0
}

// wwwBehind returns where www. stands behind a character that is not ASCII, which a script without
// spaces has before it; 0: nowhere.
func wwwBehind(s string) int {
	for at := 0; ; at++ {
		i := strings.IndexByte(s[at:], '.')
		if i < 0 {
			return 0
		}
		at += i
		if www := at - len("www"); www > 0 && s[www-1] >= utf8.RuneSelf && strings.EqualFold(s[www:at], "www") && hostEnd(s[www:]) > 0 {
			return www
		}
	}
}

// splits reports whether a reader may see another address in the path of one: behind a bracket, a
// mark of emphasis, or a character that is not ASCII.
func splits(s string) bool {
	const mostTildes = 4 // of folders of users; each is a search
	tildes := 0
	for i, r := range s {
		switch {
		case r == '*', r == '[', r == '(', r == '~', r >= utf8.RuneSelf, r == '_' && !(i > 0 && isAlnum(s[i-1])):
		default:
			continue
		}
		from, to, _ := findAddress(dotted(strings.TrimLeft(s[i+utf8.RuneLen(r):], "*_~[(")))
		switch {
		case r != '~':
			return to > 0
		case to > 0 && from == 0, tildes == mostTildes:
			return true
		}
		tildes++
	}
	return false
}

// back returns where the characters before an offset begin that are all like that.
func back(s string, at int, like func(rune) bool) int {
	for at > 0 {
		r, n := utf8.DecodeLastRuneInString(s[:at])
		if !like(r) {
			break
		}
		at -= n
	}
	return at
}

func isHost(r rune) bool { return r == '-' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// inName reports whether a reader may take r for a part of a host: also marks, joiners and emoji.
func inName(r rune) bool {
	return isHost(r) || r >= utf8.RuneSelf && r != utf8.RuneError && !unicode.IsSpace(r) && !unicode.IsPunct(r)
}

// hostLen returns how many bytes at the beginning of s may be a host name, at least 1.
func hostLen(s string) int {
	for i, r := range s {
		if r != '.' && !inName(r) {
			return max(i, 1)
		}
	}
	return len(s)
}

// domainEnd returns the length of the domain name that begins s, 0 if there is none: labels between
// dots, the last of letters, or of anything after www., which alone makes a link of a word.
func domainEnd(s string) int {
	n := hostEnd(s)
	if n >= len("www.") && strings.EqualFold(s[:len("www.")], "www.") {
		return n
	}
	last := s[strings.LastIndexByte(s[:n], '.')+1 : n]
	letters := func(r rune) bool { return unicode.In(r, unicode.L, unicode.M, unicode.Cf) }
	if utf8.RuneCountInString(last) < 2 || !strings.HasPrefix(strings.ToLower(last), "xn--") && strings.ContainsFunc(last, func(r rune) bool { return !letters(r) }) {
		return 0
	}
	return n
}

// hostEnd returns the length of the dotted labels that begin s, 0 if there are fewer than two.
func hostEnd(s string) int {
	if s == "" {
		return 0
	}
	name, _, _ := strings.Cut(s[:hostLen(s)], "..")
	name = strings.TrimRight(name, ".-")
	if !strings.Contains(name, ".") || name[0] == '.' || !isHostByte(name[0]) {
		return 0
	}
	return len(name)
}

func isHostByte(c byte) bool { return isAlnum(c) || c == '-' || c >= utf8.RuneSelf }

// isMail reports whether s is one mailbox and nothing else.
func isMail(s string) bool {
	from, to, _ := findAddress(s)
	i := strings.IndexByte(s, '@')
	return i > 0 && from == 0 && to == len(s) && !strings.ContainsAny(s, ":/")
}

// addressEnd returns where the address ends that begins at from, searching on from another offset:
// before what no address has, such as white space, and before the punctuation at its end. That is
// over where the search ended.
func addressEnd(s string, from, at int) (to, over int) {
	for at < len(s) && s[at] > ' ' && strings.IndexByte("<>`\"|\\", s[at]) < 0 {
		at++
	}
	over = at
	round := strings.Count(s[from:at], ")") - strings.Count(s[from:at], "(")
	square := strings.Count(s[from:at], "]") - strings.Count(s[from:at], "[")
	for ; at > from; at-- {
		switch c := s[at-1]; {
		case strings.IndexByte("?!.,:;*_~'", c) >= 0:
		case c == ')' && round > 0:
			round--
		case c == ']' && square > 0:
			square--
		default:
			return at, over
		}
	}
	return at, over
}
