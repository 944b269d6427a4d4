package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The limits on messages (facts: slack.md §3.2).
const (
	maxMarkdownBlock = 12_000 // characters; measured, also for CJK
	maxCounted       = 13_200 // counted characters of a whole message; measured
	countHeading     = 100    // what a heading adds
	maxBlocks        = 50     // sent, and rendered
	maxUpdateText    = 4_000  // UTF-8 bytes of chat.update's text; measured
	cutPostText      = 40_000 // characters; chat.postMessage truncates
	maxSection       = 3_000
	maxFields        = 10
	maxField         = 2_000
	maxHeader        = 150
	maxContext       = 10
	maxActions       = 25
	maxContextAction = 5
	maxAttachments   = 100
	maxButtonText    = 75
	maxButtonValue   = 2_000
)

// refusal is an error answer of the Web API.
type refusal struct {
	name       string
	extra      obj
	status     int // HTTP, if not 200
	retryAfter int
	carry      bool // of a fault: the call takes effect all the same
}

func refuse(name string) *refusal { return &refusal{name: name} }

// invalidBlocks returns a refusal that names the places as Slack does, with JSON pointers.
func invalidBlocks(messages ...string) *refusal {
	var marked []string
	for _, m := range messages {
		marked = append(marked, "[ERROR] "+m)
	}
	return &refusal{name: "invalid_blocks", extra: obj{"errors": messages, "response_metadata": obj{"messages": marked}}}
}

// content is what is shown of chat.postMessage, chat.update, chat.postEphemeral and answers to
// commands.
type content struct {
	text      string // escaped, as stored
	blocks    []obj
	hasBlocks bool // blocks were given, perhaps none
	hasText   bool
}

// parseContentLocked reads and validates what is to be shown.
func (s *Sim) parseContentLocked(args map[string]string) (content, *refusal) {
	var c content
	raw, given := args["blocks"]
	c.hasBlocks = given && raw != "" && raw != "null"
	if c.hasBlocks {
		if err := json.Unmarshal([]byte(raw), &c.blocks); err != nil {
			return c, refuse("invalid_blocks_format")
		}
	}
	md := args["markdown_text"]
	text := args["text"]
	if md != "" {
		switch {
		case text != "" || c.hasBlocks:
			return c, refuse("markdown_text_conflict")
		case utf8.RuneCountInString(md) > maxMarkdownBlock:
			return c, refuse("msg_too_long")
		}
		c.blocks, c.hasBlocks = []obj{{"type": "markdown", "text": md}}, true
		text = md
	}
	if a := args["attachments"]; a != "" && a != "null" {
		var list []any
		if err := json.Unmarshal([]byte(a), &list); err != nil {
			return c, refuse("invalid_attachments")
		}
		if len(list) > maxAttachments {
			return c, refuse("too_many_attachments")
		}
		if len(list) > 0 && text == "" {
			text = "[attachment]" // attachments are legacy: counted, not shown
		}
	}
	c.text, c.hasText = escapeFree(text), text != ""
	if r := s.validateLocked(c.blocks); r != nil {
		return c, r
	}
	return c, nil
}

// validateLocked applies Slack's limits to a message's blocks.
func (s *Sim) validateLocked(blocks []obj) *refusal {
	if len(blocks) > maxBlocks {
		return invalidBlocks(fmt.Sprintf("no more than %d items allowed [json-pointer:/blocks]", maxBlocks))
	}
	var problems []string
	counted, rendered := 0, 0
	for i, b := range blocks {
		problems = append(problems, s.checkBlockLocked(b, fmt.Sprintf("/blocks/%d", i))...)
		n, c := s.measure(b)
		rendered += n
		counted += c
	}
	problems = append(problems, checkTogether(blocks)...)
	switch {
	case len(problems) > 0:
		return invalidBlocks(problems...)
	case counted > maxCounted, rendered > maxBlocks:
		return refuse("msg_blocks_too_long")
	}
	return nil
}

// measure returns how many blocks one block is rendered as, and its characters as Slack counts
// them.
func (s *Sim) measure(b obj) (rendered, counted int) {
	if b["type"] != "markdown" {
		for _, t := range textsOf(b) {
			counted += countChars(t.text)
		}
		return 1, counted
	}
	rendered, headings := s.countBlocks(str(b["text"]))
	return rendered, countChars(str(b["text"])) + headings*countHeading
}

// countChars counts the characters of rendered text, & as 5 and < and > as 4.
func countChars(text string) int {
	text = decode(text)
	return utf8.RuneCountInString(text) + 4*strings.Count(text, "&") + 3*strings.Count(text, "<") + 3*strings.Count(text, ">")
}

