package sqlstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"llmbot/bot/turn"
)

// op is one Update that waits.
type op struct {
	key  string
	fn   func(old []byte) ([]byte, error)
	done chan error // gets the result once

	mu    sync.Mutex // guards all below; held while fn runs, so that Update can wait for its end
	gone  bool       // the caller has left, so fn must not run any more
	batch *batch     // the batch with the op; nil: none
}

// batch is a group of ops that are committed together.
type batch struct {
	live   atomic.Int32       // ops whose callers still wait
	cancel context.CancelFunc // called when no caller waits
}

// Update implements turn.Store. While the database is away it retries until ctx ends; its error
// then wraps both causes.
func (s *Store) Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := turn.CheckKey(key); err != nil {
		return err
	}
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return s.left(ctx, key)
	case <-s.done:
		return turn.ErrClosed
	}
	defer func() { <-s.slots }()
	o := &op{key: key, fn: fn, done: make(chan error, 1)}
	if err := s.enqueue(ctx, o); err != nil {
		return err
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		o.leave()
		select {
		case err := <-o.done: // came just in time
			return err
		default:
			return s.left(ctx, key)
		}
	}
}

// left returns the error of an Update whose ctx ended.
func (s *Store) left(ctx context.Context, key string) error {
	s.mu.Lock()
	cause := s.cause
	s.mu.Unlock()
	if cause == nil {
		return fmt.Errorf("update %s: %w", key, ctx.Err())
	}
	return fmt.Errorf("update %s: %w: %w", key, ctx.Err(), cause)
}

// leave records that the caller has left. fn does not run after it returns.
func (o *op) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gone = true
	if o.batch != nil && o.batch.live.Add(-1) == 0 {
		o.batch.cancel()
	}
}

func (o *op) join(b *batch) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return false
	}
	o.batch = b
	b.live.Add(1)
	return true
}

func (o *op) part() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch = nil
}

func (o *op) finish(err error) { o.done <- err }

// run calls fn unless the caller has left.
func (o *op) run(old []byte) (value []byte, keep bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return nil, true, nil
	}
	value, err = o.fn(bytes.Clone(old))
	switch {
	case errors.Is(err, turn.ErrKeep):
		return nil, true, nil
	case err != nil:
		return nil, true, fmt.Errorf("update %s: %w", o.key, err)
	case len(value) == 0:
		return nil, false, nil
	}
	return bytes.Clone(value), false, nil
}

// enqueue gives o to the writer, and starts one if there is none.
func (s *Store) enqueue(ctx context.Context, o *op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return turn.ErrClosed
	}
	s.queue = append(s.queue, o)
	if !s.writing {
		s.writing = true
		ctx := context.WithoutCancel(ctx) // the writer serves other callers too
		s.wg.Go(func() { s.write(ctx) })
	}
	return nil
}

// write commits the ops that wait, batch by batch, until none waits.
func (s *Store) write(ctx context.Context) {
	failed := 0
	for {
		batchCtx, cancel := context.WithCancel(ctx)
		ops, b := s.take(cancel)
		if ops == nil {
			cancel()
			return
		}
		if len(ops) == 0 { // all callers have left
			cancel()
			continue
		}
		again, err := s.commit(batchCtx, ops)
		for _, o := range ops {
			o.part()
		}
		b.cancel()
		t := s.db.trouble(err)
		s.putBack(again, err)
		if err == nil {
			failed = 0
			continue
		}
		failed++
		if len(again) > 0 {
			s.pause(ctx, t.wait(failed)) // or until Close
		}
	}
}

// take returns the next batch. It returns nil if no op waits, and then the writer ends.
func (s *Store) take(cancel context.CancelFunc) ([]*op, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.writing, s.cancel, s.cause = false, nil, nil
		return nil, nil
	}
	b := &batch{cancel: cancel}
	n := min(len(s.queue), maxBatch)
	ops := make([]*op, 0, n)
	b.live.Add(1) // keeps b alive until all have joined
	for _, o := range s.queue[:n] {
		if o.join(b) {
			ops = append(ops, o)
		}
	}
	if b.live.Add(-1) == 0 {
		cancel()
	}
	s.queue = slices.Delete(s.queue, 0, n)
	s.cancel = cancel
	return ops, b
}

// putBack queues ops for another try, before all others.
func (s *Store) putBack(ops []*op, cause error) {
	s.mu.Lock()
	s.cancel, s.cause = nil, s.db.explain(cause)
	closed := s.closed
	if !closed {
		s.queue = slices.Insert(s.queue, 0, ops...)
	}
	s.mu.Unlock()
	if closed {
		for _, o := range ops {
			o.finish(turn.ErrClosed)
		}
	}
}

