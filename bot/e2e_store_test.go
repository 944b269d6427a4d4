package bot_test

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/turn"
	"llmbot/llm/llmsim"
)

// awayStore is a store that can stop answering.
type awayStore struct {
	*turn.Mem

	mu   sync.Mutex    // guards all below
	away chan struct{} // closed when it answers again; nil: it answers
	lost chan struct{} // closed when it leaves; nil: it is away, or has not left yet
}

func (s *awayStore) open() turn.Store {
	s.Mem = turn.NewMem()
	return s
}

// keeps opens the store with what it had before.
func (s *awayStore) keeps() turn.Store {
	if s.Mem == nil {
		s.Mem = turn.NewMem()
	}
	return disk{s}
}

func (s *awayStore) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = make(chan struct{})
	if s.lost != nil {
		close(s.lost)
		s.lost = nil
	}
}

func (s *awayStore) back() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.away)
	s.away = nil
}

// there reports whether the store answers.
func (s *awayStore) there() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.away == nil
}

// wait waits until the store answers.
func (s *awayStore) wait(ctx context.Context) error {
	s.mu.Lock()
	away := s.away
	s.mu.Unlock()
	if away == nil {
		return nil
	}
	select {
	case <-away:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *awayStore) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Mem.Update(ctx, key, fn)
}

// Watch ends when the store leaves, and fails at once while it is away, as a connection does.
func (s *awayStore) Watch(ctx context.Context, prefix string, fn func(string, []byte)) error {
	return s.watch(ctx, s.Mem, prefix, fn)
}

// watch is a Watch of a store over the link that s is.
func (s *awayStore) watch(ctx context.Context, store turn.Store, prefix string, fn func(string, []byte)) error {
	s.mu.Lock()
	away := s.away != nil
	if s.lost == nil && !away {
		s.lost = make(chan struct{})
	}
	lost := s.lost
	s.mu.Unlock()
	if away {
		return errGone
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-lost:
			cancel(errGone)
		case <-ctx.Done():
		}
	}()
	err := store.Watch(ctx, prefix, fn)
	return cmp.Or(context.Cause(ctx), err)
}

var errGone = errors.New("connection lost")

// TestQuestionWhileTheStoreIsAway: whoever asks is told within 3 s that the bot waits for its
// database, nothing is acked, and when the store is back the question is answered once.
func TestQuestionWhileTheStoreIsAway(t *testing.T) {
	for name, back := range map[string]time.Duration{"before the redelivery": 2 * time.Second, "after one": 6 * time.Second, "after 30 s": 30 * time.Second, "after three redeliveries": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			inWorld(t, worldConfig{store: store.open, model: llmsim.Config{Speed: 20}, lateAcks: true}, func(t *testing.T, w *world) {
				store.leave()
				began := time.Now()
				ts := w.ask("alice", "general", "", "write 100 tokens")
				time.AfterFunc(back, store.back)
				if back > 3*time.Second {
					time.Sleep(3 * time.Second)
					has(t, w.slack.Status("general", ts), "waiting for its database")
					time.Sleep(back - 4*time.Second)
					s := w.slack.Status("general", ts)
					has(t, s, "waiting for its database")
					size(t, "messages", w.answers("general", ts), 0)
					is(t, "requests to the model", w.model.Total(), 0)
					for _, e := range w.slack.Envelopes() {
						if !e.Acked.IsZero() && e.Attempt == 0 && strings.Contains(string(e.Payload), `"user":"U0ALICE001"`) && e.Sent.Sub(began) < time.Second {
							t.Errorf("%s was acked", e.Type)
						}
					}
				}
				w.answered("general", ts, 1)
				if d := time.Since(began) - back; d > 12*time.Second { // 5 s of it the model takes
					t.Errorf("the answer was there %s after the store was back", d)
				}
				time.Sleep(redelivered)
				oneFooter(t, w.answers("general", ts))
				if n := w.model.Total(); n != 1 || w.slack.Status("general", ts) != "" {
					t.Errorf("%d requests, status %q", n, w.slack.Status("general", ts))
				}
				w.ask("alice", "general", ts, "and more in 7 words")
				w.answered("general", ts, 2)
			})
		})
	}
}

// TestEndWhileTheStoreIsAway: an answer that ends while the store is away waits in memory, and
// nobody is asked for it again.
func TestEndWhileTheStoreIsAway(t *testing.T) {
	for name, back := range map[string]time.Duration{"back before the end": 8 * time.Second, "back after it": 40 * time.Second, "back long after it": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			store := &awayStore{}
			inWorld(t, worldConfig{store: store.open, model: llmsim.Config{Speed: 20}, lateAcks: true}, func(t *testing.T, w *world) {
				ts := w.ask("alice", "general", "", "write 300 tokens")
				time.Sleep(2 * time.Second)
				store.leave()
				time.AfterFunc(back, store.back)
				w.until("the answer is complete", 12*time.Minute, func() bool { return footers(w.answers("general", ts)) == 1 })
				time.Sleep(redelivered)
				got := w.answers("general", ts)
				oneFooter(t, got)
				is(t, "requests to the model", w.model.Total(), 1)
				size(t, "messages", got, 1)
				has(t, text(got), "300 tokens in")
			})
		})
	}
}

