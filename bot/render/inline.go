package render

import (
	"strings"
	"unicode/utf8"
)

const (
	codeMax  = 1_000 // bytes of an inline code span
	labelMax = 500   // bytes of a link's text
	urlMax   = 2_000 // bytes of a link's address
)

// atom reads the construct at the beginning of s: an escape, code, a link, an entity, a < or an @, and returns it as it is
// written. before is the text before it; full means that nothing follows s. Not ok: more text is needed.
func atom(s, before string, full bool) (out string, n int, ok bool) {
	switch s[0] {
	case '\\':
		return escape(s, full)
	case '`':
		return codeSpan(s, full)
	case '[':
		return link(s, 0, full)
	case '!':
		if len(s) == 1 {
			return "!", 1, full
		}
		if s[1] == '[' {
			return link(s, 1, full)
		}
		return "!", 1, true
	case '<':
		return angle(s, full)
	case '&':
		return entity(s, full)
	default:
		return at(s, before, full)
	}
}

// literal is the first character of a construct that is none.
func literal(s string) (out string, n int) {
	switch s[0] {
	case '<':
		return proseLess, 1
	case '`':
		n = runLen(s)
		return s[:n], n
	default:
		return s[:1], 1
	}
}

func escape(s string, full bool) (string, int, bool) {
	if len(s) == 1 {
		return s, 1, full
	}
	switch c := s[1]; {
	case c == '<':
		return proseLess, 2, true
	case c == '&' || c == '@' || c >= utf8.RuneSelf || c <= ' ' || isAlnum(c):
		return s[:1], 1, true
	default:
		return s[:2], 2, true
	}
}

func codeSpan(s string, full bool) (string, int, bool) {
	n := runLen(s)
	if n == len(s) && n < codeMax {
		return s, n, full
	}
	for i := n; i < len(s) && i < codeMax && s[i] != '\n'; {
		if s[i] != '`' {
			i++
			continue
		}
		k := runLen(s[i:])
		if i+k == len(s) && !full {
			return "", 0, false
		}
		if k == n {
			code, ok := escapeSpan(s[n:], i-n, full)
			return s[:n] + clean(code) + s[i:i+k], i + k, ok
		}
		i += k
	}
	if !full && len(s) < codeMax && strings.IndexByte(s, '\n') < 0 {
		return "", 0, false
	}
	n = min(n, codeMax)
	return s[:n], n, true
}

// link reads [text](address "title"), with bang bytes before it.
func link(s string, bang int, full bool) (string, int, bool) {
	no, _ := literal(s)
	end, ok := labelEnd(s[bang:], full)
	if !ok || end == 0 {
		return no, 1, ok
	}
	end += bang
	label := s[bang+1 : end-1]
	if end == len(s) {
		if full {
			return no, 1, true
		}
		return "", 0, false
	}
	if s[end] != '(' {
		return no, 1, true
	}
	i, depth := end+1, 1
	for i < len(s) && i-end < urlMax {
		switch s[i] {
		case '\n':
			return no, 1, true
		case '\\':
			if i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		case '(':
			depth++
		case ')':
			depth--
		}
		i++
		if depth == 0 {
			return s[:bang] + "[" + inline(label) + "](" + address(s[end+1:i-1]) + ")", i, true
		}
	}
	if !full && len(s)-end < urlMax {
		return "", 0, false
	}
	return no, 1, true
}

