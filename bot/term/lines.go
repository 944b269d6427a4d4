package term

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
)

// mostCooked returns how many bytes a line has at most that a terminal edits itself, without its end.
// The systems drop the rest: Linux keeps 4,096 bytes with the end (N_TTY_BUF_SIZE), macOS 1,024 and
// FreeBSD 1,920 (fpathconf's PC_MAX_CANON, as pexpect's documentation has them).
func mostCooked(system string) int {
	switch system {
	case "darwin", "ios":
		return 1023
	case "freebsd":
		return 1919
	}
	return 4095
}

// lineCutError reports a line from which the terminal dropped something: its value is how many bytes
// it takes.
type lineCutError int

func (e lineCutError) Error() string {
	return fmt.Sprintf("the terminal has cut the line at %d bytes", int(e))
}

// PlainLines reads questions line by line from a terminal that edits them itself, or from a script.
// A line that ends in a backslash goes on in the next one.
type PlainLines struct {
	kb     *keyboard
	rest   []byte
	most   int // bytes of a line that the terminal cut
	prompt func()
}

// NewPlainLines reads from in. prompt is called before each line. Close it.
func NewPlainLines(in io.Reader, prompt func()) *PlainLines {
	return &PlainLines{kb: newKeyboard(in), most: mostCooked(runtime.GOOS), prompt: prompt}
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
			if len(line) == l.most {
				return "", lineCutError(l.most)
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
