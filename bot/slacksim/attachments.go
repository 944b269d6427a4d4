package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
)

// maxAttachmentFields is how many fields an attachment is shown with here; Slack names no limit.
const maxAttachmentFields = 100

// parseAttachments reads the attachments of a message as they go out: with an id, a fallback, and a
// block_id for each block. What is wrong in one, its blocks too, is invalid_attachments with a
// pointer (seen by others: slackapi/bolt-js #717, bolt-python #914). One without anything is left
// out.
func (s *Sim) parseAttachments(raw string) ([]any, *refusal) {
	if raw == "" || raw == "null" {
		return nil, nil
	}
	var list []any
	if err := json.Unmarshal([]byte(raw), &list); err != nil {
		return nil, refuse("invalid_attachments")
	}
	if len(list) > maxAttachments {
		return nil, refuse("too_many_attachments")
	}
	var p problems
	var out []any
	p.each(list, "/attachments", 0, maxAttachments, func(a obj, at string) {
		p.each(a["fields"], at+"/fields", 0, maxAttachmentFields, func(obj, string) {})
		p.each(a["blocks"], at+"/blocks", 0, maxBlocks, func(b obj, at string) { p = append(p, s.checkBlock(b, at, 1)...) })
		if len(a) == 0 {
			return
		}
		a = clone(a)
		a["id"] = len(out) + 1
		if str(a["fallback"]) == "" {
			a["fallback"] = "[no preview available]"
		}
		if b := objs(a["blocks"]); len(b) > 0 {
			a["blocks"] = translateBlocks(b, fmt.Sprintf("a%db", len(out)+1))
		}
		out = append(out, a)
	})
	if len(p) > 0 {
		no := invalidBlocks(p...)
		no.name = "invalid_attachments"
		return nil, no
	}
	return out, nil
}

// attachedBlocks returns the blocks of all attachments.
func attachedBlocks(list []any) []obj {
	var out []obj
	for _, a := range objs(list) {
		out = append(out, objs(a["blocks"])...)
	}
	return out
}

// attachedTexts returns the texts of an attachment that are no blocks, in reading order.
func attachedTexts(a obj) []string {
	var out []string
	add := func(v any) {
		if t := str(v); t != "" {
			out = append(out, t)
		}
	}
	add(a["pretext"])
	add(a["author_name"])
	add(a["title"])
	add(a["text"])
	for _, f := range objs(a["fields"]) {
		add(f["title"])
		add(f["value"])
	}
	add(a["footer"])
	return out
}

// readLocked returns what a reader reads of a message: its text or blocks, and what an app
// attached. A preview of a link, or of a message that somebody shares, is not of the message.
func (s *Sim) readLocked(m *message, text string, blocks []obj) string {
	parts := []string{s.plainLocked(text, blocks)}
	if len(m.attachments) == 0 || previewed(m.attachments) {
		return parts[0]
	}
	for _, a := range objs(m.attachments) {
		if a["is_share"] != nil {
			continue
		}
		for _, t := range attachedTexts(a) {
			parts = append(parts, s.plainTextLocked(t))
		}
		if b := objs(a["blocks"]); len(b) > 0 {
			parts = append(parts, s.plainLocked("", b))
		}
	}
	return strings.TrimPrefix(strings.Join(parts, "\n"), "\n")
}

// pingsInAttachments returns whom attachments would notify. Whether Slack notifies for these is not
// documented: they show a live mention.
func pingsInAttachments(list []any) []string {
	who := pingsIn("", attachedBlocks(list), false)
	for _, a := range objs(list) {
		who = append(who, pingsIn(strings.Join(attachedTexts(a), " "), nil, false)...)
	}
	return who
}
