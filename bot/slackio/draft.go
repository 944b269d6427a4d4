package slackio

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// renderEvery is how many bytes an answer grows until Set looks whether it has outgrown its page: rendering at every token would
// cost more than all the rest of a busy bot.
const renderEvery = 512

// draft is an answer in a thread. Set only stores; pace calls Send when it is this answer's turn.
type draft struct {
	s      *Slack
	thread bot.Thread
	reply  bot.Reply
	lane   *pace.Lane
	status *statusLine

	mu       sync.Mutex // guards all below; never held across a call
	answer   bot.Answer
	rev      uint64 // counts the changes of answer
	chars    int    // of answer.Text
	doc      *render.Doc
	base     int       // offset in the text at which doc begins: what is before it stands in fixed messages
	fixed    int       // messages that do not change any more
	want     []content // of the messages from fixed on, as of wantRev
	ends     []int     // offsets in the text up to which they reach
	wantRev  uint64
	wantLen  int // bytes of text in want
	sent     []sent
	shown    int  // characters visible
	smaller  int  // how often the content was refused
	unsure   bool // a post may have been carried out although it failed
	tidy     map[int]content // what fixed messages are to become when all else is visible
}

// sent is a message that Slack has.
type sent struct {
	ts      string
	content content
	end     int // offset in the text up to which it reaches
}

// Open begins an answer, or takes over one. It does not block.
func (s *Slack) Open(ctx context.Context, t bot.Thread, r bot.Reply) (bot.Draft, error) {
	d := &draft{s: s, thread: t, reply: r, doc: render.New(render.MessageLimits())}
	for _, ts := range r.Adopt {
		d.sent = append(d.sent, sent{ts: ts})
	}
	d.lane = s.pace.Open(t.Channel, d)
	d.status = s.newStatusLine(ctx, t)
	return d, nil
}

// Set takes the newest state. It never blocks for the network.
func (d *draft) Set(a bot.Answer) {
	d.mu.Lock()
	d.setLocked(a)
	load := d.loadLocked(false)
	quiet := len(d.sent) > 0
	d.mu.Unlock()
	if quiet {
		d.status.end()
	} else {
		d.status.set(a.Status)
	}
	d.lane.Set(load)
}

// Close returns when a is visible, or says why not.
func (d *draft) Close(ctx context.Context, a bot.Answer) error {
	d.mu.Lock()
	d.setLocked(a)
	load := d.loadLocked(true)
	d.mu.Unlock()
	err := d.lane.Close(ctx, load)
	d.status.end()
	d.status.wait()
	if err != nil {
		return fmt.Errorf("show the answer in %s: %w", d.thread, err)
	}
	return nil
}

func (d *draft) setLocked(a bot.Answer) {
	old := d.answer.Text
	if strings.HasPrefix(a.Text, old) {
		d.chars += utf8.RuneCountInString(a.Text[len(old):])
	} else {
		d.chars = utf8.RuneCountInString(a.Text)
		if d.base > 0 && !strings.HasPrefix(a.Text, old[:min(d.base, len(old))]) {
			// Written anew after a part was fixed: all of it is shown again, in the same messages.
			d.base, d.fixed, d.doc = 0, 0, render.New(render.MessageLimits())
		}
	}
	d.answer = a
	d.rev++
}

// renderLocked brings want up to date.
func (d *draft) renderLocked() {
	if d.wantRev == d.rev {
		return
	}
	text, head := resume(d.answer.Text, d.base)
	pages := d.doc.Set(text, d.answer.Phase.Final())
	a := d.answer
	d.want = contents(pages, a, d.smaller >= plainAfter)
	d.ends = d.ends[:0]
	for _, p := range pages {
		d.ends = append(d.ends, min(max(d.base+p.End-head, d.base), len(a.Text)))
	}
	if len(pages) > 0 && a.Phase.Final() {
		d.ends[len(pages)-1] = len(a.Text)
	}
	if len(pages) == 0 && len(d.want) > 0 {
		d.ends = append(d.ends, d.base)
	}
	d.wantRev, d.wantLen = d.rev, len(a.Text)
}

// nextLocked is the next call: which message, and what kind. The messages are made right from the first to the last, so that a
// reader never misses a piece in between.
func (d *draft) nextLocked() (int, pace.Kind) {
	for i, w := range d.want {
		at := d.fixed + i
		switch {
		case at >= len(d.sent):
			return at, pace.Post
		case d.sent[at].content != w:
			return at, pace.Edit
		}
	}
	if !d.answer.Phase.Final() {
		return 0, pace.None
	}
	if len(d.sent) > d.fixed+len(d.want) && len(d.want) > 0 {
		return len(d.sent) - 1, pace.Delete // an answer written anew was shorter
	}
	for at, c := range d.tidy {
		if at < len(d.sent) && d.sent[at].content != c {
			return at, pace.Edit
		}
	}
	return 0, pace.None
}

