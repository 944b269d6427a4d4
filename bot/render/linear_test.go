package render

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

const million = 1_000_000

// giants are texts of n bytes of one kind.
func giants(n int) map[string]string {
	out := map[string]string{}
	add := func(name, head, part string) {
		out[name] = (head + strings.Repeat(part, n/len(part)+1))[:n]
	}
	add("words", "", "word ")
	add("words in code", "```\n", "word ")
	add("words in a cell", "| a | b |\n|---|---|\n| ", "word ")
	add("words in a quote", "> ", "word ")
	add("words in an item", "- ", "word ")
	add("words in bold", "**", "word ")
	add("white space in code", "```\n", " ")
	add("white space behind a word", "word", " ")
	add("tabs", "word", "\t")
	for i, part := range append(hostileParts(), "x", "- ", "> ", "1. ", "[a", "[", "](", "[a](", "`", "``a` ", "*", "**a ", "_", "~", "\u0301", "\u200d", "\u200b", "`\u200b", "\x00", "\xff", "a\x00", "\r", "\r\n",
		"<", "<a", "<!", "&", "&#", "@here", "https://x.test/@here", "\\", "!", "![", "|", "|-", "| a ", "\n", "\n\n", " ", "a b ", "漢", "。", "👩‍👩‍👧‍👦", "```\n", "# h\n", "#", "=", "a\n=\n", "-", "- - - ", "> > > ", "1. 1. ", "$", "e\u0301", "\u202e",
		"a.", "a.bc", "a@", "://", "a://b", "www.", ")", "(", "https://evil.test/)))", "\U000e0067", "🏴\U000e0067", "١", "क\u200d",
	) {
		add(strings.ReplaceAll(fmt.Sprintf("%d %.12q", i, part), "/", "|"), "", part)
	}
	return out
}

// setAt is how long it takes to render text that grows by so many bytes, or all at once.
func setAt(text string, by int, options ...Option) time.Duration {
	d := New(MessageLimits(), options...)
	start := processorTime()
	for n := by; by > 0 && n < len(text); n += by {
		d.Set(text[:n], false)
	}
	d.Set(text, true)
	return processorTime() - start
}

// giantBytes is how much of each fragment TestMillion renders: less by default, because there are many.
var giantBytes = flag.Int("giants.bytes", million/10, "bytes of each giant text")

// TestMillion renders any fragment at a megabyte a second at least, at once and growing by 64 bytes. The whole megabyte:
// -giants.bytes 1000000. Of less, it also compares with a quarter, for what grows with the square of the text is fast while it is short.
func TestMillion(t *testing.T) {
	if raceDetector || testing.Short() {
		t.Skip("it measures")
	}
	limit := time.Second // for a megabyte; less of it has room for a slow machine
	if *giantBytes < million {
		limit = 10 * time.Duration(*giantBytes) * time.Second / million // eight times what the slowest takes; what is steep is told apart
	}
	quarters := giants(*giantBytes / 4)
	for name, text := range giants(*giantBytes) {
		for _, links := range []Links{{}, {Defang: true}} {
			for _, by := range []int{0, 64} {
				quarter, took := setAt(quarters[name], by, WithLinks(links)), setAt(text, by, WithLinks(links))
				bad := func() bool { return took > limit || steep(quarter, took, *giantBytes) }
				for tries := 0; tries < 4 && bad(); tries++ { // another program may have had the caches
					quarter, took = min(quarter, setAt(quarters[name], by, WithLinks(links))), min(took, setAt(text, by, WithLinks(links)))
				}
				if bad() {
					t.Errorf("%s by %d, %v: %v of %v, and a quarter of it %v", name, by, links, took, limit, quarter)
				}
			}
		}
	}
}

// steep reports whether n bytes cost more than in proportion to a quarter of them, by so much that a megabyte would take three seconds: that
// is what a slow machine gets. A cost that grows with the square has sixteen times, one that does not has four, and collections of garbage.
func steep(quarter, whole time.Duration, n int) bool {
	part := float64(n) / million
	noise := time.Duration(2 * part * part * float64(time.Second))
	return whole > 6*quarter+noise
}

func TestSteep(t *testing.T) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		quarter, whole time.Duration
		n              int
		want           bool
	}{
		{15 * ms, 250 * ms, million / 10, true}, // 25 s for a megabyte
		{3 * ms, 48 * ms, million / 10, true},
		{25 * ms, 120 * ms, million / 10, false},
		{0, 9 * ms, million / 10, false},
		{63 * ms, 1000 * ms, million, false}, // a second is what it may take
	} {
		if got := steep(tc.quarter, tc.whole, tc.n); got != tc.want {
			t.Errorf("%v and %v of %d bytes: %v", tc.quarter, tc.whole, tc.n, got)
		}
	}
}

// BenchmarkGiants shows that the cost is that of the bytes: the same for each size.
func BenchmarkGiants(b *testing.B) {
	for _, n := range []int{million / 16, million / 4, million} {
		for _, by := range []int{0, 64} {
			for name, text := range giants(n) {
				b.Run(fmt.Sprintf("%s/by%d/%07d", name, by, n), func(b *testing.B) {
					b.SetBytes(int64(n))
					for b.Loop() {
						setAt(text, by)
					}
				})
			}
		}
	}
}
