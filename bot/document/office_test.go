package document

import (
	"errors"
	"strings"
	"testing"
)

func TestWord(t *testing.T) {
	p := func(props, text string) string {
		return `<w:p><w:pPr>` + props + `</w:pPr><w:r><w:rPr><w:b/></w:rPr><w:t xml:space="preserve">` + text + `</w:t></w:r></w:p>`
	}
	tc := func(in string) string { return `<w:tc><w:tcPr/>` + in + `</w:tc>` }
	item := func(num, level string) string {
		return `<w:numPr><w:ilvl w:val="` + level + `"/><w:numId w:val="` + num + `"/></w:numPr>`
	}
	parts := docx(p(`<w:pStyle w:val="Titel"/>`, "The plan") + p(`<w:pStyle w:val="berschrift2"/>`, "Why") +
		`<w:p><w:r><w:t>We </w:t></w:r><w:del><w:r><w:delText>may</w:delText><w:t>may</w:t></w:r></w:del><w:ins><w:r><w:t xml:space="preserve">must &lt;go&gt;: </w:t></w:r></w:ins>` +
		`<w:hyperlink r:id="rId9"><w:r><w:t>the page</w:t></w:r></w:hyperlink><w:r><w:footnoteReference w:id="2"/><w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t></w:r></w:p>` +
		p(item("1", "0"), "one") + p(item("1", "0"), "two") + p(item("1", "1"), "two a") + p(item("2", "0"), "a dot") +
		`<w:tbl><w:tr>` + tc(p("", "Name")) + tc(p("", "Days")) + `</w:tr><w:tr>` + tc(p("", "a|b")+p("", "c")) + tc(`<w:tbl><w:tr>`+tc(p("", "in"))+tc(p("", "side"))+`</w:tr></w:tbl>`+p("", "9")) + `</w:tr>` +
		`<w:tr><w:tc><w:tcPr><w:gridSpan w:val="2"/></w:tcPr>` + p("", "wide") + `</w:tc></w:tr></w:tbl>` +
		`<w:p><w:r><mc:AlternateContent><mc:Choice><wp:docPr id="1" descr="A chart of costs"/><w:txbxContent>` + p("", "in a box") + `</w:txbxContent></mc:Choice><mc:Fallback><w:t>in a box</w:t></mc:Fallback></mc:AlternateContent><w:t>last</w:t></w:r></w:p>`)
	parts["word/_rels/document.xml.rels"] = relsHead + rel("rId1", "styles", "styles.xml") + rel("rId2", "numbering", "numbering.xml") + rel("rId3", "footnotes", "footnotes.xml") +
		`<Relationship Id="rId9" Type="` + typeBase + `hyperlink" Target="https://example.com/a(b)" TargetMode="External"/>` + relsFoot
	parts["word/styles.xml"] = `<w:styles><w:style w:styleId="Titel"><w:name w:val="Title"/></w:style><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style></w:styles>`
	parts["word/numbering.xml"] = `<w:numbering><w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl><w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/></w:lvl></w:abstractNum>` +
		`<w:abstractNum w:abstractNumId="8"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="8"/></w:num></w:numbering>`
	parts["word/footnotes.xml"] = `<w:footnotes><w:footnote w:type="separator" w:id="0"><w:p/></w:footnote><w:footnote w:id="2"><w:p><w:r><w:t>See there.</w:t></w:r></w:p></w:footnote></w:footnotes>`
	const want = "# The plan\n\n## Why\n\nWe must <go>: [the page](https://example.com/a(b%29)[^2]\tx\ny\n\n1. one\n2. two\n  1. two a\n- a dot\n\n" +
		"| Name | Days |\n| --- | --- |\n| a\\|b / c | in, side / 9 |\n| wide | |\n\nin a box\n\n(picture: A chart of costs)last\n\n[^2]: See there."
	got, err := Read(t.Context(), Word, zipped(t, parts), wide)
	if got.Markdown != want || got.Part != "" || err != nil {
		t.Errorf("%q\nwant\n%q, %q, %v", got.Markdown, want, got.Part, err)
	}
	got, err = Read(t.Context(), Word, zipped(t, parts), Limits{Runes: 20})
	if got.Markdown != "# The plan\n\n## Why" || got.Part != "the first 18 characters" || err != nil {
		t.Errorf("%q, %q, %v", got.Markdown, got.Part, err)
	}
}

