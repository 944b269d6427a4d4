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
	if !known || r.Hurry && !l.rec.Hurry {
		l.at, l.wait = time.Now().Add(c.lookIn(r.Hurry)), 2*c.cfg.LookAfter
		c.nudge()
	}
	l.rec = r
	c.looks[key] = l
}

// lookIn returns when to look. Processes look at different times, so that most often one look is
// enough.
func (c *Coordinator) lookIn(hurry bool) time.Duration {
	if hurry {
		return rand.N(c.cfg.LookAfter/20 + 1)
	}
	return c.cfg.LookAfter + rand.N(c.cfg.LookAfter/4+1)
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
		write, r.Look, r.Hurry = r.Look && !r.Owed(), false, false
		return r, write
	})
	return err
}

// LookNow records that this process leaves to others what it had left to do in thread key: they
// look at once. It makes one write, and none if somebody has looked already, or has to answer in
// the thread. It blocks for the store, at most until ctx ends.
func (c *Coordinator) LookNow(ctx context.Context, key string) error {
	_, err := c.change(ctx, "leave a look at", key, func(r Record) (_ Record, write bool) {
		write, r.Hurry = r.Look && !r.Owed() && !r.Hurry, true
		return r, write
	})
	return err
}

// alone reports whether no other process uses the store at this moment.
func (c *Coordinator) alone() bool { return c.cfg.Alone != nil && c.cfg.Alone() }
