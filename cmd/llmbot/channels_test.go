package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"llmbot/bot"
	"llmbot/bot/quota"
	"llmbot/bot/thread"
)

func TestParseChannels(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"# nothing\n":           "",
		"channels:\n  C1: {}\n": "",
		"channels: {'#general': {prompt: hi, temperature: 0, follow_ups: mention, model: m, reasoning_effort: low}}": "",
		"channels: {a: {temperature: 3}, b: {follow_ups: never}}":                                                    "temperature must be from 0 to 2",
		"channels: {a: {promt: x}}": "promt",
		"channels: {a: {answers_per_minute: 0, tokens_per_day: 200000}, direct: {answers_per_minute: 3}}": "",
		"channels: {a: {answers_per_minute: -1, tokens_per_day: -1}}":                                     "a: answers_per_minute must be 0 (no limit) or more; a: tokens_per_day must be 0 (no limit) or more",
		"channels: {a: {tokens_per_day: many, temperature: 3}, b: {answers_a_minute: 3}, c: 5}":           `a: temperature must be from 0 to 2; a: tokens_per_day must be a whole number; b: unknown setting "answers_a_minute"; there are prompt, model, temperature, follow_ups, reasoning_effort, answers_per_minute, tokens_per_day; c: it must have settings`,
		"channels: {a: {answers_per_minute: 1.5}}":                                                        "a: answers_per_minute must be a whole number",
		"channels: {a: &x {answers_per_minute: 5}, b: *x}":                                                "",
		"channels: {a: {answers_per_minute: &n 5}, b: {answers_per_minute: *n, tokens_per_day: \"9\"}}":   "b: tokens_per_day must be a whole number",
		"channels: {a: {answers_per_minute: 99999999999999999999}}":                                       "a: answers_per_minute must be a whole number",
		"channels: [1]":            "channels",
		"general: {prompt: x}":     "general",
		"channels: {a: {prompt: x": "",
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
	write("channels: {C1: {prompt: one, temperature: 0}, general: {model: big}, direct: {follow_ups: mention, reasoning_effort: low}, busy: {answers_per_minute: 20, tokens_per_day: 1000}}")
	c, err := openChannels(path, slog.New(slog.NewTextHandler(&bytes.Buffer{}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	base := bot.Settings{System: "base", Model: "small", FollowUps: thread.FollowSolo}
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
	if q := c.settings("C4", named("busy"), base).Quota; q != (quota.Limits{AnswersPerMinute: 20, TokensPerDay: 1000}) {
		t.Errorf("%+v", q)
	}
	if q := c.settings("C1", named("x"), base).Quota; !q.None() {
		t.Errorf("%+v", q)
	}
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
