package term

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPaintGrows(t *testing.T) {
	v := newVT(t, 20, 5)
	p := newPainter(v)
	for _, lines := range [][]string{
		{"⠋ waiting"}, {"one"}, {"one two"}, {"one two", "", "three"}, {"one two", "", "4"}, {"x"}, {"x", "y"},
	} {
		if err := p.paint(lines, v.size(), false); err != nil {
			t.Fatal(err)
		}
		if got, want := v.text(), strings.Join(lines, "\n"); got != want {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
	}
}

func TestPaintWritesOnlyWhatChanged(t *testing.T) {
	var out strings.Builder
	p := newPainter(&out)
	lines := []string{"a", "b", "c"}
	for _, l := range [][]string{lines, lines} {
		if err := p.paint(l, Size{80, 24}, false); err != nil {
			t.Fatal(err)
		}
	}
	first := out.Len()
	if err := p.paint(append(lines, "d"), Size{80, 24}, false); err != nil {
		t.Fatal(err)
	}
	if more := out.String()[first:]; strings.Contains(more, "c") || !strings.Contains(more, "d") {
		t.Errorf("wrote %q", more)
	}
}

// However an answer grows, in the end all of it can be read, in order, in the terminal and what left it.
func TestPaintLosesNothing(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		v := newVT(t, 30, 4+r.IntN(8))
		p := newPainter(v)
		var lines []string
		for range 40 {
			switch r.IntN(6) {
			case 0:
				if len(lines) > 0 { // an earlier line looks different now, as in a table that gets wider
					i := r.IntN(len(lines))
					lines[i] = fmt.Sprintf("changed %d", r.IntN(1000))
				}
			case 1:
				lines = lines[:max(len(lines)-r.IntN(3), 0)]
			default:
				lines = append(lines, fmt.Sprintf("line %d", r.IntN(1000)))
			}
			if err := p.paint(lines, v.size(), false); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.paint(lines, v.size(), true); err != nil {
			t.Fatal(err)
		}
		if got, want := v.text(), strings.Join(lines, "\n"); !subsequence(want, got) {
			t.Fatalf("seed %d: not all of\n%s\n--- is in\n%s", seed, want, got)
		}
	}
}

// subsequence says whether all lines of a are lines of b, in this order.
func subsequence(a, b string) bool {
	rest := strings.Split(b, "\n")
	for l := range strings.SplitSeq(a, "\n") {
		i := 0
		for i < len(rest) && rest[i] != l {
			i++
		}
		if i == len(rest) {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

func TestPaintAfterResize(t *testing.T) {
	v := newVT(t, 40, 10)
	p := newPainter(v)
	if err := p.paint([]string{strings.Repeat("a", 38), "b"}, v.size(), false); err != nil {
		t.Fatal(err)
	}
	v.w = 60 // wider: no line breaks anew
	if err := p.paint([]string{strings.Repeat("a", 50), "b"}, v.size(), true); err != nil {
		t.Fatal(err)
	}
	if got, want := v.text(), strings.Repeat("a", 50)+"\nb"; got != want {
		t.Errorf("got %q", got)
	}
}
