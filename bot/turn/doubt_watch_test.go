package turn_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot/turn"
)

// noUpdates is a store whose writes fail while its watch works: another connection, or a pool that is full.
type noUpdates struct {
	turn.Store
	down atomic.Bool
}

func (s *noUpdates) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if s.down.Load() {
		return errDown
	}
	return s.Store.Update(ctx, key, fn)
}

// TestDoubtLostByWatch: a claim from memory became real, and then another process took the thread over. The watch tells of that before a write does: the doubt is gone.
func TestDoubtLostByWatch(t *testing.T) {
	bubble(t, func(t *testing.T, m *turn.Mem) {
		flaky := &noUpdates{Store: m}
		a := start(t, flaky, "a")
		b := start(t, m, "b")
		away(a)
		c := a.Assume("k", "1.0")
		c.Doubt(true)
		back(a)
		time.Sleep(ttl) // it is real now
		if c.Epoch() == 0 {
			t.Fatal("not real")
		}
		flaky.down.Store(true)
		got := b.next(t)
		select {
		case <-c.Lost():
		case <-time.After(ttl):
			t.Fatal("not lost")
		}
		flaky.down.Store(false)
		time.Sleep(2 * ttl)
		more, err := got.Done(t.Context(), got.For())
		if err != nil {
			t.Fatal(err)
		}
		if !more {
			t.Errorf("b does not read the thread once more: %+v", record(t, m, "k"))
		}
	})
}
