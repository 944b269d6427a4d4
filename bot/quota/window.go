package quota

import (
	"slices"
	"time"
)

// Times are kept in steps: all that was used in one step counts until the last of it is old enough.
const (
	minuteStep = 250 * time.Millisecond
	dayStep    = 30 * time.Minute
)

// tally is how much was used, and when last: Unix milliseconds and a number.
type tally [2]int64

// window is a rolling span of time. Its methods are pure. Their lists are sorted, the oldest first,
// and have at most span/step + 1 tallies.
type window struct{ span, step time.Duration }

func minute() window { return window{time.Minute, minuteStep} }
func day() window    { return window{24 * time.Hour, dayStep} }

// drop returns a list without what is too old to count. What a clock that is ahead has noted counts
// from now on: else it would count for too long.
func (w window) drop(list []tally, now time.Time) []tally {
	var out []tally
	for _, t := range list {
		t[0] = min(t[0], now.UnixMilli())
		if w.end(t).After(now) && t[1] > 0 {
			out = append(out, t)
		}
	}
	return out
}

// add counts n more, in a list without what is too old.
func (w window) add(list []tally, now time.Time, n int) []tally {
	at, step := now.UnixMilli(), w.step.Milliseconds()
	list = slices.Clone(list)
	if last := len(list) - 1; last >= 0 && list[last][0]/step == at/step {
		list[last] = tally{at, list[last][1] + int64(n)}
		return list
	}
	return append(list, tally{at, int64(n)})
}

// until returns when less than limit is left.
func (w window) until(list []tally, limit int) (at time.Time) {
	left := sum(list)
	for _, t := range list {
		if left < limit {
			break
		}
		left -= int(t[1])
		at = w.end(t)
	}
	return at
}

// end returns when a tally does not count any more.
func (w window) end(t tally) time.Time { return time.UnixMilli(t[0]).Add(w.span) }

func sum(list []tally) int {
	n := 0
	for _, t := range list {
		n += int(t[1])
	}
	return n
}
