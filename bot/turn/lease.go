package turn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Lease is the right, and the duty, to answer one thread. Whoever gets one ends it with Release, or
// with a Done that reports no more. Until then the Coordinator renews it. All methods are safe for
// concurrent use.
type Lease struct {
	c     *Coordinator
	key   string
	local *localThread
	lost  chan struct{} // closed by loseLocked

	// Guarded by c.mu:
	epoch     uint64   // the fencing token
	answers   TS       // For
	storedFor TS       // For before Extend, as the store may still have it; empty: answers
	ids       []string // Reply, as last said here
	look      *Tidying // see LookAgain; nil: there is nothing to tidy, or the store knows of it
	left      bool     // what there is to tidy is left to others: see Tidying.Leave
	heard     TS       // Heard when the lease began; it does not change
	before    TS       // Answered when the answer under way began
	died      bool     // see Died
	blame     int      // Progress sets it to 0, and the next write does in the record
	asked     TS       // asked here, perhaps not in the store
	answered  TS       // answered here, perhaps not in the store
	state     leaseState
	stopped   chan struct{} // closed when storedFor, or else answers, is stopped
	stopTS    TS            // newest stop heard of
	changed   chan struct{} // closed when a later change than changeTS is heard of
	changeTS  TS            // newest change heard of
	trusted   time.Time     // start of the last write that succeeded
	renewed   chan struct{} // closed and replaced when Check may return something else: see Settled
	renewAt   time.Time     // when to renew next
	renewing  bool          // a renewal is under way
	taken     bool          // counts in c.held
}

type leaseState int

const (
	leaseLive    leaseState = iota
	leaseClosing            // Done or Release is writing
	leasePending            // over for the caller; the store does not know yet
	leaseOver               // over for everybody, or lost
)

// Key returns the thread.
func (l *Lease) Key() string { return l.key }

// Epoch returns the fencing token of every write. It counts the owners of the thread.
func (l *Lease) Epoch() uint64 {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.epoch
}

// For returns what the lease is to answer: this ask and all before it. It moves on in a Done that
// reports more, and by Extend.
func (l *Lease) For() TS {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.answers
}

// Answered returns what the thread had its answer to when this answer began: what is owed is newer.
func (l *Lease) Answered() TS {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.before
}

// Heard returns the newest message that came before anything was asked in the thread, and "" if
// none did. Whoever answers reads the thread for it: nobody may tell of that message again.
func (l *Lease) Heard() TS { return l.heard }

// LookAgain returns the right to tidy the messages of the answer after Done, and asks for one more
// look at the thread then (see Config.Look), whatever becomes of this process: something about the
// answer is left to do. It does no I/O: the write of Done tells the store. The right is over if Done
// returns ErrLost.
func (l *Lease) LookAgain() *Tidying {
	l.c.mu.Lock()
	defer l.c.unlock()
	l.look = &Tidying{c: l.c, key: l.key, lease: l}
	return l.look
}

// Blame returns how many owners have died in this answer, one after the other, since it last made
// progress: BlameUnit for each that had nothing else to do, less for one that may have died of
// another thread.
func (l *Lease) Blame() int {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.blame
}

// Died reports whether an owner before this one was taken for dead when the lease began. That owner
// may be frozen, and wake. The report does not change.
func (l *Lease) Died() bool {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.died
}

// Extend records that the answer is one to everything up to upto, also to what was asked after For:
// a successor finishes it as it was begun. It does no I/O: the next write tells the store. An upto
// before For changes nothing.
func (l *Lease) Extend(upto TS) {
	l.c.mu.Lock()
	defer l.c.unlock()
	if !upto.After(l.answers) {
		return
	}
	if l.storedFor == "" {
		l.storedFor = l.answers
	}
	l.answers, l.asked = upto, l.asked.Max(upto)
}

