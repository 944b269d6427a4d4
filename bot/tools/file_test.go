package tools

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// vars are the variables of the tests.
func vars(name string) (string, bool) {
	v, ok := map[string]string{"TOKEN": "s3cret-token", "HOST": "wiki.example", "EMPTY": "", "WRAPPED": "a\nb"}[name]
	return v, ok
}

func TestParse(t *testing.T) {
	f, bad := Parse([]byte(`{
		"$schema": "x",
		"mcpServers": {
			"wiki": {"type": "http", "url": "https://${HOST}/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}, "timeout": "90s",
				"channels": ["#general", "C0123", "direct"], "tools": {"search": "everywhere", "delete_*": "off", "*": "ask"}, "description": "ours"},
			"files": {"command": "npx", "args": ["-y", "${NONE:-server}", "a$b"], "env": {"API_KEY": "literal", "MODE": "${EMPTY:-fast}"}, "cwd": "/srv"},
			"old": {"command": "x", "disabled": true, "env": {"A": "${UNSET}"}}
		}
	}`), vars)
	if len(bad) > 0 {
		t.Fatal(bad)
	}
	if f.String() != "files, wiki" || fmt.Sprintf("%v %+v %s", f, f, f) != "files, wiki files, wiki files, wiki" {
		t.Errorf("%v %+v", f, f)
	}
	files, wiki := f.servers[0], f.servers[2]
	if wiki.link.url != "https://wiki.example/mcp" || wiki.link.headers["Authorization"] != "Bearer s3cret-token" || wiki.timeout != 90*time.Second || wiki.link.way != wayHTTP {
		t.Errorf("%#v", wiki)
	}
	if files.link.args[1] != "server" || files.link.args[2] != "a$b" || files.link.env["MODE"] != "fast" || files.timeout != defaultTimeout {
		t.Errorf("%#v", files)
	}
	for _, s := range []string{"s3cret-token", "Bearer s3cret-token", "literal", "wiki.example"} {
		if !strings.Contains(strings.Join(f.Secrets(), "\n"), s) {
			t.Errorf("%q is no secret", s)
		}
	}
	if strings.Contains(strings.Join(f.Secrets(), "\n"), "fast") {
		t.Error("what the file itself says is no secret")
	}
}

