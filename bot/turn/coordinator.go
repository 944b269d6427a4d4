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

// Defaults of Config; the figures are the project's own (issue 7), not anybody's limits.
const (
	DefaultTTL    = 6 * time.Second
	DefaultPrefix = "thread/"
	DefaultLimit  = 64 // as many as BOT_MAX_ANSWERS

	DefaultLookAfter = 70 * time.Second // longer than most freezes that a process survives
)

// Config is what a Coordinator needs to know; it must not be changed after NewCoordinator.
type Config struct {
	Owner  string        // unique id of this start of this process; required, never used again by another one
	TTL    time.Duration // how long an owner may be silent; 0 = DefaultTTL. The same in all processes
	Prefix string        // of the keys in the store; "" = DefaultPrefix. Nothing but thread records may lie under it
	Limit  int           // how many taken-over claims are held at once; 0 = DefaultLimit. Claims by Ask do not count
	Alone  func() bool   // says that no other process uses the store at this moment: any other owner is dead, and its threads are taken over at once; nil: never. Called with a lock held: no I/O worth the name

	// Owed is told of each claim that was not asked for by Ask: a thread that is owed an answer and had no live owner. It must
	// not block, and must not call the Coordinator or the Lease in the same goroutine except for what does no I/O. The claim is the
	// callee's: it ends it with Done or Release. nil: this process takes nothing over.
	Owed func(*Lease, Record)

	// Look is told of a thread whose answer is to be looked at once more, LookAfter and up to a quarter more
	// after this process saw that, and again, ever more seldom, until somebody has looked: an owner that was taken for dead may have woken, and written over it. It
	// must not block, nor call the Coordinator. Who has looked calls Coordinator.Looked. nil: nobody looks.
	Look      func(key string, r Record)
	LookAfter time.Duration // 0 = DefaultLookAfter

	// Noted is told when the store has an ask that Later kept, with the record as it is then. It must not
	// block, nor call the Coordinator. nil: nobody is told.
	Noted func(key string, r Record)

	Log   *slog.Logger // nil: silent
	Hooks Hooks
}

// Hooks are told what happens, for metrics. They must not block; nil ones are not called.
type Hooks struct {
	Renewed func(took time.Duration, err error)             // one try to renew a lease, over
	Took    func(key string, r Record, dead bool)           // a claim handed to Owed; dead: from an owner that fell silent
	Lost    func(key string, epoch uint64)                  // a claim of ours that another process has now
	Store   func(answers bool, silent time.Duration)        // the store stopped answering, or answers again after silent
	Asked   func(took time.Duration, fresh bool, err error) // one Ask or Note, over
}

// Asked is what became of an Ask.
type Asked struct {
	New    bool   // this was news: nothing as new had been asked in this thread
	Lease  *Lease // not nil: this call claimed the thread, and the caller answers it
	Record Record // as it is now
}

// Coordinator is one process's view of all threads. All methods are safe for concurrent use.
type Coordinator struct {
	store Store
	cfg   Config
	wake  chan struct{} // holds one token if Run has to look again

	mu       sync.Mutex              // guards all below, and the fields of all Claims that say so; never held across I/O
	slots    map[string]*localThread // the keys for which this process has a claim or a write under way
	observed map[string]observation  // the records that owe an answer, as last heard
	recent   map[string]TS           // Asked of the records as last heard, of the newest of them
	pending  map[string]pendingAsk   // what the store did not take: see Later
	queue    []string                // the keys of pending, oldest first
	looks    map[string]look         // threads that are to be looked at once more
	asking   bool                    // the first of queue are being asked
	probed   time.Time               // when that last began
	drained  bool                    // no new claims
	settled  time.Time               // no takeovers before: lets Watch tell what is there, so that the oldest ask is known
	batch    bool                    // a batch of takeovers is under way
	held     int                     // live claims that were taken over
	failing  time.Time               // when the first of the store's failures since its last answer began; zero: it answers
	floor    time.Time               // when the store last came back from an outage: silence of owners counts from then on
	after    []func()                // hooks and log lines, to be run without mu
}