// NoteAsked records that more was asked, as the thread shows: Done reports it even if nobody else
// tells of it. It does no I/O: the next write tells the store.
func (l *Lease) NoteAsked(ts TS) {
	l.c.mu.Lock()
	defer l.c.unlock()
	l.asked = l.asked.Max(ts)
}

// Progress records that the answer has come further than with any owner before: what they died of
// was not this answer so far. It does no I/O: the next renewal tells the store, TTL/4 later at
// most.
func (l *Lease) Progress() {
	l.c.mu.Lock()
	defer l.c.unlock()
	l.blame = 0
}

// Messages returns the messages that the answer has so far, oldest first, as Reply recorded them,
// also for an owner before: the caller goes on in them.
func (l *Lease) Messages() []string {
	l.c.mu.Lock()
	defer l.c.unlock()
	return slices.Clone(l.ids)
}

// Lost returns a channel that is closed when another process is known to have the thread. It stays
// open when the lease ends by Done or Release, and when it merely lapsed.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Stopped returns a channel that is closed when what For returns was stopped, perhaps before it
// began. The lease stays: the caller shows that it stopped and calls Done. After a Done that
// reports more it is another channel.
func (l *Lease) Stopped() <-chan struct{} {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.stopped
}

// StoppedAt returns the time of the newest stop that this process has heard of, and "" if there was
// none.
func (l *Lease) StoppedAt() TS {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.stopTS
}

// Changed returns a channel that is closed when a process has told, by Coordinator.Change, that a
// message of the thread was edited or deleted. Afterwards it is another channel, for the next time.
func (l *Lease) Changed() <-chan struct{} {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.changed
}

// ChangedAt returns the time of the newest change that closed Changed, and "" if none has.
func (l *Lease) ChangedAt() TS {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.changeTS
}

// Check returns nil if the caller may still write to the thread, and else ErrLapsed or ErrLost. It
// is cheap and does no I/O. Call it before each write to Slack, and once more after the last one,
// since a process may be frozen in between. A stop does not make it fail. Where no other process
// uses the store (Config.Alone) a lease that was not renewed in time is still good: nobody else can
// have taken it.
func (l *Lease) Check() error {
	l.c.mu.Lock()
	defer l.c.unlock()
	return l.checkLocked()
}

func (l *Lease) checkLocked() error {
	switch {
	case l.state == leasePending || l.state == leaseOver:
		return ErrLost
	case elapsed(l.trusted) < l.c.cfg.TTL*3/4:
		return nil
	case l.c.alone():
		return nil
	}
	return ErrLapsed
}

