package turn

import (
	"context"
	"sync"
	"time"
)

// Tidying is the right, and the duty, to tidy the messages of an answer after its end. It is renewed
// as a lease is, and ends by End or Leave. If it is not renewed for a TTL, somebody else tidies. All
// methods are safe for concurrent use.
type Tidying struct {
	c     *Coordinator
	key   string
	lease *Lease // under which the answer was written; nil: it was another process's

	shared *shared // nil: the store does not know of it yet; guarded by c.mu
	over   bool    // it has ended; guarded by c.mu
	looked bool    // End fulfils the look that was asked for; it does not change
}

// shared is what this process tidies in one thread. Its fields are guarded by Coordinator.mu.
type shared struct {
	n       int       // of Tidyings
	trusted time.Time // start of the last write that succeeded
	beatAt  time.Time // when to renew next
	beating bool      // a renewal is under way
	over    bool      // it was left, or another process has it
}

// Check returns nil if the caller may still write to the messages, ErrLapsed if that is not known at
// the moment, and ErrLost if somebody else may do so. It is as Lease.Check is.
func (y *Tidying) Check() error {
	y.c.mu.Lock()
	defer y.c.unlock()
	switch s := y.shared; {
	case y.over:
		return ErrLost
	case y.lease != nil && y.lease.checkLocked() == nil,
		s != nil && !s.over && elapsed(s.trusted) < y.c.cfg.TTL*3/4,
		y.c.alone(): // last: it asks the kernel
		return nil
	case s == nil && y.lease.state == leaseOver, s != nil && s.over:
		return ErrLost
	}
	return ErrLapsed // also until the store knows of the end
}

// End records that the messages are tidy, or that nobody could tidy them. It makes one write, and
// none if another answer of the thread is still being tidied, or if the store does not know of the
// right yet: then it never hears of it. It blocks for the store, at most until ctx ends.
func (y *Tidying) End(ctx context.Context) error {
	y.c.mu.Lock()
	delete(y.c.waits, y.key)
	y.c.unlock()
	return y.end(ctx, "end the tidying of", true, func(r Record) Record {
		if y.looked || y.c.alone() { // and nobody can wake who has written before
			r.Look, r.Hurry = false, false
		}
		return r
	})
}

// Again records that somebody has to look once more: this process could not. This process waits for
// twice as long each time, LookAfter at least. It makes one write, as End does.
func (y *Tidying) Again(ctx context.Context) error {
	y.c.mu.Lock()
	y.c.waits[y.key] = max(2*y.c.waits[y.key], y.c.cfg.LookAfter)
	y.c.unlock()
	return y.end(ctx, "leave a later look at", true, func(r Record) Record { return r })
}

// Leave records that this process leaves to others what there is to tidy: they look at once. It
// makes one write, and none if somebody has looked already, or if the store does not know of the
// right yet: then the write of the answer's end tells it. It blocks for the store, at most until ctx
// ends.
func (y *Tidying) Leave(ctx context.Context) error {
	return y.end(ctx, "leave a look at", false, func(r Record) Record {
		r.Hurry = r.Look
		return r
	})
}

// end gives the right back. others reports whether it stays while another answer of the thread needs
// it.
func (y *Tidying) end(ctx context.Context, what string, others bool, apply func(Record) Record) error {
	c := y.c
	c.mu.Lock()
	last := y.dropLocked(others)
	if l := y.lease; l != nil && l.look == y {
		l.look, l.left = nil, l.left || !others
	}
	c.unlock()
	if !last {
		return nil
	}
	_, err := c.change(ctx, what, y.key, func(r Record) (_ Record, write bool) {
		if r.Tidier != c.cfg.Owner || c.tidies(y.key) {
			return r, false
		}
		r.Tidier, r.Tidied = "", 0
		return apply(r), true
	})
	return err
}

// dropLocked ends the right without a word to the store, where it lapses. others: it stays while
// another answer of the thread needs it. It reports last if the store knows of it, and nobody has it
// any more.
func (y *Tidying) dropLocked(others bool) (last bool) {
	s := y.shared
	gone := y.over || s == nil || s.over
	y.over = true
	if gone {
		return false
	}
	if s.n--; others && s.n > 0 {
		return false
	}
	s.over = true
	delete(y.c.tidying, y.key)
	return true
}

// tidies reports whether this process has the right to tidy in a thread, or is just telling the
// store of it.
func (c *Coordinator) tidies(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.local[key]
	return c.tidying[key] != nil || t != nil && t.lease != nil && t.lease.look != nil && t.lease.state != leaseLive
}

// TakeLook claims the look that Config.Look has asked for with seen, so that nobody else looks
// meanwhile, and whoever was to tidy does not any more. It returns nil if there is nothing to look
// at, or if somebody is at it. It makes one write, and blocks for the store, at most until ctx ends.
func (c *Coordinator) TakeLook(ctx context.Context, key string, seen Record) (*Tidying, error) {
	start := time.Now()
	mine := false
	_, err := c.change(ctx, "look again at", key, func(r Record) (_ Record, write bool) {
		if mine = r.Look && !r.Owed() && (r.Tidier == "" || r.Tidier == seen.Tidier && r.Tidied == seen.Tidied); !mine {
			return r, false
		}
		return r.tidiedBy(c.cfg.Owner), true
	})
	if err != nil || !mine {
		return nil, err
	}
	c.mu.Lock()
	defer c.unlock()
	y := &Tidying{c: c, key: key, looked: seen.Tidier == ""}
	c.tidyLocked(y, start)
	return y, nil
}

// tidiedBy returns r with an owner that tidies, as of now.
func (r Record) tidiedBy(owner string) Record {
	r.Tidier = owner
	r.Tidied++
	return r
}

// tidyLocked records that the store knows of a Tidying by a write that began at start.
func (c *Coordinator) tidyLocked(y *Tidying, start time.Time) {
	s := c.tidying[y.key]
	if s == nil {
		s = &shared{trusted: start, beatAt: start.Add(c.cfg.TTL / 4)}
		c.tidying[y.key] = s
	}
	s.n++
	y.shared = s
	delete(c.looks, y.key)
	c.nudge()
}

// beatLocked starts the renewals that are due soon, and returns when the next one is; zero: none is.
func (c *Coordinator) beatLocked(ctx context.Context, wg *sync.WaitGroup, now, soon time.Time) (next time.Time) {
	for key, s := range c.tidying {
		if !s.beatAt.After(soon) {
			s.beatAt = now.Add(c.cfg.TTL / 4)
			if !s.beating {
				s.beating = true
				wg.Go(func() { c.beat(ctx, key, s) })
			}
		}
		if next.IsZero() || s.beatAt.Before(next) {
			next = s.beatAt
		}
	}
	return next
}

// beat renews the right to tidy in a thread once.
func (c *Coordinator) beat(ctx context.Context, key string, s *shared) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.TTL/4)
	defer cancel()
	start := time.Now()
	lost := false
	_, err := c.change(ctx, "renew the tidying of", key, func(r Record) (_ Record, write bool) {
		if lost = r.Tidier != c.cfg.Owner; lost {
			return r, false
		}
		return r.tidiedBy(c.cfg.Owner), true
	})
	c.mu.Lock()
	defer c.unlock()
	s.beating = false
	switch {
	case err != nil:
		s.beatAt = time.Now().Add(c.cfg.TTL / 12)
		c.nudge()
	case lost && !s.over:
		s.over = true
		delete(c.tidying, key)
		c.after = append(c.after, func() { c.cfg.Log.InfoContext(ctx, "tidying_lost", "thread", key) })
	default:
		s.trusted = start
	}
}