// loadLocked is what pace has to know. Unless exact is set it renders only now and then.
func (d *draft) loadLocked(exact bool) pace.Load {
	l := pace.Load{Text: d.chars, Rev: d.rev, Closing: d.answer.Phase.Final()}
	if exact || d.wantLen == 0 || len(d.answer.Text) < d.wantLen || len(d.answer.Text)-d.wantLen >= renderEvery || l.Closing {
		d.renderLocked()
	}
	if d.wantRev == d.rev {
		_, l.Next = d.nextLocked()
		l.Dirty = l.Next != pace.None
		return l
	}
	l.Dirty, l.Next = true, pace.Edit
	if len(d.sent) <= d.fixed {
		l.Next = pace.Post
	}
	return l
}

// Send makes one call for pace.
func (d *draft) Send(ctx context.Context, k pace.Kind, _ bool) pace.Outcome {
	if d.reply.Check != nil {
		if err := d.reply.Check(); err != nil {
			return d.outcome(err, true)
		}
	}
	d.mu.Lock()
	d.renderLocked()
	if k == pace.Continue {
		d.fixLocked()
	}
	at, next := d.nextLocked()
	if next == pace.None || next.Method() != k.Method() {
		out := pace.Outcome{Shown: d.shown, Load: d.loadLocked(true), Skipped: true}
		d.mu.Unlock()
		return out
	}
	c := call{thread: d.thread, reply: d.reply, page: at}
	switch {
	case next == pace.Delete:
	case at < d.fixed:
		c.content, c.end = d.tidy[at], d.sent[at].end
	default:
		c.content, c.end = d.want[at-d.fixed], d.ends[at-d.fixed]
	}
	if at < len(d.sent) {
		c.ts = d.sent[at].ts
	}
	text, unsure := d.answer.Text, d.unsure
	d.mu.Unlock()

	switch next {
	case pace.Post:
		ts, err := d.s.post(ctx, c, unsure)
		if err == nil && d.reply.Posted != nil {
			d.reply.Posted(ts)
		}
		d.status.end()
		return d.posted(c, ts, text, err)
	case pace.Delete:
		return d.deleted(c, d.s.remove(ctx, c))
	default:
		return d.edited(c, text, d.s.edit(ctx, c))
	}
}

func (d *draft) posted(c call, ts, text string, err error) pace.Outcome {
	if err != nil {
		return d.refused(c, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsure = false
	d.sent = append(d.sent, sent{ts: ts, content: c.content, end: c.end})
	return d.visibleLocked(c, text)
}

func (d *draft) edited(c call, text string, err error) pace.Outcome {
	if err != nil {
		return d.refused(c, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent[c.page].content, d.sent[c.page].end = c.content, c.end
	return d.visibleLocked(c, text)
}

func (d *draft) deleted(c call, err error) pace.Outcome {
	if f := classify(err); err != nil && f.kind != gone && f.kind != denied {
		return d.refused(c, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = d.sent[:c.page]
	return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
}

// visibleLocked counts what can be read now.
func (d *draft) visibleLocked(c call, text string) pace.Outcome {
	if c.page == len(d.sent)-1 {
		d.shown = utf8.RuneCountInString(text[:min(c.end, len(text))])
	}
	return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
}

// refused decides what a failed call means for the answer.
func (d *draft) refused(c call, err error) pace.Outcome {
	f := classify(err)
	d.s.log.Warn("answer_call_failed", "thread", d.thread.String(), "ask", d.reply.For, "message", c.ts, "page", c.page, "reason", f.reason, "error", err)
	switch f.kind {
	case limited:
		out := d.outcome(err, false)
		out.RetryAfter = f.retryAfter
		return out
	case tooLong:
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.smaller > plainAfter {
			return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true), Err: err, Failed: true}
		}
		d.shrinkLocked(c.page)
		return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
	case gone:
		d.mu.Lock()
		defer d.mu.Unlock()
		if c.page < len(d.sent) {
			d.sent = append(d.sent[:c.page], d.sent[c.page+1:]...)
		}
		return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
	case transient:
		d.mu.Lock()
		d.unsure = d.unsure || c.ts == ""
		d.mu.Unlock()
		return d.outcome(err, false)
	default:
		return d.outcome(err, true)
	}
}

func (d *draft) outcome(err error, failed bool) pace.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true), Err: err, Failed: failed}
}

var errNoText = errors.New("slack took the message without naming it")
