package pace

import (
	"cmp"
	"slices"
	"time"
)

// core decides. It is a pure state machine: all that it knows comes in as values with their times,
// and it starts nothing. It is not safe for concurrent use.
type core struct {
	share    float64
	scale    float64 // multiplies limits that perMin does not name; below 1: 1
	perMin   map[Method]int
	methods  map[Method]*limiter
	channels map[string]*limiter   // limits posts, by channel
	lanes    []*lane               // in the order of opening
	reasons  [continuation + 1]int // calls made, by reason
	asked    []time.Time           // when the answers of the last minute were opened
	answers  *durations            // from being asked to the last token
	texts    *durations            // from the first text to the last token
	latency  float64               // seconds of a call, smoothed
	speed    float64               // characters a second that the model writes, smoothed
	flying   int                   // calls under way
	serial   int
}

// lane is the core's state of one answer.
type lane struct {
	serial  int
	channel string
	opened  time.Time
	load    Load
	fresh   bool // load was set after the call under way began

	first   time.Time // when the first text came
	arrived time.Time // when the last text came

	posted bool      // a call has succeeded
	shown  int       // visible characters
	reads  time.Time // when the reader will have read what is visible
	sent   time.Time // when the last call was sent
	paced  time.Time // sent, without the wait for the next piece of text
	oldest time.Time // since when some text is not visible

	closingAt time.Time
	flying    bool
	tries     int       // failed calls in a row
	notBefore time.Time // backoff

	continued bool // the rest went out as a new message
	visible   bool // the complete text can be seen
	visibleAt time.Time
	over      bool
	err       error
	wantText  bool // a call is due, and better after the next piece of text
}

// call is a decision to make a call now.
type call struct {
	lane       *lane
	kind       Kind
	final      bool
	why        reason
	hasText    bool
	oldest     time.Time // of the text that becomes visible
	at         time.Time
	overBucket bool // the window allows it, the bucket does not; see limiter
}

// reason is why a call is made. A smaller reason gets budget first.
type reason int

const (
	final        reason = iota // the answer is complete
	first                      // the first text, or a new page
	read                       // the reader will run out of text
	live                       // the answer should look alive
	cleanup                    // small print and buttons, when all text is visible
	printing                   // small print only
	continuation               // a continuation message
)

func (r reason) String() string {
	return [...]string{"final", "first", "read", "live", "tidy", "print", "continue"}[r]
}

func newCore(perMinute map[Method]int, share float64) *core {
	if share <= 0 || share > 1 {
		share = 1
	}
	return &core{
		share: share, perMin: perMinute, methods: make(map[Method]*limiter), channels: make(map[string]*limiter),
		answers: newDurations(), texts: newDurations(), latency: 0.1, speed: modelSpeed,
	}
}

func (c *core) setShare(share float64) {
	if share <= 0 || share > 1 {
		share = 1
	}
	c.share = share
	for m, l := range c.methods {
		if m.shared() {
			l.share = share
		}
	}
	for _, l := range c.channels {
		l.share = share
	}
}

// limit returns the limiter of a method.
func (c *core) limit(m Method) *limiter {
	l := c.methods[m]
	if l == nil {
		n := c.perMin[m]
		if n <= 0 {
			n = int(float64(limitOf(m)) * max(1, c.scale))
		}
		l = newLimiter(n, 1)
		if m.shared() {
			l.share = c.share
		}
		c.methods[m] = l
	}
	return l
}

// budget returns the limiter that a call of this lane needs.
func (c *core) budget(l *lane, k Kind) *limiter {
	if k.Method() != MethodPost {
		return c.limit(k.Method())
	}
	p := c.channels[l.channel]
	if p == nil {
		p = newPostLimiter(c.share)
		p.window = int(float64(p.window) * max(1, c.scale))
		c.channels[l.channel] = p
	}
	return p
}

// maxChannels is how many channels' post budgets are kept before idle ones are dropped.
const maxChannels = 256

func (c *core) open(now time.Time, channel string) *lane {
	if len(c.channels) > maxChannels {
		for ch, p := range c.channels {
			if p.flying == 0 && p.full(now) && !p.paused.After(now) {
				delete(c.channels, ch)
			}
		}
	}
	c.serial++
	l := &lane{serial: c.serial, channel: channel, opened: now}
	c.lanes = append(c.lanes, l)
	c.asked = append(c.asked, now)
	return l
}

func (c *core) drop(l *lane) {
	if i := slices.Index(c.lanes, l); i >= 0 {
		c.lanes = slices.Delete(c.lanes, i, i+1)
	}
	l.over = true
}

