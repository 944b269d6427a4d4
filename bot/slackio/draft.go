package slackio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/pace"
	"llmbot/bot/render"
	"llmbot/bot/thread"
)

// renderEvery is how many bytes an answer grows until Set looks whether it has outgrown its page: rendering at every token would
// cost more than all the rest of a busy bot.
const renderEvery = 512

// maxMessages is how many messages an answer gets: four times what its characters need by default. Hundreds of headings are few characters, and each
// counts against the blocks that a message may have.
const maxMessages = 30

// draft is an answer in a thread. Set only stores; pace calls Send when it is this answer's turn.
type draft struct {
	s      *Slack
	thread thread.ID
	reply  bot.Reply
	lane   *pace.Lane
	status *statusLine
	silent bool // nothing is shown before the end

	mu               sync.Mutex // guards all below; never held across a call
	answer           answer.Snapshot
	rev              uint64 // counts the changes of answer and of how it is laid out
	chars            int    // of answer.Text
	layout                  // answer.Text as pages
	sealed           int    // messages that do not change any more, but for the tidying up at the end
	wants            []want // of the messages from fixed on, as of wantsRev
	wantsRev         uint64
	wantsLen         int // bytes of text in wants
	sent             []sent
	shown            int           // characters visible
	last             pace.Load     // the last one that was exact
	unsure           bool          // a post may have been carried out although it failed
	uneditable       bool          // messages cannot be edited here: what is not visible yet is posted when the answer is complete
	full             bool          // no further message is begun
	posting          bool          // one is being begun
	complete         bool          // Close has returned: all is visible
	dead             bool          // no further call will help
	showsPlaceholder bool          // a message says that there is no text yet
	calling          chan struct{} // closed when the call is over that is under way; nil: none is
	streams          streams
}

// want is what a message is to be.
type want struct {
	content content
	open    string // of the page, as render.Page.Open
	end     int    // offset in the text up to which it reaches
}

// sent is a message that Slack has.
type sent struct {
	ts      string
	content content  // empty: not known
	page    pageRef  // which page that is
	cleanup *content // of a fixed one: what it is to become when all else is visible; nil: as it is
	empty   bool     // of a fixed one: it shows nothing of the answer, and goes when all else is visible
	stream  stream
}

// Open begins an answer, or takes over one. It does not block.
func (s *Slack) Open(ctx context.Context, t thread.ID, r bot.Reply) (answer.Draft, error) {
	d := &draft{s: s, thread: t, reply: r, silent: s.cfg.Stream == StreamOff, layout: layout{links: s.cfg.Links}}
	for _, ts := range r.Adopt {
		d.sent = append(d.sent, sent{ts: ts})
	}
	if len(r.Adopt) > 0 {
		for _, old := range s.untidy(false) {
			old.handOver(r.Adopt)
		}
	}
	d.startLane()
	s.note(d)
	placeholder := d.placeholder
	if len(r.Adopt) > 0 || d.silent {
		placeholder = nil
	}
	d.status = s.newStatusLine(ctx, t, placeholder)
	return d, nil
}

// Set takes the newest state. It never blocks for the network.
func (d *draft) Set(a answer.Snapshot) {
	d.mu.Lock()
	d.setLocked(a)
	load := d.loadLocked(false)
	quiet := len(d.sent) > 0
	d.mu.Unlock()
	if quiet {
		d.status.end(false)
	} else {
		d.status.set(a)
	}
	d.lane.Set(load)
}

// placeholder shows a message as long as there is no text, since the status is refused.
func (d *draft) placeholder() {
	d.mu.Lock()
	d.showsPlaceholder = true
	d.fallLocked() // a stream could not take the words back
	d.rev++
	load := d.loadLocked(true)
	d.mu.Unlock()
	d.lane.Set(load)
}

// placeholderText stands in for the status where that is refused.
const placeholderText = "Thinking…"

// quietTimeout is how long a call may take that is under way when its answer is taken over.
const quietTimeout = 5 * time.Second

// closeAgain is the pause after pace has given up on a Slack that is away: the answer's end is worth more tries.
const closeAgain = 2 * time.Second

// Close returns when a is visible, or says why not. If ctx has ended already, it lets go of the messages as they are, and returns when no call
// to them is under way any more: somebody else may take them over.
func (d *draft) Close(ctx context.Context, a answer.Snapshot) error {
	if ctx.Err() != nil {
		d.lane.Abandon()
		defer d.quiet(ctx)
	}
	d.mu.Lock()
	if !d.full || !d.answer.Phase.Final() { // else it was stopped before it was to end, and says so
		d.setLocked(a)
	}
	load := new(d.loadLocked(true))
	d.mu.Unlock()
	var last error
	err := d.lane.Close(ctx, *load)
	for err != nil && ctx.Err() == nil && !errors.Is(err, pace.ErrStopped) {
		if load, last = d.left(), err; load == nil {
			break
		}
		if err = wait(ctx, closeAgain); err == nil {
			err = d.s.pace.Open(d.thread.Channel, d).Close(ctx, *load)
		}
	}
	d.endStreams(ctx, err)
	d.status.end(true)
	d.status.wait()
	if err != nil {
		return fmt.Errorf("show the answer in %s: %w", d.thread, errors.Join(err, last))
	}
	return nil
}

// Room returns how many bytes of a text the answer's messages take, maxMessages if none of them is shorter than it has to be. stop has no further message
// begun: the one that is being written, or the first, is the last; the end that Set is given after that stands, whatever Close is called with.
func (d *draft) Room(text string, stop bool) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !stop {
		return end(render.New(d.lim, render.WithLinks(d.links)).Set(text, true), maxMessages, text)
	}
	d.full = true
	a := d.answer
	a.Text = text
	d.setLocked(a)
	begun := len(d.sent)
	if d.posting {
		begun++
	}
	if n := max(begun, 1) - d.sealed; n > 0 {
		return end(d.pages(text, a.Phase.Final()), n, text)
	}
	return min(d.sealedTo, len(text))
}

