package turn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Asked is the result of an Ask.
type Asked struct {
	New    bool   // nothing as new had been asked in this thread
	Lease  *Lease // not nil: this call claimed the thread, and the caller answers it
	Record Record // as the store has it now
}

// Coordinator is one process's view of all threads. All methods are safe for concurrent use.
type Coordinator struct {
	store Store
	cfg   Config
	wake  chan struct{} // holds one token if Run has to look again

	mu       sync.Mutex               // guards all below, and Leases; never held across I/O
	local    map[string]*localThread  // threads of which this process has the lease, or may get it
	observed map[string]observation   // the records that owe an answer, as last heard
	recent   map[string]TS            // Asked of the records with the newest asks, as last heard
	pending  map[string]pendingAsk    // what the store did not take: see Later
	queue    []string                 // the keys of pending, oldest first
	looks    map[string]look          // threads that somebody has to look at once more
	waits    map[string]time.Duration // until the next look, for those that Again put off
	tidying  map[string]*shared       // threads in which this process tidies
	asking   bool                     // the first of queue are being asked
	probed   time.Time                // when that last began
	drained  bool                     // this process claims nothing more
	settled  time.Time                // no takeovers before: Watch has told by then what is oldest
	told     chan struct{}            // closed: the Watch under way has told of all records
	batch    bool                     // a batch of takeovers is under way
	held     int                      // live leases that were taken over
	failing  time.Time                // start of the first failed call; zero: the store answers
	floor    time.Time                // end of the last outage: silence of owners counts from then on
	after    []func()                 // hooks and log lines, to be run without mu
}

// localThread is a thread that this process answers, or asks to answer at this moment. It is gone
// when neither is so.
type localThread struct {
	lease *Lease // live, or with an end that the store does not have yet; nil: none
	ended uint64 // the newest epoch whose lease is over here: no call may make another Lease of it
	busy  int    // calls under way that may make a Lease
}

// observation is one owed record as this process last saw it.
type observation struct {
	rec       Record
	since     time.Time // when it first saw (Owner, Epoch, Heartbeat): a TTL later the owner is dead
	notBefore time.Time // no takeover before: one failed, or this process released the thread
}

