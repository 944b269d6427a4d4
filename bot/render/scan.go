package render

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	lineMax  = 1_000 // bytes of a line after which its kind is decided
	fenceMax = 40    // marks of a fence that are written; a longer one is closed with as many
	infoMax  = 300   // bytes of an opening fence's line
	marksMax = 20    // marks at the beginning of a line of text that stay together
	deepest  = 8     // quote marks and list marks at the beginning of a line
	// numberMax is the largest number of a list item: Markdown takes nine digits.
	numberMax = 999_999_999
)

// scan goes on as far as the text decides.
func (d *Doc) scan() {
	for !d.stopped && d.pos < len(d.text) && d.step() {
	}
}

// step processes the next thing; false: it needs more text.
func (d *Doc) step() bool {
	switch d.mode {
	case atLine:
		return d.stepLine()
	case inText:
		return d.stepText()
	case atCode:
		return d.stepCodeLine()
	default:
		return d.stepCode()
	}
}

func (d *Doc) rest() string { return d.text[d.pos:] }

// stepLine decides what kind of line begins here, and writes its beginning.
func (d *Doc) stepLine() bool {
	s := d.rest()
	p, ok := readPrefix(s, d.eof)
	if !ok && len(s) < lineMax {
		return false
	}
	body := s[p.n:]
	if body == "" && !d.eof && len(s) < lineMax {
		return false
	}
	if body == "" || body[0] == '\n' {
		return d.blankLine(p, s)
	}
	// In code > and >>> are prompts. With a fence behind them, who looks at no margin sees a fence.
	if p.quote > 0 && d.quote == 0 && !d.table.on && body[0] != '`' && body[0] != '~' {
		n := strings.IndexByte(s, '>')
		margin := prefix{n: n, lead: n, first: p.outer, col: p.outer, last: -1}
		if d.codeLine(margin) {
			return d.textLine(margin)
		}
	}
	if body[0] == '<' && p.marks == 0 && !d.codeLine(p) {
		k, ok := breakLine(body, d.eof)
		if !ok {
			return false
		}
		if k > 0 {
			p.n += k
			return d.blankLine(p, s)
		}
	}
	if p.quote != d.quote {
		if d.table.on {
			d.leaveTable()
		}
		d.endTable()
	}
	if p.quote > d.quote { // a new quote continues no paragraph: it is in the item, or ends it
		d.endItemsAt(p.outer - d.base)
	}
	if d.table.on || d.table.resume != "" {
		if done, more := d.tableLine(p, s); done {
			return more
		}
	}
	if p.marks == 0 {
		if done, more := d.startTable(p, s); done {
			return more
		}
	}
	switch c := body[0]; {
	case isRule(body), (c == '=' || c == '-' && !d.lazy(p)) && d.para && p.marks == 0 && onlyOf(body, c):
		return d.rule(p, s)
	case c == '#':
		n := runLen(body, 7)
		if n == len(body) && n <= 6 && !d.eof {
			return false
		}
		if n <= 6 && (n == len(body) || strings.IndexByte(" \t\n", body[n]) >= 0) {
			return d.heading(p, n)
		}
	case c == '`' || c == '~':
		n := runLen(body, infoMax+1)
		if n == len(body) && n < infoMax && !d.eof {
			return false
		}
		if n >= 3 {
			if done, more := d.openFence(p, body, n); done {
				return more
			}
			d.torn = true // no fence, and must not look like one
		}
	}
	return d.textLine(p)
}

// lazy reports whether the line that p begins continues the paragraph of a quote or an item from
// outside of it: it underlines nothing, and with the line above it may be the head of a table.
func (d *Doc) lazy(p prefix) bool {
	at, _ := d.column(p)
	return p.quote < d.paraQuote || slices.ContainsFunc(d.lists[:d.nList], func(l list) bool {
		return l.page == d.page && l.content > at && l.content < math.MaxInt/2
	})
}

// runLen returns how often s repeats its first byte, up to most.
func runLen(s string, most int) int {
	n := 1
	for n < len(s) && n < most && s[n] == s[0] {
		n++
	}
	return n
}

func onlyOf(s string, c byte) bool {
	line, _, _ := strings.Cut(s[:min(len(s), lineMax)], "\n")
	return strings.Trim(line, string(c)) == "" || strings.TrimRight(strings.TrimRight(line, " \t"), string(c)) == ""
}

