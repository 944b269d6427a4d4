package llm

import (
	"context"
	"errors"
	"time"
)

const (
	// silentLook is how long a stream is silent before the server is asked whether it is still there, and again. A queue or a prefill
	// is as silent, so nothing follows from silence alone.
	silentLook = 5 * time.Second
	// goneLooks is how often in a row it must not be there: one refused connection may be a load balancer's.
	goneLooks = 2
)

// errGone is the cause that ends a stream whose server is not there any more. A vLLM 0.32 on a CPU that got a SIGTERM stopped its engine, said "Waiting for
// connections to close", refused new ones, and kept the running stream open without a word until its client went: who waits for
// the idle timer waits for a process that waits for him.
var errGone = errors.New("the stream is silent and its server is gone")

// watch ends the request with errGone when the stream is silent and the server does not take connections, or says that it is dead.
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

// away says that the server is certainly not there. One that does not answer in time may only be busy, and not every server has a
// /health.
func (c *Client) away(ctx context.Context) bool {
	e, ok := errors.AsType[*Error](c.Health(ctx))
	return ok && !errors.Is(e, context.DeadlineExceeded) && (e.Kind == KindDown && e.Status == 0 || e.Kind == KindRestarting)
}
