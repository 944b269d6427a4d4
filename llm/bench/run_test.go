package bench_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm"
	"llmbot/llm/bench"
	"llmbot/llm/llmsim"
)

func near(t *testing.T, name string, got, want, eps float64) {
	t.Helper()
	if math.Abs(got-want) > eps {
		t.Errorf("%s = %v, want %v", name, got, want)
	}
}

// A server of known speed: 40 tok/s each after 250 ms. All numbers follow by hand.
func TestNumbersOfAKnownServer(t *testing.T) {
	const prompts, tokens = 10, 21
	for _, conc := range []int{1, 5, 10} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, llmsim.Config{Speed: 40, FirstToken: 250 * time.Millisecond})
			r, err := bench.Run(t.Context(), w.client, bench.Config{Concurrency: conc, Prompts: prompts, OutputTokens: tokens}, nil)
			if err != nil {
				t.Fatal(err)
			}
			const e2el = 250 + 20*25 // ms
			turns := prompts / conc
			seconds := float64(turns) * e2el / 1000
			for name, d := range map[string]struct {
				d    bench.Distribution
				want float64
				n    int
			}{
				"TTFT": {r.TTFT, 250, prompts}, "TPOT": {r.TPOT, 25, prompts}, "ITL": {r.ITL, 25, prompts * 20}, "E2EL": {r.E2EL, e2el, prompts},
			} {
				near(t, name+" mean", d.d.MeanMS, d.want, 1)
				near(t, name+" median", d.d.MedianMS, d.want, 1)
				near(t, name+" P99", d.d.P99MS, d.want, 1)
				near(t, name+" std", d.d.StdMS, 0, 1)
				if d.d.Count != d.n {
					t.Errorf("%s of %d values, want %d", name, d.d.Count, d.n)
				}
			}
			near(t, "duration", r.DurationS, seconds, 0.001)
			near(t, "output throughput", r.OutputThroughput, prompts*tokens/seconds, 0.5)
			near(t, "request throughput", r.RequestThroughput, prompts/seconds, 0.05)
			near(t, "total throughput", r.TotalThroughput, float64(r.TotalInput+r.TotalOutput)/seconds, 2)
			near(t, "decode speed", r.DecodeSpeed(), 40, 0.1)
			near(t, "interactive speed", r.InteractiveSpeed(), float64(r.OutputTokens)/(r.E2EL.MedianMS/1000), 0.1)
			if r.Completed != prompts || r.Failed != 0 || r.TotalOutput != prompts*tokens || r.PeakConcurrency != conc || r.Short != 0 || r.Uncounted != 0 || r.Interrupted {
				t.Errorf("concurrency %d: %+v", conc, r)
			}
			in := 0
			for _, q := range measured(w.sim)[conc:] {
				in += q.Prompt
			}
			if in != r.TotalInput {
				t.Errorf("input tokens %d, the server counted %d", r.TotalInput, in)
			}
			near(t, "input tokens of a prompt", float64(r.TotalInput)/prompts, bench.DefaultInputTokens+8, 6)
			sum, running := 0.0, 0.0
			for _, m := range r.Timeline {
				sum += m.OutputTPS * m.WidthS
				running += m.Running * m.WidthS
			}
			near(t, "tokens of the timeline", sum, prompts*tokens, 0.01)
			near(t, "request seconds of the timeline", running, prompts*e2el/1000.0, 0.01)
		})
	}
}

func TestPeakSecondCountsTokensNotEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 100, Wire: llmsim.Wire{Interval: 20}})
		r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 1, OutputTokens: 401}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.TotalOutput != 401 || r.ITL.Count > 25 {
			t.Fatalf("%d tokens in %d gaps: the server did not bundle", r.TotalOutput, r.ITL.Count)
		}
		near(t, "peak", r.PeakOutputThroughput, 100, 21)
		near(t, "TPOT", r.TPOT.MeanMS, 10, 0.5)
	})
}

