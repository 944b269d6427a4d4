package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"llmbot/bot/turn"
)

// The limits of this package; the figures are our own.
const (
	maxWaiting    = 4096                   // updates that wait; more block
	maxBatch      = 128                    // updates committed together
	keepRecords   = 30 * 24 * time.Hour    // age at which a record is deleted
	tombstoneKeep = 24 * time.Hour         // how long deletions can be reported to a Watch
	sweepEvery    = time.Hour              // between two sweeps of Run
	firstSweep    = time.Minute            // after the start of Run, when there is more to do
	callTimeout   = 5 * time.Second        // for one exchange with a server, which may be dead
	retryAway     = 200 * time.Millisecond // between tries to reach a server
	checkKey      = "check"                // key that Check writes
)

// Config is where the records are. It must not be changed after Open.
type Config struct {
	URL string       // postgres://…, as libpq and pgx read it; "" is SQLite in Dir
	Dir string       // folder of the SQLite file; the first call makes it if missing
	Log *slog.Logger // nil: silent
}

// Store is a turn.Store in a database. All methods are safe for concurrent use.
type Store struct {
	log   *slog.Logger
	db    *backend
	slots chan struct{} // one token for each waiting update

	opening chan struct{} // holds a token while a call opens the database
	opened  atomic.Bool

	mu       sync.Mutex // guards all below; never held across I/O
	closed   bool
	done     chan struct{}      // closed by Close
	queue    []*op              // oldest first
	writing  bool               // a writer runs
	cancel   context.CancelFunc // ends the batch under way; nil: none, or a local one
	cause    error              // why the writer has to retry; nil: it need not
	watchers map[*watcher]struct{}
	wg       sync.WaitGroup // the writer, and polls; added to under mu while not closed
}

var _ turn.Store = (*Store)(nil)

// Open returns a store without touching the database. An error means that cfg is wrong. The caller
// has to close the store.
func Open(cfg Config) (*Store, error) {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	var db *backend
	var err error
	switch {
	case strings.HasPrefix(cfg.URL, "postgres://"), strings.HasPrefix(cfg.URL, "postgresql://"):
		db, err = openPostgres(cfg.URL, log)
	case cfg.URL != "":
		err = &Error{what: "no such kind of database", hint: "Use postgres://…, or leave it empty for SQLite."}
	case cfg.Dir == "":
		err = &Error{what: "no folder for the SQLite file", hint: "Name one, for example ./data."}
	default:
		db, err = openSQLite(cfg.Dir, log)
	}
	if err != nil {
		return nil, err
	}
	return &Store{
		log: log, db: db, slots: make(chan struct{}, maxWaiting), opening: make(chan struct{}, 1),
		done: make(chan struct{}), watchers: map[*watcher]struct{}{},
	}, nil
}

// ready opens the database unless an earlier call has.
func (s *Store) ready(ctx context.Context) error {
	if s.opened.Load() {
		return nil
	}
	if !s.db.local {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	select {
	case s.opening <- struct{}{}:
		defer func() { <-s.opening }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.opened.Load() {
		return nil
	}
	if err := s.db.open(ctx); err != nil {
		return err
	}
	if err := s.db.migrate(ctx); err != nil {
		return err
	}
	s.opened.Store(true)
	s.log.InfoContext(ctx, "store_opened", "database", s.db.name, "where", s.db.where, "alone", s.db.alone())
	return nil
}

// Check reports whether records can be written durably, by writing one. It blocks until that is
// known or ctx ends, so give ctx a deadline. Errors that an operator can act on are Errors.
func (s *Store) Check(ctx context.Context) error {
	stamp := []byte(time.Now().UTC().Format(time.RFC3339Nano))
	return s.Update(ctx, checkKey, func([]byte) ([]byte, error) { return stamp, nil })
}

// Locked reports whether an error says that another process keeps the SQLite file locked: it is
// frozen in a commit, or a backup runs. Waiting helps.
func Locked(err error) bool { return fileTrouble(err) == busy }

// Alone reports whether no other Store, in this process or another of this machine, uses the same
// SQLite file at this moment. It is exact: it sees every other Store that has ever written and
// still lives. So if Alone returns true, the owner in a record that was read before the call,
// unless it is this process, is dead. The answer may change at any time: ask at the moment of use,
// and never keep it. Alone returns false before the database is open, on PostgreSQL, and on systems
// without Linux's file locks. It does not block.
func (s *Store) Alone() bool { return s.opened.Load() && s.db.alone() }

// Run sweeps once an hour until ctx ends, and then returns nil. It logs failures.
func (s *Store) Run(ctx context.Context) error {
	for wait := firstSweep; ; wait = sweepEvery {
		if !s.pause(ctx, wait) {
			return nil
		}
		if n, err := s.Sweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, turn.ErrClosed) {
			s.log.WarnContext(ctx, "sweep_failed", "error", err)
		} else if n > 0 {
			s.log.InfoContext(ctx, "records_swept", "records", n)
		}
	}
}

// Sweep deletes the records that were not written for 30 days, which a Watch reports, and returns
// how many. It also forgets deletions that are older than a day. Times are of the database's clock.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.wg.Done()
	if err := s.ready(ctx); err != nil {
		return 0, fmt.Errorf("sweep: %w", s.db.explain(err))
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	n, err := s.db.sweep(ctx)
	if err != nil {
		return 0, fmt.Errorf("sweep: %w", s.db.explain(err))
	}
	if n > 0 {
		s.tell(nil)
	}
	return n, nil
}

// begin registers work that Close has to wait for.
func (s *Store) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return turn.ErrClosed
	}
	s.wg.Add(1)
	return nil
}

// pause waits, and reports whether it did to the end: not if ctx ended or the store was closed.
func (s *Store) pause(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.done:
	}
	return false
}

// Close ends all watches, fails the updates that wait, waits for a commit under way, and closes the
// database. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	if s.cancel != nil {
		s.cancel()
	}
	waiting := s.queue
	s.queue = nil
	for w := range s.watchers {
		w.end(turn.ErrClosed)
	}
	s.mu.Unlock()
	for _, o := range waiting {
		o.finish(turn.ErrClosed)
	}
	s.wg.Wait()
	if err := s.db.close(); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// Error is a failure that waiting does not mend, or for which an operator should know the next
// step.
type Error struct {
	what, hint string
	err        error
	lasting    bool
}

// Error returns what is wrong.
func (e *Error) Error() string {
	if e.err == nil {
		return e.what
	}
	return e.what + ": " + e.err.Error()
}

// Hint returns the next step for the operator, a sentence or two.
func (e *Error) Hint() string { return e.hint }

// Lasting reports whether waiting does not help: somebody has to do what Hint says.
func (e *Error) Lasting() bool { return e.lasting }

// Unwrap returns the driver's error.
func (e *Error) Unwrap() error { return e.err }

// trouble is what an error of a database means for the caller.
type trouble int

const (
	lasting trouble = iota // waiting does not help, or the outcome is unknown
	busy                   // another process has the file, for some milliseconds
	away                   // the server cannot be reached, or does not work now
)

// wait returns how long to wait before the next try, after attempt failures in a row.
func (t trouble) wait(attempt int) time.Duration {
	if t == busy {
		return min(time.Duration(cmp.Or(attempt, 1))*500*time.Microsecond, 5*time.Millisecond)
	}
	return retryAway
}
