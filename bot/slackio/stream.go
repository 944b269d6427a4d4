package slackio

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"llmbot/bot/answer"
	"llmbot/bot/pace"
	"llmbot/bot/render"
)

// Values of Config.Stream.
const (
	StreamAuto   = "auto"   // native streams in direct messages, edits elsewhere; the default
	StreamEdit   = "edit"   // edits everywhere
	StreamNative = "native" // native streams everywhere; in channels only who asked sees them grow
	StreamOff    = "off"    // only the finished answer is posted
)

const (
	// streamAge is how old a stream may be when it is stopped and another goes on: Slack ends it after 5.2 minutes, whatever is
	// appended; other bots rotate from 240 s on (facts/slack.md §2.3). The rest is for the stop to get its turn.
	streamAge = 225 * time.Second
	// streamGone is the age at which Slack has certainly ended a stream.
	streamGone = 6 * time.Minute
	// maxStuck is how often a stream is tried to be stopped that Slack lets us neither stop nor edit.
	maxStuck = 3
	// stopTimeout is how long a stream is tried to be stopped outside of pace, when nobody else will.
	stopTimeout = 3 * time.Second
	// clockSkew is how far Slack's clock may be behind ours.
	clockSkew = 5 * time.Second
)

// streams is what an answer knows of its native streams. draft.mu guards it.
type streams struct {
	on    bool      // the next message is a stream; never again once it is false
	late  bool      // the stop is refused for a while, and the text was appended instead
	tried time.Time // of the first start that may have been carried out although it failed
	busy  bool      // a call is under way
	over  bool      // Close has returned: whoever finds a live stream stops it
	timer *time.Timer
	timed sync.WaitGroup // of timer's function
}

// stream is what is known of a message as a native stream. While it is live, the message can be appended to and stopped, and nothing
// else.
type stream struct {
	live  bool
	bare  bool // Slack refused what we appended or stopped it with: it is stopped with nothing, and then edited
	stuck int  // how often Slack refused even that
	began time.Time
}

// startLane opens the lane, and decides whether the answer is streamed.
func (d *draft) startLane() {
	s := d.s
	s.streaming.Lock() // so that StreamFits counts one after the other
	defer s.streaming.Unlock()
	want := false
	switch s.cfg.Stream {
	case StreamAuto, "":
		want = direct(d.thread.Channel)
	case StreamNative:
		want = direct(d.thread.Channel) || d.reply.User != ""
	}
	d.streams.on = want && len(d.sent) == 0 && !s.streamsOff() && s.pace.StreamFits()
	d.lane = s.pace.Open(d.thread.Channel, d)
	if !d.streams.on {
		d.reset(render.MessageLimits())
		return
	}
	d.reset(render.StreamLimits())
	d.lane.Set(pace.Load{Next: pace.Start})
}

// direct says that only one person and the bot are in a conversation.
func direct(channel string) bool { return strings.HasPrefix(channel, "D") }

// chooseLocked falls back to edits where a stream cannot show what is to be shown, or would be late.
func (d *draft) chooseLocked() {
	if !d.streams.on {
		return
	}
	final, first := d.answer.Phase.Final(), len(d.sent) == 0
	if !final && d.answer.Notice != "" || first && final || first && d.answer.Text != "" && d.s.pace.Left(pace.MethodStart, 0) < 1 {
		d.fallLocked()
	}
}

// fallLocked goes on with edits, for the rest of this answer.
func (d *draft) fallLocked() {
	if !d.streams.on {
		return
	}
	d.streams.on = false
	if len(d.sent) == 0 {
		d.reset(render.MessageLimits())
	}
	d.relayoutLocked()
}

// streamNextLocked is what the live stream of aim i needs.
func (d *draft) streamNextLocked(i int) pace.Kind {
	w, m := d.wants[i], &d.sent[d.sealed+i]
	switch {
	case !d.fitsLocked(m, w.content):
		return pace.Stop
	case d.streams.late && m.content.markdown == w.content.markdown:
		return pace.None // stopped at the end
	case !d.streams.on, d.answer.Phase.Final(), i < len(d.wants)-1, time.Since(m.stream.began) >= streamAge:
		return pace.Stop
	case len(w.open) > len(m.content.markdown):
		return pace.Append
	}
	return pace.None
}

