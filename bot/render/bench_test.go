package render

import (
	"strings"
	"testing"
)

func answer(n int) string {
	const part = "## A heading\n\nSome **bold** prose with `code`, a [link](https://example.com/x?a=1&b=2), and more words that go on for a while. " +
		"Another sentence follows it, and then another one.\n\n- first item with text\n- second item\n  1. nested\n\n```go\nfunc f(a, b int) bool {\n\treturn a < b && b > 0\n}\n```\n\n" +
		"| a | b |\n|---|---|\n| 1 | some text |\n| 2 | other text |\n\n"
	return strings.Repeat(part, n/len(part)+1)[:n]
}

func prose(n int) string {
	return strings.Repeat("Plain words in a paragraph, as most answers have them, with a number such as 42 and a full stop.\n\n", n/90)[:n]
}

func BenchmarkWhole(b *testing.B) {
	for name, text := range map[string]string{"mixed": answer(120_000), "prose": prose(120_000)} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				New(MessageLimits()).Set(text, true)
			}
		})
	}
}

func BenchmarkUpdate(b *testing.B) {
	text := answer(12_000)
	for b.Loop() {
		b.StopTimer()
		d := New(Limits{Chars: 100_000, Blocks: 1_000})
		d.Set(text[:11_000], false)
		b.StartTimer()
		for n := 11_000; n < 11_800; n += 20 { // 40 updates
			d.Set(text[:n+20], false)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/40, "ns/update")
}
