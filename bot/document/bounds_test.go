package document

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// Bounds of any file: what the heap may grow by, and how long a reader may take that has a second.
// The latter is many times what an idle machine needs: a reader that forgets its time is told by
// the part of the file that it leaves out.
const (
	mostHeap = 64 << 20
	readTime = time.Second
	mostTime = 30 * time.Second
)

// TestBombs: a gigabyte out of a small file, wherever it comes out, costs some megabytes and ends
// in time.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	doc, book := docx(""), xlsx("")
	book["xl/_rels/workbook.xml.rels"] = relsHead + rel("rId1", "worksheet", "worksheets/sheet1.xml") + rel("rId2", "sharedStrings", "sharedStrings.xml") + rel("rId3", "styles", "styles.xml") + relsFoot
	deck := map[string]string{"ppt/presentation.xml": `<p><sldId r:id="1"/></p>`, "ppt/_rels/presentation.xml.rels": relsHead + rel("1", "slide", "s.xml") + relsFoot}
	styled := docx("<w:p><w:r><w:t>zq</w:t></w:r></w:p>")
	styled["word/_rels/document.xml.rels"] = relsHead + rel("1", "styles", "styles.xml") + rel("2", "numbering", "numbering.xml") + relsFoot
	for name, tt := range map[string]struct {
		kind  Kind
		parts map[string]string
		part  string
		head  string
		unit  string
	}{
		"one text":          {Word, doc, "word/document.xml", "<d><p><t>", "zq "},
		"spaces":            {Word, doc, "word/document.xml", "<d>", "    "},
		"one name":          {Word, doc, "word/document.xml", "<d><", "abcd"},
		"one attribute":     {Word, doc, "word/document.xml", `<d a="`, "abcd"},
		"attributes":        {Word, doc, "word/document.xml", `<d `, `a="b" `},
		"empty paragraphs":  {Word, doc, "word/document.xml", "<d>", "<w:p/>"},
		"open paragraphs":   {Word, doc, "word/document.xml", "<d>", "<p>"},
		"empty cells":       {Word, doc, "word/document.xml", "<d><tbl><tr>", "<tc></tc>"},
		"wide cells":        {Word, doc, "word/document.xml", "<d><tbl><tr>", `<tc><gridSpan w:val="999999"/></tc>`},
		"links":             {Word, doc, "word/document.xml", "<d><p>", "<hyperlink>x</hyperlink>"},
		"breaks":            {Word, doc, "word/document.xml", "<d><p>", "<br/>"},
		"what is left out":  {Word, doc, "word/document.xml", "<d><del>", "<t>x</t>"},
		"comments":          {Word, doc, "word/document.xml", "<d>", "<!-- x -->"},
		"one comment":       {Word, doc, "word/document.xml", "<d><!--", "abcd"},
		"entities":          {Word, doc, "word/document.xml", `<!DOCTYPE d [<!ENTITY a "zqzq">`, `<!ENTITY b "&a;&a;&a;&a;">`},
		"styles":            {Word, styled, "word/styles.xml", "<s>", `<style w:styleId="x"/>`},
		"lists":             {Word, styled, "word/numbering.xml", "<s>", `<num w:numId="1"><abstractNumId w:val="1"/></num>`},
		"relations":         {Word, styled, "word/_rels/document.xml.rels", "<s>", `<Relationship Id="x" Target="y"/>`},
		"shared texts":      {Sheets, book, "xl/sharedStrings.xml", "<sst>", "<si><t>zq</t></si>"},
		"runs of one text":  {Sheets, book, "xl/sharedStrings.xml", "<sst><si>", "<r><t>zq</t></r>"},
		"styles of cells":   {Sheets, book, "xl/styles.xml", "<s><cellXfs>", `<xf numFmtId="14"/>`},
		"rows":              {Sheets, book, "xl/worksheets/sheet1.xml", "<s>", "<row/>"},
		"cells":             {Sheets, book, "xl/worksheets/sheet1.xml", "<s><row>", "<c><v>1</v></c>"},
		"sparse":            {Sheets, book, "xl/worksheets/sheet1.xml", "<s>", `<row><c r="A1"><v>1</v></c><c r="IV1"><v>2</v></c></row>`},
		"sheets":            {Sheets, book, "xl/workbook.xml", "<w>", `<sheet name="zq" r:id="rId1"/>`},
		"list of slides":    {Slides, deck, "ppt/presentation.xml", "<p>", `<sldId r:id="1"/>`},
		"shapes":            {Slides, deck, "ppt/s.xml", "<s>", "<sp><p><t>x</t></p></sp>"},
		"pictures":          {Slides, deck, "ppt/s.xml", "<s>", `<cNvPr descr="x"/>`},
		"cells of a slide":  {Slides, deck, "ppt/s.xml", "<s><tbl><tr>", `<tc/>`},
		"breaks on a slide": {Slides, deck, "ppt/s.xml", "<s><sp><p>", `<br/>`},
	} {
		if tt.part != "xl/sharedStrings.xml" {
			tt.parts["xl/sharedStrings.xml"] = "<sst/>"
		}
		data := bomb(t, tt.parts, tt.part, tt.head, tt.unit)
		ctx, cancel := context.WithTimeout(t.Context(), readTime)
		var got Text
		var err error
		heap, took := peak(func() { got, err = Read(ctx, tt.kind, data, wide) })
		cancel()
		t.Logf("%-18s %5d kB of file, %3d MB, %4d ms: %d characters, %q, %v", name, len(data)>>10, heap>>20, took.Milliseconds(), len(got.Markdown), got.Part, err)
		if heap > mostHeap || took > mostTime {
			t.Errorf("%s: %d MB, %v", name, heap>>20, took)
		}
		if err == nil && got.Part == "" && name != "styles" && name != "lists" && name != "relations" && name != "styles of cells" {
			t.Errorf("%s: all of it is read: %d characters", name, len(got.Markdown))
		}
	}
}

