package bench

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Distribution sums up a set of durations. All numbers are milliseconds.
type Distribution struct {
	Count    int     `json:"count"`
	MeanMS   float64 `json:"mean_ms"`
	MedianMS float64 `json:"median_ms"`
	StdMS    float64 `json:"std_ms"` // of the population, as numpy.std
	MinMS    float64 `json:"min_ms"`
	MaxMS    float64 `json:"max_ms"`
	P90MS    float64 `json:"p90_ms"`
	P95MS    float64 `json:"p95_ms"`
	P99MS    float64 `json:"p99_ms"`
	// Histogram has bins of one width; the last one is open and ends at the longest duration.
	Histogram []Bin `json:"histogram"`
}

// Bin is one bar of a histogram: how many durations d there are with From <= d < To.
type Bin struct {
	FromMS float64 `json:"from_ms"`
	ToMS   float64 `json:"to_ms"`
	Count  int     `json:"count"`
}

// shown returns one of its numbers for a person; a dash if there were no durations.
func (d Distribution) shown(x func(Distribution) float64) string {
	if d.Count == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", x(d))
}

// distribution sums up ds. It is zero for none.
func distribution(ds []time.Duration) Distribution {
	if len(ds) == 0 {
		return Distribution{Histogram: []Bin{}}
	}
	v := make([]float64, len(ds))
	for i, d := range ds {
		v[i] = ms(d)
	}
	slices.Sort(v)
	d := Distribution{
		Count: len(v), MinMS: v[0], MaxMS: v[len(v)-1], MedianMS: percentile(v, 50), P90MS: percentile(v, 90), P95MS: percentile(v, 95), P99MS: percentile(v, 99),
	}
	sum := 0.0
	for _, x := range v {
		sum += x
	}
	d.MeanMS = sum / float64(len(v))
	square := 0.0
	for _, x := range v {
		square += (x - d.MeanMS) * (x - d.MeanMS)
	}
	d.StdMS = math.Sqrt(square / float64(len(v)))
	d.Histogram = histogram(v, d.P99MS)
	return d
}

// percentile interpolates linearly between the two nearest ranks, as numpy.percentile does by
// default. sorted is ascending.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := p / 100 * float64(len(sorted)-1)
	i := min(max(int(math.Floor(at)), 0), len(sorted)-1)
	j := min(i+1, len(sorted)-1)
	return sorted[i] + (sorted[j]-sorted[i])*(at-float64(i))
}

// median returns the 50th percentile of values in any order.
func median(values []float64) float64 {
	v := slices.Clone(values)
	slices.Sort(v)
	return percentile(v, 50)
}

// histogramBins is about how many bars a chart of half a page can show.
const histogramBins = 24

// histogram counts sorted values in bins of a round width, up to the bin that holds upTo. All that
// is longer is in one last bin, so that a single straggler does not squeeze the rest into one bar.
func histogram(sorted []float64, upTo float64) []Bin {
	lo, hi := sorted[0], sorted[len(sorted)-1]
	step := roundStep((upTo - lo) / histogramBins)
	if step == 0 { // all the same
		return []Bin{{FromMS: lo, ToMS: hi, Count: len(sorted)}}
	}
	from := math.Floor(lo/step) * step
	n := int((upTo-from)/step) + 1
	bins := make([]Bin, n, n+1)
	for i := range bins {
		bins[i] = Bin{FromMS: from + float64(i)*step, ToMS: from + float64(i+1)*step}
	}
	rest := Bin{FromMS: from + float64(n)*step, ToMS: hi}
	for _, x := range sorted {
		if i := int((x - from) / step); i < n {
			bins[max(i, 0)].Count++
		} else {
			rest.Count++
		}
	}
	if rest.Count > 0 {
		bins = append(bins, rest)
	}
	return bins
}

// roundStep returns the smallest of 1, 2, 5 times a power of ten that is not below x. It returns 0
// for what is not above a microsecond (in ms), which no clock here can tell from nothing.
func roundStep(x float64) float64 {
	if !(x > 1e-3) || math.IsInf(x, 0) {
		return 0
	}
	ten := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*ten >= x*(1-1e-9) {
			return m * ten
		}
	}
	return 10 * ten
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// per returns n a second; 0 for no time.
func per(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
