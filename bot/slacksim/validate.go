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
	maxAttachments   = 100
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
	// As they go out; attachments were given, perhaps none.
	attachments    []any
	hasAttachments bool
}

// empty reports whether nothing of it can be shown.
func (c content) empty() bool { return !c.hasText && len(c.blocks) == 0 && len(c.attachments) == 0 }

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
	var no *refusal
	if c.attachments, no = s.parseAttachments(args["attachments"]); no != nil {
		return c, no
	}
	c.hasAttachments = args["attachments"] != "" && args["attachments"] != "null"
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
		problems = append(problems, s.checkBlock(b, fmt.Sprintf("/blocks/%d", i), 1)...)
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
			if !t.bare { // whether Slack counts those is not documented
				counted += countChars(t.text)
			}
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
