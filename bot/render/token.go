package render

import "strings"

// What Slack resolves in a markdown block, and so what must be dead in code: a mention, a channel,
// a command, a link, each from its < to its >, perhaps with a label (facts/slack.md §3.5). The
// letters and the case are Slack's. Everything else stays byte for byte: type parameters,
// redirections, HTML, and what only begins like a token.
//
// A labelled link may need no more than some scheme (facts/reports.md D24, unverified), so one with
// :// is dead too; no code has such a thing. A domain without a scheme would do as well, by the
// same report. That stays: Promise<React.Node|null> is honest code, and such a link pings nobody.

// tokenMax is how many bytes after a < are searched for the end of a token. A longer one is dead:
// it may be live.
const tokenMax = 1_000

// liveInCode reports whether the < at the beginning of s begins a token of Slack. Not ok: it needs
// more text, and may be live. If it is not live because another < in its address or label breaks
// it, broken is the offset of that one: this holds only while that one stays a <, as it does in
// code.
func liveInCode(s string, full bool) (live bool, broken int, ok bool) {
	window := s[:min(len(s), tokenMax)]
	live, broken, ok = token(window)
	switch {
	case ok:
		return live, broken, true
	case len(s) > tokenMax:
		return true, 0, true
	}
	return !full, 0, full
}

// token is liveInCode for a text that is not known to end. Not ok: it ends in what may be a token.
func token(s string) (live bool, broken int, ok bool) {
	rest := s[1:]
	if rest == "" {
		return false, 0, false
	}
	var n int
	switch c := rest[0]; {
	case c == '@':
		n, ok = idLen(rest[1:], "UW")
	case c == '#':
		n, ok = idLen(rest[1:], "CGD")
	case c == '!':
		n, ok = commandLen(rest[1:])
	case isAlnum(c):
		return link(s)
	default:
		return false, 0, true
	}
	if !ok || n == 0 {
		return false, 0, ok
	}
	return tail(s, 2+n)
}

// idLen returns the length of the id that begins s: one of the letters, if there are any, and at
// least one more character. 0: there is none. Not ok: it may go on.
func idLen(s, letters string) (n int, ok bool) {
	if letters != "" {
		if s == "" {
			return 0, false
		}
		if strings.IndexByte(letters, s[0]) < 0 {
			return 0, true
		}
		n = 1
	}
	first := n
	for n < len(s) && (s[n] >= 'A' && s[n] <= 'Z' || s[n] >= '0' && s[n] <= '9') {
		n++
	}
	switch {
	case n == len(s):
		return 0, false
	case n == first:
		return 0, true
	}
	return n, true
}

// commandLen returns the length of the command, after its !, that begins s. 0: there is none. Not
// ok: it may go on.
func commandLen(s string) (n int, ok bool) {
	for _, name := range [...]string{"here", "channel", "everyone", "subteam^", "date^"} {
		if len(s) < len(name) && strings.HasPrefix(name, s) {
			return 0, false
		}
		if !strings.HasPrefix(s, name) {
			continue
		}
		switch n = len(name); name {
		case "subteam^":
			id, ok := idLen(s[n:], "")
			if id == 0 {
				return 0, ok
			}
			return n + id, true
		case "date^":
			end := strings.IndexAny(s[n:], ">|")
			if end < 0 {
				return 0, false
			}
			return n + end, true
		default:
			return n, true
		}
	}
	return 0, true
}

// link is token for an address.
func link(s string) (live bool, broken int, ok bool) {
	n := 1
	for n < len(s) && (isAlnum(s[n]) || s[n] == '+' || s[n] == '-' || s[n] == '.') {
		n++
	}
	if n == len(s) {
		return false, 0, false
	}
	if s[n] != ':' {
		return false, 0, true
	}
	labelled := false
	switch scheme := s[1:n]; scheme {
	case "mailto", "tel":
		n++
	default:
		labelled = !isWeb(scheme)
		if after := s[n+1:]; !strings.HasPrefix(after, "//") {
			return false, 0, !strings.HasPrefix("//", after)
		}
		n += len("://")
	}
	end := strings.IndexAny(s[n:], "<>| \t\n\f\r")
	switch {
	case end < 0:
		return false, 0, false
	case end == 0:
		return false, 0, true
	}
	n += end
	if labelled && s[n] == '>' {
		return false, 0, true
	}
	return tail(s, n)
}

// tail reports whether a token ends at an offset of s: with a >, or with a label and a >.
func tail(s string, n int) (live bool, broken int, ok bool) {
	if n < len(s) && s[n] == '|' {
		end := strings.IndexAny(s[n:], "<>")
		if end < 0 {
			return false, 0, false
		}
		n += end
	}
	switch {
	case n >= len(s):
		return false, 0, false
	case s[n] == '<':
		return false, n, true
	}
	return s[n] == '>', 0, true
}

// escapeCode makes code dead that is shown as code, whatever follows it.
func escapeCode(s string) string {
	out, _ := escapeSpan(s, len(s), false)
	return out
}

// escapeSpan is escapeCode for the first n bytes of s, because what follows them may make a token
// of a < in them. Not ok: it needs more text, and makes dead what may be live.
func escapeSpan(s string, n int, full bool) (out string, ok bool) {
	if strings.IndexByte(s[:n], '<') < 0 {
		return s[:n], true
	}
	var b strings.Builder
	ok = true
	for i := range n {
		b.WriteByte(s[i])
		if s[i] != '<' {
			continue
		}
		live, broken, known := liveInCode(s[i:], full)
		ok = ok && known
		if live || i+broken >= n {
			b.WriteString(joiner)
		}
	}
	return b.String(), ok
}

// lessInFence is liveInCode for the < that begins s, which stands in a fence.
func (d *Doc) lessInFence(s string) (live, ok bool) {
	full, quoted := d.eof, d.fence.quote > 0
	if quoted && full && len(s) < tokenMax {
		s += "\n>" // so the page ends
	}
	live, broken, ok := liveInCode(s, full)
	if over := s[:broken]; !live && broken > 0 {
		// The page may end in the label, with a quote mark before the end of its fence. And after the
		// fence, the < that breaks the token would become another thing.
		live = quoted && strings.IndexByte(over, '|') >= 0 ||
			strings.IndexByte(over, '\n') >= 0 && strings.Contains(over, strings.Repeat(string(d.fence.char), 3))
	}
	return live, ok
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
		if live, _, _ := token(page[i-1:]); live {
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
