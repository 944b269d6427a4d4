package term

import (
	"fmt"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// Markdown turns Markdown into lines for a screen. It keeps a parser, and one goroutine at a time
// may use it.
type Markdown struct {
	parser  parser.Parser
	colours colours
}

// NewMarkdown returns a renderer of CommonMark with tables, strikethrough and task lists.
func NewMarkdown() *Markdown {
	md := goldmark.New(goldmark.WithExtensions(extension.Table, extension.TaskList), goldmark.WithParserOptions(parser.WithInlineParsers(inlineMarks()...)))
	return &Markdown{parser: md.Parser(), colours: colours{wait: mostWait}}
}

// Lines renders src: one string for each line of the screen, none wider than look allows, each with
// its own escape sequences.
func (m *Markdown) Lines(src string, look Look) []string { return m.lines(src, look, false) }

// lines is Lines; if growing, more text will come.
func (m *Markdown) lines(src string, look Look, growing bool) []string {
	src = Clean(src)
	if strings.TrimSpace(src) == "" {
		return nil
	}
	if look.Plain {
		return plainLines(src, look)
	}
	r := renderer{src: []byte(src), look: look, parse: m.parse, colours: &m.colours, growing: growing}
	m.colours.next()
	r.children(m.parse(src), min(look.columns(), mostWidth), nil, true)
	return r.out
}

func plainLines(src string, look Look) []string {
	var out []string
	for l := range strings.SplitSeq(strings.Trim(src, "\n"), "\n") {
		for _, part := range chop(l, 0, look.columns()) {
			out = append(out, look.line(part))
		}
	}
	return out
}

func (m *Markdown) parse(src string) ast.Node {
	return m.parser.Parse(text.NewReader([]byte(src)))
}

// Settled returns how many bytes at the beginning of src are blocks that no further text can
// change. They end with a line.
func (m *Markdown) Settled(src string) int {
	// A line that is still being written may become anything.
	whole := src[:strings.LastIndexByte(src, '\n')+1]
	if whole == "" {
		return 0
	}
	last := m.parse(whole).LastChild()
	if last == nil || last.PreviousSibling() == nil {
		return 0
	}
	pos := last.Pos()
	if pos <= 0 || pos > len(whole) {
		return 0
	}
	return strings.LastIndexByte(whole[:pos], '\n') + 1
}

// renderer collects the lines of one text.
type renderer struct {
	src   []byte
	look  Look
	out   []string
	parse func(string) ast.Node

	colours *colours
	growing bool // more text will come behind the last block
}

// prefix is what stands before the lines of a block: the first time first, then rest.
type prefix struct{ first, rest []span }

// take returns the prefix of the next line.
func (p *prefix) take() []span {
	if p == nil {
		return nil
	}
	s := p.first
	p.first = p.rest
	return s
}

// emit writes one line after all prefixes.
func (r *renderer) emit(pre []*prefix, spans []span) {
	var all []span
	for _, p := range pre {
		all = append(all, p.take()...)
	}
	all = append(all, spans...)
	if spansWidth(all) <= r.look.columns() {
		r.out = append(r.out, strings.TrimRight(r.look.line(all), " "))
		return
	}
	// It is nested so deeply that there is no room. The painter must know each line.
	w := wrapper{most: r.look.columns()}
	for _, s := range all {
		w.letters(s)
	}
	for _, l := range append(w.lines, w.line) {
		r.out = append(r.out, strings.TrimRight(r.look.line(l), " "))
	}
}

// children renders the blocks of n; loose ones have an empty line between them.
func (r *renderer) children(n ast.Node, most int, pre []*prefix, loose bool) {
	first := true
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if c.Kind() == ast.KindLinkReferenceDefinition {
			continue
		}
		if !first && (loose || isText(c) && isText(c.PreviousSibling())) {
			r.emit(pre, nil)
		}
		first = false
		r.block(c, most, pre)
	}
}

func isText(n ast.Node) bool { return n.Kind() == ast.KindParagraph || n.Kind() == ast.KindTextBlock }

