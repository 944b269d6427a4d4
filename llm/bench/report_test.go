package bench_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"llmbot/llm/bench"
	"llmbot/llm/llmsim"
)

func TestSweep(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50, FirstToken: 100 * time.Millisecond, Parallel: 4})
		rs, err := bench.Sweep(t.Context(), w.client, bench.Config{Prompts: 8, OutputTokens: 11}, []int{1, 2, 4, 16}, nil)
		if err != nil || len(rs) != 4 {
			t.Fatalf("%v, %d reports", err, len(rs))
		}
		for i, want := range []int{1, 2, 4, 16} {
			if rs[i].MaxConcurrency != want || rs[i].PeakConcurrency != want || rs[i].Completed != max(8, want) {
				t.Errorf("level %d: %d at once, %d done", want, rs[i].PeakConcurrency, rs[i].Completed)
			}
		}
		one := rs[0].OutputThroughput
		near(t, "one", one, 11/0.3, 0.5)
		near(t, "two", rs[1].OutputThroughput/one, 2, 0.01)
		near(t, "four", rs[2].OutputThroughput/one, 4, 0.02)
		near(t, "sixteen on a server of four", rs[3].OutputThroughput/one, 4, 0.02)
		near(t, "the queue is in the first token", rs[3].TTFT.MaxMS, 3*300+100, 1)
		var page strings.Builder
		if err := bench.HTML(&page, rs...); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(page.String(), "<svg"); n != 4+4*4 {
			t.Errorf("%d charts", n)
		}
		table := bench.Table(rs...)
		if !regexp.MustCompile(`(?m)^Maximum request concurrency: +1 +2 +4 +16$`).MatchString(table) {
			t.Error(table)
		}
	})
}

func TestCompareMeasuresInTurns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		slow := newWorld(t, llmsim.Config{Speed: 20, FirstToken: 200 * time.Millisecond})
		fast := newWorld(t, llmsim.Config{Speed: 40, FirstToken: 200 * time.Millisecond})
		var turns []string
		c, err := bench.Compare(t.Context(), bench.Target{Name: "slow", Server: slow.client}, bench.Target{Name: "fast", Server: fast.client},
			bench.Config{Prompts: 4, OutputTokens: 21}, 3, func(p bench.Progress) {
				if turn := p.Name + string(rune('0'+p.Round)); p.Phase == bench.PhaseMeasure && (len(turns) == 0 || turns[len(turns)-1] != turn) {
					turns = append(turns, turn)
				}
			})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(turns, " "); got != "slow1 fast1 slow2 fast2 slow3 fast3" {
			t.Errorf("turns: %s", got)
		}
		rows := map[string]bench.Ratio{}
		for _, r := range c.Rows {
			rows[r.Metric] = r
		}
		near(t, "TPOT ratio", rows["Median TPOT"].Ratio, 0.5, 0.001)
		near(t, "TTFT ratio", rows["Median TTFT"].Ratio, 1, 0.001)
		near(t, "speed ratio", rows["Decode speed"].Ratio, 2, 0.001)
		near(t, "ratio of what a reader sees", rows["Interactive speed"].Ratio, (0.2+20./20)/(0.2+20./40), 0.001)
		if !rows["Median TPOT"].Clear || rows["Median TPOT"].Verdict() != "B is better" || rows["Output token throughput"].Verdict() != "B is better" {
			t.Errorf("%+v", rows["Median TPOT"])
		}
		if v := rows["Median TTFT"].Verdict(); v != "no clear difference" {
			t.Errorf("equal TTFT: %s", v)
		}
		var page strings.Builder
		if err := c.HTML(&page); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"B is better", "slow", "<h2>Comparison</h2>", "called clear when", "round 3", "Interactive speed, tok/s (more is better)", "prefers-color-scheme: dark"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("no %q in the page", want)
			}
		}
		if n := strings.Count(page.String(), "<svg"); n != 4+6*4 {
			t.Errorf("%d charts", n)
		}
		if !strings.Contains(c.Table(), "2.000×") || strings.Contains(c.Table(), "Here were") {
			t.Error(c.Table())
		}
	})
}

