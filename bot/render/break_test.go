package render

import (
	"slices"
	"strings"
	"testing"
)

// TestBreak says how pages end and begin where they are broken: each | in the text is a Break.
func TestBreak(t *testing.T) {
	bar := func(s string) string { return strings.ReplaceAll(s, "¦", "|") }
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"words", "one two| three", []string{"one two", "three"}},
		{"word", "Hello wor|ld", []string{"Hello wor", "ld"}},
		{"paragraph", "one\n\n|two", []string{"one", "two"}},
		{"end", "one two|", []string{"one two"}},
		{"end of line", "one\n|", []string{"one"}},
		{"twice", "one|| two", []string{"one", "two"}},
		{"at the beginning", "|one", []string{"one"}},
		{"white space only", "one|\n \n|", []string{"one"}},
		{"held back", "a &am|p; b", []string{"a", "&amp; b"}},
		{"held back, token", "a <!chan|nel>", []string{"a &lt;!chan", "nel>"}},
		{"held back, mention", "a @cha|nnel", []string{"a", "@\u2060channel"}},
		{"mention behind an address", "see https://x.test/|@here", []string{"see https://x.test/", "@\u2060here"}},

		{"fence", "```go\nx := 1\n|y := 2\n```\nend", []string{"```go\nx := 1\n```", "```go\ny := 2\n```\nend"}},
		{"line of code", "```go\nx :=| 1\n```", []string{"```go\nx :=\n```", "```go\n 1\n```"}},
		{"end of a line of code", "```go\nx|\n\ty\n```", []string{"```go\nx\n```", "```go\n\ty\n```"}},
		{"before the closing fence", "```\nx|\n```\nend", []string{"```\nx\n```", "end"}},
		{"in the closing fence", "```\nx\n``|`\nend", []string{"```\nx\n```", "end"}},
		{"behind the opening fence", "a\n```go\n|x\n```", []string{"a", "```go\nx\n```"}},
		{"in the opening fence", "a\n```g|o\nx\n```", []string{"a", "```go\nx\n```"}},
		{"empty line of code", "```\nx\n|\n|y\n```", []string{"```\nx\n```", "```\ny\n```"}},
		{"fence in a quote", "> ```\n> x|y\n> z\n", []string{"> ```\n> x\n> ```", "> ```\n> y\n> z\n> ```"}},
		{"fence in a quote, at the line's end", "> ```\n> x|\n> z\n", []string{"> ```\n> x\n> ```", "> ```\n> z\n> ```"}},
		{"quote ends fence", "> ```\n> x|\n\nz", []string{"> ```\n> x\n> ```", "z"}},
		{"fence in an item", "- a\n  ```py\n  x\n|  y\n  ```\n- b", []string{"- a\n  ```py\n  x\n  ```", "```py\ny\n```\n- b"}},

		{"table row", "¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦\n¦ 3 | ¦ 4 ¦\nend", []string{"¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦", "¦ a ¦ b ¦\n¦---¦---¦\n¦ 3  ¦ 4 ¦\n\nend"}},
		{"last table row", "¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦\n|\nend", []string{"¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦", "end"}},
		{"last table row, text", "¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦\n|end", []string{"¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦", "end"}},
		{"table header", "x\n\n¦ a ¦ b ¦\n|¦---¦---¦\n¦ 1 ¦ 2 ¦\n", []string{"x", "¦ a ¦ b ¦\n¦---¦---¦\n¦ 1 ¦ 2 ¦"}},
		{"bare table header", "a ¦ b\n|---¦---\n1 ¦ 2\n", []string{"a ¦ b", "a ¦ b\n---¦---\n1 ¦ 2"}},
		{"bare table header, at the line's end", "a ¦ b|\n---¦---\n1 ¦ 2\n", []string{"a ¦ b", "a ¦ b\n---¦---\n1 ¦ 2"}},
		{"in a bare table header", "a ¦| b\n---¦---\n1 ¦ 2\n", []string{"a ¦", "b\n\u2060---¦---\n1 ¦ 2"}},

		{"items", "1. one\n|1. two\n1. three", []string{"1. one", "2. two\n1. three"}},
		{"in an item", "- one t|wo\n- three", []string{"- one t", "wo\n- three"}},
		{"nested item", "- one\n|  - two\n- three", []string{"- one", "- two\n- three"}},
		{"item mark", "- one\n- |two", []string{"- one", "- two"}},
		{"item that shows nothing", "- one\n- `|two`", []string{"- one", "- `two`"}},
		{"quote", "> one t|wo\n> three", []string{"> one t", "> wo\n> three"}},
		{"quote, at the line's end", "> one|\n> two\n\nthree", []string{"> one", "> two\n\nthree"}},
		{"quote that ends", "> one|\n\nthree", []string{"> one", "three"}},
		{"heading", "## Two wo|rds\n\ntext", []string{"## Two wo", "rds\n\ntext"}},
		{"heading, at the line's end", "## Two|\n\ntext", []string{"## Two", "text"}},
		{"heading mark", "a\n\n## |b", []string{"a", "## b"}},

		{"bold", "a **b |c** d", []string{"a **b**", "**c** d"}},
		{"bold word", "a **b|c** d", []string{"a **b**", "**c** d"}},
		{"bold, at its end", "a **b|** c", []string{"a **b**", "c"}},
		{"in the closing mark", "a **b*|* c", []string{"a **b**", "c"}},
		{"bold that never ends", "a **b| c\nd", []string{"a **b**", "c\nd"}},
		{"bold, at the line's end", "a **b|\nd", []string{"a **b**", "d"}},
		{"bold, at the end", "a **b|", []string{"a **b**"}},
		{"nested", "**a _b| c_ d** e", []string{"**a _b_**", "**_c_ d** e"}},
		{"nested, one ends", "**a _b|_ d** e", []string{"**a _b_**", "**d** e"}},
		{"marks without text", "a **|b**", []string{"a", "**b**"}},

		{"code", "a `b |c` d", []string{"a `b`", "`c` d"}},
		{"code, at its end", "a `b|` d", []string{"a `b`", "d"}},
		{"code that never ends", "a `b| c\nd", []string{"a `b`", "c\nd"}},
		{"code with marks", "a ``b|`c`` d", []string{"a ``b``", "`` `c`` d"}},
		{"code, twice", "a `b |c |d` e", []string{"a `b`", "`c`", "`d` e"}},
		{"code in bold", "**a `b| c` d**", []string{"**a `b`**", "**`c` d**"}},
		{"link text", "see [the man|ual](https://x.test) x", []string{"see the man", "[ual](https://x.test) x"}},
		{"link, at its text's end", "see [the manual|](https://x.test) x", []string{"see the manual", "[the manual](https://x.test) x"}},
		{"link address", "see [the manual](https://x|.test) x", []string{"see the manual", "[the manual](https://x.test) x"}},
		{"link address, twice", "see [the manual](ht|tps://x|.test) x", []string{"see the manual", "[the manual](https://x.test) x"}},
		{"image", "![a c|at](https://x.test)", []string{"a c", "[at](https://x.test)"}},
		{"no link", "see [the man|ual] x", []string{"see the man", "ual] x"}},
		{"no link, text done", "see [the manual|] x", []string{"see the manual", "] x"}},

		{"looks like an item", "one| - two", []string{"one", "\u2060- two"}},
		{"looks like a fence", "one |```x``` ", []string{"one", "\u2060```x```"}},
		{"looks like a rule", "one|---", []string{"one", "\u2060---"}},
		{"rule", "one\n\n|---\n\ntwo", []string{"one", "---\n\ntwo"}},
		{"cjk", "漢字かな|交じり文。", []string{"漢字かな", "交じり文。"}},
		{"in a rune", "漢\xe5|\xad\x97。", []string{"漢", "字。"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var ops []op
			text := ""
			d := New(MessageLimits())
			for i, part := range strings.Split(tc.text, "|") {
				if i > 0 {
					before := clonePages(d.Set(text, false))
					d.Break()
					ops = append(ops, op{at: len(text)})
					after := d.Set(text, false)
					if !slices.EqualFunc(before, after, sameView) {
						t.Errorf("Break changed the pages: %s, %s", show(before), show(after))
					}
				}
				text += bar(part)
			}
			var got, want []string
			for _, p := range d.Set(text, true) {
				got = append(got, p.Markdown)
			}
			for _, s := range tc.want {
				want = append(want, bar(s))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			every := make([]int, len(text))
			for i := range every {
				every[i] = i
			}
			for _, lim := range []Limits{MessageLimits(), {Chars: 500}} {
				if err := check(text, lim, every, ops...); err != "" {
					t.Error(err)
				}
			}
		})
	}
}

