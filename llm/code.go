package llm

import "strings"

// code knows where in growing Markdown code is: fences, and spans of backticks. It reads byte after
// byte. The zero code is at the beginning of a line.
//
// It follows CommonMark as far as a reader of a stream can. A span goes across line ends, but not
// across the end of its paragraph: a blank line, or the beginning of another block. Backticks that
// are not closed in their paragraph open no span, which nobody knows before its end: see [spanned].
type code struct {
	run   int  // backticks or tildes at the end of the text so far
	char  byte // which of them
	first bool // the run began its line
	inner bool // something other than white space and the marks of blocks is on this line
	text  bool // something other than white space is on this line
	mid   bool // the text so far ends within a sentence: behind a letter or a comma, and spaces
	col   int  // columns of white space before this line
	lead  byte // with which it begins
	above byte // with which the line before began
	end   byte // with which the text so far ends, but for white space
	tag   bool // the line before was a tag alone
	para  bool // a paragraph is open: the line before belongs to it
	list  bool // a list has begun, and nothing outside of it has followed
	block bool // this line is indented code
	title bool // this line is a heading

	sign  byte // what a word of signs at the beginning of this line begins with
	signs int  // how many of them there are so far
	only  byte // the sign of which this line has nothing else, but for marks of quotations
	all   int  // how many of those there are; negative: there is something else
	quote int  // marks of quotations before this line
	deep  int  // and before the paragraph

	span int              // backticks that opened a span, if they are closed; 0: in none
	runs [mostRuns]uint16 // since then, with those: how long each run of backticks was
	seen int              // how many of runs

	fence   int  // signs that opened a fence; 0: in none
	ticks   byte // which
	within  int  // marks of quotations before it
	info    bool // on the line that opened it
	closing bool // behind what closes it, if nothing else follows on the line
}

// mostRuns is how many runs of backticks in a span that is not closed yet are kept.
const mostRuns = 32

// open notes the backticks that may open a span.
func (c *code) open(n int) {
	c.span, c.seen = n, 0
	c.also(n)
}

func (c *code) also(n int) {
	if c.seen < mostRuns {
		c.runs[c.seen] = uint16(min(n, 1<<16-1))
		c.seen++
	}
}

// head reports whether a mark that people also write begins a message here, or is in a document
// with tags: it is the first of its line, and has neither a margin nor a tag right above it.
func (c *code) head() bool { return !c.text && c.run == 0 && c.col <= 1 && !c.tag }

// fenced reports whether the text is in a fence, or in an indented block of code.
func (c *code) fenced() bool {
	return c.fence > 0 && !c.closing && !c.left() || c.indented() && (c.block || !c.text)
}

// indented reports whether a line that goes on here with text is indented code. In a list such a
// line is a part of an item.
func (c *code) indented() bool {
	const margin = 4
	return c.col >= margin && !c.para && !c.list && c.fence == 0 && c.span == 0
}

// step takes the next byte.
func (c *code) step(b byte) {
	if b == '`' || b == '~' {
		if c.run > 0 && b != c.char {
			c.settle()
		}
		if c.run == 0 {
			c.leave()
			c.char, c.first = b, !c.inner && c.signs == 0
		}
		c.run++
		return
	}
	if c.run > 0 {
		c.settle()
	}
	switch b {
	case '\n':
		c.endLine()
		return
	case ' ', '\t', '\r':
		switch {
		case !c.text && b == '\t':
			c.col += 4
		case !c.text:
			c.col++
		case !c.inner && b != '\r':
			c.endSigns()
		}
		return
	}
	if c.lead == 0 {
		c.begin(b)
	}
	if c.end, c.mid, c.closing, c.text = b, letter(b) || b == ',', false, true; c.inner {
		return
	}
	if b == '>' && c.signs == 0 {
		if c.quote++; c.quote > c.deep {
			c.span = 0
		}
		return
	}
	c.leave()
	switch b {
	case '-', '*', '+', '#', '|', '=', '_', '.', ')', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		c.startSign(b)
	default:
		c.inner, c.all = true, -1
	}
}

// startSign notes a sign at the beginning of a line.
func (c *code) startSign(b byte) {
	if c.signs == 0 {
		c.sign = b
	}
	if c.all == 0 {
		c.only = b
	}
	c.signs++
	if c.all++; c.all <= 0 || c.only != b {
		c.all = -1
	}
}

