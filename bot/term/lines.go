package term

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
)

// PlainLines reads questions line by line from a terminal that edits them itself, or from a script.
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

// ReadLine reads a line; the last one need not end.
func (l *PlainLines) ReadLine(ctx context.Context) (string, error) {
	l.prompt()
	for {
		if line, rest, ok := bytes.Cut(l.rest, []byte("\n")); ok {
			l.rest = rest
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