// localThread is what a process knows of its own doing in one thread.
type localThread struct {
	claim *Lease // live, or not yet written as finished; nil: none
	ended uint64 // newest epoch that is over here
	busy  int    // calls under way that may make a claim
}

// observation is one owed record as seen from here.
type observation struct {
	rec       Record
	since     time.Time // when (Owner, Epoch, Beat) was first seen
	notBefore time.Time // no attempt before: after a failure, or after this process released it
}

// NewCoordinator returns a coordinator; Run has to run for its leases to last. It panics without an Owner.
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
	return &Coordinator{store: store, cfg: cfg, wake: make(chan struct{}, 1), slots: map[string]*localThread{}, observed: map[string]observation{}, recent: map[string]TS{}, pending: map[string]pendingAsk{}, looks: map[string]look{}}
}

// Ask notes durably that something with timestamp ts wants an answer in thread key, and claims the thread if nobody has it, in
// one write; no write if it was known and there is nothing to claim. It blocks for the store, at most until ctx ends. After an
// error nothing is known: asking again is always right, and if the write was made after all, the thread is
// answered without asking again. A thread that this process answers already gives no Lease: that answer's Done says that there
// is more. After Drain it is Note.
func (d *Coordinator) Ask(ctx context.Context, key string, ts TS) (Asked, error) {
	return d.ask(ctx, key, ts, true)
}

// Note is Ask without claiming: whoever has room claims it, this process too unless it drains.
func (d *Coordinator) Note(ctx context.Context, key string, ts TS) (Asked, error) {
	return d.ask(ctx, key, ts, false)
}

func (d *Coordinator) ask(ctx context.Context, key string, ts TS, claim bool) (Asked, error) {
	if key == "" || ts == "" {
		return Asked{}, fmt.Errorf("ask %q in thread %q: empty", ts, key)
	}
	d.mu.Lock()
	claim = claim && !d.drained
	s := d.enterLocked(key)
	var live uint64
	if s.claim != nil {
		live = s.claim.epoch
	}
	among := len(d.slots)
	d.unlock()

	start := time.Now()
	var out Record
	var fresh, mine bool
	err := d.store.Update(ctx, d.cfg.Prefix+key, func(old []byte) ([]byte, error) {
		r, err := Decode(old)
		if err != nil {
			return nil, err
		}
		fresh, mine = ts.After(r.Asked), false
		r.Asked = r.Asked.Max(ts)
		switch {
		case !claim || !r.Owed():
		case r.Owner == "":
			r, mine = r.claim(d.cfg.Owner, among), true
		case r.Owner == d.cfg.Owner && r.Epoch != live:
			// An earlier Ask of this process was written, but its caller was told otherwise, or not yet. The beat makes this
			// write a renewal.
			r.Heartbeat++
			mine = true
		}
		out = r
		if !fresh && !mine {
			return nil, ErrKeep
		}
		return r.Encode()
	})

	d.mu.Lock()
	defer d.unlock()
	d.heardLocked(start, err)
	defer d.leaveLocked(key, s)
	if h := d.cfg.Hooks.Asked; h != nil {
		took := time.Since(start)
		d.after = append(d.after, func() { h(took, fresh, err) })
	}
	if err != nil {
		return Asked{}, fmt.Errorf("ask in thread %s: %w", key, err)
	}
	a := Asked{New: fresh, Record: out}
	if mine {
		a.Lease = d.registerLocked(key, s, out, start, false)
	}
	d.observeLocked(key, out)
	return a, nil
}

// Look returns the record of thread key as the store has it now; the zero Record if nothing was ever asked there (in 30 days). It blocks for the
// store, at most until ctx ends.
func (d *Coordinator) Look(ctx context.Context, key string) (Record, error) {
	return d.change(ctx, "look at", key, func(r Record) (_ Record, write bool) { return r, false })
}

// Hear notes that a message came in thread key of which nothing is known: should something that was said
// before it be asked later, by whichever process, the message is not forgotten (see Lease.Heard). It returns
// the record; if something was asked already, nothing is written. Blocks for the store, at most until ctx ends.
func (d *Coordinator) Hear(ctx context.Context, key string, ts TS) (Record, error) {
	return d.change(ctx, "hear in", key, func(r Record) (_ Record, write bool) {
		if r.Asked != "" || !ts.After(r.Heard) {
			return r, false
		}
		r.Heard = ts
		return r, true
	})
}

