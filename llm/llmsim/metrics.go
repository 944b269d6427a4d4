package llmsim

import (
	"fmt"
	"strings"
	"time"
)

// metrics are the counters behind /metrics. They are guarded by Server.mu.
type metrics struct {
	rejected     int
	promptTokens int
	cachedTokens int
	generated    int
	success      map[string]int

	ttft, itl, tpot, e2e                  histogram
	queue, prefill, decode, inference     histogram
	iteration, params, maxTokens, prompts histogram
	generations, maxGeneration, computed  histogram
	preemptions                           histogram
}

type histogram struct {
	bounds []float64
	counts []int
	sum    float64
	n      int
}

func (h *histogram) observe(v float64) {
	h.n++
	h.sum += v
	for i, b := range h.bounds {
		if v <= b {
			h.counts[i]++
			return
		}
	}
}

// newMetrics makes histograms with vLLM 0.32's bounds (testdata/real/metrics_load.prom).
func newMetrics(maxModelLen int) metrics {
	hist := func(bounds []float64) histogram { return histogram{bounds: bounds, counts: make([]int, len(bounds))} }
	request := []float64{0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680}
	first := []float64{0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560}
	token := []float64{0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80}
	var counts []float64 // 1, 2, 5, 10, … up to the context length
	for p := 1; p <= maxModelLen; p *= 10 {
		for _, f := range []int{1, 2, 5} {
			if p*f <= maxModelLen {
				counts = append(counts, float64(p*f))
			}
		}
	}
	return metrics{
		success: map[string]int{},
		ttft:    hist(first), itl: hist(token), tpot: hist(token), e2e: hist(request),
		queue: hist(request), prefill: hist(request), decode: hist(request), inference: hist(request),
		iteration: hist([]float64{1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384}),
		params:    hist([]float64{1, 2, 5, 10, 20}), maxTokens: hist(counts), prompts: hist(counts),
		generations: hist(counts), maxGeneration: hist(counts), computed: hist(counts),
		preemptions: hist([]float64{1, 2, 3, 4, 5, 10, 20}),
	}
}

// finishedLocked books a request that ended with a finish reason.
func (m *metrics) finishedLocked(c *call, now time.Time) {
	r := c.rec
	m.success[r.Finish]++
	m.e2e.observe(now.Sub(r.At).Seconds())
	m.queue.observe(c.sched.Sub(r.At).Seconds())
	m.params.observe(1)
	if c.chat.MaxTokens > 0 {
		m.maxTokens.observe(float64(c.chat.MaxTokens))
	}
	m.prompts.observe(float64(r.Prompt))
	m.generations.observe(float64(r.Tokens))
	m.maxGeneration.observe(float64(r.Tokens))
	m.computed.observe(float64(r.Prompt - r.Cached))
	m.preemptions.observe(0)
	m.inference.observe(now.Sub(c.sched).Seconds())
	if !r.FirstAt.IsZero() {
		m.prefill.observe(r.FirstAt.Sub(c.sched).Seconds())
		m.decode.observe(c.lastTok.Sub(r.FirstAt).Seconds())
		if r.Tokens > 1 {
			m.tpot.observe(c.lastTok.Sub(r.FirstAt).Seconds() / float64(r.Tokens-1))
		}
	}
}

// exposer writes the Prometheus text format.
type exposer struct {
	b       strings.Builder
	labels  string // engine and model
	open    bool   // OpenMetrics, as the Rust front end
	created float64
}

