package pace

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// readSpeed is characters a second that a person reads: 240 words a minute are 5.3 tokens a second
	// (facts/pace.md), a token of English Markdown is about 4.2 characters.
	readSpeed = 22.3
	// modelSpeed is characters a second that a model writes, before one was seen: 50 tokens.
	modelSpeed = 210.0
	// liveEvery is how often an answer grows when the budget does not matter. 14 calls for 12 seconds.
	liveEvery = 985 * time.Millisecond
	// printEvery is the same for small print that changes without text.
	printEvery = 2 * time.Second
	// finalWait is how long a final may wait for its edit; then the rest goes out as a new message.
	finalWait = 2 * time.Second
	// postWait is the longest that a first post waits to carry weight: a reader's patience.
	postWait = 2 * time.Second
	// tokenGap is the longest gap between two pieces of text of a fast model (30 tokens a second): a call
	// that is due waits that long for the next piece, since right after it the call shows one piece more.
	tokenGap = 35 * time.Millisecond
	// justNow is how old text may be to count as having come right now.
	justNow = 2 * time.Millisecond
	// worthwhile is the part of the visible text that an edit under pressure should at least add.
	worthwhile = 0.5
	// liveAhead is how far ahead liveliness shares out what is left.
	liveAhead = 30 * time.Second
	// lookAgain is how soon to look again when something waits for a budget whose return depends on others.
	lookAgain = 200 * time.Millisecond
	// tidyFor is how long the small print of an answer that is otherwise visible may wait for an edit.
	tidyFor = 5 * time.Minute
	// longAnswer is the quantile of the known durations that a first post plans for: shorter answers need
	// less, longer ones get a draft.
	longAnswer = 0.9
	// idleLook is how soon to look again when nothing is to be done.
	idleLook = time.Hour
)

// horizons are the spans over which finals must be safe: near ones see the bunch that is ending, far ones
// what refills meanwhile.
func horizons() [6]time.Duration {
	return [6]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second}
}

// wish is a call that a lane could make now.
type wish struct {
	lane *lane
	kind Kind
	why  reason
	due  time.Time // deadline: the earliest goes first
}

// plan is what is the same for all lanes at one moment.
type plan struct {
	now      time.Time
	firsts   map[string]int // first posts that wait, by channel
	open     int           // answers being written
	wait     time.Duration // of a first post
	lively   time.Duration // between two edits of an answer for liveliness
	perAsked float64       // answers asked a second
	pending  int           // finals that wait for an edit now
	need     [6]float64    // edits for finals within horizons, once computed
	needed   bool
}

// decide says which calls to make now, at most so many under way at once, and when to look again. The
// calls count as sent.
func (c *core) decide(now time.Time, senders int) (calls []call, next time.Time) {
	next = now.Add(idleLook)
	p := c.plan(now)
	var wishes []wish
	for _, l := range c.lanes {
		l.wantText = false
		if l.flying || l.over {
			continue
		}
		if !l.load.Dirty {
			l.conclude(now)
			continue
		}
		w := c.wish(p, l)
		if w.due.After(now) && w.why != final || l.notBefore.After(now) {
			next = sooner(next, later(w.due, l.notBefore))
			continue
		}
		wishes = append(wishes, w)
	}
	slices.SortStableFunc(wishes, func(a, b wish) int {
		return cmp.Or(cmp.Compare(a.why, b.why), a.due.Compare(b.due))
	})
	queued := 0 // finals that found no budget
	for _, w := range wishes {
		if c.flying >= senders {
			break // an outcome wakes us
		}
		kind, again := c.grant(p, w, &queued)
		if kind == None {
			next = sooner(next, again)
			continue
		}
		calls = append(calls, c.send(p, w, kind))
	}
	return calls, later(next, now.Add(time.Millisecond))
}

// plan looks at all lanes once.
func (c *core) plan(now time.Time) *plan {
	p := &plan{now: now, firsts: make(map[string]int)}
	for len(c.asked) > 0 && now.Sub(c.asked[0]) > minute {
		c.asked = c.asked[1:]
	}
	streaming := 0
	for _, l := range c.lanes {
		if l.visible || l.over {
			continue
		}
		if !l.posted && !l.flying && l.load.Text > 0 {
			p.firsts[l.channel]++
		}
		if !l.load.Closing {
			p.open++
			if l.posted {
				streaming++
			}
		} else if l.finalEdit() && !l.flying {
			p.pending++
		}
	}
	p.perAsked = float64(len(c.asked)) / minute.Seconds()
	lim := c.limit(MethodEdit)

	// How long a first post waits. Text of D seconds lasts D*grow seconds of reading, and every edit that can
	// be afforded multiplies that by grow again: D*grow^edits has to reach the end of the answer.
	last := c.ends.quantile(longAnswer)
	grow := 1 + c.speed/readSpeed
	if p.open > 2 {
		answers := float64(p.open+p.pending) + p.perAsked*last.Seconds()
		edits := max(1, float64(lim.cautious(now, last))/answers)
		over := max(1, float64(len(c.asked))/float64(lim.cap()))
		p.wait = seconds(last.Seconds() * math.Pow(grow, -edits) * over)
		p.wait = min(p.wait, postWait)
		if p.wait < 2*justNow {
			p.wait = 0
		}
	}

	// Liveliness shares what both models leave over for the finals.
	spare := float64(lim.cautious(now, liveAhead)-p.open-p.pending) - p.perAsked*c.ends.early(liveAhead)
	p.lively = idleLook
	if spare > 0 {
		p.lively = max(liveEvery, seconds(float64(max(1, streaming))*liveAhead.Seconds()/spare))
	}
	return p
}

