package pace

import (
	"fmt"
	"io"
	"os"
	"testing"
)

// scenario is a row of the comparison.
type scenario struct {
	name  string
	world func(burst int, seed uint64) *world
}

func scenarios() []scenario {
	var all []scenario
	for _, n := range []int{1, 3, 10, 30, 100} {
		channels := 1
		if n > 10 {
			channels = 6
		}
		all = append(all, scenario{fmt.Sprintf("%d at once", n), func(burst int, seed uint64) *world { return together(n, channels, burst, seed) }})
	}
	all = append(all,
		scenario{"30 at once, one channel", func(burst int, seed uint64) *world { return together(30, 1, burst, seed) }},
		scenario{"1, the final refused", func(burst int, seed uint64) *world {
			w := together(1, 1, burst, seed)
			w.refuseFinal = true
			return w
		}})
	for _, n := range []float64{10, 20, 40, 60, 100} {
		all = append(all, scenario{fmt.Sprintf("steady %.0f a minute", n), func(burst int, seed uint64) *world { return steady(n, burst, seed) }})
	}
	return all
}

// run is the mean over so many seeds.
func run(s scenario, burst int, slow429 bool, seeds uint64, policy func(*world)) figures {
	var runs []figures
	for seed := range seeds {
		w := s.world(burst, seed)
		w.slow429 = slow429
		policy(w)
		runs = append(runs, w.figures())
	}
	return mean(runs)
}

func compare(out io.Writer) {
	policies := []struct {
		name string
		run  func(*world)
	}{{"llmbot", policyCore}, {"1-s timer", policyTimer}, {"256 chars", policyBuffer}}
	fmt.Fprintln(out, `Seconds, means over five seeds (429s, incomplete, lag max: the worst seed). first: first token -> first visible text.
stale: age of the oldest invisible token, averaged while the answer streams. stall: the reader has nothing left
although text exists. lag: last token -> complete text visible. calls: per answer. cont: continuation messages.`)
	fmt.Fprintf(out, "%-24s %-7s %-10s %6s %6s %7s %7s %7s %7s %6s %5s %5s %s\n", "load", "limiter", "policy",
		"first", "stale", "stall", "lag", "lag p95", "lag max", "calls", "cont", "429s", "incomplete")
	for _, s := range scenarios() {
		for i, burst := range []int{0, 10} {
			for _, p := range policies {
				f := run(s, burst, false, 5, p.run)
				fmt.Fprintf(out, "%-24s %-7s %-10s %6.3f %6.3f %7.3f %7.2f %7.2f %7.2f %6.1f %5d %5d %d of %d\n", s.name, []string{"window", "bucket"}[i], p.name,
					f.first, f.stale, f.stall, f.lag, f.lag95, f.lagMax, f.calls, f.continued, f.refused, f.incomplete, f.answers)
			}
		}
	}
}

// BenchmarkPolicy prints the comparison of facts/pace.md and issue 5, then measures the cost of
// simulating ten threads.
func BenchmarkPolicy(b *testing.B) {
	compare(os.Stdout)
	s := scenarios()[2]
	for b.Loop() {
		policyCore(s.world(0, 1))
	}
}
