package slacksim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// The bounds on what the page's panel gets and sends. It asks twice a second while it is open, and
// each answer stands alone: who missed one missed nothing but rows that are gone.
const (
	panelCalls     = 60  // newest calls of an answer
	panelEnvelopes = 30  // newest envelopes
	panelSightings = 20  // newest pings, and newest unfurls
	panelBudgets   = 16  // fullest budgets
	panelWords     = 48  // characters of a message's text, or of any name
	panelURL       = 120 // characters of an address
	pingsOf        = 500 // newest records that are searched for different pings
	maxPanelBody   = 4 << 10
	maxPageLatency = 10 * time.Second
	maxPageRefusal = 10 * time.Minute
)

// panelRoutes adds what the panel beside the chat needs:
//
//	GET  /page/panel         what Slack sees: the newest calls, budgets, envelopes, pings, unfurls, knobs
//	POST /page/panel/knobs   a panelTurn; the answer is how the knobs stand
func (s *Sim) panelRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /page/panel", s.panelLook)
	mux.HandleFunc("POST /page/panel/knobs", s.panelKnobs)
}

// panelLook answers with the newest of what Slack sees.
func (s *Sim) panelLook(w http.ResponseWriter, _ *http.Request) {
	now := time.Now()
	s.mu.Lock()
	sockets := []any{}
	for _, c := range s.sockets {
		sockets = append(sockets, obj{"id": c.id, "since": c.since.UnixMilli(), "silent": c.dead})
	}
	look := obj{
		"boot": s.boot, "now": now.UnixMilli(), "knobs": s.panelKnobsLocked(now), "budgets": s.panelBudgetsLocked(now),
		"calls": s.panelCallsLocked(now), "envelopes": s.panelEnvelopesLocked(), "sockets": sockets, "opened": s.opened,
		"pings": s.panelPingsLocked(), "unfurls": s.panelUnfurlsLocked(),
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	s.writeJSON(w, look)
}

func (s *Sim) panelKnobsLocked(now time.Time) obj {
	k := s.knobs
	return obj{
		"latency_ms": k.Latency.Milliseconds(), "limiter": k.Limiter, "lose_acks": k.LoseAcks,
		"refuse_edits_ms": max(0, k.RefuseEdits.Sub(now).Milliseconds()),
	}
}

func (s *Sim) panelBudgetsLocked(now time.Time) []any {
	out := []any{}
	for _, b := range s.budgetsLocked(now) {
		if len(out) == panelBudgets {
			break
		}
		where := ""
		if b.Channel != "" {
			where = s.placeLocked(b.Channel)
		}
		out = append(out, obj{"method": b.Method, "where": where, "used": b.Used, "refused": b.Refused, "limit": b.Limit, "left": b.Left})
	}
	return out
}

func (s *Sim) panelEnvelopesLocked() obj {
	list := s.envelopes.list
	newest := []any{}
	for _, e := range list[max(0, len(list)-panelEnvelopes):] {
		o := obj{
			"id": e.ID, "event": e.EventID, "kind": e.Kind, "type": e.Type, "attempt": e.Attempt, "socket": e.Socket,
			"at": e.Sent.UnixMilli(), "ack_ms": nil,
		}
		if !e.Acked.IsZero() {
			o["ack_ms"] = e.Acked.Sub(e.Sent).Milliseconds()
		}
		newest = append(newest, o)
	}
	waiting := map[*delivery]bool{}
	for _, d := range s.waiting {
		if !d.acked {
			waiting[d] = true
		}
	}
	return obj{
		"sent": s.envelopes.total, "acked": s.traffic.acked, "redelivered": s.traffic.redelivered, "lost": s.traffic.lost,
		"waiting": len(waiting), "newest": newest,
	}
}

// panelPingsLocked returns whom messages of the bot would have pinged. An answer that grows shows
// the same mention with every edit; it is listed once.
func (s *Sim) panelPingsLocked() obj {
	newest := []any{}
	var known []Ping
	for i, p := range slices.Backward(s.pings.list) {
		if len(newest) == panelSightings || i < len(s.pings.list)-pingsOf {
			break
		}
		if slices.Contains(known, p) {
			continue
		}
		known = append(known, p)
		who := s.nameLocked(p.Who)
		newest = append(newest, obj{"who": "@" + short(who, panelWords), "method": p.Method, "where": s.placeLocked(p.Channel), "ts": p.TS})
	}
	slices.Reverse(newest)
	return obj{"total": s.pings.total, "newest": newest}
}

func (s *Sim) panelUnfurlsLocked() obj {
	list := s.unfurls.list
	newest := []any{}
	for _, u := range list[max(0, len(list)-panelSightings):] {
		newest = append(newest, obj{"url": short(u.URL, panelURL), "where": s.placeLocked(u.Channel), "ts": u.TS})
	}
	return obj{"total": s.unfurls.total, "newest": newest}
}

// panelTurn turns knobs. What is absent stays as it is.
type panelTurn struct {
	LatencyMS     *int     `json:"latency_ms"`      // 0 to 10,000
	Limiter       *Limiter `json:"limiter"`         // window, bucket, off
	RefuseEditsMS *int     `json:"refuse_edits_ms"` // from now on, 0 to 600,000; 0 takes them again
	LoseAcks      *bool    `json:"lose_acks"`
	Socket        *string  `json:"socket"`    // cut: the oldest; refresh: all, as Slack does; silent: the oldest
	Redeliver     *string  `json:"redeliver"` // an event_id; empty: the newest event that was acked
}

// check returns what is wrong with a request, in words for whoever sent it.
func (t panelTurn) check() error {
	switch {
	case t == panelTurn{}:
		return errors.New("no knob is named: latency_ms, limiter, refuse_edits_ms, lose_acks, socket or redeliver")
	case t.LatencyMS != nil && (*t.LatencyMS < 0 || *t.LatencyMS > int(maxPageLatency.Milliseconds())):
		return fmt.Errorf("latency_ms is %d: it must be 0 to %d", *t.LatencyMS, maxPageLatency.Milliseconds())
	case t.RefuseEditsMS != nil && (*t.RefuseEditsMS < 0 || *t.RefuseEditsMS > int(maxPageRefusal.Milliseconds())):
		return fmt.Errorf("refuse_edits_ms is %d: it must be 0 to %d", *t.RefuseEditsMS, maxPageRefusal.Milliseconds())
	case t.Limiter != nil && !t.Limiter.Known():
		return ErrLimiterNotFound
	case t.Socket != nil && *t.Socket != "cut" && *t.Socket != "refresh" && *t.Socket != "silent":
		return errors.New("socket must be cut, refresh or silent")
	}
	return nil
}

// turn does what a request asks for. Only what depends on sockets and events can fail; it comes
// last.
func (s *Sim) turn(t panelTurn) error {
	if t.LatencyMS != nil {
		s.SetLatency(time.Duration(*t.LatencyMS) * time.Millisecond)
	}
	if t.RefuseEditsMS != nil {
		s.RefuseEdits(time.Duration(*t.RefuseEditsMS) * time.Millisecond)
	}
	if t.LoseAcks != nil {
		s.LoseAcks(*t.LoseAcks)
	}
	if t.Limiter != nil {
		if err := s.SetLimiter(*t.Limiter); err != nil {
			return err
		}
	}
	if t.Socket != nil {
		if err := s.panelSocket(*t.Socket); err != nil {
			return err
		}
	}
	if t.Redeliver != nil {
		return s.Redeliver(*t.Redeliver)
	}
	return nil
}

func (s *Sim) panelSocket(how string) error {
	switch {
	case s.Sockets() == 0:
		return ErrNoSocket
	case how == "refresh":
		s.Disconnect("warning")
	case how == "silent":
		s.HalfOpen(1)
	default:
		return s.CutOne()
	}
	return nil
}

// panelKnobs turns knobs for the page. A request that is not understood as a whole changes nothing.
func (s *Sim) panelKnobs(w http.ResponseWriter, r *http.Request) {
	body, free, err := s.readBody(w, r, maxPanelBody)
	if err != nil {
		http.Error(w, "The request did not come whole, or is too large.", http.StatusBadRequest)
		return
	}
	defer free()
	var t panelTurn
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err = d.Decode(&t)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something stands behind the object")
		}
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		s.writeJSON(w, obj{"error": "not understood: " + short(err.Error(), panelURL)})
		return
	}
	if err = t.check(); err == nil {
		err = s.turn(t)
	}
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		s.writeJSON(w, obj{"error": short(err.Error(), panelURL)})
		return
	}
	s.mu.Lock()
	knobs := s.panelKnobsLocked(time.Now())
	s.mu.Unlock()
	s.writeJSON(w, knobs)
}

// short cuts a text to so many characters, in one line.
func short(text string, n int) string {
	cut := cutRunes(text, n)
	if len(cut) < len(text) {
		cut = cutRunes(cut, n-1) + "…"
	}
	return strings.Join(strings.Fields(cut), " ")
}
