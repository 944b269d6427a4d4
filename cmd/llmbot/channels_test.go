package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmbot/bot"
)

func TestParseChannels(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"# nothing\n":           "",
		"channels:\n  C1: {}\n": "",
		"channels: {'#general': {prompt: hi, temperature: 0, follow_ups: mention, model: m, reasoning_effort: low}}": "",
		"channels: {a: {temperature: 3}, b: {follow_ups: never}}":                                                    "temperature must be from 0 to 2",
		"channels: {a: {promt: x}}": "promt",
		"channels: [1]":             "channels",
		"general: {prompt: x}":      "general",
		"channels: {a: {prompt: x":  "",
	} {
		_, err := parseChannels([]byte(text))
		switch {
		case want == "" && !strings.HasSuffix(text, "x") && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", text, err)
		case strings.HasSuffix(text, "prompt: x") && err == nil:
			t.Errorf("%q was read", text)
		}
	}
}

func TestChannelsKeepWhatWasGood(t *testing.T) {
	path := filepath.Join(t.TempDir(), "channels.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("channels: {C1: {prompt: one, temperature: 0}, general: {model: big}, direct: {follow_ups: mention, reasoning_effort: low}}")
	c, err := openChannels(path, slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	base := bot.Settings{System: "base", Model: "small", FollowUps: bot.FollowSolo}
	named := func(n string) func() string { return func() string { return n } }
	check := func(channel, name, want string) {
		t.Helper()
		s := c.settings(channel, named(name), base)
		got := strings.Join([]string{s.System, s.Model, string(s.FollowUps), s.Effort}, " ")
		if got != want {
			t.Errorf("%s: %q, want %q", channel, got, want)
		}
	}
	check("C1", "x", "one small solo ")
	if s := c.settings("C1", named("x"), base); s.Temperature == nil || *s.Temperature != 0 {
		t.Error("temperature 0 is lost")
	}
	check("C2", "general", "base big solo ")
	check("C3", "random", "base small solo ")
	check("D1", "", "base small mention low")
	write("channels: {C1: {prompt: two}")
	if _, err := c.load(); err == nil {
		t.Error("a broken file was taken")
	}
	check("C1", "x", "one small solo ")
	write("channels: {C1: {prompt: three}}")
	if changed, err := c.load(); err != nil || !changed {
		t.Error(changed, err)
	}
	check("C1", "x", "three small solo ")
	if changed, err := c.load(); err != nil || changed {
		t.Error(changed, err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := c.load(); err == nil {
		t.Error("no file, and no error")
	}
	check("C1", "x", "three small solo ")
}
