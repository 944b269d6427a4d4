package main

import (
	"context"
	"strings"
	"testing"

	"llmbot/llm/llmsim"
	"llmbot/llm/llmsim/memnet"
)

// TestTranscribeKey: the key of the model server goes to the server for clips only if that is the
// same host, and never over a way that is less safe.
func TestTranscribeKey(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ base, clips, own, want string }{
		{"http://gpu:8000/v1", "http://gpu:8001/v1", "", "hunter2"},
		{"http://gpu:8000/v1", "http://GPU:8001/v1", "", "hunter2"},
		{"http://gpu:8000/v1", "https://gpu/v1", "", "hunter2"},
		{"https://gpu/v1", "http://gpu:8001/v1", "", ""},
		{"http://gpu:8000/v1", "http://other:8001/v1", "", ""},
		{"http://gpu:8000/v1", "https://api.openai.com/v1", "own", "own"},
		{"http://gpu:8000/v1", "http://gpu.evil.test/v1", "", ""},
	} {
		c := Config{BaseURL: tt.base, APIKey: "hunter2", TranscribeURL: tt.clips, TranscribeKey: secret(tt.own)}
		if got := c.transcribeConfig(nil).APIKey; got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

// TestCheckClips: check tells whether clips are written down, and what to change.
func TestCheckClips(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		hear func([]byte) string
		key  secret
		want string
	}{
		"well":            {func([]byte) string { return "" }, "hunter2", "ok: http://audio/v1 writes them down, with the first model that it serves"},
		"another model":   {nil, "hunter2", "does not support Transcriptions API"},
		"without the key": {func([]byte) string { return "" }, "", "Unauthorized"},
	} {
		sim := llmsim.New(llmsim.Config{APIKey: "hunter2", Hear: tt.hear})
		n := memnet.Serve(sim)
		var got []string
		c := checker{
			cfg:  Config{TranscribeURL: "http://audio/v1", TranscribeKey: tt.key},
			tell: func(f finding) { got = append(got, f.Status+": "+f.Text+" "+f.Next) },
			http: n.Client(),
		}
		c.clips(context.Background())
		if all := strings.Join(got, "\n"); len(got) != 1 || !strings.Contains(all, tt.want) || strings.Contains(all, "hunter2") {
			t.Errorf("%s: %s", name, all)
		}
		_ = n.Close()
	}
}
