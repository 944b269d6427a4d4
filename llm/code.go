package llm

import "strings"

// code knows where in growing Markdown code is: fences, and spans of backticks. It reads byte after
// byte. The zero code is at the beginning of a line.
//
// It follows CommonMark as far as a reader of a stream can. Backticks that are not closed in their
// paragraph open no span, which nobody knows before its end: see [spanned].
type code struct {
	run   int  // backticks or tildes at the end of the text so far
	char  byte // which of them
	first bool // the run began its line
	inner bool // something other than white space and the marks of blocks is on this line
	text  bool // something other than white space is on this line
	mid   bool // the text so far ends within a sentence: behind a letter or a comma, and spaces
	col   int  // columns of white space before this line
	lead  byte // with which it begins
	end   byte // with which the text so far ends, but for white space
	tag   bool // the line before was a tag alone
	wrote bool // the line before had text that was no indented code
	list  bool // a list has begun, and nothing outside of it has followed
	block bool // this line is indented code

	span int              // backticks that opened a span, if they are closed; 0: in none
	runs [mostRuns]uint16 // since then, with those: how long each run of backticks was
	seen int              // how many of runs

	fence   int  // signs that opened a fence; 0: in none
	sign    byte // which
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
	return c.fence > 0 && !c.closing || c.indented() && (c.block || !c.text)
}

// indented reports whether a line that goes on here with text is indented code. In a list such a
// line is a part of an item.
func (c *code) indented() bool {
	const margin = 4
	return c.col >= margin && !c.wrote && !c.list && c.fence == 0 && c.span == 0
}

// step takes the next byte.
func (c *code) step(b byte) {
	if b == '`' || b == '~' {
		if c.run > 0 && b != c.char {
			c.settle()
		}
		if c.run == 0 {
			c.char, c.first = b, !c.inner
		}
		c.run++
		return
	}
	if c.run > 0 {
		c.settle()
	}
	switch b {
	case '\n':
		if c.closing {
			c.fence = 0
		}
		if !c.text {
			c.span = 0
		}
		c.tag = c.text && c.lead == '<' && c.end == '>'
		c.wrote = c.text && !c.block
		c.info, c.closing, c.inner, c.text, c.mid, c.block, c.col, c.lead = false, false, false, false, false, false, 0, 0
		return
	case ' ', '\t', '\r':
		switch {
		case !c.text && b == '\t':
			c.col += 4
		case !c.text:
			c.col++
		case !c.inner && c.lead != 0 && strings.IndexByte("-*+.)", c.end) >= 0 && (c.end == c.lead || c.lead <= '9'):
			c.list = true
		}
		return
	}
	if c.lead == 0 {
		c.begin(b)
	}
	c.end, c.mid = b, letter(b) || b == ','
	switch b {
	case '>', '-', '*', '+', '#', '|':
		if !c.inner {
			c.span = 0 // another block begins
		}
		c.closing, c.text = false, true
	case '.', ')', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		c.closing, c.text = false, true
	default:
		c.closing, c.text, c.inner = false, true, true
	}
}

// begin notes the first byte of a line.
func (c *code) begin(b byte) {
	c.block = c.indented()
	c.list = c.list && (c.col > 1 || strings.IndexByte("-*+0123456789", b) >= 0)
	c.lead = b
}

// settle notes that the run of signs has ended.
func (c *code) settle() {
	n := c.run
	if n == 0 {
		return
	}
	c.run, c.text, c.inner, c.closing = 0, true, true, false
	switch {
	case c.fence > 0 && c.info && c.sign == '`' && c.char == '`': // it was a span: no fence has backticks behind it
		c.open(c.fence)
		c.fence, c.info = 0, false
		if c.also(n); n == c.span {
			c.span = 0
		}
	case c.fence > 0:
		c.closing = c.first && !c.info && c.char == c.sign && n >= c.fence
	case c.span > 0 && c.char == '`' && n == c.span:
		c.span = 0
	case c.first && n >= 3:
		c.fence, c.sign, c.info, c.span = n, c.char, true, 0
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
