package document

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// writer collects a text up to a number of characters.
type writer struct {
	b    strings.Builder
	left int  // characters that fit
	lost bool // a table lost columns
}

// narrow returns the first maxWidth cells of a row, and notes it if others say something.
func (w *writer) narrow(cells []string) []string {
	if len(cells) <= maxWidth {
		return cells
	}
	w.lost = w.lost || slices.ContainsFunc(cells[maxWidth:], func(c string) bool { return c != "" })
	return cells[:maxWidth]
}

// add writes a text, or as much of it as fits: then it returns errFull.
func (w *writer) add(s string) error {
	for i := range s {
		if w.left == 0 {
			w.b.WriteString(clean(s[:i]))
			return errFull
		}
		w.left--
	}
	w.b.WriteString(clean(s))
	return nil
}

// addWhole writes a text that is not to be cut; errFull: it does not fit.
func (w *writer) addWhole(s string) error {
	if utf8.RuneCountInString(s) > w.left {
		return errFull
	}
	return w.add(s)
}

// clean returns text without control characters and what is no UTF-8.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// oneLine returns text on one line, with single spaces.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// cell returns text as the cell of a GFM table. Backslashes stay: before all but a bar they are
// nothing there, and a path has many.
func cell(s string) string { return strings.ReplaceAll(oneLine(s), "|", `\|`) }

// row returns a row of a GFM table that has a number of columns.
func row(cells []string, columns int) string {
	var b strings.Builder
	b.WriteString("|")
	for i := range columns {
		b.WriteByte(' ')
		if i < len(cells) {
			if c := cell(cells[i]); c != "" {
				b.WriteString(c)
				b.WriteByte(' ')
			}
		}
		b.WriteByte('|')
	}
	return b.String()
}

// table writes a GFM table of a number of columns. Its first row is its header; short rows are
// filled up. It is cut between rows: done is how many of them were written.
func (w *writer) table(columns int, rows iter.Seq[[]string]) (done int, err error) {
	if columns == 0 {
		return 0, nil
	}
	for r := range rows {
		line := row(r, columns)
		if done == 0 {
			line += "\n|" + strings.Repeat(" --- |", columns)
		} else {
			line = "\n" + line
		}
		if err := w.addWhole(line); err != nil {
			return done, err
		}
		done++
	}
	return done, nil
}

// widest returns the length of the longest row.
func widest(rows [][]string) int {
	n := 0
	for _, r := range rows {
		n = max(n, len(r))
	}
	return n
}

// LongestRun returns the length of the longest run of a byte.
func LongestRun(text string, of byte) int {
	most, run := 0, 0
	for i := range len(text) {
		if run++; text[i] != of {
			run = 0
		}
		most = max(most, run)
	}
	return most
}
