package slackio

import (
	"slices"
	"unicode/utf8"

	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// plainAfter is how often content is refused until it goes without blocks: first half as long, then plain.
const plainAfter = 2

// smallest is the page of an answer whose blocks Slack refuses, in bytes and in counted characters. With both, and the small print,
// it fits one text argument of chat.update: 4,000 UTF-8 bytes (facts/slack.md §3.2).
const smallest = 2_200

// writtenAnew stands in place of text that was written anew in other messages, because these could not be
// edited in time, where Slack does not let the message be deleted.
const rewrittenNotice = "This part was written anew; it stands below."

// layout is how the text is cut into pages. Given the text, it can be made again as it was at any time: a message that Slack has may
// be of an earlier one.
type layout struct {
	doc         *render.Doc
	lim         render.Limits // of the first page
	links       render.Links  // what becomes of addresses
	steps       []step        // what was done with doc beside Set; a prefix never changes
	sealedPages int           // pages that stand in fixed messages
	sealedTo    int           // bytes of text when those were written, or more than they show
	shrinks     int           // how often the content was refused
	plainFrom   int           // the page from which on content goes without blocks, if it was refused so often
}

// step cuts, or shrinks, the pages that are there when the text has so many bytes.
type step struct {
	at   int
	page int           // from which on the pages have lim
	lim  render.Limits // zero: the last page ends here
}

func (s step) do(doc *render.Doc) {
	if s.lim == (render.Limits{}) {
		doc.Break()
		return
	}
	doc.Shrink(s.page, s.lim)
}

// pageRef says which page a message shows.
type pageRef struct {
	whole bool // all of the page, as it was then; else no page
	page  int
	at    int    // bytes of text there were then
	last  bool   // it was the last page
	steps []step // of the layout
}

func (l *layout) pages(text string, final bool) []render.Page {
	pages := l.doc.Set(text, final)
	return pages[min(l.sealedPages, len(pages)):]
}

// do notes and does a step.
func (l *layout) do(s step) {
	s.do(l.doc)
	l.steps = append(slices.Clip(l.steps), s)
}

// again makes the doc anew from the steps.
func (l *layout) replay(text string) {
	l.doc = render.New(l.lim, render.WithLinks(l.links))
	for _, s := range l.steps {
		l.doc.Set(text[:s.at], false)
		s.do(l.doc)
	}
}

// reset begins with nothing.
func (l *layout) reset(lim render.Limits) {
	*l = layout{doc: render.New(lim, render.WithLinks(l.links)), lim: lim, links: l.links, shrinks: l.shrinks}
	if l.shrinks > 0 {
		l.lim = l.shrunk()
		l.doc = render.New(l.lim, render.WithLinks(l.links))
	}
}

// shrunk are the limits after so many refusals.
func (l *layout) shrunk() render.Limits {
	lim := render.MessageLimits()
	if l.shrinks < plainAfter {
		lim.Chars, lim.Blocks = lim.Chars/2, lim.Blocks/2
	} else {
		lim.Chars, lim.Blocks, lim.Bytes = smallest, 0, smallest
	}
	return lim
}

// relayoutLocked has everything rendered again, after the layout was changed.
func (d *draft) relayoutLocked() {
	d.wants, d.wantsLen = nil, 0
	d.rev++
}

// mendLocked draws the conclusion from a refusal that has to do with the message, not with Slack. false: there is none.
func (d *draft) mendLocked(c call, f failure) bool {
	switch {
	case c.at < d.sealed && f.kind == tooLong && d.sent[c.at].cleanup != nil && !c.content.plain:
		c.content.plain = true
		d.sent[c.at].cleanup = &c.content
		d.rev++
	case c.at < d.sealed && d.sent[c.at].empty && f.kind != gone: // it may not be deleted: it says at least what it is
		d.sent[c.at].empty, d.sent[c.at].cleanup = false, &content{notice: rewrittenNotice}
		d.rev++
	case c.at < d.sealed: // all of the text is visible elsewhere
		d.sent[c.at].empty = false
		d.sent[c.at].cleanup, d.sent[c.at].stream.live = nil, false
		d.rev++
	case f.kind == tooLong && d.shrinks < plainAfter:
		d.shrinkLocked(c.at)
	case f.kind == gone && c.at < len(d.sent): // somebody deleted it: the next posts are in its place
		d.sent = slices.Delete(d.sent, c.at, c.at+1)
		d.rev++
	case f.kind == uneditable && c.at < len(d.sent):
		d.uneditable = true
		d.sealLocked()
		for i := range d.sent {
			d.sent[i].cleanup = nil
		}
	default:
		return false
	}
	return true
}

// sealLocked ends the messages as they are: what is not visible yet goes into new ones. pace asks for it when an edit is refused for
// too long.
func (d *draft) sealLocked() {
	if len(d.sent) <= d.sealed {
		return
	}
	d.noteShownLocked()
	first, from := d.sealed, d.sealedPages
	for i := first; i < len(d.sent); i++ {
		m := &d.sent[i]
		if !m.page.whole || m.page.page != from+i-first {
			for j := i; j < len(d.sent); j++ {
				d.sent[j].empty = true
			}
			break
		}
		if m.content.small != "" || m.content.notice != "" || m.content.controls != 0 {
			// It goes when there is budget for it: only the last message of an answer has small print and buttons.
			bare := m.content
			bare.small, bare.notice, bare.controls, bare.value = "", "", 0, ""
			m.cleanup = &bare
		}
		d.sealedPages, d.sealedTo, d.steps = m.page.page+1, m.page.at, m.page.steps
		if m.page.last {
			d.steps = append(slices.Clip(d.steps), step{at: m.page.at})
		}
	}
	d.sealed, d.plainFrom = len(d.sent), d.sealedPages
	if d.shrinks > 0 {
		d.steps = append(slices.Clip(d.steps), step{at: d.sealedTo, page: d.sealedPages, lim: d.shrunk()})
	}
	d.replay(d.answer.Text)
	d.relayoutLocked()
}

// shrinkLocked lays the answer out anew from a message on that Slack does not take.
func (d *draft) shrinkLocked(at int) {
	d.noteShownLocked()
	d.shrinks++
	d.plainFrom = d.sealedPages + at - d.sealed
	d.do(step{at: len(d.answer.Text), page: d.plainFrom, lim: d.shrunk()})
	d.relayoutLocked()
}

// noteShownLocked notes which messages are as they should be, also if the text was written anew since they were sent.
func (d *draft) noteShownLocked() {
	d.renderLocked()
	for i, w := range d.wants {
		if at := d.sealed + i; at < len(d.sent) && d.sent[at].content == w.content {
			d.sent[at].page = d.pageRefLocked(i)
		}
	}
}

// pageRefLocked is that of a message that shows aim i.
func (d *draft) pageRefLocked(i int) pageRef {
	return pageRef{whole: d.wants[i].content.markdown != "", page: d.sealedPages + i, at: len(d.answer.Text), last: i == len(d.wants)-1, steps: d.steps}
}

// rewrittenLocked takes in that the text was written anew from an offset on.
func (d *draft) rewrittenLocked(same int) {
	for i := range d.sent {
		if m := &d.sent[i]; m.page.at > same {
			m.page.whole = false
		}
	}
	if d.sealedTo > same || slices.ContainsFunc(d.steps, func(s step) bool { return s.at > same }) {
		// All of it is shown again, in the same messages.
		d.sealed = 0
		for i := range d.sent {
			d.sent[i].cleanup, d.sent[i].empty = nil, false
		}
		d.reset(d.lim)
	}
	d.replay(d.answer.Text)
	d.relayoutLocked()
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

var _ pace.Sender = (*draft)(nil)
