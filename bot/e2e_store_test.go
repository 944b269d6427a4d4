package bot_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// awayStore is a store that can stop answering.
type awayStore struct {
	*turn.Mem

	mu   sync.Mutex    // guards all below
	away chan struct{} // closed when it answers again; nil: it answers
}

func (s *awayStore) open() turn.Store {
	s.Mem = turn.NewMem()
	return s
}

func (s *awayStore) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = make(chan struct{})
}

func (s *awayStore) back() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.away)
	s.away = nil
}

func (s *awayStore) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away != nil {
		select {
		case <-away:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return s.Mem.Update(ctx, key, fn)
}

// TestStoreThatHangs says a question while the store does not answer; it comes back after so long.
func TestStoreThatHangs(t *testing.T) {
	for name, back := range map[string]time.Duration{
		"before the redelivery": 2 * time.Second, "during the answer": 6 * time.Second, "after the answer": 30 * time.Second, "after three redeliveries": 10 * time.Minute,
	} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			inWorld(t, worldConfig{store: store.open, model: llmsim.Config{Speed: 20}, lateAcks: true}, func(t *testing.T, w *world) {
				store.leave()
				began := time.Now()
				ts := w.ask("alice", "general", "", "write 100 tokens")
				time.AfterFunc(back, store.back)
				w.answered("general", ts, 1)
				if d := time.Since(began); d > 15*time.Second {
					t.Errorf("the answer took %s", d)
				}
				if back > 5*time.Second {
					for _, e := range w.slack.Envelopes() {
						if !e.Acked.IsZero() && e.Attempt == 0 && strings.Contains(string(e.Payload), `"user":"U0ALICE001"`) && e.Sent.Sub(began) < time.Second {
							t.Errorf("%s was acked", e.Type)
						}
					}
				}
				time.Sleep(15 * time.Minute)
				oneFooter(t, w.answers("general", ts))
				if n := w.model.Total(); n != 1 {
					t.Errorf("%d requests", n)
				}
				w.ask("alice", "general", ts, "and more in 7 words")
				w.answered("general", ts, 2)
			})
		})
	}
}

func TestStoreThatHangsInMidAnswer(t *testing.T) {
	for name, back := range map[string]time.Duration{"before the end": 8 * time.Second, "after the end": 40 * time.Second} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			inWorld(t, worldConfig{store: store.open, model: llmsim.Config{Speed: 20}, lateAcks: true}, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "write 300 tokens")
				time.Sleep(2 * time.Second)
				store.leave()
				time.AfterFunc(back, store.back)
				w.answered("general", ts, 1)
				time.Sleep(time.Minute)
				got := w.answers("general", ts)
				oneFooter(t, got)
				if n := w.model.Total(); n != 1 || len(got) != 1 || !strings.Contains(text(got), "300 tokens in") {
					t.Errorf("%d requests: %s", n, text(got))
				}
			})
		})
	}
}

func TestFollowUpsWhileTheStoreHangs(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, model: llmsim.Config{Speed: 50}, lateAcks: true}, func(t *testing.T, w *world) {
		store.leave()
		ts := w.ask("alice", "general", "", "write 50 tokens")
		w.answered("general", ts, 1)
		w.ask("bob", "general", ts, "more in 7 words")
		w.answered("general", ts, 2)
		w.ask("carol", "general", ts, "still more in 8 words")
		w.answered("general", ts, 3)
		time.Sleep(10 * time.Minute)
		store.back()
		time.Sleep(10 * time.Minute)
		if n := w.model.Total(); n != 3 || footers(w.answers("general", ts)) != 3 {
			t.Errorf("%d requests: %s", n, text(w.answers("general", ts)))
		}
	})
}
