package llm

import "time"

// Rates is what happened between two readings.
type Rates struct {
	Reset            bool // the counters began anew: all rates are unknown (zero)
	Interval         time.Duration
	PromptRate       float64 // prompt tokens a second
	GenerationRate   float64 // generated tokens a second
	RequestRate      float64 // finished requests a second
	PreemptionRate   float64 // a second
	PrefixHitRate    float64 // 0..1; -1: nothing was looked up
	AcceptanceRate   float64 // of draft tokens, 0..1; -1: no speculative decoding
	TTFT, ITL, Queue Quantiles
	E2E              Quantiles
}

// Quantiles are estimated from histogram buckets; Count 0 means nothing was observed.
type Quantiles struct {
	Count              float64
	Mean               time.Duration
	P50, P90, P95, P99 time.Duration
}

// NewRates returns the rates between prev and cur, dt apart.
func NewRates(prev, cur Metrics, dt time.Duration) Rates { return Rates{Interval: dt} }
