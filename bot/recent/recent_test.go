package recent

import "testing"

func TestForgetsWhatWasUsedLongestAgo(t *testing.T) {
	m := New[int, string](2)
	m.Add(1, "a")
	m.Add(2, "b")
	m.Get(1)
	m.Add(3, "c")
	if _, ok := m.Get(2); ok || m.Len() != 2 || !m.Contains(1) {
		t.Errorf("2 is there: %v, of %d", ok, m.Len())
	}
}
