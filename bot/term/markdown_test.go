package term

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"llmbot/llm/llmsim"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
	}
}

// visible writes ESC as a caret, so that golden files can be read.
func visible(lines []string) string {
	return strings.ReplaceAll(strings.Join(lines, "\n"), "\x1b[", "^") + "\n"
}

func sample(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/sample.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestGolden(t *testing.T) {
	for name, look := range map[string]Look{
		"colour-80.txt":   {Width: 80, Colour: true},
		"nocolour-40.txt": {Width: 40},
		"narrow-16.txt":   {Width: 16},
		"plain-40.txt":    {Width: 40, Plain: true},
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, name, visible(NewMarkdown().Lines(sample(t), look)))
		})
	}
}

func TestNoColourMeansNoColour(t *testing.T) {
	for _, l := range NewMarkdown().Lines(sample(t), Look{Width: 60}) {
		for _, seq := range strings.Split(l, "\x1b[")[1:] {
			codes, _, _ := strings.Cut(seq, "m")
			for c := range strings.SplitSeq(codes, ";") {
				if len(c) > 1 {
					t.Fatalf("a colour in %q", l)
				}
			}
		}
	}
}

// checkLines holds what must hold for the lines of any text.
func checkLines(t *testing.T, lines []string, look Look) {
	t.Helper()
	for _, l := range lines {
		bare := stripLooks(l)
		if !clean(bare) || strings.ContainsAny(bare, "\n\t") {
			t.Fatalf("control characters in %q", l)
		}
		for _, seq := range strings.Split(l, "\x1b[")[1:] {
			codes, _, ok := strings.Cut(seq, "m")
			if !ok || strings.Trim(codes, "0123456789;") != "" {
				t.Fatalf("a sequence that is not ours in %q", l)
			}
		}
		if w := width(bare); w > look.columns() {
			t.Fatalf("%d columns in %q, of %d", w, l, look.columns())
		}
	}
}

// An answer that is rendered block by block while it grows is in the end what it is when rendered at once.
func checkGrowth(t *testing.T, text string, step int, look Look) {
	t.Helper()
	d := &draft{md: NewMarkdown()}
	for n := 0; n < len(text); n += step {
		checkLines(t, d.text(text[:n], look, false), look)
	}
	got, want := d.text(text, look, true), NewMarkdown().Lines(text, look)
	if !slices.Equal(got, want) {
		t.Fatalf("grown\n%s\nat once\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestGrowth(t *testing.T) {
	for _, q := range []string{"compare a and b in a table", "write a function in Go", "list the steps", "write 900 tokens", "hello"} {
		chat := &llmsim.Chat{Messages: []llmsim.Message{{Role: "user", Content: q}}}
		checkGrowth(t, llmsim.DefaultAnswer(chat), 7, Look{Width: 60})
	}
	checkGrowth(t, sample(t), 1, Look{Width: 60})
}

func FuzzLines(f *testing.F) {
	b, err := os.ReadFile("testdata/sample.md")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(b), "\n\n") {
		f.Add(part, 40)
	}
	f.Add("> - > - > - > - > - > - > - > deep", 20)
	f.Add("a \x1b[2J&#27;[31m \u009b1m `\x1b]0;x\x07`", 20)
	f.Fuzz(func(t *testing.T, text string, w int) {
		look := Look{Width: 20 + max(w, -w)%100, Colour: true}
		checkLines(t, NewMarkdown().Lines(text, look), look)
		look.Plain = true
		checkLines(t, NewMarkdown().Lines(text, look), look)
		if n := NewMarkdown().Settled(Clean(text)); n < 0 || n > len(Clean(text)) {
			t.Fatalf("settled %d of %d", n, len(text))
		}
	})
}

func TestClean(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a\tb\nc", "a\tb\nc"},
		{"\x1b[31mred\x1b[0m", "[31mred[0m"},
		{"\x1b]0;title\x07x", "]0;titlex"},
		{"\u009b2Jx", "2Jx"},
		{"a\r\nb\rc", "a\nb\nc"},
		{"a\u202eb\u2066c", "abc"},
		{"a\u2028b", "a\nb"},
		{"a\xffb", "a\ufffdb"},
		{"\x9b2J", "\ufffd2J"},
		{"日本語 👩‍💻", "日本語 👩‍💻"},
	}
	for _, tt := range tests {
		if got := Clean(tt.in); got != tt.want {
			t.Errorf("Clean(%q) = %q, want %q", tt.in, got, tt.want)
		}
		if got := Clean(Clean(tt.in)); got != Clean(tt.in) {
			t.Errorf("Clean twice of %q: %q", tt.in, got)
		}
	}
}