func TestBreakDoesNothing(t *testing.T) {
	d := New(MessageLimits())
	d.Break()
	if p := d.Set("", false); len(p) != 0 {
		t.Errorf("%q", show(p))
	}
	d.Break()
	d.Set("one **two", true)
	d.Break()
	if p := d.Set("one **two", true); len(p) != 1 || p[0].Markdown != "one **two" {
		t.Errorf("after a final Set: %q", show(p))
	}
	d.Set("other", false)
	d.Break()
	if p := d.Set("other text", false); len(p) != 2 {
		t.Errorf("%q", show(p))
	}
	if p := d.Set("something else", false); len(p) != 1 || p[0].Markdown != "something else" {
		t.Errorf("the Break is not forgotten: %q", show(p))
	}
}

// TestShrink lays each page of an answer out anew, in smaller and smaller pages.
func TestShrink(t *testing.T) {
	if raceDetector {
		t.Skip("one goroutine: there is nothing to race, and it takes ten times as long")
	}
	text := answer(60_000)
	for _, final := range []bool{false, true} {
		n := len(New(MessageLimits()).Set(text, final))
		for page := range n {
			d := New(MessageLimits())
			before := clonePages(d.Set(text, final))
			for _, chars := range []int{6_000, 3_000, 1_000, MinLimit} {
				d.Shrink(page, Limits{Chars: chars, Blocks: 20})
				after := d.Set(text, final)
				if !slices.Equal(after[:page], before[:page]) {
					t.Fatalf("page %d: an earlier one changed", page)
				}
				var p probe
				for _, page := range after[page:] {
					checkPage(&p, page, Limits{Chars: chars, Blocks: 20})
				}
				if final {
					checkLost(&p, text, after, false)
				}
				if p.err != "" {
					t.Fatal(p.err)
				}
			}
			if again := New(Limits{Chars: MinLimit, Blocks: 20}).Set(text, final); page == 0 && !slices.Equal(d.Set(text, final), again) {
				t.Error("not the pages of a new Doc with that limit")
			}
		}
	}
}

