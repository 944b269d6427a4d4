package pdf

import (
	"bytes"
	"compress/zlib"
	"crypto/md5"
	"crypto/rc4"
	"fmt"
	"strings"
	"testing"
)

// maker writes PDF files.
type maker struct {
	b       bytes.Buffer
	offsets []int
}

// object adds an object, and returns its number.
func (m *maker) object(body string) int {
	if m.b.Len() == 0 {
		m.b.WriteString("%PDF-1.7\n")
	}
	m.offsets = append(m.offsets, m.b.Len())
	fmt.Fprintf(&m.b, "%d 0 obj\n%s\nendobj\n", len(m.offsets), body)
	return len(m.offsets)
}

func (m *maker) stream(dict, body string) int {
	return m.object(fmt.Sprintf("<<%s/Length %d>>stream\n%s\nendstream", dict, len(body), body))
}

// end writes the table of objects and what is behind it. Object 1 is the catalog.
func (m *maker) end(trailer string) []byte {
	at := m.b.Len()
	fmt.Fprintf(&m.b, "xref\n0 %d\n0000000000 65535 f \n", len(m.offsets)+1)
	for _, o := range m.offsets {
		fmt.Fprintf(&m.b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&m.b, "trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(m.offsets)+1, trailer, at)
	return m.b.Bytes()
}

// pages returns a file with the contents of its pages, which are written as they are.
func pages(contents ...string) []byte {
	var m maker
	m.object("<</Type/Catalog/Pages 2 0 R>>")
	var kids strings.Builder
	for i := range contents {
		fmt.Fprintf(&kids, "%d 0 R ", 4+2*i)
	}
	m.object(fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", len(contents), kids.String()))
	m.object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")
	for i, c := range contents {
		m.object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R/Resources<</Font<</F1 3 0 R>>>>>>", 5+2*i))
		m.stream("", c)
	}
	return m.end("")
}

// lines returns the contents of a page with lines of text.
func lines(text ...string) string {
	var b strings.Builder
	b.WriteString("BT /F1 10 Tf 50 740 Td 12 TL\n")
	for _, l := range text {
		fmt.Fprintf(&b, "(%s) Tj T*\n", l)
	}
	b.WriteString("ET")
	return b.String()
}

// book returns a file of pages of 50 lines each.
func book(n int) []byte {
	var contents []string
	for i := range n {
		var text []string
		for l := range 50 {
			text = append(text, fmt.Sprintf("Page %d, line %d: the quick brown fox jumps over the lazy dog and goes on", i+1, l+1))
		}
		contents = append(contents, lines(text...))
	}
	return pages(contents...)
}

// bomb returns a file whose only page unpacks to a number of megabytes of a unit, packed more than
// once.
func bomb(tb testing.TB, megabytes, times int, unit string) []byte {
	tb.Helper()
	body := strings.Repeat(unit, megabytes<<20/len(unit))
	var filters strings.Builder
	for range times {
		var b bytes.Buffer
		z := zlib.NewWriter(&b)
		if _, err := z.Write([]byte(body)); err != nil {
			tb.Fatal(err)
		}
		if err := z.Close(); err != nil {
			tb.Fatal(err)
		}
		body = b.String()
		filters.WriteString("/FlateDecode ")
	}
	var m maker
	m.object("<</Type/Catalog/Pages 2 0 R>>")
	m.object("<</Type/Pages/Count 1/Kids[4 0 R]>>")
	m.object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
	m.object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<</Font<</F1 3 0 R>>>>>>")
	m.stream("/Filter["+filters.String()+"]", body)
	return m.end("")
}

// objectBomb returns a file whose objects are in a stream that unpacks to megabytes.
func objectBomb(tb testing.TB, megabytes int) []byte {
	tb.Helper()
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	n := megabytes << 20 / 16
	var head strings.Builder
	for i := range min(n, 100_000) {
		fmt.Fprintf(&head, "%d %d ", 10+i, 8*i)
	}
	_, _ = z.Write([]byte(head.String()))
	for range megabytes {
		_, _ = z.Write(bytes.Repeat([]byte("[[[[]]]]"), 1<<17))
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	var m maker
	m.object("<</Type/Catalog/Pages 10 0 R>>")
	stream := m.stream(fmt.Sprintf("/Type/ObjStm/N %d/First %d/Filter/FlateDecode", min(n, 100_000), head.Len()), packed.String())
	at := m.b.Len()
	var table bytes.Buffer // one byte of type, four of the place, two of the index
	row := func(kind, place, index int) {
		table.Write([]byte{byte(kind), byte(place >> 24), byte(place >> 16), byte(place >> 8), byte(place), byte(index >> 8), byte(index)})
	}
	row(0, 0, 0xffff)
	for _, o := range m.offsets {
		row(1, o, 0)
	}
	for len(table.Bytes())/7 < 10 {
		row(0, 0, 0)
	}
	for i := range 1000 {
		row(2, stream, i)
	}
	fmt.Fprintf(&m.b, "9 0 obj\n<</Type/XRef/Root 1 0 R/Size 1010/W[1 4 2]/Length %d>>stream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", table.Len(), table.String(), at)
	return m.b.Bytes()
}

// secret returns a file that opens with a password only: the standard handler of revision 2, 40
// bits.
func secret(tb testing.TB) []byte {
	tb.Helper()
	pad := "(\xbfN^Nu\x8aAd\x00NV\xff\xfa\x01\x08..\x00\xb6\xd0h>\x80/\x0c\xa9\xfedSiz"
	padded := func(p string) []byte { return []byte((p + pad)[:32]) }
	crypt := func(key, in []byte) []byte {
		c, err := rc4.NewCipher(key)
		if err != nil {
			tb.Fatal(err)
		}
		out := make([]byte, len(in))
		c.XORKeyStream(out, in)
		return out
	}
	owner := md5.Sum(padded("owner"))
	o := crypt(owner[:5], padded("hunter2"))
	key := md5.Sum(append(append(append(padded("hunter2"), o...), 0xfc, 0xff, 0xff, 0xff), []byte("0123456789abcdef")...))
	u := crypt(key[:5], []byte(pad))
	plain := pages(lines("zq"))
	at := bytes.LastIndex(plain, []byte("trailer"))
	head := bytes.LastIndex(plain, []byte("xref\n0"))
	id := fmt.Sprintf("%x", "0123456789abcdef")
	return append(plain[:at:at], fmt.Sprintf("trailer<</Size 6/Root 1 0 R/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%x>/U<%x>>>/ID[<%s><%s>]>>\nstartxref\n%d\n%%%%EOF\n", o, u, id, id, head)...)
}
