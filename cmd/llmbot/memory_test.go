package main

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

func TestMemoryLimit(t *testing.T) {
	before, gc := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	defer func() {
		debug.SetMemoryLimit(before)
		debug.SetGCPercent(gc)
	}()
	for name, tt := range map[string]struct {
		env   []string
		limit uint64
		err   error
		want  int64
		log   string
	}{
		"a limit":         {nil, 1 << 30, nil, 1 << 30 * 9 / 10, "memory_limited"},
		"Go's own":        {[]string{"GOMEMLIMIT=700MiB"}, 1 << 30, nil, math.MaxInt64, ""},
		"none":            {nil, 0, memlimit.ErrNoLimit, math.MaxInt64, ""},
		"no groups":       {nil, 0, memlimit.ErrCgroupsNotSupported, math.MaxInt64, ""},
		"not to be known": {nil, 0, errors.New("odd"), math.MaxInt64, "memory_limit_unknown"},
		"endless":         {nil, math.MaxUint64, nil, math.MaxInt64, ""},
	} {
		debug.SetMemoryLimit(math.MaxInt64)
		var log bytes.Buffer
		setMemory(t.Context(), tt.env, func() (uint64, error) { return tt.limit, tt.err }, slog.New(slog.NewTextHandler(&log, nil)))
		if got := debug.SetMemoryLimit(-1); got != tt.want || !strings.Contains(log.String(), tt.log) || tt.log == "" && log.Len() > 0 {
			t.Errorf("%s: %d, %s", name, got, log.String())
		}
	}
}