// fitsLocked reports whether a stream becomes c by appending. A page that was cut for messages may be larger
// than a stream: the answer may have ended while the stream was being started.
func (d *draft) fitsLocked(m *sent, c content) bool {
	return !m.stream.bare && !c.plain && len(c.markdown) <= render.StreamLimits().Bytes && m.content != (content{}) && strings.HasPrefix(c.markdown, m.content.markdown)
}

// streamCallLocked completes a call to a stream. A stream that cannot become what it is to be is only stopped, and edited then.
func (d *draft) streamCallLocked(c call, next pace.Kind, whole bool) call {
	if next == pace.Start {
		w := d.wants[c.at-d.sealed]
		c.content = content{markdown: w.open}
		c.chunk, c.hidden = w.open, strings.TrimPrefix(w.content.markdown, w.open)
		c.page.whole = c.hidden == ""
		return c
	}
	m := &d.sent[c.at]
	if c.at >= d.sealed+len(d.wants) || !d.fitsLocked(m, c.content) {
		d.fallLocked()
		c.content, c.page, c.end, c.bare = m.content, m.page, -1, true
		return c
	}
	if next == pace.Append {
		c.content = content{markdown: c.content.markdown}
		if open := d.wants[c.at-d.sealed].open; !whole {
			c.hidden = strings.TrimPrefix(c.content.markdown, open)
			c.content.markdown = open
		}
		c.page.whole = c.hidden == ""
	}
	c.chunk = c.content.markdown[len(m.content.markdown):]
	return c
}

// rollLocked ends the page of a live stream that is too old, or full, and decides how the answer goes on.
func (d *draft) rollLocked(at int) {
	if d.answer.Phase.Final() || !d.streams.on || at < d.sealed {
		return
	}
	i := at - d.sealed
	if !d.fitsLocked(&d.sent[at], d.wants[i].content) {
		return
	}
	if i == len(d.wants)-1 {
		d.do(step{at: len(d.answer.Text)})
		d.rev++
		d.renderLocked()
	}
	if !d.s.pace.StreamFits() {
		d.fallLocked()
		d.renderLocked()
	}
}

// continueLocked is what is done for a final whose edit, or stop, is refused for too long. The text of a live stream can be appended;
// else it goes on in a new message.
func (d *draft) continueLocked() (at int, next pace.Kind, whole bool) {
	at, next = d.nextLocked()
	if d.answer.Phase == answer.Removed {
		return at, next, false
	}
	if next == pace.Stop && at >= d.sealed && at < d.sealed+len(d.wants) {
		if m, c := &d.sent[at], d.wants[at-d.sealed].content; d.fitsLocked(m, c) {
			if c.markdown != m.content.markdown {
				return at, pace.Append, true
			}
			d.streams.late = true
			at, next = d.nextLocked()
			return at, next, false
		}
	}
	d.sealLocked()
	d.renderLocked()
	at, next = d.nextLocked()
	return at, next, false
}

// mendStreamLocked draws the conclusion from a call that failed because of a stream. false: there is none.
func (d *draft) mendStreamLocked(c call, next pace.Kind, f failure) bool {
	if next == pace.Start {
		d.fallLocked()
		if f.kind == transient && d.streams.tried.IsZero() {
			d.streams.tried = c.began
		}
		return f.kind != limited && f.kind != transient
	}
	if c.at >= len(d.sent) || f.kind == gone {
		d.fallLocked()
		return false
	}
	m := &d.sent[c.at]
	switch {
	case next == pace.Append && f.kind == limited && !c.late:
		return false
	case next == pace.Append:
		d.fallLocked()
		m.stream.bare = true
		if f.kind == transient { // it may have been carried out
			m.content, m.page.whole = content{}, false
		}
		if f.kind == unstreamed {
			m.stream.live = false
		}
	case next == pace.Stop && (f.kind == limited || f.kind == transient):
		return false
	case next == pace.Stop && f.kind == unstreamed: // it has expired, or an earlier stop was carried out
		d.fallLocked()
		m.stream.live, m.content, m.page.whole = false, content{}, false
	case next == pace.Stop && !m.stream.bare && !c.bare:
		d.fallLocked()
		m.stream.bare = true
	case next == pace.Stop:
		d.fallLocked()
		m.stream.live = false // perhaps it can be edited
		m.stream.stuck++
	case next == pace.Edit && f.reason == errStreaming && m.stream.stuck < maxStuck:
		d.fallLocked()
		m.stream.live, m.stream.bare = true, true
	default:
		return false
	}
	d.rev++
	return true
}

