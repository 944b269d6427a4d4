package slackio

import (
	"slices"
	"strings"
	"unicode/utf8"

	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// plainAfter is how often content is refused until it goes without blocks: first half as long, then plain.
const plainAfter = 2

// smallest is the page of an answer whose blocks Slack refuses, in bytes and in counted characters. With both, and the small print,
// it fits one text argument of chat.update: 4,000 UTF-8 bytes (facts/slack.md §3.2).
const smallest = 2_200

// writtenAnew stands in place of text that was written anew in other messages, because these could not be edited in time.
const writtenAnew = "This part was written anew; it stands below."

// mendLocked draws the conclusion from a refusal that has to do with the message, not with Slack. false: there is none.
func (d *draft) mendLocked(c call, f failure) bool {
	switch {
	case c.page < d.fixed: // all of the text is visible elsewhere
		d.sent[c.page].tidy = nil
		d.rev++
	case f.kind == tooLong && d.smaller < plainAfter:
		d.shrinkLocked(c.page)
	case f.kind == gone && c.page < len(d.sent): // somebody deleted it: the next posts are in its place
		d.sent = slices.Delete(d.sent, c.page, c.page+1)
		d.rev++
	case f.kind == uneditable && c.page < len(d.sent):
		d.frozen = true
		d.fixLocked()
		for i := range d.sent {
			d.sent[i].tidy = nil
		}
	default:
		return false
	}
	return true
}

// fixLocked ends the messages as they are: what is not visible yet goes into new ones. pace asks for it when an edit is refused for
// too long.
func (d *draft) fixLocked() {
	if len(d.sent) <= d.fixed {
		return
	}
	d.settleLocked()
	stale := false
	for i := d.fixed; i < len(d.sent); i++ {
		m := &d.sent[i]
		stale = stale || m.stale || m.content.markdown == ""
		switch {
		case stale:
			m.tidy = &content{notice: writtenAnew}
			continue
		case m.content.small != "" || m.content.notice != "":
			// It goes when there is budget for it: only the last message of an answer has small print.
			bare := m.content
			bare.small, bare.notice = "", ""
			m.tidy = &bare
		}
		d.base = min(m.end, len(d.answer.Text))
	}
	d.fixed = len(d.sent)
	d.restartLocked()
}

// shrinkLocked lays the answer out anew from a page on that Slack does not take.
func (d *draft) shrinkLocked(page int) {
	d.settleLocked()
	d.smaller++
	if page > d.fixed {
		d.base = min(d.sent[page-1].end, len(d.answer.Text))
		d.fixed = page
	}
	d.restartLocked()
}

// settleLocked notes which messages are as they should be, also if the text was written anew since they were sent.
func (d *draft) settleLocked() {
	d.renderLocked()
	for i, w := range d.want {
		if at := d.fixed + i; at < len(d.sent) && d.sent[at].content == w {
			d.sent[at].end, d.sent[at].stale = d.ends[i], false
		}
	}
}

// anewLocked takes in that the text was written anew from an offset on.
func (d *draft) anewLocked(same int) {
	for i := range d.sent {
		if m := &d.sent[i]; m.end > same {
			m.end, m.stale = same, true
		}
	}
	if d.base > same { // all of it is shown again, in the same messages
		d.base, d.fixed = 0, 0
		for i := range d.sent {
			d.sent[i].tidy = nil
		}
		d.restartLocked()
	}
}

// commonPrefix is how many bytes two texts begin with alike, whole characters only.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
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
		case fence != "" && closes(strings.TrimSpace(mark), fence):
			fence = ""
		}
	}
	if fence == "" {
		return text[from:], 0
	}
	head := fence + "\n"
	return head + strings.TrimPrefix(text[from:], "\n"), len(head) - (len(text[from:]) - len(strings.TrimPrefix(text[from:], "\n")))
}

// closes says whether a line ends a fence: the same marks, at least as many, and nothing else.
func closes(line, fence string) bool {
	marks := len(fence) - len(strings.TrimLeft(fence, fence[:1]))
	return len(line) >= marks && strings.Trim(line, fence[:1]) == ""
}

var _ pace.Sender = (*draft)(nil)
