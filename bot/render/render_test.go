package render

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// update rewrites the golden files.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite golden files")
	flag.Parse()
	os.Exit(m.Run())
}

// show prints pages for golden files.
func show(pages []Page) string {
	var b strings.Builder
	for i, p := range pages {
		fmt.Fprintf(&b, "════ page %d: %d chars, %d blocks, end %d\n%s\n", i+1, p.Chars, p.Blocks, p.End, p.Markdown)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.md")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text := string(src)
			got := "#### as messages\n" + show(New(MessageLimits()).Set(text, true)) +
				"#### small pages\n" + show(New(Limits{Chars: 900, Blocks: 12}).Set(text, true)) +
				"#### cut in the middle, growing\n" + show(New(MessageLimits()).Set(text[:len(text)/2], false)) +
				"#### fallback\n" + Fallback(text) + "\n"
			golden := strings.TrimSuffix(file, ".md") + ".golden"
			if update() {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("differs from %s; run with -update and look at the difference\n%s", golden, got)
			}
			for _, lim := range []Limits{MessageLimits(), StreamLimits(), {Chars: 700, Blocks: 10}} {
				checkAll(t, text, lim, steps(rand.New(rand.NewPCG(1, 2)), len(text), 40))
			}
		})
	}
}

// mostLooked is how many bytes are looked at, about, while a text grows: at each step that is all of its last page. Without a bound a text of
// 11,000 bytes that grew byte by byte took seven seconds, and a fuzz target whose code is counted took a minute for it.
const mostLooked = 2_000_000

// stride is how many bytes a text of n bytes grows by at least, so that no more than that is looked at.
func stride(n int) int { return max(1, n*n/mostLooked) }

// steps are where a text of n bytes grows to, by at most so many bytes at once if it is short.
func steps(r *rand.Rand, n, most int) []int {
	most = max(most, stride(n))
	var at []int
	for i := 0; i < n; {
		i = min(n, i+1+r.IntN(most))
		at = append(at, i)
	}
	return at
}
