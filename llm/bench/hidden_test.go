package bench_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"llmbot/llm/bench"
	"llmbot/llm/llmsim"
)

// raw answers full-length requests by say, and leaves the short ones (calibration) to a simulator. say writes events by send.
func raw(say func(send func(format string, args ...any))) http.Handler {
	sim := llmsim.New(llmsim.Config{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method != http.MethodPost || strings.Contains(string(body), `"max_tokens":1,`) || strings.Contains(string(body), `"max_tokens":1}`) {
			sim.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		say(func(format string, args ...any) {
			fmt.Fprintf(w, "data: "+format+"\n\n", args...)
			_ = http.NewResponseController(w).Flush()
		})
	})
}

const (
	content = `{"choices":[{"index":0,"delta":{"content":%q}}]}`
	finish  = `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
)

func measure(t *testing.T, h http.Handler, cfg bench.Config) bench.Report {
	t.Helper()
	cfg.WarmUps = -1
	r, err := bench.Run(t.Context(), connect(t, h), cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// E30: tokens that nobody streamed give no TPOT, however they show: told, jumped over, or more than there are letters.
func TestHiddenReasoningHasNoTPOT(t *testing.T) {
	for name, c := range map[string]struct{ usage, running string }{
		"told":       {`{"prompt_tokens":100,"completion_tokens":500,"completion_tokens_details":{"reasoning_tokens":480}}`, ""},
		"a jump":     {`{"prompt_tokens":100,"completion_tokens":500}`, `"usage":{"prompt_tokens":100,"completion_tokens":%d},`},
		"no letters": {`{"prompt_tokens":100,"completion_tokens":500}`, ""},
	} {
		bubble(t, func(t *testing.T) {
			r := measure(t, raw(func(send func(string, ...any)) {
				time.Sleep(12 * time.Second)
				for i := range 20 {
					if i > 0 {
						time.Sleep(50 * time.Millisecond)
					}
					send(strings.Replace(content, "{", "{"+strings.Replace(c.running, "%d", fmt.Sprint(481+i), 1), 1), "word ")
				}
				send(finish)
				send(`{"choices":[],"usage":%s}`, c.usage)
				send("[DONE]")
			}), bench.Config{Prompts: 2, OutputTokens: 500})
			if r.TPOT.Count != 0 || r.DecodeSpeed() != 0 || r.InteractiveSpeed() == 0 || r.Hidden != 2 || r.TotalOutput != 1000 || r.Completed != 2 || r.PeakOutputThroughput > 25 {
				t.Errorf("%s: TPOT %+v, %d hidden, %d tokens, peak %v", name, r.TPOT, r.Hidden, r.TotalOutput, r.PeakOutputThroughput)
			}
			near(t, "TTFT", r.TTFT.MedianMS, 12_000, 1)
			table := r.Table()
			for _, want := range []string{"Mean TPOT (ms):                          -\n", "decode speed unknown", "2 of 2 answers have tokens"} {
				if !strings.Contains(table, want) && !strings.Contains(unwrapped(table), want) {
					t.Errorf("%s: no %q in\n%s", name, want, table)
				}
			}
			var page strings.Builder
			if err := bench.HTML(&page, r); err != nil || !strings.Contains(page.String(), "not streamed") {
				t.Errorf("%s: %v, and the page says nothing", name, err)
			}
			if line := bench.Benchstat(r); strings.Contains(line, "tpot") {
				t.Errorf("%s: %s", name, line)
			}
		})
	}
}

// An answer that comes in one piece tells nothing about the time of a token either.
func TestOnePieceHasNoTPOT(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := measure(t, raw(func(send func(string, ...any)) {
			time.Sleep(3 * time.Second)
			send(content, strings.Repeat("word ", 50))
			send(finish)
			send(`{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":50}}`)
			send("[DONE]")
		}), bench.Config{Prompts: 1, OutputTokens: 50})
		if r.TPOT.Count != 0 || r.Hidden != 1 {
			t.Errorf("%+v, %d", r.TPOT, r.Hidden)
		}
	})
}

