package turn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Lease is the right, and the duty, to answer one thread. Whoever gets one ends it with Done (without more) or Release; until
// then the Coordinator renews it. All methods are safe for concurrent use.
type Lease struct {
	d    *Coordinator
	key  string
	slot *localThread
	lost chan struct{} // closed by loseLocked

	// Guarded by d.mu:
	epoch     uint64        // the fencing token
	answers   TS            // For
	storedFor TS            // For before Widen, as the store may still have it; empty: answers
	ids       []string      // Reply, as last said here
	look      bool          // see LookAgain
	heard     TS            // Heard when the claim was made; it stays as it is
	before    TS            // Answered when the answer under way began
	died      bool          // see Died
	blame     int           // Tries; Progress sets it to 0, and the next write the record's
	asked     TS            // asked here, perhaps not in the store
	answered  TS            // answered here, perhaps not in the store
	state     claimState    //
	stopped   chan struct{} // closed when answers is stopped, or the narrower part of it
	stopTS    TS            // newest stop heard of
	changed   chan struct{} // closed when a later change than changeTS is heard of
	changeTS  TS            // newest change heard of
	trusted   time.Time     // start of the last write that succeeded
	renewed   chan struct{} // closed, and replaced, when a write succeeds: see Settled
	renewAt   time.Time     // when to renew next
	renewing  bool          // a renewal is under way
	taken     bool          // counts in d.held
}

type claimState int

const (
	claimLive    claimState = iota
	claimClosing            // Done or Release is writing
	claimPending            // over for the caller; the store does not know yet
	claimOver               // over for all, or lost
)

// Key is the thread.
func (c *Lease) Key() string { return c.key }

// Epoch counts the owners of the thread: it is the fencing token of every write.
func (c *Lease) Epoch() uint64 {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.epoch
}

// For is what is to be answered: this ask and all before it. It moves on in a Done that says more, and by Widen.
func (c *Lease) For() TS {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.answers
}

// Answered is what the thread had its answer to when this answer began: what is owed is newer.
func (c *Lease) Answered() TS {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.before
}

// Heard is the newest message that came before anything was asked in the thread: whoever answers reads the
// thread, for nobody may tell of that message again. Empty: none did.
func (c *Lease) Heard() TS { return c.heard }

// LookAgain has the thread looked at once more after Done (see Config.Look), whatever becomes of this
// process: something about the answer is left to do. It does no I/O: the next write tells the store.
func (c *Lease) LookAgain() {
	c.d.mu.Lock()
	defer c.d.unlock()
	c.look = true
}

// Blame is how many owners have died in this answer, one after the other, since it last made progress: Death for each that had nothing else to
// do, less for one that may have died of another thread.
func (c *Lease) Blame() int {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.blame
}

// Died says that an owner before this one was taken for dead when the claim was made. It may have been frozen, and wake. It stays as it is.
func (c *Lease) Died() bool {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.died
}

// Extend says that the answer is one to everything up to upto, also to what was asked after For: a successor is to finish it as it was begun. It does
// no I/O: the next write tells the store. What is earlier than For changes nothing.
func (c *Lease) Extend(upto TS) {
	c.d.mu.Lock()
	defer c.d.unlock()
	if !upto.After(c.answers) {
		return
	}
	if c.storedFor == "" {
		c.storedFor = c.answers
	}
	c.answers, c.asked = upto, c.asked.Max(upto)
}

// NoteAsked says that more was asked, as the thread shows: Done will say that there is more, even if nobody else tells of it. It does no I/O: the next
// write tells the store.
func (c *Lease) NoteAsked(ts TS) {
	c.d.mu.Lock()
	defer c.d.unlock()
	c.asked = c.asked.Max(ts)
}

// Progress says that the answer has come further than with any owner before: what they died of was not this answer so far. It does no I/O: the
// next renewal tells the store, TTL/4 later at most.
func (c *Lease) Progress() {
	c.d.mu.Lock()
	defer c.d.unlock()
	c.blame = 0
}

// Messages are those that the answer has so far, oldest first, as recorded by Reply, also by an owner before: they are to be taken over.
func (c *Lease) Messages() []string {
	c.d.mu.Lock()
	defer c.d.unlock()
	return slices.Clone(c.ids)
}

// Lost is closed when another process is known to have the thread. It stays open when the claim ends by Done or Release, and
// when it merely lapsed.
func (c *Lease) Lost() <-chan struct{} { return c.lost }

// Stopped is closed when what For says was stopped, perhaps before it began. The claim stays: the caller shows that it stopped and calls
// Done. After a Done that says more it is another channel.
func (c *Lease) Stopped() <-chan struct{} {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.stopped
}

// StoppedAt is the time of the newest stop that was heard of; empty: none was.
func (c *Lease) StoppedAt() TS {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.stopTS
}