// startedLocked notes a new stream.
func (d *draft) startedLocked(m *sent, began time.Time) {
	m.stream = stream{live: true, began: began}
	if d.streams.over {
		return
	}
	d.stopTimerLocked()
	d.streams.timed.Add(1)
	d.streams.timer = time.AfterFunc(streamAge-time.Since(began), func() {
		defer d.streams.timed.Done()
		d.mu.Lock()
		load := d.loadLocked(true)
		d.mu.Unlock()
		d.lane.Set(load) // the text may not grow for a while
	})
}

func (d *draft) stopTimerLocked() {
	if t := d.streams.timer; t != nil && t.Stop() {
		d.streams.timed.Done()
	}
	d.streams.timer = nil
}

// endStreams returns when no stream of the answer needs the draft any more. After an error none is left live, as far as possible.
func (d *draft) endStreams(ctx context.Context, err error) {
	d.mu.Lock()
	d.complete, d.streams.over = err == nil, err != nil
	d.stopTimerLocked()
	d.mu.Unlock()
	d.streams.timed.Wait()
	if err != nil {
		d.stopStreams(ctx)
	}
	d.s.forget(d, err == nil && d.hasCleanup())
}

// owes says that something is left to be tidied up.
func (d *draft) hasCleanup() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renderLocked()
	_, next := d.nextLocked()
	return d.streams.busy || next != pace.None
}

// yield lets go of messages that another answer takes over.
func (d *draft) handOver(ids []string) {
	d.mu.Lock()
	ours := slices.ContainsFunc(d.sent, func(m sent) bool { return slices.Contains(ids, m.ts) })
	d.mu.Unlock()
	if ours {
		d.lane.Abandon()
		d.s.forget(d, false)
	}
}

// stopStreams stops what is still streaming when pace does not do it any more: Slack would show it as unfinished for ever.
func (d *draft) stopStreams(ctx context.Context) {
	if d.check() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for {
		c, ok := d.streamToStop()
		if !ok {
			return
		}
		err := d.s.stop(ctx, c)
		if err != nil {
			d.s.log.WarnContext(ctx, "stream_not_stopped", "thread", d.thread.String(), "ask", d.reply.For, "message", c.ts, "error", err)
		}
		d.streamStopped(c, err)
	}
}

// streamToStop is the call that stops a live stream; not ok if there is none, or Send will do it.
func (d *draft) streamToStop() (call, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams.over = true
	at := slices.IndexFunc(d.sent, func(m sent) bool { return m.stream.live })
	if at < 0 || d.streams.busy {
		return call{}, false
	}
	d.streams.busy = true
	d.renderLocked()
	return d.callLocked(at, pace.Stop, false), true
}

func (d *draft) streamStopped(c call, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams.busy = false
	d.sent[c.at].stream.live = false
	if err == nil {
		d.sent[c.at].content, d.sent[c.at].page = c.content, c.page
	}
}

// hiddenChars is how many characters of what c reaches to are not visible yet.
func (c call) hiddenChars() int { return utf8.RuneCountInString(c.hidden) }

// note remembers an answer, until forget.
func (s *Slack) note(d *draft) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for old, closed := range s.drafts {
		if !closed.IsZero() && time.Since(closed) > streamGone {
			delete(s.drafts, old)
		}
	}
	s.drafts[d] = time.Time{}
}

// forget lets go of an answer that is closed; one that is not tidy is kept for as long as a stream can last.
func (s *Slack) forget(d *draft, hasCleanup bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.drafts[d]; known && hasCleanup {
		s.drafts[d] = time.Now()
		return
	}
	delete(s.drafts, d)
}

// untidy are the answers that may have something to be tidied up; all: those that are not closed, too.
func (s *Slack) untidy(all bool) []*draft {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*draft
	for d, closed := range s.drafts {
		if all || !closed.IsZero() {
			out = append(out, d)
		}
	}
	return out
}

// stopStreams stops all streams that are left.
func (s *Slack) stopStreams(ctx context.Context) {
	var all sync.WaitGroup
	for _, d := range s.untidy(true) {
		all.Go(func() { d.stopStreams(ctx) })
	}
	all.Wait()
}

// streamsOff says that Slack does not have the methods, or not for us.
func (s *Slack) streamsOff() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noStream
}

// latch notes a refusal that is for good.
func (s *Slack) latch(f failure) {
	if !forGood(f.reason) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noStream = true
}
