package term

import (
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/chroma/v2"
)

const (
	// mostColoured is how much code is coloured, in bytes: chroma needs about 4 ms for a kilobyte.
	mostColoured = 32 << 10
	// lookBack is how much of the code before a new line is read again with it, for what began
	// earlier, such as a comment of several lines.
	lookBack = 2 << 10
	// mostLine is how long a line of coloured code may be, in bytes, and mostWait how long the colours
	// of a block may take. Some rules of lexers need quadratic time for a line: 2,000 dashes take YAML
	// seconds. chroma itself ends a single match after 250 ms.
	mostLine = 400
	mostWait = 500 * time.Millisecond
)

// colours remembers the blocks of code that were coloured last: while an answer grows, the same
// blocks are drawn up to 25 times a second.
type colours struct {
	last, now map[string][]span
	wait      time.Duration // how long the colours of a block may take; mostWait but in tests

	// The block that grows: its whole lines, and how they look.
	lang, grown string
	spans       []span
	plain       bool // it could not be coloured
}

// next begins a drawing: what was not drawn in the last one is forgotten.
func (c *colours) next() { c.last, c.now = c.now, map[string][]span{} }

// of returns code in colours; nil: the language is not known, or it is too long.
func (c *colours) of(lang, code string) []span {
	if len(code) > mostColoured {
		return nil
	}
	key := lang + "\x00" + code
	spans, known := c.now[key]
	if !known {
		spans, known = c.last[key]
	}
	if !known {
		spans = c.coloured(lang, code)
	}
	c.now[key] = spans
	return spans
}

// growing returns code to which more will come; see of. Its last line is coloured when it has
// ended. What began more than lookBack before a line may be missed there, until the block is whole.
func (c *colours) growing(lang, code string) []span {
	whole := code[:strings.LastIndexByte(code, '\n')+1]
	if whole == "" || len(code) > mostColoured {
		return nil
	}
	if lang != c.lang || !strings.HasPrefix(whole, c.grown) {
		c.lang, c.grown, c.spans, c.plain = lang, "", nil, false
	}
	if old := len(c.grown); len(whole) > old && !c.plain {
		from := 0
		if old > lookBack {
			from = strings.LastIndexByte(whole[:old-lookBack], '\n') + 1
		}
		more := c.coloured(lang, whole[from:])
		c.plain = more == nil
		for skip := old - from; len(more) > 0; more = more[1:] {
			text := more[0].text
			if n := min(skip, len(text)); n > 0 {
				text, skip = text[n:], skip-n
			}
			c.spans = push(c.spans, text, more[0].attr)
		}
		c.grown = whole
	}
	if c.plain {
		return nil
	}
	out := slices.Clone(c.spans)
	if len(whole) < len(code) {
		out = append(out, span{code[len(whole):], 0})
	}
	return out
}

// coloured returns code in colours; nil: it cannot be, or it takes longer than wait.
func (c *colours) coloured(lang, text string) (out []span) {
	for line := range strings.Lines(text) {
		if len(line) > mostLine {
			return nil
		}
	}
	lexer := lexerOf(lang)
	if lexer == nil || lexer.Config().Name == "plaintext" {
		return nil
	}
	// chroma's iterators panic where a rule of a lexer is wrong, and its own formatters recover.
	defer func() {
		if recover() != nil {
			out = nil
		}
	}()
	tokens, err := chroma.Coalesce(lexer).Tokenise(&chroma.TokeniseOptions{State: "root"}, text)
	if err != nil {
		return nil
	}
	var b strings.Builder
	begun := time.Now()
	for token := range tokens.Stdlib() {
		if time.Since(begun) > c.wait {
			return nil
		}
		out = push(out, token.Value, lookOf(token.Type))
		b.WriteString(token.Value)
	}
	if b.String() != text { // the code itself is never changed
		return nil
	}
	return out
}

// lookOf returns how a kind of token looks: in the terminal's own colours, which fit its
// background.
func lookOf(t chroma.TokenType) attr {
	switch {
	case t.InCategory(chroma.Comment):
		return dim | italic
	case t == chroma.KeywordType:
		return kind
	case t.InCategory(chroma.Keyword), t == chroma.OperatorWord, t == chroma.NameTag:
		return keyword
	case t.InSubCategory(chroma.LiteralString):
		return quote
	case t.InSubCategory(chroma.LiteralNumber), t == chroma.KeywordConstant:
		return number
	case t == chroma.NameFunction, t == chroma.NameClass, t == chroma.NameDecorator, t == chroma.NameAttribute:
		return kind
	case t == chroma.GenericDeleted:
		return warn
	case t == chroma.GenericInserted:
		return quote
	}
	return 0
}
