package turn

import (
	"context"
	"errors"
	"sync"
	"time"
)

// maxPending bounds the threads that wait for a store that does not answer (the project's own
// figure).
const maxPending = 10_000

// pendingAsk is what the store has not taken yet of a thread.
type pendingAsk struct {
	ts      TS   // the newest ask; empty: none
	ifKnown bool // it is one only if the store knows the thread
	stop    TS   // the newest stop; empty: none
	changed TS   // the newest change; empty: none
}

// onto returns what the record becomes, and whether that is to be written. What was stopped before
// anybody began to answer it counts as answered.
func (p pendingAsk) onto(r Record) (_ Record, write bool) {
	was := r
	if !p.ifKnown || r.Asked != "" {
		r.Asked = r.Asked.Max(p.ts)
	}
	switch {
	case !r.Owed():
	case r.Owner == "" && !r.For.After(r.Answered):
		r.Answered = r.Answered.Max(p.stop)
	default:
		r.Stop, r.Changed = r.Stop.Max(p.stop), r.Changed.Max(p.changed)
	}
	return r, !r.Equal(was)
}

// Later keeps an ask that the store did not take, and reports whether it has it: at most 10,000
// threads wait. The Coordinator asks again as soon as the store answers, the oldest thread first.
// The thread is then owed, and whichever process has room takes it over. With ifKnown the ask
// counts only if something was asked in the thread before. Later does no I/O. What waits is lost
// with the process.
func (c *Coordinator) Later(key string, ts TS, ifKnown bool) bool {
	return ts != "" && c.keepLater(key, pendingAsk{ts: ts, ifKnown: ifKnown})
}

// StopLater keeps a stop that the store did not take, as Later keeps an ask. It stops no answer of
// this process: Stop has done that.
func (c *Coordinator) StopLater(key string, ts TS) bool {
	return ts != "" && c.keepLater(key, pendingAsk{ifKnown: true, stop: ts})
}

// ChangeLater keeps a Change that the store did not take, as Later keeps an ask.
func (c *Coordinator) ChangeLater(key string, ts TS) bool {
	return ts != "" && c.keepLater(key, pendingAsk{ifKnown: true, changed: ts})
}

func (c *Coordinator) keepLater(key string, more pendingAsk) bool {
	c.mu.Lock()
	defer c.unlock()
	p, known := c.pending[key]
	switch {
	case key == "" || !known && len(c.pending) >= maxPending:
		return false
	case !known:
		p.ifKnown = true
		c.queue = append(c.queue, key)
	}
	c.pending[key] = pendingAsk{
		ts: p.ts.Max(more.ts), ifKnown: p.ifKnown && more.ifKnown, stop: p.stop.Max(more.stop), changed: p.changed.Max(more.changed),
	}
	c.nudge()
	return true
}

// Pending returns how many threads wait for the store. It does no I/O.
func (c *Coordinator) Pending() int {
	c.mu.Lock()
	defer c.unlock()
	return len(c.pending)
}

// askPendingLocked starts to ask again what the store did not take, and returns when to call it
// next; zero: nothing waits, or some are being asked. While the store is silent it asks one every
// TTL/4.
func (c *Coordinator) askPendingLocked(ctx context.Context, wg *sync.WaitGroup, now time.Time) time.Time {
	if len(c.queue) == 0 || c.asking {
		return time.Time{}
	}
	n := min(takeAtOnce, len(c.queue))
	if !c.failing.IsZero() {
		if at := c.probed.Add(c.cfg.TTL / 4); at.After(now) {
			return at
		}
		n = 1
	}
	c.asking, c.probed = true, now
	batch := c.queue[:n:n]
	wg.Go(func() { c.askPending(ctx, batch) })
	return time.Time{}
}

// askPending asks for the oldest threads of the queue. Those that the store does not take stay
// where they are.
func (c *Coordinator) askPending(ctx context.Context, batch []string) {
	took := make([]bool, len(batch))
	var wg sync.WaitGroup
	for i, key := range batch {
		wg.Go(func() { took[i] = c.askAgain(ctx, key) })
	}
	wg.Wait()
	c.mu.Lock()
	defer c.unlock()
	left := make([]string, 0, len(c.queue))
	for i, key := range batch {
		if !took[i] {
			left = append(left, key)
		}
	}
	c.queue = append(left, c.queue[len(batch):]...)
	c.asking = false
	c.nudge()
}

// askAgain makes one pending ask durable. It reports whether nothing of the thread is pending any
// more.
func (c *Coordinator) askAgain(ctx context.Context, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TTL/4)
	defer cancel()
	c.mu.Lock()
	p := c.pending[key]
	c.mu.Unlock()
	r, err := c.change(ctx, "ask again in", key, p.onto)
	hopeless := errors.Is(err, ErrKey) || errors.Is(err, ErrCorrupt) // however often it is tried
	if err != nil && !hopeless {
		return false
	}
	c.mu.Lock()
	defer c.unlock()
	if c.pending[key] != p { // more came meanwhile
		return false
	}
	delete(c.pending, key)
	if hopeless {
		c.after = append(c.after, func() { c.cfg.Log.ErrorContext(ctx, "ask_dropped", "thread", key, "error", err) })
	}
	if noted := c.cfg.Noted; noted != nil {
		c.after = append(c.after, func() { noted(key, r) })
	}
	return true
}
