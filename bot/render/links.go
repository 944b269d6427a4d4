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
	return (!l.strict() || len(l.Hosts) > 0) && l.allows(targetOf(address))
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
	for _, dot := range [...]string{"\u3002", "\uff0e", "\uff61", "\u2024", "\ufe52"} {
		text = strings.ReplaceAll(text, dot, ".")
	}
	if !strings.ContainsAny(text, ".:") {
		return ""
	}
	text = strings.ReplaceAll(text, joiner, "")
	for text != "" {
		var w words
		w.look(text, 0)
		if w.to > 0 {
			if t := targetOf(text[w.from:w.to]); strings.TrimPrefix(t.host, "www.") != strings.TrimPrefix(host, "www.") {
				return host
			}
			text = text[w.to:]
			continue
		}
		if ip := ipIn(text[:w.free]); ip != "" && ip != host {
			return host
		}
		text = text[max(w.free, 1):]
		for text != "" && !utf8.RuneStart(text[0]) {
			text = text[1:]
		}
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

// bare writes an address that stands in the text.
func (l Links) bare(s string) string {
	if l.open(s) {
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
	for s != "" {
		if s[0] == '`' {
			end := strings.IndexByte(s[1:], '`')
			if end < 0 {
				b.WriteString("\u02cb") // an unpaired mark would pair with ours
				s = s[1:]
				continue
			}
			b.WriteString(s[:end+2])
			s = s[end+2:]
			continue
		}
		var w words
		w.look(s, 0)
		n := w.free
		if w.to > 0 {
			n = w.from
		}
		if i := strings.IndexByte(s, '`'); i >= 0 && i < max(n, 1) {
			n, w.to = i, 0
		}
		if w.to == 0 {
			n = max(n, 1)
		}
		b.WriteString(s[:n])
		s = s[n:]
		if w.to == 0 {
			continue
		}
		whole := s[:w.to-w.from]
		s = s[len(whole):]
		if l.open(whole) {
			b.WriteString(whole)
			continue
		}
		for i := 0; whole != ""; i++ {
			piece := wholeRunes(whole[:min(len(whole), addressPiece)])
			if whole = whole[len(piece):]; i > 0 {
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

// inAddress reports whether an entity stands for a character that makes an address of a word.
func inAddress(e string) bool {
	switch html.UnescapeString(e) {
	case ".", ":", "/", "@", "`", "\\":
		return true
	}
	return false
}

// words finds the addresses in a text, word by word. Its offsets are those of the text.
type words struct {
	// No address begins between the place of the last look and this offset; one may begin at it.
	free     int
	from, to int // the address; to is 0 if there is none
}

// look finds the next address in the word that begins s, which stands at an offset of the text.
func (w *words) look(s string, at int) {
	n := wordEnd(s)
	from, to := findAddress(s[:n])
	*w = words{free: at + n}
	if to > 0 {
		*w = words{free: at + from, from: at + from, to: at + to}
	}
}

// wholeWord bounds the bytes of a word searched at once. A longer address is cut, to lead nowhere.
const wholeWord = 400

// wordEnd returns where the first word of s, or a part of it, ends.
func wordEnd(s string) int {
	n := 0
	for n < len(s) && n < wholeWord && s[n] != ' ' && s[n] != '\t' && s[n] != '\n' {
		n++
	}
	for n > 0 && n < len(s) && !utf8.RuneStart(s[n]) {
		n--
	}
	return n
}

// findAddress finds the first address in a word: one with a scheme, a mailbox, or a host name.
func findAddress(s string) (from, to int) {
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
			if to = addressEnd(s, from, i+3); to > i+3 {
				return from, to
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
				return from, i + 1 + n
			}
		case '.':
			from = back(s, i, isHost)
			if from == i {
				continue
			}
			n := domainEnd(s[from:])
			switch rest := s[from+max(n, 0):]; {
			case n == 0:
				i = from + hostLen(s[from:]) - 1
			case strings.HasPrefix(rest, "://"), strings.HasPrefix(rest, "@"):
				i = from + n - 1
			case rest != "" && (strings.IndexByte("/?#", rest[0]) >= 0 || rest[0] == ':' && len(rest) > 1 && isPort(rest[1:])):
				return from, max(addressEnd(s, from, from+n), from+n)
			default:
				return from, from + n
			}
		}
	}
	return 0, 0
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

// hostLen returns how many bytes at the beginning of s may be a host name, at least 1.
func hostLen(s string) int {
	for i, r := range s {
		if r != '.' && !isHost(r) {
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
	if utf8.RuneCountInString(last) < 2 || !strings.HasPrefix(strings.ToLower(last), "xn--") && strings.ContainsFunc(last, func(r rune) bool { return !unicode.IsLetter(r) }) {
		return 0
	}
	return n
}

// hostEnd returns the length of the dotted labels that begin s, 0 if there are fewer than two.
func hostEnd(s string) int {
	if s == "" {
		return 0
	}
	name := strings.TrimRight(s[:hostLen(s)], ".-")
	if !strings.Contains(name, ".") || name[0] == '.' || strings.Contains(name, "..") || !isHostByte(name[0]) {
		return 0
	}
	return len(name)
}

func isHostByte(c byte) bool { return isAlnum(c) || c == '-' || c >= utf8.RuneSelf }

// isMail reports whether s is one mailbox and nothing else.
func isMail(s string) bool {
	from, to := findAddress(s)
	i := strings.IndexByte(s, '@')
	return i > 0 && from == 0 && to == len(s) && !strings.ContainsAny(s, ":/")
}

// addressEnd returns where the address ends that begins at from, searching on from another offset:
// before what no address has, such as white space, and before the punctuation at its end.
func addressEnd(s string, from, at int) int {
	for at < len(s) && s[at] > ' ' && strings.IndexByte("<>`\"|\\", s[at]) < 0 {
		at++
	}
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
			return at
		}
	}
	return at
}
