package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"llmbot/bot/turn"
)

const (
	// pageRows is how many rows a Watch reads at once. It reads them all before fn runs.
	pageRows = 200
	// minPoll is the pause between two polls of a Watch. What is committed meanwhile is reported
	// together.
	minPoll = 5 * time.Millisecond
)

// watcher is one Watch.
type watcher struct {
	prefix string
	wake   chan struct{} // holds a token if there may be changes
	end    context.CancelCauseFunc
}

func (w *watcher) nudge() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// errBehind reports that deletions may have been forgotten since the last poll, or that the
// database is another one than before.
var errBehind = errors.New("changes were missed: the database was restored, or this process was asleep for a day")

// Watch implements turn.Store. It returns when the database fails. Deletions between its end and
// the start of the next Watch are not reported.
func (s *Store) Watch(ctx context.Context, prefix string, fn func(key string, value []byte)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	watching, end := context.WithCancelCause(ctx)
	defer end(nil)
	w := &watcher{prefix: prefix, wake: make(chan struct{}, 1), end: end}
	if err := s.join(w); err != nil {
		return err
	}
	defer s.part(w)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer end(nil) // runs before the wait for the listener
	if s.db.listen != nil {
		wg.Go(func() { s.hear(watching, w) })
	}
	err := s.follow(watching, w, fn)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case watching.Err() != nil:
		return context.Cause(watching)
	}
	return fmt.Errorf("watch: %w", s.db.explain(err))
}

func (s *Store) join(w *watcher) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return turn.ErrClosed
	}
	s.watchers[w] = struct{}{}
	return nil
}

func (s *Store) part(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// tell wakes the watchers of the rows that this process wrote; nil: all watchers.
func (s *Store) tell(rows map[string]*row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for w := range s.watchers {
		if rows == nil {
			w.nudge()
			continue
		}
		for key, r := range rows {
			if r.written && strings.HasPrefix(key, w.prefix) {
				w.nudge()
				break
			}
		}
	}
}

// hear wakes w when the database notifies of a change of one of w's keys, until ctx ends. Such a
// hint only saves the time to the next poll, so hear retries after failures without reporting them.
func (s *Store) hear(ctx context.Context, w *watcher) {
	for {
		err := s.db.listen(ctx, func(key string) {
			if strings.HasPrefix(key, w.prefix) {
				w.nudge()
			}
		})
		if ctx.Err() != nil {
			return
		}
		s.log.DebugContext(ctx, "listening_ended", "error", err)
		if errors.Is(err, errPooled) {
			return
		}
		w.nudge() // notifications may have been missed
		if !s.pause(ctx, s.db.poll) {
			return
		}
	}
}

// place is a Watch's progress in the order of (seq, key).
type place struct {
	seq  int64
	key  string // empty between pages: everything before seq was read
	skip int64  // deletions up to here came before the Watch; they are not reported
}

// change is a row that a Watch reports.
type change struct {
	key   string
	value []byte
}

// follow reports all records, and then each change.
func (s *Store) follow(ctx context.Context, w *watcher, fn func(key string, value []byte)) error {
	timer := time.NewTimer(s.db.poll)
	defer timer.Stop()
	for at, failed, all := (place{}), 0, false; ; {
		changes, next, err := s.poll(ctx, w.prefix, at)
		if err != nil {
			if s.db.trouble(err) != busy {
				return err
			}
			failed++
			if !s.pause(ctx, busy.wait(failed)) {
				return over(ctx)
			}
			continue
		}
		failed = 0
		for _, c := range changes {
			if err := ctx.Err(); err != nil {
				return err
			}
			fn(c.key, c.value)
		}
		if at = next; at.key != "" {
			continue // there may be more
		}
		if !all {
			all = true
			fn("", nil)
		}
		if !s.pause(ctx, minPoll) {
			return over(ctx)
		}
		timer.Reset(s.db.poll - minPoll)
		select {
		case <-w.wake:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// over returns why a pause ended early. Close ends pauses a moment before the watches' contexts.
func over(ctx context.Context) error { return cmp.Or(ctx.Err(), turn.ErrClosed) }

// poll reads a page of the changes after at, and returns the place after the page.
func (s *Store) poll(ctx context.Context, prefix string, at place) (_ []change, next place, err error) {
	if err := s.begin(); err != nil {
		return nil, at, err
	}
	defer s.wg.Done()
	if err := s.ready(ctx); err != nil {
		return nil, at, err
	}
	if s.db.local {
		ctx = context.WithoutCancel(ctx) // takes only a moment
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	// The counter is read before the rows, so all rows up to it can be read.
	seq, purged, err := s.db.state(ctx)
	switch between := at.key == "" && at.seq > 0; {
	case err != nil:
		return nil, at, err
	case between && (at.seq > seq+1 || at.seq <= purged):
		return nil, at, errBehind
	case between && at.seq > seq:
		return nil, at, nil // nothing new
	case at.seq == 0:
		at.skip = seq
	}
	changes, last, err := s.db.changes(ctx, prefix, at)
	if err != nil {
		return nil, at, err
	}
	if last.key != "" {
		return changes, last, nil
	}
	return changes, place{seq: seq + 1}, nil
}

// state returns the counter, and the number up to which deletions may have been forgotten.
func (b *backend) state(ctx context.Context) (seq, purged int64, err error) {
	var version int
	err = b.reads.QueryRowContext(ctx, `SELECT version, seq, purged FROM llmbot_state WHERE id = 1`).Scan(&version, &seq, &purged)
	if err != nil {
		return 0, 0, err
	}
	return seq, purged, tooNew(version)
}

// changes reads a page. last is the place of the last row if there may be more rows; else it has no
// key.
func (b *backend) changes(ctx context.Context, prefix string, at place) (_ []change, last place, err error) {
	rows, err := b.reads.QueryContext(ctx, changesSQL, at.seq, at.key, int32(utf8.RuneCountInString(prefix)), prefix, pageRows)
	if err != nil {
		return nil, place{}, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var changes []change
	n := 0
	for ; rows.Next(); n++ {
		var c change
		if err := rows.Scan(&last.seq, &c.key, &c.value); err != nil {
			return nil, place{}, err
		}
		last.key, last.skip = c.key, at.skip
		if c.value != nil || last.seq > at.skip {
			changes = append(changes, c)
		}
	}
	if n < pageRows {
		last = place{}
	}
	return changes, last, rows.Err()
}
