package attach

import (
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPlainText(t *testing.T) {
	const most = 1000
	for name, tt := range map[string]struct {
		data, want string
		ok         bool
	}{
		"nothing":                          {"", "", true},
		"UTF-8":                            {"Größe 😀", "Größe 😀", true},
		"with a byte order mark":           {"\ufeffGröße", "Größe", true},
		"Latin-1":                          {"Gr\xf6\xdfe: 5 \xb5m, gr\xfcn", "Größe: 5 µm, grün", true},
		"Windows-1252":                     {"\x93so it is\x94 \x96 5 \x80", "“so it is” – 5 €", true},
		"one stray byte in UTF-8":          {"Größe, Höhe, \xe4 und Länge", "Größe, Höhe, \ufffd und Länge", true},
		"UTF-8 that is cut":                {"Größe und Gr\xc3", "Größe und Gr\ufffd", true},
		"UTF-16, low byte first":           {"\xff\xfea\x00\xe4\x00\x3d\xd8\x00\xde", "aä😀", true},
		"UTF-16, high byte first":          {"\xfe\xff\x00a\x00\xe4\xd8\x3d\xde\x00", "aä😀", true},
		"UTF-16 with half a pair":          {"\xff\xfea\x00b\x00c\x00d\x00\x3d\xd8", "abcd\ufffd", true},
		"UTF-16 without a mark":            {"a\x00\xe4\x00b\x00", "aäb", true},
		"and high byte first":              {"\x00a\x00\xe4\x00b", "aäb", true},
		"UTF-16 that is cut":               {"\xff\xfea\x00b\x00c", "ab", true},
		"UTF-32":                           {"\xff\xfe\x00\x00a\x00\x00\x00", "", false},
		"a NUL":                            {"abc\x00def", "", false},
		"Russian in its own code":          {"\xcf\xf0\xe8\xe2\xe5\xf2 \xec\xe8\xf0", "", false},
		"noise":                            {"\x81\x8d\x8f\x90\x9d\xff\xfe\xfd\x81", "", false},
		"a web page":                       {"<!doctype html>x", "<!doctype html>x", true},
		"holes of Windows-1252, and a lot": {"a text, and \x81\x8d in it\xe4", "a text, and \ufffd\ufffd in itä", true},
	} {
		got, all, ok := plainText([]byte(tt.data), most)
		if got != tt.want || ok != tt.ok || all != utf8.RuneCountInString(tt.want) {
			t.Errorf("%s: %q, %d, %v", name, got, all, ok)
		}
	}
	if got, all, ok := plainText([]byte(strings.Repeat("ä", 100)), 7); got != strings.Repeat("ä", 7) || all != 100 || !ok {
		t.Errorf("%q, %d, %v", got, all, ok)
	}
}

// TestTextTakesNoMemory: however large a file is, only its beginning is held.
func TestTextTakesNoMemory(t *testing.T) {
	for name, data := range map[string][]byte{
		"UTF-8": []byte(strings.Repeat("zq über alles ", maxTextFile/16)), "UTF-16": []byte("\xff\xfe" + strings.Repeat("a\x00\xe4\x00", maxTextFile/4-1)),
		"Latin-1": []byte(strings.Repeat("gr\xfcn und blau ", maxTextFile/14)),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, all, ok := plainText(data, maxFileRunes)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; !ok || all < maxFileRunes || took > 2<<20 {
			t.Errorf("%s: %d kB for %d characters", name, took>>10, all)
		}
	}
}

// TestInlineGrowsByNothing: whatever a file is made of, it takes the prompt hardly more than
// itself, and does not end its own fence.
func TestInlineGrowsByNothing(t *testing.T) {
	for _, unit := range []string{"`", "``````\n", "x", "\n", "~", "`a", "a\n```\n"} {
		text := strings.Repeat(unit, 100_000/len(unit))
		a := inline("x.txt", text, utf8.RuneCountInString(text))
		if len(a.text) > len(text)+200 {
			t.Errorf("%q: %d bytes became %d", unit, len(text), len(a.text))
		}
		_, body, _ := strings.Cut(a.text, "\n")
		fence, body, _ := strings.Cut(body, "\n")
		body, closed := strings.CutSuffix(body, "\n"+fence)
		if !closed || strings.Contains(body, fence) {
			t.Errorf("%q: the fence is open, or inside", unit)
		}
		if cut := strings.Contains(a.said, "backticks are cut"); cut != (unit == "`") {
			t.Errorf("%q: said %q", unit, a.said)
		}
	}
}

func FuzzPlainText(f *testing.F) {
	for _, seed := range []string{"", "Größe", "\xff\xfea\x00", "\xfe\xff\xd8\x3d", "gr\xfcn", "````", "\xef\xbb\xbf\xff"} {
		f.Add([]byte(seed), 3)
	}
	f.Fuzz(func(t *testing.T, data []byte, most int) {
		text, all, ok := plainText(data, most)
		if n := utf8.RuneCountInString(text); !utf8.ValidString(text) || n > max(most, 0) || n > all || all > len(data) || !ok && text != "" {
			t.Fatalf("%q, %d of %d, %v", text, n, all, ok)
		}
		if ok {
			_ = inline("x", text, all)
		}
	})
}