// NewCoordinator returns a Coordinator. Its leases last only while Run runs. It panics without an
// Owner.
func NewCoordinator(store Store, cfg Config) *Coordinator {
	if cfg.Owner == "" {
		panic("turn: Config.Owner is empty")
	}
	if cfg.TTL <= 0 {
		cfg.TTL = DefaultTTL
	}
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if cfg.Limit <= 0 {
		cfg.Limit = DefaultLimit
	}
	if cfg.LookAfter <= 0 {
		cfg.LookAfter = DefaultLookAfter
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Coordinator{
		store: store, cfg: cfg, wake: make(chan struct{}, 1), local: map[string]*localThread{},
		told:     make(chan struct{}),
		observed: map[string]observation{}, recent: map[string]TS{}, pending: map[string]pendingAsk{}, looks: map[string]look{},
		tidying: map[string]*shared{}, waits: map[string]time.Duration{},
	}
}

// Ask records that something with timestamp ts wants an answer in thread key, and claims the thread
// if nobody has it, in one durable write. It writes nothing if the ask was known and there is
// nothing to claim. It blocks for the store, at most until ctx ends.
//
// After an error nothing is known. To ask again is always right; if the write was made after all,
// the thread is answered without asking again. Ask returns no Lease for a thread that this process
// answers already: Done of that answer reports that there is more. After Drain, Ask does what Note
// does.
func (c *Coordinator) Ask(ctx context.Context, key string, ts TS) (Asked, error) {
	return c.ask(ctx, key, ts, true)
}

// Note does what Ask does, but claims nothing: whichever process has room takes the thread over,
// also this one unless it drains.
func (c *Coordinator) Note(ctx context.Context, key string, ts TS) (Asked, error) {
	return c.ask(ctx, key, ts, false)
}

func (c *Coordinator) ask(ctx context.Context, key string, ts TS, claim bool) (Asked, error) {
	if key == "" || ts == "" {
		return Asked{}, fmt.Errorf("ask %q in thread %q: empty", ts, key)
	}
	c.mu.Lock()
	claim = claim && !c.drained
	t := c.enterLocked(key)
	var live uint64
	if t.lease != nil {
		live = t.lease.epoch
	}
	load := len(c.local)
	c.unlock()

	start := time.Now()
	var out Record
	var fresh, mine bool
	err := c.store.Update(ctx, c.cfg.Prefix+key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		fresh, mine = ts.After(r.Asked), false
		r.Asked = r.Asked.Max(ts)
		switch {
		case !claim || !r.Owed():
		case r.Owner == "":
			r, mine = r.claim(c.cfg.Owner, load), true
		case r.Owner == c.cfg.Owner && r.Epoch != live:
			// An earlier Ask of this process was written, but its caller was told otherwise, or not
			// yet. The heartbeat makes this write a renewal.
			r.Heartbeat++
			mine = true
		}
		out = r
		if !fresh && !mine {
			return nil, ErrKeep
		}
		return r.Encode()
	})

	c.mu.Lock()
	defer c.unlock()
	c.heardLocked(start, err)
	defer c.leaveLocked(key, t)
	if h := c.cfg.Hooks.Asked; h != nil {
		took := time.Since(start)
		c.after = append(c.after, func() { h(took, fresh, err) })
	}
	if err != nil {
		return Asked{}, fmt.Errorf("ask in thread %s: %w", key, err)
	}
	a := Asked{New: fresh, Record: out}
	if mine {
		a.Lease = c.registerLocked(key, t, out, start, false)
	}
	c.observeLocked(key, out)
	return a, nil
}

// Record returns the record of thread key as the store has it now, and the zero Record if nothing
// was asked there in 30 days, for which stores keep records. It blocks for the store, at most until
// ctx ends.
func (c *Coordinator) Record(ctx context.Context, key string) (Record, error) {
	return c.change(ctx, "look at", key, func(r Record) (_ Record, write bool) { return r, false })
}

// Hear records that a message came in thread key, in which nothing was asked so far. If something
// that was said before it is asked later, by whichever process, that finds the message (see
// Lease.Heard). Hear returns the record. It writes nothing if something was asked already. It
// blocks for the store, at most until ctx ends.
func (c *Coordinator) Hear(ctx context.Context, key string, ts TS) (Record, error) {
	return c.change(ctx, "hear in", key, func(r Record) (_ Record, write bool) {
		if r.Asked != "" || !ts.After(r.Heard) {
			return r, false
		}
		r.Heard = ts
		return r, true
	})
}

// change does one read-modify-write of a record without its lease, and returns the record. apply
// returns what the record becomes, and whether that is to be written.
func (c *Coordinator) change(ctx context.Context, what, key string, apply func(Record) (_ Record, write bool)) (Record, error) {
	start := time.Now()
	var out Record
	err := c.store.Update(ctx, c.cfg.Prefix+key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		var write bool
		if out, write = apply(r); !write {
			return nil, ErrKeep
		}
		return out.Encode()
	})
	c.mu.Lock()
	defer c.unlock()
	c.heardLocked(start, err)
	if err != nil {
		return Record{}, fmt.Errorf("%s thread %s: %w", what, key, err)
	}
	c.observeLocked(key, out)
	return out, nil
}

