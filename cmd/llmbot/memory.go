package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// gcPercent is GOGC for the bot. With it 1,000 live answers fit in 200 MB, for less than a tenth
	// of a core (measured with -torture.crowd).
	gcPercent = 30
	// memoryPart is the part of its control group's memory that Go may use. The rest is for what Go
	// does not count: the program itself, the pages of SQLite's files, the kernel's buffers.
	memoryPart = 0.9
)

// setMemory tells Go's collector how much memory there is, unless the environment does (GOGC,
// GOMEMLIMIT). limit returns that of the control group. To import memlimit's parent instead would
// set it in an init, for every command.
func setMemory(ctx context.Context, env []string, limit func() (uint64, error), log *slog.Logger) {
	says := func(name string) bool {
		return slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	}
	if !says("GOGC") {
		debug.SetGCPercent(gcPercent)
	}
	if says("GOMEMLIMIT") {
		return // Go has read it
	}
	n, err := limit()
	switch {
	case errors.Is(err, memlimit.ErrNoLimit), errors.Is(err, memlimit.ErrNoCgroup), errors.Is(err, memlimit.ErrCgroupsNotSupported):
		return
	case err != nil:
		log.InfoContext(ctx, "memory_limit_unknown", "error", err)
		return
	case n == 0 || n > math.MaxInt64:
		return
	}
	goLimit := int64(float64(n) * memoryPart)
	debug.SetMemoryLimit(goLimit)
	log.InfoContext(ctx, "memory_limited", "bytes", n, "go_bytes", goLimit)
}
