package turn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Mem is a Store in memory, for tests and for trying the bot out. It forgets everything when the
// process ends. It is safe for concurrent use, and works inside synctest bubbles.
type Mem struct {
	mu       sync.Mutex // guards all below
	rows     map[string]memRow
	seq      uint64 // of the last write
	watchers map[*memWatcher]struct{}
	closed   bool
	done     chan struct{} // closed by Close
}

type memRow struct {
	value []byte
	seq   uint64
}

// memWatcher is one Watch. It records changes by key only, so that the number of records bounds it,
// and no writer ever waits for it.
type memWatcher struct {
	prefix string
	queued map[string]struct{} // the keys in queue
	queue  []string            // keys whose change fn has not seen, oldest first
	wake   chan struct{}       // holds one token if queue may have grown
}

var _ Store = (*Mem)(nil)

// NewMem returns an empty store.
func NewMem() *Mem {
	return &Mem{rows: map[string]memRow{}, watchers: map[*memWatcher]struct{}{}, done: make(chan struct{})}
}

// Update runs fn without a lock, and again if the record changed meanwhile.
func (m *Mem) Update(ctx context.Context, key string, fn func(old []byte) ([]byte, error)) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := m.read(key)
		if err != nil {
			return err
		}
		value, err := fn(bytes.Clone(row.value))
		if errors.Is(err, ErrKeep) {
			// What fn saw must still be true: a reader through Update is as strict as a writer.
			if now, err := m.read(key); err != nil || now.seq == row.seq {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("update %s: %w", key, err)
		}
		if ok, err := m.swap(key, row.seq, bytes.Clone(value)); ok || err != nil {
			return err
		}
	}
}

func (m *Mem) read(key string) (memRow, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return memRow{}, ErrClosed
	}
	return m.rows[key], nil
}

// swap writes value if the record is still the one with seq.
func (m *Mem) swap(key string, seq uint64, value []byte) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false, ErrClosed
	}
	if m.rows[key].seq != seq {
		return false, nil
	}
	if len(value) == 0 {
		if seq == 0 {
			return true, nil // it was not there before
		}
		delete(m.rows, key)
	} else {
		m.seq++
		m.rows[key] = memRow{value: value, seq: m.seq}
	}
	for w := range m.watchers {
		if strings.HasPrefix(key, w.prefix) {
			w.addLocked(key)
		}
	}
	return true, nil
}

// Watch calls fn in the order in which the records first changed since its last call for them.
func (m *Mem) Watch(ctx context.Context, prefix string, fn func(key string, value []byte)) error {
	w := &memWatcher{prefix: prefix, queued: map[string]struct{}{}, wake: make(chan struct{}, 1)}
	if err := m.join(w); err != nil {
		return err
	}
	defer m.leave(w)
	for all := false; ; {
		if err := ctx.Err(); err != nil {
			return err
		}
		key, value, ok, err := m.take(w)
		switch {
		case err != nil:
			return err
		case ok:
			fn(key, value)
			continue
		case !all:
			all = true
			fn("", nil)
			continue
		}
		select {
		case <-w.wake:
		case <-m.done:
		case <-ctx.Done():
		}
	}
}

func (m *Mem) join(w *memWatcher) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return ErrClosed
	}
	m.watchers[w] = struct{}{}
	for key := range m.rows {
		if strings.HasPrefix(key, w.prefix) {
			w.addLocked(key)
		}
	}
	return nil
}

func (m *Mem) leave(w *memWatcher) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.watchers, w)
}

// take returns a copy of the next record for w's fn.
func (m *Mem) take(w *memWatcher) (key string, value []byte, ok bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return "", nil, false, ErrClosed
	}
	if len(w.queue) == 0 {
		return "", nil, false, nil
	}
	key = w.queue[0]
	w.queue = w.queue[1:]
	delete(w.queued, key)
	return key, bytes.Clone(m.rows[key].value), true, nil
}

// addLocked records a change. Mem.mu is held.
func (w *memWatcher) addLocked(key string) {
	if _, ok := w.queued[key]; ok {
		return
	}
	w.queued[key] = struct{}{}
	w.queue = append(w.queue, key)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Close forgets all records and ends all watches.
func (m *Mem) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.closed {
		m.closed = true
		m.rows = nil
		close(m.done)
	}
	return nil
}
