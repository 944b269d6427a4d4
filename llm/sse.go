package llm

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// maxLine bounds one line of a stream, in bytes. Our chunks have some hundred; 1 MB has been seen
	// with logprobs.
	maxLine = 8 << 20
	// maxChatter bounds the bytes in a row that bring nothing of an answer: comments, blank lines, and
	// events that are empty. A keep-alive of vLLM has 14 bytes, llama.cpp's 3, and they come once a
	// second at most (facts/vllm.md): that is 20 hours of them. Without the bound a server that sends
	// nothing else costs a core for as long as the first token may take.
	maxChatter = 1 << 20
	// longLine is how much of a longer line counts towards maxChatter: the first event may carry the
	// token ids of the whole prompt, and no text.
	longLine = 64 << 10
	// maxDrain bounds what is read after [DONE] so that the connection can be used again: the last
	// HTTP chunk, or a trailer.
	maxDrain = 4 << 10
)

var (
	errLineTooLong = fmt.Errorf("a line of the stream has more than %d bytes", maxLine)
	errChatter     = fmt.Errorf("%d bytes of the stream brought nothing of an answer", maxChatter)
)

// sseReader turns what servers send into the lines that go-openai reads safely: "data: " with one
// payload, and "data: [DONE]". Read returns at most one event, as soon as it is there. It closes
// these traps (facts/vllm.md §6):
//
//   - It drops comments, event:, id:, retry: and blank lines. go-openai counts them (its limit is
//     300 in a gap), and mixes them into the next error, which is lost.
//   - It makes errors in all forms (object, string, an "error:" line, an "error" event) a payload
//     {"error": …}, which goes round go-openai: see failure.
//   - It returns io.ErrUnexpectedEOF for the end of a connection without [DONE], never io.EOF,
//     which go-openai takes for success.
//   - It counts the last line without a newline if it is whole. It bounds a line, and what comes in
//     a row and brings nothing.
//   - It reads CRLF, "data:" without a space, and an object over several data lines. A whole JSON
//     body instead of a stream is one event.
type sseReader struct {
	body  io.ReadCloser
	src   *bufio.Reader
	out   bytes.Buffer // what Read has not yet returned
	load  []byte       // the payload of the newest event, valid until the next Read
	long  []byte       // a line longer than src's buffer
	pend  []byte       // data lines of an object that is not whole yet
	begun bool         // the first byte has been looked at
	isErr bool         // the current event is called error
	done  bool         // [DONE] came
	err   error        // what comes after out
	size  int          // bytes of the newest line, with its end
	idle  int          // bytes since the stream began, or spoke was called
}

// lineBuffer holds one line of a stream. A line has 200 to 400 bytes with every server that we
// know; longer ones are put together. A larger buffer saves no system call: the connection has its
// own.
const lineBuffer = 1 << 10

func newSSEReader(body io.ReadCloser) *sseReader {
	return &sseReader{body: body, src: bufio.NewReaderSize(body, lineBuffer)}
}

// Read implements io.Reader.
func (s *sseReader) Read(p []byte) (int, error) {
	for s.out.Len() == 0 {
		if s.err != nil {
			return 0, s.err
		}
		s.step()
	}
	return s.out.Read(p)
}

// failure returns the payload of the event that go-openai has just read if it went round go-openai,
// else nil. Every payload that begins with {"error": does, because go-openai would swallow it, also
// when the error is null. The payload is valid until the next Read.
func (s *sseReader) failure() []byte {
	if bytes.HasPrefix(s.load, []byte(swallowed)) {
		return s.load
	}
	return nil
}

// spoke records that the last event brought something of an answer.
func (s *sseReader) spoke() { s.idle = 0 }

// Close reads the rest of a finished stream, so that the connection can be used again, and closes
// the body. The caller's timer bounds the reading.
func (s *sseReader) Close() error {
	if s.done {
		_, _ = io.CopyN(io.Discard, s.src, maxDrain)
	}
	return s.body.Close()
}

// step reads one line and sets out or err, or neither.
func (s *sseReader) step() {
	if !s.begun {
		s.begun = true
		first, err := s.first()
		if errors.Is(err, errChatter) {
			s.err = err
			return
		}
		if err == nil && (first == '{' || first == '<' || first == '[') {
			s.whole(first)
			return
		}
	}
	line, err := s.line()
	if err != nil {
		s.end(line, err)
		return
	}
	if s.idle > maxChatter {
		s.err = errChatter
		return
	}
	s.idle += min(s.size, longLine)
	s.take(line)
}

// end handles what the connection ended with: a last line without a newline counts if it is whole.
func (s *sseReader) end(line []byte, err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	s.err = err
	if len(line) == 0 && len(s.pend) == 0 {
		return
	}
	s.take(line) // may find [DONE]
	if s.out.Len() > 0 && !s.done && !json.Valid(s.load) {
		s.out.Reset()
	}
	if len(s.pend) > 0 && json.Valid(s.pend) {
		s.emit(s.pend)
	}
}

