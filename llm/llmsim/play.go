package llmsim

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// Why a tape ends before its last step.
var (
	errCut         = errors.New("llmsim: connection cut by the tape")
	errEOF         = errors.New("llmsim: body ended by the tape")
	errDone        = errors.New("llmsim: answer complete")
	errInterrupted = errors.New("llmsim: interrupted")
)

// call is one chat completion being answered. Only its handler's goroutine touches it, except brk.
type call struct {
	s    *Server
	ctx  context.Context //nolint:containedctx // of the request, for as long as its handler runs
	w    http.ResponseWriter
	rc   *http.ResponseController
	rec  *Request
	chat *Chat
	enc  encoder
	wire Wire
	brk  chan Tape // one interruption
	then Tape      // the tape that brk brought

	limit   int // tokens
	buf     []byte
	timer   *time.Timer
	due     time.Time // of the next token
	lastOut time.Time
	lastTok time.Time
	sched   time.Time

	headers, role, prefilled, finished, ended bool

	pend     piece // text that waits to be sent
	pendN    int   // tokens in it
	deltas   int
	full     string // content so far, kept for stop strings
	fullSent int

	called           []Call          // tools
	content, thought strings.Builder // the whole answer, for one without streaming
	finishPiece      piece
}

// play answers a request that was accepted, from the queue to the end.
func (c *call) play(t Tape) {
	if len(t) > 0 {
		switch t[0].op {
		case opRefuse:
			panic(http.ErrAbortHandler)
		case opReply:
			c.reply(t[0])
			return
		case opHold:
			if err := c.pause(t[0].d); err != nil {
				c.end(err)
				return
			}
			t = t[1:]
		}
	}
	if !c.enc.lateHeaders && !c.enc.firstHeaders {
		c.sendHeaders()
	}
	err := c.acquire()
	if err == nil {
		defer c.release()
		if !c.enc.firstHeaders {
			c.sendHeaders()
		}
		err = c.run(t, true)
	}
	if errors.Is(err, errInterrupted) {
		if c.sched.IsZero() { // it waited in the queue
			c.sched = time.Now()
		}
		err = c.run(c.then, false)
	}
	c.end(err)
}

// run plays a tape to its end and completes the answer. A whole tape ends as a model ends, with a
// last token of its own.
func (c *call) run(t Tape, whole bool) error {
	for _, st := range t {
		if c.finished && (st.op == opText || st.op == opReason || st.op == opFinish || st.op == opCalls) {
			continue // max_tokens or a stop string came first
		}
		if err := c.step(st); err != nil {
			return err
		}
	}
	if !c.finished {
		if err := c.lastToken(whole); err != nil {
			return err
		}
	}
	return c.tail()
}

func (c *call) step(st Step) error {
	switch st.op {
	case opCalls:
		return c.callTools(st.calls)
	case opText:
		if c.wire.Calls == CallsNoText && len(c.chat.Tools) > 0 && len(c.chat.Results()) == 0 {
			return nil
		}
		return c.stream(st.text, false)
	case opReason:
		return c.think(st.text)
	case opChunk, opThought:
		if err := c.prefill(); err != nil {
			return err
		}
		c.count(st.n, st.op == opThought)
		return c.send(piece{kind: pieceText, text: st.text, thought: st.op == opThought})
	case opDelta:
		if err := c.prefill(); err != nil {
			return err
		}
		if err := c.flushPend(); err != nil {
			return err
		}
		c.count(1, false)
		return c.send(piece{kind: pieceText, delta: st.text})
	case opRole:
		return c.sendRole()
	case opRaw:
		c.buf = append(c.buf, st.text...)
		return c.flush()
	case opComment:
		c.line(": " + st.text)
		c.line("")
		return c.flush()
	case opWait:
		return c.pause(st.d)
	case opHold:
		return c.pause(st.d)
	case opStall:
		return c.pause(-1)
	case opFinish:
		return c.finish(st.text, "")
	case opUsage:
		return c.send(piece{kind: pieceUsage})
	case opDone:
		return c.done()
	case opError:
		return c.fail(st)
	case opCut, opRefuse:
		return errCut
	case opEOF:
		if err := c.flushPend(); err != nil {
			return err
		}
		c.sendHeaders()
		return errEOF
	case opReply:
		c.reply(st)
		return errDone
	}
	return nil
}

