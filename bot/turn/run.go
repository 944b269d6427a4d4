package turn

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// takeAtOnce bounds the takeovers that are written together.
const takeAtOnce = 8

// Run watches the records, renews this process's leases, and takes over what is owed and has no live owner, until ctx ends; it then
// waits for all its goroutines and returns nil. Claims that are left then lapse by themselves. A store that fails is tried
// again for ever. Call it once.
func (d *Coordinator) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { d.watch(ctx) })
	d.mu.Lock()
	d.settled = time.Now().Add(d.cfg.TTL / 64)
	d.unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
		}
		if wait := d.tick(ctx, &wg); wait >= 0 {
			timer.Reset(wait)
		} else {
			timer.Stop()
		}
	}
}

// watch hears of all records, for as long as ctx lasts.
func (d *Coordinator) watch(ctx context.Context) {
	for {
		start := time.Now()
		err := d.store.Watch(ctx, d.cfg.Prefix, d.changed)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("watch ended")
		}
		if time.Since(start) > d.cfg.TTL/4 {
			start = time.Now() // it worked for a while
		}
		d.mu.Lock()
		d.heardLocked(start, err)
		d.unlock()
		if !pause(ctx, d.cfg.TTL/4) {
			return
		}
	}
}

// pause waits; false if ctx ended.
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

// changed is the fn of Watch.
func (d *Coordinator) changed(key string, value []byte) {
	key = key[len(d.cfg.Prefix):]
	r, err := Decode(value)
	if err != nil {
		d.cfg.Log.Error("record_unreadable", "thread", key, "error", err)
	}
	d.mu.Lock()
	defer d.unlock()
	d.heardLocked(time.Now(), nil)
	if err != nil || len(value) == 0 {
		delete(d.observed, key)
		return
	}
	d.observeLocked(key, r)
}

// candidate is a thread to be taken over.
type candidate struct {
	key     string
	seen    Record
	slot    *localThread
	probe   bool // the store was away: if it is back, see heardLocked
	excused bool // its owner fell silent while the store was away: it could not even release the thread
}

// tick starts what is due and returns how long nothing else will be; negative: until something happens.
func (d *Coordinator) tick(ctx context.Context, wg *sync.WaitGroup) time.Duration {
	d.mu.Lock()
	defer d.unlock()
	now := time.Now()
	soon := now.Add(d.cfg.TTL / 32) // what is due that soon goes along: fewer wake-ups, and stores commit together
	var next time.Time
	plan := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, s := range d.slots {
		c := s.claim
		switch {
		case c == nil:
		case c.renewAt.After(soon):
			plan(c.renewAt)
		case !c.renewing:
			c.renewing, c.renewAt = true, now.Add(d.cfg.TTL/4)
			plan(c.renewAt) // so that a renewal that succeeds need not wake anybody
			wg.Go(func() { d.renew(ctx, c) })
		}
	}
	if at := d.askPendingLocked(ctx, wg, now); !at.IsZero() {
		plan(at)
	}
	if at := d.lookLocked(now); !at.IsZero() {
		plan(at)
	}
	if room := min(takeAtOnce, d.cfg.Limit-d.held); room > 0 && !d.batch && !d.drained && d.cfg.Owed != nil {
		var found []candidate
		for key, s := range d.observed {
			if d.slots[key] != nil {
				continue // ours, or about to be
			}
			if at := later(d.dueLocked(s), d.settled); at.After(now) {
				plan(at)
			} else {
				found = append(found, candidate{key: key, seen: s.rec, excused: s.since.Before(d.floor)})
			}
		}
		if len(found) > 0 {
			slices.SortFunc(found, func(a, b candidate) int {
				return cmp.Or(a.seen.Asked.Compare(b.seen.Asked), cmp.Compare(a.key, b.key))
			})
			found = found[:min(room, len(found))]
			probe := !d.failing.IsZero() && now.Sub(d.failing) > d.cfg.TTL/4
			for i := range found {
				found[i].slot, found[i].probe = d.enterLocked(found[i].key), probe
			}
			d.batch = true
			wg.Go(func() { d.takeAll(ctx, found) })
		}
	}
	if next.IsZero() {
		return -1
	}
	return max(0, next.Sub(now))
}