// TestSlotsAreFreeWhileEndsWait: an answer that waits for the store to show its end holds no slot.
func TestSlotsAreFreeWhileEndsWait(t *testing.T) {
	store := &awayStore{}
	cfg := worldConfig{store: store.open, model: llmsim.Config{Speed: 50}, bot: bot.Config{MaxAnswers: 2}, lateAcks: true}
	inWorld(t, cfg, func(t *testing.T, w *world) {
		var ts []string
		for range 6 {
			ts = append(ts, w.ask("alice", "general", "", "write 100 tokens"))
		}
		time.Sleep(time.Second)
		store.leave()
		time.Sleep(outage)
		is(t, "answers begun while two slots and no store are there", w.model.Total(), 6)
		store.back()
		for _, id := range ts {
			oneFooter(t, w.answered("general", id, 1))
		}
		time.Sleep(redelivered)
		is(t, "requests", w.model.Total(), 6)
	})
}

// TestFollowUpsWhileTheStoreIsAway: what is asked in a thread meanwhile is answered when the store
// is back, also without a mention.
func TestFollowUpsWhileTheStoreIsAway(t *testing.T) {
	store := &awayStore{}
	inWorld(t, worldConfig{store: store.open, model: llmsim.Config{Speed: 50}, lateAcks: true}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 50 tokens")
		w.answered("general", ts, 1)
		store.leave()
		w.slack.Say("alice", "general", ts, "more zqtwo in 7 words")
		time.Sleep(outage)
		w.ask("carol", "general", ts, "still more zqthree in 8 words")
		time.Sleep(redelivered)
		store.back()
		w.answered("general", ts, 2)
		time.Sleep(redelivered)
		_, all := conversation(w.model.Last().Chat)
		is(t, "requests to the model", w.model.Total(), 2)
		has(t, all, "zqtwo", "zqthree")
	})
}

// TestStartWhileTheStoreIsAway: what was said while no process ran, in a new thread and in an old
// one, is found by one that starts while the store does not answer.
func TestStartWhileTheStoreIsAway(t *testing.T) {
	store := &awayStore{}
	cfg := durable()
	cfg.lateAcks = true
	cfg.store = store.keeps
	inWorld(t, cfg, func(t *testing.T, w *world) {
		old := w.ask("alice", "general", "", "hello")
		w.answered("general", old, 1)
		time.Sleep(time.Minute)
		w.kill()
		time.Sleep(30 * time.Second)
		w.slack.Say("alice", "general", old, "and what else?")
		ts := w.ask("bob", "general", "", "is anybody there?") // no socket is open: Slack loses it
		store.leave()
		w.again()
		time.Sleep(5 * outage)
		store.back()
		w.answered("general", ts, 1)
		w.answered("general", old, 2)
	})
}

// TestStatusOfWhoIsWaitedFor: whoever asks in an old thread sees within a second that the bot is at
// it, however long the read takes; also who asks no more by name in a thread of theirs alone, and who
// wants an answer anew. Of a message in a thread of several, which is not for the bot, nothing is
// shown.
func TestStatusOfWhoIsWaitedFor(t *testing.T) {
	inWorld(t, worldConfig{model: llmsim.Config{Speed: 100}}, func(t *testing.T, w *world) {
		ts := w.ask("alice", "general", "", "write 20 tokens")
		w.answered("general", ts, 1)
		time.Sleep(time.Minute)
		slow := func() { w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Delay: 8 * time.Second}) }
		slow()
		w.slack.Say("alice", "general", ts, "and write 12 tokens")
		time.Sleep(time.Second)
		has(t, w.slack.Status("general", ts), "is thinking")
		got := w.answered("general", ts, 2)
		time.Sleep(time.Minute)
		w.slack.Fail(slacksim.Fault{Method: "conversations.replies", Delay: 8 * time.Second, Skip: 1}) // the press reads it, too
		w.click("alice", "general", got[1].TS, bot.PressRegenerate)
		time.Sleep(1200 * time.Millisecond)
		has(t, w.slack.Status("general", ts), "is thinking")
		time.Sleep(time.Minute)
		is(t, "requests", w.model.Total(), 3)
		slow()
		w.slack.Say("bob", "general", ts, "does that help?")
		for range 12 {
			time.Sleep(time.Second)
			is(t, "status", w.slack.Status("general", ts), "")
		}
		ts = w.slack.Say("bob", "general", "", "what do you think?") // an old thread of others
		time.Sleep(time.Minute)
		slow()
		w.ask("alice", "general", ts, "yes, what?")
		time.Sleep(time.Second)
		has(t, w.slack.Status("general", ts), "is thinking")
		w.answered("general", ts, 1)
		time.Sleep(5 * time.Second)
		is(t, "status afterwards", w.slack.Status("general", ts), "")
	})
}
