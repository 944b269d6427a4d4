package slacksim

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The errors of knobs.
var (
	ErrLimiterNotFound = errors.New("no such limiter: it is window, bucket or off")
	ErrEventNotFound   = errors.New("no such event was sent")
	ErrNoSocket        = errors.New("no socket is open")
	ErrTooManyWaiting  = errors.New("too many events wait for their acks")
)

// maxWaiting is how many envelopes may be under way for Redeliver to add another: whoever reaches
// the page may press its button as fast as they like.
const maxWaiting = 1000

// Knobs is what may be turned while the workspace runs, besides faults.
type Knobs struct {
	Latency time.Duration // of each accepted call, as Config.Latency
	Limiter Limiter
	// RefuseEdits is until when edits are refused. A time in the past means that they are taken.
	RefuseEdits time.Time
	LoseAcks    bool // every ack is lost
}

// Knobs returns how the knobs stand.
func (s *Sim) Knobs() Knobs {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knobs
}

// SetLatency changes the latency of calls that arrive from now on. A negative one is none.
func (s *Sim) SetLatency(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.Latency = max(0, d)
	s.touchLocked()
}

// SetLimiter changes how calls are counted from now on. The calls of the last minute stay in the
// books: a limiter that is turned on again knows them, and buckets start full. It returns
// ErrLimiterNotFound for an unknown limiter, and changes nothing then.
func (s *Sim) SetLimiter(kind Limiter) error {
	if !kind.Known() {
		return fmt.Errorf("%w, not %q", ErrLimiterNotFound, kind)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.Limiter = kind
	s.limits.turn(kind)
	s.touchLocked()
	return nil
}

// RefuseEdits refuses chat.update and chat.appendStream for a while from now on: 429, with the rest
// of the while in whole seconds as Retry-After, as a limit that others have used up. 0 or less
// takes edits again.
func (s *Sim) RefuseEdits(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.RefuseEdits = time.Now().Add(d)
	s.touchLocked()
}

// LoseAcks turns on that every ack from the app is lost, or off. Events are sent again then, and
// who waits for a command or a click reads that it timed out.
func (s *Sim) LoseAcks(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.knobs.LoseAcks = on
	s.touchLocked()
}

// CutOne ends the oldest open socket without a word, as a broken network does. It returns
// ErrNoSocket if none is open.
func (s *Sim) CutOne() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		if !c.dead {
			_ = c.ws.NetConn().Close()
			return nil
		}
	}
	return ErrNoSocket
}

// Redeliver sends an event once more, even one that was acked, as Slack does when the ack got lost
// on its way: the same event_id, a new envelope_id, and a higher retry_attempt. An empty eventID is
// the newest event that was acked. It returns ErrEventNotFound, ErrNoSocket if no socket is open,
// or ErrTooManyWaiting while 1,000 envelopes are under way.
func (s *Sim) Redeliver(eventID string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var d *delivery
	for _, e := range slices.Backward(s.envelopes.list) {
		if e.Kind == "events_api" && (e.EventID == eventID || eventID == "" && !e.Acked.IsZero()) {
			d = &delivery{kind: e.Kind, typ: e.Type, eventID: e.EventID, payload: e.Payload, attempt: e.Attempt + 1}
			break
		}
	}
	if d == nil {
		return fmt.Errorf("%w: %q", ErrEventNotFound, eventID)
	}
	if len(s.waiting) >= maxWaiting {
		return ErrTooManyWaiting
	}
	if !s.transmitLocked(d) {
		return ErrNoSocket
	}
	s.goLocked(func() { s.insist(d) })
	return nil
}

// refusedEditLocked returns in how many seconds an edit may come again; 0: it may now.
func (s *Sim) refusedEditLocked(method string, now time.Time) int {
	if method != "chat.update" && method != "chat.appendStream" {
		return 0
	}
	return max(0, int(math.Ceil(s.knobs.RefuseEdits.Sub(now).Seconds())))
}

// latency returns the present latency.
func (s *Sim) latency() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knobs.Latency
}

// Budget is what a method used of its rate limit, by the limiter's own books.
type Budget struct {
	Method  string
	Channel string // of a limit that counts per channel, such as chat.postMessage's; else empty
	Used    int    // calls that were taken in the last minute
	Refused int    // calls that were answered with 429 in the last minute, of the newest 5,000 calls
	Limit   int    // calls a minute; 0: none
	Left    int    // calls that would be taken now, one after the other; -1: any number
}

// refusedOf bounds how many calls Budgets looks through for those that were refused.
const refusedOf = 5000

// Budgets returns the budgets of all methods that were called in the last minute. First comes what
// is used up most.
func (s *Sim) Budgets() []Budget {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.budgetsLocked(time.Now())
}

func (s *Sim) budgetsLocked(now time.Time) []Budget {
	books := map[string]*Budget{}
	for key := range s.limits.windows {
		if n := len(s.limits.used(key, now)); n > 0 {
			books[key] = &Budget{Used: n}
		}
	}
	for i, c := range slices.Backward(s.calls.list) {
		if now.Sub(c.At) >= limitWindow || i < len(s.calls.list)-refusedOf {
			break
		}
		m, known := s.methods[c.Method]
		if !known || c.Status != http.StatusTooManyRequests {
			continue
		}
		key := s.limitKeyLocked(m, c.Method, c.Args)
		if books[key] == nil {
			books[key] = &Budget{}
		}
		books[key].Refused++
	}
	out := make([]Budget, 0, len(books))
	for key, b := range books {
		b.Method, b.Channel, _ = strings.Cut(key, " ")
		b.Limit = s.methods[b.Method].tier
		if b.Left = s.limits.left(key, b.Limit, now); s.refusedEditLocked(b.Method, now) > 0 {
			b.Left = 0
		}
		out = append(out, *b)
	}
	slices.SortFunc(out, func(a, b Budget) int {
		return cmp.Or(cmp.Compare(b.full(), a.full()), cmp.Compare(b.Used, a.Used), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Channel, b.Channel))
	})
	return out
}

// full returns the part of a budget that is used.
func (b Budget) full() float64 {
	if b.Limit == 0 {
		return 0
	}
	return float64(b.Used) / float64(b.Limit)
}
