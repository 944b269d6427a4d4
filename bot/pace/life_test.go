package pace

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// inLife is the Sender of an answer of the simulated world, in virtual time but with the real
// Scheduler.
type inLife struct {
	w     *world
	began time.Time
	slack *sync.Mutex // guards the world's limiters
	a     *answer

	mu   sync.Mutex // guards all below
	load Load
}

func (s *inLife) now() float64 { return time.Since(s.began).Seconds() }

func (s *inLife) Send(_ context.Context, k Kind, final bool) Outcome {
	s.mu.Lock()
	text := s.load.Text
	s.mu.Unlock()
	tokens := int(float64(text)/simChars + 1e-9)
	s.slack.Lock()
	try := s.w.post
	if k == Edit {
		try = s.w.edit
	}
	retry := try(s.now(), s.a)
	before := s.a.visible()
	s.slack.Unlock()
	if retry > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return Outcome{Shown: chars(before), Load: s.load, RetryAfter: seconds(retry)}
	}
	<-time.After(seconds(simLatency))
	s.slack.Lock()
	s.a.show(s.now(), tokens)
	if k == Continue {
		s.a.continued++
	}
	s.slack.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load.Next = Edit
	s.load.Rev++
	s.load.Dirty = s.load.Text > text || s.load.Closing && !final || k == Continue
	return Outcome{Shown: text, Load: s.load}
}

// push is the draft: the text of so many tokens.
func (s *inLife) push(tokens int, closing bool) Load {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.load.Text, s.load.Dirty, s.load.Closing = chars(tokens), true, closing
	s.load.Rev++
	return s.load
}

// inBubble runs a world with the real Scheduler.
func inBubble(t *testing.T, w *world) figures {
	t.Helper()
	w.start()
	s := start(t, Config{Senders: 64})
	began := time.Now()
	var slack sync.Mutex
	var wg sync.WaitGroup
	for _, a := range w.answers {
		wg.Go(func() {
			<-time.After(seconds(a.asked))
			snd := &inLife{w: w, began: began, slack: &slack, a: a}
			l := s.Open(fmt.Sprint(a.channel), snd)
			for i := range a.n - 1 {
				<-time.After(seconds(a.born(i)) - time.Since(began))
				l.Set(snd.push(i+1, false))
			}
			<-time.After(seconds(a.born(a.n-1)) - time.Since(began))
			if err := l.Close(t.Context(), snd.push(a.n, true)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if err := s.Idle(t.Context()); err != nil {
		t.Error(err)
	}
	return w.figures()
}

// TestSchedulerKeepsWhatTheSimulationPromises runs loads of the table of issue 5 with the real
// goroutines.
func TestSchedulerKeepsWhatTheSimulationPromises(t *testing.T) {
	loads := make(map[string]scenario)
	for _, s := range scenarios() {
		loads[s.name] = s
	}
	for _, g := range goals() {
		t.Run(fmt.Sprintf("%s, burst %d", g.name, g.burst), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := inBubble(t, loads[g.name].world(g.burst, 1))
				t.Logf("first %.3f stale %.3f stall %.3f lag %.2f/%.2f calls %.1f 429s %d continued %d", f.first, f.stale, f.stall, f.lag, f.lagMax, f.calls, f.refused, f.continued)
				g.check(t, f)
			})
		})
	}
}
