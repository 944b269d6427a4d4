package pace

import (
	"testing"
	"testing/synctest"
	"time"
)

// A process that writes one answer of six may read as long as the workspace has reads left.
func TestReadsAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Share: 1.0 / 6})
		s.SetShare(1.0 / 8)
		began := time.Now()
		for range 20 {
			if err := s.Take(t.Context(), "conversations.replies"); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("20 reads took %s", d)
		}
	})
}
