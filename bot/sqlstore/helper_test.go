package sqlstore

import (
	"strconv"
	"testing"

	"llmbot/bot/turn"
)

// add counts up a decimal number.
func add(old []byte) ([]byte, error) {
	n, err := strconv.Atoi("0" + string(old))
	return strconv.AppendInt(nil, int64(n+1), 10), err
}

func count(tb testing.TB, s *Store, key string, times int) {
	tb.Helper()
	for range times {
		if err := s.Update(tb.Context(), key, add); err != nil {
			tb.Errorf("count: %v", err)
			return
		}
	}
}

func value(tb testing.TB, s *Store, key string) (n int) {
	tb.Helper()
	err := s.Update(tb.Context(), key, func(old []byte) ([]byte, error) {
		var err error
		if n, err = strconv.Atoi("0" + string(old)); err != nil {
			return nil, err
		}
		return nil, turn.ErrKeep
	})
	if err != nil {
		tb.Errorf("read %s: %v", key, err)
	}
	return n
}

func wantCount(tb testing.TB, s *Store, key string, n int) {
	tb.Helper()
	if got := value(tb, s, key); got != n {
		tb.Errorf("%s is %d, want %d", key, got, n)
	}
}
