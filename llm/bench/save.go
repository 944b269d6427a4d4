package bench

import (
	"encoding/json"
	"fmt"
	"io"
)

// The endpoint that is measured, in the words of `vllm bench serve`.
const vllmBackend = "openai-chat"

// Save writes reports in the form of `vllm bench serve --save-result` (0.32), so that scripts for
// its files read them, too. Of several reports each is a line, as with its --append-result. Keys
// that vLLM does not have are those that its --metadata would add, and the interactive speed.
func Save(w io.Writer, reports ...Report) error {
	for _, r := range reports {
		b, err := json.Marshal(r.vllm())
		if err != nil {
			return fmt.Errorf("write a result: %w", err)
		}
		if _, err := w.Write(append(b, '\n')); err != nil {
			return fmt.Errorf("write a result: %w", err)
		}
	}
	return nil
}

// vllm returns the report by vLLM's names. Its times are seconds but for those in _ms.
func (r Report) vllm() map[string]any {
	out := map[string]any{
		"date": r.StartedAt.Local().Format("20060102-150405"), "endpoint_type": vllmBackend, "backend": vllmBackend, "label": nil,
		"model_id": r.Model, "tokenizer_id": r.Model, "num_prompts": r.Prompts, "request_rate": "inf", "burstiness": 1.0, "max_concurrency": nil,
		"duration": r.DurationS, "completed": r.Completed, "failed": r.Failed,
		"total_input_tokens": r.TotalInput, "total_output_tokens": r.TotalOutput,
		"request_throughput": r.RequestThroughput, "request_goodput": nil, "output_throughput": r.OutputThroughput,
		"total_token_throughput": r.TotalThroughput, "max_output_tokens_per_s": r.PeakOutputThroughput,
		"max_concurrent_requests": r.PeakConcurrency, "rtfx": 0.0,

		"server": r.Name, "server_version": r.Server, "llmbot_version": r.Client, "input_len": r.InputTokens, "output_len": r.OutputTokens,
		"ignore_eos": r.IgnoreEOS, "seed": r.Seed, "interrupted": r.Interrupted, "cached_input_tokens": r.Cached,
		"interactive_speed": r.Interactive, "decode_speed": r.Decode,
	}
	if r.Name != "" {
		out["label"] = r.Name
	}
	if r.RequestRate > 0 {
		out["request_rate"] = r.RequestRate
	}
	if r.MaxConcurrency > 0 {
		out["max_concurrency"] = r.MaxConcurrency
	}
	if (r.SLO != SLO{}) {
		out["request_goodput"] = r.Goodput
	}
	if r.Round > 0 {
		out["round"] = r.Round
	}
	latencies, queued := []float64{}, []float64{}
	for _, q := range r.Requests {
		latencies, queued = append(latencies, q.E2ELMS/1000), append(queued, q.ClientQueueMS/1000)
	}
	out["latencies"], out["queue_times"] = latencies, queued
	for name, d := range map[string]Distribution{"ttft": r.TTFT, "tpot": r.TPOT, "itl": r.ITL, "e2el": r.E2EL, "client_queue_time": r.ClientQueue} {
		if name == "client_queue_time" && d.Count == 0 {
			continue
		}
		out["mean_"+name+"_ms"], out["median_"+name+"_ms"], out["std_"+name+"_ms"], out["p99_"+name+"_ms"] = d.MeanMS, d.MedianMS, d.StdMS, d.P99MS
	}
	return out
}