// Settled waits until it is known whether the thread is still ours: it returns nil when Check
// passes, ErrLost when another process has the thread or the lease is over, and ctx's cause when ctx
// ends before. It blocks as long as the store is away.
func (l *Lease) Settled(ctx context.Context) error {
	for {
		l.c.mu.Lock()
		err, renewed := l.checkLocked(), l.renewed
		l.c.unlock()
		if !errors.Is(err, ErrLapsed) {
			return err
		}
		select {
		case <-renewed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// wakeLocked has Settled look again.
func (l *Lease) wakeLocked() {
	close(l.renewed)
	l.renewed = make(chan struct{})
}

// elapsed returns the time since t on the monotonic or on the wall clock, whichever is longer: the
// monotonic one of Linux stands still while a machine sleeps.
func elapsed(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// Reply records the messages of the answer, oldest first, so that a successor finds them. It makes
// one write, which also renews the lease, and blocks for the store. When the store fails, the next
// write that succeeds records ids.
func (l *Lease) Reply(ctx context.Context, ids []string) error {
	ids = slices.Clone(ids)
	l.c.mu.Lock()
	l.ids = ids
	l.c.unlock()
	_, err := l.write(ctx, whatReply, func(r Record) Record { return r })
	return err
}

// Done records that everything up to answered has its answer: usually For, or what is newer if the
// turn read newer messages. It makes one write, and blocks for the store.
//
// If the thread is owed more and this process does not drain, more is true, the lease stays, For
// has moved on, and the caller answers again. Otherwise the thread is released.
//
// After an error the lease is over. ErrLost: another process has the thread. After an error of the
// store the Coordinator goes on trying to write this in the background, and releases the thread
// then.
func (l *Lease) Done(ctx context.Context, answered TS) (more bool, err error) {
	var look *Tidying
	var left bool
	r, err := l.end(ctx, "mark answered", answered, func(r Record, drained bool) Record {
		look, left = l.look, l.left
		r.Answered, r.Blame = r.Answered.Max(answered), 0
		r = l.toLookAtLocked(r)
		if r = r.over(); drained || !r.Owed() {
			return r.free()
		}
		return r.startNext()
	})
	if err != nil {
		return false, err
	}
	l.c.mu.Lock()
	defer l.c.unlock()
	if r.Owner == "" {
		l.endLocked()
		return false, nil
	}
	if l.state == leaseOver { // lost between the write and now
		if look != nil {
			look.dropLocked(true) // the caller may write to nothing any more; others find the right lapsed
		}
		return false, fmt.Errorf("mark answered in thread %s: %w", l.key, ErrLost)
	}
	l.state, l.before, l.left = leaseLive, r.Answered, l.left && !left
	l.answers, l.storedFor, l.ids, l.blame = r.For, "", nil, 0
	if l.stopTS.Compare(l.answers) < 0 {
		l.stopped = make(chan struct{})
	}
	l.stopLocked(l.stopTS)
	return true, nil
}

// Release gives the thread back as it is. It is still owed its answer, and whichever process has
// room takes it over at once; this one waits TTL/4, to let others go first. Release makes one
// write, and blocks for the store. The lease is over in any case. After an error the thread is free
// later: when a write in the background succeeds, or when the lease has run out.
func (l *Lease) Release(ctx context.Context) error {
	_, err := l.end(ctx, "release", "", func(r Record, _ bool) Record { return r.free() })
	if err != nil {
		return err
	}
	l.c.mu.Lock()
	defer l.c.unlock()
	if o, ok := l.c.observed[l.key]; ok {
		o.notBefore = time.Now().Add(l.c.cfg.TTL / 4)
		l.c.observed[l.key] = o
	}
	l.endLocked()
	return nil
}

// end does the write of Done and of Release, and returns the record. It calls apply with c.mu held.
func (l *Lease) end(ctx context.Context, what string, answered TS, apply func(r Record, drained bool) Record) (Record, error) {
	c := l.c
	c.mu.Lock()
	if l.state != leaseLive {
		c.unlock()
		return Record{}, fmt.Errorf("%s in thread %s: %w", what, l.key, ErrLost)
	}
	l.state = leaseClosing
	drained := c.drained
	c.unlock()

	r, err := l.write(ctx, what, func(r Record) Record { return apply(r, drained) })
	if err != nil {
		c.mu.Lock()
		defer c.unlock()
		if l.state == leaseClosing {
			l.pendLocked(answered)
		}
	}
	return r, err
}

// pendLocked leaves it to the background to write the end of the lease.
func (l *Lease) pendLocked(answered TS) {
	l.state, l.answered, l.renewAt = leasePending, l.answered.Max(answered), time.Now()
	l.wakeLocked()
	l.retireLocked()
	l.c.nudge()
}

// write does one read-modify-write under the lease, which renews it, and returns the record. apply
// returns what the record becomes; c.mu is held then. It is not called if the record is not ours any
// more.
func (l *Lease) write(ctx context.Context, what string, apply func(Record) Record) (Record, error) {
	c := l.c
	start := time.Now()
	var out Record
	var ours, last bool
	var told *Tidying // whose right this write brings to the store; nil: it brings none
	err := c.store.Update(ctx, c.cfg.Prefix+l.key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		// What this process knows is read here, not before: the latest must win however writes
		// overlap.
		c.mu.Lock()
		out, ours = l.putLocked(r)
		last, told = l.state == leasePending, nil
		if ours {
			out = apply(out)
			if out.Tidied != r.Tidied { // that Tidier is us says less: it may be for an answer before
				told = l.look
			}
		}
		c.mu.Unlock()
		if !ours {
			return nil, ErrKeep
		}
		return out.Encode()
	})

	c.mu.Lock()
	defer c.unlock()
	c.heardLocked(start, err)
	if err != nil {
		return out, fmt.Errorf("%s in thread %s: %w", what, l.key, err)
	}
	defer c.observeLocked(l.key, out)
	if !ours {
		// Only this process releases its epoch: the store tried twice, or a write overlapped with
		// the release.
		released := out.Owner == "" && out.Epoch == l.epoch
		switch {
		case l.state == leasePending:
			l.endLocked()
		case !released:
			l.loseLocked()
		case l.state == leaseClosing && what != whatRenew && what != whatReply:
			return out, nil
		}
		return out, fmt.Errorf("%s in thread %s: %w", what, l.key, ErrLost)
	}
	if start.After(l.trusted) {
		l.trusted = start
		l.wakeLocked()
	}
	if told != nil && told == l.look { // or else it has ended meanwhile
		c.tidyLocked(told, start)
		l.look = nil
	}
	if last {
		l.endLocked()
	}
	return out, nil
}

const (
	whatRenew = "renew"
	whatReply = "record messages"
)

// putLocked returns r with what the lease knows. ours is false if r is not for this lease to write.
func (l *Lease) putLocked(r Record) (_ Record, ours bool) {
	if l.state == leaseOver || r.Owner != l.c.cfg.Owner || r.Epoch != l.epoch {
		return r, false
	}
	r.Heartbeat++
	r.Asked, r.Load = r.Asked.Max(l.asked), len(l.c.local)
	if l.storedFor != "" && r.For == l.storedFor {
		r.For = l.answers
	}
	if r.For == l.answers && !r.Answered.After(l.before) { // or else For is the next answer's
		r.Reply, r.Blame = slices.Clone(l.ids), l.blame
	}
	if l.state == leasePending {
		if r.Answered = r.Answered.Max(l.answered); l.answered != "" {
			r = r.over()
			r = l.toLookAtLocked(r)
		}
		r = r.free()
	}
	return r, true
}

// stopLocked records a stop.
func (l *Lease) stopLocked(ts TS) {
	l.stopTS = l.stopTS.Max(ts)
	if l.stopTS == "" || l.stopTS.Compare(cmp.Or(l.storedFor, l.answers)) < 0 {
		return
	}
	select {
	case <-l.stopped:
	default:
		close(l.stopped)
	}
}

// changeLocked records an edit or a deletion.
func (l *Lease) changeLocked(ts TS) {
	if !ts.After(l.changeTS) {
		return
	}
	l.changeTS = ts
	close(l.changed)
	l.changed = make(chan struct{})
}

// loseLocked ends the lease because another process has the thread.
func (l *Lease) loseLocked() {
	if l.state == leaseOver {
		return
	}
	if l.state != leasePending {
		close(l.lost)
		key, epoch, c := l.key, l.epoch, l.c
		c.after = append(c.after, func() {
			c.cfg.Log.Info("lease_lost", "thread", key, "epoch", epoch)
			if h := c.cfg.Hooks.Lost; h != nil {
				h(key, epoch)
			}
		})
	}
	l.endLocked()
}

// endLocked ends the lease for good.
func (l *Lease) endLocked() {
	l.retireLocked()
	l.state = leaseOver
	l.wakeLocked()
	l.local.ended = max(l.local.ended, l.epoch)
	if l.local.lease == l {
		l.local.lease = nil
		if l.local.busy == 0 {
			delete(l.c.local, l.key)
		}
	}
	l.c.nudge()
}