func (x *exposer) head(name, help, typ string) {
	fmt.Fprintf(&x.b, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", name, help, typ)
}

// join adds labels to the common ones, in front if they sort there.
func (x *exposer) join(extra string) string {
	switch {
	case extra == "":
		return x.labels
	case strings.HasPrefix(extra, "finished_reason"):
		return strings.Replace(x.labels, `",model_name`, `",`+extra+`,model_name`, 1)
	}
	return x.labels + "," + extra
}

func (x *exposer) num(v float64) string {
	if x.open && v == float64(int64(v)) {
		return fmt.Sprint(int64(v))
	}
	return pyFloat(v)
}

// family writes a gauge or counter: a value for each of its extra labels, in the order given.
func (x *exposer) family(name, help, typ string, series ...sample) {
	full := name
	if typ == "counter" {
		full += "_total"
	}
	head := full
	if x.open {
		head = name
	}
	x.head(head, help, typ)
	for _, s := range series {
		fmt.Fprintf(&x.b, "%s{%s} %s\n", full, x.join(s.labels), x.num(s.v))
	}
	if typ != "counter" || x.open {
		return
	}
	x.head(name+"_created", help, "gauge")
	for _, s := range series {
		fmt.Fprintf(&x.b, "%s_created{%s} %s\n", name, x.join(s.labels), pyFloat(x.created))
	}
}

type sample struct {
	labels string
	v      float64
}

func one[T int | float64](v T) sample { return sample{"", float64(v)} }

func (x *exposer) histogram(name, help string, h histogram) {
	x.head(name, help, "histogram")
	sum := 0
	for i, b := range h.bounds {
		sum += h.counts[i]
		fmt.Fprintf(&x.b, "%s_bucket{%s} %s\n", name, x.bucketLabels(pyFloat(b)), x.num(float64(sum)))
	}
	fmt.Fprintf(&x.b, "%s_bucket{%s} %s\n", name, x.bucketLabels("+Inf"), x.num(float64(h.n)))
	fmt.Fprintf(&x.b, "%s_count{%s} %s\n%[1]s_sum{%[2]s} %[4]s\n", name, x.labels, x.num(float64(h.n)), pyFloat(h.sum))
	if !x.open {
		x.head(name+"_created", help, "gauge")
		fmt.Fprintf(&x.b, "%s_created{%s} %s\n", name, x.labels, pyFloat(x.created))
	}
}

func (x *exposer) bucketLabels(le string) string {
	if x.open {
		return x.labels + `,le="` + le + `"`
	}
	return strings.Replace(x.labels, `",model_name`, `",le="`+le+`",model_name`, 1)
}

// kvSize returns how many tokens the simulated KV cache holds: some requests of full length.
func (s *Server) kvSize() int { return 4 * max(s.cfg.MaxModelLen, 1<<14) }

// exposition returns the answer of /metrics.
func (s *Server) exposition() (string, []byte, *apiError) {
	if s.cfg.Dialect == VLLMRoute {
		return "text/plain; version=0.0.4; charset=utf-8", s.routerMetrics(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// Prometheus escapes labels as JSON escapes these characters.
	model := string(appendString(nil, s.cfg.Model))
	x := exposer{labels: `engine="0",model_name=` + model, created: float64(s.start.UnixMicro()) / 1e6}
	if s.shape.family == familyRust {
		x.open, x.labels = true, `model_name=`+model+`,engine="0"`
	}
	m := &s.m
	if !x.open {
		x.plain("process_resident_memory_bytes", "Resident memory size in bytes.", 1<<30)
		x.plain("process_start_time_seconds", "Start time of the process since unix epoch in seconds.", x.created)
	}
	waiting := len(s.waiting)
	x.family("vllm:num_requests_running", "Number of requests in model execution batches.", "gauge", one(s.running))
	x.family("vllm:num_requests_waiting", "Number of requests waiting to be processed.", "gauge", one(waiting))
	x.family("vllm:num_requests_waiting_by_reason", "Number of waiting requests by reason.", "gauge",
		sample{`reason="capacity"`, float64(waiting)}, sample{`reason="deferred"`, 0})
	if !x.open {
		x.family("vllm:engine_sleep_state", "Engine sleep state.", "gauge",
			sample{`sleep_state="awake"`, 1}, sample{`sleep_state="weights_offloaded"`, 0}, sample{`sleep_state="discard_all"`, 0})
	}
	x.family("vllm:kv_cache_usage_perc", "KV-cache usage. 1 means 100 percent usage.", "gauge", one(min(float64(s.kvTokens)/float64(s.kvSize()), 1)))
	x.family("vllm:prefix_cache_queries", "Prefix cache queries, in terms of number of queried tokens.", "counter", one(m.promptTokens))
	x.family("vllm:prefix_cache_hits", "Prefix cache hits, in terms of number of cached tokens.", "counter", one(m.cachedTokens))
	x.family("vllm:external_prefix_cache_queries", "External prefix cache queries.", "counter", one(0))
	x.family("vllm:external_prefix_cache_hits", "External prefix cache hits.", "counter", one(0))
	x.family("vllm:num_preemptions", "Cumulative number of preemption from the engine.", "counter", one(0))
	x.family("vllm:prompt_tokens", "Number of prefill tokens processed.", "counter", one(m.promptTokens))
	x.family("vllm:prompt_tokens_by_source", "Number of prompt tokens by source.", "counter",
		sample{`source="local_compute"`, float64(m.promptTokens - m.cachedTokens)}, sample{`source="local_cache_hit"`, float64(m.cachedTokens)},
		sample{`source="external_kv_transfer"`, 0})
	x.family("vllm:prompt_tokens_cached", "Number of cached prompt tokens (local + external).", "counter", one(m.cachedTokens))
	x.family("vllm:generation_tokens", "Number of generation tokens processed.", "counter", one(m.generated))
	var success []sample
	for _, r := range []string{"stop", "length", "abort", "error", "repetition"} {
		success = append(success, sample{`finished_reason="` + r + `"`, float64(m.success[r])})
	}
	x.family("vllm:request_success", "Count of successfully processed requests.", "counter", success...)
	engine := x.labels
	x.labels = `model_name=` + model // no engine label on this one
	x.family("vllm:admission_rejections", "Number of admission attempts rejected by a queue limit, by reason.", "counter",
		sample{`reason="max_num_queued_reqs"`, float64(m.rejected)}, sample{`reason="max_num_queued_tokens"`, 0})
	x.labels = engine
	s.histogramsLocked(&x)
	if x.open {
		x.b.WriteString("# EOF\n")
		return "application/openmetrics-text; version=1.0.0; charset=utf-8", []byte(x.b.String()), nil
	}
	x.head("vllm:cache_config_info", "Information of the LLMEngine CacheConfig", "gauge")
	fmt.Fprintf(&x.b, "vllm:cache_config_info{block_size=\"%d\",cache_dtype=\"auto\",enable_prefix_caching=\"True\",engine=\"0\",gpu_memory_utilization=\"0.92\","+
		"kv_cache_max_concurrency=\"%.2f\",kv_cache_size_tokens=\"%d\",num_gpu_blocks=\"%d\"} 1.0\n",
		blockSize, float64(s.kvSize())/float64(s.cfg.MaxModelLen), s.kvSize(), s.kvSize()/blockSize)
	body := x.b.String()
	if s.cfg.Dialect == VLLM010 { // old names (facts §2)
		body = strings.NewReplacer("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "vllm:prefix_cache_", "vllm:gpu_prefix_cache_",
			"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds").Replace(body)
		return "text/plain; version=0.0.4; charset=utf-8", []byte(body), nil
	}
	return "text/plain; version=1.0.0; charset=utf-8", []byte(body), nil
}

func (s *Server) histogramsLocked(x *exposer) {
	m := &s.m
	x.histogram("vllm:request_prompt_tokens", "Number of prefill tokens processed.", m.prompts)
	x.histogram("vllm:request_generation_tokens", "Number of generation tokens processed.", m.generations)
	x.histogram("vllm:iteration_tokens_total", "Histogram of number of tokens per engine_step.", m.iteration)
	x.histogram("vllm:request_max_num_generation_tokens", "Histogram of maximum number of requested generation tokens.", m.maxGeneration)
	x.histogram("vllm:request_params_n", "Histogram of the n request parameter.", m.params)
	x.histogram("vllm:request_params_max_tokens", "Histogram of the max_tokens request parameter.", m.maxTokens)
	x.histogram("vllm:time_to_first_token_seconds", "Histogram of time to first token in seconds.", m.ttft)
	x.histogram("vllm:inter_token_latency_seconds", "Histogram of inter-token latency in seconds.", m.itl)
	x.histogram("vllm:request_time_per_output_token_seconds", "Histogram of time_per_output_token_seconds per request.", m.tpot)
	x.histogram("vllm:e2e_request_latency_seconds", "Histogram of e2e request latency in seconds.", m.e2e)
	x.histogram("vllm:request_queue_time_seconds", "Histogram of time spent in WAITING phase for request.", m.queue)
	x.histogram("vllm:request_inference_time_seconds", "Histogram of time spent in RUNNING phase for request.", m.inference)
	x.histogram("vllm:request_prefill_time_seconds", "Histogram of time spent in PREFILL phase for request.", m.prefill)
	x.histogram("vllm:request_decode_time_seconds", "Histogram of time spent in DECODE phase for request.", m.decode)
	x.histogram("vllm:request_num_preemptions", "Histogram of the number of times a request was preempted.", m.preemptions)
	x.histogram("vllm:request_prefill_kv_computed_tokens", "Histogram of new KV tokens computed during prefill (excluding cached tokens).", m.computed)
}

func (x *exposer) plain(name, help string, v float64) {
	x.head(name, help, "gauge")
	fmt.Fprintf(&x.b, "%s %s\n", name, pyFloat(v))
}

// routerMetrics returns what production-stack's router re-exports.
func (s *Server) routerMetrics() []byte {
	x := exposer{labels: `server="http://10.0.0.1:8000"`}
	x.family("vllm:num_requests_running", "Number of running requests", "gauge", one(s.Running()))
	x.family("vllm:num_requests_waiting", "Number of waiting requests", "gauge", one(s.Waiting()))
	return []byte(x.b.String())
}
