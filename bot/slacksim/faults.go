package slacksim

import (
	"slices"
	"time"
)

// Fault makes calls of a method fail. Each call is compared with the faults in the order in which
// they were added, and uses up the first that fits.
type Fault struct {
	Method  string // such as "chat.update"; empty: every method
	Channel string // only calls with this channel; empty: all
	Skip    int    // so many fitting calls pass first
	Times   int    // 0 means once, negative means from now on

	// HTTP 200 with {"ok":false,"error":Error}; also "ratelimited" and "rate_limited".
	Error      string
	Status     int  // an HTTP status instead, such as 429 or 503
	RetryAfter int  // seconds; in the Retry-After header, if > 0
	Hang       bool // no answer until the client gives up
	// The answer comes so much later; if nothing else is set, it is the usual one.
	Delay time.Duration
	Carry bool // the call takes effect, and only its answer is replaced
}

// passes reports whether the call reaches Slack, and counts against the limits.
func (f *Fault) passes() bool { return f.Carry || !f.Hang && f.Status == 0 && f.Error == "" }

// Fail adds a fault.
func (s *Sim) Fail(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes all faults of Fail and FailEvent, lets new sockets open again, and takes edits and
// acks again.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.eventFault, s.refuse = nil, nil, refusedSockets{}
	s.knobs.RefuseEdits, s.knobs.LoseAcks = time.Time{}, false
}

// EventFault disturbs the delivery of events.
type EventFault struct {
	Type  string // the inner event's type, "slash_commands" or "interactive"; empty: every event
	Skip  int
	Times int     // 0 means once, negative means from now on
	Share float64 // the part of fitting events that it hits, at random; 0: all

	Drop bool // never sent
	// Sent so many times more at once, as redeliveries: same event_id, new envelope_id.
	Duplicate int
	Delay     time.Duration // sent so much later
	LoseAck   bool          // the first ack is lost, so a redelivery follows after AckTimeout
}

// FailEvent adds a fault for events.
func (s *Sim) FailEvent(f EventFault) {
	if f.Times == 0 {
		f.Times = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.eventFault = append(s.eventFault, &f)
}

// Order is which of the two events for a mention in a channel is sent first.
type Order int

// The orders; Slack promises none.
const (
	OrderRandom Order = iota
	OrderMentionFirst
	OrderMessageFirst
)

// SetOrder fixes the order of app_mention and message.
func (s *Sim) SetOrder(o Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.order = o
}

// refusedSockets counts the sockets to refuse from now on.
type refusedSockets struct {
	times  int // negative: from now on
	reason string
}

// RefuseSockets answers the next n sockets (all, if n < 0) with a disconnect for reason instead of
// a hello, such as "link_disabled" or "too_many_websockets".
func (s *Sim) RefuseSockets(n int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refusedSockets{times: n, reason: reason}
}

// faultLocked returns the fault for a call, and counts its use.
func (s *Sim) faultLocked(method, channel string) *Fault {
	for _, f := range s.faults {
		if f.Times == 0 || f.Method != "" && f.Method != method || f.Channel != "" && f.Channel != channel {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return f
	}
	return nil
}

// eventFaultLocked returns the fault for an event, and counts its use.
func (s *Sim) eventFaultLocked(typ string) EventFault {
	for _, f := range s.eventFault {
		if f.Times == 0 || f.Type != "" && f.Type != typ || f.Share > 0 && s.rand.Float64() >= f.Share {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		return *f
	}
	return EventFault{}
}

// Inject sends a frame unchanged on each open socket, as a faulty Slack or somebody in between may.
// An ack for it is among StrayAcks.
func (s *Sim) Inject(data []byte, binary bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		select {
		case c.out <- frame{data: data, binary: binary}:
		default:
		}
	}
}

// StrayAcks returns the acked envelope ids that belong to no envelope of ours, such as those of
// injected frames.
func (s *Sim) StrayAcks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.strayAcks.list)
}
