package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// TestStoreReady: a check that SIGTERM broke off says nothing of the store.
func TestStoreReady(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for name, tt := range map[string]struct {
		ctx    context.Context
		url    string
		fails  error
		err    bool
		logged bool
	}{
		"it takes writes":               {t.Context(), "", nil, false, false},
		"a folder that is read-only":    {t.Context(), "", errors.New("read-only"), true, false},
		"a database that is away":       {t.Context(), "postgres://x", errors.New("refused"), false, true},
		"stopped, with a folder":        {stopped, "", context.Canceled, false, false},
		"stopped, with a database":      {stopped, "postgres://x", context.Canceled, false, false},
		"stopped, with another failure": {stopped, "postgres://x", errors.New("conn closed"), false, false},
	} {
		var log bytes.Buffer
		s := store{check: func(context.Context) error { return tt.fails }}
		err := s.ready(tt.ctx, Config{StateURL: tt.url}, slog.New(slog.NewTextHandler(&log, nil)))
		if logged := strings.Contains(log.String(), "store_away"); (err != nil) != tt.err || logged != tt.logged {
			t.Errorf("%s: %v, logged %v", name, err, logged)
		}
	}
}
