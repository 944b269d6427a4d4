package pace

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// readSpeed is how many characters a second the reader reads for whom we plan. 240 words a
	// minute are 5.3 tokens a second (facts/pace.md), and a token of English Markdown has about 4.2
	// characters, which makes 22. It is a little more, because a faster reader stalls, while a
	// slower one notices nothing.
	readSpeed = 24.0
	// modelSpeed is how many characters a second a model writes, until one was measured: 50 tokens.
	modelSpeed = 210.0
	// liveEvery is how often an answer grows while the budget does not matter: about every second,
	// 14 calls in 12 seconds.
	liveEvery = 985 * time.Millisecond
	// liveMost is how many calls a second all answers together make to look alive. Only an
	// installation with raised limits reaches it: Slack sends each edit back as an event of twice
	// its size, and at 1,000 a second reading these costs a core.
	liveMost = 60
	// printEvery is how often small print changes without text.
	printEvery = 2 * time.Second
	// finalWait is how long a final may wait for its edit. After that the rest goes out as a new
	// message.
	finalWait = 2 * time.Second
	// finalSoon is how near its edit must be for a late final to wait for it, as after a freeze. A
	// new message would come little sooner, and the old one would need a cleanup.
	finalSoon = 250 * time.Millisecond
	// postWait is how long a first post may wait for more text: a reader's patience.
	postWait = 2 * time.Second
	// fewOpen is how many answers may be open for first posts not to wait.
	fewOpen = 2
	// longAnswer is the quantile of the durations that a first post plans for. Shorter answers need
	// less; longer ones get an edit in between.
	longAnswer = 0.9
	// tokenGap is the longest gap between two pieces of text of a fast model (30 tokens a second).
	// A call that is due waits that long for the next piece, to show one piece more.
	tokenGap = 35 * time.Millisecond
	// justNow is how old text may be that counts as new.
	justNow = 2 * time.Millisecond
	// worthwhile is the part of the visible text that an edit should add at least when budget is
	// short.
	worthwhile = 0.5
	// halfTurn is the part of the time until an answer's next turn, if all open answers take turns,
	// for which such an edit should give its reader text. Without it, a slow model spends the
	// minute's edits on its first sentences.
	halfTurn = 0.5
	// liveAhead is the time over which the spare budget is shared out for liveliness.
	liveAhead = 30 * time.Second
	// lookAgain is how soon to look again when something waits for a condition whose time is not
	// known.
	lookAgain = 200 * time.Millisecond
	// cleanupFor is how long the cleanup of an answer that is visible may wait for an edit: longer
	// than a minute, the longest that a budget can be empty. After 70 s others may look at the answer,
	// and lay it out in other messages: a cleanup that comes after that would take text away.
	cleanupFor = 62 * time.Second
	// idleLook is how soon to look again when nothing is left to do.
	idleLook = time.Hour
)

// wish is a call that a lane could make.
type wish struct {
	lane *lane
	kind Kind
	why  reason
	due  time.Time // the deadline; the earliest goes first
	look time.Time // when to judge it again, if before due
	// The channel cannot post soon all that wait for it, and while its bucket is full nothing
	// refills. One of them goes before it is due.
	early bool
}

// plan holds what is the same for all lanes at one moment.
type plan struct {
	now      time.Time
	open     int                      // answers being written that will end with an edit
	pending  int                      // finals waiting for their edit
	firsts   map[string]int           // first posts waiting, by channel
	unposted map[string]int           // those, and those still to come
	wait     time.Duration            // how long a first post waits
	carry    float64                  // characters that an edit should add
	lively   map[Method]time.Duration // between two calls of an answer that only look alive
	perAsked float64                  // answers asked a second
	queued   map[*limiter]int         // finals that found no budget
	blocked  map[*limiter]time.Time   // until then only finals and first posts
	need     []float64                // edits needed for finals, by horizon; nil until first used
}

// decide returns the calls to make now, so that at most so many are under way, and when to look
// again. It counts the calls as sent.
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
		if l.visible && now.Sub(l.visibleAt) > cleanupFor {
			l.over = true
			continue
		}
		w := c.wish(p, l)
		ready := !w.due.After(now) || w.why == final || w.early
		if ready && !l.notBefore.After(now) {
			wishes = append(wishes, w)
			continue
		}
		if !w.look.IsZero() {
			w.due = sooner(w.due, w.look)
		}
		next = sooner(next, later(w.due, l.notBefore))
	}
	slices.SortStableFunc(wishes, func(a, b wish) int {
		return cmp.Or(cmp.Compare(a.why, b.why), a.due.Compare(b.due))
	})
	for _, w := range wishes {
		if c.flying >= senders || w.why > first && c.flying >= senders-senders/4 {
			// An outcome wakes us. When calls hang, the last senders are for finals.
			break
		}
		kind, again := c.grant(p, w)
		if kind == None {
			next = sooner(next, again)
			continue
		}
		calls = append(calls, c.send(p, w, kind))
	}
	return calls, later(next, now.Add(time.Millisecond))
}

