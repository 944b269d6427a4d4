package render

import (
	"html"
	"net/netip"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Links decides what becomes of the addresses that a model writes. The zero value makes links.
//
// Whatever it decides, a link whose text looks like another address shows its host, an address that
// is neither of the web nor of mail is text, and an image is a link to it. Links are written in one
// form: definitions of links are text.
type Links struct {
	Defang bool     // no address can be clicked: each is shown as code
	Hosts  []string // with Defang: these hosts and their subdomains still get links
}

// An Option changes how text is rendered.
type Option func(*Links)

// WithLinks sets what becomes of addresses.
func WithLinks(l Links) Option {
	return func(to *Links) { *to = l }
}

func linksOf(options []Option) Links {
	var l Links
	for _, o := range options {
		o(&l)
	}
	return l
}

func (l Links) strict() bool { return l.Defang }

// target is the place where an address leads.
type target struct {
	ok   bool   // it leads to a place on the web or a mailbox, or is relative
	host string // in lower case; empty: relative
}

// open reports whether an address, as it is written, may be clicked.
func (l Links) open(address string) bool {
	if !l.strict() {
		return l.allows(targetOf(address))
	}
	_, host, found := strings.Cut(address, "://")
	if !found {
		host = address
	}
	if i := strings.IndexAny(host, "/?#"); i >= 0 {
		host = host[:i]
	}
	// Readers differ in whether an entity is a part of the host or ends it, and in whether a dot or a
	// colon does that ends it before the path.
	odd := strings.Contains(host, "&") || strings.HasSuffix(host, ".") || strings.HasSuffix(host, ":")
	return len(l.Hosts) > 0 && !odd && l.allows(targetOf(address))
}

// allows reports whether an address may be clicked.
func (l Links) allows(t target) bool {
	if !t.ok || !l.strict() {
		return t.ok
	}
	if strings.ContainsFunc(t.host, func(r rune) bool { return r != '.' && !isHost(r) }) {
		return false // readers differ in where such a host ends
	}
	for _, h := range l.Hosts {
		h = strings.ToLower(strings.Trim(h, ". "))
		if h != "" && (t.host == h || strings.HasSuffix(t.host, "."+h)) {
			return true
		}
	}
	return false
}

func isWeb(scheme string) bool { return scheme == "http" || scheme == "https" }

// targetOf reads an address as a reader of Markdown does: escapes and entities count as what they
// stand for.
func targetOf(address string) target {
	a := strings.TrimSpace(settle(html.UnescapeString(unescaped(address))))
	scheme, rest, found := strings.Cut(a, ":")
	if found && strings.ContainsAny(scheme, "/?#") {
		found = false
	}
	switch scheme = strings.ToLower(scheme); {
	case found && scheme == "mailto", !found && isMail(a):
		if !found {
			rest = a
		}
		box, _, _ := strings.Cut(rest, "?")
		_, host, ok := strings.Cut(box, "@")
		return target{ok: ok && strings.Count(box, "@") == 1 && !strings.ContainsAny(box, ",%"), host: strings.ToLower(host)}
	case found && !isWeb(scheme) && !(isPort(rest) && isDomain(scheme)):
		return target{} // in javascript:1/alert(1) the 1 is no port
	case found && !isWeb(scheme):
		a = "//" + a // a host and its port
	case !found && len(a) > 0 && domainEnd(a) > 0:
		a = "//" + a
	}
	u, err := url.Parse(a)
	if err != nil || strings.ContainsAny(a, "\\") || isWeb(scheme) && u.Host == "" {
		return target{}
	}
	return target{ok: true, host: strings.ToLower(strings.Trim(u.Hostname(), "."))}
}

func isDomain(s string) bool { return s != "" && domainEnd(s) == len(s) }

func isPort(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }

// unescaped removes the backslashes of Markdown.
func unescaped(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) && s[i+1] < utf8.RuneSelf && punct(rune(s[i+1])) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// write returns a link with that label, to what stands in its parentheses; empty: there is none.
func (l Links) write(label, inner string) string {
	dest, title, ok := destination(inner)
	if !ok {
		return ""
	}
	to := targetOf(dest)
	switch {
	case !to.ok:
		return ""
	case !l.allows(to) && (strings.TrimSpace(label) == "" || label == dest):
		return inCodeMarks(dest + title)
	case !l.allows(to):
		return l.inline(label) + " (" + inCodeMarks(dest+title) + ")"
	}
	text, ok := l.inlineOf(label, true)
	if !ok {
		return ""
	}
	plain := html.UnescapeString(stripInline(text))
	if strings.TrimSpace(strings.ReplaceAll(plain, joiner, "")) == "" {
		text = escapeText(dest)
	}
	if label == dest {
		return "[" + text + "](" + address(dest) + title + ")"
	}
	if host := elsewhere(plain, to.host); host != "" {
		text += " (" + escapeText(host) + ")"
	}
	return "[" + text + "](" + address(dest) + title + ")"
}

// elsewhere returns a link's host if the link's text looks like the address of another host.
func elsewhere(text, host string) string {
	for _, dot := range wideDots {
		text = strings.ReplaceAll(text, string(dot), ".")
	}
	if !strings.ContainsAny(text, ".:") {
		return ""
	}
	text = strings.ReplaceAll(text, joiner, "")
	var w words
	for at := 0; at < len(text); {
		w.look(text, at)
		if w.to > 0 {
			if t := targetOf(text[w.from:w.to]); strings.TrimPrefix(t.host, "www.") != strings.TrimPrefix(host, "www.") {
				return host
			}
			at = w.to
			continue
		}
		if ip := ipIn(text[at:w.free]); ip != "" && ip != host {
			return host
		}
		at = max(w.free, at+1)
	}
	return ""
}

// ipIn returns the IP address that a word of a link's text looks like; empty: none.
func ipIn(word string) string {
	word = strings.TrimLeft(word, "([{<\"'*_~`")
	if end := strings.IndexFunc(word, func(r rune) bool { return r != '.' && !unicode.IsDigit(r) }); end >= 0 {
		word = word[:end]
	}
	ip, err := netip.ParseAddr(strings.TrimRight(word, "."))
	if err != nil {
		return ""
	}
	return ip.String()
}

// destination reads what stands in a link's parentheses.
func destination(s string) (dest, title string, ok bool) {
	s = strings.Trim(s, " \t")
	if inner, found := strings.CutPrefix(s, "<"); found {
		if dest, title, ok = strings.Cut(inner, ">"); !ok {
			return "", "", false
		}
		dest = strings.ReplaceAll(dest, " ", "%20")
	} else if i := strings.IndexAny(s, " \t"); i >= 0 {
		dest, title = s[:i], s[i:]
	} else {
		dest = s
	}
	if title = strings.TrimSpace(title); title == "" {
		return dest, "", dest != ""
	}
	last := title[0]
	if last == '(' {
		last = ')'
	}
	if len(title) < 2 || strings.IndexByte(`"'(`, title[0]) < 0 || strings.IndexByte(title[1:], last) != len(title)-2 || strings.HasSuffix(title, `\`+string(last)) {
		return "", "", false
	}
	return dest, " " + deadWords(strings.ReplaceAll(title, "<", proseLess)), dest != ""
}

// address makes a link's destination harmless.
func address(s string) string {
	s = strings.ReplaceAll(s, "<", "%3C")
	for i := 0; i < len(s); i++ {
		if n := entityLen(s[i:]); s[i] == '&' && n > 0 && isLess(s[i:i+n]) {
			s = s[:i] + "%3C" + s[i+n:]
		}
	}
	return s
}

// bare writes an address that stands in the text. Not whole: what follows may be a part of it.
func (l Links) bare(s string, whole bool) string {
	if whole && l.open(s) {
		return address(deadWords(s))
	}
	return inCodeMarks(s)
}

// inCodeMarks shows an address as code.
func inCodeMarks(s string) string {
	return "`" + escapeCode(strings.ReplaceAll(s, "`", "%60")) + "`"
}

// defang turns the addresses in a text with Slack's own marks into code, so that none is clicked.
func (l Links) defang(s string) string {
	if !l.strict() {
		return s
	}
	var b strings.Builder
	for i, part := range strings.Split(s, "```") {
		if i > 0 {
			b.WriteString("```")
		}
		if i%2 == 1 {
			b.WriteString(part)
			continue
		}
		for line := range strings.Lines(part) {
			l.defangLine(&b, line)
		}
	}
	return b.String()
}

func (l Links) defangLine(b *strings.Builder, s string) {
	var w words
	for at := 0; at < len(s); {
		if s[at] == '`' {
			end := strings.IndexByte(s[at+1:], '`')
			if end < 0 {
				b.WriteString("\u02cb") // an unpaired mark would pair with ours
				at++
				continue
			}
			b.WriteString(s[at : at+end+2])
			at += end + 2
			continue
		}
		if at >= w.free && !w.begins(at) {
			w.look(s, at)
		}
		if !w.begins(at) {
			n := max(w.free, at+1)
			if i := strings.IndexByte(s[at:n], '`'); i >= 0 {
				n = at + i
			}
			b.WriteString(s[at:n])
			at = n
			continue
		}
		found := s[at:w.to]
		at = w.to
		if w.whole && l.open(found) {
			b.WriteString(found)
			continue
		}
		for i := 0; found != ""; i++ {
			piece := wholeRunes(found[:min(len(found), addressPiece)])
			if found = found[len(piece):]; i > 0 {
				b.WriteByte(' ')
			} else if strings.HasSuffix(b.String(), "`") {
				b.WriteString(joiner)
			}
			b.WriteString(inCodeMarks(piece))
		}
	}
}

// escapeText makes plain text of what must not have marks.
func escapeText(s string) string {
	var b strings.Builder
	for _, r := range deadWords(s) {
		switch {
		case r == '<':
			b.WriteString(proseLess)
			continue
		case strings.ContainsRune("\\`*_[]~!|", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
