//go:build unix

package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// levelSignal switches the log level.
const levelSignal = syscall.SIGUSR1

// switchLevel lets levelSignal switch the log level between the usual one and debug. The caller
// calls stop, which waits for its goroutine.
func switchLevel(ctx context.Context, level *slog.LevelVar, log *slog.Logger) (stop func()) {
	usual := level.Level()
	got := make(chan os.Signal, 1)
	signal.Notify(got, levelSignal)
	done := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-got:
			case <-done:
				return
			}
			if level.Level() == usual {
				level.Set(slog.LevelDebug)
			} else {
				level.Set(usual)
			}
			log.Log(ctx, max(usual, slog.LevelInfo), "log_level_switched", "log_level", level.Level().String())
		}
	})
	return func() {
		signal.Stop(got)
		close(done)
		all.Wait()
	}
}
