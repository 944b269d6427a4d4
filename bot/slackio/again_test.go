package slackio

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestWhatPanickedIsHandledAgain: Slack delivers again what was not acked, and that waits for no
// handling that has ended in a panic.
func TestWhatPanickedIsHandledAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := &intake{slack: book(1, 0).slack()}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		acked, handled := 0, 0
		take := func() {
			defer func() { _ = recover() }()
			in.once(ctx, envelope{ID: "E1"}, "C1/1700000000.000100", func(any) { acked++ }, func() error {
				if handled++; handled == 1 {
					panic("a fault of ours")
				}
				return nil
			})
		}
		take()
		take()
		take()
		if acked != 2 || handled != 2 {
			t.Errorf("handled %d times, acked %d times", handled, acked)
		}
	})
}
