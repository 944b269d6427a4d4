package bot

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"llmbot/llm"
)

const speedsKept = 100 // answers that the interactive speed is taken from

// speeds remembers how fast the last answers were. The zero value is ready.
type speeds struct {
	mu   sync.Mutex // guards all below
	last []speed
}

type speed struct {
	rate float64 // tok/s, first token included
	ttft time.Duration
}

func (s *speeds) add(r llm.Result) {
	if !r.Usage.Known || r.Usage.CompletionTokens == 0 || r.Elapsed <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.last) == speedsKept {
		s.last = slices.Delete(s.last, 0, 1)
	}
	s.last = append(s.last, speed{rate: float64(r.Usage.CompletionTokens) / r.Elapsed.Seconds(), ttft: r.TTFT})
}

// interactive is what one person saw lately.
type interactive struct {
	n            int
	median, slow float64 // tok/s; slow: the slowest 5 %
	ttft, ttft95 time.Duration
}

func (s *speeds) interactive() interactive {
	s.mu.Lock()
	last := slices.Clone(s.last)
	s.mu.Unlock()
	if len(last) == 0 {
		return interactive{}
	}
	n := len(last)
	at := func(q float64) int { return min(int(q*float64(n)), n-1) }
	out := interactive{n: n}
	slices.SortFunc(last, func(a, b speed) int { return cmp.Compare(a.rate, b.rate) })
	out.median, out.slow = last[at(0.5)].rate, last[at(0.05)].rate
	slices.SortFunc(last, func(a, b speed) int { return cmp.Compare(a.ttft, b.ttft) })
	out.ttft, out.ttft95 = last[at(0.5)].ttft, last[at(0.95)].ttft
	return out
}
