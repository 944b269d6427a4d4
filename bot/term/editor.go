package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Editor reads questions at a terminal in raw mode. It edits what a reader takes for characters,
// however wide they are. A pasted text stays one question whatever its lines; Alt-Enter begins a
// new line, and so does Enter behind a backslash; Ctrl-R looks in the history; Ctrl-C clears the
// line. The other keys are those of a shell.
//
// It belongs to one goroutine.
type Editor struct {
	kb      *keyboard
	size    func() Size
	out     io.Writer
	history *History
	prompt  string

	line   line
	typed  strings.Builder // characters that are not in line yet: a long text goes in at once
	part   []byte          // of an escape sequence or a character
	rest   []byte          // keys behind the Enter of the last question
	paste  bool
	cr     bool   // the last key was a CR: an LF behind it is the same line end
	full   bool   // something was left out
	killed string // what Ctrl-Y brings back
	past   int    // the entry of the history that is shown, from 1; 0: none
	draft  string // what was typed before the history was looked at
	find   *search
	screen editScreen
}

// search is a Ctrl-R.
type search struct {
	query string
	at    int    // the entry that is shown; -1: there is none
	was   string // what was typed before
}

// NewEditor reads keys from in and writes to out, both a terminal in raw mode. Close it.
func NewEditor(in io.Reader, out io.Writer, size func() Size, history *History, prompt string) *Editor {
	return &Editor{kb: newKeyboard(in), size: size, out: out, history: history, prompt: prompt}
}

// Close ends the reading of keys. A read that waits for a key ends with that key.
func (e *Editor) Close() {
	_, _ = io.WriteString(e.out, pasteOff) // a terminal that is gone needs none
	e.kb.close()
}

func (e *Editor) keys() *keyboard { return e.kb }

// ReadLine shows the prompt and reads a question. From the first one on, the terminal marks what is
// pasted, until Close: also during an answer.
func (e *Editor) ReadLine(ctx context.Context) (string, error) {
	e.line, e.past, e.find, e.draft = line{}, 0, nil, ""
	e.typed.Reset()
	e.screen = editScreen{w: e.out}
	e.full, e.kb.lost = e.kb.lost, false
	if _, err := io.WriteString(e.out, pasteOn); err != nil {
		return "", fmt.Errorf("write to the terminal: %w", err)
	}
	question, err := e.read(ctx)
	if errors.Is(err, io.EOF) {
		_, _ = io.WriteString(e.out, "\r\n")
		return "", io.EOF
	}
	return question, err
}

// read takes keys until Enter.
func (e *Editor) read(ctx context.Context) (string, error) {
	for {
		if len(e.rest) == 0 {
			if !e.paste { // a long paste comes in many parts
				if err := e.paint(false); err != nil {
					return "", err
				}
			}
			b, err := e.kb.read(ctx)
			if err != nil {
				return "", err
			}
			if bytes.Equal(b, []byte{keyCtrlC}) { // also in a paste whose end does not come
				e.paste, e.part = false, nil
			}
			e.rest = append(e.part, b...)
			e.part = nil
		}
		done, err := e.take()
		if errors.Is(err, errNothingToClear) {
			return "", errors.Join(err, e.paint(true))
		}
		if err != nil {
			return "", err
		}
		if done {
			if err := e.paint(true); err != nil {
				return "", err
			}
			e.history.Add(e.line.text)
			e.kb.keep(e.rest) // who asks meanwhile finds it there
			e.rest = nil
			return e.line.text, nil
		}
	}
}

