package turn

import (
	"context"
	"math/rand/v2"
	"time"
)

// look is a thread that somebody has to look at once more.
type look struct {
	rec  Record
	at   time.Time
	wait time.Duration // until the next call of Config.Look; doubled each time
}

// lookLaterLocked records whether somebody has to look at a thread. Nobody has to while it is owed
// an answer: whoever writes that looks.
func (c *Coordinator) lookLaterLocked(key string, r Record) {
	if !r.Look || r.Owed() || c.cfg.Look == nil {
		delete(c.looks, key)
		return
	}
	l, known := c.looks[key]
	if !known { // processes look at different times, so that most often one look is enough
		l.at, l.wait = time.Now().Add(c.cfg.LookAfter+rand.N(c.cfg.LookAfter/4+1)), 2*c.cfg.LookAfter
		c.nudge()
	}
	l.rec = r
	c.looks[key] = l
}

// lookLocked calls Config.Look for what is due, and returns when the next one is; zero: none is.
func (c *Coordinator) lookLocked(now time.Time) (next time.Time) {
	for key, l := range c.looks {
		if !l.at.After(now) {
			c.after = append(c.after, func() { c.cfg.Look(key, l.rec) })
			l.at, l.wait = now.Add(l.wait), 2*l.wait
			c.looks[key] = l
		}
		if next.IsZero() || l.at.Before(next) {
			next = l.at
		}
	}
	return next
}

// Looked records that somebody has looked at thread key. It makes one write, and none if that was
// known. It blocks for the store, at most until ctx ends.
func (c *Coordinator) Looked(ctx context.Context, key string) error {
	_, err := c.change(ctx, "note a look at", key, func(r Record) (_ Record, write bool) {
		write, r.Look = r.Look && !r.Owed(), false
		return r, write
	})
	return err
}

// alone reports whether no other process uses the store at this moment.
func (c *Coordinator) alone() bool { return c.cfg.Alone != nil && c.cfg.Alone() }
