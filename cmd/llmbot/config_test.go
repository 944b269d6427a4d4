package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const value = "xoxb-hunter2"
	c := Config{BotToken: value}
	var out bytes.Buffer
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, format+"\n", secret(value))
		fmt.Fprintf(&out, format+"\n", c)
		fmt.Fprintf(&out, format+"\n", &c)
		fmt.Fprintf(&out, format+"\n", []secret{value})
	}
	fmt.Fprintln(&out, secret(value), fmt.Errorf("token %s", secret(value)))
	for _, v := range []any{secret(value), c, map[string]secret{"token": value}} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
	}
	for _, h := range []slog.Handler{
		slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}), slog.NewJSONHandler(&out, nil),
	} {
		slog.New(h).Info("started", "token", secret(value), "config", c, "pointer", &c)
	}
	for _, leak := range []string{value, "hunter2", fmt.Sprintf("%x", value), fmt.Sprintf("%X", value)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q shows in\n%s", leak, out.String())
		}
	}
	if !strings.Contains(out.String(), mask) {
		t.Error("a secret that is set shows as " + mask)
	}
	if got := secret("").String(); got != "" {
		t.Errorf("a secret that is not set shows as %q", got)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	got, err := loadConfig([]string{"LLM_MODEL=", "LLM_TEMPERATURE=", "BOT_MAX_ANSWERS=", "LANG=C"}, "")
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		SlackURL: "https://slack.com/api/", Edits: 50, BaseURL: "http://localhost:8000/v1", FirstTokenTimeout: 10 * time.Minute, IdleTimeout: time.Minute,
		Resume: "auto", Stream: "auto", Links: linksShow, FollowUps: "solo", Command: "/llm-status", MaxAnswers: 64, MaxChars: 60_000, DrainTimeout: 25 * time.Second,
		StateDir: "./data", OpsAddr: "127.0.0.1:9464", LogFormat: "text",
	}
	if !reflect.DeepEqual(got, want) { //nolint:govet // its errors are of a tools file, and there is none
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Each variable arrives in its field. The table has to name them all.
func TestEachVariable(t *testing.T) {
	t.Parallel()
	prompt := filepath.Join(t.TempDir(), "prompt.txt")
	if err := os.WriteFile(prompt, []byte("Be brief."), 0o600); err != nil {
		t.Fatal(err)
	}
	servers := written(t, "tools.json", `{"mcpServers": {"wiki": {"url": "http://wiki"}}}`)
	table := map[string]struct {
		value string
		get   func(Config) any
		want  any
	}{
		"SLACK_APP_TOKEN":         {"xapp-1", func(c Config) any { return string(c.AppToken) }, "xapp-1"},
		"SLACK_BOT_TOKEN":         {"xoxb-1", func(c Config) any { return string(c.BotToken) }, "xoxb-1"},
		"SLACK_API_URL":           {"http://127.0.0.1:1/api", func(c Config) any { return c.SlackURL }, "http://127.0.0.1:1/api/"},
		"SLACK_EDITS_PER_MINUTE":  {"200", func(c Config) any { return c.Edits }, 200},
		"LLM_BASE_URL":            {"https://gpu.example/v1", func(c Config) any { return c.BaseURL }, "https://gpu.example/v1"},
		"LLM_API_KEY":             {"key", func(c Config) any { return string(c.APIKey) }, "key"},
		"LLM_PROXY":               {"socks5h://proxy:1080", func(c Config) any { return c.proxy.String() }, "socks5h://proxy:1080"},
		"LLM_CA_FILE":             {authority(t), func(c Config) any { return c.roots != nil }, true},
		"LLM_MODEL":               {"m", func(c Config) any { return c.Model }, "m"},
		"LLM_SYSTEM_PROMPT":       {"You are a pirate.", func(c Config) any { return c.SystemPrompt }, "You are a pirate."},
		"LLM_SYSTEM_PROMPT_FILE":  {prompt, func(c Config) any { return c.SystemPrompt }, "Be brief."},
		"LLM_TEMPERATURE":         {"0", func(c Config) any { return *c.Temperature }, 0.0},
		"LLM_MAX_TOKENS":          {"700", func(c Config) any { return c.MaxTokens }, 700},
		"LLM_REASONING_EFFORT":    {"low", func(c Config) any { return c.ReasoningEffort }, "low"},
		"LLM_EXTRA_BODY":          {`{"top_k": 20}`, func(c Config) any { return c.extra }, map[string]any{"top_k": 20.0}},
		"LLM_FIRST_TOKEN_TIMEOUT": {"90s", func(c Config) any { return c.FirstTokenTimeout }, 90 * time.Second},
		"LLM_IDLE_TIMEOUT":        {"5s", func(c Config) any { return c.IdleTimeout }, 5 * time.Second},
		"LLM_TRANSCRIBE_URL":      {"http://ears:8001/v1", func(c Config) any { return c.TranscribeURL }, "http://ears:8001/v1"},
		"LLM_TRANSCRIBE_MODEL":    {"whisper", func(c Config) any { return c.TranscribeModel }, "whisper"},
		"LLM_TRANSCRIBE_API_KEY":  {"key", func(c Config) any { return string(c.TranscribeKey) }, "key"},
		"LLM_RESUME":              {"restart", func(c Config) any { return c.Resume }, "restart"},
		"BOT_STREAM":              {"native", func(c Config) any { return c.Stream }, "native"},
		"BOT_FOLLOW_UPS":          {"always", func(c Config) any { return c.FollowUps }, "always"},
		"BOT_COMMAND":             {"/gpu", func(c Config) any { return c.Command }, "/gpu"},
		"BOT_ALLOW_CHANNELS":      {"C1, C2 ,", func(c Config) any { return c.AllowChannels }, []string{"C1", "C2"}},
		"BOT_ALLOW_USERS":         {"U1,U2", func(c Config) any { return c.AllowUsers }, []string{"U1", "U2"}},
		"BOT_DENY_USERS":          {" U3", func(c Config) any { return c.DenyUsers }, []string{"U3"}},
		"BOT_ALLOW_EXTERNAL":      {"true", func(c Config) any { return c.AllowExternal }, true},
		"BOT_ALLOW_GUESTS":        {"1", func(c Config) any { return c.AllowGuests }, true},
		"BOT_CHANNELS_FILE":       {"channels.yaml", func(c Config) any { return c.ChannelsFile }, "channels.yaml"},
		"BOT_TOOLS_FILE":          {servers, func(c Config) any { return c.tools.file.String() }, "wiki"},
		"BOT_MAX_ANSWERS":         {"3", func(c Config) any { return c.MaxAnswers }, 3},
		"BOT_MAX_CHARS":           {"5000", func(c Config) any { return c.MaxChars }, 5000},
		"BOT_ANSWERS_PER_MINUTE":  {"5", func(c Config) any { return c.AnswersPerMinute }, 5},
		"BOT_TOKENS_PER_DAY":      {"200000", func(c Config) any { return c.TokensPerDay }, 200000},
		"BOT_LINKS":               {"defang", func(c Config) any { return c.links().Defang }, true},
		"BOT_LINK_HOSTS":          {"Example.com, *.corp.test.,", func(c Config) any { return c.links().Hosts }, []string{"example.com", "corp.test"}},
		"BOT_DRAIN_TIMEOUT":       {"1m30s", func(c Config) any { return c.DrainTimeout }, 90 * time.Second},
		"STATE_URL":               {"postgres://bot@db/llmbot", func(c Config) any { return c.StateURL }, "postgres://bot@db/llmbot"},
		"STATE_DIR":               {"/data", func(c Config) any { return c.StateDir }, "/data"},
		"OPS_ADDR":                {":9000", func(c Config) any { return c.OpsAddr }, ":9000"},
		"GPU_METRICS_URL":         {"http://gpu:9400/metrics", func(c Config) any { return c.GPUMetricsURL }, "http://gpu:9400/metrics"},
		"LOG_LEVEL":               {"debug", func(c Config) any { return c.LogLevel }, slog.LevelDebug},
		"LOG_FORMAT":              {"json", func(c Config) any { return c.LogFormat }, "json"},
	}
	for _, name := range variables() {
		row, ok := table[name]
		if !ok {
			t.Errorf("%s is in no row", name)
			continue
		}
		c, err := loadConfig(append(needs(name), name+"="+row.value), "")
		if err != nil {
			t.Errorf("%s=%s: %v", name, row.value, err)
			continue
		}
		if got := row.get(c); !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s=%s: %#v, want %#v", name, row.value, got, row.want)
		}
	}
	if len(table) != len(variables()) {
		t.Errorf("%d rows for %d variables", len(table), len(variables()))
	}
}