// begin notes the first byte of a line.
func (c *code) begin(b byte) {
	c.block = c.indented()
	c.list = c.list && (c.col > 1 || strings.IndexByte("-*+0123456789", b) >= 0)
	c.lead = b
	if b == '|' && c.above == b { // a row of a table, whose cells end with it
		c.span = 0
	}
}

// left reports whether a fence in a quotation has ended with it: this line has less of its marks.
func (c *code) left() bool { return c.quote < c.within && !c.inner && !c.info }

// leave ends such a fence.
func (c *code) leave() {
	if c.left() {
		c.fence, c.within, c.closing = 0, 0, false
	}
}

// endSigns notes what a word of signs is that white space follows: the mark of an item or a
// heading, which begin a block, or text. Only the first number begins a list within a paragraph.
func (c *code) endSigns() {
	n := c.signs
	c.signs = 0
	number := c.sign >= '0' && c.sign <= '9' && (c.end == '.' || c.end == ')')
	switch {
	case n == 0, number && c.para && !c.list && !(c.sign == '1' && n == 2):
	case number, n == 1 && strings.IndexByte("-*+", c.sign) >= 0:
		c.list, c.para, c.span = true, false, 0
	case c.sign == '#' && c.end == '#' && n <= 6:
		c.title, c.span = true, 0
	default:
		c.inner = c.all < 0 || strings.IndexByte("-*_=", c.only) < 0
	}
}

// endLine notes the end of a line, and whether its paragraph goes on behind it.
func (c *code) endLine() {
	c.leave()
	fenced := c.fence > 0
	if c.closing {
		c.fence = 0
	}
	ruler := c.all > 0 && (c.only == '-' || c.only == '=') || c.all > 2 && (c.only == '*' || c.only == '_')
	title := c.title || c.sign == '#' && c.end == '#' && c.signs > 0 && c.signs <= 6
	switch text := c.inner || c.all != 0; {
	case !text || ruler || title || fenced || c.block:
		c.para, c.span, c.deep = false, 0, 0
	case !c.para || c.quote > c.deep:
		c.para, c.deep = true, c.quote
	}
	c.tag = c.text && c.lead == '<' && c.end == '>'
	c.above, c.lead, c.sign, c.only = c.lead, 0, 0, 0
	c.col, c.signs, c.all, c.quote = 0, 0, 0, 0
	c.info, c.closing, c.inner, c.text, c.mid, c.block, c.title = false, false, false, false, false, false, false
}

// settle notes that the run of signs has ended.
func (c *code) settle() {
	n := c.run
	if n == 0 {
		return
	}
	c.run, c.text, c.inner, c.all, c.closing = 0, true, true, -1, false
	switch {
	case c.fence > 0 && c.info && c.ticks == '`' && c.char == '`': // it was a span: no fence has backticks behind it
		c.open(c.fence)
		c.fence, c.info = 0, false
		if c.also(n); n == c.span {
			c.span = 0
		}
	case c.fence > 0:
		c.closing = c.first && !c.info && c.char == c.ticks && n >= c.fence
	case c.span > 0 && c.char == '`' && n == c.span:
		c.span = 0
	case c.first && n >= 3:
		c.fence, c.ticks, c.within, c.info, c.span = n, c.char, c.quote, true, 0
	case c.span > 0 && c.char == '`':
		c.also(n)
	case c.char == '`':
		c.open(n)
	}
}

// spanned reports whether what stands between c and rest is in a span of code, and whether that is
// known yet.
func spanned(c code, rest string) (in, known bool) {
	before := c.seen
	for i := range len(rest) {
		was := c
		c.step(rest[i])
		switch {
		case c.span == 0 && was.run > 0 && was.char == '`' && was.run == was.span:
			return true, true
		case c.span == 0:
			return between(was.runs[:was.seen], before), true
		case c.seen > was.seen && between(c.runs[:c.seen], before):
			return true, true
		}
	}
	if c.run > 0 {
		c.settle() // if nothing follows
	}
	return c.span == 0 || between(c.runs[:c.seen], before), false
}

// between reports whether a place in a paragraph is in a span of code: behind the first before of
// its runs of backticks. A run opens a span if another one of its length follows.
func between(runs []uint16, before int) bool {
	for i := 0; i < before; i++ {
		for j := i + 1; j < len(runs); j++ {
			if runs[j] != runs[i] {
				continue
			}
			if j >= before {
				return true
			}
			i = j
			break
		}
	}
	return false
}
