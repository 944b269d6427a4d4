package llm

import (
	"context"
	"errors"
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
// connections, or says that it is dead.
func (a *answer) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	timer := time.NewTimer(silentLook)
	defer timer.Stop()
	for missing := 0; ; {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		silent := time.Since(a.sent) - time.Duration(a.heard.Load())
		if silent < silentLook {
			missing = 0
			timer.Reset(silentLook - silent)
			continue
		}
		if a.client.away(ctx) {
			missing++
		} else {
			missing = 0
		}
		if missing == goneLooks {
			cancel(errGone)
			return
		}
		timer.Reset(silentLook)
	}
}

// away reports whether the server is certainly not there. A server that does not answer in time may
// only be busy, and not every server has a /health.
func (c *Client) away(ctx context.Context) bool {
	e, ok := errors.AsType[*Error](c.Health(ctx))
	return ok && !errors.Is(e, context.DeadlineExceeded) && (e.Kind == KindDown && e.Status == 0 || e.Kind == KindRestarting)
}
