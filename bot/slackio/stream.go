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

// The values of Config.Stream.
const (
	StreamAuto   = "auto"   // native streams in direct messages, edits elsewhere; the default
	StreamEdit   = "edit"   // edits everywhere
	StreamNative = "native" // native streams everywhere; in channels only the asker sees them grow
	StreamOff    = "off"    // only the finished answer is posted
)

const (
	// streamAge is the age at which a stream is stopped and another begun. Slack ends a stream
	// after 5.2 minutes, whatever is appended; other bots rotate from 240 s on (facts/slack.md
	// §2.3). The difference gives the stop time to get its turn.
	streamAge = 225 * time.Second
	// streamGone is the age at which Slack has certainly ended a stream.
	streamGone = 6 * time.Minute
	// maxStuck is how often we try to stop a stream that Slack lets us neither stop nor edit.
	maxStuck = 3
	// stopTimeout is how long we try to stop streams outside of pace, when pace will not do it any
	// more.
	stopTimeout = 3 * time.Second
	// clockSkew is how far Slack's clock may be behind ours.
	clockSkew = 5 * time.Second
)

// streams is the state of an answer's native streams. draft.mu guards it.
type streams struct {
	on    bool      // the next message is a stream; once false it stays false
	late  bool      // Slack refuses the stop for now, and the text was appended instead
	tried time.Time // when the first start began that failed but may have been carried out
	busy  bool      // a call is under way
	over  bool      // pace makes no more calls: whoever finds a live stream stops it
	timer *time.Timer
	timed sync.WaitGroup // waits for timer's function
}

// stream is the state of a message as a native stream. A live stream can be appended to and
// stopped, and nothing else.
type stream struct {
	live  bool
	bare  bool // Slack refused our text: stop it with nothing, then edit it
	stuck int  // how often Slack refused even that
	began time.Time
}

// startLane opens the lane and decides whether the answer is streamed.
func (d *draft) startLane() {
	s := d.s
	s.streaming.Lock() // so that StreamFits counts one draft after the other
	defer s.streaming.Unlock()
	native := false
	switch s.cfg.Stream {
	case StreamAuto, "":
		native = direct(d.thread.Channel)
	case StreamNative:
		native = direct(d.thread.Channel) || d.reply.User != ""
	}
	d.streams.on = native && len(d.sent) == 0 && !s.streamsOff() && s.pace.StreamFits()
	d.lane = s.pace.Open(d.thread.Channel, d)
	if !d.streams.on {
		d.reset(render.MessageLimits())
		return
	}
	d.reset(render.StreamLimits())
	d.lane.Set(pace.Load{Next: pace.Start})
}

// direct reports whether a conversation is between one person and the bot.
func direct(channel string) bool { return strings.HasPrefix(channel, "D") }

// chooseLocked falls back to edits where a stream cannot show what is to be shown, or would be
// late.
func (d *draft) chooseLocked() {
	if !d.streams.on {
		return
	}
	final, first := d.answer.Phase.Final(), len(d.sent) == 0
	if !final && d.answer.Notice != "" || first && final || first && d.answer.Text != "" && d.s.pace.Left(pace.MethodStart, 0) < 1 {
		d.fallLocked()
	}
}

// fallLocked falls back to edits for the rest of this answer.
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

// streamNextLocked returns the call that the live stream of wants[i] needs.
func (d *draft) streamNextLocked(i int) pace.Kind {
	w, m := d.wants[i], &d.sent[d.sealed+i]
	switch {
	case !d.fitsLocked(m, w.content):
		return pace.Stop
	case d.streams.late && m.content.markdown == w.content.markdown:
		return pace.None // the stop comes at the end
	case !d.streams.on, d.answer.Phase.Final(), i < len(d.wants)-1, time.Since(m.stream.began) >= streamAge:
		return pace.Stop
	case len(w.open) > len(m.content.markdown), len(d.newsLocked(m)) > 0:
		return pace.Append
	}
	return pace.None
}

// fitsLocked reports whether a stream can become c by appending. A page that was cut for messages
// may be too large for a stream, when the answer has ended while the stream was being started.
func (d *draft) fitsLocked(m *sent, c content) bool {
	return !m.stream.bare && !c.plain && len(c.markdown) <= render.StreamLimits().Bytes && m.content != (content{}) && strings.HasPrefix(c.markdown, m.content.markdown)
}

