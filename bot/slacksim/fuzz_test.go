package slacksim

import (
	"strings"
	"testing"
)

// FuzzText holds what must be true of any text: stored text has no bare angle bracket outside of
// tokens, storing twice is storing once, and Markdown of n lines expands to at most n blocks.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"", "a < b && c", "<@U0ALICE001> &lt;x&gt;", "# x\n```\ny\n```\n|a|b|\n|-|-|\n|1|2|", "- a\n> b\n1. c\n---", "~~~\n&"} {
		f.Add(seed)
	}
	s := New(Config{})
	f.Fuzz(func(t *testing.T, text string) {
		stored := escapeFree(text)
		if escapeFree(stored) != stored {
			t.Errorf("%q, stored twice: %q", stored, escapeFree(stored))
		}
		if rest := token.ReplaceAllString(stored, ""); token.FindString(stored) == "" && strings.ContainsAny(rest, "<>") {
			t.Errorf("%q has a bare bracket", stored)
		}
		if n, lines := len(expandMarkdown(text)), strings.Count(text, "\n")+1; n > lines {
			t.Errorf("%d blocks of %d lines", n, lines)
		}
		s.typedLocked(text)
		s.plainTextLocked(stored)
	})
}
