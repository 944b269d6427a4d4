package status

import (
	"testing"
	"time"

	"llmbot/llm"
)

func TestSpeeds(t *testing.T) {
	var s speeds
	s.add(llm.Result{}, time.Time{})
	if s.interactive().n != 0 {
		t.Error("counted nothing")
	}
	for i := range 150 {
		s.add(llm.Result{Usage: llm.Usage{Known: true, CompletionTokens: i + 1}, Elapsed: time.Second, TTFT: time.Duration(i+1) * time.Millisecond}, time.Time{})
	}
	if got := s.interactive(); got.n != 100 || got.median != 100.5 || got.slow != 55.95 || got.ttft95.Round(10*time.Microsecond) != 145050*time.Microsecond {
		t.Errorf("%+v", got)
	}
	s = speeds{}
	for _, n := range []int{38, 15} {
		s.add(llm.Result{Usage: llm.Usage{Known: true, CompletionTokens: n}, Elapsed: time.Second, TTFT: time.Second}, time.Time{})
	}
	if got := s.interactive(); got.median != 26.5 || got.ttft95 != time.Second {
		t.Errorf("of two: %+v", got)
	}
}