// streamCallLocked completes a call to a stream. A stream that cannot become what it is to show is
// only stopped, and edited afterwards.
func (d *draft) streamCallLocked(c call, next pace.Kind, whole bool) call {
	if next == pace.Start {
		w := d.wants[c.at-d.sealed]
		c.content = content{markdown: w.open}
		c.chunk, c.hidden = w.open, strings.TrimPrefix(w.content.markdown, w.open)
		c.page.whole = c.hidden == ""
		c.steps = d.newsLocked(nil)
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
			if len(open) < len(m.content.markdown) { // a call of a tool alone is new
				open = m.content.markdown
			}
			c.hidden = strings.TrimPrefix(c.content.markdown, open)
			c.content.markdown = open
		}
		c.page.whole = c.hidden == ""
	}
	c.chunk = c.content.markdown[len(m.content.markdown):]
	if c.steps = d.newsLocked(m); next == pace.Stop {
		c.steps = d.endedLocked(m)
	}
	return c
}

// rollLocked ends the page of a live stream that is too old or full, and decides how the answer
// goes on.
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

// continueLocked returns the call that shows a final whose edit or stop Slack refuses for too long:
// the text of a live stream can be appended, other text goes into a new message.
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

// mendStreamLocked changes the draft after a call failed because of a stream, and reports whether
// another call can be made at once. If not, pace waits, or mendLocked decides.
//
//	call    failure                     new state                             then
//	start   limited                     edits                                 pause, post
//	        transient                   edits, a stream may exist             pause, find or post
//	        any other                   edits                                 post
//	post    any                         edits                                 mendLocked decides
//	other   message gone                edits                                 mendLocked drops it
//	append  limited                     unchanged                             pause, append
//	        limited, in a stop's place  edits, bare                           stop with nothing
//	        transient                   edits, bare, content unknown          stop with nothing, edit
//	        unstreamed                  edits, bare, not live                 edit
//	        any other                   edits, bare                           stop with nothing, edit
//	stop    limited, transient          unchanged                             pause, stop
//	        unstreamed                  edits, not live, content unknown      edit
//	        any other                   edits, bare                           stop with nothing
//	        any other, bare             edits, not live, one more stuck       edit
//	edit    still streaming,            edits, live, bare                     stop with nothing
//	        stuck < maxStuck
//	        any other                   unchanged                             mendLocked decides
//
// A stream is unstreamed when it has expired, or when an earlier stop was carried out although it
// failed.
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
	case next == pace.Stop && f.kind == unstreamed:
		d.fallLocked()
		m.stream.live, m.content, m.page.whole = false, content{}, false
	case next == pace.Stop && !m.stream.bare && !c.bare:
		d.fallLocked()
		m.stream.bare = true
	case next == pace.Stop:
		d.fallLocked()
		m.stream.live = false // perhaps an edit is accepted
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

// startedLocked records a new stream, and has it replaced when it is streamAge old.
func (d *draft) startedLocked(m *sent, began time.Time) {
	m.stream.live, m.stream.began = true, began
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
		d.lane.Set(load) // the text may not grow for a while, so nothing else would stop it in time
	})
}

func (d *draft) stopTimerLocked() {
	if t := d.streams.timer; t != nil && t.Stop() {
		d.streams.timed.Done()
	}
	d.streams.timer = nil
}

// endStreams returns when no stream of the answer needs the draft any more. After an error it
// leaves none live, as far as possible.
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

// hasCleanup reports whether calls are left to be made, such as edits that take small print away.
func (d *draft) hasCleanup() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.renderLocked()
	_, next := d.nextLocked()
	return d.streams.busy || next != pace.None
}

// handOver abandons the draft if another answer takes over its messages.
func (d *draft) handOver(ids []string) {
	d.mu.Lock()
	ours := slices.ContainsFunc(d.sent, func(m sent) bool { return slices.Contains(ids, m.ts) })
	d.mu.Unlock()
	if ours {
		d.lane.Abandon()
		d.s.forget(d, false)
	}
}

// stopStreams stops what is still streaming when pace will not do it any more, for Slack would show
// it as unfinished for ever.
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

// streamToStop returns the call that stops a live stream; not ok if there is none, or Send will
// stop it.
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

// hiddenChars returns how many characters of the text that c reaches to are not visible yet.
func (c call) hiddenChars() int { return utf8.RuneCountInString(c.hidden) }

// note remembers an answer until forget.
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

// forget drops an answer that is closed. It keeps one that has cleanup left for as long as a stream
// can last.
func (s *Slack) forget(d *draft, hasCleanup bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.drafts[d]; known && hasCleanup {
		s.drafts[d] = time.Now()
		return
	}
	delete(s.drafts, d)
}

// untidy returns the answers that may need cleanup: those that are closed; with all, the others
// too.
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

// streamsOff reports whether Slack has refused the stream methods for good.
func (s *Slack) streamsOff() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noStream
}

// latch records a refusal that is for good.
func (s *Slack) latch(f failure) {
	if !forGood(f.reason) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noStream = true
}
