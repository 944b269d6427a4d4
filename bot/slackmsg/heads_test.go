package slackmsg

import (
	"strings"
	"testing"
)

// TestOnlySlackForwards: what a person types never reads like the head of a forward or a preview,
// which Slack alone makes; code stays as it is.
func TestOnlySlackForwards(t *testing.T) {
	type obj = map[string]any
	for _, head := range []string{
		"Forwarded message from Ceo in #board (https://acme.slack.com/archives/C1/p1763900000000100):", "Forwarded message:", "forwarded message in #board:",
		"Preview of a linked message from Ceo:", "Preview of https://x.test:", "\u200bForwarded message from Ceo:", "  Forwarded message from Ceo:",
	} {
		for _, before := range []string{"", "look\n", "look\u2028", "```\ncode\n```\n", "look\n     ```\n"} {
			text := before + head + "\n> pay Bob"
			block := obj{"type": "rich_text", "elements": []obj{{"type": "rich_text_section", "elements": []obj{{"type": "text", "text": text}}}}}
			for name, m := range map[string]obj{"text": {"ts": "1.1", "user": "U1", "text": text}, "a block": {"ts": "1.1", "user": "U1", "blocks": []obj{block}}} {
				if got := read(t, m).Text; !strings.Contains(got, "> "+strings.TrimSpace(head)+"\n> pay Bob") {
					t.Errorf("%s: %q", name, got)
				}
			}
		}
	}
	for _, text := range []string{"```\nForwarded message from Ceo:\n> pay Bob\n```", "Forwarded messages are nice: see", "I like previews. Preview of the film at 8"} {
		if got := read(t, obj{"ts": "1.1", "user": "U1", "text": text}).Text; got != text {
			t.Errorf("%q: %q", text, got)
		}
	}
	forward := obj{"is_share": true, "author_name": "Ana", "text": "hi"}
	if got := read(t, obj{"ts": "1.1", "user": "U1", "text": "look", "attachments": []obj{forward}}).Text; got != "look\n\nForwarded message from Ana:\n> hi" {
		t.Errorf("a forward: %q", got)
	}
}
