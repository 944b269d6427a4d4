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

// slides writes a presentation: each slide with its title, its text and the notes of the speaker.
func slides(a *archive, limits Limits, out *writer) (part string, err error) {
	main, err := a.main("ppt/presentation.xml")
	if err != nil {
		return "", err
	}
	rels, err := a.relations(main)
	if err != nil {
		return "", err
	}
	var order []string
	err = a.each(main, func(_ *markup, e xml.StartElement) error {
		if r := rels[attrIn(e, "id")]; e.Name.Local == "sldId" && r.target != "" && !r.external && len(order) < maxParts {
			order = append(order, r.target)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for i, slide := range order {
		part = fmt.Sprintf("the first %d of %d slides", i, len(order))
		if i >= limits.Pages {
			return part, errEnough
		}
		part = fmt.Sprintf("the first %d of %d slides", i+1, len(order))
		if err := oneSlide(a, i+1, slide, out); err != nil {
			return part, err
		}
	}
	if len(order) == 0 {
		return "", fmt.Errorf("it has no slides: %w", ErrDamaged)
	}
	return "", nil
}

// oneSlide writes one slide. What is damaged of it costs no other slide.
func oneSlide(a *archive, number int, part string, out *writer) error {
	s := slideReader{left: 4*out.left + 64}
	damage := s.read(a, part)
	head := fmt.Sprintf("\n\n## Slide %d", number)
	if s.title != "" {
		head += ": " + s.title
	}
	if s.hidden {
		head += " (hidden)"
	}
	if damage != nil && !errors.Is(damage, errFull) {
		if !errors.Is(damage, ErrDamaged) {
			return damage
		}
		head += " (damaged)"
	}
	if err := out.add(head); err != nil {
		return err
	}
	for _, block := range s.blocks {
		if err := block(out); err != nil {
			return err
		}
	}
	if errors.Is(damage, errFull) {
		return errFull
	}
	rels, err := a.relations(part)
	if err != nil && !errors.Is(err, ErrDamaged) {
		return err
	}
	notes := target(rels, "notesSlide")
	if notes == "" {
		return nil
	}
	n := slideReader{left: 4*out.left + 64, notes: true}
	if err := n.read(a, notes); err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, errFull) {
		return err
	}
	for i, block := range n.blocks {
		if i == 0 {
			if err := out.add("\n\nNotes:"); err != nil {
				return err
			}
		}
		if err := block(out); err != nil {
			return err
		}
	}
	return nil
}

// slideReader collects what is on a slide, or in the notes of one.
type slideReader struct {
	notes  bool
	left   int // bytes that may still be collected
	title  string
	hidden bool
	blocks []func(*writer) error

	shape  string // the placeholder's type: title, body, and so on; "-" if the shape is none
	inPara bool
	item   bool // the paragraph is the item of a list
	level  int
	text   []byte
	lines  []string // of the shape
	cells  []string // of the row
	rows   [][]string
	tables int // open
}

func (s *slideReader) read(a *archive, part string) error {
	m, err := a.xml(part)
	if err != nil {
		return err
	}
	defer m.close()
	for {
		tok, err := m.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			switch e := tok.(type) {
			case xml.StartElement:
				err = s.start(m, e)
			case xml.EndElement:
				s.end(e.Name.Local)
			}
		}
		if err == nil && s.left < 0 {
			err = errFull
		}
		if err != nil {
			s.end("p")
			s.end("tc")
			s.end("tr")
			s.end("tbl")
			s.end("sp")
			return err
		}
	}
}

func (s *slideReader) start(m *markup, e xml.StartElement) error {
	switch e.Name.Local {
	case "Fallback", "extLst":
		return m.skip()
	case "sld":
		s.hidden = attr(e, "show") == "0" || attr(e, "show") == "false"
	case "sp":
		s.shape = "-"
	case "ph":
		if s.shape = attr(e, "type"); s.shape == "" {
			s.shape = "obj"
		}
	case "cNvPr":
		if d := oneLine(attr(e, "descr")); d != "" && !s.notes {
			s.left -= len(d)
			s.block("\n\n(picture: " + d + ")")
		}
	case "p":
		s.inPara, s.item, s.level, s.text = true, s.shape == "body" || s.shape == "obj", 0, nil
	case "pPr":
		n, _ := strconv.Atoi(attr(e, "lvl"))
		s.level = min(max(n, 0), 8)
		s.item = s.item || s.level > 0
	case "buNone":
		s.item = false
	case "buChar", "buAutoNum":
		s.item = true
	case "fld":
		if strings.HasPrefix(attr(e, "type"), "slidenum") {
			return m.skip()
		}
	case "br":
		s.text = append(s.text, '\n')
		s.left--
	case "t":
		if !s.inPara {
			return nil
		}
		t, err := m.text()
		s.text = append(s.text, t...)
		s.left -= len(t)
		return err
	case "tbl":
		s.tables++
	}
	return nil
}

func (s *slideReader) end(name string) {
	switch name {
	case "p":
		text := strings.TrimSpace(string(s.text))
		s.inPara, s.text = false, nil
		if text == "" {
			return
		}
		if s.item && s.tables == 0 && !s.notes {
			text = strings.Repeat("  ", s.level) + "- " + oneLine(text)
		}
		s.lines = append(s.lines, text)
		s.left -= 2
	case "tc":
		if s.tables > 0 {
			s.cells = append(s.cells, oneLine(strings.Join(s.lines, " / ")))
			s.lines = nil
			s.left -= 3
		}
	case "tr":
		if len(s.cells) > 0 {
			s.rows = append(s.rows, s.cells)
			s.cells = nil
		}
	case "tbl":
		s.tables = max(0, s.tables-1)
		if s.tables == 0 && len(s.rows) > 0 {
			rows := slices.Clone(s.rows)
			s.rows = nil
			s.blocks = append(s.blocks, func(w *writer) error {
				if err := w.add("\n\n"); err != nil {
					return err
				}
				for i, r := range rows {
					rows[i] = w.narrow(r)
				}
				_, err := w.table(widest(rows), slices.Values(rows))
				return err
			})
		}
	case "sp":
		lines := s.lines
		s.lines = nil
		switch {
		case len(lines) == 0:
		case s.notes && s.shape != "body":
		case !s.notes && (s.shape == "title" || s.shape == "ctrTitle") && s.title == "":
			s.title = oneLine(strings.Join(lines, " "))
		case !s.notes && (s.shape == "sldNum" || s.shape == "dt"):
		default:
			s.block("\n\n" + strings.Join(lines, "\n"))
		}
		s.shape = ""
	}
}

func (s *slideReader) block(text string) {
	s.blocks = append(s.blocks, func(w *writer) error { return w.add(text) })
}
