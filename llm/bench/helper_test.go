package bench_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"llmbot/llm"
	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// world is a simulated server and a client of it, to be made in a synctest bubble.
type world struct {
	sim    *llmsim.Server
	client *llm.Client
}

func newWorld(t *testing.T, cfg llmsim.Config) world {
	t.Helper()
	w := world{sim: llmsim.New(cfg)}
	w.client = connect(t, w.sim)
	return w
}

func connect(t *testing.T, h http.Handler) *llm.Client {
	t.Helper()
	net := memnet.Serve(h)
	hc := net.Client()
	t.Cleanup(func() {
		hc.CloseIdleConnections()
		_ = net.Close()
	})
	c, err := llm.New(llm.Config{BaseURL: "http://sim.test/v1", HTTP: hc})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// bubble runs f in virtual time.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// measured are the requests that are not calibration (they ask for one token).
func measured(s *llmsim.Server) []llmsim.Request {
	var out []llmsim.Request
	for _, r := range s.Requests() {
		if r.Chat == nil || r.Chat.MaxTokens > 1 {
			out = append(out, r)
		}
	}
	return out
}

// unwrapped is a text in one line.
func unwrapped(s string) string { return strings.Join(strings.Fields(s), " ") }
