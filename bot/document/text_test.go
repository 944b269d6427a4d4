package document

import (
	"errors"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	for name, tt := range map[string]struct{ in, want, part string }{
		"commas":               {"Job,Days\r\n\"a|b, c\",9\r\n", "| Job | Days |\n| --- | --- |\n| a\\|b, c | 9 |", ""},
		"semicolons":           {"Name;Preis\nBrot;1,50\nMilch;0,99\n", "| Name | Preis |\n| --- | --- |\n| Brot | 1,50 |\n| Milch | 0,99 |", ""},
		"tabs":                 {"a\tb\n1\t2", "| a | b |\n| --- | --- |\n| 1 | 2 |", ""},
		"bars":                 {"a|b\n1|2", "| a | b |\n| --- | --- |\n| 1 | 2 |", ""},
		"named":                {"sep=;\r\na,b;c\r\n1;2,3\r\n", "| a,b | c |\n| --- | --- |\n| 1 | 2,3 |", ""},
		"quotes":               {"a,b\n\"say \"\"x\"\"\nand go on\",2\n", "| a | b |\n| --- | --- |\n| say \"x\" and go on | 2 |", ""},
		"ragged":               {"a,b,c\n1\n2,3,4\n5,6,7\n", "| a | b | c |\n| --- | --- | --- |\n| 1 | | |\n| 2 | 3 | 4 |\n| 5 | 6 | 7 |", ""},
		"old Macintosh":        {"a,b\r1,2\r", "| a | b |\n| --- | --- |\n| 1 | 2 |", ""},
		"one column":           {"a\nb\nc\n", "a\nb\nc", ""},
		"too wide":             {strings.Repeat("a,", 100) + "b\n1,2\n", strings.Repeat("a,", 100) + "b\n1,2", ""},
		"a quote that is open": {"a,b\n1,\"2\n3,4\n", "| a | b |\n| --- | --- |\n| 1 | 2 3,4 |", ""},
		"long":                 {"a,b\n" + strings.Repeat("1,2\n", 1000), "", "of 1,001 lines"},
		"long, as it is":       {strings.Repeat("x\n", 1000), "", "of 1,000 lines"},
		"one long line":        {strings.Repeat("x", 1000), strings.Repeat("x", 500), "the first 500 characters"},
	} {
		got, err := Read(t.Context(), Rows, []byte(tt.in), Limits{Runes: 500, Cells: 1000})
		if err != nil || tt.want != "" && got.Markdown != tt.want || (got.Part == "") != (tt.part == "") || !strings.Contains(got.Part, tt.part) {
			t.Errorf("%s: %q, %q, %v", name, got.Markdown, got.Part, err)
		}
	}
}

func TestCanvas(t *testing.T) {
	const in = `<!DOCTYPE html><html><head><title>x</title><style>p{}</style></head><body><h1 id='temp:C:1'>Run&nbsp;book &amp;lt;</h1>
<p class='line'>Ask <control id="temp:C:UAB1" data-remapped="true"><a>@U0A1FGHJQ</a></control> in <control>#C0A5HHGDFJQ</control>, see <control>F0123ABCD</control> and <control><span>@Ana Smith</span></control>.<br>Next <b>line</b> <a href="https://e.test/?a=1&amp;b=2">here</a>.</p>
<div data-section-style='7'><ul><li class='checked'><span>done</span></li><li><p>not <i>yet</i></p></li></ul></div>
<div data-section-style='6'><ol><li>one<ul><li>in it</li></ul></li><li>two</li></ol></div>
<blockquote>quoted<br>twice</blockquote><pre>if a &lt; b {
	x
}</pre><table><tr><td><p>Job</p></td><td>Who</td></tr><tr><td>a|b<br>c</td><td><control>@W0123456</control></td></tr></table>
<hr><p>Use <code>go</code> <img alt=":tada:" data-is-slack-emoji> <img src="x" alt="a map"><script>zq()</script></p><p class="embedded-file">File ID: F9 File URL: https://w.slack.com/f`
	const want = "# Run book &lt;\n\nAsk @U0A1FGHJQ in #C0A5HHGDFJQ, see (file F0123ABCD) and @Ana Smith.\nNext **line** [here](https://e.test/?a=1&b=2).\n\n" +
		"- [x] done\n- [ ] not _yet_\n\n1. one\n  - in it\n2. two\n\n> quoted\n> twice\n\n```\nif a < b {\n\tx\n}\n```\n\n| Job | Who |\n| --- | --- |\n| a\\|b c | @W0123456 |\n\n---\n\n" +
		"Use `go` :tada: (picture: a map)\n\nFile ID: F9 File URL: https://w.slack.com/f"
	got, err := Read(t.Context(), Canvas, []byte(in), wide)
	if got.Markdown != want || got.Part != "" || err != nil {
		t.Errorf("%q\nwant\n%q, %q, %v", got.Markdown, want, got.Part, err)
	}
	if got, err := Read(t.Context(), Canvas, []byte("<p> </p>"), wide); !errors.Is(err, ErrNoText) {
		t.Errorf("%q, %v", got.Markdown, err)
	}
}

