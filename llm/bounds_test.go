package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// endless is a page that has no end, and counts what was taken of it.
type endless struct {
	text  string
	taken int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.taken%len(e.text):])
	e.taken += n
	return n, nil
}

// pageOf is an endless page of these lines; the first 3 MB do not repeat themselves.
func pageOf(line func(n int) string) *endless {
	var b strings.Builder
	for n := 0; b.Len() < 3<<20; n++ {
		b.WriteString(line(n))
	}
	return &endless{text: b.String()}
}

// hostilePages are pages that were made to cost as much as they can. Each repeats its line for ever.
func hostilePages() map[string]func(n int) string {
	return map[string]func(n int) string{
		"unknown families": func(n int) string { return fmt.Sprintf("other_family_%d{a=\"b\"} 1\n", n) },
		"comments":         func(int) string { return "# HELP x y\n" },
		"one line":         func(int) string { return "vllm:num_requests_running{a=\"xxxxxxxxxxxxxxxxxxxxxxxxxxx" },
		"empty lines":      func(int) string { return "\n" },
		"one family":       func(n int) string { return fmt.Sprintf("vllm:num_requests_running{engine=\"%d\"} 1\n", n) },
		"long labels":      func(n int) string { return fmt.Sprintf("vllm:num_requests_running{e=\"%d%s\"} 1\n", n, fill(30_000)) },
		"many labels": func(n int) string {
			var b strings.Builder
			for i := range 3000 {
				fmt.Fprintf(&b, "l%d=\"%d\",", i, n)
			}
			return "vllm:num_requests_running{" + b.String() + "} 1\n"
		},
		"labels": func(n int) string {
			var b strings.Builder
			for i := range maxLabels {
				fmt.Fprintf(&b, "l%d=\"%d\",", i, n)
			}
			return "vllm:num_requests_running{" + b.String() + "} 1\n"
		},
		"few labels": func(n int) string {
			return fmt.Sprintf("vllm:num_requests_running{%s} 1\n", strings.Repeat(fmt.Sprintf("l=\"%d\",", n), fewLabels))
		},
		"reasons": func(n int) string { return fmt.Sprintf("vllm:request_success_total{finished_reason=\"%d\"} 1\n", n) },
		"buckets of one": func(n int) string {
			return fmt.Sprintf("vllm:time_to_first_token_seconds_bucket{le=\"%d\"} 1\n", n)
		},
		"buckets of many": func(n int) string {
			return fmt.Sprintf("vllm:time_to_first_token_seconds_bucket{engine=\"%d\",le=\"0.%d\"} 1\n", n, n)
		},
		"gpus": func(n int) string {
			return fmt.Sprintf("DCGM_FI_DEV_FB_USED{gpu=\"%d\",modelName=\"\x1b[31m%s\"} 1\n", n, fill(500))
		},
	}
}

// No page costs more than its first 2 MB, whatever is in it; and a page of that size is worked on in a moment.
func TestExpositionsAreBounded(t *testing.T) {
	if raceOn {
		t.Skip("it measures time, and starts no goroutine")
	}
	for name, line := range hostilePages() {
		text := pageOf(line).text
		for _, size := range []int{maxExposition, 31 << 20} {
			t.Run(fmt.Sprintf("%s of %d MB", name, size>>20), func(t *testing.T) {
				for _, parse := range []func(io.Reader) error{
					func(r io.Reader) error {
						m, err := parseMetrics(r, time.Time{})
						if size > maxExposition && (!m.TooLarge || m.Known) {
							t.Errorf("a page of %d MB is not said to be too large: %+v", size>>20, m)
						}
						if len(m.Success) > maxReasons+1 || len(m.TTFT.Bounds) > maxBuckets {
							t.Errorf("%d reasons, %d bounds are kept", len(m.Success), len(m.TTFT.Bounds))
						}
						return err
					},
					func(r io.Reader) error {
						got, err := parseGPUs(r)
						if len(got) > maxGPUs || len(got) > 0 && len(got[0].Name) > maxGPUName+3 {
							t.Errorf("%d GPUs are believed", len(got))
						}
						return err
					},
				} {
					page := &endless{text: text}
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					began := time.Now()
					err := parse(io.LimitReader(page, int64(size)))
					took := time.Since(began) // 60 ms at most on a machine with nothing else to do
					runtime.ReadMemStats(&after)
					if page.taken > maxExposition+2*maxExpoLine {
						t.Errorf("%d bytes were read", page.taken)
					}
					allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
					t.Logf("%v, %d MB allocated, %v", took, allocated, err)
					if took > 5*time.Second || allocated > 50 {
						t.Errorf("it took %v and %d MB", took, allocated)
					}
				}
			})
		}
	}
}

// Who asks for the metrics while they are read gets that reading; whose context ends does not spoil it for the others.
func TestMetricsAreReadOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var now, most, all atomic.Int32
		c, err := New(Config{BaseURL: "http://m.test", HTTP: serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			all.Add(1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer now.Add(-1)
			select {
			case <-time.After(time.Second):
			case <-r.Context().Done():
			}
			io.WriteString(w, "vllm:num_requests_running 3\n")
		}))})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		wg.Go(func() {
			if _, err := c.Metrics(short); err == nil {
				t.Error("a reading of a second within 300 ms")
			}
		})
		synctest.Wait()
		for range 8 {
			wg.Go(func() {
				for range 5 {
					if m, err := c.Metrics(t.Context()); err != nil || m.Running != 3 {
						t.Errorf("%+v %v", m, err)
					}
				}
			})
		}
		wg.Wait()
		// Two: the server may not have noticed yet that the one with 300 ms has gone.
		if most.Load() > 2 || all.Load() > 8 {
			t.Errorf("%d at once, %d in all", most.Load(), all.Load())
		}
		c.http.CloseIdleConnections()
	})
}