// take takes the keys that came, up to an Enter: then it reports true. The error is io.EOF if the
// person leaves.
func (e *Editor) take() (done bool, err error) {
	for len(e.rest) > 0 {
		var key string
		if e.rest[0] == 0x1b {
			n := escapeLen(e.rest)
			key = string(e.rest[:n])
		} else if utf8.FullRune(e.rest) {
			_, n := utf8.DecodeRune(e.rest)
			key = string(e.rest[:n])
		}
		if key == "" { // more must come
			e.part = bytes.Clone(e.rest)
			e.rest = nil
			return false, nil
		}
		e.rest = e.rest[len(key):]
		cr := e.cr
		e.cr = key == "\r"
		if text := e.textOf(key, cr); text != "" && e.find == nil {
			e.insert(text)
			continue
		}
		if !e.paste {
			e.flush()
		}
		switch {
		case key == "\n" && cr: // of a CR LF
		case key == pasteMark:
			e.paste = true
			e.found()
		case key == pasteEnds:
			e.paste = false
			e.flush()
		case e.paste: // a key that is no text
		case e.find != nil && e.searching(key):
		default:
			if done, err = e.key(key); done || err != nil {
				return done, err
			}
		}
	}
	if !e.paste {
		e.flush()
	}
	return false, nil
}

// textOf returns what a key writes; empty: it is a command, or nothing. cr: the key before was a
// CR.
func (e *Editor) textOf(key string, cr bool) string {
	r, n := utf8.DecodeRuneInString(key)
	switch {
	case e.paste && r == '\n' && cr: // of a CR LF
	case e.paste && (r == '\r' || r == '\n'):
		return "\n"
	case e.paste && r == '\t':
		return key
	case n == len(key) && !hidden(r) && !(r == utf8.RuneError && n == 1):
		return key
	}
	return ""
}

// insert writes s before the cursor, soon, if there is room.
func (e *Editor) insert(s string) {
	if len(e.line.text)+e.typed.Len()+len(s) > mostTyped {
		e.full = true
		return
	}
	e.typed.WriteString(s)
}

// flush puts what was written into the line.
func (e *Editor) flush() {
	if e.typed.Len() > 0 {
		e.line.insert(e.typed.String())
		e.typed.Reset()
	}
}

// key takes a key that is no part of a paste or a search.
func (e *Editor) key(key string) (done bool, err error) {
	l := &e.line
	switch key {
	case "\r", "\n":
		if l.continued() {
			l.insert("\n")
			return false, nil
		}
		return true, nil
	case "\x1b\r", "\x1b\n", "\x1b[13;2u", "\x1b[13;3u", "\x1b[13;5u", "\x1b[27;2;13~", "\x1b[27;3;13~", "\x1b[27;5;13~":
		l.insert("\n") // Alt-Enter; some terminals tell Shift-Enter and Ctrl-Enter apart, too
	case "\x03": // Ctrl-C
		if l.text == "" && e.find == nil {
			return false, errNothingToClear
		}
		*l, e.past, e.full = line{}, 0, false
	case "\x04": // Ctrl-D
		if l.text == "" {
			return false, io.EOF
		}
		l.cut(l.after(l.at))
	case "\x1b[3~":
		l.cut(l.after(l.at))
	case "\x7f", "\x08":
		l.cut(l.before(l.at))
	case "\x01", "\x1b[H", "\x1b[1~", "\x1b[7~", "\x1bOH":
		l.at = l.lineStart(l.at)
	case "\x05", "\x1b[F", "\x1b[4~", "\x1b[8~", "\x1bOF":
		l.at = l.lineEnd(l.at)
	case "\x02", "\x1b[D", "\x1bOD":
		l.at = l.before(l.at)
	case "\x06", "\x1b[C", "\x1bOC":
		l.at = l.after(l.at)
	case "\x1b[1;5D", "\x1b[1;3D", "\x1bb":
		l.at = l.wordBefore(l.at)
	case "\x1b[1;5C", "\x1b[1;3C", "\x1bf":
		l.at = l.wordAfter(l.at)
	case "\x0b": // Ctrl-K
		to := l.lineEnd(l.at)
		if to == l.at {
			to = l.after(to) // the line end itself
		}
		e.kill(to)
	case "\x15": // Ctrl-U
		e.kill(l.lineStart(l.at))
	case "\x17", "\x1b\x7f", "\x1b\x08": // Ctrl-W
		e.kill(l.wordBefore(l.at))
	case "\x1bd":
		e.kill(l.wordAfter(l.at))
	case "\x19": // Ctrl-Y
		e.insert(e.killed)
	case "\x1b[A", "\x1bOA", "\x10":
		e.up()
	case "\x1b[B", "\x1bOB", "\x0e":
		e.down()
	case "\x12": // Ctrl-R
		e.find = &search{at: -1, was: l.text}
	case "\x0c": // Ctrl-L
		return false, e.screen.clear()
	}
	return false, nil
}