// TestParseTellsEverything tells all problems at once, each with its line and a hint.
func TestParseTellsEverything(t *testing.T) {
	_, bad := Parse([]byte(`{
"servers": {},
"mcpServers": {
"my wiki": {"url": "https://a"},
"a": {"comand": "x", "url": "ftp://a", "headers": {"X": "${NOPE}"}},
"b": {"command": "x", "url": "http://b"},
"c": {},
"d": {"url": "http://d", "tools": {"x": "allways", "y": 1, "z": "everyhere"}, "timeout": 30, "channels": "all"},
"e": {"command": ["npx"], "args": "x", "env": {"A": 1}, "disabled": "no"},
"f": {"command": "npx -y server", "type": "http", "headers": {}},
"g": {"url": "http://u:p@g", "alwaysAllow": [], "timeout": "1h", "channels": [], "type": "carrier"},
"g": {"url": "http://${TOKEN", "headers": {"X": "${env:TOKEN}", "Y": "${WRAPPED}", "Z z": "1"}, "cwd": "/"},
"h": 5
}}`), vars)
	var all strings.Builder
	for _, p := range bad {
		if p.Hint == "" {
			t.Errorf("no hint: %s", p.What)
		}
		all.WriteString(p.What + " → " + p.Hint + "\n")
	}
	for _, want := range []string{
		`line 2: the file: unknown key "servers" → mcpServers is its name here`,
		`line 4: mcpServers: "my wiki" cannot be the name`,
		`line 5: mcpServers.a: unknown key "comand" → Is "command" meant?`,
		`line 5: mcpServers.a.headers.X: the variable NOPE is not set`,
		`line 5: mcpServers.a.url: it is no http or https address`,
		`line 6: mcpServers.b: it has command and url`,
		`line 7: mcpServers.c: it has neither command nor url`,
		`line 8: mcpServers.d.tools.x: "allways" is no policy → There are ask`,
		`line 8: mcpServers.d.tools.y: it is the number 1`,
		`line 8: mcpServers.d.tools.z: "everyhere" is no policy → Is "everywhere" meant?`,
		`line 8: mcpServers.d.timeout: it is the number 30 → It must be a duration`,
		`line 8: mcpServers.d.channels: it is a text`,
		`line 9: mcpServers.e.command: it is a list → It must be the program alone`,
		`line 9: mcpServers.e.args: it is a text`,
		`line 9: mcpServers.e.env.A: it is the number 1`,
		`line 9: mcpServers.e.disabled: it is a text`,
		`line 10: mcpServers.f.command: it has a space`,
		`line 10: mcpServers.f.type: a command is reached by stdio`,
		`line 10: mcpServers.f.headers: they are of no use with command`,
		`line 11: mcpServers.g: unknown key "alwaysAllow" → Policies stand in tools`,
		`line 11: mcpServers.g.url: it has a user, a password or a fragment`,
		`line 11: mcpServers.g.timeout: "1h" is no such time`,
		`line 11: mcpServers.g.channels: it is empty`,
		`line 11: mcpServers.g.type: "carrier" is no type`,
		`line 12: mcpServers: "g" stands there twice`,
		`line 12: mcpServers.g.url: ${ is not closed`,
		`line 12: mcpServers.g.headers.X: ${env:TOKEN} is no variable → Write ${TOKEN}.`,
		`line 12: mcpServers.g.headers.Y: it has a line end`,
		`line 12: mcpServers.g.headers: "Z z" cannot be a name there`,
		`line 12: mcpServers.g.cwd: it is of no use with url`,
		`line 13: mcpServers.h: it is the number 5`,
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("missing: %s", want)
		}
	}
	if strings.Contains(all.String(), "s3cret") {
		t.Error("a problem repeats a secret")
	}
	if t.Failed() {
		t.Log(all.String())
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "line 1: it ends in the middle",
		"{\n\n":                       "line 3: it ends in the middle",
		"[]":                          "the file: it is a list",
		"{}x":                         "line 1",
		"{\n\"mcpServers\": {\n},\n}": "line 4",
		"{ // note\n}":                "line 1",
		`{"mcpServers": []}`:          "mcpServers: it is a list",
		`{"mcpServers": {"a": ` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + "}}": "nested too deep",
		"\xff":                          "not UTF-8",
		strings.Repeat(" ", MostFile+1): "more than 512 kB",
		`{"mcpServers": {"a": {"url": "http://a", "env": {"A": "` + strings.Repeat("x", 10) + `"}}}}`: "of no use with url",
	} {
		f, bad := Parse([]byte(text), vars)
		if len(bad) == 0 || !strings.Contains(bad[0].What, want) || len(f.servers) > 0 || bad[0].Hint == "" {
			t.Errorf("%.40q: %v", text, bad)
		}
	}
	if _, bad := Parse([]byte(`{"mcpServers": {`+strings.TrimSuffix(strings.Repeat(`"": 1,`, 40), ",")+`}}`), vars); len(bad) != mostProblems+1 {
		t.Errorf("%d problems", len(bad))
	}
	for _, text := range []string{"{}", `{"mcpServers": {}}`} {
		if f, bad := Parse([]byte(text), vars); len(bad) > 0 || f.Names() != nil {
			t.Errorf("%s: %v", text, bad)
		}
	}
}