// Stop tells whoever answers thread key to write nothing further of what was asked at or before ts.
// An empty ts means what is being answered, and not what was asked since. An answer of this process
// stops at once, before the one write; another process hears of it through its Watch. Stop writes
// nothing if nothing is owed or a later stop is known. It blocks for the store, at most until ctx
// ends.
func (c *Coordinator) Stop(ctx context.Context, key string, ts TS) error {
	c.mu.Lock()
	if t := c.local[key]; t != nil && t.lease != nil {
		t.lease.stopLocked(cmp.Or(ts, t.lease.answers))
	}
	c.unlock()
	start := time.Now()
	err := c.store.Update(ctx, c.cfg.Prefix+key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		ts := cmp.Or(ts, r.For)
		if !r.Owed() || !ts.After(r.Stop) {
			return nil, ErrKeep
		}
		r.Stop = ts
		return r.Encode()
	})
	c.mu.Lock()
	defer c.unlock()
	c.heardLocked(start, err)
	if err != nil {
		return fmt.Errorf("stop thread %s: %w", key, err)
	}
	return nil
}

// Change tells whoever answers thread key, by Lease.Changed, that a message of the thread was
// edited or deleted at ts. It makes one write, and none if nothing is owed. It blocks for the
// store, at most until ctx ends.
func (c *Coordinator) Change(ctx context.Context, key string, ts TS) error {
	_, err := c.change(ctx, "note a change in", key, func(r Record) (_ Record, write bool) {
		if !r.Owed() || !ts.After(r.Changed) {
			return r, false
		}
		r.Changed = ts
		return r, true
	})
	return err
}

// Drain ends the making of Leases, for good: Ask does what Note does, nothing is taken over, and
// Done releases a thread that is owed more, so that another process goes on with it. The
// Coordinator renews the leases that there are as before. Drain does not block. A call under way
// may still return a Lease, which its caller releases.
func (c *Coordinator) Drain() {
	c.mu.Lock()
	defer c.unlock()
	c.drained = true
}

// Owners returns how many owed threads each process answers, as far as this one has heard; ""
// counts those that nobody has. A process that died is in it for up to a TTL. It does not block.
func (c *Coordinator) Owners() map[string]int {
	c.mu.Lock()
	defer c.unlock()
	n := map[string]int{}
	for _, o := range c.observed {
		n[o.rec.Owner]++
	}
	return n
}

