package llmsim

import (
	"slices"
	"time"
)

// acquire waits for one of the server's slots.
func (c *call) acquire() error {
	s := c.s
	s.mu.Lock()
	var ready chan struct{}
	if s.running < s.cfg.Parallel {
		s.running++
	} else {
		ready = make(chan struct{})
		s.waiting = append(s.waiting, ready)
	}
	s.mu.Unlock()
	if ready != nil {
		if err := c.wait(time.Time{}, ready); err != nil {
			c.leaveQueue(ready)
			return err
		}
	}
	c.sched = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kvTokens += c.rec.Prompt
	return nil
}

// leaveQueue gives up a place in the queue, or the slot if it was given just now.
func (c *call) leaveQueue(ready chan struct{}) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.waiting, ready); i >= 0 {
		s.waiting = slices.Delete(s.waiting, i, i+1)
		return
	}
	s.passSlotLocked()
}

func (c *call) release() {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kvTokens -= c.rec.Prompt + c.rec.Tokens
	s.passSlotLocked()
}

// passSlotLocked gives a free slot to the first in the queue.
func (s *Server) passSlotLocked() {
	if len(s.waiting) == 0 {
		s.running--
		return
	}
	close(s.waiting[0])
	s.waiting = s.waiting[1:]
}
