package render

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// codeOf is all that stands in fences, without white space and what makes tokens dead.
func codeOf(pages ...string) string {
	var b strings.Builder
	for _, s := range pages {
		var lines []string
		walk(s, func(line, fence string, _ bool) {
			switch {
			case fence == "":
			case strings.TrimSpace(line) == fence: // it ends here, or it is the end that is shown
			default:
				lines = append(lines, line)
			}
		})
		for _, line := range lines {
			for _, r := range line {
				if r > ' ' && r != '\u2060' {
					b.WriteRune(r)
				}
			}
		}
	}
	return b.String()
}

// rowsOf are the rows of tables below the header.
func rowsOf(pages ...string) string {
	var b strings.Builder
	for _, s := range pages {
		for line := range strings.SplitSeq(s, "\n") {
			if strings.HasPrefix(line, "| row") {
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

// codeText is well-formed Markdown with much code, of any characters, and tables.
func codeText(r *rand.Rand) string {
	var b strings.Builder
	parts := []string{
		"*", "**", "_", "`", "``", "|", "<", ">", "&", "&lt;", "&amp;", "[", "](", ")", "\\", "#", "- ", "1. ", "~", "~~", "=", "x := f(a, b)", "if a < b && c > d {", "\t", "    ", " ", " ",
		"<!channel>", "<@U1>", "<https://x.test|y>", "@here", "漢字", "👩‍👩‍👧", "0123456789", "\"%d\\n\"", "word", "// comment", strings.Repeat("long", 30), "\n", "\n", "\n\n",
	}
	for i := range 1 + r.IntN(4) {
		fmt.Fprintf(&b, "Some **prose** %d with `code`.\n\n```go\n", i)
		for range r.IntN(80) {
			b.WriteString("c" + parts[r.IntN(len(parts))])
		}
		b.WriteString("\n```\n\n| name | value |\n|---|---|\n")
		for j := range r.IntN(20) {
			fmt.Fprintf(&b, "| row %d.%d | %d |\n", i, j, r.IntN(1_000_000))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func checkCode(t *testing.T, r *rand.Rand) {
	t.Helper()
	text := codeText(r)
	ops := randomOps(r, text)
	l := &life{doc: New(randomLimits(r))}
	l.lims = []Limits{{}}
	l.run(text, steps(r, len(text), 1+r.IntN(200)), ops)
	var pages []string
	for _, p := range l.pages {
		pages = append(pages, p.Markdown)
	}
	if got, want := codeOf(pages...), codeOf(text); got != want {
		t.Fatalf("ops %v\ncode %q\nwant %q\ntext %q\n%s", ops, got, want, text, show(l.pages))
	}
	for _, o := range ops { // a page that ends in a row splits it
		for line := range strings.Lines(text[:o.at]) {
			if !strings.HasSuffix(line, "\n") && strings.HasPrefix(line, "|") {
				return
			}
		}
	}
	if got, want := rowsOf(pages...), rowsOf(text); got != want {
		t.Fatalf("ops %v\nrows %q\nwant %q\ntext %q\n%s", ops, got, want, text, show(l.pages))
	}
}

// TestCodeAndRows compares every character of code, and every row, with the source.
func TestCodeAndRows(t *testing.T) {
	for i := range 600 {
		checkCode(t, rand.New(rand.NewPCG(uint64(i), 11)))
	}
}

func FuzzCode(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) { checkCode(t, rand.New(rand.NewPCG(a, b))) })
}

// TestLongLineOfMarks: a line in code that looks like the fence's end for longer than anybody looks ends it for nobody.
func TestLongLineOfMarks(t *testing.T) {
	for _, end := range []string{strings.Repeat("`", 1500), strings.Repeat("`", 5) + strings.Repeat(" ", 1500), strings.Repeat("`", 900)} {
		for _, step := range []int{1, 64, 100_000} {
			s := "```\ncode\n" + end + "\n# h\n# h\n# h\n```\nbehind\n"
			d := New(MessageLimits())
			for i := step; i < len(s); i += step {
				d.Set(s[:i], false)
			}
			for _, p := range d.Set(s, true) {
				if r := read(commonMark(), p.Markdown); r.blocks != p.Blocks {
					t.Errorf("%d blocks by CommonMark, %d by us: %.100q", r.blocks, p.Blocks, p.Markdown)
				}
			}
		}
	}
}

// TestBlankLinesOfCode: a line of white space is a line of code as any other: the context of a diff, a
// margin of YAML.
func TestBlankLinesOfCode(t *testing.T) {
	for text, want := range map[string]string{
		"```diff\n a\n \n-b\n+c\n```":                  "",
		"```py\ndef f():\n    a()\n    \n    b()\n```": "",
		"```\na\n\t\nb\n \n\n  \n```":                  "",
		"```\n \na\n```\n\nText":                       "",
		"> ```\n> a\n>  \n> b\n> ```":                  "> ```\n> a\n>  \n> b\n> ```",
		"- x\n  ```\n  a\n   \n  b\n  ```":             "",
		"- x\n  ```\n  a\n  \n  b\n  ```":              "- x\n  ```\n  a\n\n  b\n  ```", // its margin is no code
		"~~~\na \n  \n~~~\nText":                       "~~~\na \n  \n~~~\nText",
	} {
		if want == "" {
			want = text
		}
		if p := New(MessageLimits()).Set(text, true); len(p) != 1 || p[0].Markdown != want {
			t.Errorf("%q is %q", text, show(p))
		}
		for step := 1; step < len(text); step++ {
			d := New(MessageLimits())
			for i := step; i < len(text); i += step {
				d.Set(text[:i], false)
			}
			if p := d.Set(text, true); len(p) != 1 || p[0].Markdown != want {
				t.Errorf("%q by %d is %q", text, step, show(p))
				break
			}
		}
	}
	long := strings.Repeat(" a line of context\n \n-b\n+c\n", 400)
	var code strings.Builder
	for _, p := range New(MessageLimits()).Set("```diff\n"+long+"```", true) {
		walk(p.Markdown, func(line, fence string, _ bool) {
			if fence != "" && strings.TrimSpace(line) != fence {
				code.WriteString(line + "\n")
			}
		})
	}
	if got := strings.Count(code.String(), "\n \n"); got < 390 {
		t.Errorf("%d empty lines of context of 400 are left", got)
	}
}

// TestLongSpans: inline code of some thousand bytes is code to its last byte.
func TestLongSpans(t *testing.T) {
	for _, size := range []int{900, 1_100, 2_400} {
		code := strings.Repeat("a b __c__ ", size/10) + "<d"
		for _, text := range []string{"The query `" + code + "` is long.", "`" + code + "`"} {
			if p := New(MessageLimits()).Set(text, true); len(p) != 1 || p[0].Markdown != text {
				t.Errorf("%d: %q is %.300q", size, text[:20], show(p))
			}
			if err := check(text, MessageLimits(), steps(rand.New(rand.NewPCG(1, 1)), len(text), 40)); err != "" {
				t.Error(err)
			}
		}
	}
}

// TestHeadIsNoFence: a line that is too long for a fence is no head of a table either. On the next
// pages it would begin them, as a fence.
func TestHeadIsNoFence(t *testing.T) {
	for _, marks := range []string{"~~~~", "```"} {
		text := marks + "x " + strings.Repeat("word ", 80) + "| b\n---|---\n" + strings.Repeat("1 | 2\n", 900)
		if err := check(text, MessageLimits(), []int{len(text) / 2}); err != "" {
			t.Errorf("%.300s", err)
		}
	}
}
