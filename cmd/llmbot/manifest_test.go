package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// call runs the program in this process.
func call(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, process{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

func repositoryFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository(), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestManifestFile(t *testing.T) {
	t.Parallel()
	code, out, _ := call(t, "manifest")
	if want := repositoryFile(t, "deploy/slack-manifest.yaml"); code != exitOK || out != want {
		t.Errorf("status %d; deploy/slack-manifest.yaml differs: go run ./cmd/llmbot manifest >deploy/slack-manifest.yaml", code)
	}
}

// The second manifest differs in what makes the app an agent, and in nothing else.
func TestAgentManifest(t *testing.T) {
	t.Parallel()
	code, out, _ := call(t, "manifest", "-agent")
	if want := repositoryFile(t, "deploy/slack-manifest-agent.yaml"); code != exitOK || out != want {
		t.Errorf("status %d; deploy/slack-manifest-agent.yaml differs: go run ./cmd/llmbot manifest -agent >deploy/slack-manifest-agent.yaml", code)
	}
	var m slackManifest
	if err := yaml.Unmarshal([]byte(out), &m); err != nil {
		t.Fatal(err)
	}
	view, plain := m.Features.Agent, appManifest("llm", "/llm-status")
	if view == nil || len(view.Prompts) == 0 || len(view.Prompts) > 4 || view.Description == "" || len(view.Description) > 300 {
		t.Fatalf("%+v", view)
	}
	if extra := m.Settings.Events.Bot[len(plain.Settings.Events.Bot):]; !slices.Equal(extra, []string{"agent_session_stopped"}) {
		t.Errorf("events: %q", extra)
	}
	m.Features.Agent, m.Settings.Events.Bot = nil, plain.Settings.Events.Bot
	if !reflect.DeepEqual(m, plain) {
		t.Errorf("%+v", m)
	}
}

// The link holds the manifest that was printed, in characters that survive a chat or a Markdown
// file.
func TestManifestLink(t *testing.T) {
	t.Parallel()
	code, out, errs := call(t, "manifest", "-name", "ask (ours) & more", "-command", "/gpu")
	if code != exitOK {
		t.Fatal(errs)
	}
	link := regexp.MustCompile(`<(https://[^>]+)>`).FindStringSubmatch(errs)
	if link == nil {
		t.Fatalf("no link in %q", errs)
	}
	if strings.ContainsAny(link[1], " +()\"'\n") {
		t.Errorf("characters that break links: %s", link[1])
	}
	u, err := url.Parse(link[1])
	if err != nil {
		t.Fatal(err)
	}
	if u.Host != "api.slack.com" || u.Path != "/apps" || u.Query().Get("new_app") != "1" {
		t.Errorf("%s", link[1])
	}
	if got := u.Query().Get("manifest_yaml"); got != out {
		t.Errorf("the link holds\n%s\nprinted was\n%s", got, out)
	}
	var m slackManifest
	if err := yaml.Unmarshal([]byte(u.Query().Get("manifest_yaml")), &m); err != nil {
		t.Fatal(err)
	}
	if want := appManifest("ask (ours) & more", "/gpu"); !reflect.DeepEqual(m, want) {
		t.Errorf("read back: %+v\nwant %+v", m, want)
	}
}

func TestManifestJSON(t *testing.T) {
	t.Parallel()
	code, out, errs := call(t, "manifest", "-json")
	if code != exitOK || !json.Valid([]byte(out)) {
		t.Fatalf("%d %s\n%s", code, errs, out)
	}
	path := filepath.Join(t.TempDir(), "manifest.json")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := readManifest(path)
	if err != nil || !reflect.DeepEqual(m, appManifest("llm", "/llm-status")) {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestManifestFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-name", ""},
		{"-name", strings.Repeat("x", maxAppName+1)},
		{"-command", "llm"},
		{"-command", "/" + strings.Repeat("x", maxCommand)},
	} {
		code, out, errs := call(t, append([]string{"manifest"}, args...)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, "→") {
			t.Errorf("%q: %d %q %q", args, code, out, errs)
		}
	}
}

// scopeUse says by which calls and events of ours each scope is needed (facts: the scopes of
// Slack's method and event pages). What is needed by nothing must not be asked for.
func scopeUse() map[string][]string {
	history := []string{"conversations.replies"}
	info := []string{"GetConversationInfoContext"}
	return map[string][]string{
		"app_mentions:read": {"app_mention"},
		"chat:write":        {"PostMessageContext", "UpdateMessageContext", "DeleteMessageContext", "PostEphemeralContext"},
		"commands":          {"slash_commands", "EventTypeSlashCommand"},
		"channels:history":  history, "groups:history": history, "im:history": history, "mpim:history": history,
		"channels:read": info, "groups:read": info, "im:read": info, "mpim:read": info,
		"users:read": {"GetUserInfoContext"},
		"files:read": {"Files"}, // with it a message says which files it has
	}
}

// eventUse says which kind of message or event of ours needs which subscription.
func eventUse() map[string][]string {
	return map[string][]string{
		"app_mention":      {"app_mention"},
		"message.channels": {`"message"`}, "message.groups": {`"message"`}, "message.im": {`"message"`}, "message.mpim": {`"message"`},
		"app_home_opened": {}, // the Home tab; subscribed to from the start, because a later change of the manifest means a new installation
	}
}

func TestManifestHasOnlyWhatIsUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository(), "bot", "slackio", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	var source strings.Builder
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(b)
	}
	check := func(what string, names []string, uses map[string][]string) {
		for _, name := range names {
			use, known := uses[name]
			if !known {
				t.Errorf("%s %s: this test does not know what it is for", what, name)
			}
			if len(use) > 0 && !slices.ContainsFunc(use, func(word string) bool { return strings.Contains(source.String(), word) }) {
				t.Errorf("%s %s: none of %q is in bot/slackio", what, name, use)
			}
		}
		if compact := slices.Compact(slices.Sorted(slices.Values(names))); len(compact) != len(names) {
			t.Errorf("%ss twice: %q", what, names)
		}
	}
	m := appManifest("llm", "/llm-status")
	check("scope", m.OAuth.Scopes.Bot, scopeUse())
	check("event", m.Settings.Events.Bot, eventUse())
}

// The page for administrators explains exactly the scopes and events of the manifest.
func TestManifestIsExplained(t *testing.T) {
	t.Parallel()
	m, page := appManifest("llm", "/llm-status"), repositoryFile(t, "docs/slack-app.md")
	var scopes []string
	_, table, found := strings.Cut(page, "\n| scope |")
	table, _, _ = strings.Cut(table, "\n\n")
	if !found {
		t.Fatal("docs/slack-app.md has no table of scopes")
	}
	for line := range strings.Lines(table) {
		first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(first, "`") || strings.Contains(first, "(app token)") {
			continue
		}
		for s := range strings.FieldsSeq(first) {
			scopes = append(scopes, strings.Trim(s, "`"))
		}
	}
	if want := m.OAuth.Scopes.Bot; !slices.Equal(slices.Sorted(slices.Values(scopes)), slices.Sorted(slices.Values(want))) {
		t.Errorf("docs/slack-app.md explains the scopes %q, the manifest has %q", scopes, want)
	}
	for _, e := range m.Settings.Events.Bot {
		if !strings.Contains(page, "`"+e+"`") {
			t.Errorf("docs/slack-app.md does not name the event %s", e)
		}
	}
}
