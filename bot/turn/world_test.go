package turn_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"llmbot/bot/turn"
)

const ttl = 6 * time.Second

// faulty is a store as one process sees it, with the faults of a network and a database.
type faulty struct {
	turn.Store

	mu     sync.Mutex    // guards all below
	down   error         // every call fails with it
	hang   chan struct{} // calls wait for it to be closed
	deaf   bool          // and not for their context: the process is frozen
	slow   chan struct{} // updates return when it is closed, long after they were made
	unsure int           // so many updates are made, but fail with errUnsure
	writes int
	cut    []context.CancelCauseFunc // of the Watches that run
}

var (
	errDown   = errors.New("database is away")
	errUnsure = errors.New("connection broke off after commit")
)

func (f *faulty) set(fn func(f *faulty)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(f)
	if f.down != nil {
		for _, cut := range f.cut {
			cut(f.down)
		}
		f.cut = nil
	}
}

func (f *faulty) wait(ctx context.Context) error {
	f.mu.Lock()
	hang, down, deaf := f.hang, f.down, f.deaf
	f.mu.Unlock()
	if deaf {
		ctx = context.WithoutCancel(ctx)
	}
	if hang != nil {
		select {
		case <-hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return down
}

func (f *faulty) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	written := false
	err := f.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		if rand.IntN(4) == 0 {
			_, _ = fn(old) // fn may run again
		}
		b, err := fn(old)
		written = err == nil
		return b, err
	})
	f.mu.Lock()
	slow := f.slow
	f.mu.Unlock()
	if slow != nil {
		<-slow
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && written {
		f.writes++
		if f.unsure > 0 {
			f.unsure--
			return errUnsure
		}
	}
	return err
}

// Watch breaks off when the store goes down, as a connection does.
func (f *faulty) Watch(ctx context.Context, prefix string, fn func(string, []byte)) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.mu.Lock()
	f.cut = append(f.cut, cancel)
	f.mu.Unlock()
	err := f.Store.Watch(ctx, prefix, func(key string, value []byte) {
		if err := f.wait(ctx); err != nil {
			cancel(err)
			return
		}
		fn(key, value)
	})
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// taken is a lease as Config.Owed got it.
type taken struct {
	*turn.Lease
	rec turn.Record
	at  time.Time
}

// process is one coordinator with what it was handed.
type process struct {
	*turn.Coordinator
	store *faulty
	owed  chan taken
	stop  func() // kills it: no heartbeats, no watch, no release
}

// start starts a process; it is killed at the end of the test.
func start(t *testing.T, store turn.Store, owner string, options ...func(*turn.Config)) *process {
	t.Helper()
	p := &process{store: &faulty{Store: store}, owed: make(chan taken, 1000)}
	cfg := turn.Config{Owner: owner, TTL: ttl, Owed: func(l *turn.Lease, r turn.Record) { p.owed <- taken{l, r, time.Now()} }}
	for _, o := range options {
		o(&cfg)
	}
	p.Coordinator = turn.NewCoordinator(p.store, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := p.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	p.stop = func() { cancel(); <-done }
	t.Cleanup(p.stop)
	return p
}

// ask asks.
func (p *process) ask(t *testing.T, key string, ts turn.TS) turn.Asked {
	t.Helper()
	a, err := p.Ask(t.Context(), key, ts)
	if err != nil {
		t.Fatalf("ask: %v", err)
	}
	return a
}

// claim asks what nobody has asked, and returns the lease.
func (p *process) claim(t *testing.T, key string, ts turn.TS) *turn.Lease {
	t.Helper()
	a := p.ask(t, key, ts)
	if !a.New || a.Lease == nil {
		t.Fatalf("ask %s: new %v, lease %v", ts, a.New, a.Lease)
	}
	return a.Lease
}

// cut stops thread key up to ts.
func (p *process) cut(t *testing.T, key string, ts turn.TS) {
	t.Helper()
	if err := p.Stop(t.Context(), key, ts); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// next returns the next thread that the process took over.
func (p *process) next(t *testing.T) taken {
	t.Helper()
	select {
	case l := <-p.owed:
		return l
	case <-time.After(time.Minute):
		t.Fatal("nothing taken over within a minute")
		return taken{}
	}
}

// none fails if the process took anything over.
func (p *process) none(t *testing.T) {
	t.Helper()
	select {
	case l := <-p.owed:
		t.Errorf("took over %s: %+v", l.Key(), l.rec)
	default:
	}
}

// reply records the messages of an answer.
func reply(t *testing.T, l *turn.Lease, ids ...string) {
	t.Helper()
	if err := l.Reply(t.Context(), ids); err != nil {
		t.Fatalf("reply: %v", err)
	}
}

// goesOn marks something as answered, and fails unless the lease goes on with what was asked since.
func goesOn(t *testing.T, l *turn.Lease, answered, next turn.TS) {
	t.Helper()
	more, err := l.Done(t.Context(), answered)
	if err != nil || !more {
		t.Fatalf("done: more %v, %v", more, err)
	}
	is(t, "what is answered next", l.For(), next)
	is(t, "messages of the next answer", len(l.Messages()), 0)
}

// done marks something as answered, and fails unless that ends the lease.
func done(t *testing.T, l *turn.Lease, answered turn.TS) {
	t.Helper()
	if more, err := l.Done(t.Context(), answered); more || err != nil {
		t.Fatalf("done: more %v, %v", more, err)
	}
}

// is fails unless got is want. what names the promise.
func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// ids returns the messages of a record for is.
func ids(r turn.Record) string { return strings.Join(r.Reply, " ") }

// record reads a thread's record.
func record(t *testing.T, s turn.Store, key string) turn.Record {
	t.Helper()
	var r turn.Record
	err := s.Update(t.Context(), "thread/"+key, func(old []byte) ([]byte, error) {
		var err error
		if r, err = turn.Decode(old); err != nil {
			return nil, err
		}
		return nil, turn.ErrKeep
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// live fails unless the lease may write.
func live(t *testing.T, l *turn.Lease) {
	t.Helper()
	if err := l.Check(); err != nil {
		t.Errorf("lease of epoch %d: %v", l.Epoch(), err)
	}
}

// gone fails unless the lease may not write, for such a reason.
func gone(t *testing.T, l *turn.Lease, want error) {
	t.Helper()
	err := l.Check()
	if lapsed := errors.Is(want, turn.ErrLapsed); !errors.Is(err, want) || errors.Is(err, turn.ErrLapsed) != lapsed {
		t.Errorf("check says %v, want %v", err, want)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
