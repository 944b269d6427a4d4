package pace

import (
	"slices"
	"time"
)

const (
	// minute is the span over which Slack's tiers count (docs.slack.dev, rate limits: "per
	// minute").
	minute = time.Minute
	// cautiousBurst is the burst of the token bucket that Slack may be using instead of a window.
	// Its documents tolerate "short bursts" and name no number; ten is what one second of ten busy
	// threads needs.
	cautiousBurst = 10
	// farBelow is the part of the window below which a refusal cannot come from a window, so that
	// it comes from a bucket. (A bucket with a burst allows up to 60 in its first minute, so it may
	// look like a full window at first. Then the second refusal within a minute shows that it is a
	// bucket.)
	farBelow = 0.9
	// smoothFirst is how long a learned bucket is believed before the window is tried again. Each
	// time the trial fails the span doubles, up to smoothMost.
	smoothFirst = 5 * time.Minute
	smoothMost  = time.Hour
	// maxProbes is how many calls that only the window allows may be under way, until Slack has
	// taken probesToTrust of them, and so surely counts a window. A wrong guess then costs that
	// many refusals, not one for each call that was on its way.
	maxProbes     = 2
	probesToTrust = 10
	// slower is the part of the believed rate that remains when Slack refuses even smooth pacing,
	// because somebody else spends too.
	slower = 0.8
	// postsAMinute is the rate of posts in a channel: "about one message a second per channel,
	// short bursts tolerated".
	postsAMinute = 60
)

// limitOf returns the calls a minute and workspace in Slack's tier of a method (docs.slack.dev,
// method pages, August 2026).
func limitOf(m Method) int {
	switch m {
	case MethodStart, MethodStop:
		return 20 // tier 2
	case MethodAppend, "users.info", "files.info", "chat.postEphemeral":
		return 100 // tier 4
	}
	return 50 // tier 3: chat.update, chat.delete, conversations.replies, …
}

// limiter is what we believe about Slack's limiter for one method, or for the posts of one channel.
// It always keeps two models. The sliding window is believed at first; the token bucket is believed
// for a while after a refusal that the window cannot explain. Calls that can wait must fit both.
type limiter struct {
	window int  // calls in any minute; 0: no window
	only   bool // there is no window, only the bucket
	share  float64

	flying int         // calls under way: Slack may count them at any moment before their return
	past   []time.Time // when the calls of the last minute returned, sorted
	uses   []made      // those of them that were made for somebody, sorted

	overBucket int // calls under way that the bucket did not allow
	taken      int // such calls that Slack has taken since its last refusal

	paused      time.Time // no call before this time
	lastRefusal time.Time

	burst, level, slow float64   // of the bucket; slow scales its rate
	at                 time.Time // of level

	smooth    time.Time     // the bucket is believed until then
	smoothFor time.Duration // the last span of that
}

// made is a call that was made for a person.
type made struct {
	person string
	until  time.Time // it is of the last minute until then
}

func newLimiter(perMinute int, share float64) *limiter {
	return &limiter{window: perMinute, share: share, burst: cautiousBurst, level: cautiousBurst, slow: 1}
}

// newPostLimiter returns the limiter of one channel's posts.
func newPostLimiter(share float64) *limiter {
	l := newLimiter(postsAMinute, share)
	l.only = true
	return l
}

// rate returns the bucket's refill a second.
func (l *limiter) rate() float64 {
	return float64(l.window) * l.share * l.slow / minute.Seconds()
}

// cap returns the window's size.
func (l *limiter) cap() int { return max(1, int(float64(l.window)*l.share)) }

func (l *limiter) size() float64 { return max(1, l.burst*l.share) }

// full reports whether the bucket is full, so that it does not refill any more.
func (l *limiter) full(now time.Time) bool {
	l.move(now)
	return l.level > l.size()-1e-6
}

// move brings the bucket and the window up to now.
func (l *limiter) move(now time.Time) {
	if !l.at.IsZero() && now.After(l.at) {
		l.level = min(l.size(), l.level+l.rate()*now.Sub(l.at).Seconds())
	}
	l.level = min(l.level, l.size())
	l.at = later(l.at, now)
	old, edge := 0, now.Add(-minute)
	for old < len(l.past) && !l.past[old].After(edge) {
		old++
	}
	l.past = slices.Delete(l.past, 0, old)
	l.uses = slices.DeleteFunc(l.uses, func(u made) bool { return !u.until.After(now) })
	if !l.smooth.IsZero() && !now.Before(l.smooth) {
		l.smooth, l.burst, l.slow = time.Time{}, cautiousBurst, 1
	}
}

// bucketed reports whether the bucket is believed.
func (l *limiter) bucketed() bool { return l.only || !l.smooth.IsZero() }

// windowWithin returns how many calls the window allows up to now+h.
func (l *limiter) windowWithin(now time.Time, h time.Duration) int {
	n := l.cap() - l.flying - len(l.past)
	for _, t := range l.past {
		if t.Add(minute).After(now.Add(h)) {
			break
		}
		n++
	}
	return n
}

// within returns how many calls can be made up to now+h, by the model that is believed; with h = 0,
// at once.
func (l *limiter) within(now time.Time, h time.Duration) int {
	l.move(now)
	if l.paused.After(now.Add(h)) {
		return 0
	}
	if l.bucketed() {
		return l.cautious(now, h)
	}
	return l.windowWithin(now, h)
}

// can reports whether a call may be made now. Calls that only the window allows go a few at a time
// at first; the next go when these return.
func (l *limiter) can(now time.Time) bool {
	if l.within(now, 0) < 1 {
		return false
	}
	return l.bucketed() || l.level >= 1 || l.taken >= probesToTrust || l.overBucket < maxProbes
}

