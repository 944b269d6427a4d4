package pace

import (
	"time"
)

// Snapshot is the state of a Scheduler at one moment, for /debug/pace. It marshals to JSON;
// durations are in seconds.
type Snapshot struct {
	Methods map[Method]Budget `json:"methods"`
	// Channels are the post budgets of the channels in use.
	Channels map[string]Budget `json:"channels"`
	Lanes    []LaneState       `json:"lanes"`
	// Calls counts the calls made so far by reason; Hooks.Call has the reasons.
	Calls map[string]int `json:"calls"`
	// Flying is the number of calls under way.
	Flying int `json:"flying"`
	// Share is this process's part of the budget.
	Share float64 `json:"share"`
	// Latency is that of a call, Speed the characters a second that the model writes, and Lasts how
	// long the text of nine out of ten answers grows, all as measured.
	Latency float64 `json:"latency_s"`
	Speed   float64 `json:"chars_per_s"`
	Lasts   float64 `json:"answer_s"`
	// PostWait is how long a first post waits now; Lively is the time between two edits that only
	// make an answer look alive.
	PostWait float64 `json:"post_wait_s"`
	Lively   float64 `json:"lively_s"`
}

// Budget is what the scheduler believes about one limiter.
type Budget struct {
	Now      int     `json:"now"`          // calls that could be made at once
	InMinute int     `json:"in_minute"`    // calls in the last minute and under way
	Model    string  `json:"model"`        // window or bucket
	Burst    float64 `json:"burst"`        // of the bucket
	Paused   float64 `json:"paused_s"`     // what is left of a Retry-After
	Smooth   float64 `json:"bucket_for_s"` // how much longer the bucket is believed
	Waiting  int     `json:"waiting"`      // callers of Take
}

// LaneState is the state of one answer.
type LaneState struct {
	Channel   string  `json:"channel"`
	Age       float64 `json:"age_s"`
	Text      int     `json:"text"`
	Shown     int     `json:"shown"`
	Next      string  `json:"next"`
	Dirty     bool    `json:"dirty"`
	Closing   bool    `json:"closing"`
	Flying    bool    `json:"flying"`
	ReadsFor  float64 `json:"reads_for_s"` // seconds of reading that are visible and unread
	Tries     int     `json:"tries"`
	Continued bool    `json:"continued"`
}

// Snapshot returns the state now. It waits for no call.
func (s *Scheduler) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, c := time.Now(), s.core
	p := c.plan(now)
	snap := Snapshot{
		Methods: make(map[Method]Budget), Channels: make(map[string]Budget), Lanes: []LaneState{},
		Calls:  make(map[string]int),
		Flying: c.flying, Share: c.share, Latency: c.latency, Speed: c.speed,
		Lasts: c.texts.quantile(longAnswer).Seconds(), PostWait: p.wait.Seconds(), Lively: p.lively[MethodEdit].Seconds(),
	}
	for why, n := range c.reasons {
		snap.Calls[reason(why).String()] = n
	}
	for m, l := range c.methods {
		b := l.snapshot(now)
		if q := s.queues[m]; q != nil {
			b.Waiting = q.ring.Len()
		}
		snap.Methods[m] = b
	}
	for ch, l := range c.channels {
		snap.Channels[ch] = l.snapshot(now)
	}
	for _, l := range c.lanes {
		snap.Lanes = append(snap.Lanes, LaneState{
			Channel: l.channel, Age: now.Sub(l.opened).Seconds(), Text: l.load.Text, Shown: l.shown, Next: l.next().String(),
			Dirty: l.load.Dirty, Closing: l.load.Closing, Flying: l.flying, ReadsFor: max(0, l.reads.Sub(now).Seconds()),
			Tries: l.tries, Continued: l.continued,
		})
		if l.reads.IsZero() {
			snap.Lanes[len(snap.Lanes)-1].ReadsFor = 0
		}
	}
	return snap
}

func (l *limiter) snapshot(now time.Time) Budget {
	b := Budget{Now: l.within(now, 0), InMinute: len(l.past) + l.flying, Model: "window", Burst: l.size()}
	if l.bucketed() {
		b.Model = "bucket"
	}
	b.Paused = max(0, l.paused.Sub(now).Seconds())
	b.Smooth = max(0, l.smooth.Sub(now).Seconds())
	return b
}
