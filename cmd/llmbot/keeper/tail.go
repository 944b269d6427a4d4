package keeper

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// The bounds on what is kept of a child's output.
const (
	mostLines = 12
	mostLine  = 600 // bytes; what a line has more is dropped
)

// tail passes on what is written to it, and keeps the last lines.
type tail struct {
	to io.Writer

	mu   sync.Mutex // guards all below
	kept []string   // whole lines, oldest first
	open []byte     // of the line that has no end yet, at most mostLine bytes
}

// Write implements io.Writer. It fails never: a child must not end because its log cannot be
// written.
func (t *tail) Write(p []byte) (int, error) {
	_, _ = t.to.Write(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte{'\n'})
		t.open = append(t.open, line[:min(len(line), mostLine-len(t.open))]...)
		if rest = after; whole {
			t.closeLocked()
		}
	}
	return len(p), nil
}

func (t *tail) closeLocked() {
	if line := strings.TrimSpace(strings.ToValidUTF8(string(t.open), "")); line != "" {
		if t.kept = append(t.kept, line); len(t.kept) > mostLines {
			t.kept = append([]string(nil), t.kept[1:]...)
		}
	}
	t.open = t.open[:0]
}

// lines returns what is kept, each line cleaned.
func (t *tail) lines(clean func(string) string) []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closeLocked()
	out := make([]string, len(t.kept))
	for i, line := range t.kept {
		out[i] = clean(line)
	}
	return out
}