// Owed returns the threads that are owed an answer and whose key begins with prefix, whoever writes
// the answer, as far as this process has heard, in no order. It does not block.
func (c *Coordinator) Owed(prefix string) []string {
	c.mu.Lock()
	defer c.unlock()
	var keys []string
	for key := range c.observed {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// Told waits until this process has heard of all records since it last lost sight of the store, at
// most until ctx ends. Recent and Owed know less before.
func (c *Coordinator) Told(ctx context.Context) error {
	c.mu.Lock()
	told := c.told
	c.mu.Unlock()
	select {
	case <-told:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("hear of all threads: %w", ctx.Err())
	}
}

// maxRecent bounds the threads that Recent knows (the project's own figure). Beyond it the older
// half goes.
const maxRecent = 20_000

// Recent returns the threads in which something was asked after ts, as far as this process has
// heard, in no order. It does not block.
func (c *Coordinator) Recent(ts TS) []string {
	c.mu.Lock()
	defer c.unlock()
	var keys []string
	for key, asked := range c.recent {
		if asked.After(ts) {
			keys = append(keys, key)
		}
	}
	return keys
}

// rememberLocked records when something was last asked in a thread.
func (c *Coordinator) rememberLocked(key string, asked TS) {
	if asked == "" {
		return
	}
	c.recent[key] = asked
	if len(c.recent) <= maxRecent {
		return
	}
	all := slices.SortedFunc(maps.Values(c.recent), TS.Compare)
	middle := all[len(all)/2]
	maps.DeleteFunc(c.recent, func(_ string, asked TS) bool { return !asked.After(middle) })
}

// unlock unlocks mu, and runs the hooks and log lines that had to wait for that.
func (c *Coordinator) unlock() {
	after := c.after
	c.after = nil
	c.mu.Unlock()
	for _, fn := range after {
		fn()
	}
}

// nudge makes Run look again.
func (c *Coordinator) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// enterLocked records that a call begins that may make a Lease. leaveLocked ends it.
func (c *Coordinator) enterLocked(key string) *localThread {
	t := c.local[key]
	if t == nil {
		t = &localThread{}
		c.local[key] = t
	}
	t.busy++
	return t
}

func (c *Coordinator) leaveLocked(key string, t *localThread) {
	t.busy--
	if t.busy == 0 && t.lease == nil {
		delete(c.local, key)
	}
	c.nudge() // the key may be a candidate again
}

// registerLocked returns the Lease of a record that was written with this process as the owner, and
// nil if that epoch has one or had one.
func (c *Coordinator) registerLocked(key string, t *localThread, r Record, start time.Time, taken bool) *Lease {
	if r.Epoch <= t.ended {
		return nil
	}
	if old := t.lease; old != nil {
		if old.epoch >= r.Epoch {
			return nil
		}
		old.loseLocked() // it lapsed, another process had the thread, and now this one has it again
	}
	l := &Lease{
		c: c, key: key, local: t, epoch: r.Epoch, taken: taken,
		answers: r.For, before: r.Answered, ids: r.Reply, heard: r.Heard, blame: r.Blame, died: r.Blame > 0,
		lost: make(chan struct{}), stopped: make(chan struct{}), changed: make(chan struct{}), changeTS: r.Changed,
		trusted: start, renewed: make(chan struct{}), renewAt: start.Add(c.cfg.TTL / 4),
	}
	t.lease = l
	if taken {
		c.held++
	}
	l.stopLocked(r.Stop)
	c.nudge()
	return l
}

// observeLocked records the state of a record, from Watch or from a write of our own. It may be an
// old one.
func (c *Coordinator) observeLocked(key string, r Record) {
	if t := c.local[key]; t != nil && t.lease != nil {
		if l := t.lease; r.Epoch > l.epoch {
			l.loseLocked()
		} else {
			l.stopLocked(r.Stop)
			l.changeLocked(r.Changed)
		}
	}
	c.rememberLocked(key, r.Asked)
	c.lookLaterLocked(key, r)
	if !r.Owed() {
		delete(c.observed, key)
		return
	}
	old, ok := c.observed[key]
	if ok && r.Owner == old.rec.Owner && r.Epoch == old.rec.Epoch && r.Heartbeat == old.rec.Heartbeat {
		old.rec = r
		c.observed[key] = old
		return
	}
	c.observed[key] = observation{rec: r, since: time.Now(), notBefore: old.notBefore}
	if !ok || r.Owner != old.rec.Owner {
		c.nudge() // a mere heartbeat makes the takeover due later than before
	}
}

// heardLocked records whether the store answered a call that began at start.
func (c *Coordinator) heardLocked(start time.Time, err error) {
	if errors.Is(err, ErrKey) {
		return // says nothing of the store
	}
	answers := err == nil || errors.Is(err, ErrCorrupt)
	switch {
	case answers && !c.failing.IsZero():
		silent := time.Since(c.failing)
		c.failing = time.Time{}
		c.nudge() // for what is pending
		if silent > c.cfg.TTL/4 {
			// Owners could not renew either. Give them the time to do it: otherwise every process
			// takes over from all the others.
			c.floor = time.Now()
		}
		c.after = append(c.after, func() {
			c.cfg.Log.Info("store_back", "silent_ms", silent.Milliseconds())
			if h := c.cfg.Hooks.Store; h != nil {
				h(true, silent)
			}
		})
	case !answers && c.failing.IsZero() && !errors.Is(err, context.Canceled):
		c.failing = start
		c.after = append(c.after, func() {
			c.cfg.Log.Warn("store_silent", "error", err)
			if h := c.cfg.Hooks.Store; h != nil {
				h(false, 0)
			}
		})
	}
}
