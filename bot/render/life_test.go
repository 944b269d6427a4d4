package render

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// An op is a Break or a Shrink after so many bytes of the text.
type op struct {
	at     int
	shrink bool
	page   int // modulo the number of pages there are
	lim    Limits
}

// checkAll renders text in the given steps and checks all that the package promises. A text that fails is made smaller first.
func checkAll(t *testing.T, text string, lim Limits, at []int, ops ...op) {
	t.Helper()
	err := check(text, lim, at, ops...)
	if err == "" {
		return
	}
	every := func(n int) (at []int) {
		for j := 0; j < n; j += stride(n) {
			at = append(at, j)
		}
		return at
	}
	for i := 0; i < len(ops); {
		less := slices.Delete(slices.Clone(ops), i, i+1)
		if e := check(text, lim, at, less...); e != "" {
			ops, err = less, e
		} else {
			i++
		}
	}
	for size, tries := len(text)/2, 0; size > 0 && tries < 1_500; {
		smaller := false
		for i := 0; i+size <= len(text); tries++ {
			if !utf8.RuneStart(text[i]) || i+size < len(text) && !utf8.RuneStart(text[i+size]) {
				i++
				continue
			}
			less, moved := text[:i]+text[i+size:], slices.Clone(ops)
			for j, o := range moved {
				if o.at > i {
					moved[j].at = max(i, o.at-size)
				}
			}
			if e := check(less, lim, every(len(less)), moved...); e != "" {
				text, err, ops, at, smaller = less, e, moved, nil, true
			} else {
				i += size
			}
		}
		if !smaller {
			size /= 2
		}
	}
	t.Fatalf("limits %v, ops %v, steps %v (none: each byte), text %q: %s", lim, ops, at, text, err)
}

func check(text string, lim Limits, at []int, ops ...op) string {
	return checkWith(Links{}, text, lim, at, ops...)
}

func checkWith(links Links, text string, lim Limits, at []int, ops ...op) string {
	whole := &life{doc: New(lim, WithLinks(links)), lims: []Limits{lim}}
	whole.run(text, nil, ops)
	l := &life{doc: New(lim, WithLinks(links)), lims: []Limits{lim}, checked: true, atOps: whole.atOps}
	l.run(text, at, ops)
	t := &l.probe
	if t.err != "" {
		return t.err
	}
	if len(l.pages) != len(whole.pages) {
		t.Errorf("%d pages in steps, %d at once\n%s\n---- at once\n%s", len(l.pages), len(whole.pages), show(l.pages), show(whole.pages))
		return t.err
	}
	for i, p := range l.pages {
		if p != whole.pages[i] {
			t.Errorf("page %d depends on how the text arrived\n%q\n%q", i, p.Markdown, whole.pages[i].Markdown)
		}
	}
	checkLost(t, text, l.pages, links.Defang)
	return t.err
}

// A life is that of one Doc.
type life struct {
	probe
	doc     *Doc
	pages   []Page   // what Set returned last
	done    int      // so many of them must not change
	lims    []Limits // of each page and the later ones
	checked bool
	atOps   [][]Page // what Set returned before each op
}

func (l *life) run(text string, at []int, ops []op) {
	ops = slices.Clone(ops)
	slices.SortStableFunc(ops, func(a, b op) int { return a.at - b.at })
	for nth, o := range ops {
		for len(at) > 0 && at[0] <= o.at {
			l.set(text[:at[0]], false)
			at = at[1:]
		}
		l.set(text[:o.at], false)
		if !l.checked {
			l.atOps = append(l.atOps, clonePages(l.pages))
		} else if !slices.EqualFunc(l.pages, l.atOps[nth], sameView) {
			l.Errorf("pages at %d depend on how the text arrived\n%s\n---- at once\n%s", o.at, show(l.pages), show(l.atOps[nth]))
		}
		l.do(o)
		if l.err != "" {
			return
		}
	}
	for _, n := range at {
		l.set(text[:n], false)
	}
	l.set(text, true)
}

func (l *life) do(o op) {
	switch {
	case !o.shrink:
		if l.doc.Break(); len(l.pages) > 0 {
			l.done = len(l.pages)
			p := &l.pages[l.done-1]
			p.Open = p.Markdown
		}
	case len(l.pages) > 0:
		n := o.page % len(l.pages)
		l.doc.Shrink(n, o.lim)
		l.pages, l.done = l.pages[:n], n
		for len(l.lims) < n {
			l.lims = append(l.lims, l.lims[len(l.lims)-1])
		}
		l.lims = append(l.lims[:n], o.lim)
	}
}

func (l *life) set(text string, final bool) {
	if l.err != "" {
		return
	}
	pages := l.doc.Set(text, final)
	if l.checked {
		l.growth(pages)
		for i, p := range pages {
			if final || i >= len(l.pages)-1 {
				checkPage(&l.probe, p, l.lims[min(i, len(l.lims)-1)])
			}
			if !strings.HasPrefix(p.Markdown, p.Open) || i < len(pages)-1 && p.Markdown != p.Open {
				l.Errorf("page %d: Open %q, Markdown %q", i, p.Open, p.Markdown)
			}
			if n := strings.TrimSpace(p.Markdown); i == len(pages)-1 && i > 0 && strings.TrimSpace(text[pages[i-1].End:p.End]) == "" {
				l.Errorf("page %d has nothing of its own: %q", i, n)
			}
		}
		if l.err != "" {
			l.err = fmt.Sprintf("after %d bytes: %s", len(text), l.err)
		}
	}
	l.pages = clonePages(pages)
}

// sameView: how far Open has come depends on how the text arrived, until the page is finished.
func sameView(a, b Page) bool {
	a.Open, b.Open = "", ""
	return a == b
}

func clonePages(p []Page) []Page { return append([]Page(nil), p...) }

func (l *life) growth(after []Page) {
	if len(after) < len(l.pages) {
		l.Errorf("a page vanished: %d -> %d", len(l.pages), len(after))
		return
	}
	for i, p := range l.pages {
		if (i < len(l.pages)-1 || i < l.done) && p != after[i] {
			l.Errorf("page %d changed after a later one was shown, or after a Break\n%+v\n%+v", i, p, after[i])
		}
		if !strings.HasPrefix(after[i].Open, p.Open) {
			l.Errorf("Open of page %d took something back\n%q\n%q", i, p.Open, after[i].Open)
		}
	}
}

func randomOps(r *rand.Rand, text string) []op {
	var ops []op
	for range r.IntN(6) {
		o := op{at: r.IntN(len(text) + 1), shrink: r.IntN(3) == 0, page: r.IntN(20), lim: randomLimits(r)}
		for range 1 + r.IntN(5)/4 {
			ops = append(ops, o)
		}
	}
	return ops
}

// TestRandomLives is the fuzz test over answers made of Markdown, with Breaks and Shrinks.
func TestRandomLives(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 200
	}
	for i := range rounds {
		r := rand.New(rand.NewPCG(uint64(i), 9))
		text := randomText(r, 5+i%60)
		ops := randomOps(r, text)
		checkAll(t, text, randomLimits(r), steps(r, len(text), 1+r.IntN(60)), ops...)
	}
}
