package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzChannels feeds the channels file: no panic, and what was read keeps what the bot takes for
// granted.
func FuzzChannels(f *testing.F) {
	for _, seed := range []string{
		"channels: {general: {prompt: Be brief., temperature: 0.2, follow_ups: always}}\n",
		"channels:\n  '#help': &h\n    model: m\n    reasoning_effort: low\n  direct: *h\n",
		"channels: {a: {temperature: .nan}}", "channels: {a: {<<: {model: x}}}", "channels:\n- a\n", "a: &a [*a]\n", "--- !!map {}\n...\n", "\xef\xbb\xbfchannels: {}\r\n",
		laughs(),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4<<10 {
			return
		}
		got, err := parseChannels(text)
		if err != nil {
			if len(err.Error()) > mostYAMLError+1000 {
				t.Fatalf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		for name, c := range got.Channels {
			if strings.TrimSpace(name) != name || c.Temperature != nil && !(*c.Temperature >= 0 && *c.Temperature <= 2) {
				t.Fatalf("%q: %+v", name, c)
			}
		}
	})
}

// FuzzConfig feeds env files: no panic, each problem with a hint, and no secret in what is said.
func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"export LLM_MODEL='m' # why\nBOT_MAX_ANSWERS=7\n", "LLM_BASE_URL=user:" + fuzzSecret + "@127.0.0.1:8000/v1\n", "LLM_BASE_URL=http://u:" + fuzzSecret + "@h:p/v1?k=" + fuzzSecret,
		"STATE_URL=mysql://root:" + fuzzSecret + "@db\nOPS_ADDR=x\n", "SLACK_BOT_TOKEN=" + fuzzSecret + "\n", "LLM_EXTRA_BODY={\n", "A\n", "LLM_TEMPERATURE=hot\nBOT_ALOW_USERS=U1\n",
		"GPU_METRICS_URL=//" + fuzzSecret + "@h?x=1", "LLM_API_KEY=\"" + fuzzSecret + "\nBOT_STREAM=\x00\n",
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(string(text), "_FILE") {
			return // names of files of this machine
		}
		path := filepath.Join(dir, "env")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := loadConfig(nil, path, (*Config).tokens)
		if err == nil {
			return
		}
		bad, ok := errors.AsType[*configError](err)
		if !ok {
			t.Fatalf("%v", err)
		}
		for _, p := range bad.problems {
			if p.hint == "" || p.what == "" {
				t.Fatalf("%+v", p)
			}
		}
	})
}

const fuzzSecret = "SEC-hunter2"