// dueLocked is when an owed thread may be claimed.
func (d *Coordinator) dueLocked(s observation) time.Time {
	var at time.Time
	switch {
	case s.rec.Owner == "":
	case s.rec.Owner == d.cfg.Owner:
		// A write of ours of which we were told that it failed. Not at once, since Watch may tell old states.
		at = s.since.Add(d.cfg.TTL / 4)
	case d.alone():
	default:
		at = later(s.since, d.floor).Add(d.cfg.TTL)
	}
	return later(at, s.notBefore)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// renew does one renewal, or writes what a pending claim left to write.
func (d *Coordinator) renew(ctx context.Context, c *Lease) {
	// A renewal that takes longer is not worth waiting for: the next try may meet a better connection.
	ctx, cancel := context.WithTimeout(ctx, d.cfg.TTL/4)
	defer cancel()
	start := time.Now()
	_, err := c.write(ctx, whatRenew, func(r Record) Record { return r })
	d.mu.Lock()
	defer d.unlock()
	if h := d.cfg.Hooks.Renewed; h != nil {
		took := time.Since(start)
		d.after = append(d.after, func() { h(took, err) })
	}
	c.renewing = false
	switch {
	case err == nil && c.state != claimPending:
		c.renewAt = start.Add(d.cfg.TTL / 4)
	case c.state != claimOver:
		c.renewAt = time.Now().Add(d.cfg.TTL / 12) // nine tries in the time that the lease is trusted
		d.nudge()
	}
}

// takeAll claims the threads of one batch and hands them over in their order.
func (d *Coordinator) takeAll(ctx context.Context, batch []candidate) {
	claims := make([]*Lease, len(batch))
	records := make([]Record, len(batch))
	var wg sync.WaitGroup
	for i, cand := range batch {
		wg.Go(func() { claims[i], records[i] = d.take(ctx, cand) })
	}
	wg.Wait()
	for i, c := range claims {
		if c == nil {
			continue
		}
		from := batch[i].seen.Owner
		d.cfg.Log.InfoContext(ctx, "thread_taken_over", "thread", c.key, "epoch", records[i].Epoch, "from", from, "tries", records[i].Blame)
		if h := d.cfg.Hooks.Took; h != nil {
			h(c.key, records[i], from != "" && from != d.cfg.Owner)
		}
		d.cfg.Owed(c, records[i])
	}
	d.mu.Lock()
	defer d.unlock()
	d.batch = false
	d.nudge()
}

// take claims one thread if it still is as it was seen.
func (d *Coordinator) take(ctx context.Context, cand candidate) (*Lease, Record) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.TTL/4)
	defer cancel()
	start := time.Now()
	d.mu.Lock()
	among := len(d.slots)
	d.mu.Unlock()
	var out Record
	var mine bool
	err := d.store.Update(ctx, d.cfg.Prefix+cand.key, func(old []byte) ([]byte, error) {
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
		out = r.claim(d.cfg.Owner, among)
		switch {
		case r.Owner == "" || r.Owner == d.cfg.Owner:
		case cand.excused:
			out.Blame++ // the least that tells that an owner was taken for dead
		default:
			out.Blame += r.blame()
		}
		return out.Encode()
	})
	d.mu.Lock()
	defer d.unlock()
	d.heardLocked(start, err)
	defer d.leaveLocked(cand.key, cand.slot)
	if err != nil {
		if s, ok := d.observed[cand.key]; ok {
			s.notBefore = time.Now().Add(d.cfg.TTL / 4)
			d.observed[cand.key] = s
		}
		return nil, Record{}
	}
	var c *Lease
	if mine {
		c = d.registerLocked(cand.key, cand.slot, out, start, true)
	}
	d.observeLocked(cand.key, out)
	return c, out
}
