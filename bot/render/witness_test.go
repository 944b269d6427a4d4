package render

import (
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"

	"llmbot/bot/slacksim"
)

// commonMark reads Markdown as others do.
func commonMark() parser.Parser {
	return goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList, extension.Linkify)).Parser()
}

// reading is what a page is for a reader of CommonMark.
type reading struct {
	chars, blocks int
	columns, rows int      // of the largest table
	links         []string // where something can be clicked
	images        int
}

func read(p parser.Parser, page string) reading {
	r := reading{chars: cost(page)}
	run := false
	src := []byte(page)
	_ = ast.Walk(p.Parse(text.NewReader(src)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			r.chars += headingChars
			r.blocks++
			run = false
		case *ast.FencedCodeBlock, *ast.CodeBlock, *ast.ThematicBreak, *ast.HTMLBlock:
			r.blocks++
			run = false
		case *extast.Table:
			r.blocks++
			run = false
			r.columns, r.rows = max(r.columns, len(n.Alignments)), max(r.rows, n.ChildCount())
		case *ast.Paragraph, *ast.TextBlock:
			if !run {
				r.blocks++
			}
			run = true
		case *ast.Link:
			r.links = append(r.links, string(n.Destination))
		case *ast.AutoLink:
			r.links = append(r.links, string(n.URL(src)))
		case *ast.Image:
			r.images++
			r.links = append(r.links, string(n.Destination))
		}
		return ast.WalkContinue, nil
	})
	return r
}

// checkWitnesses lets others judge a page: the emulator says what is live, CommonMark what it is.
func checkWitnesses(t *probe, md parser.Parser, p Page, links Links) {
	if tokens, pings := slacksim.Resolve(p.Markdown); len(tokens)+len(pings) > 0 {
		t.Errorf("live: %q, pings %q in %q", tokens, pings, p.Markdown)
	}
	r := read(md, p.Markdown)
	if r.columns > 20 || r.rows > 100 {
		t.Errorf("a table of %d columns and %d rows: %q", r.columns, r.rows, p.Markdown)
	}
	if r.images > 0 {
		t.Errorf("%d images: %q", r.images, p.Markdown)
	}
	for _, to := range r.links {
		if !links.allows(targetOf(to)) {
			t.Errorf("%q can be clicked: %q", to, p.Markdown)
		}
	}
	checkClickable(t, md, p.Markdown, links)
	// Pages stay at 11,500 characters and 40 blocks, where Slack refuses 13,200 and 50: that much is left for where a nested item or a
	// quote makes one block more of a line than we count, or a heading of a line.
	if r.chars > p.Chars+p.Chars/8+headingChars || r.blocks > p.Blocks+p.Blocks/8+2 {
		t.Errorf("%d characters (%d said), %d blocks (%d said) by CommonMark: %q", r.chars, p.Chars, r.blocks, p.Blocks, p.Markdown)
	}
}
