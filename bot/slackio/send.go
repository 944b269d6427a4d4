package slackio

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"llmbot/bot"
	"llmbot/bot/pace"
)

// Send makes one call for pace.
func (d *draft) Send(ctx context.Context, k pace.Kind, _ bool) pace.Outcome {
	if d.reply.Check != nil {
		if err := d.reply.Check(); err != nil {
			return d.forbidden(err)
		}
	}
	d.mu.Lock()
	d.renderLocked()
	if k == pace.Continue {
		d.fixLocked()
		d.renderLocked()
	}
	at, next := d.nextLocked()
	if next == pace.None || next.Method() != k.Method() {
		out := pace.Outcome{Shown: d.shown, Load: d.loadLocked(true), Skipped: true}
		d.mu.Unlock()
		return out
	}
	c := d.callLocked(at, next)
	text, unsure := d.answer.Text, d.unsure
	d.mu.Unlock()

	switch next {
	case pace.Post:
		ts, found, err := d.s.post(ctx, c, unsure)
		if err != nil {
			return d.refused(c, err)
		}
		d.status.end(false)
		if d.reply.Posted != nil {
			d.reply.Posted(ts)
		}
		if found {
			c.content, c.end = content{}, 0 // what it shows is not known: it is edited next
		}
		return d.posted(c, ts, text)
	case pace.Delete:
		return d.deleted(c, d.s.remove(ctx, c))
	default:
		if err := d.s.edit(ctx, c); err != nil {
			return d.refused(c, err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.visibleLocked(c, text)
	}
}

// callLocked is the call that brings message at to what it is to be.
func (d *draft) callLocked(at int, next pace.Kind) call {
	c := call{thread: d.thread, reply: d.reply, page: at}
	switch {
	case next == pace.Delete:
	case at < d.fixed:
		c.content, c.end = *d.sent[at].tidy, d.sent[at].end
	default:
		c.content, c.end = d.want[at-d.fixed], d.ends[at-d.fixed]
	}
	if at < len(d.sent) {
		c.ts = d.sent[at].ts
	}
	for _, m := range d.sent {
		c.known = append(c.known, m.ts)
	}
	return c
}

func (d *draft) posted(c call, ts, text string) pace.Outcome {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsure = false
	d.sent = append(d.sent, sent{ts: ts})
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

// visibleLocked notes that a message shows what it was to show when the text was text.
func (d *draft) visibleLocked(c call, text string) pace.Outcome {
	m := &d.sent[c.page]
	m.content, m.end, m.stale = c.content, c.end, false
	upto := text[:min(c.end, len(text))]
	if !strings.HasPrefix(d.answer.Text, upto) { // it was written anew during the call
		m.end, m.stale = commonPrefix(d.answer.Text, upto), true
	}
	if c.page == len(d.sent)-1 && c.content != (content{}) {
		d.shown = utf8.RuneCountInString(upto)
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
	case transient:
		d.mu.Lock()
		d.unsure = d.unsure || c.ts == ""
		d.mu.Unlock()
		return d.outcome(err, false)
	default:
		d.mu.Lock()
		mended := d.mendLocked(c, f)
		d.mu.Unlock()
		if mended {
			return d.outcome(nil, false)
		}
		return d.outcome(err, f.kind == denied)
	}
}

// forbidden is the outcome of a write that Check does not allow.
func (d *draft) forbidden(err error) pace.Outcome {
	out := d.outcome(err, !errors.Is(err, bot.ErrNotNow))
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
