package pace

import "testing"

// goal is the most that a figure of a scenario may be; no answer may be incomplete.
type goal struct {
	name  string
	burst int
	most  figures
}

// goals are those of issue 5, as far as a scheduler decides them, and a little more where we are
// better.
func goals() []goal {
	return []goal{
		{"1 at once", 0, figures{first: 0.12, stale: 0.56, stall: 0.05, lag: 0.11, lag95: 0.11, lagMax: 0.11, calls: 14}},
		{"1 at once", 10, figures{first: 0.12, stale: 0.56, stall: 0.05, lag: 0.11, lag95: 0.11, lagMax: 0.11, calls: 14}},
		{"1, the final refused", 0, figures{first: 0.12, stale: 0.56, stall: 0.05, lag: 0.21, lag95: 0.21, lagMax: 0.21, calls: 16, refused: 1, continued: 1}},
		{"3 at once", 10, figures{first: 0.12, stale: 1.7, stall: 0.1, lag: 0.2, lag95: 0.2, lagMax: 0.25, calls: 8}},
		{"10 at once", 0, figures{first: 0.5, stale: 4, stall: 0.4, lag: 0.15, lag95: 0.15, lagMax: 0.3, calls: 4}},
		{"10 at once", 10, figures{first: 0.5, stale: 4, stall: 0.4, lag: 0.5, lag95: 2.2, lagMax: 2.2, calls: 4, refused: 3, continued: 3}},
		{"30 at once", 0, figures{first: 1.4, stale: 6, stall: 1.3, lag: 0.3, lag95: 0.6, lagMax: 0.8, calls: 3}},
		{"30 at once", 10, figures{first: 1.4, stale: 6, stall: 1.3, lag: 1, lag95: 2.2, lagMax: 2.2, calls: 3.5, refused: 3, continued: 25}},
		{"30 at once, one channel", 0, figures{first: 8.5, stale: 6, stall: 8, lag: 2, lag95: 8, lagMax: 10, calls: 2.5}},
		{"30 at once, one channel", 10, figures{first: 8.5, stale: 6, stall: 8, lag: 5, lag95: 12, lagMax: 13, calls: 3, refused: 3, continued: 6}},
		{"100 at once", 0, figures{first: 3.5, stale: 5, stall: 3.5, lag: 1, lag95: 4, lagMax: 8, calls: 3, continued: 60}},
		{"steady 20 a minute", 0, figures{first: 0.5, stale: 2, stall: 0.8, lag: 0.3, lag95: 1, lagMax: 2.3, calls: 4, continued: 8}},
		{"steady 40 a minute", 0, figures{first: 1.1, stale: 2.5, stall: 1.5, lag: 0.5, lag95: 2.2, lagMax: 2.3, calls: 3, continued: 40}},
		{"steady 40 a minute", 10, figures{first: 1.1, stale: 2.5, stall: 1.5, lag: 0.5, lag95: 2.2, lagMax: 2.3, calls: 3, refused: 3, continued: 40}},
		{"steady 100 a minute", 0, figures{first: 2.1, stale: 2.5, stall: 2.2, lag: 0.7, lag95: 2.2, lagMax: 2.5, calls: 2.5, continued: 260}},
		{"steady 100 a minute", 10, figures{first: 2.1, stale: 2.5, stall: 2.2, lag: 0.7, lag95: 2.2, lagMax: 2.5, calls: 2.5, refused: 3, continued: 260}},
	}
}

func TestPolicyGoals(t *testing.T) {
	for _, s := range scenarios() {
		for _, g := range goals() {
			if g.name == s.name {
				// A refusal comes at once in the definitions, and as late as any answer in life.
				g.check(t, run(s, g.burst, false, 1, policyCore))
				g.check(t, run(s, g.burst, true, 1, policyCore))
			}
		}
	}
}

func (g goal) check(t *testing.T, f figures) {
	t.Helper()
	for _, c := range []struct {
		what      string
		got, most float64
	}{
		{"first text", f.first, g.most.first},
		{"mean staleness", f.stale, g.most.stale},
		{"reader stall", f.stall, g.most.stall},
		{"end lag", f.lag, g.most.lag},
		{"end lag p95", f.lag95, g.most.lag95},
		{"end lag max", f.lagMax, g.most.lagMax},
		{"calls per answer", f.calls, g.most.calls},
		{"429s", float64(f.refused), float64(g.most.refused)},
		{"continuation messages", float64(f.continued), float64(g.most.continued)},
		{"incomplete answers", float64(f.incomplete), 0},
	} {
		if c.got > c.most+1e-3 {
			t.Errorf("%s, burst %d: %s %.3f, want at most %.3f", g.name, g.burst, c.what, c.got, c.most)
		}
	}
}
