package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// written writes a file for a test and returns its path.
func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// envFile reads an env file; what is wrong with its lines is an error.
func envFile(path string) (map[string]string, error) {
	vars, bad, err := readEnvFile(path)
	if len(bad) > 0 {
		err = &configError{bad}
	}
	return vars, err
}

func TestEnvFileQuotes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`A="a\nb\tc\\d\"e\$f"`:          "a\nb\tc\\d\"e$f",
		`A="say \"hi\"" # why`:          `say "hi"`,
		`A="C:\dir\q"`:                  `C:\dir\q`, // no escapes
		`A='C:\new "x" $HOME'`:          `C:\new "x" $HOME`,
		`A=C:\new`:                      `C:\new`,
		`A=pa$$word${HOME}$(id)`:        `pa$$word${HOME}$(id)`,
		`A="pa$$word${HOME}"`:           `pa$$word${HOME}`,
		"A=x\t# why":                    "x",
		`A=#x`:                          "",
		`A=https://h/#part`:             "https://h/#part",
		`A="a" "b"`:                     `"a" "b"`,
		`A="open\"`:                     `"open\"`,
		"export\tA=x":                   "x",
		`export=x`:                      "", // a variable of that name
		`A='{"a": "b # c"}' # why`:      `{"a": "b # c"}`,
		`A="` + "\u00e4\\n\u6771" + `"`: "\u00e4\n\u6771",
	} {
		for _, file := range []string{line + "\n", line + "\r\n", "\ufeff" + line, "\ufeff# c\r\n\r\n" + line + "\r\nB=1\r\n", "C=1\r" + line + "\rB=1\r"} {
			got, err := envFile(written(t, "env", file))
			if err != nil || got["A"] != want {
				t.Errorf("%q: %q, %v; want %q", file, got["A"], err, want)
			}
		}
	}
	for _, line := range []string{`$env:A="x"`, "A:B=x", "A'=x", "(A)=x", "A: x"} {
		if _, err := envFile(written(t, "env", line)); err == nil || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", line, err)
		}
	}
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if _, err := envFile(written(t, "env", mark+"A\x00=\x00")); err == nil || !strings.Contains(err.Error(), "save it as UTF-8") {
			t.Errorf("UTF-16: %v", err)
		}
	}
}

// What a person writes and what arrives: white space around, and in the middle of what has none.
func TestValuesAreTidied(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		set   string
		get   func(Config) string
		want  string
		doubt bool
	}{
		{"SLACK_BOT_TOKEN=xoxb-1\n", func(c Config) string { return string(c.BotToken) }, "xoxb-1", false},
		{"SLACK_APP_TOKEN=\ufeff xapp-1\r\n", func(c Config) string { return string(c.AppToken) }, "xapp-1", false},
		{"SLACK_APP_TOKEN=xapp-1\n  -2", func(c Config) string { return string(c.AppToken) }, "xapp-1-2", true},
		{"LLM_API_KEY=\tsk-1\u200b2\u00a0", func(c Config) string { return string(c.APIKey) }, "sk-12", true},
		{"LLM_API_KEY=Bearer sk-1", func(c Config) string { return string(c.APIKey) }, "sk-1", true},
		{"LLM_API_KEY=\"bearer  sk-1\"", func(c Config) string { return string(c.APIKey) }, "sk-1", true},
		{"LLM_API_KEY='sk-1'", func(c Config) string { return string(c.APIKey) }, "sk-1", true}, // docker's --env-file keeps quotes
		{"SLACK_BOT_TOKEN=“xoxb-1”", func(c Config) string { return string(c.BotToken) }, "xoxb-1", true},
		{"LLM_BASE_URL=\"http://gpu:8000/v1\"", func(c Config) string { return c.BaseURL }, "http://gpu:8000/v1", true},
		{"LLM_API_KEY=\"", func(c Config) string { return string(c.APIKey) }, "\"", false},
		{"LLM_API_KEY= \n", func(c Config) string { return string(c.APIKey) }, "", false},
		{"LLM_BASE_URL=http://gpu:8000/v1\n", func(c Config) string { return c.BaseURL }, "http://gpu:8000/v1", false},
		{"LLM_BASE_URL=http://gpu\n:8000/v1", func(c Config) string { return c.BaseURL }, "http://gpu:8000/v1", true},
		{"LLM_BASE_URL= \r\n", func(c Config) string { return c.BaseURL }, "http://localhost:8000/v1", false},
		{"STATE_URL=postgres://u:p@db/x\n", func(c Config) string { return c.StateURL }, "postgres://u:p@db/x", false},
		{"SLACK_API_URL= http://127.0.0.1:1/api ", func(c Config) string { return c.SlackURL }, "http://127.0.0.1:1/api/", false},
		{"GPU_METRICS_URL=http://gpu:9400/metrics\n", func(c Config) string { return c.GPUMetricsURL }, "http://gpu:9400/metrics", false},
		{"LLM_MODEL=my model\n", func(c Config) string { return c.Model }, "my model", false},
		{"LOG_FORMAT=json\n", func(c Config) string { return c.LogFormat }, "json", false},
		{"LLM_SYSTEM_PROMPT= Two\nlines.\n", func(c Config) string { return c.SystemPrompt }, " Two\nlines.\n", false},
	} {
		cfg, err := loadConfig([]string{c.set}, "")
		if err != nil || c.get(cfg) != c.want || len(cfg.doubts) > 0 != c.doubt {
			t.Errorf("%q: %q, %+v, %v; want %q, a doubt %v", c.set, c.get(cfg), cfg.doubts, err, c.want, c.doubt)
		}
		name, value, _ := strings.Cut(c.set, "=")
		for _, d := range cfg.doubts {
			if !strings.HasPrefix(d.what, name) || strings.Contains(d.what+d.hint, value[:5]) || strings.Contains(d.what+d.hint, c.want) {
				t.Errorf("%q: %+v", c.set, d)
			}
		}
	}
}

