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

// wordStyle is what a style makes of its paragraphs.
type wordStyle struct {
	heading int    // its level; 0: none
	num     string // its list; empty: none
}

// wordReader writes the body of a Word file. Paragraphs and tables nest: a text box stands in a
// paragraph, a table in a cell.
type wordReader struct {
	out      *writer
	rels     map[string]relation
	styles   map[string]wordStyle
	ordered  map[string]bool // by list and level
	counts   map[string]int  // of the items, by list and level
	paras    []*wordPara     // open, the outermost first
	tables   []*wordTable
	pending  int  // bytes of open paragraphs and tables
	lastItem bool // what was written last is the item of a list
}

type wordPara struct {
	text       []byte
	style, num string
	level      int
	heading    int
	links      []wordLink // open
}

type wordLink struct {
	from int
	url  string
}

type wordTable struct {
	rows  [][]string
	row   []string
	cell  []string
	width int // columns of the cell
}

// Numbers of styles and lists that are kept: a large template has some hundred.
const maxStyles = 10_000

func word(a *archive, out *writer) error {
	part, err := a.main("word/document.xml")
	if err != nil {
		return err
	}
	w := &wordReader{out: out, styles: map[string]wordStyle{}, ordered: map[string]bool{}, counts: map[string]int{}}
	if w.rels, err = a.relations(part); err != nil {
		return err
	}
	// Without styles and lists the text is still there.
	if err := w.readStyles(a); err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if err := w.readLists(a); err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	if err := w.body(a, part); err != nil {
		return err
	}
	for _, kind := range []string{"footnotes", "endnotes", "comments"} {
		if part := target(w.rels, kind); part != "" {
			if err := w.notes(a, part); err != nil {
				return err
			}
		}
	}
	return nil
}

// readStyles learns which styles are headings and lists.
func (w *wordReader) readStyles(a *archive) error {
	part := target(w.rels, "styles")
	if part == "" {
		return nil
	}
	id, s := "", wordStyle{}
	keep := func() {
		if id != "" && s != (wordStyle{}) && len(w.styles) < maxStyles {
			w.styles[id] = s
		}
	}
	defer keep()
	return a.each(part, func(_ *markup, e xml.StartElement) error {
		val := attr(e, "val")
		switch e.Name.Local {
		case "style":
			keep()
			id, s = attr(e, "styleId"), wordStyle{}
		case "name":
			name := strings.ToLower(val)
			if n, ok := strings.CutPrefix(name, "heading "); ok {
				s.heading, _ = strconv.Atoi(n)
			}
			if name == "title" {
				s.heading = 1
			}
		case "outlineLvl":
			if n, err := strconv.Atoi(val); err == nil && n < 9 && s.heading == 0 {
				s.heading = n + 1
			}
		case "numId":
			s.num = val
		}
		return nil
	})
}

// readLists learns which lists are numbered.
func (w *wordReader) readLists(a *archive) error {
	part := target(w.rels, "numbering")
	if part == "" {
		return nil
	}
	abstract := map[string]bool{}
	of, level, num := "", "", ""
	return a.each(part, func(_ *markup, e xml.StartElement) error {
		switch e.Name.Local {
		case "abstractNum":
			of = attr(e, "abstractNumId")
		case "lvl":
			level = attr(e, "ilvl")
		case "numFmt":
			if v := attr(e, "val"); v != "bullet" && v != "none" && len(abstract) < maxStyles {
				abstract[of+"/"+level] = true
			}
		case "num":
			num = attr(e, "numId")
		case "abstractNumId":
			for i := range 9 {
				if l := strconv.Itoa(i); abstract[attr(e, "val")+"/"+l] && len(w.ordered) < maxStyles {
					w.ordered[num+"/"+l] = true
				}
			}
		}
		return nil
	})
}

