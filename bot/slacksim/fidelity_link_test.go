package slacksim_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot/slacksim"
)

const protocol = "docs.slack.dev, Socket Mode (facts §7.1)"

// envelopes returns the frames with envelopes.
func (l *link) envelopes() []map[string]any {
	return slices.DeleteFunc(l.got(), func(f map[string]any) bool { return f["envelope_id"] == nil })
}

func noAcks(map[string]any) any { return nil }

// linkPoints are §8.4.1 to §8.4.4: sockets, envelopes and events.
func linkPoints() []point {
	return []point{
		{id: "8.4.1 tickets", source: protocol, try: func(t *testing.T, s *space) {
			open := func() string {
				r, _ := s.callAs(s.AppToken(), "apps.connections.open")
				u, _ := r["url"].(string)
				return u
			}
			a, b := open(), open()
			if a == b || !strings.HasPrefix(a, "ws://slack/link/?ticket=") {
				t.Errorf("%q and %q", a, b)
			}
			d := &websocket.Dialer{NetDialContext: s.net.Dial, HandshakeTimeout: time.Second}
			for i, good := range []bool{true, false} {
				ws, res, err := d.DialContext(t.Context(), a, nil)
				want(t, fmt.Sprintf("use %d", i+1), err == nil, good)
				if err == nil {
					ws.Close()
				}
				if res != nil {
					_ = res.Body.Close()
				}
			}
		}},
		{id: "8.4.1 errors and 429 on open", source: "slack-ruby/slack-api-ref, apps.connections.open", try: func(t *testing.T, s *space) {
			s.Fail(slacksim.Fault{Method: "apps.connections.open", Status: 429, RetryAfter: 7})
			s.Fail(slacksim.Fault{Method: "apps.connections.open", Error: "internal_error"})
			_, res := s.callAs(s.AppToken(), "apps.connections.open")
			want(t, "status", res.StatusCode, http.StatusTooManyRequests)
			want(t, "Retry-After", res.Header.Get("Retry-After"), "7")
			r, _ := s.callAs(s.AppToken(), "apps.connections.open")
			want(t, "error", r.err(), "internal_error")
			r, _ = s.callAs(s.BotToken(), "apps.connections.open")
			want(t, "with the bot token", r.err(), "not_allowed_token_type")
			want(t, "calls counted", len(s.Calls("apps.connections.open")), 3)
		}},
		{id: "8.4.1 ten sockets", source: protocol + "; too_many_websockets: test data of Slack's SDKs", try: func(t *testing.T, s *space) {
			for range 10 {
				s.link(ackAll)
			}
			l := s.link(ackAll)
			<-l.done
			want(t, "sockets", s.Sockets(), 10)
			want(t, "reason", fmt.Sprint(l.got()[0]["reason"]), "too_many_websockets")
		}},
		{id: "8.4.1 hello", source: protocol, try: func(t *testing.T, s *space) {
			s.link(ackAll)
			h := s.link(ackAll).got()[0]
			want(t, "type", fmt.Sprint(h["type"]), "hello")
			want(t, "connections", fmt.Sprint(h["num_connections"]), "2")
			want(t, "app", h["connection_info"].(map[string]any)["app_id"].(string), s.Bot().AppID)
			want(t, "debug", fmt.Sprint(h["debug_info"].(map[string]any)["approximate_connection_time"]), "18060")
		}},
		{id: "8.4.2 one socket of several", source: protocol, try: func(t *testing.T, s *space) {
			a, b := s.link(ackAll), s.link(ackAll)
			for range 20 {
				s.Say("alice", "@alice", "", "x")
			}
			synctest.Wait()
			na, nb := len(a.envelopes()), len(b.envelopes())
			if na+nb != 20 || na == 0 || nb == 0 {
				t.Errorf("%d and %d", na, nb)
			}
		}},
		{id: "8.4.2 redelivery", source: "test data of python-slack-sdk (facts §5.8); three times, after 3 s, 1 min and 5 min: a guess, after the schedule of HTTP", guess: true, try: func(t *testing.T, s *space) {
			l := s.link(noAcks)
			start := time.Now()
			s.Say("alice", "@alice", "", "x")
			time.Sleep(time.Hour)
			got := l.envelopes()
			want(t, "sendings", len(got), 4)
			ids := map[any]bool{}
			for i, f := range got {
				ids[f["envelope_id"]] = true
				want(t, "attempt", fmt.Sprint(f["retry_attempt"]), fmt.Sprint(i))
				want(t, "reason", fmt.Sprint(f["retry_reason"]), map[bool]string{true: "timeout"}[i > 0])
				want(t, "event", fmt.Sprint(f["payload"].(map[string]any)["event_id"]), fmt.Sprint(got[0]["payload"].(map[string]any)["event_id"]))
			}
			want(t, "envelope ids", len(ids), 4)
			for i, after := range []time.Duration{0, 3 * time.Second, 63 * time.Second, 363 * time.Second} {
				want(t, "when", s.Envelopes()[i].Sent.Sub(start), after)
			}
		}},
		{id: "8.4.2 no socket, no event", source: "docs.slack.dev: \"you may lose events\" (facts §5.8)", try: func(t *testing.T, s *space) {
			s.Say("alice", "@alice", "", "x")
			l := s.link(ackAll)
			time.Sleep(time.Hour)
			want(t, "events", len(l.envelopes()), 0)
			_, err := s.Command(t.Context(), "alice", "general", "/llm-status", "")
			want(t, "a command works", err, nil)
			l.ws.Close()
			<-l.done
			time.Sleep(time.Second)
			_, err = s.Command(t.Context(), "alice", "general", "/llm-status", "")
			want(t, "without a socket", errors.Is(err, slacksim.ErrDispatchFailed), true)
		}},
		{id: "8.4.2 ack within 3 s", source: protocol + ", of commands and interactions", try: func(t *testing.T, s *space) {
			s.link(noAcks)
			start := time.Now()
			_, err := s.Command(t.Context(), "alice", "general", "/llm-status", "")
			want(t, "time", time.Since(start), 3*time.Second)
			want(t, "error", errors.Is(err, slacksim.ErrOperationTimeout), true)
		}},
		{id: "8.4.2 pings", source: "facts §7.1; every 10 s is a guess", guess: true, try: func(t *testing.T, s *space) {
			pings := 0
			l := s.link(ackAll, func(ws *websocket.Conn) {
				ws.SetPingHandler(func(string) error { pings++; return nil }) // and no pong
			})
			<-l.done
			want(t, "pings before it is dropped", pings, 2)
			want(t, "sockets", s.Sockets(), 0)
		}},
		{id: "8.4.2 long frames", source: "slack-go v0.35, socketmode (facts §1.5)", try: func(t *testing.T, s *space) {
			for size, good := range map[int]bool{20_000: true, 20_480: false} {
				l := s.link(func(map[string]any) any { return map[string]any{"text": strings.Repeat("x", size)} })
				_, err := s.Command(t.Context(), "alice", "general", "/llm-status", "")
				want(t, fmt.Sprint(size), err == nil, good)
				l.ws.Close()
				<-l.done
				synctest.Wait()
			}
		}},
		{id: "8.4.2 fragments", source: "slack-go v0.35, socketmode: its dialer (facts §7.2)", try: func(t *testing.T, s *space) {
			l := s.link(noAcks)
			s.Say("alice", "@alice", "", "x")
			synctest.Wait()
			id := l.envelopes()[0]["envelope_id"].(string)
			acked := func() bool { synctest.Wait(); return !s.Envelopes()[0].Acked.IsZero() }
			w, err := l.ws.NextWriter(websocket.TextMessage)
			must(t, err)
			ack := `{"envelope_id":"` + id + `","payload":{"text":"`
			for range 20 { // more than the write buffer, so in several frames
				_, err = w.Write([]byte(ack + strings.Repeat("x", 4<<10)))
				must(t, err)
				ack = ""
			}
			must(t, w.Close())
			want(t, "a long message", acked(), false)
			must(t, l.ws.WriteMessage(websocket.TextMessage, []byte(`{}`)))
			s.fragmented(l, `{"envelope_id":"`, id+`"}`)
			want(t, "in two frames", acked(), false)
			must(t, l.ws.WriteJSON(map[string]any{"envelope_id": id}))
			want(t, "in one frame", acked(), true)
		}},
		{id: "8.4.3 refresh", source: protocol, try: func(t *testing.T, s *space) {
			l := s.link(ackAll)
			start := time.Now()
			s.Disconnect("warning")
			<-l.done
			want(t, "time", time.Since(start), 10*time.Second)
			want(t, "frames", fmt.Sprintf("%v %v", l.got()[1]["reason"], l.got()[2]["reason"]), "warning refresh_requested")
		}},
		{id: "8.4.3 link_disabled", source: protocol, try: func(t *testing.T, s *space) {
			s.RefuseSockets(2, "link_disabled")
			for range 2 {
				l := s.link(ackAll)
				<-l.done
				want(t, "reason", fmt.Sprint(l.got()[0]["reason"]), "link_disabled")
			}
			l := s.link(ackAll)
			want(t, "then", fmt.Sprint(l.got()[0]["type"]), "hello")
			s.Disconnect("link_disabled")
			<-l.done
		}},
		{id: "8.4.3 half-open", source: "openab #1120, openclaw #27077 (facts §7.1)", try: func(t *testing.T, s *space) {
			l := s.link(ackAll)
			s.HalfOpen(1)
			s.Say("alice", "@alice", "", "into the void")
			time.Sleep(40 * time.Second)
			want(t, "frames", len(l.got()), 1)
			want(t, "Slack noticed", s.Sockets(), 0)
			l.ws.Close()
			<-l.done
		}},
		{id: "8.4.4 a mention comes twice", source: "docs.slack.dev, app_mention; openclaw #34833 (facts §5.1)", try: func(t *testing.T, s *space) {
			l := s.link(ackAll)
			first := map[any]int{}
			for range 20 {
				s.Say("alice", "general", "", "@llm x")
			}
			synctest.Wait()
			got := l.envelopes()
			want(t, "events", len(got), 40)
			for i := 0; i < len(got); i += 2 {
				a, b := got[i]["payload"].(map[string]any), got[i+1]["payload"].(map[string]any)
				ea, eb := a["event"].(map[string]any), b["event"].(map[string]any)
				first[ea["type"]]++
				if a["event_id"] == b["event_id"] || ea["ts"] != eb["ts"] || ea["type"] == eb["type"] {
					t.Errorf("%v and %v", ea, eb)
				}
			}
			if first["message"] == 0 || first["app_mention"] == 0 {
				t.Errorf("always the same order: %v", first)
			}
		}},
	}
}

// fragmented sends a text message in two frames, as RFC 6455 §5.4 has it.
func (s *space) fragmented(l *link, first, second string) {
	s.t.Helper()
	mask := []byte{1, 2, 3, 4}
	for i, part := range []string{first, second} {
		head := []byte{map[int]byte{0: 0x01, 1: 0x80}[i], 0x80 | byte(len(part))}
		body := []byte(part)
		for j := range body {
			body[j] ^= mask[j%4]
		}
		_, err := l.ws.NetConn().Write(slices.Concat(head, mask, body))
		must(s.t, err)
	}
}
