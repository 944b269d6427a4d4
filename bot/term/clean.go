package term

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// tabWidth is how many spaces a tab becomes: a real one would move the cursor by an amount that
// nobody here knows.
const tabWidth = 4

// Clean makes text safe for a terminal. It drops the control characters other than newline and tab,
// so that no escape sequence is left, and the marks that change the direction of writing. CR LF
// becomes a newline, and so does each Unicode line end. What is not UTF-8 becomes U+FFFD.
func Clean(s string) string {
	if clean(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r' || r == '\u2028' || r == '\u2029':
			return '\n'
		case hidden(r):
			return -1
		default:
			return r
		}
	}, s)
}

// clean reports whether there is nothing to do: the usual case, without an allocation.
func clean(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r != '\n' && r != '\t' && hidden(r) {
			return false
		}
	}
	return true
}

// hidden reports whether a terminal would act on r instead of showing it.
func hidden(r rune) bool {
	switch {
	case unicode.IsControl(r): // C0, DEL and C1: ESC, and CSI in one byte
		return true
	case r == '\u2028' || r == '\u2029':
		return true
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069': // direction overrides
		return true
	default:
		return false
	}
}
