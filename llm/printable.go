package llm

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns what a server says of itself in a form that may be shown to people: on one
// line, with single spaces, and at most most characters long, with an ellipsis where it was cut. It
// leaves out control characters, on which a terminal would act, invisible characters, and those
// that change the direction of writing. What is not UTF-8 becomes U+FFFD.
func Printable(s string, most int) string {
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		if r == '\t' || r == '\n' || r == '\r' || unicode.IsSpace(r) {
			space = n > 0
			continue
		}
		if unseen(r) {
			continue
		}
		if need := n + 1; need > most || space && need+1 > most {
			return shorten(b.String(), most) + "…"
		}
		if space {
			b.WriteByte(' ')
			n, space = n+1, false
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// shorten leaves room for the ellipsis.
func shorten(s string, most int) string {
	if most > 0 && utf8.RuneCountInString(s) >= most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimRight(s, " ")
}

// unseen reports whether r is a control character or has no shape of its own: C0, C1, marks of
// direction and tags among others (Unicode's Cc and Cf, except the joiners that scripts and emoji
// need), line and paragraph ends, private use, and fillers.
func unseen(r rune) bool {
	switch r {
	case '\u200c', '\u200d':
		return false
	case '\u115f', '\u1160', '\u3164', '\uffa0', '\u2800':
		return true
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r >= 0xe0000 && r <= 0xe0fff
}