func TestShrinkForgotten(t *testing.T) {
	text := prose(5_000)
	d := New(MessageLimits())
	d.Set(text, false)
	for _, page := range []int{-1, 1, 7} {
		d.Shrink(page, Limits{Chars: 500})
	}
	if p := d.Set(text, false); len(p) != 1 {
		t.Errorf("an index without a page: %d pages", len(p))
	}
	d.Shrink(0, Limits{Chars: 500})
	if p := d.Set(text, false); len(p) < 9 {
		t.Errorf("%d pages", len(p))
	}
	if p := d.Set("x"+text, false); len(p) != 1 {
		t.Errorf("the Shrink is not forgotten: %d pages", len(p))
	}
}

// TestShrinkAfterBreak: Breaks before the page stay, those behind its beginning are forgotten.
func TestShrinkAfterBreak(t *testing.T) {
	d := New(MessageLimits())
	for _, text := range []string{"```go\none\n", "```go\none\ntwo\n", "```go\none\ntwo\nthree\n"} {
		d.Set(text, false)
		d.Break()
	}
	text := "```go\none\ntwo\nthree\nfour\n```\n"
	if p := d.Set(text, false); len(p) != 4 {
		t.Errorf("%q", show(p))
	}
	d.Shrink(1, Limits{Chars: MinLimit})
	d.Break() // where the new layout ends now
	p := d.Set(text+"end", true)
	want := []string{"```go\none\n```", "```go\ntwo\nthree\nfour\n```", "end"}
	if len(p) != 3 || p[0].Markdown != want[0] || p[1].Markdown != want[1] || p[2].Markdown != want[2] {
		t.Errorf("%q", show(p))
	}
}
