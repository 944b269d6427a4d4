package term

import (
	"strings"
	"unicode"

	extast "github.com/yuin/goldmark/extension/ast"
)

// leastCell is the width below which no column of a table is narrowed, and mostWord that of a word
// that may be broken: hashes and addresses are longer. If a column had to be narrower than its
// words, the rows become lists.
const (
	leastCell = 6
	mostWord  = 20
)

// cell is a cell of a table, and how it stands in its column.
type cell struct {
	spans []span
	align extast.Alignment
}

// table shows columns; cells that are too wide get several lines.
func (r *renderer) table(n *extast.Table, most int, pre []*prefix) {
	var rows [][]cell
	cols := 0
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var a attr
		if row.Kind() == extast.KindTableHeader {
			a = bold
		}
		var cells []cell
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			t, ok := c.(*extast.TableCell)
			if !ok {
				continue
			}
			cells = append(cells, cell{r.inline(t, a), t.Alignment})
		}
		rows = append(rows, cells)
		cols = max(cols, len(cells))
	}
	if cols == 0 {
		return
	}
	most = r.wide(most)
	widths := columnWidths(rows, cols, most-3*(cols-1))
	if widths == nil {
		r.records(rows, most, pre)
		return
	}
	for i, row := range rows {
		r.row(row, widths, pre)
		if i == 0 {
			rule := make([]string, cols)
			for j, w := range widths {
				rule[j] = strings.Repeat("─", w)
			}
			r.emit(pre, []span{{strings.Join(rule, "─┼─"), dim}})
		}
	}
}

// columnWidths gives each column what it needs, and takes from the widest ones until all fit; nil:
// they cannot fit, unless their words are broken.
func columnWidths(rows [][]cell, cols, most int) []int {
	widths, least := make([]int, cols), make([]int, cols)
	for _, row := range rows {
		for j, c := range row {
			for word := range strings.FieldsSeq(spansText(c.spans)) {
				if !strings.ContainsFunc(word, isCJK) { // those may be broken anywhere
					least[j] = max(least[j], min(width(word), mostWord))
				}
			}
			for _, l := range splitLines(c.spans) {
				widths[j] = max(widths[j], spansWidth(l))
			}
		}
	}
	total, needed := 0, 0
	for j := range widths {
		widths[j] = max(widths[j], 1)
		least[j] = min(widths[j], max(least[j], leastCell))
		total += widths[j]
		needed += least[j]
	}
	if needed > most {
		return nil
	}
	for ; total > most; total-- {
		widest := -1
		for j, w := range widths {
			if w > least[j] && (widest < 0 || w > widths[widest]) {
				widest = j
			}
		}
		widths[widest]--
	}
	return widths
}

// splitLines breaks spans at newlines only.
func splitLines(spans []span) [][]span { return wrap(spans, 1<<20) }

func (r *renderer) row(row []cell, widths []int, pre []*prefix) {
	cells := make([][][]span, len(widths))
	height := 1
	for j, c := range row {
		cells[j] = wrap(c.spans, widths[j])
		height = max(height, len(cells[j]))
	}
	for i := range height {
		var l []span
		for j, w := range widths {
			if j > 0 {
				l = append(l, span{" │ ", dim})
			}
			var part []span
			align := extast.AlignNone
			if i < len(cells[j]) {
				part = cells[j][i]
			}
			if j < len(row) {
				align = row[j].align
			}
			l = append(l, pad(part, w, align)...)
		}
		r.emit(pre, l)
	}
}

func pad(spans []span, w int, align extast.Alignment) []span {
	free := max(w-spansWidth(spans), 0)
	left := 0
	switch align {
	case extast.AlignRight:
		left = free
	case extast.AlignCenter:
		left = free / 2
	case extast.AlignLeft, extast.AlignNone:
	}
	out := append([]span{{strings.Repeat(" ", left), 0}}, spans...)
	return append(out, span{strings.Repeat(" ", free-left), 0})
}

// records writes each row as lines of `column: value`.
func (r *renderer) records(rows [][]cell, most int, pre []*prefix) {
	for i, row := range rows[1:] {
		if i > 0 {
			r.emit(pre, nil)
		}
		for j, c := range row {
			var l []span
			if j < len(rows[0]) && spansWidth(rows[0][j].spans) > 0 {
				l = append(append(l, rows[0][j].spans...), span{": ", bold})
			}
			r.text(append(l, c.spans...), most, pre)
		}
	}
	if len(rows) == 1 {
		for _, c := range rows[0] {
			r.text(c.spans, most, pre)
		}
	}
}

// isCJK reports whether r is of a script that is written without spaces between its words.
func isCJK(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo, unicode.Yi) || r == 'ー'
}
