package slackmsg

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// moment is generous for a busy machine. What was quadratic took up to 13 s on a quiet one.
const moment = 8 * time.Second

// TestWorkIsLinear: a message of as many elements and bytes as are looked at takes no more than a moment.
func TestWorkIsLinear(t *testing.T) {
	type obj = map[string]any
	many := func(e any) []any {
		raw, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]any, min(maxElements, (maxRich-1000)/(len(raw)+1)))
		for i := range out {
			out[i] = e
		}
		return out
	}
	word := strings.Repeat("a", 30)
	text := obj{"type": "text", "text": word}
	for name, b := range map[string]obj{
		"fields of a section": {"type": "section", "fields": many(word)},
		"items of a list":     {"type": "rich_text", "elements": []obj{{"type": "rich_text_list", "elements": many(text)}}},
		"lines of rich text":  {"type": "rich_text", "elements": many(text)},
		"tasks":               {"type": "plan", "tasks": many(obj{"title": word})},
		"sources of a task":   {"type": "task_card", "title": "x", "sources": many(obj{"text": word})},
	} {
		began := time.Now()
		read(t, obj{"ts": "1.1", "user": "U1", "blocks": []obj{b}})
		if took := time.Since(began); took > moment {
			t.Errorf("%s: %v", name, took)
		}
	}
	for name, a := range map[string]obj{
		"fields of an attachment":    {"fields": many(obj{"value": word})},
		"attachments in one another": {"attachments": many(obj{"text": word})},
		"files":                      {"files": many(obj{"id": word})},
		"buttons":                    {"actions": many(obj{"text": word})},
	} {
		began := time.Now()
		read(t, obj{"ts": "1.1", "user": "U1", "attachments": []obj{a}})
		if took := time.Since(began); took > moment {
			t.Errorf("%s: %v", name, took)
		}
	}
}