// end is up to where the first n pages show a text.
func end(pages []render.Page, n int, text string) int {
	if n < len(pages) {
		return min(pages[n-1].End, len(text))
	}
	return len(text)
}

// quiet waits for the call that is under way.
func (d *draft) quiet(ctx context.Context) {
	d.mu.Lock()
	calling := d.calling
	d.mu.Unlock()
	if calling == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), quietTimeout)
	defer cancel()
	select {
	case <-calling:
	case <-ctx.Done():
	}
}

// left is what remains to be shown; nil if no further call will help.
func (d *draft) left() *pace.Load {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return nil
	}
	return new(d.loadLocked(true))
}

func (d *draft) setLocked(a answer.Snapshot) {
	old := d.answer
	d.answer = a
	d.rev++
	if strings.HasPrefix(a.Text, old.Text) {
		d.chars += utf8.RuneCountInString(a.Text[len(old.Text):])
	} else {
		d.chars = utf8.RuneCountInString(a.Text)
		d.rewrittenLocked(commonPrefix(old.Text, a.Text))
	}
	d.chooseLocked()
}

// renderLocked brings wants up to date.
func (d *draft) renderLocked() {
	if d.wantsRev == d.rev {
		return
	}
	a, final := d.answer, d.answer.Phase.Final()
	if !final && d.streams.on {
		a.Small, a.Controls = "", 0 // what was streamed cannot be taken back
	}
	pages := d.pages(a.Text, final)
	if d.silent && !final {
		pages = nil
	}
	if d.showsPlaceholder && !final && len(pages) == 0 && a.Notice == "" {
		a.Notice = placeholderText
	}
	d.wants = d.wants[:0]
	for i, c := range contents(pages, a, d.sealed > 0, false) {
		c.plain = d.shrinks >= plainAfter && d.sealedPages+i >= d.plainFrom
		if c.controls != 0 {
			c.value = d.reply.For + "|" + d.reply.User
		}
		w := want{content: c, end: d.sealedTo}
		if i < len(pages) {
			w.open, w.end = pages[i].Open, min(pages[i].End, len(a.Text))
		}
		d.wants = append(d.wants, w)
	}
	if n := len(d.wants); n > 0 && final {
		d.wants[n-1].end = len(a.Text)
	}
	d.wantsRev, d.wantsLen = d.rev, len(a.Text)
}

// nextLocked is the next call: which message, and what kind. The messages are made right from the first to the last, so that a
// reader never misses a piece in between.
func (d *draft) nextLocked() (int, pace.Kind) {
	final := d.answer.Phase.Final()
	if d.uneditable && !final {
		return 0, pace.None
	}
	for i, w := range d.wants {
		at := d.sealed + i
		switch {
		case at >= len(d.sent) && !final && (d.full || at >= maxMessages):
			return 0, pace.None
		case at >= len(d.sent) && d.streams.on && !final:
			if w.open == "" {
				return 0, pace.None
			}
			return at, pace.Start
		case at >= len(d.sent):
			return at, pace.Post
		case d.sent[at].stream.live:
			if k := d.streamNextLocked(i); k != pace.None {
				return at, k
			}
		case d.sent[at].content != w.content:
			return at, pace.Edit
		}
	}
	if !final {
		return 0, pace.None
	}
	removed := d.answer.Phase == answer.Removed
	if last := len(d.sent) - 1; last >= 0 && (removed || last >= d.sealed+len(d.wants) && len(d.wants) > 0) { // an answer written anew was shorter
		if d.sent[last].stream.live {
			return last, pace.Stop
		}
		return last, pace.Delete
	}
	for at, m := range d.sent {
		switch {
		case m.stream.live:
			return at, pace.Stop
		case at < d.sealed && m.empty:
			return at, pace.Delete
		case at < d.sealed && m.cleanup != nil && m.content != *m.cleanup:
			return at, pace.Edit
		}
	}
	return 0, pace.None
}

// Untidy reports whether messages of the answer still wait to be tidied up, so that somebody has to do it
// should this process end before.
func (d *draft) Untidy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, m := range d.sent[:min(d.sealed, len(d.sent))] {
		if m.empty || m.cleanup != nil && m.content != *m.cleanup {
			return true
		}
	}
	return false
}

// loadLocked is what pace has to know. Unless exact is set it renders only now and then.
func (d *draft) loadLocked(exact bool) pace.Load {
	l := pace.Load{Text: d.chars, Rev: d.rev, Closing: d.answer.Phase.Final()}
	if (d.uneditable || d.silent && d.answer.Notice == "") && !l.Closing {
		if d.silent {
			l.Text = 0 // nothing that anybody waits for
		}
		return l
	}
	grown := len(d.answer.Text) - d.wantsLen
	exact = exact || l.Closing || d.wantsLen == 0 || grown < 0 || grown >= renderEvery || d.streams.on && !d.last.Dirty
	if exact {
		d.renderLocked()
	}
	if d.wantsRev == d.rev {
		_, l.Next = d.nextLocked()
		if l.Dirty = l.Next != pace.None; !l.Dirty && d.streams.on {
			l.Next = pace.Start // pace counts the streams to come, too
		}
		d.last = l
		return l
	}
	l.Dirty, l.Next = true, pace.Edit
	switch {
	case d.streams.on || d.last.Dirty && d.last.Next == pace.Post: // the next page is due until it is there
		l.Next = d.last.Next
	case len(d.sent) <= d.sealed:
		l.Next = pace.Post
	}
	return l
}
