package bot_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// nthWrite is a store that calls at when a process has made, or is about to make, so many writes
// since it was armed.
type nthWrite struct {
	*awayStore

	mu    sync.Mutex // guards all below
	left  int        // writes; 0: not armed
	after bool       // the write is made
	at    func()
}

// keeps opens the store with what it had before.
func (s *nthWrite) keeps() turn.Store {
	s.awayStore.keeps()
	return disk{s}
}

func (s *nthWrite) arm(n int, after bool, at func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.after, s.at = n, after, at
}

func (s *nthWrite) count() (dies, after bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == 0 {
		return false, false
	}
	s.left--
	return s.left == 0, s.after
}

func (s *nthWrite) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	dies, after := false, false
	err := s.awayStore.Update(ctx, key, func(old []byte) ([]byte, error) {
		value, err := fn(old)
		if err == nil {
			if dies, after = s.count(); dies && !after {
				s.at()
				return nil, errDead
			}
		}
		return value, err
	})
	if dies && after {
		s.at()
		return errDead
	}
	return err
}

// TestKilledAtEachWriteAfterAnOutage: the store was away for half a minute, with one answer being
// written, one that waits to be shown, and questions that wait; Slack tells nothing twice. The
// process dies at one of its first writes afterwards. The next one answers all, once.
func TestKilledAtEachWriteAfterAnOutage(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 30; n += 3 {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d %v", n, after), func(t *testing.T) { killedAtWrite(t, n, after) })
		}
	}
}

func killedAtWrite(t *testing.T, n int, after bool) {
	store := &nthWrite{awayStore: &awayStore{}}
	cfg := worldConfig{
		slack: slacksim.Config{Latency: 20 * time.Millisecond, Limiter: slacksim.LimiterOff, HoldEvents: 100, Redeliver: []time.Duration{24 * time.Hour}},
		model: llmsim.Config{Speed: 20}, edits: 100_000, lateAcks: true, bot: bot.Config{Durable: true},
		store: store.keeps,
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		type place struct{ channel, ts string }
		var places []place
		ask := func(channel, words string) {
			places = append(places, place{channel, w.ask("alice", channel, "", words)})
		}
		ask("general", "write 100 tokens")
		ask("@alice", "write 110 tokens")
		ask("general", "write 900 tokens")
		ask("@alice", "write 910 tokens")
		time.Sleep(3 * time.Second)
		store.leave()
		time.Sleep(5 * time.Second)
		ask("random", "write 40 tokens")
		ask("@alice", "write 50 tokens")
		time.Sleep(25 * time.Second)
		kill := w.kill
		store.arm(n, after, kill)
		store.back()
		time.Sleep(2 * time.Second)
		kill() // at the latest
		time.Sleep(3 * time.Second)
		w.again()
		for _, p := range places {
			w.until("all are answered", 10*time.Minute, func() bool { return footers(w.answers(p.channel, p.ts)) >= 1 })
		}
		time.Sleep(redelivered)
		for _, p := range places {
			oneFooter(t, w.answers(p.channel, p.ts))
			is(t, "status", w.slack.Status(p.channel, p.ts), "")
		}
	})
}
