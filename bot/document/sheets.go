package document

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what a workbook shares between its sheets.
const (
	maxShared      = 8 << 20 // bytes of texts: their order is that of the sheets, so the first ones are those that are shown
	maxSharedTexts = 200_000 // 16 bytes each beside the text
)

// workbook is what the sheets of a file share.
type workbook struct {
	texts   []string // of cells
	cut     bool     // there are more
	formats []format // by the number of a cell's style
	epoch   int      // see serial
}

// sheets writes a workbook: a table for each sheet, whose first row is its header. Empty rows and
// columns are left out. Cells show what Excel showed last: the values of formulas, dates as dates.
func sheets(a *archive, limits Limits, out *writer) (part string, err error) {
	main, err := a.main("xl/workbook.xml")
	if err != nil {
		return "", err
	}
	rels, err := a.relations(main)
	if err != nil {
		return "", err
	}
	type sheet struct{ name, part, state string }
	var list []sheet
	var book workbook
	err = a.each(main, func(_ *markup, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			if v := attr(e, "date1904"); v == "1" || v == "true" {
				book.epoch = 1904
			}
		case "sheet":
			if r := rels[attrIn(e, "id")]; r.target != "" && len(list) < maxParts && r.kind != "chartsheet" {
				list = append(list, sheet{oneLine(attr(e, "name")), r.target, attr(e, "state")})
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", fmt.Errorf("it has no sheets: %w", ErrDamaged)
	}
	// Without the styles dates are numbers, and without the texts only numbers are left.
	if err := book.readFormats(a, target(rels, "styles")); err != nil && !errors.Is(err, ErrDamaged) {
		return "", err
	}
	if err := book.readTexts(a, target(rels, "sharedStrings")); err != nil {
		return "", err
	}
	cells := limits.Cells
	for i, s := range list {
		if i >= limits.Pages {
			return fmt.Sprintf("the first %d of %d sheets", i, len(list)), errEnough
		}
		head := "\n\n## " + s.name
		if s.state == "hidden" || s.state == "veryHidden" {
			head += " (hidden)"
		}
		last, err := book.sheet(a, s.part, head, &cells, out)
		switch {
		case err == nil:
		case errors.Is(err, ErrDamaged) && i+1 < len(list):
			if err := out.add("\n\n(the rest of this sheet is damaged)"); err != nil {
				return fmt.Sprintf("the first %d of %d sheets", i, len(list)), err
			}
		case len(list) == 1:
			return fmt.Sprintf("the rows up to %d", last), err
		default:
			return fmt.Sprintf("up to row %d of sheet %d of %d", last, i+1, len(list)), err
		}
	}
	if book.cut {
		return "all but some of its texts", errEnough
	}
	return "", nil
}

// readTexts reads the texts that cells share.
func (b *workbook) readTexts(a *archive, part string) error {
	if part == "" {
		return nil
	}
	bytes := 0
	err := a.each(part, func(m *markup, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		text, err := m.item()
		if err != nil {
			return err
		}
		if bytes += len(text); bytes > maxShared || len(b.texts) >= maxSharedTexts {
			b.cut = true
			return errEnough
		}
		b.texts = append(b.texts, text)
		return nil
	})
	if errors.Is(err, errEnough) || errors.Is(err, ErrDamaged) {
		b.cut = true
		return nil
	}
	return err
}

// item returns the text of a shared or an inline text: that of its runs, without how it is spoken.
func (m *markup) item() (string, error) {
	var t strings.Builder
	for depth := m.depth; m.depth >= depth; {
		tok, err := m.next()
		if err != nil {
			return "", err
		}
		e, ok := tok.(xml.StartElement)
		switch {
		case !ok:
		case e.Name.Local == "rPh":
			err = m.skip()
		case e.Name.Local == "t":
			var s string
			s, err = m.text()
			if t.Len() < maxToken {
				t.WriteString(s)
			}
		}
		if err != nil {
			return "", err
		}
	}
	return t.String(), nil
}

// readFormats reads how cells show numbers.
func (b *workbook) readFormats(a *archive, part string) error {
	if part == "" {
		return nil
	}
	codes := map[string]string{}
	inCells := false
	return a.each(part, func(_ *markup, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if len(codes) < maxStyles {
				codes[attr(e, "numFmtId")] = attr(e, "formatCode")
			}
		case "cellXfs":
			inCells = true
		case "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if inCells && len(b.formats) < 8*maxStyles {
				id := attr(e, "numFmtId")
				code, own := codes[id]
				if !own {
					code = builtIn(id)
				}
				b.formats = append(b.formats, formatOf(code))
			}
		}
		return nil
	})
}

// sheetRow is a row of a sheet; most of a hostile one is empty.
type sheetRow struct {
	number int
	cells  []sheetCell
}

type sheetCell struct {
	column int
	text   string
}