// think streams reasoning in the form that wire and request ask for.
func (c *call) think(text string) error {
	if c.wire.ThinkTags {
		return c.stream("<think>\n"+text+"\n</think>\n\n", false)
	}
	return c.stream(text, true)
}

// stream sends text token by token.
func (c *call) stream(text string, thought bool) error {
	thought = thought || c.wire.NoThinkingField && !c.chat.Thinking
	pieces := Tokens(text)
	if c.wire.Ragged {
		pieces = ragged(text)
	}
	for _, p := range pieces {
		if err := c.token(p, thought); err != nil || c.finished {
			return err
		}
	}
	return nil
}

// token generates one token: it waits until the token is due, counts it, and sends it or keeps it
// for a fuller chunk.
func (c *call) token(text string, thought bool) error {
	if err := c.await(); err != nil {
		return err
	}
	c.count(1, thought)
	full := c.enc.tokens >= c.limit
	if !thought && len(c.chat.Stop) > 0 {
		var stop string
		if text, stop = c.holdBack(text); stop != "" {
			c.add(text, false)
			return c.finish("stop", stop)
		}
		if full {
			text += c.full[c.fullSent:]
			c.fullSent = len(c.full)
		}
	}
	if c.pendN > 0 && (c.pend.thought != thought || c.wire.TextInFinish) {
		if err := c.flushPend(); err != nil {
			return err
		}
	}
	if !thought || !c.chat.HideThought {
		c.add(text, thought)
	}
	switch need := max(c.wire.Interval, c.enc.interval, c.chat.Interval, 1); {
	case full:
		return c.finish("length", "")
	case c.wire.TextInFinish || c.pendN == 0:
		return nil
	case c.deltas == 0 || c.pendN >= need: // the first token comes alone
		return c.flushPend()
	}
	return nil
}

func (c *call) add(text string, thought bool) {
	c.pend.text += text
	c.pend.thought = thought
	c.pendN++
}

// holdBack takes in a token and returns the part of the text that may be sent. It holds back what
// may become a stop string.
func (c *call) holdBack(text string) (out, stop string) {
	c.full += text
	longest, at := 0, -1
	for _, st := range c.chat.Stop {
		longest = max(longest, len(st))
		if i := strings.Index(c.full[c.fullSent:], st); st != "" && i >= 0 && (at < 0 || c.fullSent+i < at) {
			at, stop = c.fullSent+i, st
		}
	}
	safe := max(len(c.full)-(longest-1), c.fullSent)
	if at >= 0 {
		safe = at
	}
	for safe > c.fullSent && safe < len(c.full) && !utf8.RuneStart(c.full[safe]) {
		safe--
	}
	out = c.full[c.fullSent:safe]
	c.fullSent = safe
	return out, stop
}

// await waits for the next token's time.
func (c *call) await() error {
	if !c.prefilled {
		return c.prefill()
	}
	gap := c.s.interval()
	now := time.Now()
	if c.due = c.due.Add(gap); c.due.Before(now) {
		c.due = now // the client or the machine was slow: do not hurry after it
	}
	return c.pauseUntil(c.due)
}

// prefill returns the wait before the first token.
func (c *call) prefill() error {
	if c.prefilled {
		return c.ctx.Err()
	}
	c.prefilled = true
	if err := c.pause(c.s.cfg.FirstToken); err != nil {
		return err
	}
	c.due = time.Now()
	return nil
}

// lastToken ends the answer as the model does: the end token takes its time and counts. With
// ignore_eos the answer goes on.
func (c *call) lastToken(whole bool) error {
	if !whole {
		return c.finish(c.ends(), "")
	}
	for i := 0; c.chat.IgnoreEOS && !c.finished; i++ {
		if err := c.token(filler(i), false); err != nil {
			return err
		}
	}
	if c.finished {
		return nil
	}
	if err := c.await(); err != nil {
		return err
	}
	c.count(1, false)
	return c.finish(c.ends(), "")
}

