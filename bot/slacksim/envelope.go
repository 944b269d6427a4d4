package slacksim

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// AckTimeout is how long an envelope may stay without an ack (documented for commands and
// interactions, assumed for events).
const AckTimeout = 3 * time.Second

// redeliveries returns the default of Config.Redeliver. Three are in Slack's HTTP schedule; for
// sockets the number is not documented.
func redeliveries() []time.Duration { return []time.Duration{AckTimeout, time.Minute, 5 * time.Minute} }

// Envelope is one frame that was sent to the app.
type Envelope struct {
	ID      string // envelope_id: new for every sending
	Kind    string // events_api, slash_commands, interactive
	Type    string // the inner event's type; for others the kind
	EventID string // the same for all sendings of an event
	Attempt int    // retry_attempt
	Socket  int    // number of the socket, from 1
	Sent    time.Time
	Acked   time.Time // zero: not yet, or never
	Payload json.RawMessage
}

// traffic counts what went over all sockets, besides the envelopes themselves.
type traffic struct{ acked, redelivered, lost int }

// delivery is one event, command or interaction for the app, with all its sendings.
type delivery struct {
	kind, typ, eventID string
	payload            json.RawMessage
	accepts            bool // the ack may carry an answer

	// The rest is guarded by Sim.mu.
	attempt  int
	loseAcks int
	acked    bool
	answer   chan json.RawMessage // gets the ack's payload; for commands and interactions
	ids      []string
}

// dispatchLocked sends a delivery for the first time, unless a fault prevents it, and has it sent
// again until it is acked.
func (s *Sim) dispatchLocked(d *delivery) {
	f := s.eventFaultLocked(d.typ)
	if f.Drop {
		return
	}
	if f.LoseAck {
		d.loseAcks = 1
	}
	start := func() {
		if !s.transmitLocked(d) && d.kind == "events_api" {
			s.holdLocked(d)
			return
		}
		for i := range f.Duplicate {
			d.attempt = i + 1
			s.transmitLocked(d)
		}
		d.attempt = 0
		if d.kind == "events_api" {
			s.goLocked(func() { s.insist(d) })
		}
	}
	if f.Delay <= 0 {
		start()
		return
	}
	s.goLocked(func() {
		if s.sleepDone(f.Delay) {
			s.mu.Lock()
			defer s.mu.Unlock()
			start()
		}
	})
}

// holdLocked keeps an event until a socket opens, or loses it (Config.HoldEvents).
func (s *Sim) holdLocked(d *delivery) {
	if s.cfg.HoldEvents <= 0 {
		s.log.Debug("event lost: no socket is open", "event_id", d.eventID, "type", d.typ)
		return
	}
	s.held = append(s.held, d)
	if over := len(s.held) - s.cfg.HoldEvents; over > 0 {
		s.held = s.held[over:]
	}
}

// releaseLocked sends the events that were held.
func (s *Sim) releaseLocked() {
	held := s.held
	s.held = nil
	for _, d := range held {
		if !s.transmitLocked(d) {
			s.holdLocked(d)
			continue
		}
		s.goLocked(func() { s.insist(d) })
	}
}

// insist sends an event again until it is acked or given up.
func (s *Sim) insist(d *delivery) {
	for _, wait := range append(slices.Clip(s.cfg.Redeliver), AckTimeout) {
		if !s.sleepDone(wait) {
			return
		}
		s.mu.Lock()
		stop := d.acked
		if !stop && d.attempt < len(s.cfg.Redeliver) {
			d.attempt++
			s.transmitLocked(d)
		}
		s.mu.Unlock()
		if stop {
			break
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(d)
}

func (s *Sim) forgetLocked(d *delivery) {
	for _, id := range d.ids {
		delete(s.waiting, id)
	}
}

// transmitLocked puts a new envelope on one open socket, chosen at random. It returns false if
// there is none.
func (s *Sim) transmitLocked(d *delivery) bool {
	if len(s.sockets) == 0 {
		return false
	}
	c := s.sockets[s.rand.IntN(len(s.sockets))]
	id := fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", s.rand.Uint32(), s.rand.Uint32()>>16, s.rand.Uint32()>>20, s.rand.Uint32()>>20, s.rand.Uint64()>>16)
	reason := ""
	if d.attempt > 0 {
		reason = "timeout"
	}
	frame := obj{"envelope_id": id, "type": d.kind, "accepts_response_payload": d.accepts, "payload": d.payload}
	if d.kind == "events_api" {
		frame["retry_attempt"], frame["retry_reason"] = d.attempt, reason
	}
	s.envelopes.add(&Envelope{
		ID: id, Kind: d.kind, Type: d.typ, EventID: d.eventID, Attempt: d.attempt, Socket: c.id, Sent: time.Now(), Payload: d.payload,
	}, len(d.payload))
	if d.attempt > 0 {
		s.traffic.redelivered++
	}
	d.ids = append(d.ids, id)
	s.waiting[id] = d
	c.send([]byte(jsonText(frame)), false)
	s.touchLocked()
	return true
}

// acceptAck handles a frame from the app. Like Slack, it ignores frames of maxFrame bytes and more
// without a word.
func (s *Sim) acceptAck(frame []byte) {
	if len(frame) >= maxFrame {
		s.log.Warn("a frame was ignored: too long", "bytes", len(frame), "limit", maxFrame)
		return
	}
	var ack struct {
		ID      string          `json:"envelope_id"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := json.Unmarshal(frame, &ack); err != nil || ack.ID == "" {
		s.log.Debug("a frame was ignored: not an ack", "bytes", len(frame))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.waiting[ack.ID]
	if d == nil {
		s.strayAcks.add(ack.ID, len(ack.ID))
		s.touchLocked()
		return
	}
	if d.loseAcks > 0 || s.knobs.LoseAcks {
		d.loseAcks = max(0, d.loseAcks-1)
		s.traffic.lost++
		s.touchLocked()
		return
	}
	for _, e := range slices.Backward(s.envelopes.list) {
		if e.ID == ack.ID {
			if e.Acked.IsZero() {
				e.Acked = time.Now()
				s.traffic.acked++
			}
			break
		}
	}
	if !d.acked && d.answer != nil {
		d.answer <- ack.Payload // has room for one
	}
	d.acked = true
	s.touchLocked()
}