func TestWarmUpIsNotCountedAndTheLimitHolds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50, FirstToken: 100 * time.Millisecond})
		most := 0
		var phases []bench.Phase
		r, err := bench.Run(t.Context(), w.client, bench.Config{Concurrency: 3, Prompts: 7, OutputTokens: 10, WarmUps: 4}, func(p bench.Progress) {
			most = max(most, w.sim.Running(), p.Running)
			if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
				phases = append(phases, p.Phase)
			}
			if p.Phase == bench.PhaseMeasure && p.Total != 7 || p.Done > p.Total {
				t.Errorf("progress %+v", p)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(phases, []bench.Phase{bench.PhasePrepare, bench.PhaseWarmUp, bench.PhaseMeasure}) {
			t.Errorf("phases %v", phases)
		}
		if got := len(measured(w.sim)); got != 4+7 || r.Completed != 7 || r.TotalOutput != 70 {
			t.Errorf("the server saw %d full requests, the report has %d", got, r.Completed)
		}
		if most > 3 || r.PeakConcurrency != 3 {
			t.Errorf("%d at once, reported %d", most, r.PeakConcurrency)
		}
		bodies := map[string]bool{}
		for _, q := range measured(w.sim) {
			text := q.Chat.Messages[0].Content
			if head := strings.Join(strings.Fields(text)[:8], " "); bodies[head] {
				t.Errorf("two prompts begin with %q", head)
			} else {
				bodies[head] = true
			}
			if !q.Chat.IgnoreEOS || q.Cached > 16 {
				t.Errorf("ignore_eos %v, %d tokens from the prefix cache", q.Chat.IgnoreEOS, q.Cached)
			}
		}
	})
}

func TestARunAfterARunFindsNothingInTheCache(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: -1, PromptDetails: true})
		for range 2 {
			r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 5, OutputTokens: 3, Seed: 9}, nil)
			if err != nil || r.Cached > 0 {
				t.Errorf("%d cached tokens, %v", r.Cached, err)
			}
		}
	})
}

func TestBrokenStreamsAreFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50})
		text := llmsim.Text("some words before the end comes")
		bad := []llmsim.Tape{
			{text, llmsim.Cut()}, {text, llmsim.EOF()}, {text, llmsim.EngineDeath()}, {text, llmsim.Finish("abort")}, {llmsim.Nginx502()},
		}
		ready := false
		r, err := bench.Run(t.Context(), w.client, bench.Config{Concurrency: 2, Prompts: 9, OutputTokens: 12, WarmUps: 1}, func(p bench.Progress) {
			if p.Phase == bench.PhaseMeasure && !ready {
				ready = true
				w.sim.NextTape(bad...)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if r.Completed+r.Failed != 9 || r.Failed != len(bad) || r.TotalOutput != r.Completed*12 || r.TTFT.Count != r.Completed {
			t.Errorf("%d well and %d failed, %d tokens", r.Completed, r.Failed, r.TotalOutput)
		}
		kinds := map[string]int{}
		for _, f := range r.Failures {
			kinds[f.Kind] += f.Count
			if f.Example == "" {
				t.Errorf("no example of %q", f.Kind)
			}
		}
		if kinds["cut"] != 2 || kinds["aborted"] != 1 || kinds["down"] != 1 || kinds["restarting"]+kinds["server"] != 1 {
			t.Errorf("kinds %v", kinds)
		}
		if !strings.Contains(r.Table(), "Failed requests:                         5") || !strings.Contains(r.Table(), "2 failed (cut)") {
			t.Error(r.Table())
		}
	})
}

func TestAllReasoningIsWorkDone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50, Reasoning: true})
		r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 3, OutputTokens: 5}, nil)
		if err != nil || r.Completed != 3 || r.TotalOutput != 15 {
			t.Errorf("%v %+v", err, r)
		}
	})
}

func TestCancelGivesThePartialReport(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 10, FirstToken: 100 * time.Millisecond})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, err := bench.Run(ctx, w.client, bench.Config{Concurrency: 2, Prompts: 20, OutputTokens: 20, WarmUps: -1}, func(p bench.Progress) {
			if p.Phase == bench.PhaseMeasure && p.Elapsed > 5*time.Second {
				cancel() // each takes 2 s
			}
		})
		if !errors.Is(err, context.Canceled) || !r.Interrupted {
			t.Fatalf("%v, interrupted %v", err, r.Interrupted)
		}
		synctest.Wait() // until the server noticed
		if r.Completed != 4 || r.Unfinished != 2 || r.Failed != 0 || r.TotalOutput != 80 || w.sim.Running() != 0 {
			t.Errorf("%d done, %d unfinished, %d failed, %d run on", r.Completed, r.Unfinished, r.Failed, w.sim.Running())
		}
		near(t, "TPOT", r.TPOT.MedianMS, 100, 1)
		if !strings.Contains(r.Table(), "interrupted after 4 of 20") {
			t.Error(r.Table())
		}
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := bench.Run(ctx, w.client, bench.Config{Prompts: 2}, nil) // the warm-up alone takes 128 s
		if !errors.Is(err, context.DeadlineExceeded) || !r.Interrupted || r.Completed != 0 {
			t.Errorf("%v %+v", err, r)
		}
	})
}

