package slackio

import (
	"slices"
	"unicode/utf8"

	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// plainAfter is how many refusals of its content it takes until a message goes without blocks. The
// first refusal halves the page.
const plainAfter = 2

// smallest is the page size of an answer whose blocks Slack refuses, in bytes and in counted
// characters. One such page, a notice and small print fit one text argument of chat.update: 4,000
// UTF-8 bytes (facts/slack.md §3.2).
const smallest = 2_200

// rewrittenNotice replaces the text of a message that was not edited in time, so that other
// messages show its text, and that Slack does not let us delete.
const rewrittenNotice = "This part was written anew; it stands below."

// layout cuts the text into pages. A message in Slack may show a page of an earlier layout, so the
// layout keeps its steps: from the text and the steps it can be replayed as it was at any time.
//
// How pages and messages belong together: render.Doc cuts the text into pages; a message shows one.
//
//	text    |-----------------------------------------------------------> grows here
//	pages   |  page 0  |  page 1  |  page 2  |  page 3  |  page 4
//	        |< sealedPages = 2   >|
//	        |< sealedTo bytes    >|
//
//	sent    [0: page 0] [1: page 1] [2: empty]  [3: page 2] [4: page 3]
//	        |<         sealed = 3            >|
//	wants                                        wants[0]    wants[1]    wants[2]: posted next
//
// Message sealed+i is to show wants[i], which is page sealedPages+i. Messages are sealed when Slack
// refuses their edits for too long (sealLocked). From then on they stay as they are until all else
// is visible; then their small print goes, and an empty one, whose text others show, is deleted.
type layout struct {
	doc         *render.Doc
	lim         render.Limits // of the first page
	links       render.Links  // what becomes of addresses
	steps       []step        // what was done to doc beside Set; only appended to
	sealedPages int           // pages that sealed messages show
	sealedTo    int           // bytes of text when those were written, or more than they show
	shrinks     int           // how often Slack refused the content
	plainFrom   int           // first page without blocks, after plainAfter refusals
}

// step ends the last page, or shrinks pages, as of the moment when the text had at bytes.
type step struct {
	at   int
	page int           // first page that gets lim
	lim  render.Limits // zero: end the last page here
}

func (s step) do(doc *render.Doc) {
	if s.lim == (render.Limits{}) {
		doc.Break()
		return
	}
	doc.Shrink(s.page, s.lim)
}

// pageRef records which page a message shows.
type pageRef struct {
	whole bool // it shows all of that page, as the page then was; else the rest is meaningless
	page  int
	at    int    // bytes of text at that moment
	last  bool   // it was the last page
	steps []step // of the layout at that moment
}

func (l *layout) pages(text string, final bool) []render.Page {
	pages := l.doc.Set(text, final)
	return pages[min(l.sealedPages, len(pages)):]
}

// do does a step and records it.
func (l *layout) do(s step) {
	s.do(l.doc)
	l.steps = append(slices.Clip(l.steps), s)
}

// replay rebuilds doc from the text and the steps.
func (l *layout) replay(text string) {
	l.doc = render.New(l.lim, render.WithLinks(l.links))
	for _, s := range l.steps {
		l.doc.Set(text[:s.at], false)
		s.do(l.doc)
	}
}

// reset starts an empty layout. It keeps links and the number of refusals.
func (l *layout) reset(lim render.Limits) {
	*l = layout{doc: render.New(lim, render.WithLinks(l.links)), lim: lim, links: l.links, shrinks: l.shrinks}
	if l.shrinks > 0 {
		l.lim = l.shrunk()
		l.doc = render.New(l.lim, render.WithLinks(l.links))
	}
}

// shrunk returns the limits of a page after the refusals so far.
func (l *layout) shrunk() render.Limits {
	lim := render.MessageLimits()
	if l.shrinks < plainAfter {
		lim.Chars, lim.Blocks = lim.Chars/2, lim.Blocks/2
	} else {
		lim.Chars, lim.Blocks, lim.Bytes = smallest, 0, smallest
	}
	return lim
}

// relayoutLocked makes the next renderLocked render everything, after the layout has changed.
func (d *draft) relayoutLocked() {
	d.wants, d.wantsLen = nil, 0
	d.rev++
}

// mendLocked changes the draft so that the next call avoids a refusal that has to do with the
// message, not with Slack. It reports whether it could; if not, pace decides about a retry.
func (d *draft) mendLocked(c call, f failure) bool {
	switch {
	case c.at < d.sealed && f.kind == tooLong && d.sent[c.at].cleanup != nil && !c.content.plain:
		c.content.plain = true
		d.sent[c.at].cleanup = &c.content
		d.rev++
	case c.at < d.sealed && d.sent[c.at].empty && f.kind != gone:
		// It cannot be deleted, so it gets a text that says what it is.
		d.sent[c.at].empty, d.sent[c.at].cleanup = false, &content{notice: rewrittenNotice}
		d.rev++
	case c.at < d.sealed:
		// Other messages show all of its text, so nothing is lost.
		d.sent[c.at].empty = false
		d.sent[c.at].cleanup, d.sent[c.at].stream.live = nil, false
		d.rev++
	case f.kind == tooLong && d.shrinks < plainAfter:
		d.shrinkLocked(c.at)
	case f.kind == gone && c.at < len(d.sent):
		// Somebody deleted it. The next posts take its place.
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

// sealLocked leaves the messages as they are; what is not visible yet goes into new ones. pace asks
// for it, with pace.Continue, when Slack refuses an edit for too long.
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
			// Only the last message of an answer has small print and buttons. They go when there is
			// budget for an edit.
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

// shrinkLocked makes the pages smaller, from the message on that Slack refused.
func (d *draft) shrinkLocked(at int) {
	d.noteShownLocked()
	d.shrinks++
	d.plainFrom = d.sealedPages + at - d.sealed
	d.do(step{at: len(d.answer.Text), page: d.plainFrom, lim: d.shrunk()})
	d.relayoutLocked()
}

// noteShownLocked records the page of each message that is up to date, for a message may stay the
// same although the text was rewritten since it was sent.
func (d *draft) noteShownLocked() {
	d.renderLocked()
	for i, w := range d.wants {
		if at := d.sealed + i; at < len(d.sent) && d.sent[at].content == w.content {
			d.sent[at].page = d.pageRefLocked(i)
		}
	}
}

// pageRefLocked returns the reference to the page of wants[i].
func (d *draft) pageRefLocked(i int) pageRef {
	return pageRef{whole: d.wants[i].content.markdown != "", page: d.sealedPages + i, at: len(d.answer.Text), last: i == len(d.wants)-1, steps: d.steps}
}

// rewrittenLocked adapts the layout after the text was rewritten from byte same on.
func (d *draft) rewrittenLocked(same int) {
	for i := range d.sent {
		if m := &d.sent[i]; m.page.at > same {
			m.page.whole = false
		}
	}
	if d.sealedTo > same || slices.ContainsFunc(d.steps, func(s step) bool { return s.at > same }) {
		// All of the text is shown again, in the same messages.
		d.sealed = 0
		for i := range d.sent {
			d.sent[i].cleanup, d.sent[i].empty = nil, false
		}
		d.reset(d.lim)
	}
	d.replay(d.answer.Text)
	d.relayoutLocked()
}

// commonPrefix returns how many bytes two texts begin with alike, counting whole characters only.
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
