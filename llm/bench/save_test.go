package bench_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"llmbot/llm/bench"
	"llmbot/llm/llmsim"
)

// vllmKeys are those that scripts for the files of `vllm bench serve --save-result` read (vllm/benchmarks/serve.py, 0.32).
var vllmKeys = strings.Fields(`date endpoint_type backend label model_id tokenizer_id num_prompts request_rate burstiness max_concurrency
	duration completed failed total_input_tokens total_output_tokens request_throughput request_goodput output_throughput
	total_token_throughput latencies queue_times max_output_tokens_per_s max_concurrent_requests rtfx
	mean_ttft_ms median_ttft_ms std_ttft_ms p99_ttft_ms mean_tpot_ms median_tpot_ms std_tpot_ms p99_tpot_ms
	mean_itl_ms median_itl_ms std_itl_ms p99_itl_ms`)

func TestSaveHasTheFormOfVLLM(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Model: "m", Speed: 50, FirstToken: 100 * time.Millisecond})
		rs, err := bench.Sweep(t.Context(), w.client, bench.Config{Name: "http://sim", Client: "v1", Prompts: 4, OutputTokens: 11, SLO: bench.SLO{TTFTMS: 150}}, []int{1, 2}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := bench.Save(&out, rs...); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 {
			t.Fatalf("%d lines", len(lines))
		}
		for i, line := range lines {
			var got map[string]any
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			for _, k := range vllmKeys {
				if _, there := got[k]; !there {
					t.Errorf("no %s in %s", k, line)
				}
			}
			for k, want := range map[string]any{
				"model_id": "m", "num_prompts": 4.0, "completed": 4.0, "max_concurrency": float64(i + 1), "request_rate": "inf", "total_output_tokens": 44.0,
				"llmbot_version": "v1", "input_len": 128.0, "output_len": 11.0,
			} {
				if got[k] != want {
					t.Errorf("%s is %v, want %v", k, got[k], want)
				}
			}
			if got["server_version"] == "" || got["request_goodput"] == nil || len(got["latencies"].([]any)) != 4 {
				t.Error(line)
			}
			if !regexp.MustCompile(`^\d{8}-\d{6}$`).MatchString(got["date"].(string)) {
				t.Errorf("date %v", got["date"])
			}
		}
		head := bench.Heading(rs...)
		for _, want := range []string{"http://sim", "model m", "measured by llmbot v1", "about 128 tokens", "up to 11 tokens"} {
			if strings.Count(strings.Join(strings.Fields(head), " "), want) != 1 {
				t.Errorf("no single %q in\n%s", want, head)
			}
		}
	})
}

// TestGoodput: requests that met everything, a second.
func TestGoodput(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50, FirstToken: 100 * time.Millisecond, Parallel: 1}) // the second of two waits for the first
		cfg := bench.Config{Prompts: 8, OutputTokens: 11, Concurrency: 2}
		for slo, want := range map[bench.SLO][2]int{
			{TTFTMS: 1000}:              {8, 8},
			{TTFTMS: 150}:               {1, 1}, // all others waited
			{TTFTMS: 1000, TPOTMS: 10}:  {0, 0},
			{TTFTMS: 1000, E2ELMS: 299}: {0, 0},
			{}:                          {0, 0},
		} {
			cfg.SLO = slo
			r, err := bench.Run(t.Context(), w.client, cfg, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Good < want[0] || r.Good > want[1] {
				t.Errorf("%v: %d good, want %v", slo, r.Good, want)
			}
			near(t, "goodput", r.Goodput, float64(r.Good)/r.DurationS, 0.001)
			if has := strings.Contains(r.Table(), "Request goodput (req/s):"); has != (slo != bench.SLO{}) {
				t.Errorf("%v: goodput in the table: %v", slo, has)
			}
		}
	})
}

func TestParseSLO(t *testing.T) {
	for text, want := range map[string]bench.SLO{
		"ttft=500ms,tpot=50ms":       {TTFTMS: 500, TPOTMS: 50},
		"TTFT=0.5s":                  {TTFTMS: 500},
		"ttft:500, tpot:50,e2el:1e4": {TTFTMS: 500, TPOTMS: 50, E2ELMS: 10_000},
	} {
		if got, err := bench.ParseSLO(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "ttft", "ttft=", "ttft=-1s", "ttft=0", "itl=5ms", "ttft=1s,ttft=2s", "ttft=soon", "ttft=1s,,"} {
		if got, err := bench.ParseSLO(text); err == nil {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// TestTimeLeft: it is an estimate, and none before there is something to go by.
func TestTimeLeft(t *testing.T) {
	for _, tt := range []struct {
		p    bench.Progress
		want time.Duration
	}{
		{bench.Progress{Total: 10, Expected: 1000}, 0},
		{bench.Progress{Total: 10, Expected: 1000, Tokens: 5, Elapsed: time.Second}, 0},
		{bench.Progress{Total: 10, Expected: 1000, Tokens: 500, Elapsed: 20 * time.Second}, 20 * time.Second},
		{bench.Progress{Total: 10, Done: 8, Expected: 1000, Tokens: 500, Elapsed: 20 * time.Second}, 5 * time.Second}, // short answers
		{bench.Progress{Total: 10, Done: 10, Elapsed: 20 * time.Second}, 0},
	} {
		if got := tt.p.Left(); (got - tt.want).Abs() > time.Millisecond {
			t.Errorf("%+v: %s, want %s", tt.p, got, tt.want)
		}
	}
}

// TestEachMeasurementIsTold: with its report, when it ends.
func TestEachMeasurementIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 100})
		var levels []int
		rs, err := bench.Sweep(t.Context(), w.client, bench.Config{Prompts: 2, OutputTokens: 5}, []int{1, 2, 1}, func(p bench.Progress) {
			if p.Ended != nil {
				levels = append(levels, p.Ended.MaxConcurrency)
			}
		})
		if err != nil || !slices.Equal(levels, []int{1, 2, 1}) || rs[0].Round != 1 || rs[1].Round != 1 || rs[2].Round != 2 {
			t.Errorf("%v, %v, rounds %d %d %d", err, levels, rs[0].Round, rs[1].Round, rs[2].Round)
		}
	})
}

// TestSentencesBreakBetweenWords: on a terminal of 80 columns.
func TestSentencesBreakBetweenWords(t *testing.T) {
	r := bench.Report{Name: "http://gpu-host:8000/v1", MaxConcurrency: 10, Prompts: 10, Completed: 9, Short: 9, Hidden: 9, OutputTokens: 128, Interactive: 20, Decode: 30}
	for line := range strings.Lines(r.Table()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