func TestRequestRate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 100, FirstToken: 50 * time.Millisecond})
		r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 41, RequestRate: 4, OutputTokens: 20}, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "last arrival", r.Requests[40].StartS, 10, 0.001)
		near(t, "TTFT", r.TTFT.P99MS, 50, 1)
		if r.MaxConcurrency != 0 || r.PeakConcurrency < 2 || r.Completed != 41 {
			t.Errorf("%+v", r)
		}
		if r, err = bench.Run(t.Context(), w.client, bench.Config{Prompts: 41, RequestRate: 100, Concurrency: 2, OutputTokens: 20}, nil); err != nil || r.PeakConcurrency != 2 {
			t.Errorf("%v, peak %d", err, r.PeakConcurrency)
		}
		near(t, "E2EL without the wait for a place", r.E2EL.MaxMS, 50+190, 1)
	})
}

func TestOtherServers(t *testing.T) {
	for _, d := range llmsim.Dialects() {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, llmsim.Config{Speed: 100, FirstToken: 50 * time.Millisecond, Dialect: d})
			r, err := bench.Run(t.Context(), w.client, bench.Config{Concurrency: 2, Prompts: 6, OutputTokens: 16}, nil)
			if err != nil || r.Completed != 6 {
				t.Fatalf("%s: %v %+v", d, err, r)
			}
			near(t, string(d)+" TTFT", r.TTFT.MedianMS, 50, 11)
			near(t, string(d)+" TPOT", r.TPOT.MedianMS, 10, 1)
			near(t, string(d)+" input", float64(r.TotalInput)/6, bench.DefaultInputTokens+8, 10)
			sent := false
			for _, q := range w.sim.Requests() {
				_, has := q.Body["ignore_eos"]
				sent = sent || has
			}
			if sent != r.IgnoreEOS || r.Uncounted != 0 {
				t.Errorf("%s: ignore_eos sent %v, said %v; %d uncounted", d, sent, r.IgnoreEOS, r.Uncounted)
			}
		})
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: -1, MaxModelLen: 512})
		if _, err := bench.Run(t.Context(), w.client, bench.Config{InputTokens: 400, OutputTokens: 128}, nil); err == nil || !strings.Contains(err.Error(), "512") {
			t.Errorf("too long for the window: %v", err)
		}
		if _, err := bench.Run(t.Context(), w.client, bench.Config{Model: "other"}, nil); err == nil {
			t.Error("an unknown model was measured")
		} else if e, ok := errors.AsType[*llm.Error](err); !ok || e.Kind != llm.KindNoModel {
			t.Errorf("unknown model: %v", err)
		}
		w.sim.SetMode(llmsim.BadGateway)
		if _, err := bench.Run(t.Context(), w.client, bench.Config{}, nil); err == nil {
			t.Error("a server that is away was measured")
		}
	})
}

func TestJSONIsStable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 100})
		r, err := bench.Run(t.Context(), w.client, bench.Config{Name: "sim", Prompts: 3, OutputTokens: 5}, nil)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back bench.Report
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(b) {
			t.Errorf("%v\n%s\n%s", err, b, again)
		}
		for _, name := range []string{
			"max_concurrency", "completed_requests", "failed_requests", "duration_s", "total_output_tokens", "output_throughput_tok_per_s", "request_throughput_per_s",
			"ttft", "tpot", "itl", "e2el", "median_ms", "p99_ms", "timeline", "failures",
		} {
			if !strings.Contains(string(b), `"`+name+`":`) {
				t.Errorf("no %s in %s", name, b)
			}
		}
		if strings.Contains(string(b), "null") {
			t.Errorf("null in %s", b)
		}
	})
}

// Many at once, with faults, under -race.
func TestHammer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 2000, Parallel: 20})
		bad := llmsim.Tape{llmsim.Text("so far"), llmsim.Cut()}
		fed := false
		r, err := bench.Run(t.Context(), w.client, bench.Config{Concurrency: 64, Prompts: 300, OutputTokens: 20}, func(p bench.Progress) {
			if p.Phase == bench.PhaseMeasure && !fed {
				fed = true
				for range 30 {
					w.sim.NextTape(bad)
				}
			}
		})
		if err != nil || r.Completed != 270 || r.Failed != 30 || r.PeakConcurrency > 64 || r.TotalOutput != 270*20 {
			t.Errorf("%v: %d well, %d failed, peak %d, %d tokens", err, r.Completed, r.Failed, r.PeakConcurrency, r.TotalOutput)
		}
	})
}
