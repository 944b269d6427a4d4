package render

import (
	"strings"
)

// level ranks the places at which a page may end, the best first.
type level int

const (
	levHeading level = iota
	levBlank
	levItem
	levLine
	levSentence
	levWord
	levNone // only when the page is full
	levels
)

// share returns the part of a page, in thousandths, that must be filled before the page may end at
// such a place. Cuts are only made forward, so these numbers are the price of never taking back
// what is shown: a page loses a fifth at worst.
func (l level) share() int {
	switch l {
	case levHeading:
		return 800
	case levBlank:
		return 860
	case levItem:
		return 900
	case levLine:
		return 930
	case levSentence:
		return 955
	case levWord:
		return 975
	default:
		return 1000
	}
}

type mark struct {
	char byte // as it is written
	n    int
	from byte // as it is in the source, which has other marks where CommonMark would not see these
}

type fence struct {
	char   byte
	n      int  // 0: no fence is open
	indent int  // column in the source
	at     int  // column on the page
	doubt  bool // Slack may not see it, and count its lines as text
	quote  int
	info   string
}

type table struct {
	on     bool
	head   string // header and delimiter row, to be repeated
	resume string // head of a table that a giant row interrupted
	rows   int
}

type list struct {
	col     int
	content int   // column of the last item's content, on the page
	start   int32 // nine digits at most
	num     int32
	page    int32 // on which the last item begins
	ordered bool
}

const (
	maxEmph = 4
	maxList = 10
)

type mode uint8

const (
	atLine mode = iota // at the beginning of a line, outside of fences
	inText
	atCode // at the beginning of a line in a fence
	inCode
)

// state is all that the scanner knows. A copy of it is a snapshot.
type state struct {
	pos    int    // offset in the source up to which all is processed
	shown  int    // source offset after the last thing put on the page
	buf    []byte // the page
	chars  int    // of buf
	blocks int
	cells  int   // characters of tables
	page   int32 // number of the page
	from   int   // source offset at which the page begins
	fresh  bool  // the page has only reopened constructs
	run    bool  // the page ends in a run of rich text
	nl     int   // line breaks to write before the next thing
	base   int   // columns of indentation that this page leaves out
	mode   mode
	mid    bool // in a word
	torn   bool // the page begins in the middle of a line
	head   bool // in a heading
	blank  bool // a blank line precedes
	para   bool // the line before was text
	// The line before was indented so far that it is code.
	code     bool
	line     int   // offset at which the current line begins
	linePage int32 // the page on which it begins
	// Where the text line before begins, if it has a pipe; else -1.
	prev      int
	notTable  int // offset + 1 of a line that is no table
	quote     int // of the current line
	paraQuote int // of the line with which the paragraph began
	col       int // of the current line's content
	emph      [maxEmph]mark
	nEmph     int
	nHeld     int    // of emph: cut by a Break, not reopened yet; nEmph is 0 then
	pre       string // the beginning of a construct that a Break cut
	// Length of buf after the last thing that must not be shown with nothing after it.
	opened int
	lists  [maxList]list
	nList  int
	fence  fence
	table  table
	// Marks of code without an end precede in the paragraph, so that what is code is not certain.
	loose bool
	span  int  // source offset at which inline code ends that goes across line ends of this page
	wavy  bool // a tilde that may begin to strike through precedes in the paragraph
	// A <br> precedes, and is written before what follows it in the line.
	broken bool
	breaks bool  // the line has one
	lit    bool  // in a run of marks that is too long for code
	word   words // the next address, where none may be clicked
}

// closeCost returns what closers will count.
func (d *Doc) closeCost() int {
	if d.nEmph == 0 && d.fence.n == 0 && !d.broken {
		return 0
	}
	n := 0
	if d.broken {
		n = cost(d.breakText())
	}
	for _, m := range d.emph[:d.nEmph] {
		n += m.n + len(joiner) // see flanks
	}
	if f := d.fence; f.n > 0 {
		n += 4 + 5*f.quote + f.at + f.n
	}
	return n
}

func (d *Doc) fits(chars, bytes int) bool {
	c := d.closeCost() + d.nl
	if d.torn {
		c += len(joiner)
	}
	return d.chars+c+chars <= d.lim.Chars && len(d.buf)+c+bytes <= d.lim.Bytes
}

// full reports whether the page is in the zone where it may end at a border of that level.
func (d *Doc) full(l level) bool {
	return d.chars >= d.zones[l].Chars || len(d.buf) >= d.zones[l].Bytes
}