// finalEdit says that the lane's last call will be an edit.
func (l *lane) finalEdit() bool { return l.next() == Edit }

// wish is what the lane wants and when it is due.
func (c *core) wish(p *plan, l *lane) wish {
	w := wish{lane: l, kind: l.next(), why: read}
	unseen := l.load.Text - l.shown
	creates := w.kind == Post || w.kind == Start
	switch {
	case l.visible:
		w.why, w.due = tidyUp, l.sent.Add(liveEvery)
		if p.now.Sub(l.visibleAt) > tidyFor {
			l.over = true
		}
	case l.load.Closing && creates:
		w.why, w.due = first, l.closingAt
	case l.load.Closing:
		w.why, w.due = final, sooner(l.reads, l.closingAt.Add(finalWait))
	case creates && !l.posted && l.load.Text > 0:
		w.why, w.due = first, l.first.Add(p.wait)
	case creates:
		w.why, w.due = first, later(l.opened, l.sent.Add(liveEvery))
	case unseen > 0:
		lively := l.paced.Add(p.lively)
		out := l.reads.Add(-seconds(c.latency))
		if float64(unseen) < worthwhile*float64(l.shown) || !out.Before(lively) {
			w.why, w.due = live, lively
		} else {
			w.due = out
		}
		if w.why == live && float64(unseen) < worthwhile*float64(l.shown) && p.lively < idleLook {
			break
		}
		if w.why == live && out.Before(w.due) {
			w.due = later(out, p.now.Add(lookAgain)) // it may become worth while before
		}
	default:
		w.why, w.due = printing, l.sent.Add(max(printEvery, 2*p.lively))
	}
	return w
}

// grant finds the kind of call for which there is a budget, or says when to look again.
func (c *core) grant(p *plan, w wish, queued *int) (Kind, time.Time) {
	now, lim := p.now, c.budget(w.lane, w.kind)
	can := lim.within(now, 0) > 0
	soon := later(lim.soonest(now, 1), now.Add(time.Millisecond))
	switch w.why {
	case final:
		if can && *queued == 0 {
			return w.kind, now
		}
		*queued++
		return c.late(p, w, lim, *queued)
	case first:
		if can {
			return w.kind, now
		}
		return None, soon
	case read, live, tidyUp, printing, carryOn:
	}
	cautious := w.why != read
	if !can || *queued > 0 && w.kind == Edit {
		return None, later(soon, now.Add(lookAgain))
	}
	if cautious && lim.cautious(now, 0) < 1 || w.kind == Edit && !c.safe(p, lim, cautious) {
		return None, now.Add(lookAgain)
	}
	if (w.why == read || w.why == live) && now.Sub(w.lane.arrived) > justNow && now.Before(w.due.Add(tokenGap)) {
		w.lane.wantText = true
		return None, w.due.Add(tokenGap)
	}
	return w.kind, now
}

// late decides about a final for which there is no budget now; it is the n-th of those.
func (c *core) late(p *plan, w wish, lim *limiter, n int) (Kind, time.Time) {
	l, soon := w.lane, lim.soonest(p.now, n)
	deadline := l.closingAt.Add(finalWait)
	if l.load.Text <= l.shown || w.kind == Delete {
		return None, soon // nothing to read is late
	}
	out := l.reads.Add(-seconds(c.latency))
	switch {
	case soon.After(deadline): // it cannot be in time
	case !out.After(p.now) && soon.After(p.now):
	default:
		return None, sooner(soon, later(out, p.now.Add(time.Millisecond)))
	}
	post := c.budget(l, Continue)
	if others := p.firsts[l.channel]; post.within(p.now, 0) <= others { // whose readers see nothing at all
		return None, sooner(soon, post.soonest(p.now, others+1))
	}
	return Continue, p.now
}

// safe says that, with one edit spent now on something else, the finals that may end within each of the
// horizons can still be served.
func (c *core) safe(p *plan, lim *limiter, cautious bool) bool {
	if !p.needed {
		p.needed = true
		for i, h := range horizons() {
			n := float64(p.pending) + p.perAsked*c.ends.early(h)
			for _, l := range c.lanes {
				if !l.over && !l.load.Closing {
					n += c.ends.chance(p.now.Sub(l.opened), h)
				}
			}
			p.need[i] = n
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

// send counts a call as sent.
func (c *core) send(p *plan, w wish, kind Kind) call {
	l := w.lane
	c.budget(l, kind).spend(p.now)
	c.flying++
	k := call{lane: l, kind: kind, final: l.load.Closing, why: w.why, at: p.now, hasText: l.load.Text > l.shown, oldest: l.oldest}
	if kind == Continue {
		k.why = carryOn
	}
	c.reasons[k.why]++
	if w.why == final && kind == Edit {
		p.pending--
		for i := range p.need {
			p.need[i]--
		}
	}
	l.flying, l.fresh, l.sent, l.paced = true, false, p.now, p.now
	if p.now.Sub(w.due) <= tokenGap { // waited for text only: the beat stays
		l.paced = w.due
	}
	return k
}
