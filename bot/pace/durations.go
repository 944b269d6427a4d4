package pace

import (
	"math"
	"slices"
	"time"
)

// ends knows how long answers last: the last hundred, from being asked to the last token.
type durations struct {
	ring   []float64 // seconds, in order of ending
	sorted []float64
}

const (
	// remembered is how many answers ends knows: enough for a 90th percentile, few enough to follow a
	// change of model within the hour.
	remembered = 100
	// trusted is how many answers it takes to forget the guess.
	trusted = 10
)

// guess is what is assumed before answers were seen: chat answers of 100 to 1,000 tokens at 50 a second.
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

// quantile is the duration that the part q of answers does not exceed.
func (e *durations) quantile(q float64) time.Duration {
	i := min(int(q*float64(len(e.sorted))), len(e.sorted)-1)
	return seconds(e.sorted[i])
}

// above is how many of the known answers lasted longer than d.
func (e *durations) above(d float64) int {
	i, found := slices.BinarySearch(e.sorted, d)
	for found && i < len(e.sorted) && e.sorted[i] == d {
		i++
	}
	return len(e.sorted) - i
}

// chance is the probability that an answer of this age ends within h.
func (e *durations) chance(age, h time.Duration) float64 {
	left := e.above(age.Seconds())
	if left == 0 { // longer than any: as likely as not to last as long again
		return h.Seconds() / (h.Seconds() + max(1, age.Seconds()))
	}
	return 1 - float64(e.above((age+h).Seconds()))/float64(left)
}

// early is the expected number of answers, of one asked a second, that begin and end within h.
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