func TestSlides(t *testing.T) {
	shape := func(kind, paras string) string {
		if kind != "" {
			kind = `<p:nvSpPr><p:cNvPr id="2" name="x"/><p:nvPr><p:ph type="` + kind + `"/></p:nvPr></p:nvSpPr>`
		}
		return `<p:sp>` + kind + `<p:txBody>` + paras + `</p:txBody></p:sp>`
	}
	para := func(text string) string { return `<a:p><a:r><a:t>` + text + `</a:t></a:r></a:p>` }
	slide := func(show, in string) string {
		return `<p:sld` + show + `><p:cSld><p:spTree>` + in + `</p:spTree></p:cSld></p:sld>`
	}
	parts := map[string]string{
		"_rels/.rels":          relsHead + rel("rId1", "officeDocument", "ppt/presentation.xml") + relsFoot,
		"ppt/presentation.xml": `<p:presentation><p:sldIdLst><p:sldId id="256" r:id="rId2"/><p:sldId id="257" r:id="rId1"/><p:sldId id="258" r:id="rId3"/></p:sldIdLst></p:presentation>`,
		"ppt/_rels/presentation.xml.rels": relsHead + rel("rId1", "slide", "slides/slide1.xml") + rel("rId2", "slide", "slides/slide2.xml") +
			rel("rId3", "slide", "slides/slide3.xml") + relsFoot,
		"ppt/slides/slide2.xml": slide("", shape("body", para("first point")+`<a:p><a:pPr lvl="1"/><a:r><a:t>deeper</a:t></a:r></a:p>`)+shape("ctrTitle", para("Where we are"))+
			shape("sldNum", `<a:p><a:fld type="slidenum"><a:t>1</a:t></a:fld></a:p>`)+shape("", para("free"))+`<p:pic><p:cNvPr descr="a tree"/></p:pic>`),
		"ppt/slides/_rels/slide2.xml.rels": relsHead + rel("rId1", "notesSlide", "../notesSlides/notesSlide1.xml") + relsFoot,
		"ppt/notesSlides/notesSlide1.xml":  `<p:notes>` + shape("sldImg", "") + shape("body", para("Say it slowly.")) + shape("sldNum", para("1")) + `</p:notes>`,
		"ppt/slides/slide1.xml": slide(` show="0"`, `<p:graphicFrame><a:tbl><a:tr><a:tc><a:txBody>`+para("Q")+`</a:txBody></a:tc><a:tc><a:txBody>`+para("EUR")+`</a:txBody></a:tc></a:tr>`+
			`<a:tr><a:tc><a:txBody>`+para("1|2")+`</a:txBody></a:tc></a:tr></a:tbl></p:graphicFrame>`),
		"ppt/slides/slide3.xml": `<p:sld><p:sp>` + para("half"),
	}
	const first = "## Slide 1: Where we are\n\n- first point\n  - deeper\n\nfree\n\n(picture: a tree)\n\nNotes:\n\nSay it slowly."
	const want = first + "\n\n## Slide 2 (hidden)\n\n| Q | EUR |\n| --- | --- |\n| 1\\|2 | |\n\n## Slide 3 (damaged)\n\nhalf"
	got, err := Read(t.Context(), Slides, zipped(t, parts), wide)
	if got.Markdown != want || got.Part != "" || err != nil {
		t.Errorf("%q\nwant\n%q, %q, %v", got.Markdown, want, got.Part, err)
	}
	got, err = Read(t.Context(), Slides, zipped(t, parts), Limits{Runes: 1000, Pages: 1})
	if got.Markdown != first || got.Part != "the first 1 of 3 slides" || err != nil {
		t.Errorf("%q, %q, %v", got.Markdown, got.Part, err)
	}
}

func TestSheets(t *testing.T) {
	parts := xlsx(`<row r="3"><c r="B3" t="s"><v>0</v></c><c r="D3" t="s"><v>1</v></c><c r="E3" t="inlineStr"><is><t>Share</t></is></c><c r="F3" t="str"><f>"S"&amp;"um"</f><v>Sum</v></c></row>` +
		`<row r="5"><c r="B5" t="s"><v>2</v></c><c r="D5" s="1"><v>45292</v></c><c r="E5" s="3"><v>0.125</v></c><c r="F5"><f>SUM(A1:A2)</f><v>0.30000000000000004</v></c></row>` +
		`<row><c t="b"><v>1</v></c><c s="2"><v>45292.75</v></c><c s="4"><v>1.5</v></c><c t="e"><v>#REF!</v></c><c><f>A1+1</f></c></row>` +
		`<row r="9"><c r="C9" s="1"/></row>`)
	parts["xl/workbook.xml"] = `<workbook xmlns:r="x"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/><sheet name="Old" state="hidden" r:id="rId2"/></sheets></workbook>`
	parts["xl/_rels/workbook.xml.rels"] = relsHead + rel("rId1", "worksheet", "worksheets/sheet1.xml") + rel("rId2", "worksheet", "/xl/worksheets/sheet2.xml") +
		rel("rId3", "sharedStrings", "sharedStrings.xml") + rel("rId4", "styles", "styles.xml") + relsFoot
	parts["xl/worksheets/sheet2.xml"] = `<worksheet><sheetData/></worksheet>`
	parts["xl/sharedStrings.xml"] = `<sst><si><t>Job</t></si><si><r><t>Da</t></r><r><t>te</t></r><rPh sb="0" eb="1"><t>デ</t></rPh></si><si><t>a|b
c</t></si></sst>`
	parts["xl/styles.xml"] = `<styleSheet><numFmts><numFmt numFmtId="164" formatCode="[$-407]d\.\ mmm\ yy\ hh:mm;@"/></numFmts><cellStyleXfs><xf numFmtId="9"/></cellStyleXfs>` +
		`<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/><xf numFmtId="10"/><xf numFmtId="46"/></cellXfs></styleSheet>`
	const want = "## Data\n\n| | Job | | Date | Share | Sum |\n| --- | --- | --- | --- | --- | --- |\n| | a\\|b c | | 2024-01-01 | 12.5% | 0.3 |\n" +
		"| TRUE | 2024-01-01 18:00:00 | 36:00:00 | #REF! | =A1+1 | |\n\n## Old (hidden)\n\n(empty)"
	got, err := Read(t.Context(), Sheets, zipped(t, parts), wide)
	if got.Markdown != want || got.Part != "" || err != nil {
		t.Errorf("%q\nwant\n%q, %q, %v", got.Markdown, want, got.Part, err)
	}
	got, err = Read(t.Context(), Sheets, zipped(t, parts), Limits{Runes: 1000, Pages: 9, Cells: 5})
	if !strings.HasSuffix(got.Markdown, "| a\\|b c | | | |") || got.Part != "up to row 5 of sheet 1 of 2" || err != nil {
		t.Errorf("%q, %q, %v", got.Markdown, got.Part, err)
	}
}

