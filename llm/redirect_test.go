package llm

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"llmbot/llm/llmsim/memnet"
)

// TestServerRedirects: whatever is asked, neither the conversation nor the key goes to where a server points, and the error says what to change.
func TestServerRedirects(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for location, target := range map[string]string{
			"https://evil.test/v1/steal?q=hunter2": "https://evil.test", "http://model.test:81/v1": "http://model.test:81", "http://model.test/v1": "http://model.test",
		} {
			var mu sync.Mutex
			elsewhere := 0
			n := memnet.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Host != "model.test" || r.URL.Path == "/v1/steal" || r.URL.Path == "/v1" {
					mu.Lock()
					defer mu.Unlock()
					elsewhere++
					return
				}
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			}))
			hc := &http.Client{Transport: &http.Transport{DialContext: n.Dial, DialTLSContext: n.Dial}}
			c, err := New(Config{BaseURL: "https://model.test/v1", Model: "m", APIKey: "hunter2", HTTP: hc})
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			failed := map[string]error{"chat": ask(ctx, c, Request{Messages: []Message{{Role: RoleUser, Content: "zq"}}}).err, "health": c.Health(ctx)}
			_, failed["models"] = c.Models(ctx)
			_, failed["version"] = c.Version(ctx)
			_, failed["metrics"] = c.Metrics(ctx)
			_, _, failed["tokenize"] = c.Tokenize(ctx, "m", []Message{{Role: RoleUser, Content: "zq"}})
			for op, err := range failed {
				e, ok := err.(*Error) //nolint:errorlint // it is returned as it is
				if !ok || e.Kind != KindServer || e.Away() || e.Again() || e.Status != status {
					t.Errorf("%d, %s: %#v", status, op, err)
					continue
				}
				for _, text := range []string{e.Error(), e.Hint()} {
					if !strings.Contains(text, target) || !strings.Contains(text, "LLM_BASE_URL") || strings.Contains(text, "hunter2") {
						t.Errorf("%d, %s: %s", status, op, text)
					}
				}
			}
			_, err = NewExporter(hc, "https://model.test/metrics?key=hunter2").GPUs(ctx)
			if err == nil || !strings.Contains(err.Error(), target) || !strings.Contains(err.Error(), "GPU_METRICS_URL") || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("GPUs: %v", err)
			}
			if elsewhere > 0 {
				t.Errorf("%d to %s: %d requests went there", status, location, elsewhere)
			}
			hc.CloseIdleConnections()
			_ = n.Close()
		}
	}
}
