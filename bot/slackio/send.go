package slackio

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/pace"
)

// Send makes one call for pace, of the kind that pace grants.
func (d *draft) Send(ctx context.Context, k pace.Kind, _ bool) pace.Outcome {
	if err := d.check(); err != nil {
		return d.forbidden(err)
	}
	o, out := d.choose(k)
	if o == nil {
		return out
	}
	defer d.made(ctx)
	out = d.make(ctx, *o)
	// A process may be frozen at any instant, so the lease may have been lost during the call.
	if fenced := d.reply.Fenced; fenced != nil && out.Err == nil && d.check() != nil {
		fenced(d.messageAt(o.call))
	}
	return out
}

// messageAt returns the message that a call has written to.
func (d *draft) messageAt(c call) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.ts == "" && c.at < len(d.sent) {
		return d.sent[c.at].ts
	}
	return c.ts
}

// check returns an error if we may not write now. When all has become visible under our lease, only
// cleanup is left, for the thread has its answer. It is allowed unless Tidy has set a check.
func (d *draft) check() error {
	d.mu.Lock()
	check := d.reply.Check
	if d.complete {
		check = d.tidy
	}
	d.mu.Unlock()
	if check == nil {
		return nil
	}
	return check()
}

// Tidy sets what is asked before each call of the cleanup, as Reply.Check is before the others.
func (d *draft) Tidy(check func() error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidy = check
}

// order is a call that is to be made.
type order struct {
	call   call
	next   pace.Kind
	text   string // of the answer that the call shows
	unsure bool
}

// choose returns the call to make when pace grants one of kind k. Without a call it returns the
// outcome that says why.
func (d *draft) choose(k pace.Kind) (*order, pace.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renderLocked()
	at, next := d.nextLocked()
	whole := false
	if k == pace.Continue {
		if at, next, whole = d.continueLocked(); next == pace.Stop {
			// All text is visible.
			return nil, pace.Outcome{Shown: d.chars, Load: d.loadLocked(true)}
		}
	}
	if next == pace.None || !whole && next.Method() != k.Method() {
		return nil, pace.Outcome{Shown: d.shown, Load: d.loadLocked(true), Skipped: true}
	}
	c := d.callLocked(at, next, whole)
	d.streams.busy, d.calling = true, make(chan struct{})
	d.posting = next == pace.Post || next == pace.Start
	return &order{c, next, d.answer.Text, d.unsure}, pace.Outcome{}
}

// made ends the bookkeeping of a call.
func (d *draft) made(ctx context.Context) {
	d.mu.Lock()
	d.streams.busy, d.posting = false, false
	over := d.streams.over
	close(d.calling)
	d.calling = nil
	d.mu.Unlock()
	if over {
		d.stopStreams(ctx)
	}
}

