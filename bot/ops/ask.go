package ops

import (
	"context"
	"sync"
	"time"
)

const (
	askFor   = 2 * time.Second // what a page waits for the store or the model server
	askEvery = 5 * time.Second // how long an answer of theirs is believed
)

// state is the answer of something that had to be asked how it is.
type state struct {
	asked time.Time // zero: never
	text  string    // what it said of itself
	err   error     // it is not usable
}

// asking asks a question that costs something: at most every askEvery, and once at a time.
type asking struct {
	ask func(ctx context.Context) (string, error)
	// turn holds one: the right to ask. It is a channel, because who waits for it must not wait longer
	// than its request.
	turn chan struct{}

	mu   sync.Mutex // guards last
	last state
}

func newAsking(ask func(ctx context.Context) (string, error)) *asking {
	if ask == nil {
		return nil
	}
	a := &asking{ask: ask, turn: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	return a
}

// now returns the state as it is, or as it was a moment ago. It blocks for at most askFor. A nil
// asking returns the zero state.
func (a *asking) now(ctx context.Context) state {
	if a == nil {
		return state{}
	}
	select {
	case <-a.turn:
	case <-ctx.Done():
		return a.known()
	}
	defer func() { a.turn <- struct{}{} }()
	if old := a.known(); !old.asked.IsZero() && time.Since(old.asked) < askEvery {
		return old
	}
	// Whoever asked first may leave, and others want the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askFor)
	defer cancel()
	text, err := a.ask(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last = state{time.Now(), text, err}
	return a.last
}

// known returns the last state. It does not block.
func (a *asking) known() state {
	if a == nil {
		return state{}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last
}
