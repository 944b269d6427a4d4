package turn

import (
	"context"
	"math/rand/v2"
	"time"
)

// look is a thread that is to be looked at once more.
type look struct {
	rec  Record
	at   time.Time
	wait time.Duration // until it is told of again, should nobody have looked; doubled each time
}

// lookLaterLocked notes whether a thread is to be looked at: not while it is owed an answer, for that says more.
func (d *Coordinator) lookLaterLocked(key string, r Record) {
	if !r.Look || r.Owed() || d.cfg.Look == nil {
		delete(d.looks, key)
		return
	}
	l, known := d.looks[key]
	if !known { // processes look at different times, so that most often one look is enough
		l.at, l.wait = time.Now().Add(d.cfg.LookAfter+rand.N(d.cfg.LookAfter/4+1)), 2*d.cfg.LookAfter
		d.nudge()
	}
	l.rec = r
	d.looks[key] = l
}

// lookLocked tells of the looks that are due, and returns when the next one is; zero: none is.
func (d *Coordinator) lookLocked(now time.Time) (next time.Time) {
	for key, l := range d.looks {
		if !l.at.After(now) {
			d.after = append(d.after, func() { d.cfg.Look(key, l.rec) })
			l.at, l.wait = now.Add(l.wait), 2*l.wait
			d.looks[key] = l
		}
		if next.IsZero() || l.at.Before(next) {
			next = l.at
		}
	}
	return next
}

// Looked notes that thread key was looked at once more. One write; none if that was known. It blocks for
// the store, at most until ctx ends.
func (d *Coordinator) Looked(ctx context.Context, key string) error {
	_, err := d.change(ctx, "note a look at", key, func(r Record) (_ Record, write bool) {
		write, r.Look = r.Look && !r.Owed(), false
		return r, write
	})
	return err
}

// alone reports whether no other process uses the store at this moment.
func (d *Coordinator) alone() bool { return d.cfg.Alone != nil && d.cfg.Alone() }
