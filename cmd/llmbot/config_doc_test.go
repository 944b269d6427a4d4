package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files instead of comparing them")

// variable is one field of Config as the operator knows it.
type variable struct{ name, standard, doc string }

// documented are all variables of Config, in its order.
func documented() []variable {
	var all []variable
	for f := range reflect.TypeFor[Config]().Fields() {
		if name := f.Tag.Get("env"); name != "" {
			all = append(all, variable{name, f.Tag.Get("envDefault"), f.Tag.Get("doc")})
		}
	}
	return all
}

// variables are the names of all variables.
func variables() []string {
	var names []string
	for _, v := range documented() {
		names = append(names, v.name)
	}
	return names
}

// group is one heading of the page, with the first parts of the names under it.
type group struct {
	title    string
	prefixes []string
}

func groups() []group {
	return []group{
		{"Slack", []string{"SLACK"}},
		{"Model server", []string{"LLM"}},
		{"Answers, and who may ask", []string{"BOT"}},
		{"State and operation", []string{"STATE", "OPS", "GPU", "LOG"}},
	}
}

// configurationPage is docs/configuration.md.
func configurationPage() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Generated from the struct Config in cmd/llmbot/config.go: go test ./cmd/llmbot -run Configuration -update -->

` + "`llmbot serve`" + ` and ` + "`llmbot demo`" + ` are configured by environment variables. ` + "`llmbot serve --env-file FILE`" + ` reads them from a file
with ` + "`NAME=value`" + ` lines too ([deploy/env.example](../deploy/env.example) has them all); what is set in the environment wins.

In the file, a value may stand in quotes: 'single' quotes keep what is in them, and in "double" quotes ` + "`\\n`, `\\r`, `\\t`, `\\\"`, `\\\\` and `\\$`" + ` are
escapes, so that ` + "`\"one\\ntwo\"`" + ` has two lines. ` + "` #`" + ` begins a comment outside of quotes. Nothing is expanded: ` + "`$`" + ` stays ` + "`$`" + `. ` + "`export`" + ` in front, a byte order mark
and line ends of Windows are allowed. Docker and systemd read such files by rules of their own.

White space and line ends around a value are taken off, except around LLM_SYSTEM_PROMPT. In tokens, keys and addresses they are also
taken out of the middle; so are quotes around them, which Docker's ` + "`--env-file`" + ` keeps, and ` + "`Bearer`" + ` before a key. The log,
` + "`check`, `chat` and `bench`" + ` say so. An empty variable counts as unset. Durations are written like ` + "`90s`" + ` or ` + "`10m`" + `, lists with commas. All problems are reported at
once, each with what to do, and the program ends with status 2. Secrets print as ` + "`***`" + `. The demo brings its own Slack and
keeps its state in a folder of its own (` + "`--dir`" + `), so it ignores the Slack tokens, STATE_URL and STATE_DIR.
`)
	for _, g := range groups() {
		fmt.Fprintf(&b, "\n## %s\n\n| name | default | meaning |\n|---|---|---|\n", g.title)
		for _, v := range documented() {
			prefix, _, _ := strings.Cut(v.name, "_")
			if !slices.Contains(g.prefixes, prefix) {
				continue
			}
			standard := ""
			if v.standard != "" {
				standard = "`" + v.standard + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.name, standard, strings.ReplaceAll(v.doc, "|", `\|`))
		}
	}
	fmt.Fprintf(&b, secretsSection, "`"+strings.Join(secretNames(), fileSuffix+"`, `")+fileSuffix+"`")
	b.WriteString(channelsSection)
	return b.String()
}

const secretsSection = `
## Secrets from files

Each secret may stand in a file of its own instead, as Docker and Kubernetes mount them: %s name such files. It is an error
if a variable and its _FILE are both set in the same place. What is set in the environment, in either way, wins over the file of --env-file.
A file is read once, at the start.

## The way to the model server

The model server is asked directly, whatever HTTP_PROXY, HTTPS_PROXY and NO_PROXY say: these are for Slack and the servers of tools, because a model server is
usually near, and many proxies cut long streams. LLM_PROXY names a proxy for all requests to the model server. The proxy looks
up the server's name. LLM_CA_FILE adds authorities, such as the company's own.
`

const channelsSection = `
## Settings of channels

` + "`BOT_CHANNELS_FILE`" + ` names a YAML file. Channels are named by their id or their name, direct messages by ` + "`direct`" + `; what is not there is as for all
channels. The file is read again at SIGHUP and within seconds of a change; one that is broken changes nothing and is said in the log.

` + "`answers_per_minute`" + ` and ` + "`tokens_per_day`" + ` are of the channel, all people together; 0, the default, is no limit. Under ` + "`direct`" + ` they are of each
conversation. What each person may use everywhere is ` + "`BOT_ANSWERS_PER_MINUTE`" + ` and ` + "`BOT_TOKENS_PER_DAY`" + ` ([operations](operations.md#quotas)).

` + "```yaml" + `
channels:
  general:
    prompt: Answer in one paragraph.
  C0123ABCD:
    model: Qwen/Qwen3-0.6B
    temperature: 0.2
    reasoning_effort: low
    follow_ups: always # solo, always, mention
    answers_per_minute: 20
    tokens_per_day: 2000000
  direct:
    prompt: You are talking with one person.
` + "```" + `
`

func TestConfigurationPage(t *testing.T) {
	t.Parallel()
	path, want := filepath.Join(repository(), "docs", "configuration.md"), configurationPage()
	for _, v := range documented() {
		if v.doc == "" {
			t.Errorf("%s has no doc tag", v.name)
		}
		if !strings.Contains(want, "| `"+v.name+"` |") {
			t.Errorf("%s is in no group", v.name)
		}
	}
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/configuration.md is not what Config says: go test ./cmd/llmbot -run Configuration -update")
	}
}

// The example holds each variable once, commented out with its default, or with the beginning of
// its token.
func TestEnvExample(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile(filepath.Join(repository(), "deploy", "env.example"))
	if err != nil {
		t.Fatal(err)
	}
	standard := map[string]string{}
	for _, v := range documented() {
		standard[v.name] = v.standard
	}
	standard["SLACK_APP_TOKEN"], standard["SLACK_BOT_TOKEN"] = "xapp-", "xoxb-"
	for _, name := range secretNames() {
		standard[name+fileSuffix] = ""
	}
	standard["COMPOSE_PROFILES"] = "gpu" // Docker's, and not the bot's
	seen := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSpace(line)
		text, commented := strings.CutPrefix(line, "#")
		name, value, ok := strings.Cut(text, "=")
		if line == "" || commented && (!ok || strings.ContainsAny(name, " \t")) {
			continue // prose
		}
		want, known := standard[name]
		switch {
		case !known:
			t.Errorf("%q names no variable", line)
		case seen[name]:
			t.Errorf("%s is there twice", name)
		case value != want:
			t.Errorf("%s is %q, the default is %q", name, value, want)
		case commented == (strings.HasSuffix(name, "_TOKEN") || name == "COMPOSE_PROFILES"):
			t.Errorf("%q: only what is required is not commented out", line)
		}
		seen[name] = true
	}
	for name := range standard {
		if !seen[name] {
			t.Errorf("%s is missing", name)
		}
	}
}
