package sqlstore

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"llmbot/bot/turn"
)

func p(times []time.Duration, percent int) float64 {
	slices.Sort(times)
	return float64(times[len(times)*percent/100].Microseconds()) / 1000
}

// BenchmarkAskAndClaim is what a question waits for before its answer begins, beside one fsync of a page in the same folder.
func BenchmarkAskAndClaim(b *testing.B) {
	dir := b.TempDir()
	s := open(b, Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	askAndClaim(b, s, dir)
}

func BenchmarkAskAndClaimPostgres(b *testing.B) {
	askAndClaim(b, open(b, Config{URL: server(b), Log: slog.New(slog.DiscardHandler)}), b.TempDir())
}

func askAndClaim(b *testing.B, s *Store, dir string) {
	b.Helper()
	if err := s.Check(b.Context()); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "page"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	coordinator := turn.NewCoordinator(s, turn.Config{Owner: "bench"})
	page := make([]byte, 4096)
	var ask, sync []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		if _, err := f.WriteAt(page, int64(i)*4096); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		sync = append(sync, time.Since(start))
		start = time.Now()
		a, err := coordinator.Ask(b.Context(), fmt.Sprintf("C012345678:170000%04d.000100", i), turn.TS("1700000000.000100"))
		if err != nil || a.Lease == nil {
			b.Fatalf("%v %v", a, err)
		}
		ask = append(ask, time.Since(start))
	}
	b.ReportMetric(p(ask, 50), "ask-p50-ms")
	b.ReportMetric(p(ask, 99), "ask-p99-ms")
	b.ReportMetric(p(sync, 50), "fsync-p50-ms")
	b.ReportMetric(p(sync, 99), "fsync-p99-ms")
	b.ReportMetric(p(ask, 50)/p(sync, 50), "ratio")
}

// BenchmarkTogether shows what committing together gains: each of many callers writes its own record again and again.
func BenchmarkTogether(b *testing.B) {
	for _, callers := range []int{1, 10, 100, 1000} {
		b.Run("sqlite/"+strconv.Itoa(callers), func(b *testing.B) {
			together(b, open(b, Config{Dir: b.TempDir(), Log: slog.New(slog.DiscardHandler)}), callers)
		})
		b.Run("postgres/"+strconv.Itoa(callers), func(b *testing.B) {
			together(b, open(b, Config{URL: server(b), Log: slog.New(slog.DiscardHandler)}), callers)
		})
	}
}

func together(b *testing.B, s *Store, callers int) {
	b.Helper()
	var mu sync.Mutex
	var times []time.Duration
	work := make(chan int)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for range work {
				start := time.Now()
				if err := s.Update(b.Context(), "k"+strconv.Itoa(c), add); err != nil {
					b.Errorf("update: %v", err)
				}
				mu.Lock()
				times = append(times, time.Since(start))
				mu.Unlock()
			}
		})
	}
	start := time.Now()
	for i := 0; b.Loop(); i++ {
		work <- i
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(len(times))/time.Since(start).Seconds(), "updates/s")
	b.ReportMetric(p(times, 50), "p50-ms")
	b.ReportMetric(p(times, 99), "p99-ms")
}
