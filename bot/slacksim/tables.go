package slacksim

import (
	"fmt"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	tables "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// newMarkdown returns a parser of Markdown with tables. It is not the bot's own: a table is what
// CommonMark with GitHub's tables takes for one, in lists and quotes too, and not what the bot took
// for one.
func newMarkdown() parser.Parser {
	return goldmark.New(goldmark.WithExtensions(extension.Table)).Parser()
}

// checkTables returns what is wrong with the tables in Markdown. Slack makes table blocks of them,
// which take 100 rows, with the header, and 20 columns (facts: slack.md §3.2). That Slack refuses
// a larger one, and with this error, is a guess: nobody has published the answer. The 10,000
// characters of a table block are not checked here, since nobody has seen Slack check them in
// Markdown.
func (s *Sim) checkTables(md, at string) []string {
	if !strings.Contains(md, "|") {
		return nil
	}
	var p problems
	walk := func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		table, ok := n.(*tables.Table)
		if !ok || !entering {
			return ast.WalkContinue, nil
		}
		if rows := table.ChildCount(); rows > maxTableRows {
			p.addf("must have 1 to %d rows, has %d [json-pointer:%s]", maxTableRows, rows, at)
		}
		if cells := len(table.Alignments); cells > maxTableCells {
			p.addf("no more than %d items allowed in a row of a table [json-pointer:%s]", maxTableCells, at)
		}
		return ast.WalkSkipChildren, nil
	}
	if err := ast.Walk(s.markdown.Parse(text.NewReader([]byte(md))), walk); err != nil {
		p = append(p, fmt.Sprint(err)) // walk returns none
	}
	return p
}

// countBlocks returns how many blocks Slack makes of Markdown, and how many of them are headers:
// one for a heading, a block of code, a table or a divider, and one for each run of other text
// (facts: slack.md §3.1). CommonMark decides here what these are, not expandMarkdown, which only
// shows them roughly.
func (s *Sim) countBlocks(md string) (blocks, headings int) {
	run := false
	walk := func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n.Kind() {
		case ast.KindHeading:
			headings++
			blocks++
			run = false
		case ast.KindFencedCodeBlock, ast.KindCodeBlock, ast.KindThematicBreak, ast.KindHTMLBlock, tables.KindTable:
			blocks++
			run = false
		case ast.KindParagraph, ast.KindTextBlock:
			if !run {
				blocks++
			}
			run = true
		case ast.KindDocument, ast.KindList, ast.KindListItem, ast.KindBlockquote:
			return ast.WalkContinue, nil
		}
		return ast.WalkSkipChildren, nil
	}
	_ = ast.Walk(s.markdown.Parse(text.NewReader([]byte(md))), walk) // walk returns no error
	return blocks, headings
}
