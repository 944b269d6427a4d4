package term

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"
)

const (
	keyCtrlC    = 0x03
	typeAhead   = 4096 // bytes typed during an answer that are kept; more are dropped
	markNewline = '⏎'  // a line end in a line that is edited
	markTab     = '⇥'
)

// keyboard reads keys only when they are asked for: what nobody wants stays in the terminal. It
// belongs to one goroutine. A second one reads, and only ever waits for a key or to be asked.
type keyboard struct {
	want  chan struct{}
	got   chan keys
	asked bool
	ahead []byte // typed before it was asked for
	err   error  // after which nothing comes
	all   sync.WaitGroup
}

type keys struct {
	bytes []byte
	err   error
}

func newKeyboard(r io.Reader) *keyboard {
	k := &keyboard{want: make(chan struct{}, 1), got: make(chan keys, 1)}
	k.all.Go(func() {
		buf := make([]byte, 1024)
		for range k.want {
			n, err := r.Read(buf)
			k.got <- keys{bytes.Clone(buf[:n]), err}
			if err != nil {
				return
			}
		}
	})
	return k
}

// close ends the reading goroutine and waits for it, unless it is in a read: only a key can end
// that.
func (k *keyboard) close() {
	close(k.want)
	if !k.asked {
		k.all.Wait()
	}
}

// next asks for keys and returns where they come; nil: there will be none. The caller hands what it
// gets to took.
func (k *keyboard) next() <-chan keys {
	if k.err != nil {
		return nil
	}
	if !k.asked {
		k.asked = true
		k.want <- struct{}{}
	}
	return k.got
}

func (k *keyboard) took(got keys) {
	k.asked = false
	k.err = got.err
}

