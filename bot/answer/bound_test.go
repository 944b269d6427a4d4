package answer

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestBound(t *testing.T) {
	para := "Ein Absatz über nichts, der eine Zeile hat.\n\n"
	for name, tt := range map[string]struct{ text, end string }{
		"short":       {"hello", "hello"},
		"paragraphs":  {strings.Repeat(para, 100), "hat.\n"},
		"lines":       {strings.Repeat("eine Zeile, über nichts\n", 200), "nichts\n"},
		"words":       {strings.Repeat("Wörter ", 800), "Wörter "},
		"one word":    {strings.Repeat("ä", 5000), strings.Repeat("ä", 1000)},
		"blank lines": {strings.Repeat("x\r\n \r\n", 2000), "x\r\n"},
		"white space": {strings.Repeat(" ", 5000), " "},
	} {
		b := bound{max: 1000}
		got := b.shown(tt.text, true)
		if n := utf8.RuneCountInString(got); n > 1000 || len(got) < len(tt.text) && n < 900 || !utf8.ValidString(got) || !strings.HasPrefix(tt.text, got) {
			t.Errorf("%s: %d characters", name, n)
		}
		if !strings.HasSuffix(got, tt.end) {
			t.Errorf("%s: ends with %q", name, got[max(0, len(got)-30):])
		}
	}
}

// FuzzBound: what is shown is a beginning of the text that only grows, whole characters, and the
// same however the text came.
func FuzzBound(f *testing.F) {
	f.Add("a paragraph\n\nand another\n", uint64(1), true)
	f.Add("ä", uint64(2), false)
	f.Add("\r\n \n\n```\n", uint64(3), true)
	f.Fuzz(func(t *testing.T, piece string, seed uint64, longer bool) {
		if piece == "" || !utf8.ValidString(piece) {
			return
		}
		const most = 300
		text := strings.Repeat(piece, 400/len(piece)+1)
		if longer {
			text += text + text
		}
		r := rand.New(rand.NewPCG(seed, 1))
		b, before := bound{max: most}, ""
		for at := 0; at < len(text); {
			for at += 1 + r.IntN(90); at < len(text) && !utf8.RuneStart(text[at]); {
				at++
			}
			at = min(at, len(text))
			now := b.shown(text[:at], false)
			if !strings.HasPrefix(now, before) || !strings.HasPrefix(text, now) || utf8.RuneCountInString(now) > most {
				t.Fatalf("%q after %q", now, before)
			}
			before = now
		}
		end := b.shown(text, true)
		if once := (&bound{max: most}).shown(text, true); once != end || !strings.HasPrefix(end, before) || !utf8.ValidString(end) {
			t.Fatalf("%q in one piece, %q in many, %q before the end", once, end, before)
		}
		if n := utf8.RuneCountInString(text); n > most != (len(end) < len(text)) || n > most && utf8.RuneCountInString(end) < most-most/10 {
			t.Fatalf("of %d characters %d are shown", n, utf8.RuneCountInString(end))
		}
	})
}
