package turn_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/turn"
)

// TestBadKeyIsNoOutage: a key that no store takes is refused as such; the store is not taken for
// away.
func TestBadKeyIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := turn.NewMem()
		defer m.Close()
		var away []bool
		c := turn.NewCoordinator(m, turn.Config{Owner: "a", Hooks: turn.Hooks{Store: func(answers bool, _ time.Duration) { away = append(away, !answers) }}})
		for _, key := range []string{strings.Repeat("9", 800), "C1/\x00", "\xff"} {
			_, asked := c.Ask(t.Context(), key, "1.0")
			_, noted := c.Note(t.Context(), key, "1.0")
			_, looked := c.Record(t.Context(), key)
			for i, err := range []error{asked, noted, looked, c.Stop(t.Context(), key, "1.0"), c.Change(t.Context(), key, "1.0")} {
				if !errors.Is(err, turn.ErrKey) {
					t.Errorf("call %d with key %.20q: %v", i, key, err)
				}
			}
		}
		if len(away) > 0 {
			t.Errorf("the store is told as away: %v", away)
		}
		if a, err := c.Ask(t.Context(), "C1/1.0", "1.0"); err != nil || a.Lease == nil {
			t.Errorf("a good key: %+v, %v", a, err)
		}
	})
}