func TestCompareOfOneServerWithItselfIsFair(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50, PromptDetails: true})
		side := bench.Target{Name: "same", Server: w.client}
		c, err := bench.Compare(t.Context(), side, side, bench.Config{Prompts: 3, OutputTokens: 5}, 2, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(c.A, c.B...) {
			if r.Cached > 0 {
				t.Errorf("%d tokens from the cache", r.Cached)
			}
		}
	})
}

// TestAllAtOnceAreSent: with fewer prompts than requests at once nobody would see so many at once,
// whichever way it is measured.
func TestAllAtOnceAreSent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 50})
		side := bench.Target{Name: "same", Server: w.client}
		cfg := bench.Config{Prompts: 2, Concurrency: 10, OutputTokens: 5}
		c, err := bench.Compare(t.Context(), side, side, cfg, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		one, err := bench.Run(t.Context(), w.client, cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range append(append(c.A, c.B...), one) {
			if r.Prompts != 10 || r.Completed != 10 || r.PeakConcurrency != 10 {
				t.Errorf("%d prompts, %d answers, %d at once", r.Prompts, r.Completed, r.PeakConcurrency)
			}
		}
	})
}

// TestWhatWouldBeClear: with too few rounds nothing is, and the table says how many it takes.
func TestWhatWouldBeClear(t *testing.T) {
	r := bench.Report{Completed: 1, OutputThroughput: 30}
	c := bench.Comparison{A: []bench.Report{r, r}, B: []bench.Report{r, r}}
	if got := strings.Join(strings.Fields(c.Table()), " "); !strings.Contains(got, "Here were 2: give --rounds 3 or more.") {
		t.Error(got)
	}
}

func TestCompareCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		w := newWorld(t, llmsim.Config{Speed: 10})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		side := bench.Target{Name: "s", Server: w.client}
		c, err := bench.Compare(ctx, side, side, bench.Config{Prompts: 3, OutputTokens: 11}, 3, func(p bench.Progress) {
			if p.Round == 2 {
				cancel()
			}
		})
		if !errors.Is(err, context.Canceled) || len(c.A) != 2 || len(c.B) != 1 || !c.A[1].Interrupted || len(c.Rows) == 0 || c.Rows[0].Clear {
			t.Errorf("%v: %d and %d rounds, rows %+v", err, len(c.A), len(c.B), c.Rows)
		}
	})
}

