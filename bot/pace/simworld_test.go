package pace

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// The simulation's world: answers, Slack's limiters, and what a reader sees. It shares no code with
// the package; only policyCore in sim_test.go calls the core under test. Times are seconds of
// virtual time.

const (
	simRate    = 50.0 // tokens a second
	simReads   = 5.3  // tokens a second, 240 words a minute
	simLatency = 0.1  // of a Slack call
	simGrace   = 0.11 // text counts as existing this long after its token: the latency is free
	simChars   = 4.2  // characters a token
	simTTFT    = 0.2  // asked -> first token
	simGiveUp  = 90.0 // after the last token an answer counts as incomplete
)

// seen is what became visible when.
type seen struct {
	at     float64
	tokens int
}

// answer is one answer in the world.
type answer struct {
	asked, begins float64
	n             int // tokens
	channel       int
	seen          []seen
	calls         int
	refused       int
	continued     int
}

func (a *answer) ends() float64 { return a.begins + float64(a.n-1)/simRate }

// tokens is how many exist at t.
func (a *answer) tokens(t float64) int {
	if t < a.begins-1e-9 {
		return 0
	}
	return min(a.n, int((t-a.begins)*simRate+1e-6)+1)
}

// born is when the token i (from 0) came.
func (a *answer) born(i int) float64 { return a.begins + float64(i)/simRate }

func (a *answer) visible() int {
	if len(a.seen) == 0 {
		return 0
	}
	return a.seen[len(a.seen)-1].tokens
}

func (a *answer) show(t float64, tokens int) {
	if tokens > a.visible() {
		a.seen = append(a.seen, seen{t, tokens})
	}
}

// measure is the figures of one answer.
func (a *answer) measure() (first, stale, stall, lag float64, complete bool) {
	complete = a.visible() == a.n
	end := a.ends() + simGiveUp
	if complete {
		end = a.seen[len(a.seen)-1].at
	}
	lag = end - a.ends()
	first = end - a.begins
	if len(a.seen) > 0 {
		first = a.seen[0].at - a.begins
	}
	// Between two changes: the oldest invisible token ages, and the reader reads on or has nothing
	// to read.
	from, k, read := a.begins, 0, a.begins
	for i := range len(a.seen) + 1 {
		to := end
		if i < len(a.seen) {
			to = a.seen[i].at
		}
		if k < a.n {
			lo, hi := max(from, a.born(k)), min(to, a.ends())
			if hi > lo {
				stale += (hi - lo) * ((lo+hi)/2 - a.born(k))
			}
			stall += max(0, to-max(from, read, a.born(k)+simGrace))
		}
		if i < len(a.seen) {
			read = max(read, to) + float64(a.seen[i].tokens-k)/simReads
			from, k = to, a.seen[i].tokens
		}
	}
	return first, stale / max(a.ends()-a.begins, 0.02), stall, lag, complete
}

// simLimiter is Slack's for one method: n calls in any 60 s, or a bucket of n a minute with a
// burst.
type simLimiter struct {
	n, burst int // burst 0: window
	calls    []float64
	level    float64
	at       float64
	blocked  float64 // Retry-After of the last refusal
}

func newSimLimiter(n, burst int) *simLimiter {
	return &simLimiter{n: n, burst: burst, level: float64(burst)}
}

// call is nil retryAfter (0) if the call is taken.
func (l *simLimiter) call(t float64) (retryAfter float64) {
	if t < l.blocked-1e-9 {
		return math.Ceil(l.blocked - t)
	}
	if l.burst > 0 {
		rate := float64(l.n) / 60
		l.level = min(float64(l.burst), l.level+(t-l.at)*rate)
		l.at = t
		if l.level >= 1-1e-6 {
			l.level--
			return 0
		}
		retryAfter = math.Ceil((1 - l.level) / rate)
	} else {
		for len(l.calls) > 0 && l.calls[0] <= t-60+1e-9 {
			l.calls = l.calls[1:]
		}
		if len(l.calls) < l.n {
			l.calls = append(l.calls, t)
			return 0
		}
		retryAfter = math.Ceil(l.calls[0] + 60 - t)
	}
	retryAfter = max(1, retryAfter)
	l.blocked = t + retryAfter
	return retryAfter
}

