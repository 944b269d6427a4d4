package bench

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func near(a, b, eps float64) bool { return math.Abs(a-b) <= eps }

// The expected numbers are what numpy 2 prints for the same list: np.percentile, np.mean, np.median, np.std.
func TestDistributionIsNumpys(t *testing.T) {
	var ds []time.Duration
	for _, ms := range []int{15, 20, 35, 40, 50, 7, 99, 1} {
		ds = append(ds, time.Duration(ms)*time.Millisecond)
	}
	d := distribution(ds)
	for name, c := range map[string][2]float64{
		"mean": {d.MeanMS, 33.375}, "median": {d.MedianMS, 27.5}, "std": {d.StdMS, 29.346794969808883}, "p90": {d.P90MS, 64.7}, "p95": {d.P95MS, 81.85},
		"p99": {d.P99MS, 95.57}, "min": {d.MinMS, 1}, "max": {d.MaxMS, 99},
	} {
		if !near(c[0], c[1], 1e-9) {
			t.Errorf("%s = %v, want %v", name, c[0], c[1])
		}
	}
	if one := distribution(ds[:1]); one.MedianMS != 15 || one.P99MS != 15 || one.StdMS != 0 || len(one.Histogram) != 1 {
		t.Errorf("one value: %+v", one)
	}
	if none := distribution(nil); none.Count != 0 || none.P99MS != 0 || none.Histogram == nil {
		t.Errorf("no value: %+v", none)
	}
}

func TestPercentileInterpolatesBetweenRanks(t *testing.T) {
	v := []float64{1, 2, 3, 4}
	for p, want := range map[float64]float64{0: 1, 25: 1.75, 50: 2.5, 75: 3.25, 99: 3.97, 100: 4} {
		if got := percentile(v, p); !near(got, want, 1e-12) {
			t.Errorf("percentile(%v) = %v, want %v", p, got, want)
		}
	}
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Errorf("median = %v", got)
	}
}

func TestHistogramHoldsEveryDuration(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 300 {
		n := 1 + r.IntN(200)
		ds := make([]time.Duration, n)
		for i := range ds {
			ds[i] = time.Duration(math.Exp(r.NormFloat64()*float64(round%4)) * float64(time.Millisecond))
		}
		d := distribution(ds)
		sum := 0
		for i, b := range d.Histogram {
			sum += b.Count
			if i > 0 && !near(b.FromMS, d.Histogram[i-1].ToMS, 1e-6) {
				t.Fatalf("a gap before bin %d: %+v", i, d.Histogram)
			}
		}
		if sum != n || len(d.Histogram) > histogramBins+3 {
			t.Fatalf("%d bins hold %d of %d: %+v", len(d.Histogram), sum, n, d.Histogram)
		}
	}
}

func TestRoundStep(t *testing.T) {
	for x, want := range map[float64]float64{0.9: 1, 1: 1, 1.1: 2, 2: 2, 2.1: 5, 5.5: 10, 0.021: 0.05, 430: 500, 0: 0, -1: 0, 1e-9: 0} {
		if got := roundStep(x); !near(got, want, 1e-9) {
			t.Errorf("roundStep(%v) = %v, want %v", x, got, want)
		}
	}
	if roundStep(math.NaN()) != 0 || roundStep(math.Inf(1)) != 0 {
		t.Error("a step of what is no number")
	}
}

func TestPromptsShareNoBeginning(t *testing.T) {
	words := vocabulary()
	if len(words) != 256 {
		t.Errorf("%d words, want 256: the prefix would be less than 64 bits", len(words))
	}
	slices.Sort(words)
	if n := len(slices.Compact(words)); n != len(words) {
		t.Errorf("%d words are there twice", len(words)-n)
	}
	seen := map[string]bool{}
	for salt := range uint64(20) {
		for i := range 100 {
			text := prompts{seed: 7, salt: salt, words: 40}.text(i)
			if head := text[:20]; seen[head] {
				t.Fatalf("two prompts begin with %q", head)
			} else {
				seen[head] = true
			}
		}
	}
	a, b := prompts{seed: 7, salt: 1, words: 40}, prompts{seed: 7, salt: 2, words: 40}
	if again := (prompts{seed: 7, salt: 1, words: 40}); a.text(3) != again.text(3) {
		t.Error("the same seed and salt gave two texts")
	}
	tail := func(s string) string { return s[len(s)-60:] }
	if tail(a.text(3)) != tail(b.text(3)) || tail(a.text(3)) == tail(a.text(4)) {
		t.Error("the text behind the beginning must come from the seed and the number alone")
	}
}

func TestArrivalsHaveTheRate(t *testing.T) {
	const n, rate = 500, 4.0
	at := arrivals(3, n, rate)
	if at[0] != 0 || !near(at[n-1], (n-1)/rate, 1e-9) || !slices.IsSorted(at) {
		t.Errorf("first %v, last %v, want 0 and %v", at[0], at[n-1], (n-1)/rate)
	}
	short := 0 // of a Poisson process 1−1/e of the gaps are shorter than the mean
	for i := 1; i < n; i++ {
		if at[i]-at[i-1] < 1/rate {
			short++
		}
	}
	if !near(float64(short)/(n-1), 1-1/math.E, 0.06) {
		t.Errorf("%d of %d gaps are shorter than the mean", short, n-1)
	}
	if one := arrivals(3, 1, rate); len(one) != 1 || one[0] != 0 {
		t.Errorf("one arrival: %v", one)
	}
}
