package term

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	historyKept = 1000 // entries
	historyMode = 0o600
	// mostEntry is how long an entry may be: more than a screen or two is a pasted file, which is
	// there already.
	mostEntry = 64 << 10 // bytes

	markNewline = '⏎' // a line end in an entry
	markTab     = '⇥'
)

// History remembers what was asked in a file that only its owner can read: one line an entry, the
// newest last. It keeps no questions that begin with a space, as a shell does, and none longer than
// 64 kB. It is not safe for concurrent use.
type History struct {
	path    string
	entries []string // oldest first, marks for line ends
	err     error    // of the last write
}

// OpenHistory reads the file; a missing one is an empty history. An empty path keeps everything in
// memory. The history works also when OpenHistory returns an error: then it is kept in memory only.
func OpenHistory(path string) (*History, error) {
	h := &History{path: path}
	if path == "" {
		return h, nil
	}
	if err := h.load(); err != nil {
		h.path = ""
		return h, fmt.Errorf("the history is not kept: %w", err)
	}
	return h, nil
}

func (h *History) load() error {
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(h.path, os.O_RDWR|os.O_CREATE, historyMode)
	if err != nil {
		return err
	}
	lines := 0
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		lines++
		if l := Clean(scan.Text()); l != "" {
			h.entries = append(h.entries, l)
		}
	}
	err = scan.Err()
	if chmod := f.Chmod(historyMode); err == nil { // it may be older than this rule
		err = chmod
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if len(h.entries) > historyKept {
		h.entries = slices.Clone(h.entries[len(h.entries)-historyKept:])
	}
	if lines > 2*historyKept {
		return h.rewrite()
	}
	return nil
}

// rewrite makes the file as short as the history.
func (h *History) rewrite() error {
	tmp := h.path + ".new"
	if err := os.WriteFile(tmp, []byte(strings.Join(h.entries, "\n")+"\n"), historyMode); err != nil {
		return err
	}
	return os.Rename(tmp, h.path)
}

// Add appends an entry.
func (h *History) Add(entry string) {
	if strings.TrimSpace(entry) == "" || entry[0] == ' ' || len(entry) > mostEntry {
		return
	}
	entry = strings.NewReplacer("\n", string(markNewline), "\t", string(markTab)).Replace(entry)
	if n := len(h.entries); n > 0 && h.entries[n-1] == entry {
		return
	}
	h.entries = append(h.entries, entry)
	if len(h.entries) > historyKept {
		h.entries = slices.Delete(h.entries, 0, 1)
	}
	if h.path == "" {
		return
	}
	h.err = h.append(entry)
}

func (h *History) append(entry string) error {
	f, err := os.OpenFile(h.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, historyMode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(entry + "\n") // one write: several terminals may share the file
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

// Len returns the number of entries.
func (h *History) Len() int { return len(h.entries) }

// At returns an entry; 0 is the newest.
func (h *History) At(i int) string {
	return strings.NewReplacer(string(markNewline), "\n", string(markTab), "\t").Replace(h.entries[len(h.entries)-1-i])
}