// Each secret may come from a file, and never from two places.
func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"SLACK_APP_TOKEN": "xapp-12345", "SLACK_BOT_TOKEN": "xoxb-12345", "STATE_URL": "postgres://u:secret12@db/x", "LLM_PROXY": "http://u:secret12@proxy:3128",
	}
	for _, name := range secretNames() {
		value := cmp.Or(values[name], "key-12345")
		more := needs(name)
		plain, err := loadConfig(append(more, name+"="+value), "")
		if err != nil {
			t.Fatal(err)
		}
		plain.outside = nil
		same := func(from string, cfg Config, err error) {
			cfg.outside = nil
			if err != nil || !reflect.DeepEqual(cfg, plain) { //nolint:govet // its errors are of a tools file, and there is none
				t.Errorf("%s: %+v, %v", from, cfg, err)
			}
		}
		for _, text := range []string{value, value + "\n", "\ufeff" + value + "\r\n\r\n"} {
			path := written(t, "secret", text)
			for _, from := range []string{path, path + "\n"} {
				cfg, err := loadConfig(append(more, name+"_FILE="+from), "")
				same(fmt.Sprintf("%s_FILE with %q", name, text), cfg, err)
			}
			cfg, err := loadConfig(more, written(t, "env", name+"_FILE="+path))
			same(name+"_FILE in --env-file", cfg, err)
		}
		good := written(t, "secret", value)
		// What is set for this process wins over the file, however either is written.
		cfg, err := loadConfig(append(more, name+"="+value), written(t, "env", name+"_FILE=/nowhere/secret"))
		same(name+" over _FILE in --env-file", cfg, err)
		cfg, err = loadConfig(append(more, name+"_FILE="+good), written(t, "env", name+"=other12345"))
		same(name+"_FILE over the value in --env-file", cfg, err)
		for what, c := range map[string]struct {
			env  []string
			file string
		}{
			"both set":       {[]string{name + "=" + value, name + "_FILE=" + good}, ""},
			"are both set":   {nil, written(t, "env", name+"="+value+"\n"+name+"_FILE="+good)},
			"no such file":   {[]string{name + "_FILE=/nowhere/secret"}, ""},
			"is a directory": {[]string{name + "_FILE=" + t.TempDir()}, ""},
			"empty":          {[]string{name + "_FILE=" + written(t, "empty", " \n")}, ""},
			"more than 64":   {[]string{name + "_FILE=" + written(t, "big", strings.Repeat("x", mostSecret+1))}, ""},
			"cannot be read": {[]string{name + "_FILE=zzsecret12"}, ""},
		} {
			_, err := loadConfig(append(more, c.env...), c.file)
			if err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), name+"_FILE") || !strings.Contains(err.Error(), "1 problem\n") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if err != nil && (strings.Contains(err.Error(), "12345") || strings.Contains(err.Error(), "secret12")) {
				t.Errorf("%s, %s: the secret shows: %v", name, what, err)
			}
		}
		if _, err := loadConfig(nil, "", (*Config).tokens); err == nil || !strings.Contains(err.Error(), "SLACK_BOT_TOKEN") {
			t.Errorf("%v", err)
		}
	}
	cfg, err := loadConfig([]string{"LLM_SYSTEM_PROMPT=a"}, written(t, "env", "LLM_SYSTEM_PROMPT_FILE=/nowhere/prompt"))
	if err != nil || cfg.SystemPrompt != "a" {
		t.Errorf("a prompt: %+v, %v", cfg.SystemPrompt, err)
	}
	cfg, err = loadConfig([]string{"SLACK_BOT_TOKEN_FIL=/x"}, "")
	if err != nil || len(cfg.doubts) != 1 || !strings.Contains(cfg.doubts[0].hint, "SLACK_BOT_TOKEN_FILE") {
		t.Errorf("a misspelt one: %+v, %v", cfg.doubts, err)
	}
	cfg, err = loadConfig([]string{"LLM_API_KEY_FILE=" + written(t, "secret", "sk-1\nsk-2\n")}, "")
	if err != nil || len(cfg.doubts) != 1 || !strings.HasPrefix(cfg.doubts[0].what, "LLM_API_KEY_FILE") {
		t.Errorf("two keys: %+v, %v", cfg.doubts, err)
	}
}

