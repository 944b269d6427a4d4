package bot

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestQueueHandsOutWhatIsDue: in its order, not before its time, with a pause behind what has cost
// something, and no more than it holds.
func TestQueueHandsOutWhatIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue[int](slog.New(slog.DiscardHandler), "test", 4, 6*time.Second, 3*time.Second)
		for i := range 6 { // two too many
			q.add(i)
		}
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		var got []int
		var at []time.Duration
		var done sync.WaitGroup
		done.Go(func() {
			q.run(ctx, func(_ context.Context, i int) bool {
				got, at = append(got, i), append(at, time.Since(began))
				return i%2 == 0
			})
		})
		time.Sleep(time.Minute)
		cancel()
		done.Wait()
		if want := []int{0, 1, 2, 3}; !slices.Equal(got, want) {
			t.Errorf("handed out %v, want %v", got, want)
		}
		if want := []time.Duration{6 * time.Second, 9 * time.Second, 9 * time.Second, 12 * time.Second}; !slices.Equal(at, want) {
			t.Errorf("at %v, want %v", at, want)
		}
	})
}

// TestPoolIsBounded: so many jobs at a time, each with a time-out; run waits for those under way.
func TestPoolIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(slog.New(slog.DiscardHandler), 2, 10*time.Second)
		var mu sync.Mutex
		running, most, ended := 0, 0, 0
		for range maxJobs + 10 {
			p.add("test", func(ctx context.Context) {
				mu.Lock()
				running++
				most = max(most, running)
				mu.Unlock()
				<-ctx.Done()
				mu.Lock()
				defer mu.Unlock()
				running, ended = running-1, ended+1
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		var done sync.WaitGroup
		done.Go(func() { p.run(ctx) })
		time.Sleep(time.Hour)
		cancel()
		done.Wait()
		if most != 2 || ended != maxJobs || running != 0 {
			t.Errorf("%d at a time, %d done of the %d that fit, %d are still running", most, ended, maxJobs, running)
		}
	})
}
