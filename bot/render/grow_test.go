package render

import (
	"strconv"
	"strings"
	"testing"
)

// TestGrowing says how half constructs show while an answer grows.
func TestGrowing(t *testing.T) {
	for _, tc := range []struct{ name, text, markdown, open string }{
		{"word", "Hello wor", "Hello wor", "Hello wor"},
		{"space is held", "Hello ", "Hello", "Hello"},
		{"bold", "a **bold te", "a **bold te**", "a"},
		{"dangling marks", "a **", "a", "a"},
		{"italic ended", "a *b* c", "a *b* c", "a *b* c"},
		{"nested emphasis", "a **b *c", "a **b *c***", "a"},
		{"product", "2 * 3 is", "2 * 3 is", "2 * 3 is"},
		{"strike", "a ~~b", "a ~~b~~", "a"},
		{"code", "a `b c", "a `b c`", "a"},
		{"code begins", "a `", "a", "a"},
		{"link text", "see [the man", "see the man", "see"},
		{"link address", "see [the manual](https://exa", "see the manual", "see"},
		{"link", "see [the manual](https://x.test) ", "see [the manual](https://x.test)", "see [the manual](https://x.test)"},
		{"image", "![a cat](http", "a cat", ""},
		{"entity", "a &am", "a", "a"},
		{"mention", "a @cha", "a", "a"},
		{"mention", "a @chan ", "a @chan", "a @chan"},
		{"token", "a <", "a", "a"},
		{"token", "a <!chan", "a &lt;!chan", "a &lt;!chan"},
		{"autolink", "a <https://x.te", "a", "a"},
		{"autolink", "a <https://x.test>.", "a https://x.test.", "a https://x.test."},
		{"half fence", "a\n``", "a", "a"},
		{"fence", "a\n```go", "a", "a"},
		{"fence", "a\n```go\n", "a", "a"},
		{"fence", "a\n```go\nx :=", "a\n```go\nx :=\n```", "a\n```go\nx :="},
		{"half closing fence", "```\nx\n``", "```\nx\n```", "```\nx"},
		{"fence closed", "```\nx\n```\n", "```\nx\n```", "```\nx\n```"},
		{"tilde fence", "~~~~ md\n```\nx", "~~~~ md\n```\nx\n~~~~", "~~~~ md\n```\nx"},
		{"fence in item", "- a\n  ```\n  x", "- a\n  ```\n  x\n  ```", "- a\n  ```\n  x"},
		{"fence in quote", "> ```\n> x", "> ```\n> x\n> ```", "> ```\n> x"},
		{"quote ends fence", "> ```\n> x\n\nafter", "> ```\n> x\n> ```\n\nafter", "> ```\n> x\n> ```\n\nafter"},
		{"list mark", "a\n\n- ", "a", "a"},
		{"list item", "- b", "- b", "- b"},
		{"heading mark", "a\n\n##", "a", "a"},
		{"heading", "a\n\n## Tit", "a\n\n## Tit", "a"},
		{"heading with text", "## Title\n\nb", "## Title\n\nb", "## Title\n\nb"},
		{"table header", "a\n\n| x | y |\n", "a", "a"},
		{"table delimiter", "a\n\n| x | y |\n|---|", "a", "a"},
		{"table", "a\n\n| x | y |\n|---|---|\n| 1 | 2", "a\n\n| x | y |\n|---|---|", "a"},
		{"table row", "| x | y |\n|---|---|\n| 1 | 2 |\n| 3", "| x | y |\n|---|---|\n| 1 | 2 |", "| x | y |\n|---|---|\n| 1 | 2 |"},
		{"no table", "| x | y\nz", "| x | y\nz", "| x | y\nz"},
		{"rule", "a\n\n--", "a", "a"},
		{"rune", "a \xe6\xbc", "a", "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var p Page
			for _, page := range New(MessageLimits()).Set(tc.text, false) {
				p = page
			}
			if p.Markdown != tc.markdown || p.Open != tc.open {
				t.Errorf("%q\nshows %q, want %q\nopen  %q, want %q", tc.text, p.Markdown, tc.markdown, p.Open, tc.open)
			}
		})
	}
}

// TestFinal says that nothing is held back at the end.
func TestFinal(t *testing.T) {
	for _, text := range []string{"a **b", "a `b", "see [x](http", "a &am", "a @chan", "| x | y |", "- ", "``", "##", "12", "a *", "1.", "--"} {
		pages := New(MessageLimits()).Set(text, true)
		if len(pages) != 1 || !strings.HasPrefix(strings.ReplaceAll(pages[0].Markdown, joiner, ""), strings.TrimRight(text, " ")) || pages[0].Open != pages[0].Markdown {
			t.Errorf("%q: %q", text, show(pages))
		}
	}
}

