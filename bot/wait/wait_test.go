package wait

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestFor waits for the whole time, and not longer than its context lasts.
func TestFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("enough")
		for name, c := range map[string]struct {
			ends time.Duration
			took time.Duration
			err  error
		}{
			"the whole time":   {time.Hour, time.Minute, nil},
			"the context ends": {time.Second, time.Second, why},
			"it had ended":     {0, 0, why},
		} {
			ctx, cancel := context.WithTimeoutCause(t.Context(), c.ends, why)
			began := time.Now()
			err := For(ctx, time.Minute)
			if took := time.Since(began); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || took != c.took {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			cancel()
		}
	})
}