// read waits for keys.
func (k *keyboard) read(ctx context.Context) ([]byte, error) {
	if len(k.ahead) > 0 {
		b := k.ahead
		k.ahead = nil
		return b, nil
	}
	if k.err != nil {
		return nil, k.err
	}
	select {
	case got := <-k.next():
		k.took(got)
		if len(got.bytes) > 0 {
			return got.bytes, nil
		}
		return nil, got.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// during keeps keys for later, and reports whether one of them was Ctrl-C. That also forgets what
// was typed before it.
func (k *keyboard) during(got keys) (stop bool) {
	k.took(got)
	b := got.bytes
	if i := bytes.LastIndexByte(b, keyCtrlC); i >= 0 {
		stop = true
		b, k.ahead = b[i+1:], nil
	}
	k.ahead = append(k.ahead, b[:min(len(b), max(typeAhead-len(k.ahead), 0))]...)
	return stop
}

// Lines is where questions come from.
type Lines interface {
	// ReadLine returns the next question, which may have several lines. It returns io.EOF when there
	// will be none.
	ReadLine(ctx context.Context) (string, error)
	keys() *keyboard
}

// Editor reads questions at a terminal in raw mode. Editing and history are those of x/term. A
// pasted text stays one question whatever its lines, Alt-Enter begins a new line, and Ctrl-C clears
// the line.
type Editor struct {
	kb    *keyboard
	size  func() Size
	term  *term.Terminal
	trans translator
	buf   []byte                 // translated, not yet read by term
	next  func() ([]byte, error) // where keys come from during a ReadLine
	out   io.Writer
}

// Bracketed paste: the terminal says what was pasted and what was typed.
const (
	pasteOn  = "\x1b[?2004h"
	pasteOff = "\x1b[?2004l"
)

// NewEditor reads keys from in and writes to out, both a terminal in raw mode. Close it.
func NewEditor(in io.Reader, out io.Writer, size func() Size, history *History, prompt string) *Editor {
	e := &Editor{kb: newKeyboard(in), size: size, out: out}
	e.term = term.NewTerminal(editorIO{e}, prompt)
	e.term.History = history
	return e
}

// Close ends the reading of keys. A read that waits for a key ends with that key.
func (e *Editor) Close() { e.kb.close() }

func (e *Editor) keys() *keyboard { return e.kb }

// ReadLine shows the prompt and reads a question.
func (e *Editor) ReadLine(ctx context.Context) (string, error) {
	e.next = func() ([]byte, error) { return e.kb.read(ctx) }
	e.resize()
	if _, err := io.WriteString(e.out, pasteOn); err != nil {
		return "", err
	}
	line, err := e.term.ReadLine()
	if _, off := io.WriteString(e.out, pasteOff); err == nil {
		err = off
	}
	if errors.Is(err, io.EOF) && line == "" {
		_, _ = io.WriteString(e.out, "\r\n")
		return "", io.EOF
	}
	return unmark(line), err
}

func (e *Editor) resize() {
	size := e.size().known()
	_ = e.term.SetSize(size.Width, size.Height) // what it cannot write now, the next write reports
}

func unmark(line string) string {
	var out []rune
	for _, r := range line {
		switch r {
		case markNewline:
			r = '\n'
		case markTab:
			r = '\t'
		}
		out = append(out, r)
	}
	return string(out)
}

// editorIO is what x/term reads and writes.
type editorIO struct{ e *Editor }

func (c editorIO) Write(p []byte) (int, error) { return c.e.out.Write(p) }

func (c editorIO) Read(p []byte) (int, error) {
	e := c.e
	for len(e.buf) == 0 {
		b, err := e.next()
		if err != nil {
			return 0, err
		}
		e.resize()
		e.buf = e.trans.translate(b)
	}
	n := copy(p, e.buf)
	e.buf = e.buf[n:]
	return n, nil
}

// translator turns what terminals send into what x/term understands.
type translator struct {
	part  []byte // of an escape sequence or a character
	paste bool
	cr    bool // the last thing pasted was a CR: an LF behind it is the same line end
}

func (t *translator) translate(b []byte) []byte {
	b = append(t.part, b...)
	t.part = nil
	var out []byte
	for len(b) > 0 {
		if b[0] == 0x1b {
			n := escapeLen(b)
			if n == 0 {
				t.part = bytes.Clone(b)
				return out
			}
			out = append(out, t.escape(string(b[:n]))...)
			b = b[n:]
			continue
		}
		if !utf8.FullRune(b) {
			t.part = bytes.Clone(b)
			return out
		}
		r, n := utf8.DecodeRune(b)
		switch {
		case t.paste && r == '\n' && t.cr:
		case t.paste && (r == '\r' || r == '\n'):
			out = utf8.AppendRune(out, markNewline)
		case t.paste && r == '\t':
			out = utf8.AppendRune(out, markTab)
		case t.paste && hidden(r):
		case r == keyCtrlC:
			out = append(out, 0x05, 0x15) // to the end, and erase to the beginning
		case r == utf8.RuneError && n == 1:
		default:
			out = append(out, b[:n]...)
		}
		t.cr = r == '\r'
		b = b[n:]
	}
	return out
}

// escape returns what a sequence means to x/term.
func (t *translator) escape(seq string) string {
	switch seq {
	case "\x1b[200~":
		t.paste = true
		return seq
	case "\x1b[201~":
		t.paste = false
		return seq
	}
	if t.paste {
		return ""
	}
	switch seq {
	case "\x1b\r", "\x1b\n":
		return string(markNewline)
	case "\x1b[1~", "\x1b[7~", "\x1bOH":
		return "\x1b[H"
	case "\x1b[4~", "\x1b[8~", "\x1bOF":
		return "\x1b[F"
	case "\x1bOA", "\x1bOB", "\x1bOC", "\x1bOD":
		return "\x1b[" + seq[2:]
	case "\x1b[1;5C", "\x1bf":
		return "\x1b[1;3C"
	case "\x1b[1;5D", "\x1bb":
		return "\x1b[1;3D"
	case "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D", "\x1b[H", "\x1b[F", "\x1b[3~", "\x1b[1;3C", "\x1b[1;3D":
		return seq
	default:
		return "" // x/term would wait for a letter that ends it
	}
}

// escapeLen returns the length of the sequence that b begins with; 0: more must come.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case 'O':
		if len(b) < 3 {
			return 0
		}
		return 3
	case '[':
		for i := 2; i < len(b); i++ {
			if b[i] >= 0x40 && b[i] <= 0x7e {
				return i + 1
			}
			if b[i] < 0x20 || b[i] > 0x7e { // no sequence
				return i
			}
		}
		return 0
	default:
		if b[1] < ' ' && b[1] != '\r' && b[1] != '\n' { // Esc, and then a key of its own
			return 1
		}
		_, n := utf8.DecodeRune(b[1:])
		return 1 + n
	}
}
