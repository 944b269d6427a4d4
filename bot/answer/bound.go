package answer

import (
	"strings"
	"unicode/utf8"

	"llmbot/llm"
)

const (
	// DefaultMaxChars is how many characters of an answer are shown (design §5).
	DefaultMaxChars = 60_000
	// endAfter is the multiple of the shown characters at which a request to the model ends (issue
	// 12).
	endAfter = 4
	// thinkAfter is the same for characters of reasoning: more than any context window of today holds.
	thinkAfter = 16
	// cutZone is how many characters before the limit a cut may lie, so that it finds the border of a
	// block.
	cutZone = 2_000
)

// bound decides how much of an answer is shown: max characters at most, up to the border of a
// block. While the text grows, the part that is shown never shrinks. bound looks only at what is
// new in the text.
type bound struct {
	max   int
	text  string // the newest
	chars int    // of text
	from  int    // bytes of what is shown of it in any case, once it has more characters than that
	to    int    // bytes of its first max characters, once it has as many
	cut   int    // where it is cut; 0: not known yet
}

// measure counts the newest text.
func (b *bound) measure(text string) {
	if !strings.HasPrefix(text, b.text) {
		*b = bound{max: b.max}
	}
	fresh := text[len(b.text):]
	n := utf8.RuneCountInString(fresh)
	mark := func(at int, where *int) {
		if b.chars < at && b.chars+n >= at {
			*where = len(b.text) + firstChars(fresh, at-b.chars)
		}
	}
	mark(b.sure(), &b.from)
	mark(b.max, &b.to)
	b.text, b.chars = text, b.chars+n
}

// sure returns how many characters are shown whatever follows.
func (b *bound) sure() int { return b.max - min(cutZone, b.max/10) }

// shown returns what is shown of a text; all: nothing will follow it.
func (b *bound) shown(text string, all bool) string {
	b.measure(text)
	switch {
	case b.chars <= b.sure(), all && b.chars <= b.max:
		return text
	case b.chars <= b.max:
		return text[:blockBorder(text, b.from)]
	case b.cut == 0:
		b.cut = border(text[:b.to], b.from)
	}
	return text[:b.cut]
}

// border returns where to cut a text, after from: at the last border of a block, else of a line,
// else of a word.
func border(text string, from int) int {
	if at := blockBorder(text, from); at > from {
		return at
	}
	for _, c := range []byte{'\n', ' '} {
		if i := strings.LastIndexByte(text[from:], c); i >= 0 {
			return from + i + 1
		}
	}
	return len(text)
}

// blockBorder returns the beginning of the last blank line after from; from if there is none.
func blockBorder(text string, from int) int {
	last, at := from, from
	for line := range strings.Lines(text[from:]) {
		if at > from && strings.HasSuffix(line, "\n") && strings.TrimSpace(line) == "" {
			last = at
		}
		at += len(line)
	}
	return last
}

// firstChars returns how many bytes the first n characters of s have.
func firstChars(s string, n int) int {
	for i := range s {
		if n == 0 {
			return i
		}
		n--
	}
	return len(s)
}

// room is what a request may still bring, in characters.
type room struct{ text, thought int }

// roomBehind returns the room of a request that continues text; most is how many characters are
// shown.
func roomBehind(text string, most int) room {
	return room{text: endAfter*most - utf8.RuneCountInString(text), thought: thinkAfter * most}
}

// take counts a delta, and cuts off what there is no room for. Its error is to end the request.
func (r *room) take(d *llm.Delta) error {
	left := r.text
	if r.text -= utf8.RuneCountInString(d.Text); r.text < 0 {
		d.Text = d.Text[:firstChars(d.Text, max(left, 0))]
		return errEndless
	}
	if r.thought -= utf8.RuneCountInString(d.Reasoning); r.thought < 0 {
		return errOverthought
	}
	return nil
}

// RestNotShown tells readers that an answer is longer than what is shown of it.
const RestNotShown = "The answer is longer than I show in a thread: the rest of it is left out."
