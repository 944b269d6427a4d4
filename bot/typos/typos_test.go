package typos

import "testing"

// TestAlike takes a slip of the fingers for the word that was meant, and no other short word.
func TestAlike(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"alcie", "alice", true},
		{"srve", "serve", true},
		{"queston", "question", true},
		{"channls", "channels", true},
		{"wat", "say", false},
		{"see", "say", false},
		{"to", "as", false},
		{"x", "y", false},
		{"", "a", false},
		{"reply", "press", false},
		{"finally", "expect", false},
	} {
		if got := Alike(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: %v", tt.a, tt.b, got)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"same", "same", 0}, {"serch", "search", 1}, {"srve", "serve", 1}, {"conc", "count", 2}, {"LLM_TEMPRATURE", "LLM_TEMPERATURE", 1}, {"ab", "ba", 2},
	} {
		if got := Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := Distance(tt.b, tt.a); got != tt.want {
			t.Errorf("%q, %q: %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}