// A page may come from a stranger's server: nothing that it says of itself may become markup, and the page may fetch nothing.
func TestPageIsSelfContainedAndEscaped(t *testing.T) {
	evil := `<script>alert(1)</script><img onerror=x>&"'`
	d := bench.Distribution{Count: 2, MeanMS: 5, MedianMS: 5, P99MS: 6, MaxMS: 6, Histogram: []bench.Bin{{FromMS: 4, ToMS: 5, Count: 1}, {FromMS: 5, ToMS: 6, Count: 1}}}
	r := bench.Report{
		Name: evil, Model: evil, MaxConcurrency: 1, Prompts: 2, Completed: 1, Failed: 1, TTFT: d, TPOT: d, ITL: d, E2EL: d,
		Failures: []bench.Failure{{Kind: "server", Count: 1, Example: evil}},
		Timeline: []bench.Moment{{FromS: 0, WidthS: 1, OutputTPS: 3, Running: 1}, {FromS: 1, WidthS: 1, OutputTPS: 4, Running: 1}},
	}
	other := r
	other.Name, other.MaxConcurrency = "other", 4
	third := r
	third.MaxConcurrency = 4
	var page strings.Builder
	if err := bench.HTML(&page, r, other, third); err != nil {
		t.Fatal(err)
	}
	html := page.String()
	for _, bad := range []string{"<script", "<img", "<link", "@import", "url(", " src=", "href=\"http"} {
		if strings.Contains(html, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, m := range regexp.MustCompile(`https?://[^"' <>]*`).FindAllString(html, -1) {
		if !strings.HasPrefix(m, "http://www.w3.org/") { // names of XML namespaces, not fetched
			t.Errorf("the page names %s", m)
		}
	}
}

func TestEmptyReportsHaveATableAndAPage(t *testing.T) {
	var page strings.Builder
	if err := bench.HTML(&page, bench.Report{}); err != nil || !strings.Contains(page.String(), "</html>") {
		t.Errorf("%v", err)
	}
	if got := (bench.Report{}).Table(); !strings.Contains(got, "Successful requests:                     0\n") || strings.Contains(got, "NaN") {
		t.Error(got)
	}
	if bench.Table() != "" || (bench.Comparison{}).Table() == "" {
		t.Error("tables of nothing")
	}
}

// The rows are vLLM's own: see fixtures/real/bench-serve.txt.
func TestTableHasTheRowsOfVLLM(t *testing.T) {
	table := bench.Report{MaxConcurrency: 10, Completed: 10, DurationS: 1.96}.Table()
	for _, row := range []string{
		"============ Serving Benchmark Result ============", "Successful requests:                     10", "Failed requests:                         0",
		"Maximum request concurrency:             10", "Benchmark duration (s):                  1.96", "Total input tokens:  ", "Total generated tokens:  ",
		"Request throughput (req/s):  ", "Output token throughput (tok/s):  ", "Peak output token throughput (tok/s):  ", "Peak concurrent requests:  ",
		"Total token throughput (tok/s):  ", "---------------Time to First Token----------------", "Mean TTFT (ms):  ", "Median TTFT (ms):  ", "P99 TTFT (ms):  ",
		"-----Time per Output Token (excl. 1st token)------", "Mean TPOT (ms):  ", "---------------Inter-token Latency----------------", "P99 ITL (ms):  ",
		"----------------End-to-end Latency----------------", "Median E2EL (ms):  ", "==================================================",
	} {
		if !strings.Contains(table, "\n"+row) && !strings.HasPrefix(table, row) {
			t.Errorf("no row %q in\n%s", row, table)
		}
	}
}

// Files of two servers have the same names, so that benchstat compares them; and both say what was
// measured.
func TestBenchstat(t *testing.T) {
	one := bench.Report{
		Name: "http://a b/v1", Model: "m", Server: "0.32.0", Client: "v1", InputTokens: 128, OutputTokens: 64, MaxConcurrency: 10, Completed: 10,
		OutputThroughput: 163.08, Interactive: 16.3, Decode: 17, Goodput: 1.5, SLO: bench.SLO{TTFTMS: 1000},
	}
	other := one
	other.Name, other.Server = "http://c/v1", "0.33.0"
	heading := `^# http://a b/v1, version 0\.32\.0, model m\n# .*128 tokens.*\n(# .*\n)*`
	figures := `( [0-9.]+ \S+)+ 163\.080 output-tok/s 0\.0000 req/s 16\.3000 interactive-tok/s 17\.0000 decode-tok/s 1\.5000 good-req/s\n`
	for _, c := range []struct {
		reports []bench.Report
		want    string
	}{
		{[]bench.Report{one}, heading + `BenchmarkServe/in=128/out=64/concurrency=10 10` + strings.Replace(figures, ")+", ")*", 1) + `$`},
		{[]bench.Report{one, other}, `(?s)server=http:__a_b_v1/in=128.*server=http:__c_v1/in=128/out=64/concurrency=10 10`},
	} {
		if got := bench.Benchstat(c.reports...); !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s\nis no\n%s", got, c.want)
		}
	}
	if got := bench.Benchstat(); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
