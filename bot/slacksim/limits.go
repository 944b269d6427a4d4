package slacksim

import (
	"math"
	"time"
)

// The calls a minute of Slack's rate tiers (facts: slack.md §1.2). The "+" of Slack's tables,
// unpublished bursts, is left out.
const (
	tierFree = 0   // not limited here: auth.test, chat.getPermalink
	tier1    = 1   // apps.manifest.create
	tier2    = 20  // conversations.list, chat.startStream
	tier3    = 50  // chat.update, conversations.replies
	tier4    = 100 // users.info, chat.postEphemeral
	tierPost = 60  // chat.postMessage: about one a second, per channel
)

const (
	limitWindow = time.Minute
	limitBurst  = 10 // of the token bucket; Slack's real one is unknown
)

// limits counts calls per key (method, or method and channel).
type limits struct {
	kind    Limiter
	windows map[string][]time.Time
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimits(kind Limiter) limits {
	return limits{kind: kind, windows: map[string][]time.Time{}, buckets: map[string]bucket{}}
}

// turn changes how calls are counted from now on. The windows go on; buckets start full.
func (l *limits) turn(kind Limiter) { l.kind, l.buckets = kind, map[string]bucket{} }

// left returns how many calls take would allow now, one after the other; -1: any number.
func (l *limits) left(key string, perMinute int, now time.Time) int {
	switch {
	case perMinute == tierFree || l.kind == LimiterOff:
		return -1
	case l.kind == LimiterBucket:
		return int(l.filled(key, perMinute, now).tokens + 1e-9)
	}
	return max(0, perMinute-len(l.used(key, now)))
}

// filled returns a bucket with the tokens that time has added; one that nobody used is full.
func (l *limits) filled(key string, perMinute int, now time.Time) bucket {
	b, known := l.buckets[key]
	if !known {
		return bucket{tokens: limitBurst, at: now}
	}
	rate := float64(perMinute) / limitWindow.Seconds()
	return bucket{tokens: min(limitBurst, b.tokens+now.Sub(b.at).Seconds()*rate), at: now}
}

// take asks for one call. A refused call costs nothing. retryAfter is in whole seconds, at least 1.
func (l *limits) take(key string, perMinute int, now time.Time) (ok bool, retryAfter int) {
	window := l.used(key, now)
	switch {
	case perMinute == tierFree || l.kind == LimiterOff:
	case l.kind == LimiterBucket:
		b := l.filled(key, perMinute, now)
		// The tolerance covers the float's error, so that a client that waits exactly Retry-After
		// gets through.
		if b.tokens < 1-1e-9 {
			l.buckets[key] = b
			rate := float64(perMinute) / limitWindow.Seconds()
			return false, max(1, int(math.Ceil((1-b.tokens)/rate-1e-6)))
		}
		b.tokens--
		l.buckets[key] = b
	case len(window) >= perMinute:
		wait := window[len(window)-perMinute].Add(limitWindow).Sub(now)
		return false, max(1, int(math.Ceil(wait.Seconds())))
	}
	l.windows[key] = append(window, now)
	return true, 0
}

// used returns the times of the calls of the last minute.
func (l *limits) used(key string, now time.Time) []time.Time {
	w := l.windows[key]
	for len(w) > 0 && now.Sub(w[0]) >= limitWindow {
		w = w[1:]
	}
	if len(w) == 0 {
		delete(l.windows, key)
		return nil
	}
	l.windows[key] = w
	return w
}
