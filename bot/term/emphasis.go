package term

import (
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// marks parses ** and ~~ as people and models mean them, where CommonMark and goldmark differ:
//
//   - Chinese, Japanese and Korean have no spaces, so that CommonMark takes the marks behind a full
//     stop or a bracket for text: **注意：**正文. Beside such a letter punctuation does not count
//     (as in the proposal of commonmark-spec #650).
//   - Only two tildes strike through. A single one is an "about": ~3~5 minutes.
type marks struct {
	char byte
	make func(consumed int) ast.Node
}

func inlineMarks() []util.PrioritizedValue {
	return []util.PrioritizedValue{
		util.Prioritized(&marks{'*', func(n int) ast.Node { return ast.NewEmphasis(n) }}, 400), // before goldmark's own, which is 500
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
	d.CanOpen = d.CanOpen || isCJK(before) && !util.IsSpaceRune(after)
	d.CanClose = d.CanClose || isCJK(after) && !util.IsSpaceRune(before)
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

// isCJK reports whether r is of a script that is written without spaces beside its punctuation.
func isCJK(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi) || r == 'ー'
}