// world is one run.
type world struct {
	answers     []*answer
	burst       int // of the edit limiter, 0 = window
	refuseFinal bool
	slow429     bool // a refusal takes as long as any call
	edits       *simLimiter
	posts       map[int]*simLimiter
	stop        float64
	refusals    int
}

func (w *world) start() {
	w.edits = newSimLimiter(50, w.burst)
	w.posts = make(map[int]*simLimiter)
	w.stop = 0
	for _, a := range w.answers {
		w.stop = max(w.stop, a.ends()+simGiveUp)
	}
}

// post and edit try a call at t; 0 is success, else Retry-After.
func (w *world) post(t float64, a *answer) float64 {
	p := w.posts[a.channel]
	if p == nil {
		p = newSimLimiter(60, 10)
		w.posts[a.channel] = p
	}
	return w.count(a, p.call(t))
}

func (w *world) edit(t float64, a *answer) float64 {
	if w.refuseFinal && t > a.ends()-0.5 && t < a.ends()+5 {
		return w.count(a, 5)
	}
	return w.count(a, w.edits.call(t))
}

func (w *world) count(a *answer, retryAfter float64) float64 {
	if retryAfter > 0 {
		a.refused++
		w.refusals++
	} else {
		a.calls++
	}
	return retryAfter
}

// figures of a run.
type figures struct {
	answers, incomplete, refused, continued        int
	first, stale, stall, lag, lag95, lagMax, calls float64
}

func (w *world) figures() figures {
	f := figures{answers: len(w.answers), refused: w.refusals}
	var lags []float64
	n := float64(len(w.answers))
	for _, a := range w.answers {
		first, stale, stall, lag, ok := a.measure()
		f.first += first / n
		f.stale += stale / n
		f.stall += stall / n
		f.lag += lag / n
		f.calls += float64(a.calls) / n
		f.continued += a.continued
		lags = append(lags, lag)
		if !ok {
			f.incomplete++
		}
	}
	slices.Sort(lags)
	f.lag95 = lags[int(0.95*float64(len(lags)-1))]
	f.lagMax = lags[len(lags)-1]
	return f
}

// mean of runs that differ by their seed; the largest of the maxima and of the counts.
func mean(runs []figures) figures {
	var m figures
	n := float64(len(runs))
	for _, f := range runs {
		m.answers += f.answers
		m.incomplete = max(m.incomplete, f.incomplete)
		m.refused = max(m.refused, f.refused)
		m.continued += f.continued
		m.first += f.first / n
		m.stale += f.stale / n
		m.stall += f.stall / n
		m.lag += f.lag / n
		m.lag95 += f.lag95 / n
		m.lagMax = max(m.lagMax, f.lagMax)
		m.calls += f.calls / n
	}
	m.continued /= len(runs)
	m.answers /= len(runs)
	return m
}

// together is n threads that ask within half a second, in so many channels, 600 tokens each.
func together(n, channels, burst int, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{burst: burst}
	for i := range n {
		asked := 0.0
		if n > 1 {
			asked = r.Float64() * 0.5
		}
		w.answers = append(w.answers, &answer{asked: asked, begins: asked + simTTFT, n: 600, channel: i % channels})
	}
	slices.SortFunc(w.answers, func(a, b *answer) int { return int((a.asked - b.asked) * 1e6) })
	return w
}

// steady is a load of so many answers a minute for five minutes, in six channels.
func steady(perMinute float64, burst int, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 2))
	w := &world{burst: burst}
	sigma := math.Sqrt(2 * math.Log(300.0/220))
	for t := r.ExpFloat64() * 60 / perMinute; t < 300; t += r.ExpFloat64() * 60 / perMinute {
		n := max(1, int(220*math.Exp(sigma*r.NormFloat64())))
		w.answers = append(w.answers, &answer{asked: t, begins: t + simTTFT, n: n, channel: r.IntN(6)})
	}
	return w
}

// simTime is a moment of the world as the core takes it.
func simTime(t float64) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(math.Round(t * 1e9)))
}

func simSeconds(t time.Time) float64 { return t.Sub(time.Unix(1_000_000, 0)).Seconds() }
