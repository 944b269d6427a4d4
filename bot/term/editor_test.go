package term

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"
)

// person types at an editor on a terminal of a given size.
type person struct {
	t       *testing.T
	vt      *vt
	keys    *io.PipeWriter
	history *History
	editor  *Editor
	got     chan string // the questions
}

func atEditor(t *testing.T, w, h int, do func(*person)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		p := &person{t: t, vt: newVT(t, w, h), keys: keys, got: make(chan string, 100)}
		p.history, _ = OpenHistory("")
		p.editor = NewEditor(in, p.vt, p.vt.size, p.history, "> ")
		ctx, stop := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			defer close(left)
			for {
				q, err := p.editor.ReadLine(ctx)
				if err != nil {
					if !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) {
						t.Error(err)
					}
					return
				}
				p.got <- q
			}
		}()
		synctest.Wait()
		do(p)
		stop()
		_ = keys.Close()
		<-left
		p.editor.Close()
	})
}

func (p *person) typed(keys ...string) {
	p.t.Helper()
	for _, k := range keys {
		if _, err := io.WriteString(p.keys, k); err != nil {
			p.t.Error(err)
		}
		synctest.Wait()
	}
}

// asked returns the question that an Enter sent; empty: there is none.
func (p *person) asked() string {
	select {
	case q := <-p.got:
		return q
	default:
		return ""
	}
}

const (
	left      = "\x1b[D"
	backspace = "\x7f"
)

// Wide characters and such that are made of several: the screen is the line, at any width, and the cursor is where the next one goes.
func TestEditorEditsCharacters(t *testing.T) {
	for _, width := range []int{20, 12, 80} {
		for _, c := range []struct {
			keys []string
			want string
		}{
			{[]string{"東京の人口は😀？", left, left, left, backspace}, "東京の人は😀？"},
			{[]string{"東京の人口は😀？", left, left, left, backspace, "が"}, "東京の人がは😀？"},
			{[]string{"東京の人口は東京の人口は東京の人口は？", "\x01", "x"}, "x東京の人口は東京の人口は東京の人口は？"},
			{[]string{"cafe\u0301s", left, backspace}, "cafs"},
			// Keys that mean nothing to us, of the Linux console, rxvt, xterm and kitty, whole and in pieces.
			{[]string{"a", "\x1b[[A", "\x1b[[", "E", "\x1b[", "[", "B", "\x1b[3$", "\x1b[7@", "\x1b[2^", "b"}, "ab"},
			{[]string{"a", "\x1bOP", "\x1b[11~", "\x1b[24;5~", "\x1b[57376u", "\x1b[1;2P", "\x1b[I", "\x1b[O", "\x1b[5~", "b"}, "ab"},
			{[]string{"a👨‍👩‍👧b", left, backspace}, "ab"},
			{[]string{"🇩🇪🇫🇷", left, backspace, "x"}, "x🇫🇷"},
			{[]string{"한국어를 씁니다", "\x1bb", "더 "}, "한국어를 더 씁니다"},
			{[]string{"नमस्ते", backspace}, "नम"},
			{[]string{"one two", "\x17", "three"}, "one three"},
			{[]string{"one two", "\x01", "\x1bd", "\x19\x19"}, "oneone two"},
			{[]string{"one\x1b\rtwo", "\x1b[A", "x"}, "onex\ntwo"},
			{[]string{"one\\\rtwo"}, "one\ntwo"},
			{[]string{`C:\\`}, `C:\\`},
			{[]string{"\x1b[13;2uend"}, "\nend"},
			{[]string{"a\x1b[200~b\tc\r\nd\re\x1b[31mf\x03\x1b[201~g"}, "ab\tc\nd\ne[31mf"[:len("ab\tc\nd\ne")] + "fg"},
			{[]string{"abc", "\x02\x04"}, "ab"},
			{[]string{"abc\x1b\rdef", "\x1b[A\x01", "\x0b\x0b"}, "def"},
			{[]string{"wrong", "\x03", "right"}, "right"},
			{[]string{"x\x1b[15~y\x1b[24;5~z"}, "xyz"},
		} {
			atEditor(t, width, 24, func(p *person) {
				p.typed(c.keys...)
				shown := shownLine(p.vt.text())
				if want := strings.ReplaceAll(c.want, "\t", "    "); shown != unspaced(want) {
					t.Errorf("%q at width %d: the screen is\n%s\nand not %q", c.keys, width, p.vt.text(), want)
				}
				p.typed("\r")
				if got := p.asked(); got != c.want {
					t.Errorf("%q at width %d: %q, want %q", c.keys, width, got, c.want)
				}
			})
		}
	}
}

// shownLine is what the screen has behind the prompt, in one line and without spaces, which the ends of rows have none of.
func shownLine(screen string) string { return unspaced(strings.TrimPrefix(screen, ">")) }

func unspaced(s string) string { return strings.NewReplacer(" ", "", "\n", "", "◌", "").Replace(s) }

