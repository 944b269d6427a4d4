package render

import (
	"strings"
	"unicode/utf8"
)

// joiner is the word joiner. It is invisible, breaks nothing, and no token or mention survives it.
const joiner = "\u2060"

// How `<` becomes harmless. In prose it becomes &lt;, which Slack was measured to show literally
// and dead in markdown blocks, while & and > must stay as they are, for URLs and quotes
// (facts/slack.md §3.5). Whether Slack decodes &lt; in code is not verified, so in code the joiner
// follows the <, and only where a live token begins, so that other code is copied unchanged: see
// token. That is so in all code: of one line, across lines and by indentation (span.go), in fences.
// Both forms are dead in prose and in code, so safety does not depend on knowing where code begins.
// If a live workspace shows that entities are decoded in code, the callers of token and liveInCode
// are the place to write proseLess.
const proseLess = "&lt;"

// cost counts the characters of s as Slack may at most: in UTF-16 units, & as 5, < and > as 4. What
// we wrote as &lt; counts 8.
func cost(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c < 0x40:
			if c == '&' {
				n += 4
			} else if c >= '<' && c != '=' && c != '?' {
				n += 3
			}
		case c < utf8.RuneSelf:
		case c < 0xc0:
			n--
		case c >= 0xf0:
			n++
		}
	}
	return n
}

// wholeRunes removes the beginning of a character at the end of s.
func wholeRunes(s string) string {
	for i := 1; i <= utf8.UTFMax && i <= len(s); i++ {
		if c := s[len(s)-i]; utf8.RuneStart(c) {
			if !utf8.FullRuneInString(s[len(s)-i:]) {
				return s[:len(s)-i]
			}
			break
		}
	}
	return s
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// entityLen returns the length of the entity at the beginning of s, 0 if there is none.
func entityLen(s string) int {
	for i := 1; i < len(s) && i < 34; i++ {
		if c := s[i]; c == ';' && i > 1 {
			return i + 1
		} else if !isAlnum(c) && (c != '#' || i > 1) {
			return 0
		}
	}
	return 0
}

// maybeEntity reports whether s, which begins with &, could become an entity.
func maybeEntity(s string) bool {
	for i := 1; i < len(s); i++ {
		if !isAlnum(s[i]) && (s[i] != '#' || i > 1) {
			return false
		}
	}
	return len(s) < 34
}

// isLess reports whether an entity means <.
func isLess(e string) bool {
	switch e = strings.ToLower(strings.Trim(e, "&;")); {
	case e == "lt":
		return true
	case strings.HasPrefix(e, "#x"):
		return strings.TrimLeft(e[2:], "0") == "3c"
	case strings.HasPrefix(e, "#"):
		return strings.TrimLeft(e[1:], "0") == "60"
	}
	return false
}
