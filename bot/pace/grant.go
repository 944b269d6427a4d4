package pace

import (
	"time"
)

// horizons returns the spans over which finals must be safe. Short ones see the answers that are
// ending now, long ones see what refills meanwhile.
func horizons() []time.Duration {
	return []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
}

// grant returns the kind of call for which there is budget, or None and when to look again.
func (c *core) grant(p *plan, w wish) (Kind, time.Time) {
	now, lim := p.now, c.budget(w.lane, w.kind)
	// Wishes come sorted, so this one has no better chance than the one that was blocked.
	if until, ok := p.blocked[lim]; ok && w.why > first {
		return None, until
	}
	can := lim.can(now)
	switch w.why {
	case final:
		if can && p.queued[lim] == 0 {
			return w.kind, now
		}
		p.queued[lim]++
		return c.late(p, w, lim)
	case first:
		if w.early && w.due.After(now) && !lim.full(now) {
			return None, w.due // another one went
		}
		if can {
			return w.kind, now
		}
		return None, lim.soonest(now, 1)
	case read, live, cleanup, printing, continuation:
	}
	if !can || p.queued[lim] > 0 {
		p.blocked[lim] = later(lim.soonest(now, 1), now.Add(lookAgain))
		return None, p.blocked[lim]
	}
	// Slack's limiter may be the stricter one. Only a reader who runs out of text is worth that
	// risk.
	cautious := w.why != read
	if cautious && lim.cautious(now, 0) < 1 || w.kind == Edit && !c.safe(p, lim, cautious) {
		p.blocked[lim] = now.Add(lookAgain)
		return None, p.blocked[lim]
	}
	fresh := now.Sub(w.lane.arrived) <= justNow
	if more := w.due.Add(tokenGap); (w.why == read || w.why == live) && !fresh && now.Before(more) {
		w.lane.wantText = true
		return None, more
	}
	return w.kind, now
}

// late decides about a final for which there is no budget now, the last of those in p.queued.
func (c *core) late(p *plan, w wish, lim *limiter) (Kind, time.Time) {
	l, soon := w.lane, lim.soonest(p.now, p.queued[lim])
	if l.load.Text <= l.shown || w.kind == Delete {
		return None, soon // no reader waits for text
	}
	out := l.reads.Add(-seconds(c.latency))
	inTime := !soon.After(l.closingAt.Add(finalWait)) || !soon.After(p.now.Add(finalSoon))
	if inTime && (out.After(p.now) || !soon.After(p.now)) {
		return None, sooner(soon, later(out, p.now)) // the reader still has text
	}
	// Answers that show nothing at all come first.
	post, others := c.budget(l, Continue), p.firsts[l.channel]
	if post.within(p.now, 0) <= others {
		return None, sooner(soon, post.soonest(p.now, others+1))
	}
	return Continue, p.now
}

// safe reports whether, with one edit spent now on something else, the finals that may come within
// each horizon can still be served with what refills meanwhile.
func (c *core) safe(p *plan, lim *limiter, cautious bool) bool {
	if p.need == nil {
		for _, h := range horizons() {
			n := float64(p.pending) + p.perAsked*c.answers.expectedEndings(h)
			for _, l := range c.lanes {
				if !l.over && !l.load.Closing && !l.native() {
					n += c.answers.chance(p.now.Sub(l.opened), h)
				}
			}
			p.need = append(p.need, n)
		}
	}
	for i, h := range horizons() {
		have := lim.within(p.now, h)
		if cautious {
			have = lim.cautious(p.now, h)
		}
		if float64(have-1) < p.need[i] {
			return false
		}
	}
	return true
}

// send counts a call as sent and returns it.
func (c *core) send(p *plan, w wish, kind Kind) call {
	l := w.lane
	k := call{lane: l, kind: kind, final: l.load.Closing, why: w.why, at: p.now, hasText: l.load.Text > l.shown, oldest: l.oldest}
	if kind == Continue {
		k.why = continuation
	}
	if w.why == final && w.kind == Edit {
		p.pending--
		for i := range p.need {
			p.need[i]--
		}
	}
	if w.why == first && !l.posted && l.load.Text > 0 {
		p.firsts[l.channel]--
	}
	k.overBucket = c.budget(l, kind).spend(p.now)
	c.flying++
	c.reasons[k.why]++
	l.flying, l.fresh, l.sent, l.paced = true, false, p.now, p.now
	// It only waited for text, so the rhythm of its edits stays.
	if p.now.Sub(w.due) <= tokenGap {
		l.paced = sooner(w.due, p.now)
	}
	return k
}
