//go:build !unix

package main

import (
	"context"
	"log/slog"
	"syscall"
)

// levelSignal does not exist here.
const levelSignal = syscall.Signal(0)

// switchLevel does nothing where there is no SIGUSR1.
func switchLevel(context.Context, *slog.LevelVar, *slog.Logger) (stop func()) { return func() {} }