// change is the one read-modify-write of a record by somebody who has no claim to it: apply says what it becomes, and whether that is to be written.
func (d *Coordinator) change(ctx context.Context, what, key string, apply func(Record) (_ Record, write bool)) (Record, error) {
	start := time.Now()
	var out Record
	err := d.store.Update(ctx, d.cfg.Prefix+key, func(old []byte) ([]byte, error) {
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
	d.mu.Lock()
	defer d.unlock()
	d.heardLocked(start, err)
	if err != nil {
		return Record{}, fmt.Errorf("%s thread %s: %w", what, key, err)
	}
	d.observeLocked(key, out)
	return out, nil
}

// Stop tells whoever answers thread key that nothing asked at or before ts is to be written further; an empty ts means what is being answered,
// and not what was asked since. An answer of this process
// is told at once, before the one write (none if nothing is owed or a later stop is known); another process hears of it
// through its Watch. Blocks for the store, at most until ctx ends.
func (d *Coordinator) Stop(ctx context.Context, key string, ts TS) error {
	d.mu.Lock()
	if s := d.slots[key]; s != nil && s.claim != nil {
		s.claim.stopLocked(cmp.Or(ts, s.claim.answers))
	}
	d.unlock()
	start := time.Now()
	err := d.store.Update(ctx, d.cfg.Prefix+key, func(old []byte) ([]byte, error) {
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
	d.mu.Lock()
	defer d.unlock()
	d.heardLocked(start, err)
	if err != nil {
		return fmt.Errorf("stop thread %s: %w", key, err)
	}
	return nil
}

// Change tells whoever answers thread key that at ts a message of the thread was edited or deleted: it hears of it by Lease.Changed, and looks.
// One write; none if nothing is owed. Blocks for the store, at most until ctx ends.
func (d *Coordinator) Change(ctx context.Context, key string, ts TS) error {
	_, err := d.change(ctx, "note a change in", key, func(r Record) (_ Record, write bool) {
		if !r.Owed() || !ts.After(r.Changed) {
			return r, false
		}
		r.Changed = ts
		return r, true
	})
	return err
}

// Drain ends the making of claims, for good: Ask only notes, nothing is taken over, and Done releases a thread that is owed
// more, so that another process goes on with it. Running claims are renewed as before. It does not block; calls under way may still
// give a claim, which the callee releases.
func (d *Coordinator) Drain() {
	d.mu.Lock()
	defer d.unlock()
	d.drained = true
}

// Owners counts the owed threads that each process answers, as far as heard; "" counts those that nobody has. A process that died is in it for up to a
// TTL. It does not block.
func (d *Coordinator) Owners() map[string]int {
	d.mu.Lock()
	defer d.unlock()
	n := map[string]int{}
	for _, s := range d.observed {
		n[s.rec.Owner]++
	}
	return n
}

// Owed lists the threads whose key begins with prefix and that are owed an answer, whoever writes it, as far as heard, in no order. It does not block.
func (d *Coordinator) Owed(prefix string) []string {
	d.mu.Lock()
	defer d.unlock()
	var keys []string
	for key := range d.observed {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// maxRecent is how many threads Recent knows at most; the older half goes then.
const maxRecent = 20_000

// Recent lists the threads in which something was asked after ts, as far as heard, in no order. It does not block.
func (d *Coordinator) Recent(ts TS) []string {
	d.mu.Lock()
	defer d.unlock()
	var keys []string
	for key, asked := range d.recent {
		if asked.After(ts) {
			keys = append(keys, key)
		}
	}
	return keys
}

// rememberLocked notes when something was asked in a thread.
func (d *Coordinator) rememberLocked(key string, asked TS) {
	if asked == "" {
		return
	}
	d.recent[key] = asked
	if len(d.recent) <= maxRecent {
		return
	}
	all := slices.SortedFunc(maps.Values(d.recent), TS.Compare)
	middle := all[len(all)/2]
	maps.DeleteFunc(d.recent, func(_ string, asked TS) bool { return !asked.After(middle) })
}

// unlock unlocks mu and runs what was put off until then.
func (d *Coordinator) unlock() {
	after := d.after
	d.after = nil
	d.mu.Unlock()
	for _, fn := range after {
		fn()
	}
}

// nudge makes Run look again.
func (d *Coordinator) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// enterLocked says that a call begins that may make a claim; leaveLocked that it is over.
func (d *Coordinator) enterLocked(key string) *localThread {
	s := d.slots[key]
	if s == nil {
		s = &localThread{}
		d.slots[key] = s
	}
	s.busy++
	return s
}

func (d *Coordinator) leaveLocked(key string, s *localThread) {
	s.busy--
	if s.busy == 0 && s.claim == nil {
		delete(d.slots, key)
	}
	d.nudge() // the key may be a candidate again
}

// registerLocked makes the Lease for a record that was written with this process as the owner; nil if that epoch has one or
// had one.
func (d *Coordinator) registerLocked(key string, s *localThread, r Record, start time.Time, taken bool) *Lease {
	if r.Epoch <= s.ended {
		return nil
	}
	if old := s.claim; old != nil {
		if old.epoch >= r.Epoch {
			return nil
		}
		old.loseLocked() // it lapsed, another process had the thread meanwhile, and now it is ours again
	}
	c := &Lease{
		d: d, key: key, slot: s, lost: make(chan struct{}), stopped: make(chan struct{}), changed: make(chan struct{}), changeTS: r.Changed,
		epoch: r.Epoch, answers: r.For, before: r.Answered, blame: r.Blame, died: r.Blame > 0, ids: r.Reply, trusted: start, renewAt: start.Add(d.cfg.TTL / 4), taken: taken, renewed: make(chan struct{}), heard: r.Heard,
	}
	s.claim = c
	if taken {
		d.held++
	}
	c.stopLocked(r.Stop)
	d.nudge()
	return c
}

// observeLocked takes in what a record is now, from Watch or from a write of our own. It may be an old state.
func (d *Coordinator) observeLocked(key string, r Record) {
	if s := d.slots[key]; s != nil && s.claim != nil {
		if c := s.claim; r.Epoch > c.epoch {
			c.loseLocked()
		} else {
			c.stopLocked(r.Stop)
			c.changeLocked(r.Changed)
		}
	}
	d.rememberLocked(key, r.Asked)
	d.lookLaterLocked(key, r)
	if !r.Owed() {
		delete(d.observed, key)
		return
	}
	old, ok := d.observed[key]
	if ok && r.Owner == old.rec.Owner && r.Epoch == old.rec.Epoch && r.Heartbeat == old.rec.Heartbeat {
		old.rec = r
		d.observed[key] = old
		return
	}
	d.observed[key] = observation{rec: r, since: time.Now(), notBefore: old.notBefore}
	if !ok || r.Owner != old.rec.Owner {
		d.nudge() // what only beats is due later than before
	}
}

// heardLocked notes whether the store answered a call that began at start.
func (d *Coordinator) heardLocked(start time.Time, err error) {
	if errors.Is(err, ErrKey) {
		return // says nothing of the store
	}
	answers := err == nil || errors.Is(err, ErrCorrupt)
	switch {
	case answers && !d.failing.IsZero():
		silent := time.Since(d.failing)
		d.failing = time.Time{}
		d.nudge() // for what is pending
		if silent > d.cfg.TTL/4 {
			// Owners could not renew either. Give them the time to do it, else every process takes over from all the others.
			d.floor = time.Now()
		}
		d.after = append(d.after, func() {
			d.cfg.Log.Info("store_back", "silent_ms", silent.Milliseconds())
			if h := d.cfg.Hooks.Store; h != nil {
				h(true, silent)
			}
		})
	case !answers && d.failing.IsZero() && !errors.Is(err, context.Canceled):
		d.failing = start
		d.after = append(d.after, func() {
			d.cfg.Log.Warn("store_silent", "error", err)
			if h := d.cfg.Hooks.Store; h != nil {
				h(false, 0)
			}
		})
	}
}
