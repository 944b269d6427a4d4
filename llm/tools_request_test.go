package llm

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// requestLog keeps the bodies of the requests that reach the server, byte for byte.
type requestLog struct{ raw [][]byte }

func (b *requestLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	b.raw = append(b.raw, raw)
	if r.URL.Path == "/tokenize" {
		_, _ = io.WriteString(w, `{"count":1,"max_model_len":2}`)
		return
	}
	_, _ = io.WriteString(w, textEvent("Hi")+stopEvent+doneEvent)
}

// sentBody returns what a request is on the wire.
func sentBody(t *testing.T, cfg Config, req Request) []byte {
	t.Helper()
	b := &requestLog{}
	c := recordedClient(t, b, cfg)
	ask(t.Context(), c, req)
	if len(b.raw) != 1 {
		t.Fatalf("%d requests", len(b.raw))
	}
	return b.raw[0]
}

// TestRequestsWithoutTools holds that a request without tools is what it was before there were any, to the byte. The recordings were made
// with the code of that time.
func TestRequestsWithoutTools(t *testing.T) {
	talk := []Message{
		{Role: RoleSystem, Content: "You are \"short\" & <plain>."},
		{Role: RoleUser, Content: "Hi\n漢字 \u2028"},
		{Role: RoleAssistant, Content: "Hello"},
		{Role: RoleUser, Content: "what", Images: []Image{{MIME: "image/png", Data: []byte("x")}}},
		{Role: RoleUser},
		{Role: RoleAssistant},
	}
	for name, c := range map[string]struct {
		cfg Config
		req Request
	}{
		"plain":    {Config{}, Request{Model: "m", Messages: talk}},
		"empty":    {Config{}, Request{Model: "m"}},
		"settings": {Config{Extra: map[string]any{"top_k": 5, "seed": 1}}, Request{Model: "gpt-5", Messages: talk[:2], Temperature: new(0.0), MaxTokens: 7, ReasoningEffort: "low", Extra: map[string]any{"seed": 2, "b": nil}}},
		"continue": {Config{}, Request{Model: "m", Messages: talk[:3], Continue: true, ID: "x"}},
		"choice":   {Config{}, Request{Model: "m", Messages: talk[:2], ToolChoice: ToolChoiceNone}},
	} {
		checkRecorded(t, name, sentBody(t, c.cfg, c.req))
	}
	b := &requestLog{}
	if _, _, err := recordedClient(t, b, Config{}).Tokenize(t.Context(), "m", talk); err != nil {
		t.Fatal(err)
	}
	checkRecorded(t, "tokenize", b.raw[0])
}

// checkRecorded compares a body with its recording.
func checkRecorded(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata/requests", name+".json")
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s:\n got %s\nwant %s", name, got, want)
	}
}
