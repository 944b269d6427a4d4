package render

import (
	"strings"
	"unicode/utf8"
)

const (
	codeMax  = 2_500 // bytes of an inline code span: less than the quarter of a page that is kept whole
	ticksMax = 100   // marks of inline code; more are text
	labelMax = 500   // bytes of a link's text
	urlMax   = 2_000 // bytes of a link's address
	nestMax  = 8     // nested brackets in a link's text
	parenMax = 32    // parentheses in a link's address
)

// atom reads the construct at the beginning of s (an escape, code, a link, an entity, a < or an @),
// and returns it as it is written. before is the text before it; full means that nothing follows s.
// Not ok: it needs more text.
func (l Links) atom(s, before string, full bool) (out string, n int, ok bool) {
	switch s[0] {
	case '\\':
		return l.escape(s, full)
	case '`':
		return l.codeSpan(s, full, full)
	case '[':
		return l.link(s, 0, full)
	case '!':
		if len(s) == 1 {
			return "!", 1, full
		}
		if s[1] == '[' {
			return l.link(s, 1, full)
		}
		return "!", 1, true
	case '<':
		return l.angle(s, full, false)
	case '&':
		return l.entity(s, full)
	default:
		return at(s, before, full)
	}
}

// literal returns the first character of something that is no construct.
func (l Links) literal(s string) (out string, n int) {
	switch s[0] {
	case '<':
		return proseLess, 1
	case '`':
		n = runLen(s, ticksMax)
		return l.ticks(n), n
	default:
		return s[:1], 1
	}
}

// ticks returns n marks that begin no code. Where an address becomes dead as code, they must not
// pair with its marks.
func (l Links) ticks(n int) string {
	if l.strict() {
		return strings.Repeat("\\`", n)
	}
	return strings.Repeat("`", n)
}

func (l Links) escape(s string, full bool) (string, int, bool) {
	if len(s) == 1 {
		return s, 1, full
	}
	switch c := s[1]; {
	case c == '<':
		return proseLess, 2, true
	case c == '&' || c == '@' || c >= utf8.RuneSelf || c <= ' ' || isAlnum(c):
		return s[:1], 1, true
	case l.strict() && (c == '.' || c == ':' || c == '/'):
		// Otherwise an address would be whole again.
		return s[:2] + joiner, 2, true
	default:
		return s[:2], 2, true
	}
}

// codeSpan reads inline code. full means that it must end in s, last that nothing follows s.
func (l Links) codeSpan(s string, full, last bool) (string, int, bool) {
	n := runLen(s, ticksMax+1)
	if n > ticksMax {
		n = runLen(s, len(s))
		return l.ticks(n), n, true // in a line of text: see stepTicks
	}
	if n == len(s) {
		return l.ticks(n), n, full
	}
	for i := n; i < len(s) && i < codeMax && s[i] != '\n'; {
		if s[i] != '`' {
			i++
			continue
		}
		k := runLen(s[i:], codeMax)
		if i+k == len(s) && !full {
			return "", 0, false
		}
		if k == n {
			code, ok := escapeSpan(s[n:], i-n, last)
			return s[:n] + code + s[i:i+k], i + k, ok || full
		}
		i += k
	}
	if !full && len(s) < codeMax && strings.IndexByte(s, '\n') < 0 {
		return "", 0, false
	}
	return l.ticks(n), n, true
}

// link reads [text](address "title"), with bang bytes before it. An image becomes a link to it.
func (l Links) link(s string, bang int, full bool) (string, int, bool) {
	no := s[:1]
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
	for i < len(s) && i-end < urlMax && depth <= parenMax {
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
			out := l.write(label, s[end+1:i-1])
			if out == "" {
				return no, 1, true
			}
			return out, i, true
		}
	}
	if !full && len(s)-end < urlMax && depth <= parenMax {
		return "", 0, false
	}
	return no, 1, true
}

// labelEnd returns the end of [text], 0 if there is none.
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
			if depth++; depth > nestMax {
				return 0, true
			}
		case ']':
			if depth--; depth == 0 {
				return i + 1, true
			}
		}
	}
	return 0, full || len(s) >= labelMax
}