// room makes room for the next thing, which follows a border of level l. It returns false if it has
// cut the page: the state is another one then, perhaps an earlier one, and the caller starts over
// from it.
func (d *Doc) room(l level, chars, bytes int) bool {
	if l != levNone && !d.fresh && !d.hasSnap && d.full(l) || !d.fits(chars, bytes) {
		return !d.cut()
	}
	return true
}

// roomBlock makes room for one more block, like room.
func (d *Doc) roomBlock() bool {
	if d.blocks+1 > d.lim.Blocks {
		return !d.cut()
	}
	return true
}

// cut ends the page here, or before what must not end it. It returns false if the page has nothing
// yet.
func (d *Doc) cut() bool {
	if d.eager {
		d.stopped = true
		return true
	}
	if d.hasSnap && !d.snap.fresh {
		d.state = d.snap
	}
	d.hasSnap = false
	if d.fresh {
		return false
	}
	tail := d.closers(true)
	// Its own, for it stays: as a part of the text it would keep all of that alive.
	page := string(d.buf) + tail
	md := lastLook(page)
	chars := d.chars + cost(tail) + (len(md)-len(page))/len(joiner)
	d.pages = append(d.pages, Page{Markdown: md, Open: md, End: d.src.offset(d.pos), Chars: chars, Blocks: d.blocks})
	d.begin(len(d.buf))
	return true
}

// with returns the page so far with a tail. A page that is as the text is there, as most are while
// they grow, is that part of the text: each live answer had its page once more. Such a page is for
// the moment: it keeps alive all of the text.
func (d *Doc) with(tail string) string {
	if to := d.from + len(d.buf); tail == "" && to <= len(d.text) && d.text[d.from:to] == string(d.buf) {
		return d.text[d.from:to]
	}
	var b strings.Builder
	b.Grow(len(d.buf) + len(tail))
	b.Write(d.buf)
	b.WriteString(tail)
	return b.String()
}

// closers returns what closes all that is open. Emphasis that has not been closed is literal when
// nothing follows.
func (d *Doc) closers(emph bool) string {
	var b strings.Builder
	if emph && d.mode == inText {
		for i := d.nEmph - 1; i >= 0; i-- {
			b.WriteString(strings.Repeat(string(d.emph[i].char), d.emph[i].n))
		}
	}
	if f := d.fence; f.n > 0 {
		n, at := 0, len(d.buf)
		for ; d.mode == inCode && at > 0 && strings.IndexByte(" \t>", d.buf[at-1]) >= 0; at-- {
		}
		for ; at > 0 && d.buf[at-1] == f.char; at-- {
			n++
		}
		for ; n >= f.n && at > 0 && strings.IndexByte(" \t>", d.buf[at-1]) >= 0; at-- {
		}
		if d.mode == inCode && n >= f.n && (at == 0 || d.buf[at-1] == '\n') {
			// This code would close the fence if the line ended here.
			b.WriteString(joiner)
		}
		b.WriteString("\n" + strings.Repeat("> ", f.quote) + strings.Repeat(" ", f.at))
		b.WriteString(strings.Repeat(string(f.char), f.n))
	}
	return b.String()
}

// hold takes the snapshot to which a cut goes back until commit.
func (d *Doc) hold() {
	if !d.hasSnap && !d.eager {
		d.snap, d.hasSnap = d.state, true
	}
}

// commit records that the page may end with what it has now.
func (d *Doc) commit() {
	if !d.head || d.chars-d.snap.chars > d.lim.Chars/4 || len(d.buf)-len(d.snap.buf) > d.lim.Bytes/4 {
		d.hasSnap = false
	}
}

// add writes s without checking limits.
func (d *Doc) add(s string) {
	d.buf = append(d.buf, s...)
	d.chars += cost(s)
}

// put writes s after the line breaks that are due.
func (d *Doc) put(s string) { d.putOf(s, cost(s)) }

func (d *Doc) putOf(s string, chars int) {
	if s == "" && d.fresh {
		return
	}
	if d.broken && !d.fresh {
		d.add(d.breakText())
	}
	d.broken = false
	if !d.fresh {
		for range d.nl {
			d.buf = append(d.buf, '\n')
		}
		d.chars += d.nl
	}
	d.nl, d.fresh, d.blank = 0, false, false
	d.buf = append(d.buf, s...)
	d.chars += chars
}