// sheet writes one sheet under its head. last is the number of the last row that was written.
func (b *workbook) sheet(a *archive, part, head string, cells *int, out *writer) (last int, err error) {
	rows, readErr := b.rows(a, part, cells, out)
	if err := out.add(head); err != nil {
		return 0, err
	}
	used := make([]bool, maxWidth)
	for _, r := range rows {
		for _, c := range r.cells {
			used[c.column] = true
		}
	}
	place, columns := make([]int, maxWidth), 0 // where a column goes: those that are empty go nowhere
	for i, u := range used {
		place[i] = columns
		if u {
			columns++
		}
	}
	if columns == 0 {
		if readErr == nil {
			readErr = out.add("\n\n(empty)")
		}
		return 0, readErr
	}
	if err := out.add("\n\n"); err != nil {
		return 0, err
	}
	done, err := out.table(columns, func(yield func([]string) bool) {
		line := make([]string, columns)
		for _, r := range rows {
			clear(line)
			for _, c := range r.cells {
				line[place[c.column]] = c.text
			}
			if !yield(line) {
				return
			}
		}
	})
	if done > 0 {
		last = rows[done-1].number
	}
	if err != nil {
		return last, err
	}
	return last, readErr
}

// rows reads the rows of a sheet that are not empty, up to a number of cells and of bytes, and
// notes in out if it lost columns.
func (b *workbook) rows(a *archive, part string, cells *int, out *writer) (rows []sheetRow, err error) {
	bytes := 4*out.left + 64
	m, err := a.xml(part)
	if err != nil {
		return nil, err
	}
	defer m.close()
	var r sheetRow
	number, column := 0, -1
	keep := func() {
		if len(r.cells) > 0 {
			rows = append(rows, r)
		}
		r = sheetRow{}
	}
	defer keep()
	for {
		tok, err := m.next()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			keep()
			return rows, err
		}
		switch e := tok.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "row":
				number++
				if n, err := strconv.Atoi(attr(e, "r")); err == nil {
					number = n
				}
				column = -1
				r.number = number
			case "c":
				column++
				if at, ok := columnOf(attr(e, "r")); ok {
					column = at
				}
				text, err := b.cell(m, e)
				if err != nil {
					keep()
					return rows, err
				}
				if text == "" {
					continue
				}
				if column >= maxWidth {
					out.lost = true
					continue
				}
				if *cells--; *cells < 0 {
					keep()
					return rows, errEnough
				}
				r.cells = append(r.cells, sheetCell{column, text})
				if bytes -= len(text) + 3; bytes < 0 {
					keep()
					return rows, errFull
				}
			}
		case xml.EndElement:
			if e.Name.Local == "row" {
				keep()
			}
		}
	}
}

// columnOf returns the number of the column in the name of a cell, such as 27 for AB7.
func columnOf(name string) (int, bool) {
	n := 0
	for i := range len(name) {
		c := name[i] | 0x20
		if c < 'a' || c > 'z' {
			return n - 1, n > 0
		}
		if n = n*26 + int(c-'a'+1); n > 1<<20 {
			return n, true
		}
	}
	return n - 1, n > 0
}

// cell returns what a cell shows.
func (b *workbook) cell(m *markup, e xml.StartElement) (string, error) {
	kind, style := attr(e, "t"), attr(e, "s")
	value, formula, inline := "", "", ""
	for depth := m.depth; m.depth >= depth; {
		tok, err := m.next()
		if err != nil {
			return "", err
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "v":
			value, err = m.text()
		case "f":
			formula, err = m.text()
		case "is":
			inline, err = m.item()
		}
		if err != nil {
			return "", err
		}
	}
	switch {
	case kind == "inlineStr":
		return oneLine(inline), nil
	case value == "" && formula != "": // a program that calculates nothing wrote it
		return "=" + oneLine(formula), nil
	case kind == "s":
		if i, err := strconv.Atoi(strings.TrimSpace(value)); err == nil && i >= 0 && i < len(b.texts) {
			return oneLine(b.texts[i]), nil
		}
		return "…", nil
	case kind == "b":
		if strings.TrimSpace(value) == "1" {
			return "TRUE", nil
		}
		return "FALSE", nil
	case kind == "" || kind == "n":
		var f format
		if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(b.formats) {
			f = b.formats[i]
		}
		return f.show(strings.TrimSpace(value), b.epoch), nil
	}
	return oneLine(value), nil
}

// builtIn returns the format that a number stands for, as far as it changes what is shown
// (ECMA-376, part 1, 18.8.30). Those of East Asia show a date or a time.
func builtIn(id string) string {
	n, _ := strconv.Atoi(id)
	switch {
	case n == 9 || n == 10:
		return "0.00%"
	case n >= 14 && n <= 17:
		return "yyyy-mm-dd"
	case n >= 18 && n <= 21:
		return "hh:mm:ss"
	case n == 22:
		return "yyyy-mm-dd hh:mm"
	case n == 45 || n == 47:
		return "mm:ss"
	case n == 46:
		return "[h]:mm:ss"
	case slices.Contains([]int{32, 33, 55, 56}, n):
		return "hh:mm:ss"
	case n >= 27 && n <= 36, n >= 50 && n <= 58:
		return "yyyy-mm-dd"
	}
	return ""
}
