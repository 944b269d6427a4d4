package pace

import (
	"math"
	"slices"
	"time"
)

// durations records how long the last hundred answers took, and derives what to expect of others.
type durations struct {
	ring   []float64 // seconds, in the order of ending
	sorted []float64
}

const (
	// remembered is how many answers are recorded: enough for a 90th percentile, few enough to
	// follow a change of model within the hour.
	remembered = 100
	// trusted is how many answers replace the guess.
	trusted = 10
)

// guess returns what is assumed before answers were seen: chat answers of 100 to 1,000 tokens at 50
// a second.
func guess() []float64 { return []float64{1, 2, 3, 4, 6, 8, 10, 11, 12, 12} }

func newDurations() *durations { return &durations{sorted: guess()} }

func (e *durations) add(d time.Duration) {
	e.ring = append(e.ring, d.Seconds())
	if len(e.ring) > remembered {
		e.ring = slices.Delete(e.ring, 0, 1)
	}
	e.sorted = slices.Clone(e.ring)
	if len(e.ring) < trusted {
		e.sorted = append(e.sorted, guess()...)
	}
	slices.Sort(e.sorted)
}

// quantile returns the duration that the part q of answers does not exceed.
func (e *durations) quantile(q float64) time.Duration {
	i := min(int(q*float64(len(e.sorted))), len(e.sorted)-1)
	return seconds(e.sorted[i])
}

// above returns how many of the recorded answers took longer than d seconds.
func (e *durations) above(d float64) int {
	i, found := slices.BinarySearch(e.sorted, d)
	for found && i < len(e.sorted) && e.sorted[i] == d {
		i++
	}
	return len(e.sorted) - i
}

// chance returns the probability that an answer of this age ends within h.
func (e *durations) chance(age, h time.Duration) float64 {
	left := e.above(age.Seconds())
	// It lasts longer than any other did. It is as likely as not to last as long again.
	if left == 0 {
		return h.Seconds() / (h.Seconds() + max(1, age.Seconds()))
	}
	return 1 - float64(e.above((age+h).Seconds()))/float64(left)
}

// expectedEndings returns how many answers, of one asked a second, are expected to begin and end
// within h.
func (e *durations) expectedEndings(h time.Duration) float64 {
	sum := 0.0
	for _, d := range e.sorted {
		sum += max(0, h.Seconds()-d)
	}
	return sum / float64(len(e.sorted))
}

func seconds(s float64) time.Duration {
	return time.Duration(math.Min(s, 1e6) * float64(time.Second))
}
