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

// TestBounds reads messages that are too large. The beginning and the end stay, and what is missing
// is said.
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
		if took := time.Since(began); took > 30*time.Second { // the machine may be busy
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
		want   string // of what an app wrote
	}{
		{"a", nil, "a"},
		{"", one("b"), "b"},
		{"*same* words", one("**same** words"), "*same* words"},
		{"same words", []piece{{"```\nsame words\n```", true}}, "```\nsame words\n```"},
		{"few words", one("few words and more"), "few words and more"},
		{"2 failed", one("Job 2: passed\nJob 5: failed, retried"), "2 failed\n\nJob 2: passed\nJob 5: failed, retried"},
		{"C++ is used", one("C is used here"), "C++ is used\n\nC is used here"},
		{"The build is not green", one("The build is green"), "The build is not green\n\nThe build is green"},
		{"a -5 b", one("a 5 b"), "a -5 b\n\na 5 b"},
		{"C#", one("C is it"), "C#\n\nC is it"},
		{"x = 2*3", one("x = 23"), "x = 2*3\n\nx = 23"},
		{"3. failed", one("5. failed"), "3. failed\n\n5. failed"},
		{"*Failed:* `x_y`, _now_", one("**Failed:** `x_y`, ~~_now_~~ and then"), "**Failed:** `x_y`, ~~_now_~~ and then"},
		{"• a\n    ◦ b\n▪\ufe0e c", one("- a\n   - b\n- c\n- d"), "- a\n   - b\n- c\n- d"},
		{"Done: see ```x = 1```", []piece{{text: "see"}, {"```\nx = 1\n```", true}}, "Done: see ```x = 1```"},
		{"Ship *web*? Go ahead button", []piece{{text: "Ship *web*?"}, {text: "[Go ahead]"}}, "Ship *web*? Go ahead button"},
		{"more than few words", one("few words"), "more than few words"},
		{"one thing", one("another"), "one thing\n\nanother"},
		{"deploy done late", []piece{{text: "deploy done"}, {text: "region eu"}}, "deploy done late\n\nregion eu"},
		{"👍", one("a b"), "👍\n\na b"},
		{"?", one("a b"), "?\n\na b"},
		{"!", one("a b!"), "a b!"},
	} {
		if got := richer(c.text, c.blocks, false); got != c.want {
			t.Errorf("%q and %v: %q, want %q", c.text, c.blocks, got, c.want)
		}
	}
}

// TestPersonsTextAndBlocks: Slack makes both from what a person wrote, with other marks. None of it
// comes twice.
func TestPersonsTextAndBlocks(t *testing.T) {
	type obj = map[string]any
	text := func(s string) obj { return obj{"type": "text", "text": s} }
	list := func(style string, indent int, items ...string) obj {
		var all []obj
		for _, item := range items {
			all = append(all, obj{"type": "rich_text_section", "elements": []obj{text(item)}})
		}
		return obj{"type": "rich_text_list", "style": style, "indent": indent, "elements": all}
	}
	code := obj{"type": "rich_text_preformatted", "elements": []obj{text("x := 1")}}
	group := func(id string) obj { return obj{"type": "usergroup", "usergroup_id": id} }
	line := func(elements ...obj) obj { return obj{"type": "rich_text_section", "elements": elements} }
	for name, c := range map[string]struct {
		text     string
		elements []obj
		want     string
	}{
		"nested bullets, and code": {"• a\n    ◦ b\n        ▪\ufe0e c\n```x := 1```", []obj{list("bullet", 0, "a"), list("bullet", 1, "b"), list("bullet", 2, "c"), code}, "- a\n   - b\n      - c\n```\nx := 1\n```"},
		"nested numbers":           {"1. a\n    a. b\n    b. c\n        i. d", []obj{list("ordered", 0, "a"), list("ordered", 1, "b", "c"), list("ordered", 2, "d")}, "1. a\n    a. b\n    b. c\n        i. d"},
		"numbers, and code":        {"1. a\n    a. b\n```x := 1```", []obj{list("ordered", 0, "a"), list("ordered", 1, "b"), code}, "1. a\n   1. b\n```\nx := 1\n```"},
		"a group":                  {"<!subteam^S1|@oncall> look", []obj{line(group("S1"), text(" look"))}, "@oncall look"},
		"a group without a label":  {"<!subteam^S1> look", []obj{line(group("S1"), text(" look"))}, "@group S1 look"},
		"two groups":               {"<!subteam^S1> <!subteam^S2|db>", []obj{line(group("S1"), text(" "), group("S2"))}, "@group S1 @db"},
		"everybody":                {"<!here|here> look", []obj{line(obj{"type": "broadcast", "range": "here"}, text(" look"))}, "@here look"},
	} {
		m := obj{"ts": "1.1", "user": "U1", "text": c.text, "blocks": []obj{{"type": "rich_text", "elements": c.elements}}}
		if got := read(t, m).Text; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		forward := obj{"is_share": true, "author_id": "U2", "author_name": "Ana", "text": c.text, "message_blocks": []obj{{"message": obj{"blocks": m["blocks"]}}}}
		quoted := "Forwarded message from Ana:\n> " + strings.ReplaceAll(c.want, "\n", "\n> ")
		if got := read(t, obj{"ts": "1.1", "user": "U1", "text": "", "attachments": []obj{forward}}).Text; got != quoted && name != "two groups" && name != "a group" {
			t.Errorf("%s, forwarded: %q, want %q", name, got, quoted)
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