func (d *Doc) blankLine(p prefix, s string) bool {
	n := p.n
	if n < len(s) {
		n++
	}
	d.endTable()
	if p.quote > 0 {
		d.endItems(p)
	}
	if p.quote > 0 || p.marks > 0 {
		if !d.fresh || p.marks > 0 {
			two := d.para && p.marks > 0 && !d.run // see below
			if two && d.blocks+2 > d.lim.Blocks && d.cut() {
				return true
			}
			if !d.roomBlock() || !d.room(levLine, 5*p.n+8+headingChars, p.n+8) {
				return true
			}
			d.runBlock()
			d.put(strings.TrimRight(d.lead(p, s), " \t"))
			if d.para && p.marks > 0 { // or it makes the line above a heading
				d.chars += headingChars
				d.blocks++
				d.run = false
			}
			d.shown = d.pos + p.n
			d.commit()
		}
	}
	d.pos += n
	d.nl++
	d.para = d.para && p.marks > 0 // an empty item does not end a paragraph
	d.prev, d.blank, d.loose = -1, true, false
	d.quote = p.quote
	return true
}

// lead returns the beginning of a line as this page shows it: indentation without what the page
// leaves out, and the number that the list has reached.
func (d *Doc) lead(p prefix, s string) string {
	d.setBase(p)
	out := s[:p.lead]
	if p.quote == 0 {
		out = strings.Repeat(" ", min(max(0, p.first-d.base), 40))
	}
	if p.marks == 0 {
		return out
	}
	num := p.number
	if l := d.item(p); num != "" && l != nil && strconv.Itoa(int(l.num)) != num && l.num > l.start && l.num <= numberMax {
		num = strconv.Itoa(int(l.num))
	}
	return out + s[p.lead:p.digits] + num + s[p.digits+len(p.number):p.n]
}

// setBase decides how many columns of indentation the page leaves out: all that its first line has,
// if that line is in a list.
func (d *Doc) setBase(p prefix) {
	switch {
	case p.quote > 0:
	case !d.fresh:
		d.base = min(d.base, p.first)
	case d.nList > 0 || p.marks > 0:
		d.base = p.first
	default:
		d.base = 0
	}
}

// onPage returns where a column of the source stands on the page, after quote marks. It holds for
// what is written now: the page may do without less indentation further down.
func (d *Doc) onPage(p prefix, col int) int {
	if p.quote > 0 {
		return col
	}
	return col - d.base
}

// item records the list item that begins with p. It returns the item's list if its number may
// differ from the one that this page shows: when the model numbers all items alike, the first item
// of a page needs its real number.
func (d *Doc) item(p prefix) *list {
	for d.nList > 0 && d.lists[d.nList-1].col > p.last {
		d.nList--
	}
	n, err := strconv.ParseInt(p.number, 10, 32)
	if err != nil {
		n = 0
	}
	num := int32(n)
	if d.nList > 0 && d.lists[d.nList-1].col == p.last && d.lists[d.nList-1].ordered == (p.number != "") {
		l := &d.lists[d.nList-1]
		first := l.page != d.page
		if l.page = d.page; l.content < math.MaxInt/2 || !d.para {
			l.content = d.onPage(p, p.col)
		}
		if num != l.start {
			l.num, first = num, false
		} else {
			l.num++
		}
		if first {
			return l
		}
		return nil
	}
	if d.nList == maxList {
		return nil
	}
	if d.nList > 0 && d.lists[d.nList-1].col == p.last {
		d.nList--
	}
	content := d.onPage(p, p.col)
	if d.nList == 0 && d.para && !d.fresh && p.number != "" && num != 1 {
		content = math.MaxInt / 2 // in a paragraph it is no item
	}
	d.lists[d.nList] = list{col: p.last, content: content, ordered: p.number != "", start: num, num: num, page: d.page}
	d.nList++
	return nil
}

// leave ends the lists that do not contain a line at that column.
func (d *Doc) leave(col int) {
	for d.nList > 0 && d.lists[d.nList-1].col >= col {
		d.nList--
	}
}

func (d *Doc) runBlock() {
	if !d.run {
		d.blocks++
		d.run = true
	}
}

// textLine begins a line of text.
func (d *Doc) textLine(p prefix) bool {
	l := levLine
	hides, ok := d.hides(p)
	if !ok {
		return false
	}
	d.torn = d.torn || hides
	switch {
	case d.blank && p.first == 0 && p.quote == 0:
		l = levBlank
	case p.marks > 0 && p.first <= d.base:
		l = levItem
	}
	return d.beginText(p, l, "", 0)
}

// indented ends the run of text before and after a line that Markdown takes for code because of its
// indentation. It reports whether the line is code with its list marks.
func (d *Doc) indented(p prefix) (all bool) {
	if p.marks == 0 && !d.para {
		d.endItems(p)
	}
	all, item := d.codeLine(p), false
	if p.marks > 0 && !all {
		blank := d.rest()[p.digits+len(p.number)+1 : p.n]
		item = len(blank)+3*strings.Count(blank, "\t") > 4
	}
	if now := all || item; now != d.code || item { // the code of each item is a block of its own
		d.code, d.run = now, false
	}
	return all
}