// make makes a call and returns its outcome.
func (d *draft) make(ctx context.Context, o order) pace.Outcome {
	c, next, text := o.call, o.next, o.text
	var err error
	switch next {
	case pace.Post:
		var p posted
		if p, err = d.s.post(ctx, c, o.unsure); err == nil {
			if p.found {
				// What the message shows is not known, so it is edited next.
				c.content, c.page, c.end = content{}, pageRef{}, -1
			}
			return d.posted(c, p, text)
		}
	case pace.Start:
		var ts string
		if ts, err = d.s.start(ctx, c); err == nil {
			return d.posted(c, posted{ts: ts, live: true}, text)
		}
	case pace.Append:
		err = d.s.appendTo(ctx, c)
	case pace.Stop:
		err = d.s.stop(ctx, c)
	case pace.Delete:
		return d.deleted(c, d.s.remove(ctx, c))
	case pace.Edit, pace.Continue, pace.None:
		err = d.s.edit(ctx, c)
	}
	if err != nil {
		return d.refused(c, next, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if next == pace.Stop {
		d.sent[c.at].stream.live = false
		d.stopTimerLocked()
	}
	d.streams.late = d.streams.late || c.late
	return d.visibleLocked(c, text)
}

// callLocked returns the call that brings message at up to date. whole appends all of a page, the
// undecided end too.
func (d *draft) callLocked(at int, next pace.Kind, whole bool) call {
	if next == pace.Stop {
		d.rollLocked(at)
	}
	c := call{thread: d.thread, reply: d.reply, at: at, end: -1, late: whole, began: time.Now(), tried: d.streams.tried}
	switch i := at - d.sealed; {
	case next == pace.Delete:
	case i >= 0 && i < len(d.wants):
		c.content, c.end, c.page = d.wants[i].content, d.wants[i].end, d.pageRefLocked(i)
	case i < 0 && d.sent[at].cleanup != nil:
		c.content, c.page = *d.sent[at].cleanup, d.sent[at].page
	case i < 0:
		c.content, c.page = d.sent[at].content, d.sent[at].page
	}
	if at < len(d.sent) {
		c.ts = d.sent[at].ts
	}
	for _, m := range d.sent {
		c.known = append(c.known, m.ts)
	}
	if next == pace.Start || next == pace.Append || next == pace.Stop {
		c = d.streamCallLocked(c, next, whole)
	}
	return c
}

func (d *draft) posted(c call, p posted, text string) pace.Outcome {
	d.status.posted(c.began)
	if d.reply.Posted != nil {
		d.reply.Posted(p.ts)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsure, d.streams.tried = false, time.Time{}
	m := sent{ts: p.ts}
	m.tell(c.steps)
	if p.live {
		d.startedLocked(&m, c.began)
	}
	d.sent = append(d.sent, m)
	return d.visibleLocked(c, text)
}

func (d *draft) deleted(c call, err error) pace.Outcome {
	f := classify(err)
	if err != nil && f.kind != gone && f.kind != denied {
		return d.refused(c, pace.Delete, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case err != nil && f.kind == denied && c.at < d.sealed:
		// It stays, and gets a text that says what it is.
		d.mendLocked(c, f)
		return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
	case c.at < d.sealed:
		d.sealed--
	}
	d.sent = slices.Delete(d.sent, c.at, c.at+1)
	return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
}

// visibleLocked records that c's message shows what it was to show when the answer was text.
func (d *draft) visibleLocked(c call, text string) pace.Outcome {
	m := &d.sent[c.at]
	m.content, m.page = c.content, c.page
	m.tell(c.steps)
	// The answer was rewritten during the call.
	if !strings.HasPrefix(d.answer.Text, text) {
		m.page.whole = false
	}
	if c.at == len(d.sent)-1 && c.end >= 0 {
		d.shown = max(0, utf8.RuneCountInString(text[:min(c.end, len(text))])-c.hiddenChars())
	}
	return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true)}
}

// refused decides what a failed call means for the answer.
func (d *draft) refused(c call, next pace.Kind, err error) pace.Outcome {
	f := classify(err)
	if f.kind == limited {
		d.s.limited()
	}
	d.s.log.Warn("answer_call_failed", "thread", d.thread.String(), "ask", d.reply.For, "call", next.String(), "message", c.ts, "page", c.at,
		"reason", f.reason, "error", err)
	if next == pace.Start || next == pace.Append || next == pace.Stop {
		d.s.latch(f)
	}
	d.mu.Lock()
	mended := d.mendStreamLocked(c, next, f)
	if !mended && f.kind == transient && c.ts == "" {
		d.unsure = true
	}
	if !mended && f.kind != limited && f.kind != transient {
		mended = d.mendLocked(c, f)
	}
	d.mu.Unlock()
	switch {
	case mended:
		return d.outcome(nil, false)
	case f.kind == limited:
		out := d.outcome(err, false)
		out.RetryAfter = f.retryAfter
		return out
	default:
		return d.outcome(err, f.kind == denied)
	}
}

// forbidden returns the outcome of a write that Check does not allow: skipped if the lease may be
// renewed, else failed.
func (d *draft) forbidden(err error) pace.Outcome {
	out := d.outcome(err, !errors.Is(err, bot.ErrLeaseUncertain))
	out.Skipped = !out.Failed
	return out
}

func (d *draft) outcome(err error, failed bool) pace.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = d.dead || failed
	return pace.Outcome{Shown: d.shown, Load: d.loadLocked(true), Err: err, Failed: failed}
}

var errNoText = errors.New("slack took the message without naming it")
