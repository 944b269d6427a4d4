package llm

import (
	"math"
	"testing"
	"time"
)

func TestRates(t *testing.T) {
	hist := func(a, b, c float64) Histogram {
		return Histogram{Bounds: []float64{1, 2, math.Inf(1)}, Counts: []float64{a, b, c}, Count: c, Sum: c}
	}
	at := time.Unix(1000, 0)
	prev := Metrics{
		Known: true, At: at, PromptTokens: 100, GenerationTokens: 10, PrefixQueries: 100, PrefixHits: 10, Success: map[string]float64{"stop": 1},
		TTFT: hist(5, 5, 5), Started: at,
	}
	cur := Metrics{
		Known: true, At: at.Add(10 * time.Second), PromptTokens: 300, GenerationTokens: 510, PrefixQueries: 300, PrefixHits: 160,
		Success: map[string]float64{"stop": 10, "length": 1}, TTFT: hist(55, 105, 105), Started: at.Add(time.Millisecond),
	}
	r := Rates(prev, cur, 0)
	if !r.Known || r.PromptRate != 20 || r.GenerationRate != 50 || r.RequestRate != 1 || r.PrefixHitRate != 0.75 || r.AcceptanceRate != -1 {
		t.Errorf("%+v", r)
	}
	if q := r.TTFT; q.Count != 100 || q.P50 != time.Second || q.P90 != 1800*time.Millisecond || q.P99 != 1980*time.Millisecond || q.Mean != time.Second {
		t.Errorf("%+v", q)
	}
	for name, change := range map[string]func(*Metrics){
		"start time":        func(m *Metrics) { m.Started = m.Started.Add(time.Hour) },
		"a counter down":    func(m *Metrics) { m.GenerationTokens = 3 },
		"finished requests": func(m *Metrics) { m.Success = nil },
		"no time":           func(m *Metrics) { m.At = at },
		"nothing known":     func(m *Metrics) { m.Known = false },
	} {
		changed := cur
		change(&changed)
		if r := Rates(prev, changed, 0); r.Known || r.GenerationRate != 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// What lies above the last finite bound is reported as that bound.
	if q := (&Histogram{Bounds: []float64{1, math.Inf(1)}, Counts: []float64{0, 4}, Count: 4}).Quantiles(); q.P50 != time.Second {
		t.Errorf("%+v", q)
	}
	h := hist(1, 2, 3)
	h.merge(Histogram{Bounds: []float64{2, 4, math.Inf(1)}, Counts: []float64{1, 2, 3}, Count: 3})
	if h.Count != 6 || h.upTo(2) != 3 || h.upTo(4) != 4 || h.upTo(math.Inf(1)) != 6 {
		t.Errorf("%+v", h)
	}
}