// codeLine reports whether Markdown takes the line that p begins for code because of its
// indentation.
func (d *Doc) codeLine(p prefix) bool {
	base := d.base
	at, item := d.column(p)
	d.base = base // the line may be none of text
	return at-item > 3 && (!d.para || d.code || d.fresh)
}

// hides reports whether a line of text could be read as something else, so that what we look at
// ends while Markdown goes on. Not ok: it needs more text.
func (d *Doc) hides(p prefix) (hides, ok bool) {
	body := d.rest()[p.n:]
	switch {
	case p.marks == deepest, p.quote == deepest, body[0] == ' ', body[0] == '\t':
		return true, true
	case p.marks > 0 && body[0] == '>': // a quote in an item, and in it a block
		start := body[:min(len(body), lineMax)]
		inner := strings.TrimLeft(start, "> \t-+*0123456789.)")
		if inner == "" {
			return true, d.eof || len(start) == lineMax
		}
		return strings.IndexByte("#`~|_\n", inner[0]) >= 0, true
	case d.para && p.marks == 0 && strings.IndexByte("|:-", body[0]) >= 0:
		is, maybe := isDelimiter(body, d.eof)
		return is || !maybe && d.lazy(p) && onlyOf(body, '-'), !maybe
	case strings.IndexByte("-*_=", body[0]) >= 0:
		// A page may end in the marks, and then they are a divider.
		start := body[:min(len(body), lineMax)]
		inner := strings.TrimLeft(start, body[:1]+" \t")
		return len(start)-len(inner) > marksMax, inner != "" || d.eof || len(start) == lineMax
	}
	return false, true
}

func (d *Doc) heading(p prefix, n int) bool {
	if !d.roomBlock() {
		return true
	}
	d.nList = 0
	rest := d.rest()
	if p.n+n < len(rest) && rest[p.n+n] != '\n' {
		n++
	}
	mark := rest[p.n : p.n+n]
	d.run, d.loose = false, false
	d.endItems(p)
	p.n += n
	return d.beginText(p, levHeading, mark, headingChars)
}

func (d *Doc) beginText(p prefix, l level, mark string, more int) bool {
	s := d.rest()
	all := d.indented(p)
	if !d.run && !d.roomBlock() || !d.room(l, p.n*2+more+8, p.n) {
		return true
	}
	if p.marks == 0 && (d.blank || p.first > 0) && !d.fresh {
		d.leave(p.first)
	}
	d.hold()
	d.open()
	started := d.fresh
	p.n -= len(mark)
	out := d.lead(p, s)
	p.n += len(mark)
	if l := max(d.nList-1, 0); all && p.marks > 0 && d.nList > 0 && d.lists[l].col == p.last {
		d.lists[l].content = math.MaxInt / 2 // it is no item
	}
	d.runBlock()
	d.put(out + mark)
	d.opened = len(d.buf)
	d.chars += more
	if more > 0 {
		d.head = true
	}
	if !d.para || started || p.marks > 0 || p.quote > d.paraQuote {
		d.paraQuote = p.quote
	}
	d.line, d.linePage, d.pos = d.pos, d.page, d.pos+p.n
	d.quote, d.col = p.quote, p.col
	d.wavy, d.breaks = d.wavy && d.para && p.marks == 0, false
	d.mode, d.mid, d.para = inText, false, more == 0
	return true
}

// rule writes a line that is a divider, or makes the line above it a heading. It counts as both.
func (d *Doc) rule(p prefix, s string) bool {
	n := strings.IndexByte(s[:min(len(s), lineMax+1)], '\n')
	switch {
	case n < 0 && len(s) > lineMax:
		return d.textLine(p)
	case n < 0 && !d.eof:
		return false
	case n < 0:
		n = len(s)
	}
	if strings.Count(s[p.n:n], s[p.n:p.n+1]) < 3 && !(d.para && p.marks == 0) {
		return d.textLine(p)
	}
	marks := strings.TrimRight(s[p.n:n], " \t")
	if len(marks) > min(d.atom.Chars, d.atom.Bytes) {
		return d.textLine(p)
	}
	more := 0
	if d.para {
		more = headingChars
	}
	if !d.roomBlock() || !d.room(levLine, 2*p.n+len(marks)+more+5*p.quote, 2*p.n+len(marks)) {
		return true
	}
	if p.marks == 0 {
		d.nList = 0
	}
	d.put(d.lead(p, s) + marks)
	d.chars += more
	d.blocks++
	d.run, d.para, d.prev, d.loose = false, false, -1, false
	d.hasSnap = false
	d.quote = p.quote
	d.pos += n
	d.endLine()
	return true
}

// endLine processes the line break, if there is one.
func (d *Doc) endLine() {
	d.shown = d.pos
	if d.pos < len(d.text) && d.text[d.pos] == '\n' {
		d.pos++
	}
	d.nl++
	d.nEmph, d.opened, d.broken = 0, -1, false
	d.mode, d.mid = atLine, false
}
