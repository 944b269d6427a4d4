package llm

import (
	"math"
	"slices"
	"time"
)

// RateSet is what happened between two readings of the metrics.
type RateSet struct {
	// Known is false if the counters began again, or no time passed between the readings. Then
	// everything else is zero.
	Known    bool
	Interval time.Duration

	PromptRate     float64 // prompt tokens a second
	GenerationRate float64 // generated tokens a second: the system throughput
	RequestRate    float64 // finished requests a second
	PreemptionRate float64 // a second
	PrefixHitRate  float64 // 0..1; -1: nothing was looked up
	AcceptanceRate float64 // of draft tokens, 0..1; -1: no speculative decoding

	TTFT, ITL, E2E, Queue Quantiles
}

// Quantiles are estimated from histogram buckets, linearly inside a bucket as Prometheus does it.
// What lies above the last finite bound is reported as that bound.
type Quantiles struct {
	Count              float64       // 0: nothing was observed, and the rest is zero
	Mean               time.Duration // exact: the histogram's sum divided by its count
	Least              time.Duration // the first bound: what lies below is only known to be less
	P50, P90, P95, P99 time.Duration
	// Half, Most and Nearly are upper bounds of the buckets that hold P50, P95 and P99: what a
	// histogram knows for certain. 0: it is above the last finite bound.
	Half, Most, Nearly time.Duration
}

// Rates returns what happened between prev and cur, dt apart; dt <= 0 means the time between their
// At.
//
// If the server was restarted in between, Known is false: it has another start time, or any of its
// counters went down.
func Rates(prev, cur Metrics, dt time.Duration) RateSet {
	if dt <= 0 {
		dt = cur.At.Sub(prev.At)
	}
	r := RateSet{Interval: dt, PrefixHitRate: -1, AcceptanceRate: -1}
	if dt <= 0 || !prev.Known || !cur.Known || restarted(prev, cur) {
		return r
	}
	r.Known = true
	perSecond := func(a, b float64) float64 { return (b - a) / dt.Seconds() }
	r.PromptRate = perSecond(prev.PromptTokens, cur.PromptTokens)
	r.GenerationRate = perSecond(prev.GenerationTokens, cur.GenerationTokens)
	r.PreemptionRate = perSecond(prev.Preemptions, cur.Preemptions)
	r.RequestRate = perSecond(finished(prev), finished(cur))
	if looked := cur.PrefixQueries - prev.PrefixQueries; looked > 0 {
		r.PrefixHitRate = min((cur.PrefixHits-prev.PrefixHits)/looked, 1)
	}
	if drafted := cur.DraftTokens - prev.DraftTokens; drafted > 0 {
		r.AcceptanceRate = min((cur.AcceptedTokens-prev.AcceptedTokens)/drafted, 1)
	}
	r.TTFT = cur.TTFT.since(prev.TTFT).quantiles()
	r.ITL = cur.ITL.since(prev.ITL).quantiles()
	r.E2E = cur.E2E.since(prev.E2E).quantiles()
	r.Queue = cur.Queue.since(prev.Queue).quantiles()
	return r
}

// Quantiles returns those of the whole life of the server.
func (h *Histogram) Quantiles() Quantiles { return h.quantiles() }

// HitRate returns the share of the tokens that the server looked up in its prefix cache and found,
// over its whole life; -1: nothing was looked up.
func (m Metrics) HitRate() float64 {
	if m.PrefixQueries <= 0 {
		return -1
	}
	return m.PrefixHits / m.PrefixQueries
}

func finished(m Metrics) float64 {
	sum := 0.0
	for _, v := range m.Success {
		sum += v
	}
	return sum
}

// restarted reports whether the counters of cur began again after prev.
func restarted(prev, cur Metrics) bool {
	// A start time in the exposition is a float: allow for its rounding.
	if !prev.Started.IsZero() && !cur.Started.IsZero() && cur.Started.Sub(prev.Started).Abs() > time.Second {
		return true
	}
	for _, pair := range [][2]float64{
		{prev.PromptTokens, cur.PromptTokens},
		{prev.GenerationTokens, cur.GenerationTokens},
		{prev.PrefixQueries, cur.PrefixQueries},
		{prev.PrefixHits, cur.PrefixHits},
		{prev.Preemptions, cur.Preemptions},
		{prev.DraftTokens, cur.DraftTokens},
		{prev.AcceptedTokens, cur.AcceptedTokens},
		{prev.TTFT.Count, cur.TTFT.Count},
		{prev.ITL.Count, cur.ITL.Count},
		{prev.E2E.Count, cur.E2E.Count},
		{prev.Queue.Count, cur.Queue.Count},
		{finished(prev), finished(cur)},
	} {
		if pair[1] < pair[0] {
			return true
		}
	}
	return false
}

// since returns what was added to prev; with other buckets that cannot be said, and it is empty.
func (h *Histogram) since(prev Histogram) *Histogram {
	if len(prev.Bounds) == 0 && prev.Count == 0 {
		return h
	}
	if !slices.Equal(h.Bounds, prev.Bounds) {
		return &Histogram{}
	}
	d := &Histogram{Bounds: h.Bounds, Counts: make([]float64, len(h.Counts)), Sum: h.Sum - prev.Sum, Count: h.Count - prev.Count}
	for i := range h.Counts {
		d.Counts[i] = max(h.Counts[i]-prev.Counts[i], 0)
	}
	return d
}

func (h *Histogram) quantiles() Quantiles {
	if h.Count <= 0 {
		return Quantiles{}
	}
	return Quantiles{
		Count: h.Count, Mean: seconds(h.Sum / h.Count), Least: h.least(),
		P50: h.quantile(0.50), P90: h.quantile(0.90), P95: h.quantile(0.95), P99: h.quantile(0.99),
		Half: h.within(0.50), Most: h.within(0.95), Nearly: h.within(0.99),
	}
}

// within returns the least bound that a share q of the observations did not exceed; 0: no finite
// one.
func (h *Histogram) within(q float64) time.Duration {
	for i, bound := range h.Bounds {
		if h.Counts[i] >= q*h.Count && !math.IsInf(bound, 1) {
			return seconds(bound)
		}
	}
	return 0
}

func (h *Histogram) least() time.Duration {
	if len(h.Bounds) == 0 || math.IsInf(h.Bounds[0], 1) {
		return 0
	}
	return seconds(h.Bounds[0])
}

// quantile returns the value that a share q of the observations did not exceed.
func (h *Histogram) quantile(q float64) time.Duration {
	if len(h.Bounds) == 0 {
		return 0
	}
	rank, low, below := q*h.Count, 0.0, 0.0
	for i, bound := range h.Bounds {
		if h.Counts[i] >= rank && h.Counts[i] > below {
			if math.IsInf(bound, 1) {
				return seconds(low)
			}
			return seconds(low + (bound-low)*(rank-below)/(h.Counts[i]-below))
		}
		if !math.IsInf(bound, 1) {
			low = bound
		}
		below = h.Counts[i]
	}
	return seconds(low)
}

func seconds(f float64) time.Duration {
	return time.Duration(min(max(f, 0), 1e9) * float64(time.Second))
}
