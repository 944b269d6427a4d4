package llm

import (
	"bytes"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

func readMetrics(t *testing.T, name string) Metrics {
	t.Helper()
	m, err := parseMetrics(bytes.NewReader(readFile(t, "testdata/"+name)), time.Unix(100, 0))
	if err != nil || !m.Known {
		t.Fatalf("%s: %v, known %v", name, err, m.Known)
	}
	return m
}

func TestMetricsDialects(t *testing.T) {
	m := readMetrics(t, "real/metrics_load.prom")
	if !m.KVCacheKnown || m.Running != 4 || m.Waiting != 0 || math.Abs(m.KVCacheUsage-0.011) > 1e-3 || m.PrefixQueries != 4794 || m.PrefixHits != 1920 ||
		m.PromptTokens != 4794 || m.GenerationTokens != 785 || m.Success["length"] != 21 || m.TTFT.Count != 30 || m.ITL.Count != 755 ||
		m.KVCacheTokens != 46592 || m.MaxConcurrency != 22.75 || m.Started.Unix() != 1795443624 {
		t.Errorf("%+v", m)
	}
	if m := readMetrics(t, "real/rust_metrics.prom"); m.GenerationTokens != 980 || m.Success["stop"] != 2 || m.TTFT.Count != 10 {
		t.Errorf("OpenMetrics: %+v", m)
	}
	if m := readMetrics(t, "made/metrics_old_names_v0_11_excerpt.prom"); m.KVCacheUsage != 0.13 || m.PrefixQueries != 100 || m.ITL.Count != 100 {
		t.Errorf("old names: %+v", m)
	}
	if m := readMetrics(t, "made/other_router_metrics.prom"); m.Running != 4 || m.Waiting != 2 {
		t.Errorf("router: %+v", m)
	}
	if m := readMetrics(t, "made/metrics_python_frontend_specdecode.prom"); m.DraftTokens != 45000 || m.AcceptedTokens != 28350 {
		t.Errorf("speculative decoding: %+v", m)
	}
	if m := readMetrics(t, "real/metrics_2_api_servers.prom"); m.GenerationTokens != 12 || !m.Started.IsZero() {
		t.Errorf("two API servers: %+v", m)
	}
	if m := readMetrics(t, "real/llamacpp-metrics.prom"); m.KVCacheKnown {
		t.Error("llama.cpp does not say how full its cache is")
	}
	if m, err := parseMetrics(strings.NewReader("<html>"), time.Time{}); err != nil || m.Known {
		t.Errorf("a web page: %+v %v", m, err)
	}
}

func TestRatesOfCaptures(t *testing.T) {
	load, after := readMetrics(t, "real/metrics_load.prom"), readMetrics(t, "real/metrics_after.prom")
	r := Rates(load, after, 3*time.Second)
	if !r.Known || r.GenerationRate != 41 || r.PrefixHitRate != -1 || r.ITL.Count != 123 || r.ITL.P50 <= 0 {
		t.Errorf("%+v", r)
	}
	if r := Rates(after, readMetrics(t, "real/metrics_fresh.prom"), time.Second); r.Known {
		t.Errorf("a restart: %+v", r)
	}
}

func readFile(tb testing.TB, name string) []byte {
	tb.Helper()
	body, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}