func TestPolicy(t *testing.T) {
	e := entry{rules: map[string]Policy{
		"search": PolicyEverywhere, "search*": PolicyOff, "*": PolicyDM, "get_*": PolicyEverywhere, "get_secret*": PolicyOff, "a*": PolicyEverywhere, "*z": PolicyOff, "x*y*z": PolicyAsk,
	}}
	for tool, want := range map[string]Policy{
		"search": PolicyEverywhere, "search_all": PolicyOff, "other": PolicyDM, "get_page": PolicyEverywhere, "get_secret": PolicyOff, "get_secrets_now": PolicyOff,
		"az": PolicyOff, "ab": PolicyEverywhere, "x1y2z": PolicyAsk, "": PolicyDM,
	} {
		if got := e.policy(tool); got != want {
			t.Errorf("%s: %s, want %s", tool, got, want)
		}
	}
	if got := (&entry{}).policy("any"); got != PolicyAsk {
		t.Errorf("without rules: %s", got)
	}
	if got := e.unmatched([]string{"search", "get_x", "az"}); fmt.Sprint(got) != "[get_secret* x*y*z]" {
		t.Errorf("%v", got)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"a", "a", true},
		{"a", "b", false},
		{"a*", "ab", true},
		{"*a", "ba", true},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"a*b*c", "axbxc", true},
		{"a*b*c", "acb", false},
		{"**", "x", true},
		{"*b*", "abc", true},
		{"*b*", "ac", false},
		{"ab*ba", "aba", false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("%s %s: %v", c.pattern, c.name, got)
		}
	}
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		channels []string
		place    Place
		want     bool
	}{
		{[]string{"*"}, Place{}, true},
		{[]string{"C1"}, Place{Channel: "C1"}, true},
		{[]string{"C1"}, Place{Channel: "C2"}, false},
		{[]string{"general"}, Place{Channel: "C1", Name: "general"}, true},
		{[]string{"general"}, Place{Channel: "C1"}, false},
		{[]string{"direct"}, Place{Channel: "D1", Direct: true}, true},
		{[]string{"direct"}, Place{Channel: "C1", Name: "direct"}, false},
		{[]string{"general"}, Place{Channel: "D1", Direct: true, Name: "general"}, false},
		{[]string{"D1"}, Place{Channel: "D1", Direct: true}, true},
		{nil, Place{Channel: "C1"}, false},
	} {
		if got := (&entry{channels: c.channels}).fits(c.place); got != c.want {
			t.Errorf("%v %+v: %v", c.channels, c.place, got)
		}
	}
}

// FuzzFile reads anything without panic, and takes nothing that could not be used.
func FuzzFile(f *testing.F) {
	f.Add([]byte(`{"mcpServers": {"wiki": {"url": "https://${HOST}/mcp", "headers": {"A": "Bearer ${TOKEN}"}, "timeout": "90s", "channels": ["#x"], "tools": {"a*": "off"}}}}`))
	f.Add([]byte(`{"mcpServers": {"f": {"command": "npx", "args": ["-y", "${NONE:-x}"], "env": {"A": "1"}, "disabled": true}}}`))
	f.Add([]byte(`{"mcpServers": {"f": {"comand": "${", "url": 3}}, "x": [[]]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, bad := Parse(text, vars)
		if len(bad) > mostProblems+1 || len(bad) > 0 && len(file.servers) > 0 {
			t.Errorf("%d problems, %d servers", len(bad), len(file.servers))
		}
		for _, p := range bad {
			if p.What == "" || p.Hint == "" || strings.Contains(p.What+p.Hint, "s3cret") || len(p.What) > 1000 {
				t.Errorf("%+v", p)
			}
		}
		names := map[string]bool{}
		for _, e := range file.servers {
			if !isName(e.name, mostName) || names[e.name] || e.timeout < leastTimeout || e.timeout > mostTimeout || (e.link.command == "") == (e.link.url == "") && !e.disabled {
				t.Errorf("%#v", e)
			}
			names[e.name] = true
			for _, p := range e.rules {
				if p != PolicyAsk && p != PolicyDM && p != PolicyEverywhere && p != PolicyOff {
					t.Errorf("policy %q", p)
				}
			}
		}
	})
}
