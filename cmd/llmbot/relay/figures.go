package relay

import (
	"context"
	"errors"
	"slices"
	"time"
)

const (
	// window is over how long the speed of all answers together is measured.
	window = 2 * time.Second
	slots  = 20
	// lookAfter is the shortest time between two looks at the server's queue.
	lookAfter = time.Second
	// silentAfter is the same for a server that tells nothing of its queue.
	silentAfter = 30 * time.Second
	// stale is the age at which a look no longer counts.
	stale = 10 * time.Second
)

// State is what is going on.
type State struct {
	Knob    Knob
	Running int      // answers in progress
	Waiting *float64 // requests in the server's queue; nil: not known
	Rate    float64  // tokens a second of all answers together, now
	Answers []Answer // newest first, at most MostAnswers
}

// Answer has the figures of one answer.
type Answer struct {
	ID      int
	Tokens  int
	Seconds float64 // since it was asked for, until its end
	Rate    float64 // Tokens / Seconds, as in the bot's footer
	TTFT    float64 // seconds to the first token; 0: none came yet
	Done    bool    // it came to its end: the server told a finish reason, or [DONE]
	Cut     bool    // it ended without either
}

// answer is what is noted of an answer. Relay.mu guards it.
type answer struct {
	id    int
	began time.Time
	first time.Time // zero: none came yet
	ended time.Time // zero: it runs
	whole bool      // a finish reason came, or [DONE]

	counted int // by the server, when it last told
	events  int // since then
}

func (a *answer) tokens() int { return a.counted + a.events }

func (a *answer) figures(now time.Time) Answer {
	if !a.ended.IsZero() {
		now = a.ended
	}
	out := Answer{ID: a.id, Tokens: a.tokens(), Seconds: now.Sub(a.began).Seconds()}
	out.Done, out.Cut = !a.ended.IsZero() && a.whole, !a.ended.IsZero() && !a.whole
	if out.Seconds > 0 {
		out.Rate = float64(out.Tokens) / out.Seconds
	}
	if !a.first.IsZero() {
		out.TTFT = a.first.Sub(a.began).Seconds()
	}
	return out
}

// count notes an event of an answer's stream.
func (r *Relay) count(a *answer, e event) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	before := a.tokens()
	a.whole = a.whole || e.last
	if e.content {
		a.events++
		if a.first.IsZero() {
			a.first = now
		}
	}
	if e.tokens > 0 {
		a.counted, a.events = e.tokens, 0
	}
	r.rate.add(now, max(0, a.tokens()-before))
}

// rate counts tokens of the last moments.
type rate struct {
	tokens [slots]int
	newest int64 // number of the newest slot, in slots since 1970
}

func (r *rate) slot(now time.Time) int64 { return now.UnixNano() / int64(window/slots) }

// forward empties the slots that have become too old.
func (r *rate) forward(now time.Time) {
	at := r.slot(now)
	for n := max(r.newest+1, at-slots+1); n <= at; n++ {
		r.tokens[n%slots] = 0
	}
	r.newest = max(r.newest, at)
}

func (r *rate) add(now time.Time, tokens int) {
	r.forward(now)
	r.tokens[r.newest%slots] += tokens
}

// per returns the tokens a second.
func (r *rate) per(now time.Time) float64 {
	r.forward(now)
	sum := 0
	for _, n := range r.tokens {
		sum += n
	}
	return float64(sum) / window.Seconds()
}

// State returns what is going on now, and has [Relay.Run] look at the server's queue: the next call
// knows it.
func (r *Relay) State() State {
	select {
	case r.looked <- struct{}{}:
	default: // asked already
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := State{Knob: r.Knob(), Rate: r.rate.per(now), Answers: []Answer{}}
	for _, a := range slices.Backward(r.answers) {
		if a.ended.IsZero() {
			s.Running++
		}
		if len(s.Answers) < MostAnswers {
			s.Answers = append(s.Answers, a.figures(now))
		}
	}
	if now.Sub(r.readAt) < stale && s.Knob != Dead {
		s.Waiting = r.waiting
	}
	return s
}

// Run looks at the server's queue while somebody asks for the state, until ctx ends. Whoever does
// not look costs the server nothing.
func (r *Relay) Run(ctx context.Context) {
	if r.cfg.Waiting == nil {
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.looked:
		}
		n, err := r.cfg.Waiting(ctx)
		r.mu.Lock()
		r.waiting, r.readAt = nil, time.Now()
		if err == nil {
			r.waiting = &n
		}
		r.mu.Unlock()
		timer.Reset(lookAfter)
		if errors.Is(err, errors.ErrUnsupported) {
			timer.Reset(silentAfter)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}
