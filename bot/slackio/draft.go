package slackio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/answer"
	"llmbot/bot/pace"
	"llmbot/bot/render"
	"llmbot/bot/thread"
	"llmbot/bot/wait"
)

// renderEvery is how many bytes an answer grows before Set checks whether it has outgrown its page.
// To render at every token would cost more than everything else that a busy bot does.
const renderEvery = 512

// maxMessages is how many messages an answer may have: four times what its characters need by
// default, for hundreds of headings are few characters, and each counts against the blocks of a
// message.
const maxMessages = 30

// draft shows one answer in a thread. Set only stores; pace calls Send when it is this answer's
// turn.
type draft struct {
	s      *Slack
	thread thread.ID
	reply  bot.Reply
	lane   *pace.Lane
	status *statusLine
	silent bool // shows nothing before the end
	// What the sessions know of the answer: 0 nothing, 1 that it is written, 2 that it has ended.
	session atomic.Int32

	mu       sync.Mutex // guards all below; never held across a call
	answer   answer.Snapshot
	rev      uint64 // counts the changes of answer and of its layout
	chars    int    // of answer.Text
	layout          // answer.Text as pages
	raw      bool   // the end of a text that was cut shows as if it were meant, see showLocked
	sealed   int    // so many messages at the front change no more, but for their cleanup
	wants    []want // of the messages from sealed on, as of wantsRev
	wantsRev uint64
	wantsLen int // bytes of text in wants
	sent     []sent
	shown    int       // characters visible
	last     pace.Load // the last exact one
	unsure   bool      // a post that failed may have been carried out
	// Slack does not let messages be edited here: text that is not visible yet is posted when the
	// answer is complete.
	uneditable       bool
	full             bool          // no further message may be begun
	posting          bool          // a message is being begun
	complete         bool          // Close has returned nil: all is visible
	tidy             func() error  // see Tidy; nil: cleanup is allowed
	dead             bool          // no further call will help
	showsPlaceholder bool          // a message shows placeholderText
	calling          chan struct{} // closed when the call under way returns; nil: there is none
	streams          streams
}

// want is what a message is to show.
type want struct {
	content content
	open    string // the page without what is undecided, see render.Page.Open
	end     int    // the text's offset up to which the message shows it
}

// sent is a message in Slack.
type sent struct {
	ts      string
	content content  // what it shows; empty: not known
	page    pageRef  // which page that is
	cleanup *content // sealed only: what it is to become when all else is visible; nil: it stays
	empty   bool     // sealed only: shows nothing of the answer, deleted when all else is visible
	stream  stream
	told    []answer.Step // streams only: the calls of tools that it shows
}

// Open begins an answer, or takes over the messages of one that another process began. It does not
// block.
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
	d.status = s.newStatusLine(ctx, t, r.Tools, placeholder)
	return d, nil
}

// Set stores the newest state for the next call. It never waits for the network.
func (d *draft) Set(a answer.Snapshot) {
	if !a.Phase.Final() && d.session.CompareAndSwap(0, 1) {
		d.s.sessions.begin(d.thread)
	}
	d.mu.Lock()
	d.setLocked(a)
	load := d.loadLocked(false)
	quiet := len(d.sent) > 0 && !a.Busy
	d.mu.Unlock()
	if quiet {
		d.status.rest(false)
	} else {
		d.status.set(a)
	}
	d.lane.Set(load)
}

// placeholder shows a message until there is text, where Slack refuses the status.
func (d *draft) placeholder() {
	d.mu.Lock()
	d.showsPlaceholder = true
	d.fallLocked() // what is in a stream cannot be taken back
	d.rev++
	load := d.loadLocked(true)
	d.mu.Unlock()
	d.lane.Set(load)
}

// placeholderText is what the message shows that replaces a refused status.
const placeholderText = "Thinking…"

// quietTimeout is how long Close waits for a call under way when another process takes over.
const quietTimeout = 5 * time.Second

// closeAgain is the pause after pace has given up on a Slack that is away: an answer's end is worth
// more tries.
const closeAgain = 2 * time.Second

