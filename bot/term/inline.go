package term

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// inline returns the text in a block. It keeps a line end of the source: models write poems and
// addresses like that.
func (r *renderer) inline(n ast.Node, a attr) []span {
	var out []span
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		out = append(out, r.node(c, a)...)
	}
	return out
}

func (r *renderer) node(n ast.Node, a attr) []span {
	switch n := n.(type) {
	case *ast.Text:
		s := string(n.Value(r.src))
		if !n.IsRaw() {
			s = unescape(s)
		}
		if n.SoftLineBreak() || n.HardLineBreak() {
			s += "\n"
		}
		return []span{{s, a}}
	case *ast.String:
		return []span{{string(n.Value), a}}
	case *ast.CodeSpan:
		return []span{{strings.ReplaceAll(r.rawText(n), "\n", " "), a | code | bold}}
	case *ast.Emphasis:
		if n.Level >= 2 {
			return r.inline(n, a|bold)
		}
		return r.inline(n, a|italic)
	case *extast.Strikethrough:
		return r.inline(n, a|strike)
	case *extast.TaskCheckBox:
		if n.IsChecked {
			return []span{{"[x] ", a}}
		}
		return []span{{"[ ] ", a}}
	case *ast.Link:
		return r.link(r.inline(n, a|underline|address), string(n.Destination))
	case *ast.Image:
		return r.link(append([]span{{"image: ", a | dim}}, r.inline(n, a)...), string(n.Destination))
	case *ast.AutoLink:
		return []span{{string(n.URL(r.src)), a | underline | address}}
	case *ast.RawHTML:
		return r.html(n, a)
	default:
		return r.inline(n, a)
	}
}

// link shows the address behind the words, unless they are the same: people must see where a link
// leads.
func (r *renderer) link(words []span, dest string) []span {
	text := spansText(words)
	dest = unescape(dest)
	if dest == "" || text == dest || "mailto:"+text == dest {
		return words
	}
	if text == "" {
		return []span{{dest, underline | address}}
	}
	return append(words, span{" (" + dest + ")", dim})
}

// html shows a tag as it is written, except the line break that models put into tables and prose.
func (r *renderer) html(n *ast.RawHTML, a attr) []span {
	var b strings.Builder
	for i := range n.Segments.Len() {
		at := n.Segments.At(i)
		b.Write(at.Value(r.src))
	}
	if breaks(b.String()) {
		return []span{{"\n", a}}
	}
	return []span{{b.String(), a}}
}

// breaks reports whether a line consists of tags of line breaks: <br>, <br />, and </br>, which models
// write, too.
func breaks(line string) bool {
	line = strings.ToLower(strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' || r == '\t' || r == '\n' {
			return -1
		}
		return r
	}, line))
	return line != "" && line == strings.Repeat("<br>", len(line)/len("<br>"))
}

// rawText returns the source text of n's children.
func (r *renderer) rawText(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Value(r.src))
		case *ast.String:
			b.Write(c.Value)
		}
	}
	return b.String()
}

// unescape resolves backslashes and entities. What they stand for is cleaned again where lines are
// made.
func unescape(s string) string {
	if !strings.ContainsAny(s, `\&`) {
		return s
	}
	b := util.UnescapePunctuations([]byte(s))
	return string(util.ResolveEntityNames(util.ResolveNumericReferences(b)))
}