// plan computes a plan from all lanes.
func (c *core) plan(now time.Time) *plan {
	p := &plan{
		now: now, firsts: make(map[string]int), unposted: make(map[string]int),
		lively: make(map[Method]time.Duration), queued: make(map[*limiter]int), blocked: make(map[*limiter]time.Time),
	}
	old := 0
	for old < len(c.asked) && now.Sub(c.asked[old]) > minute {
		old++
	}
	c.asked = slices.Delete(c.asked, 0, old)
	streaming, native := 0, 0
	for _, l := range c.lanes {
		if l.visible || l.over {
			continue
		}
		if !l.posted && !l.flying {
			p.unposted[l.channel]++
			if l.load.Text > 0 {
				p.firsts[l.channel]++
			}
		}
		switch {
		case l.native():
			native++
		case !l.load.Closing:
			p.open++
			if l.posted {
				streaming++
			}
		case l.next() == Edit && !l.flying:
			p.pending++
		}
	}
	p.perAsked = float64(len(c.asked)) / minute.Seconds()
	p.wait = c.postWait(p)
	turn := float64(max(0, p.open-1)) * minute.Seconds() / float64(c.limit(MethodEdit).cap())
	p.carry = halfTurn * turn * readSpeed

	// Liveliness gets what both models of the limiter leave over after the finals.
	spare := float64(c.limit(MethodEdit).cautious(now, liveAhead)-p.open-p.pending) - p.perAsked*c.answers.expectedEndings(liveAhead)
	p.lively[MethodEdit] = share(spare, streaming)
	if native > 0 {
		p.lively[MethodAppend] = share(float64(c.limit(MethodAppend).cautious(now, liveAhead)), native)
	}
	return p
}

// share returns how often each of n answers may have one of so many calls within liveAhead.
func share(calls float64, n int) time.Duration {
	if calls <= 0 {
		return idleLook
	}
	each := float64(max(1, n))
	return max(liveEvery, seconds(each*liveAhead.Seconds()/calls), seconds(each/liveMost))
}

// postWait returns how long first posts wait now. A post that waits D seconds carries text for
// D*grow seconds of reading, and each edit that can be afforded multiplies that by grow again. D is
// chosen so that D*grow^edits reaches the end of a long answer.
func (c *core) postWait(p *plan) time.Duration {
	if p.open <= fewOpen {
		return 0
	}
	lim, long := c.limit(MethodEdit), c.texts.quantile(longAnswer)
	answers := float64(p.open+p.pending) + p.perAsked*long.Seconds()
	edits := max(1, float64(lim.cautious(p.now, long))/answers)
	grow := 1 + c.speed/readSpeed
	wait := long.Seconds() * math.Pow(grow, -edits)
	// When more answers are asked a minute than there are edits, some must be complete before their
	// post.
	wait *= max(1, float64(len(c.asked))/float64(lim.cap()))
	if d := seconds(wait); d >= 2*justNow {
		return min(d, postWait)
	}
	return 0
}

// native reports whether the lane shows its text with a native stream.
func (l *lane) native() bool {
	k := l.next()
	return k == Start || k == Append || k == Stop
}

// wish returns what a lane with something to show wants, and when that is due.
func (c *core) wish(p *plan, l *lane) wish {
	w := wish{lane: l, kind: l.next()}
	unseen := l.load.Text - l.shown
	creates := w.kind == Post || w.kind == Start
	switch {
	case l.visible:
		w.why, w.due = cleanup, l.sent.Add(liveEvery)
	case l.load.Closing && creates:
		w.why, w.due = first, l.closingAt
	case l.load.Closing:
		w.why, w.due = final, l.closingAt.Add(finalWait)
		if unseen > 0 {
			w.due = sooner(l.reads, w.due)
		}
	case creates && !l.posted && l.load.Text > 0:
		w.why, w.due = first, l.first
		if post := c.budget(l, w.kind); w.kind == Post {
			w.due = l.first.Add(p.wait)
			w.early = post.full(p.now) && float64(p.unposted[l.channel]) > post.size()
		}
	case creates:
		w.why, w.due = first, later(l.opened, l.sent.Add(liveEvery))
	case unseen > 0:
		lively := l.paced.Add(c.livelyOf(p, w.kind))
		out := l.reads.Add(-seconds(c.latency)) // a call now is visible when the reader has read all
		worth := float64(unseen) >= max(worthwhile*float64(l.shown), p.carry)
		if worth && out.Before(lively) {
			w.why, w.due = read, out
		} else {
			w.why, w.due = live, lively
			w.look = later(out, p.now.Add(lookAgain)) // it may be worth an edit then
		}
	default:
		w.why, w.due = printing, l.sent.Add(max(printEvery, 2*c.livelyOf(p, w.kind)))
	}
	return w
}

func (c *core) livelyOf(p *plan, k Kind) time.Duration {
	if d, ok := p.lively[k.Method()]; ok {
		return d
	}
	return liveEvery
}