// TestManyParts: a million files in an archive are counted before anything is made of them.
func TestManyParts(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a second")
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := range 1_000_000 {
		if _, err := z.CreateRaw(&zip.FileHeader{Name: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	for name, data := range map[string][]byte{"as it is": data, "with a lie": append(append([]byte{}, data[:len(data)-22-98]...), "PK\x05\x06"+strings.Repeat("\x00", 18)...)} {
		var err error
		heap, took := peak(func() { _, err = Read(t.Context(), Word, data, wide) })
		t.Logf("%s: %d MB of file, %d MB, %v: %v", name, len(data)>>20, heap>>20, took, err)
		if !errors.Is(err, ErrLarge) || heap > 8<<20 || took > mostTime {
			t.Errorf("%s: %d MB, %v, %v", name, heap>>20, took, err)
		}
	}
}

// TestLargeTexts: tables and canvases as large as a file may be cost little more than themselves.
func TestLargeTexts(t *testing.T) {
	const size = 10 << 20
	for name, tt := range map[string]struct {
		kind       Kind
		head, unit string
	}{
		"rows":                 {Rows, "", "a,b,c\n"},
		"empty rows":           {Rows, "", ",\n"},
		"one row":              {Rows, "a,b\n", "x,"},
		"one quote":            {Rows, "a,b\n\"", "x,"},
		"quotes":               {Rows, "a,b\n", `"`},
		"lines":                {Rows, "", "x\n"},
		"no lines":             {Rows, "", "x"},
		"paragraphs":           {Canvas, "", "<p>x</p>"},
		"empty paragraphs":     {Canvas, "", "<p></p>"},
		"lists":                {Canvas, "", "<ul>"},
		"items":                {Canvas, "<ul>", "<li>"},
		"cells":                {Canvas, "<table><tr>", "<td></td>"},
		"tables":               {Canvas, "", "<table>"},
		"marks":                {Canvas, "<p>", "<b>"},
		"marks that are ended": {Canvas, "<p>", "<b>x</b>"},
		"marks that are not":   {Canvas, "<p>", "<b>x</i>"},
		"attributes":           {Canvas, "<p ", "a=b "},
		"one tag":              {Canvas, "<", "a"},
		"code":                 {Canvas, "<pre>", "`"},
		"a script":             {Canvas, "<script>", "zq "},
		"a comment":            {Canvas, "<!--", "zq "},
		"breaks":               {Canvas, "<p>", "<br>"},
		"pictures":             {Canvas, "<p>", "<img>"},
		"end tags":             {Canvas, "", "</p>"},
		"entities":             {Canvas, "", "&amp;"},
	} {
		data := []byte(tt.head + strings.Repeat(tt.unit, size/len(tt.unit)))
		ctx, cancel := context.WithTimeout(t.Context(), readTime)
		var got Text
		var err error
		heap, took := peak(func() { got, err = Read(ctx, tt.kind, data, wide) })
		cancel()
		t.Logf("%-21s %3d MB, %4d ms: %d characters, %q, %v", name, heap>>20, took.Milliseconds(), len(got.Markdown), got.Part, err)
		if heap > mostHeap || took > mostTime {
			t.Errorf("%s: %d MB, %v", name, heap>>20, took)
		}
	}
}

// brief is a context whose time is over after some looks at it.
type brief struct {
	context.Context

	looks int
}

func (e *brief) Err() error {
	if e.looks--; e.looks < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestTimeEnds: a reader stops when its context does, and returns what it has.
func TestTimeEnds(t *testing.T) {
	data := bomb(t, docx(""), "word/document.xml", "<d><p><t>zq</t></p><del>", "<t>x</t>")
	over := &brief{t.Context(), 100}
	got, err := Read(over, Word, data, wide)
	if got.Markdown != "zq" || !strings.Contains(got.Part, "took too long") || err != nil {
		t.Errorf("%q, %q, %v", got.Markdown, got.Part, err)
	}
	if over.looks < -10 {
		t.Errorf("it read on, and looked %d times more", -over.looks)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Read(ctx, Word, bomb(t, docx(""), "word/document.xml", "<d>", "<p/>"), wide); !errors.Is(err, ErrSlow) {
		t.Error(err)
	}
}
