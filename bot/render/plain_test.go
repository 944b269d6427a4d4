package render

import (
	"strings"
	"testing"
)

// TestPlainCutsNoAddress cuts texts at every place around an address: none can be clicked in either part, and marks of code keep their pairs.
func TestPlainCutsNoAddress(t *testing.T) {
	links := WithLinks(Links{Defang: true})
	for _, fill := range []string{",", "é", "`x`", "a`", "`see https://evil.test/x y` ", "https://evil.test/b "} {
		for n := fallbackBytes - 60; n < fallbackBytes+5; n++ {
			text := strings.Repeat(fill, n/len(fill)) + strings.Repeat(",", n%len(fill)) + ",https://evil.test/aaaaaaaaaaaaaaaaaaaaaaaa more"
			for _, part := range append(Plain(text, links), Fallback(text, links)) {
				if at := clickable(part); at != "" {
					t.Fatalf("%d of %q: %q can be clicked", n, fill, at)
				}
			}
		}
	}
}

// clickable is what stands before the first address outside of code in a text of Slack's own marks, with it; empty: there is none.
func clickable(s string) string {
	for line := range strings.Lines(s) {
		for i, piece := range strings.Split(line, "`") {
			if i%2 == 0 && strings.Contains(piece, "evil.test") || i > 0 && i == strings.Count(line, "`") && strings.Contains(piece, "evil.test") {
				return piece
			}
		}
	}
	return ""
}
