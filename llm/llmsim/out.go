package llmsim

import (
	"context"
	"net/http"
	"time"
)

// send writes one event, the role chunk before the first text.
func (c *call) send(p piece) error {
	if p.kind == pieceText || p.kind == pieceFinish {
		if err := c.sendRole(); err != nil {
			return err
		}
	}
	switch {
	case p.kind == pieceFinish:
		c.finishPiece = p
		fallthrough
	case p.kind == pieceText:
		if p.thought {
			c.thought.WriteString(p.text)
		} else {
			c.content.WriteString(p.text)
		}
		c.deltas++
	}
	if !c.chat.Stream {
		return c.ctx.Err()
	}
	if c.wire.EventLines {
		c.line("event: message")
	}
	c.buf = append(c.buf, "data:"...)
	c.buf = append(c.buf, c.space()...)
	c.buf = c.enc.chunk(c.buf, p)
	c.line("")
	c.line("")
	switch {
	case p.kind == pieceRole && c.enc.joinFirst,
		p.kind == pieceFinish && c.enc.joinLast && (c.enc.usage || c.enc.family == familyOllama),
		p.kind == pieceUsage && c.enc.joinLast && c.enc.family == familyOllama:
		return c.ctx.Err() // goes out with what follows
	}
	return c.flush()
}

func (c *call) space() string {
	if c.wire.NoSpace {
		return ""
	}
	return " "
}

// line ends a line of the stream with s before its end.
func (c *call) line(s string) {
	c.buf = append(c.buf, s...)
	if c.wire.CRLF {
		c.buf = append(c.buf, '\r')
	}
	c.buf = append(c.buf, '\n')
}

// flush sends what is written as one HTTP chunk.
func (c *call) flush() error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	if len(c.buf) == 0 || !c.chat.Stream {
		return nil
	}
	c.sendHeaders()
	_, err := c.w.Write(c.buf)
	c.buf = c.buf[:0]
	c.lastOut = time.Now()
	if err != nil {
		return context.Canceled // the client is gone; its context follows
	}
	if err := c.rc.Flush(); err != nil {
		return context.Canceled
	}
	return nil
}

// sendHeaders sends the headers of a stream, once.
func (c *call) sendHeaders() {
	if c.headers || !c.chat.Stream {
		return
	}
	c.headers = true
	h := c.w.Header()
	h.Set("Content-Type", c.enc.content)
	setServer(h, c.enc.shape)
	if c.enc.family == familyRust {
		h.Set("Cache-Control", "no-cache")
	}
	c.w.WriteHeader(http.StatusOK)
	_ = c.rc.Flush() // a client that is gone shows in the context
	c.lastOut = time.Now()
	c.s.note(c.rec, func(r *Request) { r.Status = http.StatusOK })
}
