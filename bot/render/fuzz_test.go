package render

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// snippets are what random answers are made of.
func snippets() []string {
	return []string{
		"# Heading\n", "\n## Two words\n\n", "\n\n", "\n", " ", "word ", "A sentence of some words. ", "**bold** ", "**", "*", "_it_ ", "~~gone~~", "`code` ",
		"`", "``", "```go\n", "```\n", "\n```\n", "~~~\n", "````md\n", "x := a < b && c > d\n", "    indented\n", "\t\ttabbed(\"x\")\n",
		"- item\n", "  - nested\n", "1. one\n", "1. ", "2. two\n", "10) ten\n", "   ```py\n   print(1)\n   ```\n", "- ```\n  in item\n  ```\n", "> quote\n", "> > deep ", "> ```\n> quoted code\n",
		"| a | b |\n|---|---|\n", "| 1 | 2 |\n", "| x | `y|z` ", "a | b\n--- | ---\n", "1 | 2\n", "|", "---\n", "***\n", "===\n",
		"[text](https://example.com/a_b?x=1&y=2) ", "[text", "](", "https://x.test/", ")", "![img](u)", "<https://auto.test/p>", "<https://auto.test/p>x", "<a@b.test>", "<div>", "<",
		"<!channel>", "<!here|x>", "<@U012>", "<#C1|n>", "<https://e.test|label>", "@here ", "@channel", "@every", "&lt;!channel&gt;", "&amp;", "&", "&#60;", "!here",
		"\\<!channel>", "\\*", "\\", "<|im_end|>", "<!-- c -->", "漢字かな交じり文。", "日本", "👩‍👩‍👧‍👦", "e\u0301", "مرحبا بالعالم ", "🇩🇪", "$x_1^2$", "[^1]", "- [ ] task\n", "\r\n",
		strings.Repeat("long ", 40), strings.Repeat("x", 150), strings.Repeat("漢", 60), strings.Repeat("<", 20), "<!", "<@", "mailto:", "<mailto:x@y.test>",
	}
}

func randomText(r *rand.Rand, most int) string {
	s := snippets()
	var b strings.Builder
	for range 1 + r.IntN(most) {
		part := s[r.IntN(len(s))]
		b.WriteString(part)
		for r.IntN(6) == 0 {
			b.WriteString(part)
		}
	}
	return b.String()
}

func randomLimits(r *rand.Rand) Limits {
	return []Limits{
		{Chars: 500, Blocks: 6}, {Chars: 700, Blocks: 40}, {Chars: 1500, Blocks: 12, Bytes: 900}, {Bytes: 600}, MessageLimits(),
	}[r.IntN(5)]
}

// TestRandomAnswers is the fuzz test over answers made of Markdown.
func TestRandomAnswers(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 100
	}
	for i := range rounds {
		r := rand.New(rand.NewPCG(uint64(i), 7))
		text := randomText(r, 60)
		checkAll(t, text, randomLimits(r), steps(r, len(text), 1+r.IntN(60)))
	}
}

func FuzzSnippets(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		text := randomText(r, 80)
		checkAll(t, text, randomLimits(r), steps(r, len(text), 1+r.IntN(60)))
	})
}

func FuzzText(f *testing.F) {
	for i, s := range snippets() {
		f.Add(s+s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 3))
		text = strings.Repeat(text, 1+r.IntN(1+600/(1+len(text))))
		checkAll(t, text, randomLimits(r), steps(r, len(text), 1+r.IntN(1+len(text))))
	})
}

func FuzzFallback(f *testing.F) {
	for _, s := range snippets() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range append(Plain(text), Fallback(text)) {
			if len(s) > 3_800 || !utf8.ValidString(s) || strings.ContainsAny(s, "<>") || live(s) != "" {
				t.Errorf("%d bytes: %q", len(s), s)
			}
		}
		if got, want := letters(strings.Join(Plain(text), "")), letters(Mrkdwn(text)); got != want {
			t.Errorf("lost: %q, want %q", got, want)
		}
	})
}

func FuzzLives(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		r := rand.New(rand.NewPCG(a, b))
		text := randomText(r, 1+r.IntN(80))
		ops := randomOps(r, text)
		checkAll(t, text, randomLimits(r), steps(r, len(text), 1+r.IntN(60)), ops...)
	})
}

func FuzzTextLives(f *testing.F) {
	for i, s := range snippets() {
		f.Add(s+s, uint64(i))
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 5))
		text = strings.Repeat(text, 1+r.IntN(1+600/(1+len(text))))
		ops := randomOps(r, text)
		checkAll(t, text, randomLimits(r), steps(r, len(text), 1+r.IntN(1+len(text))), ops...)
	})
}
