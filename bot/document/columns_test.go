package document

import (
	"fmt"
	"strings"
	"testing"
)

// TestWideTablesSayIt: a table with more columns than are read says so, in each format; one with
// empty cells there does not.
func TestWideTablesSayIt(t *testing.T) {
	cells := func(n int, cell func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(cell(i))
		}
		return b.String()
	}
	name := func(i int) string {
		letters := string(rune('A' + i%26))
		for i = i/26 - 1; i >= 0; i = i/26 - 1 {
			letters = string(rune('A'+i%26)) + letters
		}
		return letters
	}
	days := func(n int) string {
		return `<row r="1">` + cells(n, func(i int) string { return fmt.Sprintf(`<c r="%s1"><v>%d</v></c>`, name(i), i) }) + `<c r="` + name(n+300) + `1"><v></v></c></row>`
	}
	wordCells := func(n int) string {
		return cells(n, func(i int) string { return fmt.Sprintf(`<w:tc><w:p><w:r><w:t>%d</w:t></w:r></w:p></w:tc>`, i) }) + `<w:tc><w:p/></w:tc>`
	}
	slide := func(n int) map[string]string {
		return map[string]string{
			"_rels/.rels":                     relsHead + rel("rId1", "officeDocument", "ppt/presentation.xml") + relsFoot,
			"ppt/presentation.xml":            `<p:presentation><p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst></p:presentation>`,
			"ppt/_rels/presentation.xml.rels": relsHead + rel("rId1", "slide", "slides/slide1.xml") + relsFoot,
			"ppt/slides/slide1.xml": `<p:sld><p:cSld><p:spTree><a:tbl><a:tr>` +
				cells(n, func(i int) string {
					return fmt.Sprintf(`<a:tc><a:txBody><a:p><a:r><a:t>%d</a:t></a:r></a:p></a:txBody></a:tc>`, i)
				}) + `</a:tr></a:tbl></p:spTree></p:cSld></p:sld>`,
		}
	}
	html := func(n int) []byte {
		return []byte(`<table><tr>` + cells(n, func(i int) string { return fmt.Sprintf(`<td>%d</td>`, i) }) + `</tr></table>`)
	}
	const part = "all, but of wide tables the first 256 columns"
	for what, c := range map[string]struct {
		kind Kind
		data func(n int) []byte
	}{
		"a sheet": {Sheets, func(n int) []byte { return zipped(t, xlsx(days(n))) }},
		"Word":    {Word, func(n int) []byte { return zipped(t, docx(`<w:tbl><w:tr>`+wordCells(n)+`</w:tr></w:tbl>`)) }},
		"in a cell": {Word, func(n int) []byte {
			return zipped(t, docx(`<w:tbl><w:tr><w:tc><w:tbl><w:tr>`+wordCells(n)+`</w:tr></w:tbl></w:tc></w:tr></w:tbl>`))
		}},
		"a slide":  {Slides, func(n int) []byte { return zipped(t, slide(n)) }},
		"a canvas": {Canvas, html},
	} {
		for n, want := range map[int]string{256: "", 257: part, 365: part} {
			got, err := Read(t.Context(), c.kind, c.data(n), wide)
			if err != nil || got.Part != want || !strings.Contains(got.Markdown, "255") || strings.Contains(got.Markdown, "256") {
				t.Errorf("%s of %d columns: %q, %v, …%s", what, n, got.Part, err, got.Markdown[max(0, len(got.Markdown)-60):])
			}
		}
	}
	got, err := Read(t.Context(), Sheets, zipped(t, xlsx(days(365)+days(1))), Limits{Runes: 3_200, Pages: 10, Cells: 5_000})
	if err != nil || !strings.HasPrefix(got.Part, "the rows up to ") || !strings.HasSuffix(got.Part, "; of wide tables the first 256 columns") {
		t.Errorf("%q, %v", got.Part, err)
	}
}
