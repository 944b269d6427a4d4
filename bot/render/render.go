// Package render turns growing Markdown into pages that Slack accepts.
//
// It is pure: text in, values out; it reads no file, logs nothing and knows no time. It keeps these
// promises:
//
//   - The text is settled before anything is decided: line ends, control characters, invalid UTF-8,
//     characters that show nothing. Code keeps all but control characters.
//   - Code is copied byte for byte, but for a word joiner where Slack would resolve a token, and what
//     indentation and cuts need. In code by indentation, and between backticks of different lines,
//     which are lines of text to the scanner, that holds for <, > and &.
//   - What readers of Markdown take for something else shows as it is meant: <br> is a line break (a
//     slash in cells), a single tilde strikes nothing through, and marks beside Chinese, Japanese and
//     Korean punctuation are marks.
//   - Each page is valid Markdown by itself: a fence that is cut is closed and reopened with its
//     info string, a table repeats its header, a list goes on with its number, emphasis is closed
//     and reopened.
//   - Nothing is lost or doubled but white space at a cut, and what is reopened.
//   - No page exceeds its [Limits] in Slack's own counting, on the safe side, not even when it is
//     read as CommonMark, which sees fewer fences and more headings than models mean. A table of
//     more than 20 columns, which Slack refuses, is shown as lines of text. A table of more than
//     100 rows continues on the next page.
//   - A page never changes once a later page has been returned, and pages are the same however the
//     text arrived: only the text before a cut decides about it. The scanner only goes forward. The
//     nearer the page's end, the lesser the border at which it cuts (heading, blank line, line,
//     sentence, word, rune).
//   - Model text is dead: no mention, no special token and no disguised link works, not even in
//     code. Each page is checked once more when it is done. [Links] decides what becomes of
//     addresses.
//   - All this holds after [Doc.Break] and [Doc.Shrink] too: the pages that they keep never change,
//     and pages are the same however the text arrived between them.
//   - An update costs what is new, plus one copy of the current page, and a comparison with the
//     text before, which is free while that is the same memory. The scanner looks no further ahead
//     than a construct can be long, so a long line costs as much as a long text.
package render

import (
	"bytes"
	"math"
	"strings"
	"unicode/utf8"
)

// Limits is the budget of one page. Zero means no limit; anything below [MinLimit] counts as
// MinLimit.
type Limits struct {
	// Characters as Slack counts them: & is 5, < and > are 4, a heading 100 more, an astral rune 2.
	Chars  int
	Blocks int // rendered blocks: a heading, a fence, a table, a divider, a run of other text
	Bytes  int // UTF-8 bytes of Page.Markdown
}

// MinLimit is the least number of characters or bytes of a page, because reopened constructs need
// room.
const MinLimit = 500

const (
	// messageChars stays below what Slack refuses: about 13,200, and 12,000 in one markdown block
	// (facts/slack.md §3.2).
	messageChars  = 11_500
	messageBlocks = 40    // Slack refuses 50: facts/slack.md §3.2
	streamBytes   = 9_000 // streams break at 10.6-11.3 kB: facts/slack.md §2.3
	headingChars  = 100   // what a heading adds to its text: facts/slack.md §3.2
	// tableRows is how many rows follow a table's header. Slack takes 100 with it (facts/slack.md
	// §3.2).
	tableRows  = 99
	tableChars = 9_500 // of all tables in a message; Slack takes 10,000: facts/slack.md §3.2
)

// MessageLimits returns the budget of a message with one markdown block.
func MessageLimits() Limits { return Limits{Chars: messageChars, Blocks: messageBlocks} }

// StreamLimits returns the budget of one natively streamed message.
func StreamLimits() Limits {
	return Limits{Chars: messageChars, Blocks: messageBlocks, Bytes: streamBytes}
}

// Page is one message's worth of Markdown.
type Page struct {
	// Markdown goes into a markdown block and is valid by itself. Constructs that are still open at
	// the end are closed; half ones show without their marks, or not yet.
	Markdown string
	// Open is the page without what is undecided or provisional. While the text grows, Open only
	// gains a suffix, until it equals Markdown on the finished page: native streams append what is
	// new in it. Markdown always begins with Open, so Markdown[len(Open):] completes a stream that
	// stops here.
	Open string
	// End is the byte offset in the source up to which this page reaches. White space at a cut may
	// belong to neither page. For the last page, End is the end of what Markdown shows; after a
	// Break the next page begins there.
	End    int
	Chars  int // of Markdown, as in Limits
	Blocks int // of Markdown, as in Limits
}

