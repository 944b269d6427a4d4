package status

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"llmbot/llm"
)

const (
	// pollEvery is how often the server's metrics are read (issue 8).
	pollEvery = 5 * time.Second
	// historyKept is how far back the charts reach.
	historyKept = 20 * time.Minute
	// busyPolls is how many readings in a row must find requests waiting until the server counts as
	// overloaded: one alone is a burst.
	busyPolls = 3
)

// serverState is how the model server is doing, in one word.
type serverState string

const (
	stateUp         serverState = "up"
	stateLoading    serverState = "loading"
	stateOverloaded serverState = "overloaded"
	stateDown       serverState = "down"
)

// reading is one look at the server.
type reading struct {
	at      time.Time
	metrics llm.Metrics
}

// monitor knows how the server was in the last 20 minutes.
type monitor struct {
	mu       sync.Mutex // guards all below
	readings []reading  // oldest first; only those with metrics
	state    serverState
	since    time.Time // of state; zero: nothing is known yet
	failure  error     // why it is not up
	waiting  int       // readings in a row with requests waiting
}

// take records a reading: metrics, if there were any, and the error if the server did not answer.
func (m *monitor) take(now time.Time, metrics llm.Metrics, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if metrics.Known && err == nil {
		metrics.At = now
		m.readings = append(m.readings, reading{now, metrics})
		if old := slices.IndexFunc(m.readings, func(r reading) bool { return now.Sub(r.at) <= historyKept+pollEvery }); old > 0 {
			m.readings = slices.Delete(m.readings, 0, old)
		}
	}
	if metrics.Waiting > 0 {
		m.waiting++
	} else {
		m.waiting = 0
	}
	state := stateOf(err)
	if state == stateUp && m.waiting >= busyPolls {
		state = stateOverloaded
	}
	m.failure = err
	if state != m.state {
		m.state, m.since = state, now
	}
}

// stateOf returns the state that an error means.
func stateOf(err error) serverState {
	if err == nil {
		return stateUp
	}
	if e, ok := errors.AsType[*llm.Error](err); ok {
		switch e.Kind {
		case llm.KindLoading:
			return stateLoading
		case llm.KindOverloaded:
			return stateOverloaded
		default:
		}
	}
	return stateDown
}

// now returns the state, and since when it is so.
func (m *monitor) now() (state serverState, since time.Time, failure error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state, m.since, m.failure
}

// span returns the readings of the last d, oldest first, and the one before them.
func (m *monitor) span(now time.Time, d time.Duration) []reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	from := slices.IndexFunc(m.readings, func(r reading) bool { return now.Sub(r.at) <= d })
	if from < 0 {
		return nil
	}
	return slices.Clone(m.readings[max(from-1, 0):])
}

// Run reads the server's metrics every few seconds until ctx ends.
func (b *Board) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		metrics, _, err := b.readServer(ctx)
		if ctx.Err() != nil {
			return
		}
		b.monitor.take(time.Now(), metrics, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// readServer reads the server's metrics, where it has some, and its model. It returns an error if
// the server is not there.
func (b *Board) readServer(ctx context.Context) (llm.Metrics, llm.ModelInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	var (
		all               sync.WaitGroup
		metrics           llm.Metrics
		model             llm.ModelInfo
		metrErr, modelErr error
	)
	all.Go(func() { metrics, metrErr = b.cfg.Server.Metrics(ctx) })
	all.Go(func() { model, modelErr = b.cfg.Server.Model(ctx, "") })
	all.Wait()
	switch {
	case metrErr == nil:
		return metrics, model, nil
	case modelErr != nil:
		return metrics, model, modelErr
	case away(metrErr) != nil: // the model may be known from before
		return metrics, model, metrErr
	}
	return metrics, model, nil // a server without metrics
}

// throughput is what the server wrote for everybody.
type throughput struct {
	known    bool          // there were metrics
	tokens   float64       // generated
	busy     time.Duration // in which a request ran
	requests float64       // at once, on average over busy
}

// rate returns the system throughput in tokens a second; 0 if the server was idle.
func (t throughput) rate() float64 {
	if t.busy <= 0 {
		return 0
	}
	return t.tokens / t.busy.Seconds()
}

// throughputOf adds up readings. A request that began or ended between two of them ran for a part
// of that interval. The part is judged by its tokens, compared with those of intervals in which
// requests ran all the time. Where there is none, alone stands for it: what one request brings in a
// second.
func throughputOf(readings []reading, alone float64) throughput {
	var out throughput
	type edge struct {
		tokens, running float64
		d               time.Duration
	}
	var edges []edge
	// full is the highest rate of an interval at both ends of which requests ran; shared is requests
	// times seconds.
	full, shared := 0.0, 0.0
	for i := 1; i < len(readings); i++ {
		a, b := readings[i-1].metrics, readings[i].metrics
		r := llm.Rates(a, b, readings[i].at.Sub(readings[i-1].at))
		if !r.Known {
			continue
		}
		out.known = true
		tokens := b.GenerationTokens - a.GenerationTokens
		out.tokens += tokens
		switch {
		case a.Running > 0 && b.Running > 0:
			out.busy += r.Interval
			shared += (a.Running + b.Running) / 2 * r.Interval.Seconds()
			full = max(full, r.GenerationRate)
		case tokens > 0 || a.Running > 0 || b.Running > 0:
			edges = append(edges, edge{tokens, max(a.Running, b.Running, 1), r.Interval})
		}
	}
	if full == 0 {
		full = alone
	}
	for _, e := range edges {
		busy := e.d.Seconds() * part(e.tokens, e.d, full)
		out.busy += time.Duration(busy * float64(time.Second))
		shared += e.running * busy
	}
	if out.busy > 0 {
		out.requests = max(shared/out.busy.Seconds(), 1)
	}
	return out
}

// part returns how much of an interval was busy, judged by its tokens.
func part(tokens float64, d time.Duration, full float64) float64 {
	if full <= 0 || d <= 0 {
		return 1
	}
	return min(tokens/d.Seconds()/full, 1)
}