// row is one record in a batch.
type row struct {
	key   string
	rev   int64  // 0: there never was a record
	value []byte // nil: there is no record

	before  []byte // as the database has it
	written bool
}

func (r *row) dirty() bool { return !bytes.Equal(r.value, r.before) }

// commit makes the changes of ops and reports the results to their callers, except for the ops that
// it returns: nothing was written for those, and they may be retried. err is the reason, unless it
// is only that another process was quicker.
func (s *Store) commit(ctx context.Context, ops []*op) (again []*op, err error) {
	if s.db.local {
		ctx = context.WithoutCancel(ctx) // short, and hard to interrupt
	} else {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	rows, results := map[string]*row{}, make([]error, len(ops))
	wrote := false // something may have been written
	err = s.ready(ctx)
	if err == nil {
		err = s.inTransaction(ctx, func(q querier) error {
			if err := s.db.read(ctx, q, ops, rows); err != nil {
				return err
			}
			var dirty []*row
			for i, o := range ops {
				r := rows[o.key]
				value, keep, err := o.run(r.value)
				if results[i] = err; !keep {
					r.value = value
				}
			}
			for _, r := range rows {
				if r.dirty() {
					dirty = append(dirty, r)
				}
			}
			if len(dirty) == 0 {
				return errNothing
			}
			wrote = true
			return s.db.write(ctx, q, dirty, rows)
		})
	}
	if errors.Is(err, errNothing) {
		err = nil
	}
	again = s.finish(ops, rows, results, wrote, err)
	if err == nil && wrote {
		s.tell(rows)
	}
	return again, err
}

// errNothing ends a transaction that changes nothing.
var errNothing = errors.New("nothing to write")

// finish reports the results to the callers, and returns the ops to retry.
func (s *Store) finish(ops []*op, rows map[string]*row, results []error, wrote bool, err error) (again []*op) {
	retry := err != nil && s.db.trouble(err) != lasting && (!wrote || s.db.unmade(err))
	if err != nil {
		err = s.db.explain(err)
	}
	for i, o := range ops {
		r := rows[o.key]
		switch {
		case err != nil && retry, err == nil && r.dirty() && !r.written:
			again = append(again, o)
		case err != nil && (!wrote || r.dirty()):
			if s.isClosed() {
				err = turn.ErrClosed
			}
			o.finish(fmt.Errorf("update %s: %w", o.key, err))
		default:
			o.finish(results[i])
		}
	}
	return again
}

func (s *Store) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// inTransaction runs fn in a transaction if the backend needs one. errNothing from fn rolls it back
// and is returned.
func (s *Store) inTransaction(ctx context.Context, fn func(q querier) error) error {
	if s.db.local {
		return s.db.transact(ctx, fn)
	}
	return fn(s.db.writes)
}

// read fetches the rows of ops.
func (b *backend) read(ctx context.Context, q querier, ops []*op, into map[string]*row) error {
	var keys []any
	for _, o := range ops {
		if into[o.key] == nil {
			into[o.key] = &row{key: o.key}
			keys = append(keys, o.key)
		}
	}
	for part := range slices.Chunk(keys, b.chunk) {
		if err := b.readPart(ctx, q, part, into); err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
	return nil
}

func (b *backend) readPart(ctx context.Context, q querier, keys []any, into map[string]*row) (err error) {
	rows, err := q.QueryContext(ctx, readSQL(len(keys)), keys...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var key string
		var rev int64
		var value []byte
		if err := rows.Scan(&key, &rev, &value); err != nil {
			return err
		}
		r := into[key]
		r.rev, r.value, r.before = rev, value, value
	}
	return rows.Err()
}

// write writes the dirty rows that are still as they were read, and marks those.
func (b *backend) write(ctx context.Context, q querier, dirty []*row, all map[string]*row) error {
	if b.local {
		if _, err := b.exec(ctx, q, countSQL); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	for part := range slices.Chunk(dirty, b.chunk) {
		if err := b.writePart(ctx, q, part, all); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

func (b *backend) writePart(ctx context.Context, q querier, dirty []*row, all map[string]*row) (err error) {
	args := make([]any, 0, 3*len(dirty))
	for _, r := range dirty {
		var value any // NULL, which differs from an empty value
		if r.value != nil {
			value = r.value
		}
		args = append(args, r.key, r.rev+1, value)
	}
	rows, err := q.QueryContext(ctx, b.words.Replace(writeSQL(len(dirty))), args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var key, told string
		if err := rows.Scan(&key, &told); err != nil {
			return err
		}
		all[key].written = true
	}
	return rows.Err()
}