func TestModelListIsBounded(t *testing.T) {
	list := func(cards string) []byte { return []byte(`{"object":"list","data":[` + cards + `]}`) }
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := parseModels(list(strings.Repeat(`{},`, maxModelList/3) + `{"id":"m"}`))
	runtime.ReadMemStats(&after)
	if mb := (after.TotalAlloc - before.TotalAlloc) >> 20; err != nil || len(got) > maxModels || mb > 30 {
		t.Errorf("%d models, %d MB, %v", len(got), mb, err)
	}
	got, err = parseModels(list(`{"id":"` + fill(maxModelID+1) + `"},{"id":"m","owned_by":"\u001b[31m` + fill(9000) + `"}`))
	if err != nil || len(got) != 1 || got[0].ID != "m" || strings.Contains(got[0].OwnedBy, "\x1b") || len(got[0].OwnedBy) > maxCardText+3 {
		t.Errorf("%d models, %v", len(got), err)
	}
	if got, err := parseModels([]byte(`{"data":null}`)); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := parseModels([]byte(`{"data":{"id":"m"}}`)); err == nil {
		t.Error("a list that is none is taken")
	}
}

// What is longer than any honest answer is not read, and is an error that says so.
func TestSideAnswersAreBounded(t *testing.T) {
	huge := pageOf(func(int) string { return "[[[1234567," })
	c, err := New(Config{BaseURL: "http://m.test", Model: "m", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(huge), Request: r}, nil
	})}})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]func() error{
		"models":  func() error { _, err := c.Models(t.Context()); return err },
		"health":  func() error { return c.Health(t.Context()) },
		"version": func() error { _, err := c.Version(t.Context()); return err },
		"tokenize": func() error {
			_, _, err := c.Tokenize(t.Context(), "", []Message{{Role: RoleUser, Content: "hi"}})
			return err
		},
	} {
		huge.taken = 0
		if err := ask(); !errors.Is(err, errTooLarge) || huge.taken > maxModelList+1<<20 {
			t.Errorf("%s: %d bytes were read, %v", name, huge.taken, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestVersionIsPrintable(t *testing.T) {
	said, err := json.Marshal(map[string]string{"version": "0.33\n\x1b]0;owned\a" + fill(1000)})
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, status("200 OK", string(said)))
	got, err := c.Version(t.Context())
	if err != nil || !strings.HasPrefix(got, "0.33 ]0;owned") || len(got) > maxVersion+3 {
		t.Errorf("%q %v", got, err)
	}
}

func TestPrintable(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"  a model \t\r\n of  ours ", 100, "a model of ours"},
		{"\x1b]0;title\a\x1b[31mred\x9b", 100, "]0;title[31mred\ufffd"},
		{"a\u202eb\u2066c\u200bd\ufeffe\U000e0061f\u2028g\u00adh", 100, "abcdef gh"},
		{"\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f680", 100, "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f680"},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abcde…"},
		{"abcd efgh", 6, "abcd…"},
		{"äöüäöü", 3, "äö…"},
		{"a\xffb", 9, "a\ufffdb"},
		{"", 0, ""},
	} {
		if got := Printable(c.in, c.most); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// FuzzExpositions feeds pages of both kinds: no panic, no figure that is none, bounds kept, and what is shown can be shown.
func FuzzExpositions(f *testing.F) {
	for _, name := range []string{"testdata/dcgm.prom", "testdata/real/llamacpp-metrics.prom", "testdata/made/other_router_metrics.prom", "testdata/made/metrics_old_names_v0_11_excerpt.prom", "testdata/made/metrics_rust_frontend_excerpt.prom"} {
		f.Add(readFile(f, name), uint16(1))
	}
	for _, line := range hostilePages() {
		if l := line(7); len(l) < 200 {
			f.Add([]byte(l), uint16(300))
		}
	}
	f.Fuzz(func(t *testing.T, page []byte, times uint16) {
		page = bytes.Repeat(page, min(int(times)+1, 1+(64<<10)/(len(page)+1)))
		m, err := parseMetrics(bytes.NewReader(page), time.Unix(1, 0))
		if err == nil {
			for _, h := range []Histogram{m.TTFT, m.ITL, m.E2E, m.Queue} {
				if len(h.Bounds) != len(h.Counts) || len(h.Bounds) > maxBuckets {
					t.Fatalf("%d bounds, %d counts", len(h.Bounds), len(h.Counts))
				}
				h.Quantiles()
			}
			if len(m.Success) > maxReasons+1 || m.Running != m.Running {
				t.Fatalf("%+v", m)
			}
			Rates(m, m, time.Second)
		}
		gpus, _ := parseGPUs(bytes.NewReader(page))
		for _, g := range gpus {
			if g.Name != Printable(g.Name, maxGPUName) || g.ID != Printable(g.ID, maxGPUName) || g.UsedGB < 0 || g.UsedGB > maxFigure {
				t.Fatalf("%+v", g)
			}
		}
	})
}
