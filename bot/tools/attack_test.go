package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
)

// TestVariablesInOddPlaces: what looks like a variable and is none is a problem, and not a token that
// is wrong by a bracket; $ alone stays.
func TestVariablesInOddPlaces(t *testing.T) {
	for text, want := range map[string]string{
		`${TOKEN}${TOKEN}`:           "",
		`${NONE:-}`:                  "",
		`${NONE:-a:-b}`:              "",
		`${TOKEN:-${NONE}}`:          "is no variable",
		`${NONE:-${TOKEN}}`:          "is no variable",
		`${TO${EMPTY}KEN}`:           "is no variable",
		`${}`:                        "is no variable",
		`${ TOKEN }`:                 "is no variable",
		`${TOKEN`:                    "is not closed",
		`${TOKEN-x}`:                 "is no variable",
		`${TOKEN:?gone}`:             "is no variable",
		`Bearer $TOKEN`:              "$TOKEN stays",
		`Bearer %TOKEN%`:             "",
		`a$b $1 $NONE $ $$ $(TOKEN)`: "",
	} {
		for _, place := range []string{`{"url": "http://a", "headers": {"X": %q}}`, `{"command": "x", "env": {"X": %q}}`} {
			_, bad := Parse(fmt.Appendf(nil, `{"mcpServers": {"a": `+place+`}}`, text), vars)
			if want == "" && len(bad) > 0 || want != "" && (len(bad) == 0 || !strings.Contains(bad[0].What, want) || bad[0].Hint == "") {
				t.Errorf("%s in %s: %q, want %q", text, place, bad, want)
			}
			if strings.Contains(fmt.Sprint(bad), "s3cret") {
				t.Errorf("%s: a problem repeats a secret: %q", text, bad)
			}
		}
	}
	// A shell knows its own $.
	if _, bad := Parse([]byte(`{"mcpServers": {"a": {"command": "sh", "args": ["-c", "echo $TOKEN"]}}}`), vars); len(bad) > 0 {
		t.Error(bad)
	}
}

// TestAServerThatShowsItsSecrets: what a server repeats of its token or its environment the model does
// not read, in whatever form of a result.
func TestAServerThatShowsItsSecrets(t *testing.T) {
	const token, key = "s3cret-token", "literal-key-9"
	for name, answer := range map[string]string{
		"text":       `{"content":[{"type":"text","text":"env: TOKEN, Authorization: Bearer ` + token + `, KEY=` + key + `"}]}`,
		"failure":    `{"isError":true,"content":[{"type":"text","text":"bad header Bearer ` + token + ` and ` + key + `"}]}`,
		"structured": `{"content":[],"structuredContent":{"h":"Bearer ` + token + `","k":"` + key + `"}}`,
		"link":       `{"content":[{"type":"resource_link","name":"` + key + `","uri":"https://x/?t=` + token + `"}]}`,
		"at the cut": `{"content":[{"type":"text","text":"` + strings.Repeat("x", MostResult*3/4-30) + token + strings.Repeat("y", MostResult) + key + `"}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			n.at("http://s", plainServer(map[string]func(id, params json.RawMessage) ([]string, bool){
				"tools/call": func(id, _ json.RawMessage) ([]string, bool) { return []string{reply(id, answer)}, true },
			}))
			s := started(t, Config{transport: n.transport, File: parsed(t, `{"mcpServers": {"s": {"url": "http://s", "tools": {"*": "everywhere"},
				"headers": {"Authorization": "Bearer ${TOKEN}", "X-Key": "`+key+`", "X-Region": "eu-west-1"}}}}`)})
			s.Settle(t.Context())
			r := calls(t, s, "s_w")
			for _, secret := range []string{token, key, token[:9]} {
				if strings.Contains(r.Text, secret) {
					t.Errorf("%s: the model reads %s: %.300q", name, secret, r.Text)
				}
			}
			if r.Text == "" {
				t.Errorf("%s: nothing came", name)
			}
		})
	}
}
