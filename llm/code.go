package llm

// code knows where in growing Markdown code is: fences, and spans of backticks. It reads byte after
// byte. The zero code is at the beginning of a line.
//
// It follows CommonMark as far as a reader of a stream can. A span that is not closed in its
// paragraph is none, which nobody knows before its end: see [spanCloses].
type code struct {
	run   int  // backticks or tildes at the end of the text so far
	char  byte // which of them
	first bool // the run began its line
	inner bool // something other than white space and the marks of blocks is on this line
	text  bool // something other than white space is on this line

	span int // backticks that opened a span; 0: in none

	fence   int  // signs that opened a fence; 0: in none
	sign    byte // which
	info    bool // on the line that opened it
	closing bool // behind what closes it, if nothing else follows on the line
}

// head reports whether nothing but white space and the marks of lists and quotations is on the line.
func (c *code) head() bool { return !c.inner }

// fenced reports whether the text is in a fence.
func (c *code) fenced() bool { return c.fence > 0 && !c.closing }

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
		c.info, c.closing, c.inner, c.text = false, false, false, false
	case ' ', '\t', '\r':
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

// settle notes that the run of signs has ended.
func (c *code) settle() {
	n := c.run
	if n == 0 {
		return
	}
	c.run, c.text, c.inner, c.closing = 0, true, true, false
	switch {
	case c.fence > 0 && c.info && c.sign == '`' && c.char == '`': // it was a span: no fence has backticks behind it
		c.span, c.fence, c.info = c.fence, 0, false
		if n == c.span {
			c.span = 0
		}
	case c.fence > 0:
		c.closing = c.first && !c.info && c.char == c.sign && n >= c.fence
	case c.span > 0 && c.char == '`' && n == c.span:
		c.span = 0
	case c.first && n >= 3:
		c.fence, c.sign, c.info, c.span = n, c.char, true, 0
	case c.span == 0 && c.char == '`':
		c.span = n
	}
}

// spanCloses reports whether the span of c closes in rest, and whether that is known yet.
func spanCloses(c code, rest string) (closes, known bool) {
	for i := range len(rest) {
		c.step(rest[i])
		if c.run == 0 && c.span == 0 {
			return rest[i] != '\n' && c.fence == 0 && !blockSign(rest[i], &c), true
		}
	}
	closed := c.run > 0 && c.char == '`' && c.run == c.span
	return closed, false
}

// blockSign reports whether b has just begun a block.
func blockSign(b byte, c *code) bool {
	switch b {
	case '>', '-', '*', '+', '#', '|':
		return !c.inner
	}
	return false
}