// count notes n generated tokens.
func (c *call) count(n int, thought bool) {
	now := time.Now()
	c.enc.tokens += n
	if thought {
		c.enc.thoughts += n
	}
	first := c.lastTok.IsZero()
	gap := now.Sub(c.lastTok)
	c.lastTok = now
	if first {
		c.enc.first = now.Sub(c.sched)
	}
	c.enc.took = now.Sub(c.sched) - c.enc.first
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.rec.Tokens += n
	c.s.kvTokens += n
	m := &c.s.m
	if first {
		c.rec.FirstAt = now
		m.ttft.observe(now.Sub(c.rec.At).Seconds())
		m.promptTokens += c.rec.Prompt
		m.cachedTokens += c.rec.Cached
	} else {
		m.itl.observe(gap.Seconds())
	}
	m.generated += n
	m.iteration.observe(float64(n))
}

// finish sends the finish chunk, with the text that waits where the dialect does so.
func (c *call) finish(reason, stop string) error {
	if c.full != "" && stop == "" && c.fullSent < len(c.full) { // nothing more to hold back for
		c.add(c.full[c.fullSent:], false)
		c.fullSent = len(c.full)
	}
	p := piece{kind: pieceFinish, finish: reason, stop: stop}
	if c.enc.family == familyVLLM && !c.enc.finishBare || c.wire.TextInFinish && c.enc.family == familyVLLM {
		p.text, p.thought = c.pend.text, c.pend.thought
		c.pend, c.pendN = piece{}, 0
	} else if err := c.flushPend(); err != nil {
		return err
	}
	c.finished = true
	c.s.note(c.rec, func(r *Request) { r.Finish = reason })
	return c.send(p)
}

func (c *call) flushPend() error {
	if c.pendN == 0 {
		return nil
	}
	p := c.pend
	p.kind = pieceText
	c.pend, c.pendN = piece{}, 0
	if err := c.send(p); err != nil {
		return err
	}
	if c.wire.EmptyDeltas && c.deltas%3 == 0 {
		return c.send(piece{kind: pieceText})
	}
	return nil
}

func (c *call) sendRole() error {
	if c.role {
		return nil
	}
	c.role = true
	if c.enc.family == familyOllama { // has the role in every delta
		return nil
	}
	return c.send(piece{kind: pieceRole})
}

// tail completes a finished answer.
func (c *call) tail() error {
	if c.enc.usage && !c.wire.UsageInLast {
		if err := c.send(piece{kind: pieceUsage}); err != nil {
			return err
		}
	}
	if c.wire.NoDone {
		return errDone
	}
	return c.done()
}

func (c *call) done() error {
	if c.chat.Stream {
		c.line("data:" + c.space() + "[DONE]")
		c.line("")
	}
	if err := c.flush(); err != nil {
		return err
	}
	return errDone
}

// pause waits for d, sending keep-alive comments; a negative d is for ever.
func (c *call) pause(d time.Duration) error {
	if d < 0 {
		return c.pauseUntil(time.Time{})
	}
	return c.pauseUntil(time.Now().Add(d))
}

func (c *call) pauseUntil(t time.Time) error {
	return c.wait(t, nil)
}

// wait waits until t (for ever if zero) or until ready is closed.
func (c *call) wait(t time.Time, ready <-chan struct{}) error {
	alive := c.enc.keepAlive
	if c.wire.KeepAlive > 0 {
		alive = c.wire.KeepAlive
	}
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		d, timed := time.Until(t), !t.IsZero()
		if timed && d <= 0 {
			return nil
		}
		ping := false
		if next := time.Until(c.lastOut.Add(alive)); alive > 0 && c.headers && (!timed || next < d) {
			d, timed, ping = max(next, 0), true, true
		}
		var tick <-chan time.Time
		if timed {
			if c.timer == nil {
				c.timer = time.NewTimer(d)
			} else {
				c.timer.Reset(d)
			}
			tick = c.timer.C
		}
		select {
		case <-c.ctx.Done():
			return c.ctx.Err()
		case c.then = <-c.brk:
			return errInterrupted
		case <-ready:
			return nil
		case <-tick:
		}
		if ping {
			c.line(c.enc.comment)
			c.line("")
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
}
