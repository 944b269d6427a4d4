package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Comparison is two servers measured in turns.
type Comparison struct {
	A    []Report `json:"a"` // a report each round
	B    []Report `json:"b"`
	Rows []Ratio  `json:"rows"`
}

// Ratio compares one number. The values are medians over the rounds.
type Ratio struct {
	Metric string  `json:"metric"`
	Unit   string  `json:"unit"`
	Higher bool    `json:"higher_is_better"`
	A      float64 `json:"a"`
	B      float64 `json:"b"`
	AMin   float64 `json:"a_min"`
	AMax   float64 `json:"a_max"`
	BMin   float64 `json:"b_min"`
	BMax   float64 `json:"b_max"`
	Ratio  float64 `json:"ratio_b_to_a"` // 0: not known
	// Clear reports that the rounds of A and of B do not overlap, with at least three rounds each.
	// With three rounds that happens by chance alone in one of ten comparisons of equal servers, with
	// five in one of 126.
	Clear bool `json:"clear"`
}

// DefaultRounds are enough for a median and its spread.
const DefaultRounds = 3

// minClear is the least number of rounds from which a difference is called clear.
const minClear = 3

// Compare measures two servers in turns, A B A B …, so that what changes meanwhile on the machine
// and the network touches both alike. Both get prompts of the same words after different
// beginnings, so that it works also when they are one server or share a cache. 0 rounds means
// DefaultRounds. Compare uses the Name and Model of a and b, not those of cfg. Its errors are those
// of [Run]; with ctx's error it returns the rounds so far.
func Compare(ctx context.Context, a, b Target, cfg Config, rounds int, progress func(Progress)) (Comparison, error) {
	if rounds <= 0 {
		rounds = DefaultRounds
	}
	var sessions [2]*session
	for i, t := range []Target{a, b} {
		own := cfg
		own.Name, own.Model = t.Name, t.Model
		if cfg.Salt != 0 {
			own.Salt = cfg.Salt + uint64(i)
		}
		s, err := prepare(ctx, t.Server, own, progress)
		if err != nil {
			return Comparison{}, fmt.Errorf("%s: %w", t.Name, err)
		}
		sessions[i] = s
	}
	var c Comparison
	for round := range rounds {
		for i, into := range []*[]Report{&c.A, &c.B} {
			r, err := sessions[i].measure(ctx, sessions[i].cfg, round+1)
			*into = append(*into, r)
			if err != nil {
				c.Rows = ratios(c.A, c.B)
				return c, err
			}
		}
	}
	c.Rows = ratios(c.A, c.B)
	return c, nil
}

// Target is one side of a comparison.
type Target struct {
	Name   string // for the report: its address, say
	Model  string // empty: the client's own
	Server Server
}

// ratios compares the whole rounds of two sides.
func ratios(a, b []Report) []Ratio {
	type number struct {
		metric, unit string
		higher       bool
		of           func(Report) float64 // 0: not known
	}
	list := []number{
		{"Output token throughput", "tok/s", true, func(r Report) float64 { return r.OutputThroughput }},
		{"Total token throughput", "tok/s", true, func(r Report) float64 { return r.TotalThroughput }},
		{"Request throughput", "req/s", true, func(r Report) float64 { return r.RequestThroughput }},
		{"Interactive speed", "tok/s", true, Report.InteractiveSpeed},
		{"Decode speed", "tok/s", true, Report.DecodeSpeed},
		{"Request goodput", "req/s", true, func(r Report) float64 { return r.Goodput }},
	}
	for _, m := range metrics() {
		list = append(list,
			number{"Median " + m.name, "ms", false, func(r Report) float64 { return m.of(r).MedianMS }},
			number{"P99 " + m.name, "ms", false, func(r Report) float64 { return m.of(r).P99MS }})
	}
	rows := []Ratio{}
	for _, n := range list {
		va, vb := values(a, n.of), values(b, n.of)
		if len(va) == 0 || len(vb) == 0 {
			continue
		}
		row := Ratio{
			Metric: n.metric, Unit: n.unit, Higher: n.higher, A: median(va), B: median(vb),
			AMin: slices.Min(va), AMax: slices.Max(va), BMin: slices.Min(vb), BMax: slices.Max(vb),
		}
		if row.A > 0 {
			row.Ratio = row.B / row.A
		}
		row.Clear = min(len(va), len(vb)) >= minClear && (row.AMax < row.BMin || row.BMax < row.AMin)
		rows = append(rows, row)
	}
	return rows
}

// values returns the numbers of the rounds that were measured to their end.
func values(rs []Report, of func(Report) float64) []float64 {
	var out []float64
	for _, r := range rs {
		if x := of(r); !r.Interrupted && r.Completed > 0 && x != 0 {
			out = append(out, x)
		}
	}
	return out
}

// Table returns the comparison for a terminal. It ends in a line end.
func (c Comparison) Table() string {
	var b strings.Builder
	a, other := sideName(c.A, "A"), sideName(c.B, "B")
	fmt.Fprintf(&b, "A = %s, B = %s, in turns; medians of %d and %d rounds, and in brackets their range\n", a, other, len(c.A), len(c.B))
	fmt.Fprintf(&b, "%-32s %-28s %-28s %-8s\n", "", "A", "B", "B / A")
	for _, r := range c.Rows {
		fmt.Fprintf(&b, "%-32s %-28s %-28s %-8s %s\n", r.Metric+" ("+r.Unit+"):", span(r.A, r.AMin, r.AMax), span(r.B, r.BMin, r.BMax), times(r.Ratio), r.Verdict())
	}
	b.WriteString(wrapped(c.whatIsClear()))
	for _, rs := range [][]Report{c.A, c.B} {
		for _, r := range rs {
			for _, d := range doubts(r) {
				b.WriteString(wrapped(d))
			}
		}
	}
	return b.String()
}

// whatIsClear says what "clear" means, and what is missing for it.
func (c Comparison) whatIsClear() string {
	s := fmt.Sprintf("A difference is called clear when all rounds of one side are better than all of the other, with at least %d rounds each.", minClear)
	if n := min(len(c.A), len(c.B)); n < minClear {
		s += fmt.Sprintf(" Here %s: give --rounds %d or more.", rounds(n), minClear)
	}
	return s
}

func rounds(n int) string {
	if n == 1 {
		return "was 1"
	}
	return fmt.Sprintf("were %d", n)
}

// Verdict returns in a word or two which side is better.
func (r Ratio) Verdict() string {
	switch {
	case !r.Clear:
		return "no clear difference"
	case (r.B > r.A) == r.Higher:
		return "B is better"
	default:
		return "A is better"
	}
}

func span(x, lo, hi float64) string { return fmt.Sprintf("%.2f [%.2f – %.2f]", x, lo, hi) }

func times(x float64) string {
	if x == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3f×", x)
}

func sideName(rs []Report, other string) string {
	if len(rs) > 0 && rs[0].Name != "" {
		return rs[0].Name
	}
	return other
}
