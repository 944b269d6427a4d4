package slacksim

import "testing"

// Every method says in words what the bot does with it.
func TestMethodsHaveWords(t *testing.T) {
	seen := map[string]string{}
	for name, m := range methodTable() {
		if m.what == "" || seen[m.what] != "" {
			t.Errorf("%s: %q, as %s", name, m.what, seen[m.what])
		}
		seen[m.what] = name
	}
}

func TestShort(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abcde": "abcde", "abcdef": "abcd…", "a\n\tb": "a b", "ääääää": "ääää…", "  x  ": "x", "\xff\xff": "\xff\xff",
	} {
		if got := short(in, 5); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