// angle reads a <. Autolinks become plain addresses; anything else is shown as it is.
func (l Links) angle(s string, full, inLink bool) (string, int, bool) {
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
			if l.strict() && !l.open(u) {
				return inCodeMarks(u), i + 1, true
			}
			if !inLink && (l.strict() || isAlnum(next) || next >= utf8.RuneSelf || strings.IndexByte("/-_&=#%+~*[(`<\\@", next) >= 0) {
				to := u
				if isMail(u) {
					to = "mailto:" + u
				}
				if out := l.write(u, to); out != "" {
					return out, i + 1, true
				}
				return proseLess, 1, true
			}
			return deadWords(u), i + 1, true
		case c == ':' && !kind:
			scheme := strings.ToLower(s[1:i])
			after := s[i+1:]
			if len(after) < 2 && !full && strings.HasPrefix("//", after) {
				return "", 0, false
			}
			if scheme != "mailto" && !(isWeb(scheme) && strings.HasPrefix(after, "//")) {
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

func (l Links) entity(s string, full bool) (string, int, bool) {
	n := entityLen(s)
	switch {
	case n == 0 && !full && maybeEntity(s):
		return "", 0, false
	case n == 0 && l.strict() && strings.HasPrefix(s, "&#"):
		return "&amp;", 1, true // some readers need no semicolon
	case n == 0:
		return s[:1], 1, true
	case l.strict() && inAddress(s[:n]), hides(s[:n]):
		return "&amp;" + s[1:n], n, true
	case !isLess(s[:n]):
		return s[:n], n, true
	case n == len(s):
		return s[:n], n, full
	case s[n] == '!' || s[n] == '@' || s[n] == '#' || s[:n] != proseLess && isAlnum(s[n]):
		return s[:n] + joiner, n, true
	}
	return s[:n], n, true
}

// at makes @channel, @here and @everyone harmless, except in addresses.
func at(s, before string, full bool) (string, int, bool) {
	for _, word := range wideWords() {
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
		if before != "" && (isAlnum(before[len(before)-1]) || before[len(before)-1] == '/' && inPath(before)) {
			break
		}
		return "@" + joiner, 1, true
	}
	return "@", 1, true
}

// wideWords are the names that ping more than one person.
func wideWords() [3]string { return [...]string{"channel", "here", "everyone"} }

// inPath reports whether a text ends in the path of a web address.
func inPath(before string) bool {
	at := len(before)
	for at > 0 && before[at-1] > ' ' {
		at--
	}
	word := strings.ToLower(before[at:])
	i := strings.Index(word, "http")
	if i < 0 {
		return false
	}
	_, rest, ok := strings.Cut(word[i:], "://")
	return ok && strings.IndexByte(rest, '/') > 0
}

// deadWords makes the wide words in s harmless wherever they stand.
func deadWords(s string) string {
	if strings.IndexByte(s, '@') < 0 {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteByte(s[i])
		if s[i] != '@' {
			continue
		}
		for _, word := range wideWords() {
			if len(s)-i-1 >= len(word) && strings.EqualFold(s[i+1:i+1+len(word)], word) {
				b.WriteString(joiner)
			}
		}
	}
	return b.String()
}

// seam reports whether out would mean more after last than it does alone: the address or the
// definition of a link, which only we write, or the marks of inline code.
func (l Links) seam(last byte, out string) bool {
	switch {
	case out == "":
		return false
	case last == ']':
		return out[0] == '(' || out[0] == ':'
	case last == '!':
		return len(out) > 1 && out[0] == '['
	case l.strict() && out[0] == '`': // even after a word, which may make it a mailbox
		return last > ' ' && last < utf8.RuneSelf
	case l.strict() && strings.HasSuffix(out, "`)"): // a link that is none: behind a word, its text may make a mailbox of it
		return last >= utf8.RuneSelf || isAlnum(last) || strings.IndexByte("-._@+", last) >= 0
	}
	return false
}

// dead returns a piece of plain text in which no link begins or is defined.
func dead(s string) string {
	if strings.Contains(s, "](") {
		s = strings.ReplaceAll(s, "](", "]"+joiner+"(")
	}
	if strings.Contains(s, "]:") {
		s = strings.ReplaceAll(s, "]:", "]"+joiner+":")
	}
	return s
}

// inline returns a whole piece of text, such as a link's text or a table's cell, as it is written.
func (l Links) inline(s string) string {
	out, _ := l.inlineOf(s, false)
	return out
}

// inlineOf is like inline; not ok if s has a link in it, and so cannot be a link's text.
func (l Links) inlineOf(s string, inLink bool) (string, bool) {
	var b strings.Builder
	last := byte(0)
	broken := false // a <br> precedes; Slack's cells take no line breaks
	put := func(out string) {
		if broken {
			if out = strings.TrimLeft(out, " \t"); out == "" {
				return
			}
			if broken = false; last > ' ' {
				b.WriteByte(' ')
			}
			b.WriteString("/ ")
			last = ' '
		}
		if l.seam(last, out) {
			b.WriteString(joiner)
		}
		if b.WriteString(out); out != "" {
			last = out[len(out)-1]
		}
	}
	ends := textSpecial()
	var word words
	var em emphasis
	for i := 0; i < len(s); {
		most := len(s)
		if l.strict() {
			if i >= word.free {
				word.look(s, i)
			}
			if word.begins(i) {
				put(l.bare(s[i:word.to], word.whole))
				i = word.to
				continue
			}
			most = max(word.free, i+1)
		}
		j := i
		for j < most && (!ends.has(s[j]) || s[j] == '_' && !underscored(s, j) || s[j] == '\n') {
			j++
		}
		put(dead(s[i:j]))
		if i = j; i == most {
			continue
		}
		if s[i] == '<' {
			if n, _ := breakLen(s[i:], true); n > 0 {
				broken = broken || strings.TrimSpace(b.String()) != ""
				i += n
				continue
			}
		}
		var out string
		var n int
		switch {
		case s[i] == '*' || s[i] == '~' || s[i] == '_':
			out, n = em.next(s, i)
		case inLink && s[i] == '<':
			out, n, _ = l.angle(s[i:], true, true)
		case s[i] == '`':
			out, n, _ = l.codeSpan(s[i:], true, false) // more of the page follows
		default:
			out, n, _ = l.atom(s[i:], s[:i], true)
		}
		if s[i] == '`' && n == runLen(s[i:], len(s)) {
			out = strings.Repeat("\\`", n) // they must not pair with others elsewhere
		}
		if inLink && n > 1 && (s[i] == '[' || s[i] == '!') {
			return "", false
		}
		put(out)
		i += n
	}
	return b.String(), true
}

// halfOf returns what is shown of a construct whose end has not come, without the marks that would
// be broken. It also returns how many bytes of the construct are shown: none, or all up to there
// but the marks at its beginning.
func (l Links) halfOf(s string) (string, int) {
	switch s[0] {
	case '`':
		n := runLen(s, ticksMax+1)
		if n > ticksMax {
			return "", 0
		}
		code := strings.TrimRight(s[n:], "` ")
		for i := range code {
			if code[i] != '<' {
				continue
			}
			if _, _, ok := liveInCode(s[n+i:], false); !ok {
				code = strings.TrimRight(code[:i], "` ") // else its own would make our closing ones more
				break
			}
		}
		if strings.TrimSpace(code) == "" {
			return "", 0
		}
		out, _ := escapeSpan(s[n:], len(code), false)
		return s[:n] + out + s[:n], n + len(code)
	case '!':
		if len(s) > 1 {
			out, n := l.halfOf(s[1:])
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
		label = strings.TrimRight(label, "[!\\<&@`*_~ ")
		if i := strings.LastIndexAny(label, "<&@`["); i >= 0 && len(label)-i < 40 {
			label = strings.TrimRight(label[:i], " ")
		}
		if label != "" {
			out := l.inline(label)
			if l.strict() {
				out = joiner + out // or it might make an address of what precedes it
			}
			return out, 1 + len(label)
		}
	}
	return "", 0
}