// needs returns what has to be set beside a variable.
func needs(name string) []string {
	if strings.HasPrefix(name, "LLM_TRANSCRIBE_") && name != "LLM_TRANSCRIBE_URL" {
		return []string{"LLM_TRANSCRIBE_URL=http://ears:8001/v1"}
	}
	return nil
}

// Each wrong value is one problem that names the variable and says what to do.
func TestWrongValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ set, problem, hint string }{
		{"SLACK_API_URL=slack.com/api", "SLACK_API_URL", "such as https://slack.com/api/"},
		{"LLM_BASE_URL=localhost:8000", "LLM_BASE_URL", "http://localhost:8000/v1"},
		{"LLM_BASE_URL=http://", "LLM_BASE_URL", "http or https"},
		{"LLM_BASE_URL=http://:8000/v1", "LLM_BASE_URL", "with a host"},
		{"LLM_BASE_URL=http://gpu:80000/v1", "LLM_BASE_URL", "from 1 to 65535"},
		{"LLM_BASE_URL=http://gpu:0/v1", "LLM_BASE_URL", "from 1 to 65535"},
		{"LLM_BASE_URL=http://gpu:/v1", "LLM_BASE_URL", "from 1 to 65535"},
		{"LLM_TRANSCRIBE_URL=http://[::1]:99999/v1", "LLM_TRANSCRIBE_URL", "from 1 to 65535"},
		{"LLM_PROXY=http://proxy:70000", "LLM_PROXY", "http://HOST:PORT"},
		{"LLM_BASE_URL=ftp://me:hunter2@gpu/v1", "LLM_BASE_URL", "http or https"},
		{"LLM_BASE_URL=http://me:hunter2@gpu:port/v1", "LLM_BASE_URL", "http or https"},
		{"LLM_PROXY=proxy:3128", "LLM_PROXY", "http://HOST:PORT"},
		{"LLM_PROXY=ftp://me:hunter2@proxy:3128", "LLM_PROXY", "socks5://"},
		{"LLM_PROXY=http://:3128", "LLM_PROXY", "http://HOST:PORT"},
		{"LLM_PROXY=http://gpu:8000/v1", "LLM_PROXY", "LLM_BASE_URL"},
		{"LLM_CA_FILE=/nowhere/ca.pem", "LLM_CA_FILE", "path"},
		{"LLM_CA_FILE=config_test.go", "LLM_CA_FILE", "PEM"},
		{"GPU_METRICS_URL=ftp://gpu", "GPU_METRICS_URL", "http or https"},
		{"LLM_SYSTEM_PROMPT_FILE=/nowhere/prompt", "LLM_SYSTEM_PROMPT_FILE", "path"},
		{"LLM_TEMPERATURE=hot", "LLM_TEMPERATURE", "a number"},
		{"LLM_TEMPERATURE=2.5", "LLM_TEMPERATURE", "from 0 to 2"},
		{"LLM_TEMPERATURE=-1", "LLM_TEMPERATURE", "from 0 to 2"},
		{"LLM_TEMPERATURE=NaN", "LLM_TEMPERATURE", "from 0 to 2"},
		{"LLM_MAX_TOKENS=-1", "LLM_MAX_TOKENS", "unset"},
		{"LLM_MAX_TOKENS=1e3", "LLM_MAX_TOKENS", "a whole number"},
		{"LLM_EXTRA_BODY=[1]", "LLM_EXTRA_BODY", `{"top_k": 20}`},
		{"LLM_EXTRA_BODY=null", "LLM_EXTRA_BODY", `{"top_k": 20}`},
		{"LLM_EXTRA_BODY={", "LLM_EXTRA_BODY", `{"top_k": 20}`},
		{"LLM_FIRST_TOKEN_TIMEOUT=60", "LLM_FIRST_TOKEN_TIMEOUT", "90s"},
		{"LLM_IDLE_TIMEOUT=-1s", "LLM_IDLE_TIMEOUT", "above 0"},
		{"LLM_RESUME=maybe", "LLM_RESUME", "auto, continue, restart"},
		{"BOT_STREAM=yes", "BOT_STREAM", "auto, edit, native, off"},
		{"BOT_FOLLOW_UPS=never", "BOT_FOLLOW_UPS", "solo, always, mention"},
		{"BOT_COMMAND=llm", "BOT_COMMAND", "begin with /"},
		{"BOT_COMMAND=/llm status", "BOT_COMMAND", "without spaces"},
		{"BOT_COMMAND=/" + strings.Repeat("x", 32), "BOT_COMMAND", "32 characters"},
		{"BOT_ALLOW_EXTERNAL=perhaps", "BOT_ALLOW_EXTERNAL", "true or false"},
		{"BOT_ALLOW_GUESTS=ja", "BOT_ALLOW_GUESTS", "true or false"},
		{"BOT_ALLOW_CHANNELS=C0GENERAL1, general", `"general"`, "channel ids"},
		{"BOT_ALLOW_USERS=@alice", "BOT_ALLOW_USERS", "user ids"},
		{"BOT_DENY_USERS=C0GENERAL1", "BOT_DENY_USERS", "user ids"},
		{"BOT_MAX_ANSWERS=0", "BOT_MAX_ANSWERS", "at least 1"},
		{"BOT_MAX_ANSWERS=many", "BOT_MAX_ANSWERS", "a whole number"},
		{"BOT_ANSWERS_PER_MINUTE=-1", "BOT_ANSWERS_PER_MINUTE", "0 is no limit"},
		{"BOT_ANSWERS_PER_MINUTE=few", "BOT_ANSWERS_PER_MINUTE", "a whole number"},
		{"BOT_TOKENS_PER_DAY=-5", "BOT_TOKENS_PER_DAY", "0 is no limit"},
		{"BOT_TOKENS_PER_DAY=1e6", "BOT_TOKENS_PER_DAY", "a whole number"},
		{"BOT_LINKS=hide", "BOT_LINKS", "show, defang, allowlist"},
		{"BOT_LINK_HOSTS=https://example.com", "BOT_LINK_HOSTS", "without scheme"},
		{"BOT_LINK_HOSTS=a..b", "BOT_LINK_HOSTS", "names of hosts"},
		{"BOT_LINK_HOSTS=-", "BOT_LINK_HOSTS", "names of hosts"},
		{"BOT_TOKENS_PER_DAY=3000000000", "BOT_TOKENS_PER_DAY", "to 2147483647"},
		{"BOT_DRAIN_TIMEOUT=soon", "BOT_DRAIN_TIMEOUT", "a duration"},
		{"STATE_URL=mysql://root:hunter2@db", "STATE_URL", "postgres://"},
		{"OPS_ADDR=9464", "OPS_ADDR", "host:port"},
		{"LOG_LEVEL=loud", "LOG_LEVEL", "debug, info, warn, error"},
		{"LOG_FORMAT=xml", "LOG_FORMAT", "text, json"},
	} {
		_, err := loadConfig([]string{c.set}, "")
		bad, ok := errors.AsType[*configError](err)
		if !ok || len(bad.problems) != 1 {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		if p := bad.problems[0]; !strings.Contains(p.what, c.problem) || !strings.Contains(p.hint, c.hint) {
			t.Errorf("%s: %+v, want %q with %q", c.set, p, c.problem, c.hint)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: a password shows: %v", c.set, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := loadConfig([]string{"SLACK_BOT_TOKEN=xoxp-hunter2", "LLM_TEMPERATURE=hot", "BOT_STREAM=yes", "LOG_LEVEL=loud"}, "", (*Config).tokens)
	bad, ok := errors.AsType[*configError](err)
	if !ok || len(bad.problems) != 5 {
		t.Fatalf("want two tokens and three values: %v", err)
	}
	for _, p := range bad.problems {
		if p.hint == "" {
			t.Errorf("no hint for %s", p.what)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the token shows: %v", err)
	}
	_, err = loadConfig([]string{"LLM_SYSTEM_PROMPT=a", "LLM_SYSTEM_PROMPT_FILE=config_test.go"}, "")
	if err == nil || !strings.Contains(err.Error(), "both set") || !strings.Contains(err.Error(), "1 problem\n") {
		t.Errorf("two prompts: %v", err)
	}
}

func TestEnvFile(t *testing.T) {
	t.Parallel()
	read := func(text string) (map[string]string, error) {
		path := filepath.Join(t.TempDir(), "env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return envFile(path)
	}
	for _, c := range []struct{ line, want string }{
		{`A=x`, "x"},
		{`  A = x  `, "x"},
		{`export A=x`, "x"},
		{"A=x\r", "x"},
		{`A=`, ""},
		{`A=""`, ""},
		{`A="x y"`, "x y"},
		{`A='x "y"'`, `x "y"`},
		{`A="x # y"`, "x # y"},
		{`A="x" # why`, "x"},
		{`A='x # y' # why`, "x # y"},
		{`A=x # why`, "x"},
		{`A= # why`, ""},
		{`A=x#y`, "x#y"},
		{`A="x`, `"x`},
		{`A=a=b`, "a=b"},
		{`A={"top_k": 20}`, `{"top_k": 20}`},
		{`A={"a": "b"}`, `{"a": "b"}`},
	} {
		got, err := read("# a comment\n\n" + c.line + "\n")
		if err != nil || len(got) != 1 || got["A"] != c.want {
			t.Errorf("%q: %q, %v; want %q", c.line, got, err, c.want)
		}
	}
	for _, line := range []string{"hunter2", "=hunter2", "A B=hunter2", "export hunter2"} {
		_, err := read("A=1\n# two\n" + line + "\nB=2\n")
		if err == nil || !strings.Contains(err.Error(), "line 3") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

// TestEnvFileLinesThatMeanSomethingElse are refused with what is wrong, and without the value.
func TestEnvFileLinesThatMeanSomethingElse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A=1\nLLM_SYSTEM_PROMPT=\"Be kind.\nhunter2\"\n": "the quotes of line 2 are not closed",
		"A='-----BEGIN\nhunter2-----'\n":                 "the quotes of line 1 are not closed",
		"A=1\n\u200bB=hunter2\n":                         `invisible ones: "\u200bB"`,
		"A=1\n\ufeffB=hunter2\n":                         `line 2: the name has characters that no variable has`,
		"“A”=hunter2\n":                                  `line 1: the name has characters`,
	} {
		_, err := envFile(written(t, "env", text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMisspeltVariables(t *testing.T) {
	t.Parallel()
	cfg, err := loadConfig([]string{"BOT_ALOW_USERS=U0ALICE001", "LLM_SERVICE_HOST=10.0.0.1", "BOT_TOKEN=x", "BOT_DENY_USER=U0BOB00001", "BOT_DENY_USERS=U0BOB00001"}, "")
	if err != nil || len(cfg.doubts) != 1 || !strings.Contains(cfg.doubts[0].hint, "BOT_ALLOW_USERS") {
		t.Errorf("%+v, %v", cfg.doubts, err)
	}
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("BOT_ALLOWED_USERS=U0ALICE001\nBOT_ALLOW_USERS=\nOTHER=1\nVLLM_PORT=8000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadConfig(nil, path); err == nil || !strings.Contains(err.Error(), "Is BOT_ALLOW_USERS meant?") {
		t.Errorf("%v", err)
	}
	if _, err := loadConfig([]string{"LOG_LEVEL=loud"}, "/nowhere/env", (*Config).tokens); err == nil || !strings.Contains(err.Error(), "1 problem\n") {
		t.Errorf("without its file: %v", err)
	}
}

// What is set for the process wins over the file; what is empty there does not count as set.
func TestEnvFileAndEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(path, []byte("LLM_MODEL=of-the-file\nBOT_MAX_ANSWERS=7\nLLM_REASONING_EFFORT=low\nOTHER=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig([]string{"LLM_MODEL=of-the-process", "LLM_REASONING_EFFORT="}, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := []any{c.Model, c.MaxAnswers, c.ReasoningEffort}, []any{"of-the-process", 7, "low"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
