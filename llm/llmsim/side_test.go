package llmsim_test

import (
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"llmbot/llm/llmsim"
)

// Each line parses, each family has a type, and each name and label set is one that vLLM 0.32 has.
func TestMetricsAreVLLMs(t *testing.T) {
	c := serve(t, llmsim.Config{Model: "smollm2", Speed: -1})
	if _, _, err := c.chat(`{"messages":[{"role":"user","content":"write 50 tokens"}]}`); err != nil {
		t.Fatal(err)
	}
	_, got, err := c.do(t.Context(), http.MethodGet, "/metrics", "")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`^([a-z0-9_:]+)(\{[a-z_]+="[^"]*"(?:,[a-z_]+="[^"]*")*\})? -?[0-9.e+-]+$`)
	real := fixture(t, "real/metrics_load.prom")
	series := regexp.MustCompile(`(?m)^((?:vllm|process)[a-z0-9_:]*(?:\{[^}]*\})?) `)
	known := map[string]bool{}
	for _, m := range series.FindAllStringSubmatch(real, -1) {
		known[m[1]] = true
	}
	for l := range strings.SplitSeq(strings.TrimSpace(got), "\n") {
		if strings.HasPrefix(l, "#") {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("line %q", l)
			continue
		}
		if name := m[1] + m[2]; !known[name] && !strings.Contains(name, "_bucket") && !strings.Contains(name, "cache_config_info") {
			t.Errorf("vLLM has no %s", name)
		}
	}
	for _, want := range []string{
		`vllm:generation_tokens_total{engine="0",model_name="smollm2"} 50.0`, `vllm:request_success_total{engine="0",finished_reason="stop",model_name="smollm2"} 1.0`,
		`vllm:num_requests_running{engine="0",model_name="smollm2"} 0.0`, `vllm:kv_cache_usage_perc{engine="0",model_name="smollm2"} 0.0`,
		`vllm:inter_token_latency_seconds_count{engine="0",model_name="smollm2"} 49.0`, `vllm:inter_token_latency_seconds_bucket{engine="0",le="+Inf",model_name="smollm2"} 49.0`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
}

func TestSideRoutes(t *testing.T) {
	c := serve(t, llmsim.Config{Model: "tiny", Aliases: []string{"tiny-alias"}, MaxModelLen: 2048, Speed: -1})
	vary := regexp.MustCompile(`\d{10}|modelperm-[0-9a-f]+`)
	for path, want := range map[string]string{
		"/version": fixture(t, "real/version.json"), "/load": fixture(t, "real/load.json"), "/health": "", "/ping": "",
		"/v1/models": fixture(t, "real/models_alias.json"), "/nothing": fixture(t, "real/http_404_route.json"), "/tokenize": fixture(t, "real/http_405.json"),
	} {
		_, got, err := c.do(t.Context(), http.MethodGet, path, "")
		if err != nil || vary.ReplaceAllString(got, "_") != vary.ReplaceAllString(strings.TrimSpace(want), "_") {
			t.Errorf("%s: %v %s", path, err, got)
		}
	}
	// /tokenize and usage count alike
	ms := `[{"role":"system","content":"Be brief."},{"role":"user","content":"Größe 😀 of 12345 words?"}]`
	_, count, err := c.do(t.Context(), http.MethodPost, "/tokenize", `{"model":"tiny","messages":`+ms+`}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.chat(`{"messages":` + ms + `}`); err != nil {
		t.Fatal(err)
	}
	if want := `{"count":` + itoa(c.sim.Last().Prompt) + `,"max_model_len":2048,"tokens":[`; !strings.HasPrefix(count, want) {
		t.Errorf("%s, want %s", count, want)
	}
}

func TestTapesHaveATextForm(t *testing.T) {
	got, err := llmsim.ParseTape("# a fault\ntext \" Hi\\n\"\nreason hm\nwait 3s\n\nerror 500 X it broke\nreply 502 text/html <html>\ncut")
	want := llmsim.Tape{llmsim.Text(" Hi\n"), llmsim.Reason("hm"), llmsim.Wait(3 * time.Second), llmsim.Fail(500, "X", "it broke"), llmsim.Reply(502, "text/html", "<html>"), llmsim.Cut()}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	for _, bad := range []string{"sing", "wait", "wait -1s", "error x", `text "open`} {
		if _, err := llmsim.ParseTape(bad); err == nil {
			t.Errorf("%q is no step", bad)
		}
	}
}
