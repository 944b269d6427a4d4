package render

import "strings"

const (
	rowMax = 4_000 // bytes of a table row that is kept whole
	// tableCols is how many columns Slack takes (facts/slack.md §3.2). A wider table is shown as
	// lines of text.
	tableCols = 20
)

func (d *Doc) endTable() {
	on := d.table.on
	d.table = table{}
	if on && d.fresh {
		d.reopen()
	}
}

// leaveTable ends a table above a line that is not one of its rows. Markdown would take it for one
// without a blank line.
func (d *Doc) leaveTable() {
	d.endTable()
	if !d.fresh {
		d.nl = max(d.nl, 2)
	}
}

// isDelimiter reports whether a line is a table's delimiter row, such as |---|:-:|. maybe means
// that it is not complete.
func isDelimiter(s string, full bool) (is, maybe bool) {
	line, _, ended := strings.Cut(s[:min(len(s), lineMax)], "\n")
	if strings.Trim(line, " \t>|:-") != "" {
		return false, false
	}
	if !ended && len(s) < lineMax && !full {
		return false, true
	}
	return strings.Contains(line, "-") && strings.ContainsAny(line, "|:"), false
}

// cells returns the number of cells in a row.
func cells(row string) int {
	row = strings.TrimSuffix(strings.TrimPrefix(strings.TrimLeft(strings.TrimSpace(row), "> "), "|"), "|")
	n := 1
	for i := 0; i < len(row); i++ {
		switch row[i] {
		case '\\':
			i++
		case '|':
			n++
		}
	}
	return n
}

// splitCells cuts a row at its pipes, which is done before anything else.
func splitCells(row string) []string {
	var out []string
	from := 0
	for i := range len(row) {
		if row[i] == '|' && (i == 0 || row[i-1] != '\\') {
			out = append(out, row[from:i])
			from = i + 1
		}
	}
	return append(out, row[from:])
}

// row returns a line of a table as it is written.
func (d *Doc) row(p prefix, line string) string {
	var out strings.Builder
	out.WriteString(d.lead(p, line))
	if is, _ := isDelimiter(line, true); is && d.table.on {
		out.WriteString(joiner) // or another table would begin here
	}
	all := splitCells(strings.TrimRight(line[p.n:], " \t"))
	for i, cell := range all {
		if i > 0 {
			out.WriteByte('|')
		}
		if cell = d.links.inline(cell); cell == "" && i > 0 && i < len(all)-1 {
			cell = " " // some readers take two pipes for one
		}
		out.WriteString(cell)
	}
	return out.String()
}

// fenceMarks reports whether a line begins as a fence does.
func fenceMarks(s string) bool { return strings.HasPrefix(s, "```") || strings.HasPrefix(s, "~~~") }

// startTable begins a table at its header, or at the delimiter row if the header was taken for
// text. It reports whether there is a table.
func (d *Doc) startTable(p prefix, s string) (done, more bool) {
	if d.prev >= 0 && d.para && strings.IndexByte("|:-", s[p.n]) >= 0 {
		switch is, maybe := isDelimiter(s, d.eof); {
		case maybe:
			return true, false
		case is:
			line, _, _ := strings.Cut(s, "\n")
			head, _, _ := strings.Cut(d.text[d.prev:], "\n")
			if q, ok := readPrefix(head, true); ok && q.marks == 0 && !fenceMarks(head[q.n:]) && cells(head) == cells(line) && cells(line) <= tableCols && !(d.links.strict() && strings.Contains(head, "`")) {
				return d.lateTable(p, q, head, line)
			}
		}
	}
	if s[p.n] != '|' || d.notTable == d.pos+1 {
		return false, false
	}
	head, below, ended := strings.Cut(s, "\n")
	switch {
	case !ended && !d.eof && len(head) <= rowMax:
		return true, false
	case len(head) > rowMax, !ended:
		return false, false
	}
	is, maybe := isDelimiter(below, d.eof)
	if maybe {
		return true, false
	}
	line, _, _ := strings.Cut(below, "\n")
	q, ok := readPrefix(line, true)
	if !is || !ok || q.quote != p.quote || cells(head) != cells(line) || cells(line) > tableCols {
		d.notTable = d.pos + 1
		return false, false
	}
	l := levLine
	if d.blank {
		l = levBlank
	}
	size := cost(head)*2 + cost(line) + 2
	if size > d.lim.Chars/3 || len(head)*5+len(line) > d.lim.Bytes/3 {
		d.notTable = d.pos + 1
		return false, false
	}
	if !d.roomBlock() || !d.room(l, size, len(head)*5+len(line)) || d.cells+size > tableChars && d.cells > 0 && d.cut() {
		return true, true
	}
	d.hold()
	out := d.row(p, head)
	out += "\n" + d.row(q, line)
	d.put(out)
	d.beginRows(out, p.quote)
	d.pos += len(head) + 1 + len(line)
	d.endLine()
	return true, true
}

