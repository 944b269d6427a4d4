package slacksim

import (
	"slices"
	"time"
)

// Fault makes calls of a method fail. The faults given are asked in order, and the first that fits a call is used up by one.
type Fault struct {
	Method  string // such as "chat.update"; empty: every method
	Channel string // only calls with this channel; empty: all
	Skip    int    // so many fitting calls go through first
	Times   int    // 0 means once, negative means from now on

	Error      string        // HTTP 200 with {"ok":false,"error":Error}; also "ratelimited" and "rate_limited"
	Status     int           // an HTTP status instead, such as 429 or 503
	RetryAfter int           // seconds; in the Retry-After header, if > 0
	Hang       bool          // no answer until the client gives up
	Delay      time.Duration // the answer comes so much later, and is otherwise good if nothing else is set
	Carry      bool          // the call takes effect, and only its answer is replaced
}

// passes says that the call reaches Slack, and counts against the limits.
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

// Heal removes all faults that were given to Fail and FailEvent, and lets new sockets open again.
func (s *Sim) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.eventFault, s.refuse = nil, nil, refusedSockets{}
}

// EventFault spoils the delivery of events.
type EventFault struct {
	Type  string // the inner event's type, "slash_commands" or "interactive"; empty: every event
	Skip  int
	Times int     // 0 means once, negative means from now on
	Share float64 // of the fitting events only so many, chosen at random; 0: all

	Drop      bool          // never sent
	Duplicate int           // sent so many times more at once, as redeliveries: same event_id, new envelope_id
	Delay     time.Duration // sent so much later
	LoseAck   bool          // the first ack is lost, so that it is redelivered after AckTimeout
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

// Order says which of the two events for a mention in a channel is sent first.
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

// refusedSockets is a script for sockets that are opened from now on.
type refusedSockets struct {
	times  int // negative: from now on
	reason string
}

// RefuseSockets answers the next n sockets (all, if n < 0) with a disconnect with reason instead of a hello, such as
// "link_disabled" or "too_many_websockets".
func (s *Sim) RefuseSockets(n int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refusedSockets{times: n, reason: reason}
}

// faultLocked finds the fault for a call and uses it up by one.
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

// eventFaultLocked finds the fault for an event and uses it up by one.
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

// Inject sends a frame as it is on each open socket, as a faulty Slack or somebody in between may. An ack that it asks for is among
// StrayAcks.
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

// StrayAcks returns the envelope ids that were acked and that no envelope of ours had, such as those of injected frames.
func (s *Sim) StrayAcks() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.strayAcks.list)
}
