package turn

import (
	"context"
	"time"
)

// Assume gives a claim that is known in this process only, for a thread whose Ask the store did not take: the answer is written
// from memory, and the Desk goes on trying to write the ask, the claim, and what became of them. Two processes that both
// hear of the ask and both cannot reach the store may both assume it; Check cannot tell. nil if
// this process has a claim already (its Done will say that there is more), or has answered ts although the store does not
// know yet. Not blocking. After Drain always nil.
func (d *Desk) Assume(key string, ts TS) *Claim {
	d.mu.Lock()
	defer d.unlock()
	if d.drained || key == "" || ts == "" {
		return nil
	}
	s := d.enterLocked(key)
	defer d.leaveLocked(key, s)
	now := time.Now()
	c := &Claim{
		d: d, key: key, slot: s, lost: make(chan struct{}), stopped: make(chan struct{}), changed: make(chan struct{}),
		answers: ts, asked: ts, assumed: true, trusted: now, renewAt: now, tried: now,
	}
	if old := s.claim; old != nil {
		old.asked = old.asked.Max(ts)
		if old.state != claimPending || !ts.After(old.answered) {
			return nil
		}
		// The last answer is not in the store yet: this claim brings both there.
		c.epoch, c.asked, c.answered, c.trusted = old.epoch, old.asked, old.answered, old.trusted
		c.doubt = old.doubt
		old.state = claimOver
	}
	s.claim = c
	return c
}

// Doubt says that the thread is to be read once more before it counts as answered: what this answer is an answer to, and whether there is another one
// beside it, is not sure. Done then leaves it owed, and raises nothing, and so does another process's claim that this one has to give way to. It
// does no I/O, and holds until the next Done that succeeds, or until it is taken back.
func (c *Claim) Doubt(is bool) {
	c.d.mu.Lock()
	defer c.d.unlock()
	c.doubt = is
}

// Doubt leaves thread key owed, as Claim.Doubt does: whoever has it next reads it once more. One write. Blocks for the store, at most until ctx ends.
func (d *Desk) Doubt(ctx context.Context, key string) error {
	_, err := d.change(ctx, "doubt", key, func(r Record) (_ Record, write bool) { return r.doubt(), true })
	return err
}

// Abandon is Release for an answer that is left to another process while the store is away: when it is back, whoever has room reads the thread. Of a
// claim that is only assumed it does no I/O.
func (c *Claim) Abandon(ctx context.Context) error {
	c.d.mu.Lock()
	c.doubt = true
	assumed := c.state == claimLive && c.epoch == 0
	if assumed {
		c.pendLocked("")
	}
	c.d.unlock()
	if assumed {
		return nil
	}
	return c.Release(ctx)
}

// pendLocked leaves it to the background to write what became of a claim.
func (c *Claim) pendLocked(answered TS) {
	c.state, c.answered, c.renewAt = claimPending, c.answered.Max(answered), time.Now()
	c.retireLocked()
	c.d.nudge()
}
