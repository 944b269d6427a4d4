package turn

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// takeAtOnce bounds the takeovers, and the pending asks, that are written together.
const takeAtOnce = 8

// Run watches the records, renews this process's leases, and takes over what is owed and has no
// live owner, until ctx ends. It then waits for all its goroutines and returns nil. Leases that are
// left lapse by themselves. Run tries a store that fails again for ever. Call it once.
func (c *Coordinator) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { c.watch(ctx) })
	c.mu.Lock()
	c.settled = time.Now().Add(c.cfg.TTL / 64)
	c.unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.wake:
		case <-timer.C:
		}
		if wait := c.tick(ctx, &wg); wait >= 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// watch hears of all records until ctx ends.
func (c *Coordinator) watch(ctx context.Context) {
	for {
		start := time.Now()
		err := c.store.Watch(ctx, c.cfg.Prefix, c.changed)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("watch ended")
		}
		if time.Since(start) > c.cfg.TTL/4 {
			start = time.Now() // it worked for a while
		}
		c.mu.Lock()
		c.heardLocked(start, err)
		select {
		case <-c.told:
			c.told = make(chan struct{})
		default:
		}
		c.unlock()
		if !pause(ctx, c.cfg.TTL/4) {
			return
		}
	}
}

// pause waits, and reports whether ctx lasted so long.
func pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// changed records what Watch tells.
func (c *Coordinator) changed(key string, value []byte) {
	if key == "" {
		c.mu.Lock()
		defer c.unlock()
		c.heardLocked(time.Now(), nil)
		close(c.told)
		return
	}
	key = key[len(c.cfg.Prefix):]
	r, err := Decode(value)
	if err != nil {
		c.cfg.Log.Error("record_unreadable", "thread", key, "error", err)
	}
	c.mu.Lock()
	defer c.unlock()
	c.heardLocked(time.Now(), nil)
	if err != nil || len(value) == 0 {
		delete(c.observed, key)
		return
	}
	c.observeLocked(key, r)
}

// candidate is a thread to be taken over.
type candidate struct {
	key     string
	seen    Record
	local   *localThread
	probe   bool // the store was away: owners get time to renew, only what nobody has is taken
	excused bool // its owner fell silent in an outage: it could not even release the thread
}

// tick starts what is due, and returns when to call it next; negative: when something happens.
func (c *Coordinator) tick(ctx context.Context, wg *sync.WaitGroup) time.Duration {
	c.mu.Lock()
	defer c.unlock()
	now := time.Now()
	soon := now.Add(c.cfg.TTL / 32) // what is due that soon goes along: stores commit together
	var next time.Time
	plan := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, t := range c.local {
		l := t.lease
		switch {
		case l == nil:
		case l.renewAt.After(soon):
			plan(l.renewAt)
		case !l.renewing:
			l.renewing, l.renewAt = true, now.Add(c.cfg.TTL/4)
			plan(l.renewAt) // so that a renewal that succeeds need not wake anybody
			wg.Go(func() { c.renew(ctx, l) })
		default: // a renewal that takes so long has wakened nobody when it succeeds
			plan(now.Add(c.cfg.TTL / 12))
		}
	}
	if at := c.askPendingLocked(ctx, wg, now); !at.IsZero() {
		plan(at)
	}
	if at := c.beatLocked(ctx, wg, now, soon); !at.IsZero() {
		plan(at)
	}
	if at := c.lookLocked(now); !at.IsZero() {
		plan(at)
	}
	if room := min(takeAtOnce, c.cfg.Limit-c.held); room > 0 && !c.batch && !c.drained && c.cfg.Owed != nil {
		var found []candidate
		for key, o := range c.observed {
			if c.local[key] != nil {
				continue // ours, or about to be
			}
			if at := laterOf(c.dueLocked(o), c.settled); at.After(now) {
				plan(at)
			} else {
				found = append(found, candidate{key: key, seen: o.rec, excused: o.since.Before(c.floor)})
			}
		}
		if len(found) > 0 {
			slices.SortFunc(found, func(a, b candidate) int {
				return cmp.Or(a.seen.Asked.Compare(b.seen.Asked), cmp.Compare(a.key, b.key))
			})
			found = found[:min(room, len(found))]
			probe := !c.failing.IsZero() && now.Sub(c.failing) > c.cfg.TTL/4
			for i := range found {
				found[i].local, found[i].probe = c.enterLocked(found[i].key), probe
			}
			c.batch = true
			wg.Go(func() { c.takeAll(ctx, found) })
		}
	}
	if next.IsZero() {
		return -1
	}
	return max(0, next.Sub(now))
}

