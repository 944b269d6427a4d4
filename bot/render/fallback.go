package render

import (
	"strings"
	"unicode/utf8"
)

// fallbackBytes bounds a text argument: chat.update refuses 4,000 UTF-8 bytes (facts/slack.md
// §3.2).
const fallbackBytes = 3_800

// Mrkdwn escapes s for mrkdwn text objects: & < > become entities, and @here, @channel and
// @everyone ping nobody.
func Mrkdwn(s string) string {
	return deadWords(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(settle(s)))
}

// Plain returns the text for the text argument, the last resort when Slack refuses blocks. It is in
// parts of at most 3,800 bytes each, escaped, cut at paragraphs, lines or words, with balanced code
// fences.
func Plain(text string, options ...Option) []string {
	var parts []string
	s := strings.Trim(Mrkdwn(linksOf(options).defang(settle(text))), "\n")
	fenced := false
	for s != "" {
		n := cutAt(s, fallbackBytes-10)
		part := s[:n]
		s = strings.TrimLeft(s[n:], "\n")
		if fenced {
			part = "```\n" + part
		}
		if fenced = strings.Count(part, "```")%2 == 1; fenced {
			part += "\n```"
		}
		if strings.TrimSpace(part) != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// cutAt returns where to cut escaped text so that the first part has at most limit bytes.
func cutAt(s string, limit int) int {
	if len(s) <= limit {
		return len(s)
	}
	for _, border := range []string{"\n\n", "\n", " "} {
		if i := strings.LastIndex(s[:limit], border); i > limit/2 {
			return beforeCode(s, i+len(border), limit/2)
		}
	}
	n := limit
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	if i := strings.LastIndexByte(s[:n], '&'); i > 0 && n-i < 6 && strings.IndexByte(s[i:n], ';') < 0 {
		n = i
	}
	for n > 3 && s[n-1] == '`' && n < len(s) && s[n] == '`' {
		n--
	}
	return beforeCode(s, n, limit/2)
}

// beforeCode returns the cut at, moved before the inline code that it is in. Neither half would be
// code, and an address in it could be clicked.
func beforeCode(s string, n, least int) int {
	begin := strings.LastIndexByte(s[:n], '\n') + 1
	line := strings.ReplaceAll(s[begin:n], "```", "...")
	if at := begin + strings.LastIndexByte(line, '`'); strings.Count(line, "`")%2 == 1 && at > least {
		return at
	}
	return n
}

// Fallback returns the text argument that goes with the blocks, which a notification shows: the
// beginning of the answer without Markdown marks, at most 3,800 bytes, escaped.
func Fallback(text string, options ...Option) string {
	const enough = 2 * fallbackBytes
	more := len(text) > enough
	if more {
		text = wholeRunes(text[:enough])
	}
	text = settle(text)
	var b strings.Builder
	fence := ""
	for line := range strings.Lines(text) {
		t := strings.TrimSpace(line)
		if n := 0; t != "" && (t[0] == '`' || t[0] == '~') {
			if n = runLen(t, len(t)); n >= 3 && (fence == "" || strings.HasPrefix(t, fence) && n == len(t)) {
				if fence == "" {
					fence = t[:n]
				} else {
					fence = ""
				}
				continue
			}
		}
		if fence == "" {
			t = stripLine(t)
		} else {
			t = strings.TrimRight(line, " \t\n")
		}
		if t == "" && (b.Len() == 0 || strings.HasSuffix(b.String(), "\n\n")) {
			continue
		}
		b.WriteString(t + "\n")
	}
	s := Mrkdwn(linksOf(options).defang(strings.TrimSpace(b.String())))
	if len(s) <= fallbackBytes-4 && !more {
		return s
	}
	return strings.TrimRight(s[:cutAt(s, fallbackBytes-4)], " \n") + "…"
}

// stripLine removes the marks from a line of prose.
func stripLine(t string) string {
	for strings.HasPrefix(t, ">") {
		t = strings.TrimSpace(t[1:])
	}
	if is, _ := isDelimiter(t, true); is || t != "" && isRule(t+"\n") || t != "" && strings.Trim(t, "=") == "" {
		return ""
	}
	if n := len(t) - len(strings.TrimLeft(t, "#")); n > 0 && n <= 6 && strings.HasPrefix(t[n:], " ") {
		t = strings.TrimSpace(strings.TrimRight(t[n:], "#"))
	}
	if len(t) > 1 && t[1] == ' ' && (t[0] == '-' || t[0] == '*' || t[0] == '+') {
		t = "• " + strings.TrimSpace(t[2:])
	}
	if strings.HasPrefix(t, "|") && strings.HasSuffix(t, "|") && len(t) > 1 {
		parts := strings.Split(strings.ReplaceAll(t[1:len(t)-1], `\|`, "\x00"), "|")
		for i := range parts {
			parts[i] = strings.ReplaceAll(strings.TrimSpace(parts[i]), "\x00", "|")
		}
		t = strings.Join(parts, " · ")
	}
	return stripInline(t)
}

// stripInline removes the marks from text: links show their text, emphasis and code lose their
// marks.
func stripInline(t string) string {
	var b strings.Builder
	for i := 0; i < len(t); {
		switch c := t[i]; {
		case c == '\\' && i+1 < len(t) && punct(rune(t[i+1])):
			b.WriteByte(t[i+1])
			i += 2
		case c == '`':
			n := runLen(t[i:], len(t))
			end := strings.Index(t[i+n:], t[i:i+n])
			if end < 0 {
				b.WriteString(t[i : i+n])
				i += n
				continue
			}
			b.WriteString(t[i+n : i+n+end])
			i += 2*n + end
		case c == '[' || c == '!' && i+1 < len(t) && t[i+1] == '[':
			start := i + strings.IndexByte(t[i:], '[')
			end, _ := labelEnd(t[start:], true)
			if _, n, _ := (Links{}).link(t[i:], start-i, true); n > 1 && end > 0 {
				b.WriteString(stripInline(t[start+1 : start+end-1]))
				i += n
				continue
			}
			b.WriteByte(c)
			i++
		case c == '<':
			n, _ := breakLen(t[i:], true)
			if i += max(n, 1); n > 0 {
				b.WriteByte(' ')
			} else {
				b.WriteByte(c)
			}
		case c == '*' || c == '~' || c == '_':
			n := runLen(t[i:], len(t))
			inWord := i > 0 && isAlnum(t[i-1]) && i+n < len(t) && isAlnum(t[i+n])
			alone := (i == 0 || t[i-1] == ' ') && (i+n == len(t) || t[i+n] == ' ')
			if alone || c == '_' && inWord || c == '~' && n != 2 || n > 3 {
				b.WriteString(t[i : i+n])
			}
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String()
}