func (r *renderer) block(n ast.Node, most int, pre []*prefix) {
	most = max(most, leastWidth)
	switch n := n.(type) {
	case *ast.Heading:
		a := bold | title
		if n.Level == 1 {
			a |= underline
		}
		r.text(r.inline(n, a), most, pre)
	case *ast.Paragraph, *ast.TextBlock:
		r.text(r.inline(n, 0), most, pre)
	case *ast.List:
		r.list(n, most, pre)
	case *ast.Blockquote:
		bar := []span{{"│ ", dim}}
		r.children(n, most-2, nest(pre, &prefix{bar, bar}), true)
	case *ast.FencedCodeBlock:
		if lang := string(n.Language(r.src)); lang != "" {
			r.emit(pre, []span{{"  " + lang, dim}})
		}
		r.code(n, most, pre, string(n.Language(r.src)))
	case *ast.CodeBlock:
		r.code(n, most, pre, "")
	case *ast.ThematicBreak:
		r.emit(pre, []span{{strings.Repeat("─", min(most, 40)), dim}})
	case *extast.Table:
		r.table(n, most, pre)
	case *ast.HTMLBlock:
		r.raw(n, most, pre)
	default:
		if n.HasChildren() && n.FirstChild().Type() == ast.TypeBlock {
			r.children(n, most, pre, true)
			return
		}
		r.text(r.inline(n, 0), most, pre)
	}
}

func nest(pre []*prefix, p *prefix) []*prefix { return append(slices.Clip(pre), p) }

func (r *renderer) text(spans []span, most int, pre []*prefix) {
	for _, l := range wrap(spans, most) {
		r.emit(pre, l)
	}
}

// code shows a code block two columns in, so that it can be told from text also without colours. It
// may use the whole width of the screen.
func (r *renderer) code(n ast.Node, most int, pre []*prefix, lang string) {
	most = r.wide(most)
	lines := n.Lines()
	var b strings.Builder
	for i := range lines.Len() {
		at := lines.At(i)
		b.Write(at.Value(r.src))
	}
	text := b.String()
	var spans []span
	if r.look.Colour && lang != "" {
		if r.growing && isLast(n) {
			spans = r.colours.growing(lang, text)
		} else {
			spans = r.colours.of(lang, text)
		}
	}
	if spans == nil {
		spans = []span{{text, code}}
	}
	for _, l := range chopLines(spans, most-2) {
		r.emit(pre, append([]span{{"  ", 0}}, l...))
	}
}

// isLast reports whether nothing stands behind n.
func isLast(n ast.Node) bool {
	for ; n != nil; n = n.Parent() {
		if n.NextSibling() != nil {
			return false
		}
	}
	return true
}

// wide returns the width for what is not running text, and loses its meaning when its lines are
// broken: mostWidth is no bound for it.
func (r *renderer) wide(most int) int {
	return most + max(r.look.columns()-mostWidth, 0)
}

// raw shows HTML as it is written: a terminal can do nothing better. A line break alone on its line
// begins a block of HTML, too, but what stands below it is Markdown.
func (r *renderer) raw(n *ast.HTMLBlock, most int, pre []*prefix) {
	lines := n.Lines()
	if text := string(lines.Value(r.src)); breaks(firstLine(text)) {
		text = unbroken(text)
		inner := *r
		inner.src, inner.growing = []byte(text), r.growing && isLast(n)
		inner.children(r.parse(text), most, pre, true)
		r.out = inner.out
		return
	}
	for i := range lines.Len() {
		at := lines.At(i)
		r.text([]span{{strings.TrimRight(string(at.Value(r.src)), "\n"), 0}}, most, pre)
	}
	if n.HasClosure() {
		r.text([]span{{strings.TrimRight(string(n.ClosureLine.Value(r.src)), "\n"), 0}}, most, pre)
	}
}

func firstLine(text string) string {
	first, _, _ := strings.Cut(text, "\n")
	return first
}

// unbroken returns Markdown in which no line outside of fences is but a line break: such a line is
// empty.
func unbroken(text string) string {
	var b strings.Builder
	fenced := false
	for line := range strings.Lines(text) {
		if mark := strings.TrimLeft(line, " "); strings.HasPrefix(mark, "```") || strings.HasPrefix(mark, "~~~") {
			fenced = !fenced
		}
		if !fenced && breaks(line) {
			line = "\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

func (r *renderer) list(n *ast.List, most int, pre []*prefix) {
	number := n.Start
	mark := "• "
	if depth(n)%2 == 1 {
		mark = "◦ "
	}
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		if n.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		w := width(mark)
		p := &prefix{[]span{{mark, 0}}, []span{{strings.Repeat(" ", w), 0}}}
		if !item.HasChildren() {
			r.emit(nest(pre, p), nil)
			continue
		}
		r.children(item, most-w, nest(pre, p), false)
	}
}

// depth returns how many lists are around n.
func depth(n ast.Node) int {
	d := 0
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == ast.KindList {
			d++
		}
	}
	return d
}
