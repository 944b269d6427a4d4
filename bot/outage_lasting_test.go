package bot_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// fullStore is a store that can be read and, while it is full, takes nothing.
type fullStore struct {
	turn.Store

	full atomic.Bool
}

// fullError is what such a store says: waiting does not help.
type fullError struct{ error }

func (fullError) Lasting() bool { return true }

func (s *fullStore) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	return s.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		value, err := fn(old)
		if err == nil && s.full.Load() {
			return nil, fullError{errors.New("database or disk is full")}
		}
		return value, err
	})
}

// TestFullDisk: who asks is told at once, and once, that waiting does not help; answers that are
// being written go on, and all is answered when there is room again.
func TestFullDisk(t *testing.T) {
	store := &fullStore{}
	cfg := worldConfig{
		store: func() turn.Store { store.Store = disk{turn.NewMem()}; return store },
		model: llmsim.Config{Speed: 20}, slack: tellsOnce(), lateAcks: true, bot: bot.Config{Durable: true, Alone: func() bool { return true }},
	}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		running := w.ask("bob", "general", "", "write 200 tokens")
		time.Sleep(3 * time.Second)
		store.full.Store(true)
		ts := w.ask("alice", "general", "", "write 20 tokens")
		time.Sleep(time.Second)
		told := func() (n int) {
			for _, e := range w.slack.Ephemerals("alice") {
				if strings.Contains(e.Plain, "my database takes nothing") {
					n++
				}
			}
			return n
		}
		is(t, "times alice is told within a second", told(), 1)
		w.slack.Say("alice", "general", ts, "anybody?")
		w.ask("bob", "general", ts, "me too")
		w.ask("alice", "general", ts, "and in 5 words?")
		w.ask("bob", "general", ts, "I mean it")
		time.Sleep(time.Minute)
		if footers(w.answers("general", running)) != 1 {
			t.Errorf("the running answer: %s", text(w.answers("general", running)))
		}
		time.Sleep(redelivered)
		is(t, "times alice is told", told(), 1)
		is(t, "status", w.slack.Status("general", ts), "")
		size(t, "answers", w.answers("general", ts), 0)
		atMost(t, "times the log says that the store is back", strings.Count(w.log.String(), "store_back"), 3)
		size(t, "ephemeral messages to who asked in the same thread", w.slack.Ephemerals("bob"), 1)
		store.full.Store(false)
		w.answered("general", ts, 1)
		time.Sleep(quiet)
		oneFooter(t, w.answers("general", running))
		is(t, "requests", w.model.Total(), 2)
	})
}

// TestEndWhileItStopsAndTheStoreIsAway: finished texts wait for the store, and the process is told
// to end. If the store comes back before it must, they are shown; the rest the next one finishes.
func TestEndWhileItStopsAndTheStoreIsAway(t *testing.T) {
	for name, tt := range map[string]struct {
		back time.Duration
		most int
	}{"back in time": {5 * time.Second, 3}, "back too late": {2 * time.Minute, 6}} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			cfg := durable()
			cfg.model.Answer, cfg.model.Speed, cfg.lateAcks = nil, 30, true
			cfg.bot.Alone, cfg.bot.DrainTimeout = nil, 25*time.Second
			cfg.slack.HoldEvents = 100
			cfg.store = store.keeps
			inWorld(t, cfg, func(t *testing.T, w *world) {
				var ts []string
				for range 3 {
					ts = append(ts, w.ask("alice", "general", "", "write 120 tokens"))
				}
				time.Sleep(2 * time.Second)
				store.leave()
				time.Sleep(30 * time.Second)
				time.AfterFunc(tt.back, store.back)
				began := time.Now()
				w.stop()
				atMost(t, "it ended after", time.Since(began), 31*time.Second)
				w.again()
				for _, id := range ts {
					w.answered("general", id, 1)
				}
				time.Sleep(redelivered)
				for _, id := range ts {
					oneFooter(t, w.answers("general", id))
				}
				atMost(t, "requests", w.model.Total(), tt.most)
			})
		})
	}
}

// TestTooManyHeldQuestions: ten thousand threads wait; who asks in another one is told that, once,
// however often Slack tells of it.
func TestTooManyHeldQuestions(t *testing.T) {
	store := &awayStore{}
	cfg := worldConfig{store: store.open, slack: tellsOnce(), lateAcks: true}
	cfg.slack.Redeliver = nil
	inWorld(t, cfg, func(t *testing.T, w *world) {
		store.leave()
		channel := w.slack.ChannelID("general")
		var all sync.WaitGroup
		for i := range 10_000 {
			ts := fmt.Sprintf("%d.%06d", time.Now().Unix(), i)
			all.Go(func() {
				ev := bot.Asked{Question: thread.Question{Thread: thread.ID{Channel: channel, TS: "1.0" + ts}, TS: ts, User: w.slack.UserID("bob"), Text: "so?"}}
				if err := w.bot.Handle(t.Context(), ev); !errors.Is(err, bot.ErrNotDurable) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		ts := w.ask("alice", "general", "", "one too many")
		time.Sleep(redelivered)
		w.toldOnce("alice", "too many questions")
		is(t, "status", w.slack.Status("general", ts), "")
		store.back()
	})
}
