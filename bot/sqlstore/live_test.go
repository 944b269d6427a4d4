package sqlstore

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"llmbot/bot/turn"
)

// BenchmarkLiveAnswers holds 1,000 leases, and checkpoints each answer's text every 2 s. One operation is a second of it.
func BenchmarkLiveAnswers(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		liveAnswers(b, open(b, Config{Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)}))
	})
	b.Run("postgres", func(b *testing.B) {
		liveAnswers(b, open(b, Config{URL: server(b), Log: slog.New(slog.DiscardHandler)}))
	})
}

func liveAnswers(b *testing.B, s *Store) {
	b.Helper()
	const answers = 1000
	var renewals, failed, lost, checkpoints atomic.Int32
	var slowest atomic.Int64
	coordinator := turn.NewCoordinator(s, turn.Config{Owner: "bench", Hooks: turn.Hooks{
		Renewed: func(took time.Duration, err error) {
			renewals.Add(1)
			if err != nil {
				failed.Add(1)
			}
			slowest.Store(max(slowest.Load(), int64(took)))
		},
		Lost: func(string, uint64) { lost.Add(1) },
	}})
	ctx, cancel := context.WithCancel(b.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = coordinator.Run(ctx) })
	claims := make([]*turn.Lease, answers)
	var asking sync.WaitGroup
	for i := range claims {
		asking.Go(func() {
			a, err := coordinator.Ask(b.Context(), fmt.Sprintf("C1:%d", i), "1700000000.000100")
			if err != nil || a.Lease == nil {
				b.Errorf("%v %v", a, err)
			}
			claims[i] = a.Lease
		})
	}
	asking.Wait()
	text := bytes.Repeat([]byte("word "), 400)
	for i := range answers {
		wg.Go(func() {
			for n := 0; s.pause(ctx, 2*time.Second*time.Duration(i+answers)/answers); n++ {
				if err := s.Update(ctx, fmt.Sprintf("text/C1:%d", i), func([]byte) ([]byte, error) { return fmt.Appendf(nil, "%d %s", n, text), nil }); err == nil {
					checkpoints.Add(1)
				}
			}
		})
	}
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start := time.Now()
	for b.Loop() {
		<-time.After(time.Second)
	}
	took := time.Since(start).Seconds()
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	bad := 0
	for _, c := range claims {
		if c.Check() != nil {
			bad++
		}
	}
	cancel()
	wg.Wait()
	cpu := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()).Seconds()
	b.ReportMetric(cpu/took, "cores")
	b.ReportMetric(float64(renewals.Load())/took, "renewals/s")
	b.ReportMetric(float64(checkpoints.Load())/took, "checkpoints/s")
	b.ReportMetric(float64(failed.Load()), "failed")
	b.ReportMetric(float64(int(lost.Load())+bad), "lost")
	b.ReportMetric(float64(time.Duration(slowest.Load()).Milliseconds()), "slowest-ms")
}
