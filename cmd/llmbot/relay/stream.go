package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"time"
)

// mostEvent is how many bytes of one line are looked at. A longer one counts as one with content.
const mostEvent = 64 << 10

// event is what matters of one event of a stream.
type event struct {
	content bool // it carries text, reasoning or a part of a call
	tokens  int  // the server's count so far; 0: it does not say
	last    bool // the answer is whole: a finish reason, or [DONE]
}

// metered reads a stream and tells each event in it. It keeps no more than an unfinished line.
type metered struct {
	body io.ReadCloser
	seen func(event)

	line []byte // unfinished
	long bool   // and longer than mostEvent
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.body.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		room := mostEvent - len(m.line)
		m.line = append(m.line, line[:min(len(line), room)]...)
		m.long = m.long || len(line) > room
		if rest = after; whole {
			m.tell()
		}
	}
	return n, err //nolint:wrapcheck // a reader's error stays as it is
}

// Close implements io.Closer.
func (m *metered) Close() error { return m.body.Close() } //nolint:wrapcheck // as it is

// tell tells the line that has come to its end.
func (m *metered) tell() {
	data, ok := bytes.CutPrefix(m.line, []byte("data:"))
	data = bytes.TrimSpace(data)
	var e event
	switch {
	case !ok:
	case string(data) == "[DONE]":
		e = event{last: true}
	case !bytes.HasPrefix(data, []byte{'{'}):
		ok = false
	case m.long:
		e = event{content: true}
	default:
		e = parse(data)
	}
	if m.line, m.long = m.line[:0], false; ok {
		m.seen(e)
	}
}

// parse reads a chunk of a chat completion; of what is none it knows nothing.
func parse(data []byte) event {
	var chunk struct {
		Choices []struct {
			Delta  map[string]json.RawMessage `json:"delta"`
			Finish json.RawMessage            `json:"finish_reason"`
		} `json:"choices"`
		Usage struct {
			Tokens int `json:"completion_tokens"`
		} `json:"usage"`
	}
	if json.Unmarshal(data, &chunk) != nil {
		return event{}
	}
	e := event{tokens: max(0, chunk.Usage.Tokens)}
	for _, c := range chunk.Choices {
		e.last = e.last || says(c.Finish)
		for _, name := range []string{"content", "reasoning", "reasoning_content", "tool_calls"} {
			e.content = e.content || says(c.Delta[name])
		}
	}
	return e
}

// says reports whether a field is there and not empty.
func says(field json.RawMessage) bool {
	v := string(field)
	return v != "" && v != "null" && v != `""` && v != "[]"
}

// slowed reads a stream as it comes, or, while slow returns true, one event after the other with a
// pause before each.
type slowed struct {
	body io.ReadCloser
	slow func() bool
	ctx  context.Context //nolint:containedctx // of the request, whose answer this is

	held []byte // was read and not passed on yet
	err  error  // comes behind held
}

// Read implements io.Reader.
func (s *slowed) Read(p []byte) (int, error) {
	if !s.slow() && len(s.held) == 0 {
		if s.err != nil {
			return 0, s.err
		}
		return s.body.Read(p) //nolint:wrapcheck // as it is
	}
	if len(s.held) == 0 && s.err == nil {
		chunk := make([]byte, len(p))
		var n int
		n, s.err = s.body.Read(chunk)
		s.held = chunk[:n]
	}
	part := s.held
	if s.slow() {
		if end := bytes.Index(part, []byte("\n\n")); end >= 0 {
			part = part[:end+2]
		}
		if len(part) > 0 && !s.pause() {
			return 0, context.Cause(s.ctx)
		}
	}
	n := copy(p, part)
	if s.held = s.held[n:]; n == 0 && len(s.held) == 0 {
		return 0, s.err
	}
	return n, nil
}

// pause waits for SlowBy, or returns false if the request ends first.
func (s *slowed) pause() bool {
	t := time.NewTimer(SlowBy)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// Close implements io.Closer.
func (s *slowed) Close() error { return s.body.Close() } //nolint:wrapcheck // as it is