func TestStartsAnew(t *testing.T) {
	d := New(MessageLimits())
	d.Set("one two", false)
	if p := d.Set("other", false); p[0].Markdown != "other" {
		t.Errorf("%q", show(p))
	}
	d.Set("other **x", true)
	if p := d.Set("other **x** y", false); p[0].Markdown != "other **x** y" {
		t.Errorf("%q", show(p))
	}
}

// TestListNumbers says that a list goes on with its number, also where the model numbers all items alike.
func TestListNumbers(t *testing.T) {
	for _, same := range []bool{false, true} {
		var b strings.Builder
		for i := range 60 {
			n := i + 1
			if same {
				n = 1
			}
			b.WriteString(strconv.Itoa(n) + ". item number " + strconv.Itoa(i+1) + "\n")
		}
		pages := New(Limits{Chars: 500}).Set(b.String(), true)
		if len(pages) < 2 {
			t.Fatal("one page")
		}
		for _, p := range pages {
			first, _, _ := strings.Cut(p.Markdown, "\n")
			n, rest, _ := strings.Cut(first, ". ")
			if rest != "item number "+n {
				t.Errorf("a page begins with %q", first)
			}
		}
	}
}

// TestHeadingsStayWithText says that no page ends in a heading.
func TestHeadingsStayWithText(t *testing.T) {
	for n := range 300 {
		text := strings.Repeat("x", n+100) + "\n\n## Heading\n\n" + strings.Repeat("text ", 100)
		pages := New(Limits{Chars: 500}).Set(text, true)
		for _, p := range pages {
			lines := strings.Split(p.Markdown, "\n")
			if strings.HasPrefix(lines[len(lines)-1], "#") {
				t.Fatalf("%d: page ends in a heading: %q", n, p.Markdown)
			}
		}
	}
}

// TestLongAnswers is the table's row: nothing lost, fences balanced.
func TestLongAnswers(t *testing.T) {
	for _, n := range []int{13_000, 40_000, 120_000} {
		for _, lim := range []Limits{MessageLimits(), StreamLimits()} {
			text := answer(n)
			pages := New(lim).Set(text, true)
			var p probe
			for _, page := range pages {
				checkPage(&p, page, lim)
			}
			if checkLost(&p, text, pages, false); p.err != "" {
				t.Error(p.err)
			}
		}
	}
}

func TestGiants(t *testing.T) {
	for name, text := range map[string]string{
		"line": strings.Repeat("x", 30_000), "code": "```go\n" + strings.Repeat("x", 30_000) + "\n```\nend", "cjk": strings.Repeat("漢", 30_000),
		"row":  "| a | b |\n|---|---|\n| 1 | " + strings.Repeat("cell ", 6_000) + "|\n| 2 | 3 |\n",
		"bold": "**" + strings.Repeat("word ", 6_000) + "end**", "link": "[" + strings.Repeat("a ", 6_000) + "](https://x.test)",
		"ticks": strings.Repeat("`", 20_000), "angles": strings.Repeat("<", 20_000), "spaces": strings.Repeat(" ", 20_000) + "x",
		"headings": strings.Repeat("# h\n", 500), "quotes": strings.Repeat("> ", 5_000) + "x", "blank": "a" + strings.Repeat("\n", 20_000) + "b",
	} {
		at := []int{len(text) / 3, len(text) / 2, len(text) - 1}
		for _, lim := range []Limits{MessageLimits(), StreamLimits()} {
			if err := check(text, lim, at); err != "" {
				t.Errorf("%s: %.600s", name, err)
			}
		}
	}
}

// TestUpdateCost says that an update costs what is new: a step late in a long text is as cheap as an early one.
func TestUpdateCost(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	d := New(MessageLimits())
	text := answer(400_000)
	d.Set(text[:395_000], false)
	n := 395_000
	bytes := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if n += 5; n > len(text) {
				n = 395_000
				b.StopTimer()
				d = New(MessageLimits())
				d.Set(text[:n], false)
				b.StartTimer()
				continue
			}
			d.Set(text[:n], false)
		}
	}).AllocedBytesPerOp()
	if bytes > 200_000 {
		t.Errorf("%d bytes for an update", bytes)
	}
}
