package turn

import (
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
// an answer: whoever writes that looks. Nor has this process while it tidies there itself.
func (c *Coordinator) lookLaterLocked(key string, r Record) {
	if !r.Look || r.Owed() {
		delete(c.waits, key)
	}
	if !r.Look || r.Owed() || c.cfg.Look == nil || c.tidying[key] != nil {
		delete(c.looks, key)
		return
	}
	l, known := c.looks[key]
	if !known || r.Hurry && !l.rec.Hurry || r.Tidier != l.rec.Tidier || r.Tidied != l.rec.Tidied {
		wait := c.waits[key]
		l.at, l.wait = time.Now().Add(max(c.lookIn(r), wait)), 2*max(c.cfg.LookAfter, wait)
		c.nudge()
	}
	l.rec = r
	c.looks[key] = l
}

// lookIn returns when to look: at once if nobody else can be at it, a TTL after whoever tidies was
// heard of last, and else when a process that was frozen would be awake. Processes look at different
// times, so that most often one look is enough.
func (c *Coordinator) lookIn(r Record) time.Duration {
	switch {
	case c.alone():
		return 0
	case r.Hurry:
		return rand.N(c.cfg.LookAfter/20 + 1)
	case r.Tidier != "":
		return c.cfg.TTL + rand.N(c.cfg.TTL/4+1)
	}
	return c.cfg.LookAfter + rand.N(c.cfg.LookAfter/4+1)
}

// lookLocked calls Config.Look for what is due, and returns when the next one is; zero: none is.
// While the store is away nobody can renew, and nobody can look.
func (c *Coordinator) lookLocked(now time.Time) (next time.Time) {
	for key, l := range c.looks {
		if earliest := c.floor.Add(c.cfg.TTL); l.rec.Tidier != "" && l.at.Before(earliest) && !c.alone() {
			l.at = earliest
		}
		switch {
		case l.at.After(now):
		case !c.failing.IsZero():
			l.at = now.Add(c.cfg.TTL / 4)
		default:
			c.after = append(c.after, func() { c.cfg.Look(key, l.rec) })
			l.at, l.wait = now.Add(l.wait), 2*l.wait
		}
		c.looks[key] = l
		if next.IsZero() || l.at.Before(next) {
			next = l.at
		}
	}
	return next
}

// toLookAtLocked returns r with the look that the answer needs after its end: see LookAgain and
// Tidying.Leave.
func (l *Lease) toLookAtLocked(r Record) Record {
	if !r.Look { // an older version leaves these
		r.Hurry, r.Tidier = false, ""
	}
	r.Look, r.Hurry = r.Look || l.look != nil || l.left || l.died && !l.c.alone(), r.Hurry || l.left
	if l.look != nil {
		r = r.tidiedBy(l.c.cfg.Owner)
	}
	return r
}

// alone reports whether no other process uses the store at this moment.
func (c *Coordinator) alone() bool { return c.cfg.Alone != nil && c.cfg.Alone() }