// Doc renders one answer. It is not safe for concurrent use.
type Doc struct {
	lim   Limits
	links Links
	zones [levels]Limits // where a page may end at a border of each level
	atom  Limits         // a larger construct is not kept whole

	src   *source
	text  string // settled
	pages []Page
	state
	first  Limits  // the limits given to New
	starts []state // of each page, before begin
	before state   // before what d.opened is about, unless atSnap
	atSnap bool    // it is snap instead
	// The page before something that must not stand alone at its end: a heading, a list marker, an
	// opening fence.
	snap    state
	hasSnap bool
	eof     bool // nothing follows the text
	eager   bool // this is a copy that shows what is undecided
	stopped bool // eager only: the page is full
}

// New returns a Doc whose pages stay within lim.
func New(lim Limits, options ...Option) *Doc {
	d := &Doc{first: lim, links: linksOf(options)}
	d.reset()
	return d
}

func (d *Doc) setLimits(lim Limits) {
	norm := func(n, least int) int {
		if n <= 0 {
			return math.MaxInt / 2000
		}
		return max(n, least)
	}
	d.lim = Limits{Chars: norm(lim.Chars, MinLimit), Blocks: norm(lim.Blocks, 4), Bytes: norm(lim.Bytes, MinLimit)}
	for l := range d.zones {
		share := level(l).share()
		d.zones[l] = Limits{Chars: d.lim.Chars / 1000 * share, Bytes: d.lim.Bytes / 1000 * share}
		if d.lim.Chars < 1_000_000 {
			d.zones[l].Chars = d.lim.Chars * share / 1000
		}
		if d.lim.Bytes < 1_000_000 {
			d.zones[l].Bytes = d.lim.Bytes * share / 1000
		}
	}
	// A word that begins before this zone fits, whatever it turns out to be: see stepPlain.
	d.zones[levSentence].Chars = min(d.zones[levSentence].Chars, d.lim.Chars-wordMax-60)
	d.zones[levSentence].Bytes = min(d.zones[levSentence].Bytes, d.lim.Bytes-wordMax-60)
	d.atom = Limits{Chars: d.lim.Chars / 4, Bytes: d.lim.Bytes / 4}
}

func (d *Doc) reset() {
	d.src, d.text, d.eof, d.hasSnap = new(source), "", false, false
	d.pages, d.starts = nil, nil
	d.setLimits(d.first)
	d.state = state{page: -1, prev: -1}
	d.snap, d.before = state{}, state{}
	d.begin(0)
}

// Set takes the whole text so far and returns its pages. Normally the text has grown since the last
// call. If it does not begin with the last text, or the last one was final and this one differs,
// everything starts over within the limits of New, and Breaks and Shrinks are forgotten. With
// final, nothing is held back. The slice is valid until the next call.
func (d *Doc) Set(text string, final bool) []Page {
	if d.eof && (text != d.src.raw || !final) || !strings.HasPrefix(text, d.src.raw) {
		d.reset()
	}
	d.text, d.eof = d.src.take(text, final), final
	d.scan()
	_, p, ok := d.view()
	if !ok {
		return d.pages
	}
	return append(d.pages, p)
}

// common returns how many bytes a and b begin with alike, whole runes.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}

// view returns the page that is being written; not ok if it has nothing to show. c is a copy of d
// that has gone on eagerly to the end of what the page shows. It lasts as long as the call: 3 kB,
// which each live answer would keep otherwise.
func (d *Doc) view() (c *Doc, _ Page, ok bool) {
	c = new(Doc)
	*c = *d // the copy writes after len(d.buf), where d has nothing yet
	c.hasSnap = false
	if !d.eof {
		c.eager = true
		c.scan()
	}
	c.dropEmpty()
	if c.fresh || len(bytes.TrimSpace(c.buf)) == 0 {
		return c, Page{}, false
	}
	end := c.pos
	if c.nl > 0 && c.fence.n == 0 && !d.eof {
		end = min(end, c.shown)
	}
	p := Page{End: d.src.offset(end), Chars: c.chars, Blocks: c.blocks}
	open := d.buf
	switch {
	case d.fresh:
		open = nil // what is reopened may be taken back
	case d.hasSnap:
		open = d.snap.buf
	}
	tail := c.closers(!d.eof)
	p.Chars += cost(tail)
	page := c.with(tail)
	p.Markdown = lastLook(page)
	p.Chars += (len(p.Markdown) - len(page)) / len(joiner)
	if d.eof {
		p.Open = p.Markdown
		return c, p, true
	}
	// c.buf has gone on from d.buf, or was set back to snap.buf at most.
	p.Open = page[:min(len(open), len(c.buf))]
	if len(p.Markdown) != len(page) {
		p.Open = p.Open[:common(p.Open, p.Markdown)]
	}
	return c, p, true
}
