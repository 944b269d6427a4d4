package document

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"
	"time"
)

// checkRead reads a file twice, and checks what holds for any file.
func checkRead(t *testing.T, k Kind, data []byte, runes int) {
	t.Helper()
	limits := Limits{Runes: runes, Pages: 10, Cells: 1000}
	start := time.Now()
	got, err := Read(t.Context(), k, data, limits)
	if took := time.Since(start); took > 20*time.Second {
		t.Fatalf("%d bytes took %v", len(data), took)
	}
	again, againErr := Read(t.Context(), k, data, limits)
	if got != again || (err == nil) != (againErr == nil) {
		t.Fatalf("%q and then %q", got, again)
	}
	if n := len([]rune(got.Markdown)); n > max(runes, 0) || err == nil && n == 0 && got.Part == "" || err != nil && n > 0 {
		t.Fatalf("%d of %d characters, %q, %v", n, runes, got.Part, err)
	}
	if err != nil && strings.Contains(fmt.Sprint(err), "the reader failed") {
		t.Fatal(err)
	}
	if strings.ContainsAny(got.Markdown, "\x00\x1b\r") {
		t.Fatalf("%q", got.Markdown)
	}
}

// odd is an entry of an archive that is not what its header says.
type odd struct {
	name, body      string
	method, flags   uint16
	claims          uint32 // bytes that it claims to unpack to
	times           uint8  // how often it is there
	before, damaged bool
}

// oddZip returns an archive of good parts and of odd ones.
func oddZip(tb testing.TB, parts map[string]string, e odd) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func() {
		for range e.times {
			h := &zip.FileHeader{Name: e.name, Method: e.method, Flags: e.flags, CRC32: crc32.ChecksumIEEE([]byte(e.body)), CompressedSize64: uint64(len(e.body)), UncompressedSize64: uint64(e.claims)}
			w, err := z.CreateRaw(h)
			if err != nil {
				return
			}
			_, _ = w.Write([]byte(e.body))
		}
	}
	if e.before {
		add()
	}
	for name, body := range parts {
		w, err := z.Create(name)
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = w.Write([]byte(body))
	}
	if !e.before {
		add()
	}
	if err := z.Close(); err != nil {
		return nil // a name that is too long
	}
	data := b.Bytes()
	if e.damaged && len(data) > 22 { // the number of entries is another
		binary.LittleEndian.PutUint16(data[len(data)-12:], e.flags)
	}
	return data
}

// FuzzArchive: entries with odd names, methods, sizes and numbers beside good ones.
func FuzzArchive(f *testing.F) {
	const body = `<w:document><w:body><w:p><w:r><w:t>zq two</w:t></w:r></w:p></w:body></w:document>`
	for _, name := range []string{
		"word/document.xml", "WORD/DOCUMENT.XML", "word\\document.xml", "/word/document.xml", "../word/document.xml", "word/document.xml/", "word//document.xml", "", "\x00", "word/_rels/document.xml.rels", "_rels/.rels",
		"xl/sharedStrings.xml", "xl/workbook.xml", "ppt/slides/slide1.xml", "EncryptedPackage", strings.Repeat("a/", 5000), "\xff\xfe", "[Content_Types].xml",
	} {
		f.Add(int(Word), name, body, uint16(0), uint16(0), uint32(len(body)), uint8(1), true, false)
		f.Add(int(Sheets), name, body, uint16(0), uint16(0x801), uint32(0), uint8(3), false, false) // encrypted, and empty
		f.Add(int(Slides), name, body, uint16(8), uint16(8), uint32(1<<31), uint8(1), true, false)  // not packed, and two gigabytes
		f.Add(int(Word), name, body, uint16(99), uint16(0xffff), uint32(1), uint8(2), false, true)  // packed in a way that nobody knows
	}
	f.Fuzz(func(t *testing.T, kind int, name, body string, method, flags uint16, claims uint32, times uint8, before, damaged bool) {
		k := Kind(kind)
		parts := map[string]string{}
		switch k {
		case Word:
			parts = docx(`<w:p><w:r><w:t>zq</w:t></w:r></w:p>`)
		case Sheets:
			parts = xlsx(`<row><c t="s"><v>0</v></c><c><v>7</v></c></row>`)
		case Slides:
			parts = map[string]string{"ppt/presentation.xml": `<p><sldId r:id="1"/></p>`, "ppt/_rels/presentation.xml.rels": relsHead + rel("1", "slide", "s.xml") + relsFoot, "ppt/s.xml": "<sp><p><t>zq</t></p></sp>"}
		case None, PDF, Rows, Canvas:
			return
		}
		checkRead(t, k, oddZip(t, parts, odd{name, body, method, flags, claims, times % 8, before, damaged}), 200)
	})
}

// FuzzCells: cells of all types, with texts, styles and numbers that are not there, or are too
// many.
func FuzzCells(f *testing.F) {
	for _, kind := range []string{"s", "str", "inlineStr", "b", "e", "d", "n", "", "x"} {
		for _, value := range []string{"0", "-1", "1", "4294967296", "1e309", "NaN", "45000.75", "-0.5", "99999999999999999999", "2958466", "TRUE", "#REF!", "&amp;#0;", "\u2028"} {
			f.Add(kind, value, "A1", "0", `yyyy-mm-dd`, `<si><t>zq</t></si>`, "0")
		}
	}
	for _, at := range []string{"", "A0", "A-1", "XFD1048576", "XFE1", "ZZZZZZZZZZZZ9", "1A", "A99999999999999999999", "a1", "AA1:B2", "\x01"} {
		f.Add("n", "1", at, "1", "0%", "", "1")
	}
	for _, shared := range []string{
		`<si/>`, `<si><r><t>a</t></r><rPh><t>ph</t></rPh></si>`, `<si><si><t>x</t></si></si>`, strings.Repeat(`<si><t xml:space="preserve"> </t></si>`, 300), `</sst><si>`, `<!-- --><si><t><![CDATA[zq]]></t></si>`, `<si><t>_x000D_&#13;</t></si>`,
	} {
		f.Add("s", "0", "B2", "164", `[h]:mm:ss;@"x"`, shared, "999999999999")
	}
	for _, format := range []string{"General", "[$-409]d/m/yy h:mm AM/PM", `"y"0`, `\d0`, "0.00E+00", "[Red]-0", strings.Repeat("y", 5000), `"`, "[", "h;m;s;@;x", "%%%"} {
		f.Add("n", "45000.123", "C3", "200", format, "", "0")
	}
	f.Fuzz(func(t *testing.T, kind, value, at, id, format, shared, style string) {
		parts := xlsx(fmt.Sprintf(`<row r=%q><c r=%q t=%q s=%q><v>%s</v></c><c t="inlineStr"><is><t>%s</t></is></c></row><mergeCells><mergeCell ref=%q/></mergeCells>`, id, at, kind, style, value, value, at))
		parts["xl/_rels/workbook.xml.rels"] = relsHead + rel("rId1", "worksheet", "worksheets/sheet1.xml") + rel("rId2", "sharedStrings", "sharedStrings.xml") + rel("rId3", "styles", "styles.xml") + relsFoot
		parts["xl/sharedStrings.xml"] = `<sst count="4294967295" uniqueCount="-1">` + shared + `</sst>`
		parts["xl/styles.xml"] = fmt.Sprintf(`<styleSheet><numFmts><numFmt numFmtId=%q formatCode=%q/></numFmts><cellXfs count="9"><xf numFmtId="0"/><xf numFmtId=%q/></cellXfs></styleSheet>`, id, format, id)
		checkRead(t, Sheets, zipped(t, parts), 500)
	})
}
