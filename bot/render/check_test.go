package render

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// What Slack resolves, and a link with a label and any scheme.
	reLive    = regexp.MustCompile(`<(?:(?:@[UW][A-Z0-9]+|#[CGD][A-Z0-9]+|!(?:here|channel|everyone|subteam\^[A-Z0-9]+|date\^[^>|]*)|(?:https?://|mailto:|tel:)[^<>|\s]+)(?:\|[^<>]*)?|[a-zA-Z][a-zA-Z0-9+.-]*://[^<>|\s]+\|[^<>]*)>`)
	reBreak   = regexp.MustCompile(strings.ReplaceAll(`(?i)<z/?zbzrz(?:[ \t]z)*/?z>`, "z", `[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}\p{Cf}\x{fe00}-\x{fe0f}\x{e0100}-\x{e01ef}]*`))
	reFence   = regexp.MustCompile("^((?:[ \t]*>)*)[ \t]*(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+)*(`{3,40}|~{3,40})(.*)$")
	reLead    = regexp.MustCompile(`^(?: *>)*`)
	reHeading = regexp.MustCompile(`^#{1,6}[ \t]`)
	reItem    = regexp.MustCompile(`^[ \t\r>]*[-*+0-9]`)
	// A joiner makes text of an item's number in eight quotes, which are deeper than a page shows:
	// the reader sees the same.
	reNumber = regexp.MustCompile(`(?m)^(?:[ \t\r>]*|(?:>[ \t\r]*){8,}\x{2060}[ \t\r>]*)(?:(?:[-*+]|[0-9]{1,9}[.)])[ \t]+){0,7}[0-9]{1,9}[.)](?:[ \t\r]|$)`)
)

// The checks here share no code with the package: they know only what Slack and a reader see.

// probe keeps the first thing found wrong.
type probe struct{ err string }

func (p *probe) Errorf(format string, args ...any) {
	if p.err == "" {
		p.err = fmt.Sprintf(format, args...)
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
func live(s string) string { return reLive.FindString(s) }

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
		case fence == "" && ok:
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

// letters are what must not get lost: what remains without marks that may be added or taken away, and white space.
func letters(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "") {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(".,:;?\"'/{}$%^@=+#|-", r),
			r > 0x7f && r != utf8.RuneError && !unicode.IsSpace(r) && !shapeless(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// shapeless characters may go.
func shapeless(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector) || r == 0x34f || r == 0x17b4 || r == 0x17b5 || strings.ContainsRune("\u115f\u1160\u3164\uffa0\u2800", r)
}

// unnumbered has spaces for the numbers of lists, which may change.
func unnumbered(s string) string {
	return reNumber.ReplaceAllStringFunc(s, func(m string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return ' '
			}
			return r
		}, m)
	})
}

// checkLost compares the letters of each page with those of its part of the source: what is reopened may come before, if the
// source before has it, and entities and addresses may have been rewritten.
func checkLost(t *probe, text string, pages []Page, rewritten bool) {
	start := 0
	norm := func(s string) string {
		s = reBreak.ReplaceAllString(s, "")
		s = strings.NewReplacer("&lt;", "", "&#60;", "", "&#x3C;", "", "<", "", "%3C", "", "%20", "").Replace(s)
		return letters(s)
	}
	noDigits := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, s)
	}
	source := unnumbered(text)
	rewritten = rewritten || strings.Contains(text, "<") || strings.Contains(text, "](") || strings.Contains(text, "&") // autolinks, links that are none or show their host, entities of what shows nothing
	// Where something goes, a line may be an item that looks like none.
	unclear := strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && shapeless(r) })
	for line := range strings.SplitSeq(text, "\n") {
		rewritten = rewritten || len(line) > 60 && strings.Contains(line, "|") // behind a giant row the header comes again
	}
	for i, p := range pages {
		if p.End < start {
			t.Errorf("page %d ends at %d, before %d", i, p.End, start)
			return
		}
		if strings.TrimSpace(text[start:p.End]) == "" {
			t.Errorf("page %d has nothing of its own: %q", i, p.Markdown)
		}
		src, got, earlier := norm(source[start:p.End]), norm(unnumbered(p.Markdown)), norm(source[:start])
		if unclear || cutItem(text, start) || cutItem(text, p.End) {
			src, got, earlier = noDigits(src), noDigits(got), noDigits(earlier)
		}
		more, ok := strings.CutSuffix(got, src)
		switch {
		case !ok && rewritten && inOrder(got, src):
		case !ok:
			t.Errorf("page %d lost something\nsource %q\npage   %q\n(%q\n%q)", i, text[start:p.End], p.Markdown, src, got)
		case !strings.Contains(earlier, more) && !rewritten:
			t.Errorf("page %d has something twice: %q\nsource %q\npage   %q", i, more, text[start:p.End], p.Markdown)
		}
		start = p.End
	}
	if rest := norm(text[start:]); rest != "" {
		t.Errorf("%q is on no page", text[start:])
	}
}

// cutItem reports whether the line that is cut there, or its rest, may look like the item of a list.
func cutItem(text string, at int) bool {
	line := text[strings.LastIndexByte(text[:at], '\n')+1:]
	rest := strings.TrimLeft(text[at:], " \t\r>")
	return reItem.MatchString(line) || rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// inOrder: got has all of src, perhaps more between.
func inOrder(got, src string) bool {
	i := 0
	for j := 0; j < len(got) && i < len(src); j++ {
		if got[j] == src[i] {
			i++
		}
	}
	return i == len(src)
}
