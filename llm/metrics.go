package llm

import (
	"context"
	"net/http"
	"time"
)

// Metrics is one reading of the server's /metrics. What the server does not say is zero; see Known.
type Metrics struct {
	At               time.Time // when it was read
	Known            bool      // there was at least one family that we know
	Running, Waiting float64   // requests, summed over engines and servers
	KVCacheUsage     float64   // 0..1, the fullest engine
	PrefixQueries    float64   // tokens looked up in the prefix cache
	PrefixHits       float64   // tokens found there
	PromptTokens     float64
	GenerationTokens float64
	Preemptions      float64
	Success          map[string]float64 // finished requests by reason (stop, length, abort, error, repetition)
	TTFT             Histogram          // seconds from arrival to the first token, queue included
	ITL              Histogram          // seconds between engine steps that gave tokens
	E2E              Histogram          // seconds from arrival to the last token
	Queue            Histogram          // seconds waiting to be scheduled
	Started          time.Time          // start of the process, or of its counters; zero: not said
	KVCacheTokens    int                // how many tokens the KV cache holds; 0: not said
	MaxConcurrency   float64            // requests of full length that fit into it; 0: not said
	DraftTokens      float64            // speculative decoding
	AcceptedTokens   float64
	Drafts           float64
}

// Histogram is a cumulative histogram: Counts[i] observations were at most Bounds[i]; the last bound may be +Inf.
type Histogram struct {
	Bounds, Counts []float64
	Sum, Count     float64
}

// Metrics reads /metrics once. A server without it is [errors.ErrUnsupported]. It blocks for at most 5 s.
func (c *Client) Metrics(ctx context.Context) (Metrics, error) {
	body, err := c.side(ctx, "metrics", http.MethodGet, c.root+"/metrics", nil)
	if err != nil {
		return Metrics{}, err
	}
	return parseMetrics(body, time.Now())
}

func parseMetrics(body []byte, at time.Time) (Metrics, error) { return Metrics{At: at}, nil }