// Close shows a and returns when it is visible, or the reason why it is not. If ctx has ended
// already, Close leaves the messages as they are and returns when no call to them is under way any
// more, so that somebody else may take them over.
func (d *draft) Close(ctx context.Context, a answer.Snapshot) error {
	if ctx.Err() != nil {
		d.lane.Abandon()
		defer d.quiet(ctx)
	}
	d.mu.Lock()
	// Else Room has ended the answer before its end, and the answer says so.
	if !d.full || !d.answer.Phase.Final() {
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
		if err = wait.For(ctx, closeAgain); err == nil {
			err = d.s.pace.Open(d.thread.Channel, d).Close(ctx, *load)
		}
	}
	d.endStreams(ctx, err)
	d.status.close()
	if d.session.Swap(2) == 1 {
		d.s.sessions.end(d.thread, d.check() != nil)
	}
	if err != nil {
		return fmt.Errorf("show the answer in %s: %w", d.thread, errors.Join(err, last))
	}
	return nil
}

// Room returns how many bytes of text the answer's messages can show: maxMessages of them, if none
// is shorter than it has to be. With stop, no further message is begun: the last one is the one
// that is being written, or the first. The final state that Set is given after that stays, whatever
// Close is called with.
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
		return end(d.showLocked(a), n, text)
	}
	return min(d.sealedTo, len(text))
}

// end returns the offset up to which the first n pages show text.
func end(pages []render.Page, n int, text string) int {
	if n < len(pages) {
		return min(pages[n-1].End, len(text))
	}
	return len(text)
}

// quiet waits for the call under way, for quietTimeout at most.
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

// left returns what remains to be shown; nil if no further call will help.
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

// showLocked returns the pages of an answer. One that was cut shows as it did while it grew, for its
// end may be half a construct; but not if that holds words back which nothing brings out later.
func (d *draft) showLocked(a answer.Snapshot) []render.Page {
	if !a.Phase.Final() || a.Whole() || d.raw {
		return d.pages(a.Text, a.Phase.Final())
	}
	pages, shown := d.pages(a.Text, false), 0
	if n := len(pages); n > 0 {
		shown = min(pages[n-1].End, len(a.Text))
	}
	if d.raw = strings.ContainsFunc(a.Text[shown:], isWord); !d.raw {
		return pages
	}
	return d.pages(a.Text, true)
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// renderLocked brings wants up to date with the answer and the layout.
func (d *draft) renderLocked() {
	if d.wantsRev == d.rev {
		return
	}
	a, final := d.answer, d.answer.Phase.Final()
	if !final && d.streams.on {
		a.Small, a.Controls = "", 0 // what is in a stream cannot be taken back
	}
	pages := d.showLocked(a)
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
		if at := d.sealed + i; at < len(d.sent) { // what the message shows is no second copy of what it is to show
			if shown := &d.sent[at].content.markdown; strings.HasPrefix(c.markdown, *shown) {
				*shown = c.markdown[:len(*shown)]
			}
		}
		d.wants = append(d.wants, w)
	}
	if n := len(d.wants); n > 0 && final {
		d.wants[n-1].end = len(a.Text)
	}
	d.wantsRev, d.wantsLen = d.rev, len(a.Text)
}

// nextLocked returns the next call: to which message, and of what kind. Messages are brought up to
// date from the first to the last, so that a reader never misses a piece in between.
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
	// After the answer was rewritten, it may need fewer messages than there are.
	if last := len(d.sent) - 1; last >= 0 && (removed || last >= d.sealed+len(d.wants) && len(d.wants) > 0) {
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

// Untidy reports whether messages of the answer still wait for their cleanup. If this process ends
// before, another one has to do it.
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

// loadLocked returns what pace has to know. Unless exact is set, it renders only now and then.
func (d *draft) loadLocked(exact bool) pace.Load {
	l := pace.Load{Text: d.chars, Rev: d.rev, Closing: d.answer.Phase.Final()}
	if (d.uneditable || d.silent && d.answer.Notice == "") && !l.Closing {
		if d.silent {
			l.Text = 0 // nobody waits for it
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
			l.Next = pace.Start // pace also counts the streams to come
		}
		d.last = l
		return l
	}
	l.Dirty, l.Next = true, pace.Edit
	switch {
	case d.streams.on || d.last.Dirty && d.last.Next == pace.Post:
		// The next page is due until it is there.
		l.Next = d.last.Next
	case len(d.sent) <= d.sealed:
		l.Next = pace.Post
	}
	return l
}
