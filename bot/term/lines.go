package term

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

// mostCooked is how long a line is at most that a terminal edits itself, without its end. Linux
// drops the rest (N_TTY_BUF_SIZE is 4096); macOS takes 1024.
const mostCooked = 4095 // bytes

// errLineCut reports a line from which the terminal dropped something.
var errLineCut = errors.New("the terminal has cut the line")

// PlainLines reads questions line by line from a terminal that edits them itself, or from a script.
// A line that ends in a backslash goes on in the next one.
type PlainLines struct {
	kb     *keyboard
	rest   []byte
	prompt func()
}

// NewPlainLines reads from in. prompt is called before each line. Close it.
func NewPlainLines(in io.Reader, prompt func()) *PlainLines {
	return &PlainLines{kb: newKeyboard(in), prompt: prompt}
}

// Close ends the reading. A read that waits for input ends with that input.
func (l *PlainLines) Close() { l.kb.close() }

func (l *PlainLines) keys() *keyboard { return l.kb }

// ReadLine reads a question; its last line need not end.
func (l *PlainLines) ReadLine(ctx context.Context) (string, error) {
	var question line
	for {
		part, err := l.readLine(ctx)
		if err != nil {
			return "", err
		}
		question.text += part
		question.at = len(question.text)
		if !question.continued() {
			return question.text, nil
		}
		question.insert("\n")
	}
}

// readLine reads a line. A terminal hands out one of exactly the length at which it cuts only if it
// has cut it, or if there was nothing to cut by chance.
func (l *PlainLines) readLine(ctx context.Context) (string, error) {
	l.prompt()
	for {
		if line, rest, ok := bytes.Cut(l.rest, []byte("\n")); ok {
			l.rest = rest
			if len(line) == mostCooked {
				return "", errLineCut
			}
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		b, err := l.kb.read(ctx)
		if errors.Is(err, io.EOF) && len(l.rest) > 0 {
			line := string(l.rest)
			l.rest = nil
			return line, nil
		}
		if err != nil {
			return "", err
		}
		l.rest = append(l.rest, b...)
	}
}