func (d *Doc) beginRows(head string, quote int) {
	d.blocks++
	d.cells += cost(head)
	if cost(head) > d.lim.Chars/4 || len(head) > d.lim.Bytes/4 {
		head = ""
	}
	d.table = table{on: true, head: head}
	d.run, d.para, d.prev, d.head, d.loose = false, false, -1, false, false
	d.quote = quote
}

// lateTable begins a table whose header, without a pipe in front, is already on the page as text.
func (d *Doc) lateTable(p, q prefix, head, line string) (done, more bool) {
	out := d.row(p, line)
	table := d.row(q, head) + "\n" + out
	if d.fresh { // a Break came between the two
		out = table
	}
	if d.fresh && (cost(out) > d.lim.Chars/3 || len(out) > d.lim.Bytes/3) {
		d.prev = -1
		return false, false
	}
	if !d.roomBlock() || !d.fits(cost(out)+2, len(out)+2) {
		d.prev = -1
		if !d.cut() {
			return false, false
		}
		return true, true
	}
	d.put(out)
	d.beginRows(table, p.quote)
	d.hasSnap = false
	d.pos += len(line)
	d.endLine()
	return true, true
}

// tableLine writes a row. It reports whether the line is one.
func (d *Doc) tableLine(p prefix, s string) (done, more bool) {
	line, _, ended := strings.Cut(s, "\n")
	if p.marks > 0 || strings.IndexByte("#`~=", s[p.n]) >= 0 {
		d.leaveTable()
		return false, false
	}
	if !ended && !d.eof && len(line) <= rowMax {
		return true, false
	}
	if strings.IndexByte(line[:min(len(line), rowMax)], '|') < 0 {
		d.leaveTable()
		return false, false
	}
	out := ""
	if len(line) <= rowMax {
		out = d.row(p, line)
	}
	if out == "" || cost(out) > d.lim.Chars/2 || len(out) > d.lim.Bytes/2 {
		head := d.table.head + d.table.resume
		d.endTable()
		d.table.resume = head
		d.notTable = d.pos + 1
		d.nl = max(d.nl, 2)
		return false, false
	}
	if d.table.resume != "" {
		if s[p.n] != '|' {
			d.leaveTable()
			return false, false
		}
		return true, d.resumeTable()
	}
	if d.table.rows >= tableRows && d.cut() || d.cells+cost(out) > tableChars && !d.fresh && d.cut() ||
		!d.room(levLine, cost(out), len(out)) {
		return true, true
	}
	d.put(out)
	d.commit()
	d.cells += cost(out)
	d.table.rows++
	d.pos += len(line)
	d.endLine()
	return true, true
}

// resumeTable writes the header again after a row that was too large for a page.
func (d *Doc) resumeTable() bool {
	head := d.table.resume
	if !d.roomBlock() || !d.room(levLine, cost(head)+2, len(head)+2) {
		return true
	}
	d.hold()
	d.nl = 2
	d.put(head)
	d.beginRows(head, d.quote)
	d.nl = 1
	d.mode = atLine
	return true
}