// first returns the first byte that is not white space, without consuming it.
func (s *sseReader) first() (byte, error) {
	for {
		b, err := s.src.Peek(1)
		if err != nil {
			return 0, err
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = s.src.Discard(1)
			if s.idle++; s.idle > maxChatter {
				return 0, errChatter
			}
		case 0xEF: // a byte order mark
			if bom, err := s.src.Peek(3); err == nil && string(bom) == "\xef\xbb\xbf" {
				_, _ = s.src.Discard(3)
				continue
			}
			return b[0], nil
		default:
			return b[0], nil
		}
	}
}

// whole reads a body that is not a stream: an answer in one piece, an error with status 200, or a
// web page.
func (s *sseReader) whole(first byte) {
	body, err := readLimited(s.src, maxLine)
	s.done = err == nil
	s.err = err
	if err == nil {
		s.err = io.EOF
	}
	if first == '<' {
		body, _ = json.Marshal(map[string]any{"error": map[string]any{"message": snippet(string(body)), "type": typeNoStream, "code": 404}})
	}
	if !json.Valid(body) {
		if s.err == io.EOF { //nolint:errorlint // set above
			s.err = io.ErrUnexpectedEOF
		}
		return
	}
	for i, b := range body {
		if b == '\n' || b == '\r' {
			body[i] = ' '
		}
	}
	s.emit(bytes.TrimSpace(body))
}

// typeNoStream marks an answer that came from something that is not a model server.
const typeNoStream = "not_a_model_server"

// line returns the next line without its end. It is valid until the next call. With an error, line
// returns what there was.
func (s *sseReader) line() ([]byte, error) {
	s.long = s.long[:0]
	for {
		part, err := s.src.ReadSlice('\n')
		s.size = len(s.long) + len(part)
		if err == nil && len(s.long) == 0 {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		s.long = append(s.long, part...)
		switch {
		case err == nil:
			return bytes.TrimRight(s.long, "\r\n"), nil
		case errors.Is(err, bufio.ErrBufferFull) && len(s.long) > maxLine:
			return nil, errLineTooLong
		case !errors.Is(err, bufio.ErrBufferFull):
			return bytes.TrimRight(s.long, "\r\n"), err
		}
	}
}

// take handles one line.
func (s *sseReader) take(line []byte) {
	if payload, ok := bytes.CutPrefix(line, []byte("data:")); ok {
		s.data(bytes.TrimSpace(payload))
		return
	}
	if len(line) == 0 {
		if len(s.pend) > 0 { // the event ended: whole or not, that is its payload
			s.emit(s.pend)
		}
		s.isErr = false
		return
	}
	name, rest, _ := bytes.Cut(line, []byte(":"))
	rest = bytes.TrimSpace(rest)
	switch {
	case len(name) == 0: // a comment
	case string(name) == "event":
		s.isErr = string(rest) == "error"
	case string(name) == "id", string(name) == "retry":
	case string(name) == "error":
		s.emitError(rest)
	case bytes.IndexByte(line, '{') >= 0:
		// This is not a field of the protocol. If it is an object it was meant as a payload; if not, it
		// must not pass as nothing.
		s.emit(bytes.TrimSpace(line))
	}
}

func (s *sseReader) data(payload []byte) {
	switch {
	case len(payload) == 0:
	case string(payload) == "[DONE]":
		if len(s.pend) > 0 {
			s.emit(s.pend)
		}
		s.out.WriteString(lineDone)
		s.done, s.err = true, io.EOF
	case len(s.pend) > 0:
		s.pend = append(append(s.pend, ' '), payload...)
		if len(s.pend) > maxLine {
			s.err = errLineTooLong
		}
	case payload[0] == '{' && payload[len(payload)-1] != '}':
		s.pend = append(s.pend[:0], payload...)
	case s.isErr:
		s.emitError(payload)
	default:
		s.emit(payload)
	}
}

// emitError emits what an error line or event carried.
func (s *sseReader) emitError(payload []byte) {
	switch {
	case bytes.HasPrefix(payload, []byte(`{"error"`)):
		s.emit(payload)
	case json.Valid(payload):
		s.emit(append(append([]byte(`{"error":`), payload...), '}'))
	default:
		quoted, _ := json.Marshal(string(payload))
		s.emit(append(append([]byte(`{"error":`), quoted...), '}'))
	}
}

// The lines that go-openai reads.
const (
	lineStart = "data: "
	lineDone  = "data: [DONE]\n"
	// standIn goes through go-openai for a payload that begins with swallowed.
	swallowed = `{"error":`
	standIn   = "{}"
)

// emit hands on a payload. It has no line break, and no white space around it.
func (s *sseReader) emit(payload []byte) {
	s.load = payload
	s.pend = s.pend[:0] // payload may lie in it: it stays there until the next line is read
	s.out.Reset()
	s.out.WriteString(lineStart)
	if s.failure() != nil {
		s.out.WriteString(standIn)
	} else {
		s.out.Write(payload)
	}
	s.out.WriteByte('\n')
}