// shares reports whether it is within a person's share that a call is made for them now: they have
// made fewer calls in the last minute than the window has left. So one alone gets half of the
// window, the second half of what is left, and so on: somebody who has made none finds a call left
// behind any number of others (a dynamic threshold, as switches have it for the queues that share a
// buffer). What is nobody's has no share of its own.
func (l *limiter) shares(now time.Time, person string) bool {
	l.move(now)
	if person == "" {
		return true
	}
	had := 0
	for _, u := range l.uses {
		if u.person == person {
			had++
		}
	}
	return had < l.windowWithin(now, 0)
}

// used records that a call was made for a person.
func (l *limiter) used(now time.Time, person string) {
	if person != "" {
		l.uses = append(l.uses, made{person, now.Add(minute)})
	}
}

// unused takes back the newest call that was recorded for a person.
func (l *limiter) unused(person string) {
	for i, u := range slices.Backward(l.uses) {
		if u.person == person {
			l.uses = slices.Delete(l.uses, i, i+1)
			return
		}
	}
}

// sharesAt returns when the shares of people may have grown next: when a call leaves the window.
func (l *limiter) sharesAt(now time.Time) time.Time {
	l.move(now)
	if len(l.past) == 0 {
		return now.Add(takeTime)
	}
	return l.past[0].Add(minute)
}

// spare reports whether a call may be made now out of so large a part of the budget.
func (l *limiter) spare(now time.Time, part float64) bool {
	if !l.can(now) || !l.only && float64(len(l.past)+l.flying) >= part*float64(l.cap()) {
		return false
	}
	return !l.bucketed() || l.level-1 >= (1-part)*l.size()
}

// cautious is like within, under both models.
func (l *limiter) cautious(now time.Time, h time.Duration) int {
	l.move(now)
	if l.paused.After(now.Add(h)) {
		return 0
	}
	n := int(l.level + l.rate()*h.Seconds() + 1e-6)
	if l.only {
		return n
	}
	return min(n, l.windowWithin(now, h))
}

// soonest returns when the n-th call from now (n >= 1) can be made, by the model that is believed.
func (l *limiter) soonest(now time.Time, n int) time.Time {
	l.move(now)
	at := now
	if l.paused.After(at) {
		at = l.paused
	}
	if !l.only {
		switch free := l.cap() - l.flying - len(l.past); {
		case n <= free:
		case n-free <= len(l.past):
			at = later(at, l.past[n-free-1].Add(minute))
		default:
			at = later(at, now.Add(minute))
		}
	}
	if l.bucketed() && l.level < float64(n) {
		wait := (float64(n) - l.level) / l.rate()
		at = later(at, now.Add(time.Duration(wait*float64(time.Second))+time.Microsecond))
	}
	return at
}

// spend counts a call that is sent now. It reports whether only the window allows the call;
// unspend, accepted or refused must be told the same when the call ends.
func (l *limiter) spend(now time.Time) (overBucket bool) {
	l.move(now)
	l.flying++
	overBucket = l.level < 1 && !l.bucketed()
	if overBucket {
		l.overBucket++
	}
	l.level = max(0, l.level-1)
	return overBucket
}

// landed counts a call that is no longer under way.
func (l *limiter) landed(overBucket bool) {
	l.flying--
	if overBucket {
		l.overBucket--
	}
}

// unspend takes back a call that was not made.
func (l *limiter) unspend(overBucket bool) {
	l.landed(overBucket)
	l.level = min(l.size(), l.level+1)
}

// accepted records that Slack took a call, which returned now. Slack counted the call before now,
// so its place is free again a minute from now at the latest; that makes the window exact without a
// margin.
func (l *limiter) accepted(now time.Time, overBucket bool) {
	l.landed(overBucket)
	if overBucket {
		l.taken++
	}
	if !l.only {
		i, _ := slices.BinarySearchFunc(l.past, now, time.Time.Compare)
		l.past = slices.Insert(l.past, i, now)
	}
}

// refused records that Slack refused a call, and corrects the model by it.
func (l *limiter) refused(now time.Time, after time.Duration, overBucket bool) {
	l.move(now)
	l.landed(overBucket)
	l.taken = 0
	fresh := !now.Before(l.paused) // else one of several that were under way together
	l.paused = later(l.paused, now.Add(after))
	if !fresh {
		return
	}
	again := !l.lastRefusal.IsZero() && now.Sub(l.lastRefusal) < minute
	l.lastRefusal = now
	if used := len(l.past) + l.flying; !l.bucketed() && !again && float64(used) >= farBelow*float64(l.cap()) {
		// It is the window, or others spend of it too; the pause is enough.
		return
	}
	if l.bucketed() {
		if !l.only {
			l.slow *= slower
		}
	} else {
		l.smoothFor = min(max(smoothFirst, 2*l.smoothFor), smoothMost)
		l.smooth = now.Add(l.smoothFor)
	}
	if !l.only {
		l.burst = min(l.burst, max(1, l.drained(now)/l.share))
	}
	l.level = max(0, 1-l.rate()*after.Seconds()) // Slack has named the time of the next call
}

// drained returns the largest excess of the last minute's calls over the refill: what the bucket
// held before it was empty.
func (l *limiter) drained(now time.Time) float64 {
	most := 0.0
	for i, t := range l.past {
		most = max(most, float64(len(l.past)-i+l.flying)-l.rate()*now.Sub(t).Seconds())
	}
	return most
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