// kill removes what is between the cursor and to, and keeps it for Ctrl-Y.
func (e *Editor) kill(to int) {
	if gone := e.line.cut(to); gone != "" {
		e.killed = gone
	}
}

// up goes to the row above, or to the question before.
func (e *Editor) up() {
	if e.line.vertical(e.rows(), -1) || e.past >= e.history.Len() {
		return
	}
	if e.past == 0 {
		e.draft = e.line.text
	}
	e.past++
	e.show(e.history.At(e.past - 1))
}

// down goes to the row below, or to the question after.
func (e *Editor) down() {
	if e.line.vertical(e.rows(), 1) || e.past == 0 {
		return
	}
	e.past--
	if e.past == 0 {
		e.show(e.draft)
		return
	}
	e.show(e.history.At(e.past - 1))
}

// show takes text in place of what is edited.
func (e *Editor) show(text string) { e.line = line{text, len(text)} }

func (e *Editor) rows() []screenRow { return e.line.rows(e.prompt, e.size().columns()) }

// searching takes a key of a search. It reports false if the key ends the search and means what it
// means without one.
func (e *Editor) searching(key string) bool {
	f := e.find
	r, _ := utf8.DecodeRuneInString(key)
	switch {
	case key == "\x12": // Ctrl-R: an older one
		e.seek(f.at+1, 1)
	case key == "\x13": // Ctrl-S: a newer one
		e.seek(f.at-1, -1)
	case key == "\x7f" || key == "\x08":
		_, n := utf8.DecodeLastRuneInString(f.query)
		f.query = f.query[:len(f.query)-n]
		f.at = -1
		e.seek(0, 1)
	case key == "\x03" || key == "\x07": // Ctrl-C, Ctrl-G
		e.show(f.was)
		e.find = nil
	case key == "\x1b":
		e.found()
	case key[0] != 0x1b && !hidden(r):
		f.query += key
		e.seek(max(f.at, 0), 1)
	default:
		e.found()
		return false
	}
	return true
}

// seek looks for an entry with the query from the i-th on. If there is none, the last one stays.
func (e *Editor) seek(i, step int) {
	f := e.find
	for ; f.query != "" && i >= 0 && i < e.history.Len(); i += step {
		if at := strings.Index(e.history.At(i), f.query); at >= 0 {
			f.at = i
			e.line = line{e.history.At(i), at}
			return
		}
	}
	if f.query == "" {
		f.at = -1
		e.show(f.was)
	}
}

// found ends a search with what it has found.
func (e *Editor) found() {
	if e.find != nil && e.find.at >= 0 {
		e.past = e.find.at + 1
		e.draft = e.find.was
	}
	e.find = nil
}

// paint shows what is edited.
func (e *Editor) paint(done bool) error {
	note := ""
	if f := e.find; f != nil {
		note = "search: " + f.query
		if f.query != "" && (f.at < 0 || !strings.Contains(e.line.text, f.query)) {
			note = "no question with: " + f.query
		}
	} else if e.full {
		note = fmt.Sprintf("A question may have %d kB: what came after that is left out.", mostTyped>>10)
	}
	return e.screen.paint(&e.line, e.prompt, note, e.size().known(), done)
}
