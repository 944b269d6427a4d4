package slackio

import (
	"strings"

	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// plainAfter is how often content is refused until it goes without blocks: first half as long, then plain.
const plainAfter = 2

// smallest is the page of an answer whose blocks Slack refuses: one text argument (facts/slack.md §3.2).
const smallest = 3_000

// fixLocked ends the messages as they are: what is not visible yet goes into new ones. pace asks for it when an edit is refused for
// too long.
func (d *draft) fixLocked() {
	if len(d.sent) <= d.fixed {
		return
	}
	last := d.sent[len(d.sent)-1]
	d.base = min(last.end, len(d.answer.Text))
	d.fixed = len(d.sent)
	if last.content.small != "" || last.content.notice != "" {
		// It goes when there is budget for it: only the last message of an answer has small print.
		bare := last.content
		bare.small, bare.notice = "", ""
		d.tidy = map[int]content{len(d.sent) - 1: bare}
	}
	d.restartLocked()
}

// shrinkLocked lays the answer out anew from a page on that Slack does not take.
func (d *draft) shrinkLocked(page int) {
	d.smaller++
	if page < len(d.sent) {
		d.base = 0
		if page > 0 {
			d.base = d.sent[page-1].end
		}
	} else if n := len(d.sent); n > 0 {
		d.base = d.sent[n-1].end
	}
	d.fixed = min(page, len(d.sent))
	d.restartLocked()
}

func (d *draft) restartLocked() {
	lim := render.MessageLimits()
	switch d.smaller {
	case 0:
	case 1:
		lim.Chars, lim.Blocks = lim.Chars/2, lim.Blocks/2
	default:
		lim.Chars, lim.Blocks, lim.Bytes = smallest, 0, smallest
	}
	d.doc, d.want, d.wantLen = render.New(lim), nil, 0
	d.rev++ // so that it is rendered again
}

// resume is the text from an offset on, in a form that stands by itself: a fence that was open is opened again. The second result is
// how many bytes were put in front.
func resume(text string, from int) (string, int) {
	if from <= 0 {
		return text, 0
	}
	fence := ""
	for line := range strings.Lines(text[:from]) {
		mark := strings.TrimLeft(line, " ")
		switch {
		case fence == "" && (strings.HasPrefix(mark, "```") || strings.HasPrefix(mark, "~~~")):
			fence = strings.TrimRight(mark, "\n")
		case fence != "" && strings.TrimSpace(mark) == fence[:3]:
			fence = ""
		}
	}
	if fence == "" {
		return text[from:], 0
	}
	head := fence + "\n"
	return head + strings.TrimPrefix(text[from:], "\n"), len(head) - (len(text[from:]) - len(strings.TrimPrefix(text[from:], "\n")))
}

var _ pace.Sender = (*draft)(nil)
