package lines

import (
	"slices"
	"testing"
)

// TestSplit: every end of a line that a model may see is one, and \r\n is one end.
func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"":                   {""},
		"a":                  {"a"},
		"a\nb":               {"a", "b"},
		"a\r\nb\rc":          {"a", "b", "c"},
		"a\vb\fc":            {"a", "b", "c"},
		"a\u0085b\u2028c":    {"a", "b", "c"},
		"a\u2029b":           {"a", "b"},
		"a\n\r\n":            {"a", "", ""},
		"a\u00a0b\u200bc\td": {"a\u00a0b\u200bc\td"},
	} {
		if got := Split(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		if got := Many(text); got != (len(want) > 1) {
			t.Errorf("%q has more than one line: %v", text, got)
		}
	}
}
