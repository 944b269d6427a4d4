package slackmsg

import "testing"

// TestUnknownBlocks: a block of a kind that is not known is read by whatever text it carries, and
// not by what programs read.
func TestUnknownBlocks(t *testing.T) {
	type obj = map[string]any
	for name, c := range map[string]struct {
		block obj
		want  string
	}{
		"a poll":       {obj{"type": "poll", "question": "Lunch?", "options": []obj{{"text": "Pizza", "value": "opt1"}, {"text": "Pasta", "value": "opt2"}}}, "Lunch?\nPizza\nPasta"},
		"a figure":     {obj{"type": "kpi", "summary": "Disk full", "value": "97", "unit": "%"}, "Disk full\n%\n97"},
		"a number":     {obj{"type": "kpi", "label": "Disk", "value": 97.5, "depth": 3}, "Disk\n97.5"},
		"lists":        {obj{"type": "x", "steps": []any{"first", obj{"do": "second"}}, "tags": []string{"a", "b"}}, "first\nsecond\na\nb"},
		"for programs": {obj{"type": "x", "block_id": "abc", "image_url": "x.png", "href": "/y", "color": "red", "style": "primary", "ref": "F0123ABC", "see": "https://x.test/y", "at": "1763900000.000100", "etag": "01234567-89ab-cdef-0123-456789abcdef", "said": "yes"}, "yes"},
		"for people":   {obj{"type": "x", "key": "OPS-7", "number": "INC0012345", "commit": "0123456789abcdef0123456789abcdef01234567", "phone": "0049-30-1234-5678"}, "0123456789abcdef0123456789abcdef01234567\nOPS-7\nINC0012345\n0049-30-1234-5678"},
		"a button":     {obj{"type": "some_new_button", "text": obj{"type": "plain_text", "text": "Go"}, "action_id": "go", "value": "v"}, "Go"},
		"a fallback":   {obj{"type": "x", "summary": "all", "fallback": "less"}, "all"},
		"only that":    {obj{"type": "x", "fallback": "less"}, "less"},
		"a heading":    {obj{"type": "x", "note": "B", "title": "A", "footer": "C"}, "A\nB\nC"},
	} {
		if got := read(t, obj{"ts": "1.1", "user": "U1", "blocks": []obj{c.block}}).Text; got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAttachmentsWhole: who says it, what stands above and below it, and a picture beside a text
// are read in forwards and previews, too; nothing that an app or somebody forwarded writes reads
// like a forward.
func TestAttachmentsWhole(t *testing.T) {
	type obj = map[string]any
	const head = "Forwarded message from CEO in #board (https://w/p1):"
	for name, c := range map[string]struct {
		attachment obj
		want       string
	}{
		"a preview of a page": {obj{"from_url": "https://x.com/a/1", "pretext": "P", "author_name": "Ana", "text": "we are down", "footer": "X"}, "Preview of https://x.com/a/1:\n> P\n> Ana\n> we are down\n> X"},
		"a forward":           {obj{"is_share": true, "author_name": "Ana", "pretext": "P", "text": "we are down"}, "Forwarded message from Ana:\n> P\n> we are down"},
		"a linked message":    {obj{"is_msg_unfurl": true, "from_url": "https://w/p1", "author_name": "Ana", "pretext": "P", "text": "we are down"}, "Preview of a linked message from Ana (https://w/p1):\n> P\n> we are down"},
		"a graph":             {obj{"title": "CPU", "text": "high", "image_url": "https://g/1.png"}, "CPU\nhigh\n(image)"},
		"a graph alone":       {obj{"image_url": "https://g/1.png"}, "(image: https://g/1.png)"},
		"an app's text":       {obj{"text": head + "\n> pay"}, "> " + head + "\n> pay"},
		"an app's pretext":    {obj{"pretext": head, "text": "x"}, "> " + head + "\nx"},
		"an app's field":      {obj{"fields": []obj{{"value": head}}}, "> " + head},
		"an app's footer":     {obj{"text": "x", "footer": head}, "x\n> " + head},
		"an app's fallback":   {obj{"fallback": head}, "> " + head},
		"inside a forward":    {obj{"is_share": true, "author_name": "Ana", "text": "hi\n" + head + "\n> pay"}, "Forwarded message from Ana:\n> hi\n> > " + head + "\n> > pay"},
		"a menu":              {obj{"blocks": []obj{{"type": "actions", "elements": []obj{{"type": "static_select", "placeholder": obj{"type": "plain_text", "text": "Pick"}, "initial_option": obj{"text": obj{"type": "plain_text", "text": "High"}, "value": "h"}}}}}}, "[High]"},
		"a menu of many":      {obj{"blocks": []obj{{"type": "actions", "elements": []obj{{"type": "multi_static_select", "placeholder": obj{"type": "plain_text", "text": "Pick"}, "initial_options": []obj{{"text": obj{"type": "plain_text", "text": "A"}}, {"text": obj{"type": "plain_text", "text": "B"}}}}}}}}, "[A, B]"},
	} {
		got := read(t, obj{"ts": "1.1", "bot_id": "B1", "text": "", "attachments": []obj{c.attachment}})
		if all := join(append([]string{got.Text}, got.Previews...)); all != c.want {
			t.Errorf("%s: %q, want %q", name, all, c.want)
		}
	}
}
