package term

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/clipperhouse/displaywidth"
)

// vt is a terminal of a given size, as far as this package uses one. It fails the test when it meets anything else.
type vt struct {
	t *testing.T

	mu     sync.Mutex // guards all below
	w, h   int
	back   []string   // lines that left at the top
	rows   [][]string // by column; the second one of a wide character is empty
	x, y   int
	ever   strings.Builder // everything that was ever shown
	hidden bool
	pastes bool // bracketed paste is on
}

func newVT(t *testing.T, w, h int) *vt {
	return &vt{t: t, w: w, h: h, rows: make([][]string, h)}
}

func (v *vt) size() Size { return Size{v.w, v.h} }

func (v *vt) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := string(p)
	for s != "" {
		if strings.HasPrefix(s, "\x1b[") {
			i := 2
			for i < len(s) && (s[i] < 0x40 || s[i] > 0x7e) {
				i++
			}
			if i == len(s) {
				v.t.Errorf("half a sequence %q", s)
				return len(p), nil
			}
			v.csi(s[2:i], s[i])
			s = s[i+1:]
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		v.put(r)
	}
	return len(p), nil
}

func (v *vt) csi(arg string, final byte) {
	n, err := strconv.Atoi(arg)
	if err != nil || n == 0 {
		n = 1
	}
	switch {
	case final == 'm':
	case final == 'A':
		v.y = max(v.y-n, 0)
	case final == 'B':
		v.y = min(v.y+n, v.h-1)
	case final == 'C':
		v.x = min(v.x+n, v.w-1)
	case final == 'D':
		v.x = max(v.x-n, 0)
	case final == 'K':
		v.clip(v.y, v.x)
	case final == 'J' && arg == "":
		v.clip(v.y, v.x)
		for y := v.y + 1; y < v.h; y++ {
			v.rows[y] = nil
		}
	case arg == "?25l" || arg == "?25" && final == 'l':
		v.hidden = true
	case arg == "?25" && final == 'h':
		v.hidden = false
	case arg == "?2004":
		v.pastes = final == 'h'
	case arg == "?2026":
	default:
		v.t.Errorf("unknown sequence ESC [ %s %c", arg, final)
	}
}

func (v *vt) clip(y, x int) {
	if len(v.rows[y]) > x {
		v.rows[y] = v.rows[y][:x]
	}
}

func (v *vt) put(r rune) {
	switch {
	case r == '\r':
		v.x = 0
		return
	case r == '\n':
		v.down()
		return
	case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
		v.t.Errorf("control character %q", r)
		return
	}
	v.ever.WriteRune(r)
	w := displaywidth.Rune(r) // as xterm does: by code points
	if v.x+w > v.w {
		v.x = 0
		v.down()
	}
	row := v.rows[v.y]
	for len(row) <= v.x+w {
		row = append(row, " ")
	}
	if w == 0 { // it joins what is before it
		for at := v.x - 1; at >= 0; at-- {
			if row[at] != "" {
				row[at] += string(r)
				break
			}
		}
		v.rows[v.y] = row
		return
	}
	if row[v.x] == "" && v.x > 0 { // half of a wide character is gone
		row[v.x-1] = " "
	}
	if row[v.x+w] == "" {
		row[v.x+w] = " "
	}
	row[v.x] = string(r)
	if w == 2 {
		row[v.x+1] = ""
	}
	v.rows[v.y] = row
	v.x += w
}

func (v *vt) down() {
	if v.y < v.h-1 {
		v.y++
		return
	}
	v.back = append(v.back, strings.TrimRight(strings.Join(v.rows[0], ""), " "))
	v.rows = append(v.rows[1:], nil)
}

// text is the screen and all that left it at the top, without empty lines at the end.
func (v *vt) text() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	lines := append([]string{}, v.back...)
	for _, r := range v.rows {
		lines = append(lines, strings.TrimRight(strings.Join(r, ""), " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// saw says whether s was ever shown, in one go.
func (v *vt) saw(s string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return strings.Contains(v.ever.String(), s)
}

// brackets reports whether the terminal marks what is pasted.
func (v *vt) brackets() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pastes
}
