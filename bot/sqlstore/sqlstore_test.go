package sqlstore

import (
	"log/slog"
	"testing"

	"llmbot/bot/turn"
	"llmbot/bot/turn/turntest"
)

// open opens a store that the test closes at its end.
func open(tb testing.TB, cfg Config) *Store {
	tb.Helper()
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(tb.Output(), nil))
	}
	s, err := Open(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func TestSQLite(t *testing.T) {
	turntest.TestStore(t, func(t *testing.T) turn.Store { return open(t, Config{Dir: t.TempDir()}) })
}

func TestSQLiteInBubble(t *testing.T) {
	turntest.TestBubble(t, func(t *testing.T) turn.Store { return open(t, Config{Dir: t.TempDir()}) })
}

func TestSQLitePair(t *testing.T) {
	turntest.TestPair(t, func(t *testing.T) (a, b turn.Store) {
		dir := t.TempDir()
		return open(t, Config{Dir: dir}), open(t, Config{Dir: dir})
	})
}