// All that is wrong is told in one go: lines, values, names, tokens and the file of the channels.
func TestLinesAndValuesAtOnce(t *testing.T) {
	channels := written(t, "channels.yaml", "channels: 7\n")
	env := written(t, "env", "LLM_MODEL=m\nfoo\nBAR BAZ\nBOT_STREAM=zz\nLLM_TEMPRATURE=1\nSLACK_APP_TOKEN=xoxb-1\nSLACK_BOT_TOKEN=xapp-1\nBOT_CHANNELS_FILE="+channels+"\n")
	wants := []string{"line 2: it is not NAME=value", "line 3: it is not NAME=value", `BOT_STREAM is "zz"`, "LLM_TEMPRATURE", "swapped", "BOT_CHANNELS_FILE cannot be used"}
	for _, command := range []string{"serve", "check"} {
		var out, errs strings.Builder
		p := process{in: strings.NewReader(""), out: &out, err: &errs}
		err := map[string]func(context.Context, process, []string) error{"serve": runServe, "check": runCheck}[command](t.Context(), p, []string{"--env-file", env})
		all := fmt.Sprint(out.String(), err)
		for _, want := range wants {
			if !strings.Contains(all, want) {
				t.Errorf("%s: no %q in\n%s", command, want, all)
			}
		}
	}
}

// A value over many lines is one problem, and a file that is none does not fill the screen.
func TestLinesOfEnvFileAreBounded(t *testing.T) {
	_, bad, err := readEnvFile(written(t, "env", "A=\"begin\n"+strings.Repeat("no name here\n", 30)+"end\"\nfoo\nB=1\n"))
	if err != nil || len(bad) != 2 || !strings.Contains(bad[0].what, "the quotes of line 1") || !strings.Contains(bad[1].what, "line 33") {
		t.Errorf("%v, %v", bad, err)
	}
	_, bad, err = readEnvFile(written(t, "env", strings.Repeat("foo\n", 500)))
	if err != nil || len(bad) != mostLines+1 || !strings.Contains(bad[mostLines].what, "480 more lines") {
		t.Errorf("%d problems, %v, %v", len(bad), bad[len(bad)-1], err)
	}
}