func TestFormats(t *testing.T) {
	for code, tt := range map[string]struct {
		value string
		epoch int
		want  string
	}{
		"General":              {"12345.678", 0, "12345.678"},
		"":                     {"1E+20", 0, "1e+20"},
		"0.00":                 {"3.1400000000000001", 0, "3.14"},
		"yyyy-mm-dd":           {"1", 0, "1900-01-01"},
		"d/m/yy":               {"61", 0, "1900-03-01"},
		"dd.mm.yyyy":           {"0", 1904, "1904-01-01"},
		"mmm yy":               {"45292", 0, "2024-01-01"},
		`#,##0" days"`:         {"5", 0, "5"},
		"h:mm AM/PM":           {"0.5", 0, "12:00:00"},
		"[mm]:ss":              {"-0.25", 0, "-6:00:00"},
		"0%":                   {"0.07", 0, "7%"},
		"[Red]0.0;[Blue]dd":    {"2", 0, "2"},
		"yyyy":                 {"99999999", 0, "99999999"},
		`yyyy\-mm\-dd`:         {"no number", 0, "no number"},
		"[h]:mm:ss":            {"NaN", 0, "NaN"},
		"[$-409]m/d/yy h:mm":   {"45292.999999", 0, "2024-01-02 00:00:00"},
		"[":                    {"7", 0, "7"},
		`"`:                    {"8", 0, "8"},
		`_(* #,##0.00_);_(@_)`: {"9", 0, "9"},
	} {
		if got := formatOf(code).show(tt.value, tt.epoch); got != tt.want {
			t.Errorf("%s of %s: %s, want %s", code, tt.value, got, tt.want)
		}
	}
}

func TestBrokenFiles(t *testing.T) {
	whole := zipped(t, docx(`<w:p><w:r><w:t>zq</w:t></w:r></w:p>`))
	cut := docx(`<w:p><w:r><w:t>zq the beginning</w:t></w:r></w:p>`)
	cut["word/document.xml"] = strings.TrimSuffix(cut["word/document.xml"], "<w:sectPr/></w:body></w:document>") + "<w:p></oops attr>"
	old := append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 1000)...)
	secret := append(append([]byte{}, old...), utf16LE("EncryptedPackage")...)
	for name, tt := range map[string]struct {
		data []byte
		kind Kind
		err  error
		text string
	}{
		"nothing":               {nil, Word, ErrDamaged, ""},
		"no archive":            {[]byte("%PDF-1.4"), Word, ErrDamaged, ""},
		"half an archive":       {whole[:len(whole)/2], Word, ErrDamaged, ""},
		"another kind":          {whole, Slides, ErrDamaged, ""},
		"another kind, sheets":  {whole, Sheets, ErrDamaged, ""},
		"an archive":            {zipped(t, map[string]string{"a.txt": "x"}), Word, ErrDamaged, ""},
		"damaged in the middle": {zipped(t, cut), Word, nil, "zq the beginning"},
		"Office 97":             {old, Word, ErrOld, ""},
		"encrypted":             {secret, Sheets, ErrPassword, ""},
		"an empty document":     {zipped(t, docx("")), Word, ErrNoText, ""},
	} {
		got, err := Read(t.Context(), tt.kind, tt.data, wide)
		if !errors.Is(err, tt.err) || got.Markdown != tt.text {
			t.Errorf("%s: %q, %v", name, got.Markdown, err)
		}
		if damaged := name == "damaged in the middle"; damaged != strings.Contains(got.Part, "the rest is damaged") {
			t.Errorf("%s: %q", name, got.Part)
		}
	}
}
