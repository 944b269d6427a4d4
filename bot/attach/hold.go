package attach

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"
)

// collectAfter is after how many bytes that files have left behind the collector runs, before they
// count as free. By itself it would run when the heap has grown by GOGC's share, and what it finds by
// then was as much again as the bound (251 MB instead of 120, at 40 %). A run takes 20 to 60 ms of a
// core, and reading files of 24 MB several times that.
const collectAfter = 24 << 20

// memory is what all files that are being read may take together: the files, what is made of them,
// and the pictures in them, unpacked. One bound serves all kinds, as one at its most leaves little
// for the others.
//
// Whoever has some of it never waits for more: two who did could wait for each other. What a picture
// takes is known only when it was fetched. If that is not there just then, its file is let go of, and
// fetched again when there is room for both. See load.
type memory struct {
	places chan struct{} // one for each file that is being read
	bytes  *semaphore.Weighted

	mu   sync.Mutex // guards left; held while the collector runs, so that one run serves all who wait
	left int64      // bytes that files have left behind since it ran
}

func newMemory() *memory {
	return &memory{places: make(chan struct{}, maxReads), bytes: semaphore.NewWeighted(maxHeld)}
}

// hold is what one file has of the memory. It belongs to one goroutine.
type hold struct {
	of    *memory
	file  int64 // bytes that it got for the file
	more  int64 // and for what is in it
	wants int64 // more than that was not there; 0: it was
	// failed is set if the picture itself could not be read: its thumbnail is to be.
	failed *unseen
}

// take waits for a place among those who read, and for memory: for a file, and for what is known to
// be in it.
func (m *memory) take(ctx context.Context, file, more int64) (*hold, error) {
	select {
	case m.places <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	more = min(more, maxHeld-file)
	if err := m.bytes.Acquire(ctx, file+more); err != nil {
		<-m.places
		return nil, fmt.Errorf("wait for memory: %w", err)
	}
	return &hold{of: m, file: file, more: more}, nil
}

// room reports whether the hold has so many bytes for what is in its file. It takes what it lacks if
// it is there, and does not wait. The largest picture gets all that there is: alone it may take 110 MB,
// its file included.
func (h *hold) room(bytes int64) bool {
	bytes = min(bytes, maxHeld-h.file)
	if lacks := bytes - h.more; lacks > 0 {
		if !h.of.bytes.TryAcquire(lacks) {
			h.wants = bytes
			return false
		}
		h.more = bytes
	}
	return true
}

// release gives everything back, when it is free indeed.
func (h *hold) release() {
	h.of.collect(h.file + h.more)
	h.of.bytes.Release(h.file + h.more)
	<-h.of.places
}

// collect has the collector run if files have left enough behind.
func (m *memory) collect(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left += bytes; m.left >= collectAfter {
		m.left = 0
		runtime.GC()
	}
}
