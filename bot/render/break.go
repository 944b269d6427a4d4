package render

import (
	"slices"
	"strings"
)

// Break ends the page that the last Set returned as its last one, as its Markdown shows it: the
// page stays so, and its Open becomes equal to its Markdown. The text from its End on begins a new
// page. What is open there is reopened: a fence with its info string, a table's header, a list's
// number, a quote, emphasis, inline code. A link that is cut in its text becomes two links; one
// that is cut after its text shows the text again. Emphasis that turns out to have no end is not
// reopened.
//
// The new page appears when something new can be shown on it. Break does nothing when the last Set
// was final, when it returned no page, or when nothing has been shown since the last Break. It
// costs as much as an update.
func (d *Doc) Break() {
	if d.eof {
		return
	}
	d.scan() // after a Shrink
	ahead, p, ok := d.view()
	if !ok {
		return
	}
	p.Markdown = strings.Clone(p.Markdown) // as in cut
	p.Open = p.Markdown
	d.pages = append(d.pages, p)
	d.state, d.hasSnap = ahead.state, false
	d.word = words{} // it knows of the text so far only
	d.pre = strings.Clone(d.pre)
	d.nHeld = d.nEmph
	d.begin(0)
}

// Shrink lays out the text again within lim, from the beginning of the page of that index on. The
// pages before it stay, and the next Set returns the new ones. Shrink holds for all later pages
// too, and forgets the Breaks after the beginning of that page. page may be any that the last Set
// returned, the last one and a page of a finished text included (then the next Set must be final
// with the same text); for another index, Shrink does nothing. lim may be larger than before.
//
// It costs a copy of the state at the beginning of the page, about a kilobyte, which is kept for
// each page. The next Set scans the text after it again, at the cost of a first scan.
func (d *Doc) Shrink(page int, lim Limits) {
	if page < 0 || page > len(d.pages) {
		return
	}
	d.setLimits(lim)
	d.pages = slices.Clip(d.pages[:page])
	d.state, d.hasSnap = d.starts[page], false
	d.starts = d.starts[:page]
	d.begin(0)
}

// begin begins a page and reopens what is open. The buffer gets room for size bytes.
func (d *Doc) begin(size int) {
	d.buf = nil // frees it
	d.starts = append(d.starts, d.state)
	d.page++
	d.from = d.pos
	d.nl, d.mid, d.broken, d.span = 0, false, false, 0
	d.torn = d.mode == inText || d.mode == inCode
	if d.nHeld > 0 {
		d.nEmph = 0 // see stepReopened
	}
	// The limits may have become smaller since.
	if h := d.table.head; cost(h) > d.lim.Chars/4 || len(h) > d.lim.Bytes/4 {
		d.table.head = ""
	}
	if h := d.table.resume; cost(h) > d.lim.Chars/4 || len(h) > d.lim.Bytes/4 {
		d.table.resume = ""
	}
	d.reopen()
	d.buf = slices.Grow(d.buf, size)
}

// reopen reopens what is open, on a page that has nothing yet. If a construct then ends before
// anything follows it, which only happens after a Break, another reopen takes it back: no empty
// box, no header without rows.
func (d *Doc) reopen() {
	d.buf, d.chars, d.blocks, d.cells = nil, 0, 0, 0 // a new buffer, for copies of d read the old one
	d.fresh, d.run, d.opened, d.hasSnap = true, false, -1, false
	quote := strings.Repeat("> ", d.quote)
	switch {
	case d.fence.n > 0:
		d.fence.at, d.fence.doubt = 0, false
		f := d.fence
		d.base = f.indent
		info := f.info
		if len(info) > 60 {
			info = ""
		}
		quote = strings.Repeat("> ", f.quote)
		d.add(quote + strings.Repeat(string(f.char), f.n) + info + "\n")
		if d.mode == inCode {
			d.add(quote)
		}
		d.blocks = 1
	case d.table.on:
		if d.table.head != "" {
			d.add(d.table.head + "\n")
		}
		d.table.rows = 0
		d.cells = d.chars
		d.blocks = 1
	case d.mode == inText:
		d.base = d.col
		d.add(quote)
		for i := range d.nEmph {
			if i > 0 && d.emph[i].char == '~' && d.emph[i-1].char == '~' {
				d.add(joiner) // or it would be a fence
			}
			d.add(strings.Repeat(string(d.emph[i].char), d.emph[i].n))
		}
		d.blocks, d.run = 1, true
	}
}

