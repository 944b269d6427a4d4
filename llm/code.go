package llm

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

// head reports whether nothing but white space is on the line.
func (c *code) head() bool { return !c.text && c.run == 0 }

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
