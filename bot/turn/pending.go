package turn

import (
	"context"
	"errors"
	"sync"
	"time"
)

// maxPending is how many threads may wait for a store that does not answer (the project's own figure).
const maxPending = 10_000

// pendingAsk is what the store has not taken of a thread.
type pendingAsk struct {
	ts      TS   // the newest ask; empty: none
	ifKnown bool // it is one only if the store knows the thread
	stop    TS   // the newest stop; empty: none
	changed TS   // the newest change; empty: none
}

// onto returns what the record becomes, and whether that is to be written. What was stopped before anybody
// had begun to answer it is done with.
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

// Later keeps an ask that the store did not take: the Coordinator asks again as soon as the store answers, the
// oldest thread first. The thread is then owed, and whichever process has room takes it over. ifKnown
// says that the ask counts only if something was asked in the thread before. Later reports whether it has
// the ask: at most 10,000 threads wait. It does no I/O. What waits is lost with the process.
func (d *Coordinator) Later(key string, ts TS, ifKnown bool) bool {
	return ts != "" && d.later(key, pendingAsk{ts: ts, ifKnown: ifKnown})
}

// StopLater is Later for a Stop. Answers of this process are not told: Stop has done that.
func (d *Coordinator) StopLater(key string, ts TS) bool {
	return ts != "" && d.later(key, pendingAsk{ifKnown: true, stop: ts})
}

// ChangeLater is Later for a Change.
func (d *Coordinator) ChangeLater(key string, ts TS) bool {
	return ts != "" && d.later(key, pendingAsk{ifKnown: true, changed: ts})
}

func (d *Coordinator) later(key string, more pendingAsk) bool {
	d.mu.Lock()
	defer d.unlock()
	p, known := d.pending[key]
	switch {
	case key == "" || !known && len(d.pending) >= maxPending:
		return false
	case !known:
		p.ifKnown = true
		d.queue = append(d.queue, key)
	}
	d.pending[key] = pendingAsk{
		ts: p.ts.Max(more.ts), ifKnown: p.ifKnown && more.ifKnown, stop: p.stop.Max(more.stop), changed: p.changed.Max(more.changed),
	}
	d.nudge()
	return true
}

// Pending returns how many threads wait for the store. It does no I/O.
func (d *Coordinator) Pending() int {
	d.mu.Lock()
	defer d.unlock()
	return len(d.pending)
}

// askPendingLocked starts to ask again what the store did not take, and returns when to look next; zero:
// nothing waits, or some are being asked. While the store is silent one ask a TTL/4 finds out.
func (d *Coordinator) askPendingLocked(ctx context.Context, wg *sync.WaitGroup, now time.Time) time.Time {
	if len(d.queue) == 0 || d.asking {
		return time.Time{}
	}
	n := min(takeAtOnce, len(d.queue))
	if !d.failing.IsZero() {
		if at := d.probed.Add(d.cfg.TTL / 4); at.After(now) {
			return at
		}
		n = 1
	}
	d.asking, d.probed = true, now
	batch := d.queue[:n:n]
	wg.Go(func() { d.askPending(ctx, batch) })
	return time.Time{}
}

// askPending asks for the oldest threads of the queue. Those that the store does not take stay where they are.
func (d *Coordinator) askPending(ctx context.Context, batch []string) {
	took := make([]bool, len(batch))
	var wg sync.WaitGroup
	for i, key := range batch {
		wg.Go(func() { took[i] = d.askAgain(ctx, key) })
	}
	wg.Wait()
	d.mu.Lock()
	defer d.unlock()
	left := make([]string, 0, len(d.queue))
	for i, key := range batch {
		if !took[i] {
			left = append(left, key)
		}
	}
	d.queue = append(left, d.queue[len(batch):]...)
	d.asking = false
	d.nudge()
}

// askAgain makes one pending ask durable. It reports whether nothing of the thread is pending any more.
func (d *Coordinator) askAgain(ctx context.Context, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.TTL/4)
	defer cancel()
	d.mu.Lock()
	p := d.pending[key]
	d.mu.Unlock()
	r, err := d.change(ctx, "ask again in", key, p.onto)
	hopeless := errors.Is(err, ErrKey) || errors.Is(err, ErrCorrupt) // however often it is tried
	if err != nil && !hopeless {
		return false
	}
	d.mu.Lock()
	defer d.unlock()
	if d.pending[key] != p { // more came meanwhile
		return false
	}
	delete(d.pending, key)
	if hopeless {
		d.after = append(d.after, func() { d.cfg.Log.ErrorContext(ctx, "ask_dropped", "thread", key, "error", err) })
	}
	if noted := d.cfg.Noted; noted != nil {
		d.after = append(d.after, func() { noted(key, r) })
	}
	return true
}
