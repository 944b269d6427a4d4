package llm

import (
	"flag"
	"math/rand/v2"
	"strings"
	"testing"

	"llmbot/llm/llmsim"
)

var honest = flag.Uint64("honest.answers", 1_500, "how many generated answers TestHonestAnswers reads; before a release 10,000")

// TestHonestAnswers: of answers in which nothing is wrong no character is lost, however they are cut.
func TestHonestAnswers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for seed := range *honest {
		want := llmsim.Honest(seed)
		s, text := newSplitter(false), strings.Builder{}
		take := func(out split) {
			if text.WriteString(out.text); out.reasoning != "" || out.retract {
				t.Fatalf("answer %d has thoughts: %+v\n%s", seed, out, want)
			}
		}
		for rest := want; rest != ""; {
			n := min(1+r.IntN(12), len(rest))
			take(s.feed(rest[:n]))
			rest = rest[n:]
		}
		take(s.flush(true))
		if text.String() != want || s.called {
			got, at := text.String(), 0
			for at < min(len(got), len(want)) && got[at] == want[at] {
				at++
			}
			t.Fatalf("answer %d, called %v, at %d:\n got %q\nwant %q", seed, s.called, at, short(got[max(0, at-200):]), short(want[max(0, at-200):]))
		}
	}
}

// BenchmarkSplitter is what a token of content costs.
func BenchmarkSplitter(b *testing.B) {
	var tokens []string
	for seed := range uint64(50) {
		tokens = append(tokens, llmsim.Tokens(llmsim.Honest(seed))...)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := newSplitter(false)
		for _, tok := range tokens {
			s.feed(tok)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(tokens)), "ns/token")
}
