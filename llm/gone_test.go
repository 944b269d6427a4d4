package llm

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/llm/llmsim"
)

// TestSilentStreamOfAServerThatIsGone: what a vLLM 0.32 did at a SIGTERM, see errGone.
func TestSilentStreamOfAServerThatIsGone(t *testing.T) {
	for name, tt := range map[string]struct {
		mode llmsim.Mode
		kind string
		took time.Duration // after the last token, at most
	}{
		"takes no connections":      {llmsim.Refusing, "restarting", 11 * time.Second},
		"says that it is dead":      {llmsim.EngineDead, "restarting", 11 * time.Second},
		"is there, and only silent": {llmsim.Up, "silent", DefaultIdleTimeout + time.Second},
		"drains, and is silent":     {llmsim.Draining, "silent", DefaultIdleTimeout + time.Second},
		"is behind a proxy":         {llmsim.BadGateway, "silent", DefaultIdleTimeout + time.Second}, // the proxy's word may be about another one
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := llmsim.New(llmsim.Config{})
				sim.NextTape(llmsim.Tape{llmsim.Chunk("Hello", 1), llmsim.Stall()})
				c := recordedClient(t, sim, Config{})
				start := time.Now()
				time.AfterFunc(time.Second, func() { sim.SetMode(tt.mode) })
				got := ask(t.Context(), c, Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}})
				if kindName(got.err) != tt.kind || got.text != "Hello" || time.Since(start) > tt.took {
					t.Errorf("%q, %v after %s", got.text, got.err, time.Since(start))
				}
			})
		})
	}
}

// TestOneMissedLookIsNoProof: a load balancer may refuse one connection.
func TestOneMissedLookIsNoProof(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		sim := llmsim.New(llmsim.Config{})
		sim.NextTape(llmsim.Tape{llmsim.Wait(time.Minute), llmsim.Text("Hello")})
		c := recordedClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				if looks++; looks%2 == 1 {
					panic(http.ErrAbortHandler)
				}
			}
			sim.ServeHTTP(w, r)
		}), Config{})
		if got := ask(t.Context(), c, Request{Messages: []Message{{Role: RoleUser, Content: "hi"}}}); got.err != nil || got.text != "Hello" {
			t.Errorf("%q, %v", got.text, got.err)
		}
		if looks < 5 {
			t.Errorf("%d looks", looks)
		}
	})
}
