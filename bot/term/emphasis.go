package term

import (
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"llmbot/bot/render"
)

// marks parses **, __ and ~~ as people and models mean them, where CommonMark and goldmark differ:
//
//   - Chinese, Japanese and Korean have no spaces, so that CommonMark takes the marks behind a full
//     stop or a bracket for text: **注意：**正文. Beside such a letter punctuation does not count
//     (as in the proposal of commonmark-spec #650).
//   - Between underscores may be a name: __init__.
//   - Only two tildes strike through. A single one is an "about": ~3~5 minutes.
type marks struct {
	char byte
	make func(consumed int) ast.Node
}

func inlineMarks() []util.PrioritizedValue {
	return []util.PrioritizedValue{
		util.Prioritized(&marks{'*', func(n int) ast.Node { return ast.NewEmphasis(n) }}, 400), // before goldmark's own, which is 500
		util.Prioritized(&marks{'_', func(n int) ast.Node { return ast.NewEmphasis(n) }}, 400),
		util.Prioritized(&marks{'~', func(int) ast.Node { return extast.NewStrikethrough() }}, 400),
	}
}

// Trigger implements parser.InlineParser.
func (m *marks) Trigger() []byte { return []byte{m.char} }

// Parse implements parser.InlineParser.
func (m *marks) Parse(_ ast.Node, block text.Reader, pc parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	line, segment := block.PeekLine()
	d := parser.ScanDelimiter(line, before, 1, m)
	if d == nil || m.char == '~' && d.OriginalLength != 2 {
		return nil
	}
	after := ' '
	if d.OriginalLength < len(line) {
		after, _ = utf8.DecodeRune(line[d.OriginalLength:])
	}
	if m.char == '_' && d.OriginalLength == 2 && render.Name(before, string(line[2:])) {
		block.Advance(d.OriginalLength)
		return ast.NewTextSegment(segment.WithStop(segment.Start + d.OriginalLength))
	}
	d.CanOpen, d.CanClose = render.Emphasis(m.char, d.OriginalLength, before, after)
	d.Segment = segment.WithStop(segment.Start + d.OriginalLength)
	block.Advance(d.OriginalLength)
	pc.PushDelimiter(d)
	return d
}

// IsDelimiter implements parser.DelimiterProcessor.
func (m *marks) IsDelimiter(b byte) bool { return b == m.char }

// CanOpenCloser implements parser.DelimiterProcessor.
func (m *marks) CanOpenCloser(opener, closer *parser.Delimiter) bool {
	return opener.Char == closer.Char
}

// OnMatch implements parser.DelimiterProcessor.
func (m *marks) OnMatch(consumed int) ast.Node { return m.make(consumed) }
