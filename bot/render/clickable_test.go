package render

import (
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// This witness makes links as eager readers do. They look for addresses in the text that a person sees: after escapes and entities, with
// fullwidth letters and dots of other scripts as what browsers take them for. It shares no code with the package.

// Domains that the tests use. A reader that links words without a scheme has such a list.
const topDomains = `com|net|org|test|zip|io|ws`

var (
	reSeen = regexp.MustCompile(`(?i)[a-z][a-z0-9+.-]*://[^\s<>"` + "`" + `|\\\x{2060}][^\s<>"` + "`" + `|\\]*|\bwww\.[\p{L}\p{N}][^\s<>"` + "`" + `|\\]*|` +
		`(?:[\p{L}\p{N}\p{M}.!#$%&'*+/=?^_{}~-]+@)?[\p{L}\p{N}\p{So}][\p{L}\p{N}\p{M}\p{So}\x{200c}\x{200d}-]*(?:\.[\p{L}\p{N}\p{M}\p{So}\x{200c}\x{200d}-]+)*\.(?:` + topDomains + `)(?:[:/?#][^\s<>"` + "`" + `|\\]*)?`)
	reInside = regexp.MustCompile(`[A-Za-z0-9._@-]$`)
	reTop    = regexp.MustCompile(`^(?:[\p{L}\p{N}\p{M}_@-]|\.[\p{L}\p{N}])`)
)

// shownTexts returns the texts of a page that a reader sees each as one: what stands beside each other, is no code and no link, and has the same
// emphasis.
func shownTexts(md parser.Parser, page string) []string {
	src := []byte(page)
	var out []string
	var run strings.Builder
	end := func() {
		if run.Len() > 0 {
			out = append(out, run.String())
		}
		run.Reset()
	}
	_ = ast.Walk(md.Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				s := util.UnescapePunctuations(n.Segment.Value(src))
				run.Write(s)
				if n.SoftLineBreak() || n.HardLineBreak() {
					end()
				}
			}
			return ast.WalkContinue, nil
		case *ast.String:
			if entering {
				run.Write(n.Value)
			}
			return ast.WalkContinue, nil
		case *ast.CodeSpan, *ast.Link, *ast.AutoLink, *ast.Image, *ast.FencedCodeBlock, *ast.CodeBlock:
			end()
			return ast.WalkSkipChildren, nil
		}
		end()
		return ast.WalkContinue, nil
	})
	end()
	return out
}

// plainly returns a text as browsers read a host: fullwidth characters as those that they stand for, and the dots of other scripts as dots,
// but not where a sentence of such a script ends.
func plainly(s string) string {
	rs := []rune(strings.ReplaceAll(s, "\ufffd", " "))
	for i, r := range rs {
		if r >= 0xff01 && r <= 0xff5e {
			rs[i] = r - 0xff01 + '!'
		}
	}
	latin := func(i int) bool { return i >= 0 && i < len(rs) && rs[i] < 0x80 && isAlnum(byte(rs[i])) }
	for i, r := range rs {
		if strings.ContainsRune("\u3002\uff0e\uff61\u2024\ufe52", r) && latin(i-1) && latin(i+1) {
			rs[i] = '.'
		}
	}
	return string(rs)
}

// eagerLinks returns what an eager reader links in the texts of a page.
func eagerLinks(md parser.Parser, page string) []string {
	var out []string
	for _, s := range shownTexts(md, page) {
		for _, s := range []string{strings.ReplaceAll(s, "\ufffd", " "), plainly(html.UnescapeString(s))} {
			if strings.ContainsAny(s, "&") && strings.Contains(s, ";") {
				continue // somebody has to read its entities
			}
			for _, at := range reSeen.FindAllStringIndex(s, -1) {
				if reTop.MatchString(s[at[1]:]) && !strings.Contains(s[at[0]:at[1]], "://") {
					continue // the name goes on: .community
				}
				if before := s[:at[0]]; strings.HasPrefix(strings.ToLower(s[at[0]:]), "www.") && before != "" && reInside.MatchString(before) {
					continue
				}
				if found := s[at[0]:at[1]]; !slices.Contains(out, found) {
					out = append(out, found)
				}
			}
		}
	}
	return out
}

// leadsTo returns the host of what was found.
func leadsTo(found string) string {
	if scheme, rest, ok := strings.Cut(found, "://"); ok && rest != "" && !strings.ContainsAny(scheme, "/?#") {
		found = rest
	}
	if i := strings.IndexAny(found, "/?#"); i >= 0 && !strings.Contains(found[:i], "@") {
		found = found[:i]
	}
	found = found[strings.LastIndexByte(found, '@')+1:]
	if i := strings.IndexAny(found, "/?#:[]()"); i >= 0 {
		found = found[:i]
	}
	return strings.ToLower(strings.TrimRight(found, ".,;:!?*_~')]\u2060"))
}

// checkClickable says that no text of a page is an address that links does not let through.
func checkClickable(t *probe, md parser.Parser, page string, links Links) {
	if !links.Defang {
		return
	}
	for _, found := range eagerLinks(md, page) {
		host := leadsTo(found)
		if host != "" && !slices.ContainsFunc(links.Hosts, func(h string) bool { return host == h || strings.HasSuffix(host, "."+h) }) {
			t.Errorf("%q, to %q, can be clicked: %q", found, host, page)
		}
	}
}
