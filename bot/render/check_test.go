package render

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

var (
	reLive    = regexp.MustCompile(`(?i)<([!@#]|[a-z][a-z0-9+.-]*://|mailto:|[a-z0-9][^\s<>|]{0,200}\|)`)
	reFence   = regexp.MustCompile("^((?:[ \t]*>)*)[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,40}|~{3,40})(.*)$")
	reLead    = regexp.MustCompile(`^(?: *>)*`)
	reHeading = regexp.MustCompile(`^#{1,6}[ \t]`)
)

// The checks here share no code with the package: they know only what Slack and a reader see.

// probe keeps the first thing found wrong.
type probe struct{ err string }

func (p *probe) Errorf(format string, args ...any) {
	if p.err == "" {
		p.err = fmt.Sprintf(format, args...)
	}
}

// checkAll renders text in the given steps and checks all that the package promises. A text that fails is made smaller first.
func checkAll(t *testing.T, text string, lim Limits, at []int) {
	t.Helper()
	err := check(text, lim, at)
	if err == "" {
		return
	}
	for size, tries := len(text)/2, 0; size > 0 && tries < 1_500; {
		smaller := false
		for i := 0; i+size <= len(text); tries++ {
			if !utf8.RuneStart(text[i]) || i+size < len(text) && !utf8.RuneStart(text[i+size]) {
				i++
				continue
			}
			less := text[:i] + text[i+size:]
			steps := make([]int, len(less))
			for j := range steps {
				steps[j] = j
			}
			if e := check(less, lim, steps); e != "" {
				text, err, at, smaller = less, e, nil, true
			} else {
				i += size
			}
		}
		if !smaller {
			size /= 2
		}
	}
	t.Fatalf("limits %v, steps %v (none: each byte), text %q: %s", lim, at, text, err)
}

func check(text string, lim Limits, at []int) string {
	t := new(probe)
	whole := clonePages(New(lim).Set(text, true))
	d := New(lim)
	var before []Page
	for _, n := range at {
		pages := d.Set(text[:n], false)
		checkGrowth(t, before, pages)
		for i, p := range pages {
			if i >= len(before)-1 {
				checkPage(t, p, lim)
			}
		}
		before = clonePages(pages)
		if t.err != "" {
			return fmt.Sprintf("after %d bytes: %s", n, t.err)
		}
	}
	pages := d.Set(text, true)
	checkGrowth(t, before, pages)
	if len(pages) != len(whole) {
		t.Errorf("%d pages in steps, %d at once\n%s\n---- at once\n%s", len(pages), len(whole), show(pages), show(whole))
		return t.err
	}
	for i, p := range pages {
		checkPage(t, p, lim)
		if p != whole[i] {
			t.Errorf("page %d depends on how the text arrived\n%q\n%q", i, p.Markdown, whole[i].Markdown)
		}
	}
	checkLost(t, text, pages)
	return t.err
}

func clonePages(p []Page) []Page { return append([]Page(nil), p...) }

func checkGrowth(t *probe, before, after []Page) {
	if len(after) < len(before) {
		t.Errorf("a page vanished: %d -> %d", len(before), len(after))
		return
	}
	for i, p := range before {
		if i < len(before)-1 && p != after[i] {
			t.Errorf("page %d changed after a later one was shown\n%q\n%q", i, p.Markdown, after[i].Markdown)
		}
		if !strings.HasPrefix(after[i].Open, p.Open) {
			t.Errorf("Open of page %d took something back\n%q\n%q", i, p.Open, after[i].Open)
		}
	}
}

func checkPage(t *probe, p Page, lim Limits) {
	for _, s := range []string{p.Markdown, p.Open} {
		if !utf8.ValidString(s) {
			t.Errorf("not valid UTF-8: %q", s)
		}
		if tok := live(s); tok != "" {
			t.Errorf("live token %q in %q", tok, s)
		}
	}
	if strings.TrimSpace(p.Markdown) == "" {
		t.Errorf("empty page %q", p.Markdown)
	}
	if open := openFence(p.Markdown); open {
		t.Errorf("fences not balanced: %q", p.Markdown)
	}
	chars, blocks := count(p.Markdown)
	if lim.Chars > 0 && (chars > lim.Chars || p.Chars > lim.Chars) {
		t.Errorf("%d characters (%d said) of %d: %q", chars, p.Chars, lim.Chars, p.Markdown)
	}
	if chars > p.Chars {
		t.Errorf("%d characters, only %d said: %q", chars, p.Chars, p.Markdown)
	}
	if lim.Blocks > 0 && (blocks > lim.Blocks || p.Blocks > lim.Blocks) || blocks > p.Blocks {
		t.Errorf("%d blocks (%d said) of %d: %q", blocks, p.Blocks, lim.Blocks, p.Markdown)
	}
	if lim.Bytes > 0 && len(p.Markdown) > lim.Bytes {
		t.Errorf("%d bytes of %d", len(p.Markdown), lim.Bytes)
	}
}

