package term

import (
	"bytes"
	"context"
	"io"
	"sync"
	"unicode/utf8"
)

const (
	keyCtrlC = 0x03
	keyCtrlD = 0x04
)

// mostTyped is how long a question may be that is typed or pasted, in bytes; also what is kept of
// what is typed during an answer. No model reads more. The editor says so where it leaves out more.
const mostTyped = 1 << 20

// keyboard reads keys only when they are asked for: what nobody wants stays in the terminal. It
// belongs to one goroutine. A second one reads, and only ever waits for a key or to be asked.
type keyboard struct {
	want  chan struct{}
	got   chan keys
	asked bool
	ahead []byte // typed before it was asked for
	lost  bool   // some of that found no room
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
		buf := make([]byte, 16<<10)
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

// ended reports whether no key comes any more.
func (k *keyboard) ended() bool { return k.err != nil }

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

// Lines is where questions come from.
type Lines interface {
	// ReadLine returns the next question, which may have several lines. It returns io.EOF when there
	// will be none.
	ReadLine(ctx context.Context) (string, error)
	keys() *keyboard
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
		if len(b) > 2 && b[2] == '[' { // F1 to F5 of the Linux console: Esc [ [ A
			if len(b) < 4 {
				return 0
			}
			return 4
		}
		for i := 2; i < len(b); i++ {
			if b[i] == '$' && b[i-1] >= '0' && b[i-1] <= '9' && b[2] != '?' { // rxvt with Shift: Esc [ 3 $
				return i + 1
			}
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
