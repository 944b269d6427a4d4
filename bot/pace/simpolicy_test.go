package pace

import (
	"math"
	"slices"
	"time"
)

// policies that are compared.

// arrival is an outcome on its way.
type arrival struct {
	at     float64
	k      call
	a      *answer
	tokens int
	retry  float64
}

// policyCore runs the core under test in a world.
func policyCore(w *world) {
	w.start()
	c := newCore(nil, 1)
	lanes := make(map[*lane]*answer)
	of := make(map[*answer]*lane)
	var flights []arrival
	waiting := w.answers
	now, look := 0.0, 0.0
	for {
		// The next moment at which something happens.
		next := look
		if len(waiting) > 0 {
			next = min(next, waiting[0].asked)
		}
		for _, f := range flights {
			next = min(next, f.at)
		}
		for _, l := range c.lanes {
			a := lanes[l]
			switch k := a.tokens(now); {
			case k == a.n:
			case k == 0 || l.wantText || !l.load.Dirty:
				next = min(next, a.born(k)) // this Set wakes the loop
			default:
				next = min(next, a.ends()) // Close does
			}
		}
		if next > w.stop || len(waiting) == 0 && len(flights) == 0 && len(c.lanes) == 0 {
			return
		}
		now = max(now, next)
		t := simTime(now)
		for len(waiting) > 0 && waiting[0].asked <= now {
			a := waiting[0]
			l := c.open(t, string(rune('A'+a.channel)))
			lanes[l], of[a] = a, l
			waiting = waiting[1:]
		}
		for _, l := range c.lanes {
			a := lanes[l]
			if k := a.tokens(now); k > 0 && !l.load.Closing {
				load := Load{Text: chars(k), Dirty: true, Closing: k == a.n, Next: l.load.Next}
				if load.Text != l.load.Text {
					c.set(t, l, load, simTime(a.born(k-1)))
				}
			}
		}
		rest := flights[:0]
		for _, f := range flights {
			if f.at > now+1e-9 {
				rest = append(rest, f)
				continue
			}
			land(c, w, f, t, now)
		}
		flights = rest
		calls, at := c.decide(t, 64)
		look = simSeconds(at)
		for _, k := range calls {
			a := lanes[k.lane]
			f := arrival{at: now + simLatency, k: k, a: a, tokens: a.tokens(now)}
			if k.kind == Edit {
				f.retry = w.edit(now, a)
			} else {
				f.retry = w.post(now, a)
			}
			if f.retry > 0 && !w.slow429 {
				f.at = now
			}
			flights = append(flights, f)
		}
		for _, l := range slices.Backward(c.lanes) {
			if l.over {
				c.drop(l)
			}
		}
	}
}

func chars(tokens int) int { return int(math.Ceil(float64(tokens) * simChars)) }

// land gives an outcome to the core.
func land(c *core, w *world, f arrival, t time.Time, now float64) {
	l := f.k.lane
	if f.retry > 0 {
		c.done(t, f.k, Outcome{Shown: l.shown, Load: l.load, RetryAfter: time.Duration(f.retry * float64(time.Second))})
		return
	}
	f.a.show(now, f.tokens)
	load := l.load
	load.Next = Edit
	load.Dirty = load.Text > chars(f.tokens) || load.Closing && !f.k.final
	if f.k.kind == Continue {
		f.a.continued++
		load.Dirty = true // the small print of the message before
	}
	c.done(t, f.k, Outcome{Shown: chars(f.tokens), Load: load})
}

// policyTimer is what bots do: an edit a second and thread, with the newest text, until the text is
// complete; a refused call is made again after Retry-After.
func policyTimer(w *world) {
	w.start()
	alone(w, func(a *answer, now float64, shown int) (next float64) {
		try := w.edit
		if shown == 0 {
			try = w.post
		}
		if retry := try(now, a); retry > 0 {
			return now + retry
		}
		a.show(now+simLatency, a.tokens(now))
		return now + 1
	})
}

// policyBuffer is what bots with native streams do: append when 256 characters are there; starts,
// appends and stops have their own budgets (20, 100 and 20 a minute).
func policyBuffer(w *world) {
	w.start()
	start, add, stop := newSimLimiter(20, w.burst), newSimLimiter(100, w.burst), newSimLimiter(20, w.burst)
	alone(w, func(a *answer, now float64, shown int) (next float64) {
		k := a.tokens(now)
		lim := add
		switch {
		case shown == 0:
			lim = start
		case k == a.n:
			lim = stop
		case chars(k)-chars(shown) < 256:
			return min(a.ends(), now+0.02)
		}
		if retry := w.count(a, lim.call(now)); retry > 0 {
			return now + retry
		}
		a.show(now+simLatency, k)
		return now + simLatency
	})
}

// alone runs answers that know nothing of each other: step makes a call at now and says when the
// next is.
func alone(w *world, step func(a *answer, now float64, shown int) (next float64)) {
	next := make([]float64, len(w.answers))
	for i, a := range w.answers {
		next[i] = a.begins
	}
	for {
		i := 0
		for j := range next {
			if next[j] < next[i] {
				i = j
			}
		}
		a, now := w.answers[i], next[i]
		if now > w.stop {
			return
		}
		next[i] = step(a, now, a.visible())
		if a.visible() == a.n {
			next[i] = math.Inf(1)
		}
		if now > a.ends()+simGiveUp {
			next[i] = math.Inf(1)
		}
	}
}