// live finds something that Slack could act on.
func live(s string) string {
	for _, m := range reLive.FindAllStringIndex(s, -1) {
		rest := strings.ToLower(s[m[0]:])
		if !strings.HasPrefix(rest, "<!--") && !strings.HasPrefix(rest, "<!doctype") && !strings.HasPrefix(rest, "<![cdata[") {
			return s[m[0]:m[1]]
		}
	}
	return ""
}

// fenceLine matches what opens or closes a fence, behind quote and list marks.
func fenceLine(line string) (quote int, marks, info string, ok bool) {
	if !strings.Contains(line, "```") && !strings.Contains(line, "~~~") {
		return 0, "", "", false
	}
	m := reFence.FindStringSubmatch(line)
	if m == nil || m[2][0] == '`' && strings.Contains(m[3], "`") {
		return 0, "", "", false
	}
	return strings.Count(m[1], ">"), m[2], strings.TrimSpace(m[3]), true
}

// walk calls line for each line with the fence that it is in.
func walk(s string, visit func(line, fence string, opens bool)) (open bool) {
	fence, depth := "", 0
	for line := range strings.SplitSeq(s, "\n") {
		lead := reLead.FindString(line)
		if fence != "" && strings.Count(lead, ">") < depth {
			fence = ""
		}
		q, marks, info, ok := fenceLine(line)
		switch {
		case fence == "" && ok && len(info) < 280:
			visit(line, "", true)
			fence, depth = marks, q
			continue
		case fence != "":
			// A list mark before the marks makes it code.
			_, code, _, bare := fenceLine(line)
			body := strings.TrimLeft(line, " \t")
			for range depth {
				body = strings.TrimLeft(strings.TrimPrefix(body, ">"), " \t")
			}
			if bare && info == "" && strings.HasPrefix(body, code) && strings.HasPrefix(code, fence) {
				visit(line, fence, false)
				fence = ""
				continue
			}
		}
		visit(line, fence, false)
	}
	return fence != ""
}

func openFence(s string) bool { return walk(s, func(_, _ string, _ bool) {}) }

// count counts as a witness: at least what Slack may.
func count(s string) (chars, blocks int) {
	for _, r := range s {
		switch r {
		case '&':
			chars += 5
		case '<', '>':
			chars += 4
		default:
			chars++
		}
	}
	run := false
	walk(s, func(line, fence string, opens bool) {
		bare := strings.TrimSpace(line)
		switch {
		case opens:
			blocks++
			run = false
		case fence != "":
			run = false
		case reHeading.MatchString(line):
			blocks++
			chars += 100
			run = false
		case bare == "":
		case !run:
			blocks++
			run = true
		}
	})
	return chars, blocks
}

// letters are what must not get lost: what remains without marks and white space.
func letters(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "") {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r > 0x7f && r != 0x2060 && r != utf8.RuneError && !unicode.IsSpace(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// checkLost compares the letters of each page with those of its part of the source: reopened constructs may come before, and
// entities and addresses may have been rewritten.
func checkLost(t *probe, text string, pages []Page) {
	start := 0
	norm := func(s string) string {
		s = strings.ReplaceAll(s, "&lt;", "")
		s = strings.ReplaceAll(s, "<", "")
		s = strings.ReplaceAll(s, "%3C", "")
		s = strings.ReplaceAll(s, "%20", "")
		return letters(s)
	}
	for i, p := range pages {
		if p.End < start {
			t.Errorf("page %d ends at %d, before %d", i, p.End, start)
			return
		}
		src, got := norm(text[start:p.End]), norm(p.Markdown)
		if !strings.HasSuffix(got, src) && !doubledLink(got, src) {
			t.Errorf("page %d lost something\nsource %q\npage   %q", i, text[start:p.End], p.Markdown)
		}
		if more := len(got) - len(src); more > 400 && i == 0 {
			t.Errorf("page %d has %d letters more than its source", i, more)
		}
		start = p.End
	}
	if rest := letters(text[start:]); rest != "" {
		t.Errorf("%q is on no page", text[start:])
	}
}

// doubledLink: an autolink before a letter is written as [url](url).
func doubledLink(got, src string) bool {
	i := 0
	for j := 0; j < len(got) && i < len(src); j++ {
		if got[j] == src[i] {
			i++
		}
	}
	return i == len(src)
}
