package transcript_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/llm"
)

// slowStore is a store whose calls take as long as a test likes.
type slowStore struct {
	turn.Store

	mu    sync.Mutex // guards all below
	takes time.Duration
	saved []string // what was written
	busy  int
	both  bool // two calls were under way at once
}

func slow(takes time.Duration) *slowStore { return &slowStore{Store: turn.NewMem(), takes: takes} }

func (s *slowStore) take(takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = takes
}

func (s *slowStore) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	s.mu.Lock()
	s.busy++
	s.both = s.both || s.busy > 1
	takes := s.takes
	s.mu.Unlock()
	timer := time.NewTimer(takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		b, err := fn(old)
		if err == nil {
			s.saved = append(s.saved, string(b))
		}
		return b, err
	})
}

func (s *slowStore) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{""}, s.saved...)[len(s.saved)]
}

// newSaver starts a saver of an answer without a text.
func newSaver(ctx context.Context, store turn.Store, progress func()) *transcript.Saver {
	return transcript.Records{Store: store}.Saver(ctx, transcript.SaverConfig{
		Thread: id(), Begin: transcript.Checkpoint{Of: of()}, Live: func() int { return 1 }, Progress: progress, Log: slog.New(slog.DiscardHandler),
	})
}

func whole(text string) answer.Outcome {
	return answer.Outcome{Answer: answer.Snapshot{Text: text}, Result: llm.Result{Finish: llm.FinishStop}}
}

// TestTheEndIsSavedAtOnce: whatever the saver does when the text is all there.
func TestTheEndIsSavedAtOnce(t *testing.T) {
	for name, tt := range map[string]struct{ takes, end, most time.Duration }{
		"before the first save":     {0, 300 * time.Millisecond, 0},
		"between two saves":         {0, 2500 * time.Millisecond, 0},
		"while a save is under way": {800 * time.Millisecond, 1500 * time.Millisecond, 1200 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := slow(tt.takes)
				s := newSaver(t.Context(), store, func() {})
				defer s.End()
				s.Note("half", 1, 0, 0)
				time.Sleep(tt.end)
				s.Finish(whole("half and whole"))
				time.Sleep(tt.most)
				synctest.Wait()
				if got := store.last(); !strings.Contains(got, "half and whole") {
					t.Errorf("the store has %q", got)
				}
			})
		})
	}
}

// TestEndWaitsForTheSave: nothing is written after End, and no goroutine is left.
func TestEndWaitsForTheSave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := slow(800 * time.Millisecond)
		s := newSaver(t.Context(), store, func() {})
		s.Note("half", 1, 0, 0)
		time.Sleep(1200 * time.Millisecond) // the first save is under way
		s.End()
		if store.busy != 0 || store.last() == "" {
			t.Errorf("%d writes under way, the store has %q", store.busy, store.last())
		}
		s.Note("more", 2, 0, 0)
		time.Sleep(time.Minute)
		if got := len(store.saved); got != 1 {
			t.Errorf("%d saves, one before End", got)
		}
		s.End()
	})
}

// TestNoSaveAfterItsContext: a saver whose context has ended saves no more, and End returns.
func TestNoSaveAfterItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		store := slow(0)
		s := newSaver(ctx, store, func() {})
		s.Note("half", 1, 0, 0)
		cancel()
		time.Sleep(time.Minute)
		s.Finish(whole("whole"))
		time.Sleep(time.Minute)
		s.End()
		if got := store.last(); got != "" {
			t.Errorf("the store has %q", got)
		}
	})
}

// TestHammerSaver: everybody at once. Two saves never overlap: the older text could win.
func TestHammerSaver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := slow(700 * time.Millisecond)
		s := newSaver(t.Context(), store, func() {})
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range 200 {
					s.Note(strings.Repeat("x", i+1), i, 0, 0)
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		all.Wait()
		all.Go(func() { s.Finish(whole("the whole")) })
		time.Sleep(2 * time.Second)
		all.Go(s.End)
		all.Go(s.End)
		all.Wait()
		if store.both || !strings.Contains(store.last(), "the whole") {
			t.Errorf("two saves at once: %t; the store has %q", store.both, store.last())
		}
	})
}
