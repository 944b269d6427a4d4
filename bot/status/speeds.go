package status

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"llmbot/llm"
)

const (
	speedsShown = 100 // answers that the interactive speed is taken from
	// speedsKept are enough for twenty minutes of a busy bot; beyond that the charts begin later.
	speedsKept = 5_000
)

// speeds remembers how fast the last answers were. The zero value is ready.
type speeds struct {
	mu   sync.Mutex // guards all below
	last []speed
}

type speed struct {
	at   time.Time
	rate float64 // tok/s, first token included
	ttft time.Duration
}

func (s *speeds) add(r llm.Result, at time.Time) {
	if !r.Usage.Known || r.Usage.CompletionTokens == 0 || r.Elapsed <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == speedsKept {
		s.last = slices.Delete(s.last, 0, speedsKept/10) // seldom, and then some
	}
	s.last = append(s.last, speed{at: at, rate: float64(r.Usage.CompletionTokens) / r.Elapsed.Seconds(), ttft: r.TTFT})
}

// interactive is what one person saw lately.
type interactive struct {
	n            int
	median, slow float64 // tok/s; slow: the slowest 5 %
	ttft, ttft95 time.Duration
}

func (s *speeds) interactive() interactive {
	s.mu.Lock()
	last := slices.Clone(s.last[max(len(s.last)-speedsShown, 0):])
	s.mu.Unlock()
	if len(last) == 0 {
		return interactive{}
	}
	n := len(last)
	out := interactive{n: n}
	slices.SortFunc(last, func(a, b speed) int { return cmp.Compare(a.rate, b.rate) })
	out.median = between(n, 0.5, func(i int) float64 { return last[i].rate })
	out.slow = between(n, 0.05, func(i int) float64 { return last[i].rate })
	slices.SortFunc(last, func(a, b speed) int { return cmp.Compare(a.ttft, b.ttft) })
	ttft := func(i int) float64 { return last[i].ttft.Seconds() }
	out.ttft, out.ttft95 = fromSeconds(between(n, 0.5, ttft)), fromSeconds(between(n, 0.95, ttft))
	return out
}

// between returns a quantile of n sorted values, linear between the two nearest.
func between(n int, q float64, at func(i int) float64) float64 {
	rank := q * float64(n-1)
	i := int(rank)
	j := min(i+1, n-1)
	return at(i) + (rank-float64(i))*(at(j)-at(i))
}

func fromSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// firstTokens returns the median time to first token of the answers that ended after from and not
// after to, in seconds; 0: there were none.
func (s *speeds) firstTokens(from, to time.Time) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in []float64
	for _, v := range s.last {
		if v.at.After(from) && !v.at.After(to) {
			in = append(in, v.ttft.Seconds())
		}
	}
	if len(in) == 0 {
		return 0
	}
	slices.Sort(in)
	return between(len(in), 0.5, func(i int) float64 { return in[i] })
}
