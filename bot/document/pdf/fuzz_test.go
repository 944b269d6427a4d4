package pdf

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"llmbot/bot/document"
)

// FuzzRead: whatever a file is, its reader ends in time, says why it has no text, and keeps to its
// limits.
func FuzzRead(f *testing.F) {
	r := reader(f, cache(f))
	f.Add(pages(lines("zq"), ""), 100)
	f.Add(secret(f), 10)
	f.Add([]byte("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 1 0 R>>endobj trailer<</Root 1 0 R>>"), 1)
	f.Fuzz(func(t *testing.T, data []byte, runes int) {
		checkRead(t, r, data, runes)
	})
}

// checkRead reads a file, and checks what holds for any file.
func checkRead(t *testing.T, r *Reader, data []byte, runes int) {
	t.Helper()
	start := time.Now()
	got, err := r.Read(t.Context(), data, document.Limits{Runes: min(runes, 10_000), Pages: 10})
	known := []error{nil, document.ErrPassword, document.ErrDamaged, document.ErrNoText, document.ErrSlow, document.ErrLarge}
	if !slices.ContainsFunc(known, func(e error) bool { return errors.Is(err, e) }) || (err == nil) == (got.Markdown == "") {
		t.Fatalf("%q, %v", got.Markdown, err)
	}
	if n := utf8.RuneCountInString(got.Markdown); n > max(runes, 0)+10*50 || time.Since(start) > readTimeout+time.Second*time.Duration(*slow) {
		t.Fatalf("%d characters in %v", n, time.Since(start))
	}
}

// FuzzObjects: what is inside of a file that is well made: contents, fonts, pages, filters, and the
// trailer.
func FuzzObjects(f *testing.F) {
	r := reader(f, cache(f))
	text := lines("zq")
	for _, content := range []string{text, strings.Repeat("q ", 20_000), "BT /F1 1e38 Tf (x) Tj ET", "BT (" + strings.Repeat("(", 2_000), "/X1 Do", "BI /W 99999 /H 99999 /BPC 8 ID x EI", "<<" + strings.Repeat("[", 5_000), "BT /F1 12 Tf [(a)-1e99(b)] TJ ET"} {
		f.Add(content, "/Subtype/Type1/BaseFont/Helvetica", "", "", 100)
	}
	for _, font := range []string{
		"/Subtype/Type0/Encoding/Identity-H/DescendantFonts[3 0 R]", "/Subtype/Type3/CharProcs<</a 5 0 R>>/FontMatrix[0 0 0 0 0 0]/Encoding<</Differences[0/a 99999999/b]>>", "/Subtype/TrueType/FirstChar -1/LastChar 2147483647/Widths[1]",
		"/Subtype/Type1/ToUnicode 5 0 R", "/Subtype/Type1/FontDescriptor<</FontFile 5 0 R/Flags -1>>", "/Subtype/Type1/Encoding 3 0 R",
	} {
		f.Add(text, font, "", "", 100)
	}
	for _, filter := range []string{"/Filter/FlateDecode", "/Filter[/ASCIIHexDecode/ASCII85Decode/LZWDecode/RunLengthDecode]", "/Filter/FlateDecode/DecodeParms<</Predictor 15/Columns 2147483647/Colors 99>>", "/Filter/JBIG2Decode", "/Filter/JPXDecode", "/Filter/Crypt", "/F(x)"} {
		f.Add(text, "/Subtype/Type1/BaseFont/Helvetica", filter, "", 100)
	}
	for _, trailer := range []string{"/Prev 9", "/Encrypt<</Filter/Standard/V 5/R 6/Length 99999>>", "/Size 2147483647", "/XRefStm 9", "/ID[(a)(b)]/Info 1 0 R", "/Root 5 0 R"} {
		f.Add(text, "/Subtype/Type1/BaseFont/Helvetica", "", trailer, 100)
	}
	f.Fuzz(func(t *testing.T, content, font, filter, trailer string, runes int) {
		var m maker
		m.object("<</Type/Catalog/Pages 2 0 R>>")
		m.object("<</Type/Pages/Count 1/Kids[4 0 R]>>")
		m.object("<</Type/Font" + font + ">>")
		m.object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<</Font<</F1 3 0 R>>/XObject<</X1 5 0 R>>>>>>")
		m.stream(filter, content)
		checkRead(t, r, m.end(trailer), runes)
	})
}
