package document

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// wide are limits that no small file reaches.
var wide = Limits{Runes: 100_000, Pages: 100, Cells: 50_000}

// zipped returns an archive of parts.
func zipped(tb testing.TB, parts map[string]string) []byte {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		w, err := z.Create(name)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(parts[name])); err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

const (
	xmlHead  = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`
	wordNS   = ` xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`
	relsHead = xmlHead + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">`
	typeBase = `http://schemas.openxmlformats.org/officeDocument/2006/relationships/`
	relsFoot = `</Relationships>`
)

func rel(id, kind, target string) string {
	return `<Relationship Id="` + id + `" Type="` + typeBase + kind + `" Target="` + target + `"/>`
}

// docx returns the parts of a Word file with a body.
func docx(body string) map[string]string {
	return map[string]string{
		"[Content_Types].xml": xmlHead + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>`,
		"_rels/.rels":         relsHead + rel("rId1", "officeDocument", "word/document.xml") + relsFoot,
		"word/document.xml":   xmlHead + `<w:document` + wordNS + `><w:body>` + body + `<w:sectPr/></w:body></w:document>`,
	}
}

// xlsx returns the parts of a workbook with one sheet, whose data these are.
func xlsx(data string) map[string]string {
	return map[string]string{
		"_rels/.rels":                relsHead + rel("rId1", "officeDocument", "/xl/workbook.xml") + relsFoot,
		"xl/workbook.xml":            xmlHead + `<workbook xmlns:r="x"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": relsHead + rel("rId1", "worksheet", "worksheets/sheet1.xml") + relsFoot,
		"xl/worksheets/sheet1.xml":   xmlHead + `<worksheet><sheetData>` + data + `</sheetData></worksheet>`,
	}
}

// peak returns by how much the heap was larger at most while f ran, and how long f took.
func peak(f func()) (bytes uint64, took time.Duration) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before, polled := heap(), uint64(0) // polled is the poller's until it has stopped
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				polled = max(polled, heap())
			}
		}
	}()
	start := time.Now()
	f()
	took = time.Since(start)
	last := heap()
	close(done)
	<-stopped
	most := max(polled, last)
	return most - min(before, most), took
}

// bomb returns an archive of parts, of which one is head and then a gigabyte of a unit, in some
// megabytes.
func bomb(tb testing.TB, parts map[string]string, name, head, unit string) []byte {
	tb.Helper()
	var packed, once bytes.Buffer
	pack := func(to *bytes.Buffer, text string) {
		w, err := flate.NewWriter(to, flate.BestCompression)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			tb.Fatal(err)
		}
		if err := w.Flush(); err != nil { // and no end: more may follow
			tb.Fatal(err)
		}
	}
	pack(&packed, head)
	pack(&once, strings.Repeat(unit, 1<<20/len(unit)))
	for range 1024 {
		packed.Write(once.Bytes())
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		if n == name {
			continue
		}
		w, err := z.Create(n)
		if err != nil {
			tb.Fatal(err)
		}
		_, _ = w.Write([]byte(parts[n]))
	}
	w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CompressedSize64: uint64(packed.Len()), UncompressedSize64: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(packed.Bytes()); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}
