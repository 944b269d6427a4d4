package llm

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// silentLook is how long a stream is silent before we ask the server whether it is still there,
	// and between two such looks. A queue or a prefill is as silent, so nothing follows from silence
	// alone.
	silentLook = 5 * time.Second
	// goneLooks is how many looks in a row must not find the server: one refused connection may be a
	// load balancer's.
	goneLooks = 2
)

// errGone is the cause that ends a stream whose server is not there any more. This happens: a vLLM
// 0.32 on a CPU that got a SIGTERM stopped its engine, said "Waiting for connections to close", and
// refused new ones. It kept the running stream open without a word until its client went. Whoever
// waits for the idle timer then waits for a process that waits for him.
var errGone = errors.New("the stream is silent and its server is gone")

// watch ends the request with errGone when the stream is silent and the server takes no
// connections, or says that it is dead. A timer starts each look: a goroutine that waits for the
// next one would cost every live answer 8 kB.
type watch struct {
	answer  *answer
	cancel  context.CancelCauseFunc
	missing int // looks in a row that did not find the server; belongs to the look

	looks sync.WaitGroup // a look is under way or to come

	mu    sync.Mutex // guards all below; never held across a call
	timer *time.Timer
	over  bool
}

// startWatch watches until stop is called.
func (a *answer) startWatch(ctx context.Context, cancel context.CancelCauseFunc) *watch {
	w := &watch{answer: a, cancel: cancel}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looks.Add(1)
	w.timer = time.AfterFunc(silentLook, func() {
		defer w.looks.Done()
		if next := w.look(ctx); next > 0 {
			w.again(next)
		}
	})
	return w
}

// stop ends the watch, and waits for a look that is under way: its context must have ended.
func (w *watch) stop() {
	w.mu.Lock()
	w.over = true
	if w.timer.Stop() {
		w.looks.Done()
	}
	w.mu.Unlock()
	w.looks.Wait()
}

// again looks once more, after d.
func (w *watch) again(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.looks.Add(1)
		w.timer.Reset(d)
	}
}

// look asks the server if the stream is silent, and returns when to look again; 0: never.
func (w *watch) look(ctx context.Context) time.Duration {
	silent := time.Since(w.answer.sent) - time.Duration(w.answer.heard.Load())
	if silent < silentLook {
		w.missing = 0
		return silentLook - silent
	}
	if w.answer.client.away(ctx) {
		w.missing++
	} else {
		w.missing = 0
	}
	if w.missing == goneLooks {
		w.cancel(errGone)
		return 0
	}
	return silentLook
}

// away reports whether the server is certainly not there. A server that does not answer in time may
// only be busy, and not every server has a /health.
func (c *Client) away(ctx context.Context) bool {
	e, ok := errors.AsType[*Error](c.Health(ctx))
	return ok && !errors.Is(e, context.DeadlineExceeded) && (e.Kind == KindDown && e.Status == 0 || e.Kind == KindRestarting)
}