// set stores the newest load. Its text last grew at the time at.
func (c *core) set(now time.Time, l *lane, load Load, at time.Time) {
	if l.over {
		return
	}
	if load.Text > 0 && l.first.IsZero() {
		l.first = at
		l.oldest = at
	}
	if load.Text > l.load.Text {
		if l.load.Text == l.shown {
			l.oldest = at
		}
		l.arrived = at
	}
	closing := l.load.Closing
	l.load, l.fresh = load, true
	l.load.Closing = closing || load.Closing
	if l.load.Closing && !closing {
		c.closing(now, l)
	}
}

// closing records that an answer is complete, and how long it took.
func (c *core) closing(now time.Time, l *lane) {
	l.closingAt, l.tries, l.notBefore = now, 0, time.Time{}
	if l.load.Text == 0 {
		// An error message, or an answer stopped before its first word, shows nothing about how
		// long answers last.
		return
	}
	c.answers.add(now.Sub(l.opened))
	c.texts.add(now.Sub(l.first))
	if d := now.Sub(l.first).Seconds(); d > 0.5 {
		c.speed += (float64(l.load.Text)/d - c.speed) / 8
	}
}

// next returns the kind of call that the lane needs.
func (l *lane) next() Kind {
	if l.load.Next != None {
		return l.load.Next
	}
	if l.posted {
		return Edit
	}
	return Post
}

// done stores the outcome of a call.
func (c *core) done(now time.Time, k call, out Outcome) {
	l := k.lane
	lim := c.budget(l, k.kind)
	c.flying--
	l.flying = false
	l.load = merge(l.load, out.Load, l.fresh)
	if l.load.Closing && l.closingAt.IsZero() {
		c.closing(now, l)
	}
	switch {
	case out.Skipped:
		lim.unspend(k.overBucket)
		// A sender that skips for ever must not spin.
		if l.tries++; l.tries > 1 {
			l.notBefore = now.Add(backoff(l.tries, l.serial))
		}
	case out.RetryAfter > 0:
		lim.refused(now, out.RetryAfter, k.overBucket)
	default:
		lim.accepted(now, k.overBucket)
		if out.Err == nil {
			c.latency += (min(now.Sub(k.at).Seconds(), 5) - c.latency) / 8
		}
	}
	if out.Failed {
		l.over, l.err = true, cmp.Or(out.Err, ErrFailed)
		return
	}
	if out.RetryAfter > 0 {
		return
	}
	if out.Err != nil && !out.Skipped {
		l.tries++
		l.notBefore = now.Add(backoff(l.tries, l.serial))
	}
	if out.Err != nil || out.Skipped && l.load.Dirty {
		if l.load.Closing && l.tries >= maxTries {
			l.over, l.err = true, cmp.Or(out.Err, ErrFailed)
		}
		return
	}
	if out.Skipped {
		l.conclude(now)
		return
	}
	l.tries, l.notBefore = 0, time.Time{}
	l.posted = true
	l.show(now, k, out.Shown)
	if k.kind == Continue {
		l.continued = true
	}
	l.conclude(now)
}

// show records what a call made visible.
func (l *lane) show(now time.Time, k call, shown int) {
	if shown > l.shown {
		l.reads = later(l.reads, now).Add(seconds(float64(shown-l.shown) / readSpeed))
		l.oldest = k.at // newer text came during the call
	}
	l.shown = shown
}

// conclude ends a lane that is complete and has nothing left to show.
func (l *lane) conclude(now time.Time) {
	if !l.load.Closing {
		return
	}
	if !l.visible && (!l.load.Dirty || l.continued && l.shown >= l.load.Text) {
		l.visible, l.visibleAt = true, now
	}
	l.over = l.over || !l.load.Dirty
}

// merge returns the load that counts after a call. set is the newest that Set was given; out is the
// sender's; fresh means that set came after the call was sent.
func merge(set, out Load, fresh bool) Load {
	closing := set.Closing || out.Closing
	switch {
	case !fresh || set.Rev < out.Rev:
	case set.Rev > out.Rev:
		out = set
	case set.Rev == 0:
		out.Text = max(out.Text, set.Text)
		out.Dirty = out.Dirty || set.Dirty
	}
	out.Closing = closing
	return out
}

const (
	// maxTries is how often a final that fails (5xx, time-out) is tried. With the backoff, that
	// takes about 15 s.
	maxTries = 6
	// backoffFirst and backoffMost are the first and the longest pause after a failed call.
	backoffFirst = 500 * time.Millisecond
	backoffMost  = 8 * time.Second
)

// backoff returns a pause that doubles with every try. Its jitter, up to a fifth, comes from the
// lane's number: lanes that failed together do not come back together, and the core stays a
// function of its values.
func backoff(tries, serial int) time.Duration {
	d := min(backoffFirst<<min(tries-1, 8), backoffMost)
	return d - d*time.Duration((serial*7+tries*3)%16)/80
}
