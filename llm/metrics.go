package llm

import (
	"context"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Metrics is one reading of the server's /metrics. What the server does not say is zero; see Known.
type Metrics struct {
	At               time.Time // when it was read
	Known            bool      // there was at least one family that we know
	TooLarge         bool      // there is a page, but a larger one than is read: nothing is known
	Running, Waiting float64   // requests, summed over engines and servers
	KVCacheUsage     float64   // 0..1, the fullest engine; see KVCacheKnown
	KVCacheKnown     bool      // the server says how full its cache is; llama.cpp does not
	PrefixQueries    float64   // tokens looked up in the prefix cache
	PrefixHits       float64   // tokens found there
	PromptTokens     float64
	GenerationTokens float64
	Preemptions      float64
	// Success counts finished requests by reason: stop, length, abort, error, repetition.
	Success        map[string]float64
	TTFT           Histogram // seconds from arrival to the first token, queue included
	ITL            Histogram // seconds between engine steps that gave tokens
	E2E            Histogram // seconds from arrival to the last token
	Queue          Histogram // seconds waiting to be scheduled
	Started        time.Time // start of the process, or of its counters; zero: not said
	KVCacheTokens  int       // how many tokens the KV cache holds; 0: not said
	MaxConcurrency float64   // requests of full length that fit into it; 0: not said
	DraftTokens    float64   // speculative decoding
	AcceptedTokens float64
	Drafts         float64
}

// Histogram is a cumulative histogram: Counts[i] observations were at most Bounds[i]. The last
// bound may be +Inf.
type Histogram struct {
	Bounds, Counts []float64
	Sum, Count     float64

	void bool // the servers that were added have more bounds than is believed
}

// Metrics reads /metrics once, and blocks for at most 5 s. It returns [errors.ErrUnsupported] for a
// server that has none. One page is read at a time: whoever asks meanwhile gets the same reading,
// and must not change it.
func (c *Client) Metrics(ctx context.Context) (Metrics, error) {
	return c.scrape.do(ctx, func(ctx context.Context) (m Metrics, err error) {
		err = c.sideRead(ctx, "metrics", http.MethodGet, c.root+"/metrics", nil, func(page io.Reader) error {
			m, err = parseMetrics(page, time.Now())
			return err
		})
		return m, err
	})
}

// family says where the samples of a name go. Two names of one meaning never stand in the same
// exposition, except the deprecated twins of vLLM 0.9.2 to 0.11: their later entry only counts when
// the earlier is absent.
type family struct {
	name string
	set  func(m *Metrics, v float64, labels map[string]string)
	hist func(m *Metrics) *Histogram
	slot string // families with the same slot are alternatives: the first one present wins
}

// families returns all names of facts/vllm.md §2, the old ones, and those of SGLang and llama.cpp.
// Counters are named without _total.
func families() []family {
	add := func(p func(*Metrics) *float64) func(*Metrics, float64, map[string]string) {
		return func(m *Metrics, v float64, _ map[string]string) { *p(m) += v }
	}
	running := add(func(m *Metrics) *float64 { return &m.Running })
	waiting := add(func(m *Metrics) *float64 { return &m.Waiting })
	usage := func(m *Metrics, v float64, _ map[string]string) {
		m.KVCacheUsage, m.KVCacheKnown = max(m.KVCacheUsage, v), true
	}
	queries := add(func(m *Metrics) *float64 { return &m.PrefixQueries })
	hits := add(func(m *Metrics) *float64 { return &m.PrefixHits })
	prompt := add(func(m *Metrics) *float64 { return &m.PromptTokens })
	generated := add(func(m *Metrics) *float64 { return &m.GenerationTokens })
	started := func(m *Metrics, v float64, _ map[string]string) {
		if t := time.UnixMilli(int64(v * 1000)); v > 0 && v < 1e11 && t.After(m.Started) {
			m.Started = t
		}
	}
	success := func(m *Metrics, v float64, labels map[string]string) {
		if m.Success == nil {
			m.Success = map[string]float64{}
		}
		reason := labels["finished_reason"]
		if _, there := m.Success[reason]; !there && (len(m.Success) >= maxReasons || len(reason) > maxReason) {
			reason = "other"
		}
		m.Success[reason] += v
	}
	ttft := func(m *Metrics) *Histogram { return &m.TTFT }
	itl := func(m *Metrics) *Histogram { return &m.ITL }
	e2e := func(m *Metrics) *Histogram { return &m.E2E }
	queue := func(m *Metrics) *Histogram { return &m.Queue }
	return []family{
		{name: "vllm:num_requests_running", set: running},
		{name: "vllm:num_requests_waiting", set: waiting},
		{name: "vllm:kv_cache_usage_perc", set: usage},
		{name: "vllm:gpu_cache_usage_perc", set: usage},
		{name: "vllm:prefix_cache_queries", set: queries, slot: "queries"},
		{name: "vllm:gpu_prefix_cache_queries", set: queries, slot: "queries"},
		{name: "vllm:prefix_cache_hits", set: hits, slot: "hits"},
		{name: "vllm:gpu_prefix_cache_hits", set: hits, slot: "hits"},
		{name: "vllm:prompt_tokens", set: prompt},
		{name: "vllm:generation_tokens", set: generated},
		{name: "vllm:num_preemptions", set: add(func(m *Metrics) *float64 { return &m.Preemptions })},
		{name: "vllm:request_success", set: success},
		{name: "vllm:spec_decode_num_drafts", set: add(func(m *Metrics) *float64 { return &m.Drafts })},
		{name: "vllm:spec_decode_num_draft_tokens", set: add(func(m *Metrics) *float64 { return &m.DraftTokens })},
		{name: "vllm:spec_decode_num_accepted_tokens", set: add(func(m *Metrics) *float64 { return &m.AcceptedTokens })},
		{name: "vllm:cache_config_info", set: cacheConfig},
		{name: "vllm:time_to_first_token_seconds", hist: ttft},
		{name: "vllm:inter_token_latency_seconds", hist: itl, slot: "itl"},
		{name: "vllm:time_per_output_token_seconds", hist: itl, slot: "itl"},
		{name: "vllm:e2e_request_latency_seconds", hist: e2e},
		{name: "vllm:request_queue_time_seconds", hist: queue},
		{name: "process_start_time_seconds", set: started, slot: "started"},
		{name: "vllm:generation_tokens_created", set: started, slot: "started"},
		{name: "sglang:num_running_reqs", set: running},
		{name: "sglang:num_queue_reqs", set: waiting},
		{name: "sglang:token_usage", set: usage},
		{name: "sglang:prompt_tokens", set: prompt},
		{name: "sglang:generation_tokens", set: generated},
		{name: "sglang:time_to_first_token_seconds", hist: ttft},
		{name: "sglang:inter_token_latency_seconds", hist: itl},
		{name: "sglang:e2e_request_latency_seconds", hist: e2e},
		{name: "llamacpp:requests_processing", set: running},
		{name: "llamacpp:requests_deferred", set: waiting},
		{name: "llamacpp:kv_cache_usage_ratio", set: usage},
		{name: "llamacpp:prompt_tokens", set: prompt},
		{name: "llamacpp:tokens_predicted", set: generated},
	}
}

// cacheConfig reads the labels of vllm:cache_config_info; several engines add up.
func cacheConfig(m *Metrics, _ float64, labels map[string]string) {
	tokens := atof(labels["kv_cache_size_tokens"])
	if tokens == 0 {
		tokens = atof(labels["num_gpu_blocks"]) * atof(labels["block_size"])
	}
	m.KVCacheTokens += int(min(tokens, 1<<50))
	m.MaxConcurrency += atof(labels["kv_cache_max_concurrency"])
}

func atof(s string) float64 {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return 0
	}
	return f
}