// Any keys in any order: no panic, the screen is the line, and the line is valid.
func TestEditorAtRandom(t *testing.T) {
	pieces := []string{
		"a", "bc ", "東", "😀", "e\u0301", "\u0301", "👨‍👩‍👧", "🇩", "🇪", "\x1b\r", "\x7f", "\x7f", left, left, "\x1b[C", "\x1b[A", "\x1b[B", "\x01", "\x05", "\x17", "\x1bb", "\x1bf", "x\x02\x04",
		"\x0b", "\x15", "\x19", "\x12a", "\x12東\x12", "\x07", "\x1b[200~p\r\nq\t東\x1b[201~", "\x1b[15~", "\x00", "\xff", "word word ",
	}
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 3))
		w := 10 + r.IntN(30)
		atEditor(t, w, 200, func(p *person) {
			p.history.Add("an old one")
			p.history.Add("東京\nand more")
			for range 60 {
				p.typed(pieces[r.IntN(len(pieces))])
				l := p.editor.line
				if !utf8.ValidString(l.text) || l.at < 0 || l.at > len(l.text) || l.boundary(l.at) != l.at {
					t.Errorf("seed %d: %q, %d", seed, l.text, l.at)
				}
				if p.editor.find != nil {
					continue
				}
				want := unspaced(strings.ReplaceAll(l.text, "\t", ""))
				if got := shownLine(p.vt.text()); got != want {
					t.Errorf("seed %d, width %d: %q is\n%s", seed, w, l.text, p.vt.text())
					return
				}
			}
		})
	}
}

// Long input is whole, however it comes; what is too long is said.
func TestLongInput(t *testing.T) {
	long := strings.Repeat("0123456789", 1000) // without a bracket it came to 4,096 characters
	pasted := strings.Repeat("a line of text, 東京\n", 5000)
	atEditor(t, 80, 24, func(p *person) {
		p.typed(long, "\r")
		if got := p.asked(); got != long {
			t.Errorf("typed: %d characters of %d", len(got), len(long))
		}
		p.typed("\x1b[200~"+pasted+"\x1b[201~", "\r")
		if got := p.asked(); got != pasted {
			t.Errorf("pasted: %d bytes of %d", len(got), len(pasted))
		}
		p.typed("\x1b[200~"+strings.Repeat("x", mostTyped+5)+"\x1b[201~", "end")
		if s := p.vt.text(); !strings.Contains(s, "1024 kB") || !strings.Contains(s, "left out") {
			t.Errorf("too long, and nothing is said:\n%s", s)
		}
		p.typed("\r")
		if got := p.asked(); len(got) != mostTyped {
			t.Errorf("too long: %d bytes", len(got))
		}
		p.typed("short")
		if s := p.vt.text(); !strings.HasSuffix(s, "> short") {
			t.Errorf("after it:\n%s", s[len(s)-200:])
		}
	})
}

// Of a question that is longer than the screen the part with the cursor is shown.
func TestEditorHigherThanTheScreen(t *testing.T) {
	atEditor(t, 20, 6, func(p *person) {
		for i := range 20 {
			p.typed(strings.Repeat(string(rune('a'+i)), 3), "\x1b\r")
		}
		p.typed("end")
		if s := p.vt.text(); !strings.HasSuffix(s, "sss\n  ttt\n  end") {
			t.Errorf("%s", s)
		}
		for range 20 {
			p.typed("\x1b[A")
		}
		p.typed("X")
		if s := p.vt.text(); !strings.Contains(s, "> aaXa") && !strings.Contains(s, "> aaaX") {
			t.Errorf("%s", s)
		}
	})
}

func TestEditorHistory(t *testing.T) {
	atEditor(t, 40, 24, func(p *person) {
		p.typed("first question\r", "second 東京\r", "third\x1b\rlines\r")
		for p.asked() != "" {
		}
		for _, c := range []struct {
			keys []string
			want string
		}{
			{[]string{"draft", "\x1b[A", "\x1b[B"}, "draft"},
			{[]string{"\x12", "京"}, "second 東京"},
			{[]string{"\x12quest\x05!"}, "first question!"},
			{[]string{"\x12ir", "\x12"}, "first question"},
			{[]string{"\x12i\x12\x13"}, "third\nlines"},
			{[]string{"kept", "\x12nothing has this", "\x07"}, "kept"},
			{[]string{"kept", "\x12sec", "\x03"}, "kept"},
			{[]string{"\x12secx", backspace}, "second 東京"},
			{[]string{"\x12zzz", backspace + backspace + backspace + "third"}, "third\nlines"},
		} {
			p.typed(c.keys...)
			p.typed("\r")
			if got := p.asked(); got != c.want {
				t.Errorf("%q: %q, want %q", c.keys, got, c.want)
			}
			*p.history = History{entries: []string{"first question", "second 東京", "third⏎lines"}}
		}
		p.typed("\x12zzz")
		if s := p.vt.text(); !strings.Contains(s, "no question with: zzz") {
			t.Errorf("%s", s)
		}
		p.typed("\x07\x12京")
		if s := p.vt.text(); !strings.HasSuffix(s, "> second 東京\nsearch: 京") {
			t.Errorf("%s", s)
		}
	})
}

func TestPlainLinesGoOn(t *testing.T) {
	for system, most := range map[string]int{"linux": 4095, "darwin": 1023, "freebsd": 1919} {
		other := strings.Repeat("y", 5000-most/2) // no length at which one cuts
		l := NewPlainLines(strings.NewReader("one\\\ntwo\\\\\n"+strings.Repeat("x", most)+"\n"+other+"\nend\n"), func() {})
		l.most = mostCooked(system)
		for i, want := range []string{"one\ntwo\\\\", "", other, "end"} {
			got, err := l.ReadLine(t.Context())
			cut, isCut := errors.AsType[lineCutError](err)
			if got != want || (want == "") != isCut || isCut && int(cut) != most {
				t.Errorf("%s, %d: %q, %v", system, i, got, err)
			}
		}
		l.Close()
	}
}
