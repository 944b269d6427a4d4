package pace

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script is a Sender that takes a time for each call and shows everything, unless told otherwise.
type script struct {
	mu      sync.Mutex // guards all below
	load    Load
	shown   int
	latency time.Duration
	calls   []Kind
	finals  int
	flying  int
	most    int
	refuse  func(k Kind, n int) (Outcome, bool) // n-th call, from 0
}

func (s *script) set(l *Lane, text int) {
	s.mu.Lock()
	s.load.Text, s.load.Dirty = text, true
	load := s.load
	s.mu.Unlock()
	l.Set(load)
}

func (s *script) close(ctx context.Context, l *Lane, text int) error {
	s.mu.Lock()
	s.load.Text, s.load.Dirty, s.load.Closing = text, true, true
	load := s.load
	s.mu.Unlock()
	return l.Close(ctx, load)
}

func (s *script) Send(ctx context.Context, k Kind, final bool) Outcome {
	s.mu.Lock()
	n, text := len(s.calls), s.load.Text
	s.calls = append(s.calls, k)
	s.flying++
	s.most = max(s.most, s.flying)
	if final {
		s.finals++
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.flying--
		s.mu.Unlock()
	}()
	if s.refuse != nil {
		if out, ok := s.refuse(k, n); ok {
			s.mu.Lock()
			defer s.mu.Unlock()
			out.Shown, out.Load = s.shown, s.load
			return out
		}
	}
	select {
	case <-time.After(s.latency):
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown = text
	s.load.Dirty = s.load.Text > s.shown || s.load.Closing && !final || k == Continue
	s.load.Next = Edit
	return Outcome{Shown: s.shown, Load: s.load}
}

// start runs a Scheduler in the bubble until the test ends.
func start(t *testing.T, cfg Config) *Scheduler {
	t.Helper()
	s := New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return s
}

// write streams n pieces of four characters, one every 20 ms.
func (s *script) write(l *Lane, n int) {
	for i := range n {
		if i > 0 {
			<-time.After(20 * time.Millisecond)
		}
		s.set(l, 4*(i+1))
	}
}

func TestAloneShowsAtOnceAndEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Config{})
		snd := &script{latency: 100 * time.Millisecond}
		l := s.Open("C1", snd)
		snd.write(l, 600)
		began := time.Now()
		if err := snd.close(t.Context(), l, 2400); err != nil {
			t.Fatal(err)
		}
		if lag := time.Since(began); lag > 200*time.Millisecond {
			t.Errorf("end lag %v, want at most 0.2 s", lag)
		}
		if n := len(snd.calls); n < 10 || n > 14 || snd.calls[0] != Post || snd.most != 1 {
			t.Errorf("%d calls %v, at most %d at once; want up to 14, a post first, one at once", n, snd.calls, snd.most)
		}
	})
}
