// Package wait pauses between two tries, and gives up the pause when a context ends.
package wait

import (
	"context"
	"time"
)

// For blocks for d and returns nil, or returns the cause of ctx when that ends first.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
