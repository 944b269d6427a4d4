package attach

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"llmbot/bot/fair"
)

// collectAfter is after how many bytes that files have left behind the collector runs, before they
// count as free. By itself it would run when the heap has grown by GOGC's share, and what it finds
// by then was as much again as the bound (251 MB instead of 120, at 40 %). A run takes 20 to 60 ms
// of a core, and reading files of 24 MB several times that.
const collectAfter = 24 << 20

// memory is what all files that are being read may take together: the files, what is made of them,
// and the pictures in them, unpacked. One bound serves all kinds, as one at its most leaves little
// for the others. It is handed out round by person (package fair), and so is all else that is
// bounded here: however many files one person sends, those of others wait for none of them.
//
// Whoever has some of it never waits for more: two who did could wait for each other. What a
// picture takes is known only when it was fetched. If that is not there just then, its file is let
// go of, and fetched again when there is room for both. See with. Nor does anybody who has some
// wait for Slack's budget, or for what Slack has not made yet.
type memory struct {
	files *fair.Pool // a place for each file that is read here, and the bytes of all
	// clips are those that a server is writing down: it takes its time, and nothing of ours but the
	// clip. They have places of their own, and a part of the bytes.
	clips *fair.Pool
	// pictures and pdfs are those that are being unpacked: as many as their readers work on at a
	// time, so that nobody waits there in the order of arrival.
	pictures, pdfs *fair.Pool

	// mu guards left; held while the collector runs, so that one run serves all who wait
	mu   sync.Mutex
	left int64 // bytes that files have left behind since it ran
}

func newMemory() *memory {
	return &memory{
		files:    fair.NewPool(fair.Need{Places: maxReads, Bytes: maxHeld}),
		clips:    fair.NewPool(fair.Need{Places: maxClips, Bytes: maxClipsHeld}),
		pictures: fair.NewPool(fair.Need{Places: maxUnpacked}), pdfs: fair.NewPool(fair.Need{Places: maxUnpacked}),
	}
}

// hold is what one file has of the memory. It belongs to one goroutine.
type hold struct {
	of    *memory
	got   *fair.Hold
	clip  *fair.Hold // nil: it is no clip
	file  int64      // bytes that it got for the file
	more  int64      // and for what is in it
	wants int64      // more than that was not there; 0: it was
}

// take waits for a place among those who read, and for memory: for a file, and for what is known to
// be in it.
func (m *memory) take(ctx context.Context, file, more int64) (*hold, error) {
	more = min(more, maxHeld-file)
	got, err := m.files.Take(ctx, fair.Need{Places: 1, Bytes: file + more})
	if err != nil {
		return nil, fmt.Errorf("wait for memory: %w", err)
	}
	return &hold{of: m, got: got, file: file, more: more}, nil
}

// with has a file read under a hold. If there is no memory for what is in it, it lets go of the
// hold, and begins anew when there is.
func (m *memory) with(ctx context.Context, file int64, read func(*hold)) error {
	for more := int64(0); ; {
		h, err := m.take(ctx, file, more)
		if err != nil {
			return err
		}
		read(h)
		h.release()
		if h.wants <= more {
			return nil
		}
		more = h.wants
	}
}

// takeClip waits for a place among the clips, and for memory.
func (m *memory) takeClip(ctx context.Context, bytes int64) (*hold, error) {
	clip, err := m.clips.Take(ctx, fair.Need{Places: 1, Bytes: bytes})
	if err != nil {
		return nil, fmt.Errorf("wait for other clips: %w", err)
	}
	got, err := m.files.Take(ctx, fair.Need{Bytes: bytes})
	if err != nil {
		clip.Give()
		return nil, fmt.Errorf("wait for memory: %w", err)
	}
	return &hold{of: m, got: got, clip: clip, file: bytes}, nil
}

// room reports whether the hold has so many bytes for what is in its file. It takes what it lacks
// if it is there, and does not wait. The largest picture gets all that there is: alone it may take
// 110 MB, its file included.
func (h *hold) room(bytes int64) bool {
	bytes = min(bytes, maxHeld-h.file)
	if lacks := bytes - h.more; lacks > 0 {
		if !h.got.More(lacks) {
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
	h.got.Give()
	if h.clip != nil {
		h.clip.Give()
	}
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
