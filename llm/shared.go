package llm

import (
	"context"
	"sync"
)

// shared does one thing at a time, for all who want it meanwhile. It starts no goroutine: the first
// one does it, and the others wait for that, or for the end of their own contexts. If the first
// one's context ends it, that is no result for the others: the next one does it again.
type shared[T any] struct {
	// turn holds one: the right to do it. It is a channel, because who waits must not wait longer than
	// its context.
	turn chan struct{}

	mu   sync.Mutex // guards the field below
	last *result[T] // of the last time; nil: none yet
}

// result is how it ended.
type result[T any] struct {
	value T
	err   error
}

func newShared[T any]() *shared[T] {
	s := &shared[T]{turn: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

// do returns what work does, or what it did for somebody else after this call began.
func (s *shared[T]) do(ctx context.Context, work func(context.Context) (T, error)) (T, error) {
	before := s.known()
	select {
	case <-s.turn:
	case <-ctx.Done():
		var nothing T
		return nothing, ctxError(ctx)
	}
	defer func() { s.turn <- struct{}{} }()
	if last := s.known(); last != before {
		return last.value, last.err
	}
	value, err := work(ctx)
	if ctx.Err() == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = &result[T]{value, err}
	}
	return value, err
}

func (s *shared[T]) known() *result[T] {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}