// notes writes footnotes or comments, each behind its mark.
func (w *wordReader) notes(a *archive, part string) error {
	mark := "[^"
	if strings.Contains(part, "comment") {
		mark = "[comment "
	}
	id := ""
	var text []byte
	flush := func() error {
		defer func() { text = nil }()
		if t := oneLine(string(text)); t != "" && id != "" {
			return w.out.add("\n\n" + mark + id + "]: " + t)
		}
		return nil
	}
	err := a.each(part, func(m *markup, e xml.StartElement) error {
		switch e.Name.Local {
		case "footnote", "endnote", "comment":
			if err := flush(); err != nil {
				return err
			}
			if id = attr(e, "id"); attr(e, "type") != "" { // the line above the notes
				id = ""
			}
		case "del", "Fallback":
			return m.skip()
		case "p":
			text = append(text, ' ')
		case "t":
			t, err := m.text()
			if text = append(text, t...); len(text) > 4*w.out.left {
				return errors.Join(flush(), errFull)
			}
			return err
		}
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

func (w *wordReader) body(a *archive, part string) error {
	m, err := a.xml(part)
	if err != nil {
		return err
	}
	defer m.close()
	for {
		tok, err := m.next()
		if errors.Is(err, io.EOF) {
			return w.finish()
		}
		if err != nil {
			return errors.Join(w.finish(), err)
		}
		switch e := tok.(type) {
		case xml.StartElement:
			err = w.start(m, e)
		case xml.EndElement:
			err = w.end(e.Name.Local)
		}
		if err == nil && w.pending > 4*w.out.left+64 {
			err = errFull
		}
		if err != nil {
			return errors.Join(w.finish(), err)
		}
	}
}

// finish writes what is open.
func (w *wordReader) finish() error {
	for len(w.paras) > 0 {
		if err := w.end("p"); err != nil {
			return err
		}
	}
	for len(w.tables) > 0 {
		for _, name := range []string{"tc", "tr", "tbl"} {
			if err := w.end(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *wordReader) add(s string) {
	if n := len(w.paras); n > 0 {
		w.paras[n-1].text = append(w.paras[n-1].text, s...)
		w.pending += len(s)
	}
}

func (w *wordReader) start(m *markup, e xml.StartElement) error {
	switch e.Name.Local {
	case "del", "moveFrom", "Fallback", "instrText", "delText", "rPrChange", "pPrChange", "sectPr", "sdtPr", "tabs", "tblPr", "trPr", "rPr":
		return m.skip()
	case "p":
		w.paras = append(w.paras, &wordPara{})
		return nil
	case "tbl":
		w.tables = append(w.tables, &wordTable{})
		return nil
	case "gridSpan":
		if n := len(w.tables); n > 0 {
			span, _ := strconv.Atoi(attr(e, "val"))
			w.tables[n-1].width = min(span, maxWidth)
		}
		return nil
	}
	if len(w.paras) == 0 {
		return nil
	}
	p := w.paras[len(w.paras)-1]
	switch e.Name.Local {
	case "t":
		t, err := m.text()
		w.add(t)
		return err
	case "tab", "ptab":
		w.add("\t")
	case "br", "cr":
		w.add("\n")
	case "noBreakHyphen":
		w.add("-")
	case "pStyle":
		p.style = attr(e, "val")
	case "numId":
		p.num = attr(e, "val")
	case "ilvl":
		n, _ := strconv.Atoi(attr(e, "val"))
		p.level = min(max(n, 0), 8)
	case "outlineLvl":
		if n, err := strconv.Atoi(attr(e, "val")); err == nil && n < 9 {
			p.heading = n + 1
		}
	case "hyperlink":
		url := ""
		if r := w.rels[attrIn(e, "id")]; r.external {
			url = r.target
		}
		p.links = append(p.links, wordLink{len(p.text), url})
	case "footnoteReference", "endnoteReference":
		w.add("[^" + attr(e, "id") + "]")
	case "commentReference":
		w.add("[comment " + attr(e, "id") + "]")
	case "docPr":
		if d := oneLine(attr(e, "descr")); d != "" {
			w.add("(picture: " + d + ")")
		}
	}
	return nil
}

func (w *wordReader) end(name string) error {
	paras, tables := len(w.paras), len(w.tables)
	switch {
	case name == "hyperlink" && paras > 0:
		p := w.paras[paras-1]
		if n := len(p.links); n > 0 {
			l := p.links[n-1]
			p.links = p.links[:n-1]
			text := string(p.text[l.from:])
			if l.url != "" && strings.TrimSpace(text) != "" && len(l.url) < 2000 {
				p.text = append(p.text[:l.from], link(text, l.url)...)
				w.pending += len(l.url) + 4
			}
		}
	case name == "p" && paras > 0:
		p := w.paras[paras-1]
		w.paras = w.paras[:paras-1]
		w.pending -= len(p.text)
		return w.paragraph(p)
	case tables == 0:
	case name == "tc":
		t := w.tables[tables-1]
		t.row = append(t.row, strings.Join(t.cell, " / "))
		for i := 1; i < t.width && len(t.row) < maxWidth; i++ {
			t.row = append(t.row, "")
		}
		w.pending += 3 * max(t.width, 1)
		t.cell, t.width = nil, 0
	case name == "tr":
		t := w.tables[tables-1]
		if len(t.row) > 0 {
			t.rows = append(t.rows, w.out.narrow(t.row))
		}
		t.row = nil
	case name == "tbl":
		t := w.tables[tables-1]
		w.tables = w.tables[:tables-1]
		return w.table(t)
	}
	return nil
}

// link returns a link in Markdown.
func link(text, url string) string {
	if text = oneLine(text); text == url {
		return url
	}
	return "[" + text + "](" + strings.NewReplacer(" ", "%20", "\n", "", ")", "%29").Replace(url) + ")"
}

// table writes a table, or puts it into the cell that it stands in.
func (w *wordReader) table(t *wordTable) error {
	if n := len(w.tables); n > 0 {
		var rows []string
		for _, r := range t.rows {
			rows = append(rows, strings.Join(r, ", "))
		}
		w.tables[n-1].cell = append(w.tables[n-1].cell, strings.Join(rows, "; "))
		return nil
	}
	if len(w.paras) == 0 {
		w.pending = 0
	}
	if len(t.rows) == 0 {
		return nil
	}
	w.lastItem = false
	if err := w.out.add("\n\n"); err != nil {
		return err
	}
	_, err := w.out.table(widest(t.rows), slices.Values(t.rows))
	return err
}

// paragraph writes a paragraph as what its style makes of it.
func (w *wordReader) paragraph(p *wordPara) error {
	text := strings.TrimSpace(string(p.text))
	if text == "" {
		return nil
	}
	if n := len(w.tables); n > 0 {
		w.tables[n-1].cell = append(w.tables[n-1].cell, oneLine(text))
		w.pending += len(text)
		return nil
	}
	style := w.styles[p.style]
	heading, num := p.heading, p.num
	if heading == 0 {
		heading = style.heading
	}
	if num == "" {
		num = style.num
	}
	wasItem := w.lastItem
	w.lastItem = false
	switch {
	case heading > 0:
		return w.out.add("\n\n" + strings.Repeat("#", min(heading, 6)) + " " + oneLine(text))
	case num != "" && num != "0":
		w.lastItem = true
		space := "\n"
		if !wasItem {
			space = "\n\n"
		}
		indent := strings.Repeat("  ", p.level)
		return w.out.add(space + indent + w.mark(num, p.level) + " " + strings.ReplaceAll(text, "\n", "\n"+indent+"  "))
	}
	return w.out.add("\n\n" + text)
}

// mark returns what stands before the next item of a list.
func (w *wordReader) mark(num string, level int) string {
	key := func(level int) string { return num + "/" + strconv.Itoa(level) }
	if !w.ordered[key(level)] || len(w.counts) > maxStyles {
		return "-"
	}
	for deeper := level + 1; deeper < 9; deeper++ {
		delete(w.counts, key(deeper))
	}
	w.counts[key(level)]++
	return fmt.Sprintf("%d.", w.counts[key(level)])
}

// attrIn returns an attribute of a foreign namespace by its local name: r:id, where id is another.
func attrIn(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space != "" {
			return a.Value
		}
	}
	return ""
}