// dueLocked returns when this process may take an owed thread over.
func (c *Coordinator) dueLocked(o observation) time.Time {
	var at time.Time
	switch {
	case o.rec.Owner == "":
	case o.rec.Owner == c.cfg.Owner:
		// A write of ours was made, but reported as failed. It is not taken at once: Watch may tell
		// old states.
		at = o.since.Add(c.cfg.TTL / 4)
	case c.alone():
	default:
		at = laterOf(o.since, c.floor).Add(c.cfg.TTL)
	}
	return laterOf(at, o.notBefore)
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// renew renews a lease once, or writes its end if the store does not have that.
func (c *Coordinator) renew(ctx context.Context, l *Lease) {
	// A renewal that takes longer is not worth waiting for: the next try may meet a better
	// connection.
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TTL/4)
	defer cancel()
	start := time.Now()
	_, err := l.write(ctx, whatRenew, func(r Record) Record { return r })
	c.mu.Lock()
	defer c.unlock()
	if h := c.cfg.Hooks.Renewed; h != nil {
		took := time.Since(start)
		c.after = append(c.after, func() { h(took, err) })
	}
	l.renewing = false
	switch {
	case err == nil && l.state != leasePending:
		l.renewAt = start.Add(c.cfg.TTL / 4)
	case l.state != leaseOver:
		l.renewAt = time.Now().Add(c.cfg.TTL / 12) // nine tries in the time that the lease is trusted
		c.nudge()
	}
}

// takeAll takes over the threads of one batch, and hands them to Config.Owed in their order.
func (c *Coordinator) takeAll(ctx context.Context, batch []candidate) {
	leases := make([]*Lease, len(batch))
	records := make([]Record, len(batch))
	var wg sync.WaitGroup
	for i, cand := range batch {
		wg.Go(func() { leases[i], records[i] = c.take(ctx, cand) })
	}
	wg.Wait()
	for i, l := range leases {
		if l == nil {
			continue
		}
		from := batch[i].seen.Owner
		c.cfg.Log.InfoContext(ctx, "thread_taken_over", "thread", l.key, "epoch", records[i].Epoch, "from", from, "tries", records[i].Blame)
		if h := c.cfg.Hooks.Took; h != nil {
			h(l.key, records[i], from != "" && from != c.cfg.Owner)
		}
		c.cfg.Owed(l, records[i])
	}
	c.mu.Lock()
	defer c.unlock()
	c.batch = false
	c.nudge()
}

// take takes one thread over, if its record still is as this process saw it.
func (c *Coordinator) take(ctx context.Context, cand candidate) (*Lease, Record) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TTL/4)
	defer cancel()
	start := time.Now()
	c.mu.Lock()
	load := len(c.local)
	c.mu.Unlock()
	var out Record
	var mine bool
	err := c.store.Update(ctx, c.cfg.Prefix+cand.key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		mine = r.Owed() && (r.Owner == "" ||
			!cand.probe && r.Owner == cand.seen.Owner && r.Epoch == cand.seen.Epoch && r.Heartbeat == cand.seen.Heartbeat)
		if !mine {
			out = r
			return nil, ErrKeep
		}
		out = r.claim(c.cfg.Owner, load)
		switch {
		case r.Owner == "" || r.Owner == c.cfg.Owner:
		case cand.excused:
			out.Blame++ // the least that tells that an owner was taken for dead
		default:
			out.Blame += r.blame()
		}
		return out.Encode()
	})
	c.mu.Lock()
	defer c.unlock()
	c.heardLocked(start, err)
	defer c.leaveLocked(cand.key, cand.local)
	if err != nil {
		if o, ok := c.observed[cand.key]; ok {
			o.notBefore = time.Now().Add(c.cfg.TTL / 4)
			c.observed[cand.key] = o
		}
		return nil, Record{}
	}
	var l *Lease
	if mine {
		l = c.registerLocked(cand.key, cand.local, out, start, true)
	}
	c.observeLocked(cand.key, out)
	return l, out
}

// retireLocked stops counting the lease among those that were taken over.
func (l *Lease) retireLocked() {
	if l.taken {
		l.taken = false
		l.c.held--
	}
}