// open records the state before something that must not be shown with nothing after it, unless it
// follows such a thing.
func (d *Doc) open() {
	if d.opened == len(d.buf) {
		return
	}
	// Most often hold has just taken the same copy.
	if d.atSnap = d.hasSnap && d.snap.pos == d.pos && len(d.snap.buf) == len(d.buf) && d.snap.nl == d.nl; !d.atSnap {
		d.before = d.state
	}
}

// dropEmpty goes back to before the beginning of a line, emphasis marks or an opening fence with
// nothing after them, because an empty box would flicker.
func (d *Doc) dropEmpty() {
	if d.opened == len(d.buf) && !d.eof && (d.mode == inText || d.fence.n > 0) {
		if d.atSnap {
			d.state = d.snap
		} else {
			d.state = d.before
		}
	}
}

// stepReopened completes what a Break cut in two, at the beginning of the new page: emphasis, and
// constructs whose end had not come.
func (d *Doc) stepReopened() bool {
	if d.nHeld > 0 {
		return d.stepHeld()
	}
	n := d.skipSpaces()
	s := d.rest()[n:]
	if s == "" {
		if d.eof {
			d.pos += n
		}
		return d.eof
	}
	full := d.eof
	if len(s) > labelMax+urlMax {
		s, full = s[:labelMax+urlMax], false // more than any construct has
	}
	head := d.pre
	switch i := strings.IndexByte(head, '['); {
	case i >= 0 && s[0] != ']':
		head = head[:i+1]
	case i < 0 && s[0] == '`':
		head += " "
	}
	v := head + s
	out, k, ok := "", 0, true
	if s[0] != '\n' {
		out, k, ok = d.links.atom(v, "", full)
	}
	half := 0
	if !ok {
		if out, half = d.links.halfOf(v); !d.eager || half <= len(head) {
			return false
		}
		k = half
	}
	if k <= len(head) || cost(out) > d.atom.Chars || len(out) > d.atom.Bytes {
		code := d.pre[0] == '`'
		d.pre = "" // it was no construct
		if k, _ := breakLen(s, full); k > 0 && code {
			return d.unit(n, "", proseLess, 1) // it has been shown as code, and a page does not vanish
		}
		return true
	}
	if half == 0 && v[0] == '`' && strings.Trim(v[:k], "` ") == "" {
		out = ""
	}
	more := d.unit(n, "", out, k-len(head))
	if d.stopped {
		return more
	}
	d.pre = ""
	if half > 0 {
		d.halfShown(v[:half])
	}
	return more
}

// halfShown ends the view after the part of a construct that is shown.
func (d *Doc) halfShown(s string) {
	d.stopped = true
	if s[0] == '`' {
		s = s[:runLen(s, len(s))]
	}
	d.pre = s
}

// stepHeld reopens emphasis if its end comes, as stepEmph does.
func (d *Doc) stepHeld() bool {
	s := d.rest()
	line, _, ended := strings.Cut(s[:min(len(s), emphMax)], "\n")
	var kept [maxEmph]mark
	n := 0
	for _, m := range d.emph[:d.nHeld] {
		switch {
		case strings.Contains(line, strings.Repeat(string(m.from), m.n)), len(line) == emphMax, d.eager && !ended:
			kept[n] = m
			n++
		case !ended && !d.eof:
			return false
		}
	}
	d.emph, d.nEmph, d.nHeld = kept, n, 0
	d.reopen()
	return true
}
