package bot

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"llmbot/bot/wait"
)

const (
	maxJobs    = 256  // that wait in a pool
	maxDelayed = 1000 // that wait in a queue
)

// pool is a bounded pool of workers: it does in the background what may take a while and what
// nobody waits for. When it is full, it drops the newest job and logs that.
type pool struct {
	log     *slog.Logger
	waiting chan func(context.Context)
	workers int
	timeout time.Duration // of one job
}

func newPool(log *slog.Logger, workers int, timeout time.Duration) pool {
	return pool{log, make(chan func(context.Context), maxJobs), workers, timeout}
}

// add has a job done. It does not block.
func (p pool) add(what string, do func(context.Context)) {
	select {
	case p.waiting <- do:
	default:
		p.log.Warn("errand_dropped", "errand", what)
	}
}

// run does the jobs until ctx ends, and returns after those under way did.
func (p pool) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, p.workers)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
		select {
		case do := <-p.waiting:
			all.Go(func() {
				defer func() { <-room }()
				ctx, cancel := context.WithTimeout(ctx, p.timeout)
				defer cancel()
				do(ctx)
			})
		case <-ctx.Done():
			return
		}
	}
}

// queue holds values until they are due, a fixed time after they came, and hands them out in their
// order, one at a time. When it is full, it drops the newest and logs that.
type queue[T any] struct {
	log     *slog.Logger
	what    string // its name in the log
	after   time.Duration
	pause   time.Duration // after one that has cost something
	waiting chan delayed[T]
}

type delayed[T any] struct {
	due   time.Time
	value T
}

func newQueue[T any](log *slog.Logger, what string, most int, after, pause time.Duration) queue[T] {
	return queue[T]{log, what, after, pause, make(chan delayed[T], most)}
}

// add does not block.
func (q queue[T]) add(value T) {
	select {
	case q.waiting <- delayed[T]{time.Now().Add(q.after), value}:
	default:
		q.log.Warn("errand_dropped", "errand", q.what)
	}
}

// run calls do with each value that is due, until ctx ends. do reports whether it has cost a read.
func (q queue[T]) run(ctx context.Context, do func(context.Context, T) (cost bool)) {
	for {
		select {
		case d := <-q.waiting:
			if wait.For(ctx, time.Until(d.due)) != nil {
				return
			}
			if do(ctx, d.value) && wait.For(ctx, q.pause) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// poke wakes who waits for c, which holds one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
