package slackio

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOwnWords: of an answer of the bot itself all is read that its blocks show, and nothing that stands under it: its
// text is the beginning without code and tables, for notifications.
func TestOwnWords(t *testing.T) {
	type obj = map[string]any
	text := func(s string) obj { return obj{"type": "text", "text": s} }
	long := strings.Repeat("word ", 2000) + "zq end"
	cell := func(s string) obj { return obj{"type": "raw_text", "text": s} }
	rich := obj{"type": "rich_text", "elements": []obj{
		{"type": "rich_text_section", "elements": []obj{text(long)}},
		{"type": "rich_text_preformatted", "elements": []obj{text("if x {\n  y()\n}")}},
		{"type": "rich_text_list", "style": "ordered", "elements": []obj{{"type": "rich_text_section", "elements": []obj{text("one")}}}},
	}}
	table := obj{"type": "table", "rows": [][]obj{{cell("a"), cell("b")}, {cell("1"), cell("2")}}}
	small := obj{"type": "context", "elements": []obj{{"type": "mrkdwn", "text": "zq 40 tok/s"}}}
	buttons := obj{"type": "actions", "elements": []obj{{"type": "button", "text": obj{"type": "plain_text", "text": "Regenerate"}}}}
	for name, tt := range map[string]struct {
		m      obj
		want   []string
		hasNot []string
	}{
		"blocks":         {obj{"text": "word word", "blocks": []obj{rich, table, small, buttons}}, []string{"zq end", "```\nif x {\n  y()\n}\n```", "1. one", "| a | b |"}, []string{"tok/s", "Regenerate", "word word\n"}},
		"as it was sent": {obj{"text": "word", "blocks": []obj{{"type": "markdown", "text": "**zq** `x`"}, small}}, []string{"**zq** `x`"}, []string{"tok/s"}},
		"text alone":     {obj{"text": "*zq* &lt;b&gt;"}, []string{"zq", "<b>"}, nil},
		"a notice":       {obj{"text": "zq is away", "blocks": []obj{small, buttons}}, []string{"zq is away"}, []string{"tok/s"}},
	} {
		tt.m["ts"], tt.m["user"], tt.m["bot_id"] = "1.000100", testSelf().User, testSelf().Bot
		raw, err := json.Marshal(tt.m)
		if err != nil {
			t.Fatal(err)
		}
		m, odd := decodeMessage(raw)
		if odd != "" {
			t.Fatal(odd)
		}
		s := quiet()
		s.previews = newPreviews()
		s.self = testSelf()
		got := s.message("C1", m, names{}, "9.9")
		for _, want := range tt.want {
			if !got.Self || !strings.Contains(got.Text, want) {
				t.Errorf("%s: no %q in %.100q … %q", name, want, got.Text, got.Text[max(0, len(got.Text)-200):])
			}
		}
		for _, no := range tt.hasNot {
			if strings.Contains(got.Text, no) {
				t.Errorf("%s: %q", name, no)
			}
		}
	}
}
