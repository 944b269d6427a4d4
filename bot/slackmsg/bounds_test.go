package slackmsg

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// read decodes and reads a message in a workspace in which ids have no names.
func read(t *testing.T, m any) Reading {
	t.Helper()
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	id := func(id string) string { return id }
	return got.Read(Who{User: "U0", Bot: "B0", Name: "llm", People: id, Channels: id})
}

// TestBounds reads messages that are too large. The beginning and the end stay, and what is missing is
// said.
func TestBounds(t *testing.T) {
	cell := func(s string) any { return map[string]any{"type": "raw_text", "text": s} }
	var rows []any
	for i := range 300 {
		var row []any
		for j := range 60 {
			row = append(row, cell(fmt.Sprintf("%d.%d", i, j)))
		}
		rows = append(rows, row)
	}
	var many []any
	for i := range 150 {
		many = append(many, map[string]any{"text": fmt.Sprintf("attachment %d.", i)})
	}
	var deep any = map[string]any{"type": "section", "text": "bottom"}
	for range 2_000 {
		deep = map[string]any{"type": "container", "title": "box", "child_blocks": []any{deep}}
	}
	lines := strings.Repeat("a line of text\n", 5_000)
	for name, c := range map[string]struct {
		message map[string]any
		has     []string
	}{
		"text":        {map[string]any{"text": "BEGIN\n" + lines + "END"}, []string{"BEGIN\n", " characters of this message were left out]\n", "\nEND"}},
		"code":        {map[string]any{"text": "BEGIN\n```\n" + lines + "```\nEND"}, []string{"BEGIN\n```\n", "```\n\n[", "left out]\n\n```\n", "```\nEND"}},
		"a table":     {map[string]any{"text": "", "blocks": []any{map[string]any{"type": "table", "rows": rows}}}, []string{"| 0.0 |", "characters of this message were left out", "[100 more rows were left out]", "[the columns behind the first 50 were left out]"}},
		"attachments": {map[string]any{"text": "x", "attachments": many}, []string{"attachment 0.", "attachment 99.", leftOut}},
		"deep":        {map[string]any{"text": "x", "blocks": []any{deep}}, []string{"x", "box", leftOut}},
		"bytes":       {map[string]any{"text": "x", "attachments": []any{map[string]any{"text": strings.Repeat("y", 2<<20)}, map[string]any{"text": "z"}}}, []string{"x\n\nz\n\n" + leftOut}},
	} {
		c.message["ts"], c.message["type"] = "1.5", "message"
		began := time.Now()
		said := read(t, c.message)
		if took := time.Since(began); took > 5*time.Second { // the machine may be busy
			t.Errorf("%s took %v", name, took)
		}
		if n := utf8.RuneCountInString(said.Text); n > maxText+500 {
			t.Errorf("%s: %d characters", name, n)
		}
		for _, word := range c.has {
			if !strings.Contains(said.Text, word) {
				t.Errorf("%s: no %q in %.300q … %q", name, word, said.Text, said.Text[max(0, len(said.Text)-300):])
			}
		}
	}
}

func TestRicher(t *testing.T) {
	one := func(s string) []piece { return []piece{{text: s}} }
	for _, c := range []struct {
		text   string
		blocks []piece
		want   string
	}{
		{"a", nil, "a"},
		{"", one("b"), "b"},
		{"*same* words", one("**same** words"), "*same* words"},
		{"same words", []piece{{"```\nsame words\n```", true}}, "```\nsame words\n```"},
		{"few words", one("few and more words"), "few and more words"},
		{"more than few words", one("few words"), "more than few words"},
		{"one thing", one("another"), "one thing\n\nanother"},
		{"deploy done late", []piece{{text: "deploy done"}, {text: "region eu"}}, "deploy done late\n\nregion eu"},
		{"👍", one("a b"), "👍\n\na b"},
		{"?", one("a b"), "?\n\na b"},
		{"!", one("a b!"), "a b!"},
	} {
		if got := richer(c.text, c.blocks); got != c.want {
			t.Errorf("%q and %v: %q, want %q", c.text, c.blocks, got, c.want)
		}
	}
}

func TestDecode(t *testing.T) {
	for raw, want := range map[string]string{
		``: "no JSON object", `7`: "no JSON object", `[{"ts":"1.5"}]`: "no JSON object", `{`: "no JSON object", `null`: "no JSON object",
		`{"text":"x"}`: "no ts", `{"ts":null}`: "no ts", `{"ts":""}`: "no ts",
		`{"ts":"1.5"}`: "", `{"ts":"1.5","text":7,"files":{},"blocks":"x","attachments":[1,null,"x",[]],"edited":"x","metadata":[]}`: "",
	} {
		m, err := Decode([]byte(raw))
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %v, want %q", raw, err, want)
		}
		m.Read(Who{People: func(id string) string { return id }, Channels: func(id string) string { return id }})
	}
	// A key of an odd type is odd, and not missing: a reply without its thread_ts would open a thread.
	if m, _ := Decode([]byte(`{"ts":"1.5","thread_ts":{"a":1}}`)); m.ThreadTS != `{"a":1}` {
		t.Errorf("thread_ts %q", m.ThreadTS)
	}
}
