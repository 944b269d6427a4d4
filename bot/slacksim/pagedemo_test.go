package slacksim_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"llmbot/bot/slacksim"
)

// What a demo serves on the page is guarded as the page is, and nothing is there without one.
func TestDemoIsServedBehindTheGuards(t *testing.T) {
	var asked []string
	demo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		w.WriteHeader(http.StatusAccepted)
	})
	sim := slacksim.New(slacksim.Config{Demo: demo})
	defer sim.Close()
	const here = "127.0.0.1:50000"
	for _, c := range []struct {
		want         int
		method, path string
		peer, host   string
		header       []string
	}{
		{202, "GET", "/page/demo/state", here, "localhost:8765", nil},
		{202, "POST", "/page/demo/kill", here, "localhost:8765", nil},
		{202, "POST", "/page/demo/kill", here, "localhost:8765", []string{"Sec-Fetch-Site", "same-origin"}},
		{403, "POST", "/page/demo/kill", here, "evil.test", nil},
		{403, "POST", "/page/demo/kill", "192.168.1.9:50000", "localhost:8765", nil},
		{403, "POST", "/page/demo/kill", here, "localhost:8765", []string{"Origin", "https://evil.test"}},
		{403, "GET", "/page/demo/state", here, "localhost:8765", []string{"Sec-Fetch-Site", "cross-site"}},
		{405, "PUT", "/page/demo/kill", here, "localhost:8765", nil},
	} {
		w := ask(sim, c.method, c.path, "{}", c.peer, c.host, c.header...)
		if w.Code != c.want {
			t.Errorf("%s %s from %s to %s, %v: %d, want %d", c.method, c.path, c.peer, c.host, c.header, w.Code, c.want)
		}
		if w.Code == http.StatusAccepted && w.Header().Get("Content-Security-Policy") == "" {
			t.Errorf("%s %s: no Content-Security-Policy", c.method, c.path)
		}
	}
	if got := strings.Join(asked, ", "); got != "GET /page/demo/state, POST /page/demo/kill, POST /page/demo/kill" {
		t.Errorf("the demo was asked %s", got)
	}

	alone := slacksim.New(slacksim.Config{})
	defer alone.Close()
	if w := ask(alone, "POST", "/page/demo/kill", "{}", here, "localhost:8765"); w.Code < 400 {
		t.Errorf("without a demo: %d", w.Code)
	}
	for s, want := range map[*slacksim.Sim]bool{sim: true, alone: false} {
		var state struct{ Demo *bool }
		must(t, json.Unmarshal(ask(s, "GET", "/page/state", "", here, "localhost:8765").Body.Bytes(), &state))
		if state.Demo == nil || *state.Demo != want {
			t.Errorf("demo in the page's state: %v, want %t", state.Demo, want)
		}
	}
}