// labelEnd finds the end of [text], 0 if there is none.
func labelEnd(s string, full bool) (int, bool) {
	depth := 0
	for i := 0; i < len(s) && i < labelMax; i++ {
		switch s[i] {
		case '\\':
			if i+1 < len(s) && s[i+1] != '\n' {
				i++
			}
		case '\n':
			return 0, true
		case '[':
			depth++
		case ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, full || len(s) >= labelMax
}

// address makes what stands in a link's parentheses harmless.
func address(s string) string {
	if inner, ok := strings.CutPrefix(s, "<"); ok {
		if u, title, ok := strings.Cut(inner, ">"); ok {
			s = strings.ReplaceAll(u, " ", "%20") + title
		}
	}
	return clean(strings.ReplaceAll(s, "<", "%3C"))
}

// angle reads a <. Autolinks become plain addresses, anything else is shown as it is.
func angle(s string, full bool) (string, int, bool) {
	if len(s) > 1 && !isAlnum(s[1]) || len(s) == 1 && full {
		return proseLess, 1, true
	}
	kind := false
	for i := 1; i < len(s) && i < urlMax; i++ {
		switch c := s[i]; {
		case c == '>':
			u := s[1:i]
			if !kind {
				return proseLess, 1, true
			}
			next := byte(' ')
			if i+1 < len(s) {
				next = s[i+1]
			} else if !full {
				return "", 0, false
			}
			if isAlnum(next) || next >= utf8.RuneSelf || strings.IndexByte("/-_&=#%+~*[(`<\\@", next) >= 0 {
				return "[" + inline(u) + "](" + address(u) + ")", i + 1, true
			}
			return clean(u), i + 1, true
		case c == ':' && !kind:
			scheme := strings.ToLower(s[1:i])
			after := s[i+1:]
			if after == "" && !full || after == "/" && !full {
				return "", 0, false
			}
			if scheme != "mailto" && !strings.HasPrefix(after, "//") {
				return proseLess, 1, true
			}
			kind = true
		case c == '@':
			kind = true
		case c <= ' ' || c == '<' || c == '|' || c == '[' || c == ']' || c == '(' || c == ')' || c == '`' || c == '\\' || c == '*':
			return proseLess, 1, true
		case !kind && !isAlnum(c) && c != '.' && c != '+' && c != '-' && c != '_' && c != '%':
			return proseLess, 1, true
		}
	}
	if !full && len(s) < urlMax {
		return "", 0, false
	}
	return proseLess, 1, true
}

func entity(s string, full bool) (string, int, bool) {
	n := entityLen(s)
	switch {
	case n == 0 && !full && maybeEntity(s):
		return "", 0, false
	case n == 0:
		return s[:1], 1, true
	case !isLess(s[:n]):
		return s[:n], n, true
	case n == len(s):
		return s[:n], n, full
	case s[n] == '!' || s[n] == '@' || s[n] == '#':
		return s[:n] + joiner, n, true
	}
	return s[:n], n, true
}

// at makes @channel, @here and @everyone harmless, except in addresses.
func at(s, before string, full bool) (string, int, bool) {
	for _, word := range []string{"channel", "here", "everyone"} {
		k := min(len(word), len(s)-1)
		if !strings.EqualFold(s[1:1+k], word[:k]) {
			continue
		}
		if k < len(word) {
			if full {
				continue
			}
			return "", 0, false
		}
		if before != "" && isAlnum(before[len(before)-1]) {
			break
		}
		if i := strings.LastIndexAny(before, " \t\n"); strings.Contains(before[i+1:], "://") {
			break
		}
		return "@" + joiner, 1, true
	}
	return "@", 1, true
}

// inline writes a whole piece of text, such as a link's text or a row of a table.
func inline(s string) string {
	var b strings.Builder
	ends := textSpecial()
	i := 0
	for i < len(s) {
		j := i
		for j < len(s) && (!ends.has(s[j]) || s[j] == '*' || s[j] == '_' || s[j] == '~' || s[j] == '\n' || s[j] == '\r') {
			j++
		}
		b.WriteString(clean(s[i:j]))
		if i = j; i < len(s) {
			out, n, _ := atom(s[i:], s[:i], true)
			b.WriteString(out)
			i += n
		}
	}
	return b.String()
}

// halfOf shows a construct whose end has not come yet, without the marks that would be broken, and says how many bytes of it
// are shown: none, or all up to there but the marks at its beginning.
func halfOf(s string) (string, int) {
	switch s[0] {
	case '`':
		n := runLen(s)
		code := strings.TrimRight(wholeRunes(s[n:]), "` ")
		if i := strings.LastIndexByte(code, '<'); i >= 0 {
			if _, ok := liveInCode(code[i:], false); !ok {
				code = code[:i]
			}
		}
		if strings.TrimSpace(code) == "" {
			return "", 0
		}
		return s[:n] + clean(escapeCode(code)) + s[:n], n + len(code)
	case '!':
		if len(s) > 1 {
			out, n := halfOf(s[1:])
			if n > 0 {
				n++
			}
			return out, n
		}
	case '[':
		label := s[1:]
		if end, _ := labelEnd(s, false); end > 0 {
			label = s[1 : end-1]
		}
		label = strings.TrimRight(wholeRunes(label), "[!\\<&@`*_~ ")
		if i := strings.LastIndexAny(label, "<&@`["); i >= 0 && len(label)-i < 40 {
			label = strings.TrimRight(label[:i], " ")
		}
		if label != "" {
			return inline(label), 1 + len(label)
		}
	}
	return "", 0
}