// Changed is closed when another process has told (by Coordinator.Change) that a message of the thread was edited or deleted. Afterwards it is another
// channel, for the next time.
func (c *Lease) Changed() <-chan struct{} {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.changed
}

// ChangedAt is the time of the newest change that closed Changed; empty: none has.
func (c *Lease) ChangedAt() TS {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.changeTS
}

// Check reports whether the caller may still write to the thread: nil, ErrLapsed or ErrLost. It is cheap
// and does no I/O. Ask before each write to Slack, and once more after the last one, since a process may
// be frozen in between. A stop does not make it fail. Where no other process uses the store (Config.Alone)
// a lease that was not renewed in time is still good: nobody else can have taken it.
func (c *Lease) Check() error {
	c.d.mu.Lock()
	defer c.d.unlock()
	return c.checkLocked()
}

func (c *Lease) checkLocked() error {
	switch {
	case c.state == claimPending || c.state == claimOver:
		return ErrLost
	case elapsed(c.trusted) < c.d.cfg.TTL*3/4:
		return nil
	case c.d.alone():
		return nil
	}
	return ErrLapsed
}

// Settled waits until it is known whether the thread is still ours: it returns nil when Check passes,
// ErrLost when another process has the thread, and ctx's cause when ctx ends before. It blocks as long as
// the store is away.
func (c *Lease) Settled(ctx context.Context) error {
	for {
		c.d.mu.Lock()
		err, renewed := c.checkLocked(), c.renewed
		c.d.unlock()
		if !errors.Is(err, ErrLapsed) {
			return err
		}
		select {
		case <-renewed:
		case <-c.lost:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// elapsed is the time since t on the monotonic or on the wall clock, whichever says more: the monotonic one of Linux stands
// still while a machine sleeps.
func elapsed(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// Reply records the messages of the answer, oldest first, so that a successor finds them. One write, which also renews. When
// the store fails, ids go along with the next write that succeeds.
func (c *Lease) Reply(ctx context.Context, ids []string) error {
	ids = slices.Clone(ids)
	c.d.mu.Lock()
	c.ids = ids
	c.d.unlock()
	_, err := c.write(ctx, whatReply, func(r Record) Record { return r })
	return err
}

// Done notes that everything up to answered has its answer; usually that is For, or newer if the turn
// read newer messages. One write: if the thread is owed more (and this process does not drain), more is
// true, the claim stays, For has moved on, and the caller answers again; else the thread is released.
// With an error the claim is over: ErrLost if another process has the thread, and with the store's own
// error the Coordinator goes on trying to write this in the background and releases the thread then.
func (c *Lease) Done(ctx context.Context, answered TS) (more bool, err error) {
	c.d.mu.Lock()
	look := c.look
	c.d.unlock()
	r, err := c.end(ctx, "mark answered", answered, func(r Record, drained bool) Record {
		r.Answered, r.Blame = r.Answered.Max(answered), 0
		r.Look = r.Look || look || c.died && !c.d.alone()
		if r = r.over(); drained || !r.Owed() {
			return r.free()
		}
		return r.startNext()
	})
	if err != nil {
		return false, err
	}
	c.d.mu.Lock()
	defer c.d.unlock()
	if r.Owner == "" {
		c.endLocked()
		return false, nil
	}
	if c.state == claimOver { // lost between the write and now
		return false, fmt.Errorf("mark answered in thread %s: %w", c.key, ErrLost)
	}
	c.state, c.before = claimLive, r.Answered
	c.answers, c.storedFor, c.ids, c.blame = r.For, "", nil, 0
	if c.stopTS.Compare(c.answers) < 0 {
		c.stopped = make(chan struct{})
	}
	c.stopLocked(c.stopTS)
	return true, nil
}

// Release gives the thread back, as it is: it is still owed its answer, and whoever has room claims it at once (this process
// only after TTL/4, to let others go first). One write. The claim is over in any case; with an error the thread is free later: when a write in the background
// succeeds, or when its lease has run out.
func (c *Lease) Release(ctx context.Context) error {
	_, err := c.end(ctx, "release", "", func(r Record, _ bool) Record { return r.free() })
	if err != nil {
		return err
	}
	c.d.mu.Lock()
	defer c.d.unlock()
	if s, ok := c.d.observed[c.key]; ok {
		s.notBefore = time.Now().Add(c.d.cfg.TTL / 4)
		c.d.observed[c.key] = s
	}
	c.endLocked()
	return nil
}

// end does the write of Done and Release.
func (c *Lease) end(ctx context.Context, what string, answered TS, apply func(r Record, drained bool) Record) (Record, error) {
	d := c.d
	d.mu.Lock()
	if c.state != claimLive {
		d.unlock()
		return Record{}, fmt.Errorf("%s in thread %s: %w", what, c.key, ErrLost)
	}
	c.state = claimClosing
	drained := d.drained
	d.unlock()

	r, err := c.write(ctx, what, func(r Record) Record { return apply(r, drained) })
	if err != nil {
		d.mu.Lock()
		defer d.unlock()
		if c.state == claimClosing {
			c.pendLocked(answered)
		}
	}
	return r, err
}

// pendLocked leaves it to the background to write what became of a claim.
func (c *Lease) pendLocked(answered TS) {
	c.state, c.answered, c.renewAt = claimPending, c.answered.Max(answered), time.Now()
	c.retireLocked()
	c.d.nudge()
}

// write is the one read-modify-write of a live claim: apply, on the record as it is, if it is still ours.
// It renews the lease.
func (c *Lease) write(ctx context.Context, what string, apply func(Record) Record) (Record, error) {
	d := c.d
	start := time.Now()
	var out Record
	var ours, last bool
	err := d.store.Update(ctx, d.cfg.Prefix+c.key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		// What was said here last must win however writes overlap; so it is read here, not before.
		d.mu.Lock()
		out, ours = c.putLocked(r)
		last = c.state == claimPending
		d.mu.Unlock()
		if !ours {
			return nil, ErrKeep
		}
		out = apply(out)
		return out.Encode()
	})

	d.mu.Lock()
	defer d.unlock()
	d.heardLocked(start, err)
	if err != nil {
		return out, fmt.Errorf("%s in thread %s: %w", what, c.key, err)
	}
	defer d.observeLocked(c.key, out)
	if !ours {
		// Only this process releases its epoch: a store that tried twice, or a write that overlapped with the release.
		released := out.Owner == "" && out.Epoch == c.epoch
		switch {
		case c.state == claimPending:
			c.endLocked()
		case !released:
			c.loseLocked()
		case c.state == claimClosing && what != whatRenew && what != whatReply:
			return out, nil
		}
		return out, fmt.Errorf("%s in thread %s: %w", what, c.key, ErrLost)
	}
	if start.After(c.trusted) {
		c.trusted = start
		close(c.renewed)
		c.renewed = make(chan struct{})
	}
	if last {
		c.endLocked()
	}
	return out, nil
}

const (
	whatRenew = "renew"
	whatReply = "record messages"
)

// putLocked writes into r what the claim knows. ours is false if r is not the claim's to write.
func (c *Lease) putLocked(r Record) (_ Record, ours bool) {
	if c.state == claimOver || r.Owner != c.d.cfg.Owner || r.Epoch != c.epoch {
		return r, false
	}
	r.Heartbeat++
	r.Asked, r.Load = r.Asked.Max(c.asked), len(c.d.slots)
	if c.storedFor != "" && r.For == c.storedFor {
		r.For = c.answers
	}
	if r.For == c.answers && !r.Answered.After(c.before) { // else a Done was written already, and For is the next answer's
		r.Reply, r.Blame = slices.Clone(c.ids), c.blame
	}
	if c.state == claimPending {
		if r.Answered = r.Answered.Max(c.answered); c.answered != "" {
			r = r.over()
			r.Look = r.Look || c.look || c.died && !c.d.alone()
		}
		r = r.free()
	}
	return r, true
}

// stopLocked takes in a stop.
func (c *Lease) stopLocked(ts TS) {
	c.stopTS = c.stopTS.Max(ts)
	if c.stopTS == "" || c.stopTS.Compare(cmp.Or(c.storedFor, c.answers)) < 0 {
		return
	}
	select {
	case <-c.stopped:
	default:
		close(c.stopped)
	}
}

// changeLocked takes in a change.
func (c *Lease) changeLocked(ts TS) {
	if !ts.After(c.changeTS) {
		return
	}
	c.changeTS = ts
	close(c.changed)
	c.changed = make(chan struct{})
}

// loseLocked ends a claim that another process has.
func (c *Lease) loseLocked() {
	if c.state == claimOver {
		return
	}
	if c.state != claimPending {
		close(c.lost)
		key, epoch, d := c.key, c.epoch, c.d
		d.after = append(d.after, func() {
			d.cfg.Log.Info("lease_lost", "thread", key, "epoch", epoch)
			if h := d.cfg.Hooks.Lost; h != nil {
				h(key, epoch)
			}
		})
	}
	c.endLocked()
}

// endLocked ends a claim for good.
func (c *Lease) endLocked() {
	c.retireLocked()
	c.state = claimOver
	c.slot.ended = max(c.slot.ended, c.epoch)
	if c.slot.claim == c {
		c.slot.claim = nil
		if c.slot.busy == 0 {
			delete(c.d.slots, c.key)
		}
	}
	c.d.nudge()
}

// retireLocked says that the caller has no more to do with it.
func (c *Lease) retireLocked() {
	if c.taken {
		c.taken = false
		c.d.held--
	}
}