// Reasoning that is streamed is not hidden, nor are tokens that come in bundles.
func TestStreamedTokensHaveTPOT(t *testing.T) {
	for name, cfg := range map[string]llmsim.Config{
		"reasoning": {Speed: 40, Reasoning: true}, "bundles": {Speed: 40, Wire: llmsim.Wire{Interval: 20}}, "plain": {Speed: 40}, "llama.cpp": {Speed: 40, Dialect: llmsim.LlamaCPP},
	} {
		bubble(t, func(t *testing.T) {
			w := newWorld(t, cfg)
			r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 2, OutputTokens: 61, WarmUps: -1}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Hidden != 0 || r.TPOT.Count != 2 {
				t.Errorf("%s: %d hidden, TPOT %+v", name, r.Hidden, r.TPOT)
			}
			near(t, name+": TPOT", r.TPOT.MedianMS, 25, 1)
		})
	}
}

// E31: the first token and the first visible word are rows of their own.
func TestFirstVisibleWord(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := measure(t, raw(func(send func(string, ...any)) {
			time.Sleep(200 * time.Millisecond)
			for range 20 {
				send(`{"choices":[{"index":0,"delta":{"reasoning":"hm "}}]}`)
				time.Sleep(100 * time.Millisecond)
			}
			send(content, "\n\n")
			time.Sleep(time.Second)
			send(content, "Four.")
			send(finish)
			send(`{"choices":[],"usage":{"prompt_tokens":100,"completion_tokens":22}}`)
			send("[DONE]")
		}), bench.Config{Prompts: 2, OutputTokens: 22})
		near(t, "TTFT", r.TTFT.MedianMS, 200, 1)
		near(t, "TTFW", r.TTFW.MedianMS, 3200, 1)
		near(t, "of a request", r.Requests[0].TTFWMS, 3200, 1)
		table := r.Table()
		if !strings.Contains(table, "Median TTFW (ms):                        3200.00") || !strings.Contains(unwrapped(table), "first visible word after 3.20 s") {
			t.Error(table)
		}
	})
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 40, FirstToken: 250 * time.Millisecond})
		r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 2, OutputTokens: 21}, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "without reasoning", r.TTFW.MedianMS, 250, 1)
		if strings.Contains(unwrapped(r.Table()), "first visible word after") {
			t.Error(r.Table())
		}
	})
}

// E32: what requests wait for a free slot here is no latency of the server, and is not hidden.
func TestWaitInTheClientIsARow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 100, FirstToken: 90 * time.Millisecond}) // 190 ms with 11 tokens
		r, err := bench.Run(t.Context(), w.client, bench.Config{Prompts: 80, OutputTokens: 11, Concurrency: 4, RequestRate: 40}, nil)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "TTFT", r.TTFT.MaxMS, 90, 1)
		// 80 requests at 4 / 0.19 s take 3.8 s, and they arrive in about 2.
		if q := r.ClientQueue; q.Count != 80 || q.MaxMS < 1000 || q.MaxMS > 2500 || q.MinMS > 1 {
			t.Errorf("%+v", q)
		}
		table := r.Table()
		if !strings.Contains(table, "Median client queue (ms): ") || !strings.Contains(table, "waited here") {
			t.Error(table)
		}
		near(t, "of the last request", r.Requests[79].ClientQueueMS, r.ClientQueue.MaxMS, 1500)
		r, err = bench.Run(t.Context(), w.client, bench.Config{Prompts: 8, OutputTokens: 11, Concurrency: 4}, nil)
		if err != nil || r.ClientQueue.Count != 0 || strings.Contains(r.Table(), "client queue") {
			t.Errorf("without a rate: %+v, %v", r.ClientQueue, err)
		}
	})
}

// E33: a usage of zeros is none.
func TestZeroUsageFallsBackToEvents(t *testing.T) {
	for _, usage := range []string{`{"prompt_tokens":0,"completion_tokens":0}`, `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`, `{"prompt_tokens":100,"completion_tokens":0}`} {
		bubble(t, func(t *testing.T) {
			r := measure(t, raw(func(send func(string, ...any)) {
				for range 10 {
					time.Sleep(100 * time.Millisecond)
					send(content, "word ")
				}
				send(finish)
				send(`{"choices":[],"usage":%s}`, usage)
				send("[DONE]")
			}), bench.Config{Prompts: 2, OutputTokens: 10})
			if r.TotalOutput != 20 || r.Uncounted != 2 || r.Hidden != 0 || r.TPOT.Count != 2 || !strings.Contains(unwrapped(r.Table()), "counted as one token") {
				t.Errorf("%s: %d tokens, %d uncounted, %d hidden\n%s", usage, r.TotalOutput, r.Uncounted, r.Hidden, r.Table())
			}
		})
	}
}
