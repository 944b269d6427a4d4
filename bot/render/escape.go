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
// follows the <, and only where a live token could begin, so that other code can be copied
// unchanged. Both forms are dead in prose and in code, so safety does not depend on knowing where
// code begins. If a live workspace shows that entities are decoded in code, liveInCode's callers
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

// escapeCode makes code dead that is shown as code.
func escapeCode(s string) string {
	out, _ := escapeSpan(s, len(s), true)
	return out
}

// escapeSpan is escapeCode for the first n bytes of s, because what follows them may make a token
// of a < in them. Not ok: it needs more text.
func escapeSpan(s string, n int, full bool) (string, bool) {
	if !strings.ContainsAny(s[:n], "<&") {
		return s[:n], true
	}
	var b strings.Builder
	for i := 0; i < n; {
		if c := s[i]; c == '<' || c == '&' {
			live, ok := liveInCode(s[i:], full)
			if !ok {
				return "", false
			}
			k := 1
			if live && c == '&' {
				k = entityLen(s[i:])
			}
			b.WriteString(s[i : i+k])
			if live {
				b.WriteString(joiner)
			}
			i += k
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String(), true
}

// lastLook returns a page as it is shown. Whatever was decided before, no token of Slack is live in
// it. It costs a look at each <.
func lastLook(page string) string {
	from := 0
	var b strings.Builder
	for {
		i := strings.IndexByte(page[from:], '<')
		if i < 0 {
			break
		}
		i += from + 1
		b.WriteString(page[from:i])
		if live, _ := liveInCode(page[i-1:], true); live {
			b.WriteString(joiner)
		}
		from = i
	}
	if from == 0 {
		return page
	}
	b.WriteString(page[from:])
	return b.String()
}

// liveInCode reports whether the < or &lt; at the beginning of s could begin a token of Slack: a
// mention, a command, a link. Not ok: it needs more text.
func liveInCode(s string, full bool) (live, ok bool) {
	if s[0] == '&' {
		k := entityLen(s)
		switch {
		case k == 0:
			return false, full || !maybeEntity(s)
		case !isLess(s[:k]):
			return false, true
		case k == len(s):
			return false, full
		}
		return s[k] == '!' || s[k] == '@' || s[k] == '#', true
	}
	rest := s[1:]
	if rest == "" {
		return false, full
	}
	switch c := rest[0]; {
	case c == '@' || c == '#':
		return liveID(rest[1:], full)
	case c == '!':
		for _, harmless := range harmlessTags() {
			k := min(len(rest), len(harmless))
			if strings.EqualFold(rest[:k], harmless[:k]) {
				if k == len(harmless) {
					return false, true
				}
				if !full {
					return false, false
				}
			}
		}
		return true, true
	case !isAlnum(c):
		return false, true
	}
	for i := range min(len(rest), schemeMax) {
		switch c := rest[i]; {
		case c == ':':
			switch strings.ToLower(rest[:i]) {
			case "mailto", "tel", "sms", "slack", "javascript", "data", "callto":
				return true, true
			}
			after := rest[i+1:]
			return strings.HasPrefix(after, "//"), full || len(after) >= 2 || !strings.HasPrefix("//", after)
		case !isAlnum(c) && c != '+' && c != '-' && c != '.':
			return false, true
		}
	}
	return false, full || len(rest) >= schemeMax
}

// schemeMax is the longest scheme of an address, in bytes.
const schemeMax = 64

// liveID reports whether s, which follows <@ or <#, is what Slack resolves: an id, and then its end
// or a label.
func liveID(s string, full bool) (live, ok bool) {
	for i := range min(len(s), schemeMax) {
		switch c := s[i]; {
		case c == '>' || c == '|':
			return i > 0, true
		case !isAlnum(c) && c != '_' && c != '-':
			return false, true
		}
	}
	return len(s) >= schemeMax, full || len(s) >= schemeMax
}

// harmlessTags begin HTML declarations, which code may have; Slack has no such commands.
func harmlessTags() [3]string { return [...]string{"!--", "!doctype", "![cdata["} }

// harmlessLen returns the length of a < that is not live, with what belongs to it.
func harmlessLen(s string) int {
	for _, tag := range harmlessTags() {
		if len(s) > len(tag) && strings.EqualFold(s[1:1+len(tag)], tag) {
			return 1 + len(tag)
		}
	}
	return 1
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
