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

func count(t testing.TB, s *Store, key string, times int) {
	t.Helper()
	for range times {
		if err := s.Update(t.Context(), key, add); err != nil {
			t.Errorf("count: %v", err)
			return
		}
	}
}

func value(t testing.TB, s *Store, key string) (n int) {
	t.Helper()
	err := s.Update(t.Context(), key, func(old []byte) ([]byte, error) {
		var err error
		if n, err = strconv.Atoi("0" + string(old)); err != nil {
			return nil, err
		}
		return nil, turn.ErrKeep
	})
	if err != nil {
		t.Errorf("read %s: %v", key, err)
	}
	return n
}

func wantCount(t testing.TB, s *Store, key string, n int) {
	t.Helper()
	if got := value(t, s, key); got != n {
		t.Errorf("%s is %d, want %d", key, got, n)
	}
}