// checkBlockLocked returns what is wrong with one block.
func (s *Sim) checkBlockLocked(b obj, at string) []string {
	var p []string
	bad := func(format string, a ...any) { p = append(p, fmt.Sprintf(format, a...)) }
	text := func(v any, at string, most int, types ...string) {
		t, ok := v.(obj)
		switch n := utf8.RuneCountInString(str(t["text"])); {
		case !ok:
			bad("missing required field: text [json-pointer:%s]", at)
		case !strings.Contains(strings.Join(types, " "), str(t["type"])) || str(t["type"]) == "":
			bad("unsupported type: %s [json-pointer:%s/type]", str(t["type"]), at)
		case n == 0:
			bad("must be more than 0 characters [json-pointer:%s/text]", at)
		case n > most:
			bad("must be less than %d characters [json-pointer:%s/text]", most+1, at)
		}
	}
	items := func(v any, at string, most int) []obj {
		l := objs(v)
		switch {
		case len(l) == 0:
			bad("missing required field: elements [json-pointer:%s]", at)
		case len(l) > most:
			bad("no more than %d items allowed [json-pointer:%s]", most, at)
		}
		return l
	}
	if len(str(b["block_id"])) > 255 {
		bad("must be less than 256 characters [json-pointer:%s/block_id]", at)
	}
	switch typ := str(b["type"]); typ {
	case "markdown":
		t, ok := b["text"].(string)
		if !ok || t == "" {
			bad("must be more than 0 characters [json-pointer:%s/text]", at)
		}
		if utf8.RuneCountInString(t) > maxMarkdownBlock {
			bad("must be less than %d characters [json-pointer:%s/text]", maxMarkdownBlock+1, at)
		} else {
			p = append(p, s.checkTables(t, at+"/text")...)
		}
	case "section":
		fields := objs(b["fields"])
		if b["text"] != nil || len(fields) == 0 {
			text(b["text"], at+"/text", maxSection, "mrkdwn", "plain_text")
		}
		if len(fields) > maxFields {
			bad("no more than %d items allowed [json-pointer:%s/fields]", maxFields, at)
		}
		for i, f := range fields {
			text(f, fmt.Sprintf("%s/fields/%d", at, i), maxField, "mrkdwn", "plain_text")
		}
	case "header":
		text(b["text"], at+"/text", maxHeader, "plain_text")
		p = append(p, checkHeaderLevel(b, at)...)
	case "context":
		for i, e := range items(b["elements"], at+"/elements", maxContext) {
			if e["type"] != "image" {
				text(e, fmt.Sprintf("%s/elements/%d", at, i), maxSection, "mrkdwn", "plain_text")
			}
		}
	case "actions", "context_actions":
		most := map[string]int{"actions": maxActions, "context_actions": maxContextAction}[typ]
		seen := map[string]bool{}
		for i, e := range items(b["elements"], at+"/elements", most) {
			at := fmt.Sprintf("%s/elements/%d", at, i)
			if e["type"] == "button" {
				text(e["text"], at+"/text", maxButtonText, "plain_text")
				if utf8.RuneCountInString(str(e["value"])) > maxButtonValue {
					bad("must be less than %d characters [json-pointer:%s/value]", maxButtonValue+1, at)
				}
			}
			if e["type"] == "feedback_buttons" {
				for _, k := range []string{"positive_button", "negative_button"} {
					b, _ := e[k].(obj)
					text(b["text"], at+"/"+k+"/text", maxButtonText, "plain_text")
					if n := utf8.RuneCountInString(str(b["value"])); n == 0 || n > maxButtonValue {
						bad("must be 1 to %d characters [json-pointer:%s/%s/value]", maxButtonValue, at, k)
					}
				}
			}
			if typ == "context_actions" && e["type"] != "feedback_buttons" && e["type"] != "icon_button" {
				bad("unsupported type: %s [json-pointer:%s/type]", str(e["type"]), at)
			}
			if id := str(e["action_id"]); id != "" && seen[id] {
				bad("`action_id` already exists [json-pointer:%s/action_id]", at)
			} else {
				seen[id] = true
			}
		}
	case "rich_text":
		items(b["elements"], at+"/elements", 1000)
	case "table":
		p = append(p, checkTable(b, at)...)
	case "data_visualization", "data_table":
		switch {
		case s.cfg.NoCharts:
			bad("unsupported type: %s [json-pointer:%s/type]", typ, at)
		case typ == "data_table":
			p = append(append(p, checkCaption(b, at)...), checkTable(b, at)...)
		default:
			p = append(p, checkChart(b, at)...)
		}
	case "layout":
		p = append(p, s.checkLayoutLocked(b, at)...)
	case "plan":
		p = append(p, checkPlan(b, at)...)
	case "divider", "image", "file", "video", "input", "card", "carousel", "container", "task_card":
	default: // "alert" too: only modals take it
		bad("unsupported type: %s [json-pointer:%s/type]", typ, at)
	}
	return p
}