func TestKindOf(t *testing.T) {
	const office = "application/vnd.openxmlformats-officedocument."
	for _, tt := range []struct {
		mime, filetype, name string
		want                 Kind
	}{
		{"application/pdf", "pdf", "x", PDF},
		{"", "", "Report.PDF", PDF},
		{"application/octet-stream", "binary", "a.docx", Word},
		{"application/octet-stream", "xlsx", "a", Sheets},
		{office + "wordprocessingml.document", "docx", "x", Word},
		{office + "spreadsheetml.sheet", "", "", Sheets},
		{office + "presentationml.slideshow", "", "", Slides},
		{"application/vnd.ms-excel.sheet.macroEnabled.12", "xlsm", "x.xlsm", Sheets},
		{"application/vnd.ms-excel", "csv", "x.csv", Rows},
		{"application/vnd.ms-excel", "xls", "x.xls", None},
		{"application/msword", "doc", "x.doc", None},
		{"text/csv; charset=utf-8", "csv", "x.csv", Rows},
		{"text/plain", "text", "x.csv", Rows},
		{"text/plain", "csv", "x", Rows},
		{"text/plain", "text", "x.pdf", None},
		{"application/vnd.slack-docs", "quip", "Runbook", Canvas},
		{"application/zip", "zip", "x.zip", None},
		{"application/zip", "zip", "x.pptx", Slides},
		{"image/png", "png", "x.pdf", None},
		{"text/html", "html", "x.html", None},
	} {
		if got := KindOf(tt.mime, tt.filetype, tt.name); got != tt.want {
			t.Errorf("%s, %s, %s: %d, want %d", tt.mime, tt.filetype, tt.name, got, tt.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	parts := docx(`<w:p><w:r><w:t>zq</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p/></w:tc></w:tr></w:tbl>`)
	f.Add(int(Word), zipped(f, parts), "", 1000)
	f.Add(int(Word), zipped(f, parts), parts["word/document.xml"], 10)
	f.Add(int(Sheets), zipped(f, xlsx(`<row><c t="s"><v>0</v></c></row>`)), `<worksheet><row r="-1"><c r="ZZZZZZ9" t="inlineStr"><is><t>x</t></is></c></row></worksheet>`, 100)
	f.Add(int(Slides), []byte(nil), `<p:sld><p:sp><p:ph/><a:p><a:t>x</a:t></a:p><a:tbl><a:tr><a:tc>`, 100)
	f.Add(int(Rows), []byte("a;b\n\"1;2"), "", 7)
	f.Add(int(Canvas), []byte("<ul><li><table><td><control>@U1</control><b><pre>x"), "", 9)
	f.Fuzz(func(t *testing.T, kind int, data []byte, main string, runes int) {
		k := Kind(kind)
		if main != "" { // any XML in the place of the main part
			switch k {
			case Word:
				parts := docx("")
				parts["word/document.xml"], parts["word/styles.xml"], parts["word/numbering.xml"] = main, main, main
				parts["word/_rels/document.xml.rels"] = relsHead + rel("1", "styles", "styles.xml") + rel("2", "numbering", "numbering.xml") + rel("3", "comments", "document.xml") + relsFoot
				data = zipped(t, parts)
			case Sheets:
				parts := xlsx("")
				parts["xl/worksheets/sheet1.xml"], parts["xl/sharedStrings.xml"], parts["xl/styles.xml"] = main, main, main
				parts["xl/_rels/workbook.xml.rels"] = relsHead + rel("rId1", "worksheet", "worksheets/sheet1.xml") + rel("2", "sharedStrings", "sharedStrings.xml") + rel("3", "styles", "styles.xml") + relsFoot
				data = zipped(t, parts)
			case Slides:
				data = zipped(t, map[string]string{
					"ppt/presentation.xml": `<p><sldId r:id="1"/></p>`, "ppt/_rels/presentation.xml.rels": relsHead + rel("1", "slide", "s.xml") + relsFoot, "ppt/s.xml": main,
					"ppt/_rels/s.xml.rels": relsHead + rel("1", "notesSlide", "s.xml") + relsFoot,
				})
			case None, PDF, Rows, Canvas:
			}
		}
		checkRead(t, k, data, runes)
	})
}
