package slacksim_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot/slacksim"
)

func TestHelloAndPings(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		var mu sync.Mutex
		pings := 0
		l := s.link(ackAll, func(ws *websocket.Conn) {
			h := ws.PingHandler()
			ws.SetPingHandler(func(d string) error {
				mu.Lock()
				pings++
				mu.Unlock()
				return h(d)
			})
		})
		s.link(ackAll)
		time.Sleep(5 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if pings < 29 || pings > 31 || s.Sockets() != 2 {
			t.Errorf("%d pings in five minutes, %d sockets", pings, s.Sockets())
		}
		if f := l.got()[0]; f["type"] != "hello" || f["num_connections"] != 1.0 {
			t.Errorf("%v", f)
		}
		// A ticket is good for one socket.
		r, _ := s.callAs(s.AppToken(), "apps.connections.open")
		u, _ := r["url"].(string)
		u = "http" + strings.TrimPrefix(u, "ws")
		for i, want := range []int{http.StatusBadRequest, http.StatusUnauthorized} { // the first is no WebSocket handshake
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, u, nil)
			res, err := s.http.Do(req)
			must(t, err)
			_ = res.Body.Close()
			if res.StatusCode != want {
				t.Errorf("use %d of a ticket: %s", i+1, res.Status)
			}
		}
	})
}

// TestNoPong: a client that does not read sends no pongs, and loses its socket.
func TestNoPong(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll, func(ws *websocket.Conn) { ws.SetPingHandler(func(string) error { return nil }) })
		time.Sleep(time.Minute)
		if s.Sockets() != 0 {
			t.Error("the socket is still open")
		}
		<-l.done
	})
}

func TestMentionComesTwice(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		first := map[any]int{}
		for range 40 {
			n := len(l.events())
			ts := s.Say("alice", "general", "", "@llm hi")
			time.Sleep(time.Second)
			ev := l.events()[n:]
			if len(ev) != 2 || ev[0]["ts"] != ts || ev[1]["ts"] != ts || ev[0]["type"] == ev[1]["type"] {
				t.Fatalf("%v", ev)
			}
			first[ev[0]["type"]]++
		}
		if first["message"] == 0 || first["app_mention"] == 0 {
			t.Errorf("always the same order: %v", first)
		}
		n := len(l.events())
		s.Say("alice", "@alice", "", "hi @llm")
		s.Say("erik", "shared-extern", "", "@llm hello")
		s.Say("alice", "no-bot", "", "@llm hello")
		time.Sleep(time.Second)
		var got []string
		for _, e := range l.events()[n:] {
			typ, _ := e["type"].(string)
			kind, _ := e["channel_type"].(string)
			team, _ := e["user_team"].(string)
			got = append(got, typ+" "+kind+" "+team)
		}
		slices.Sort(got)
		if want := []string{"app_mention  T0EXTERN01", "message channel T0EXTERN01", "message im "}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		for _, f := range l.got()[1:] {
			p, _ := f["payload"].(map[string]any)
			e, _ := p["event"].(map[string]any)
			if shared := e["channel"] == "C0EXTERN01"; p["is_ext_shared_channel"] != shared || p["event_id"] == nil || p["authorizations"] == nil {
				t.Errorf("%v", p)
			}
		}
	})
}

func TestManifestLimitsEvents(t *testing.T) {
	bubble(t, slacksim.Config{Events: []string{"app_mention"}}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		s.Say("alice", "general", "", "@llm hi")
		s.Say("alice", "@alice", "", "hi")
		time.Sleep(time.Second)
		if ev := l.events(); len(ev) != 1 || ev[0]["type"] != "app_mention" {
			t.Errorf("%v", ev)
		}
	})
}

func TestOwnPostsAndEditsComeBack(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		general := s.ChannelID("general")
		ts, _ := s.call("chat.postMessage", "channel", general, "text", "a "+s.Mention())["ts"].(string)
		s.call("chat.update", "channel", general, "ts", ts, "text", "b")
		s.call("chat.delete", "channel", general, "ts", ts)
		time.Sleep(time.Second)
		ev := l.events()
		if len(ev) != 3 {
			t.Fatalf("%v", ev)
		}
		msg, _ := ev[1]["message"].(map[string]any)
		if ev[0]["bot_id"] != s.Bot().BotID || ev[0]["subtype"] != nil || ev[1]["subtype"] != "message_changed" || msg["ts"] != ts ||
			msg["edited"] == nil || ev[1]["ts"] == ts || ev[2]["subtype"] != "message_deleted" || ev[2]["deleted_ts"] != ts {
			t.Errorf("%v", ev)
		}
	})
}

func TestRedelivery(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		s.link(nil)
		start := time.Now()
		s.Say("alice", "@alice", "", "hi")
		time.Sleep(10 * time.Minute)
		var at []time.Duration
		ids := map[string]bool{}
		for i, e := range s.Envelopes() {
			at = append(at, e.Sent.Sub(start))
			ids[e.ID] = true
			if e.Attempt != i || e.EventID != s.Envelopes()[0].EventID || !e.Acked.IsZero() {
				t.Errorf("%+v", e)
			}
		}
		if want := []time.Duration{0, 3 * time.Second, 63 * time.Second, 363 * time.Second}; !slices.Equal(at, want) || len(ids) != 4 {
			t.Errorf("sent after %v", at)
		}
	})
}

func TestLostAckAndDuplicates(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		s.FailEvent(slacksim.EventFault{LoseAck: true})
		s.Say("alice", "@alice", "", "one")
		time.Sleep(10 * time.Minute)
		if e := s.Envelopes(); len(e) != 2 || e[1].Acked.IsZero() {
			t.Errorf("%+v", e)
		}
		last := l.got()[len(l.got())-1]
		if last["retry_attempt"] != 1.0 || last["retry_reason"] != "timeout" {
			t.Errorf("%v", last)
		}
		s.FailEvent(slacksim.EventFault{Duplicate: 2, Delay: time.Second})
		s.FailEvent(slacksim.EventFault{Drop: true})
		s.Say("alice", "@alice", "", "two")
		s.Say("alice", "@alice", "", "lost")
		time.Sleep(10 * time.Minute)
		if e := s.Envelopes(); len(e) != 5 {
			t.Errorf("%d envelopes", len(e))
		}
	})
}

func TestShareOfTheEvents(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		s.link(ackAll)
		s.FailEvent(slacksim.EventFault{Times: -1, Share: 0.1, Duplicate: 1})
		for range 500 {
			s.Say("alice", "@alice", "", "hello")
		}
		time.Sleep(time.Second)
		if n := len(s.Envelopes()) - 500; n < 25 || n > 75 {
			t.Errorf("%d of 500 were doubled", n)
		}
	})
}

func TestScheduleOfRedeliveries(t *testing.T) {
	bubble(t, slacksim.Config{Redeliver: []time.Duration{time.Second, 2 * time.Second}}, func(t *testing.T, s *space) {
		s.link(nil)
		s.Say("alice", "@alice", "", "one")
		time.Sleep(time.Hour)
		e := s.Envelopes()
		if len(e) != 3 || e[1].Sent.Sub(e[0].Sent) != time.Second || e[2].Sent.Sub(e[1].Sent) != 2*time.Second || e[2].Attempt != 2 {
			t.Errorf("%+v", e)
		}
	})
}

func TestNoSocket(t *testing.T) {
	for _, hold := range []int{0, 2} {
		bubble(t, slacksim.Config{HoldEvents: hold}, func(t *testing.T, s *space) {
			for _, text := range []string{"1", "2", "3"} {
				s.Say("alice", "@alice", "", text)
			}
			l := s.link(ackAll)
			time.Sleep(time.Second)
			if ev := l.events(); len(ev) != hold || hold > 0 && ev[0]["text"] != "2" {
				t.Errorf("%v", ev)
			}
			l.ws.Close()
			<-l.done
			synctest.Wait()
			if _, err := s.Command(t.Context(), "alice", "general", "/llm-status", ""); !errors.Is(err, slacksim.ErrDispatchFailed) {
				t.Error(err)
			}
		})
	}
}

func TestCommandsAndClicks(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		var mu sync.Mutex
		var url string
		l := s.link(func(f map[string]any) any {
			p, _ := f["payload"].(map[string]any)
			mu.Lock()
			defer mu.Unlock()
			url, _ = p["response_url"].(string)
			if p["text"] == "late" || f["type"] == "interactive" && p["channel"] == nil {
				return nil
			}
			return true
		})
		cmd := func(user, name, text string) error {
			_, err := s.Command(t.Context(), user, "shared-extern", name, text)
			return err
		}
		if err := cmd("alice", "/other", ""); !errors.Is(err, slacksim.ErrCommandNotFound) {
			t.Error(err)
		}
		if err := cmd("erik", "/llm-status", ""); !errors.Is(err, slacksim.ErrCommandNotFound) {
			t.Error(err)
		}
		if err := cmd("alice", "/llm-status", "late"); !errors.Is(err, slacksim.ErrOperationTimeout) {
			t.Error(err)
		}
		must(t, cmd("alice", "/llm-status", ""))
		for i := range 6 {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"text":"later"}`))
			res, err := s.http.Do(req)
			must(t, err)
			_ = res.Body.Close()
			if want := map[bool]int{true: 200, false: 404}[i < 5]; res.StatusCode != want {
				t.Errorf("use %d of a response_url: %s", i+1, res.Status)
			}
		}
		if e := s.Ephemerals("alice"); len(e) != 5 || e[0].Plain != "later" || len(s.Ephemerals("bob")) != 0 {
			t.Errorf("%+v", e)
		}

		ts, _ := s.call("chat.postMessage", "channel", s.ChannelID("general"), "blocks",
			`[{"type":"actions","elements":[{"type":"button","action_id":"stop","value":"v","text":{"type":"plain_text","text":"Stop"}}]}]`)["ts"].(string)
		must(t, s.Click(t.Context(), "bob", "general", ts, "stop"))
		if err := s.Click(t.Context(), "bob", "general", ts, "go"); !errors.Is(err, slacksim.ErrButtonNotFound) {
			t.Error(err)
		}
		var click map[string]any
		for _, f := range l.got() {
			if f["type"] == "interactive" {
				click, _ = f["payload"].(map[string]any)
			}
		}
		actions, _ := click["actions"].([]any)
		if a, _ := actions[0].(map[string]any); a["action_id"] != "stop" || a["value"] != "v" || click["type"] != "block_actions" {
			t.Errorf("%v", click)
		}
	})
}

func TestDisconnects(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		synctest.Wait()
		start := time.Now()
		s.Disconnect("warning")
		<-l.done
		var reasons []any
		for _, f := range l.got()[1:] {
			reasons = append(reasons, f["reason"])
		}
		if !slices.Equal(reasons, []any{"warning", "refresh_requested"}) || time.Since(start) != 10*time.Second {
			t.Errorf("%v after %v", reasons, time.Since(start))
		}

		s.RefuseSockets(1, "link_disabled")
		l = s.link(ackAll)
		<-l.done
		if f := l.got(); len(f) != 1 || f[0]["reason"] != "link_disabled" {
			t.Errorf("%v", f)
		}

		for range 10 {
			s.link(ackAll)
		}
		l = s.link(ackAll)
		<-l.done
		if f := l.got(); s.Sockets() != 10 || f[0]["reason"] != "too_many_websockets" {
			t.Errorf("%d sockets, %v", s.Sockets(), f)
		}
	})
}

func TestHalfOpen(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		synctest.Wait()
		s.HalfOpen(1)
		s.Say("alice", "@alice", "", "into the void")
		time.Sleep(40 * time.Second)
		select {
		case <-l.done:
			t.Error("the app was told")
		default:
		}
		if s.Sockets() != 0 || len(l.events()) != 0 {
			t.Errorf("%d sockets, %v", s.Sockets(), l.events())
		}
		l2 := s.link(ackAll)
		time.Sleep(10 * time.Minute)
		if f := l2.got(); len(f) != 2 || f[1]["retry_attempt"] != 2.0 {
			t.Errorf("%v", f)
		}
		l.ws.Close()
		<-l.done
	})
}

func TestLongFramesAreIgnored(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		s.link(func(map[string]any) any { return map[string]any{"text": strings.Repeat("x", 20_480)} })
		_, err := s.Command(t.Context(), "alice", "general", "/llm-status", "")
		if !errors.Is(err, slacksim.ErrOperationTimeout) {
			t.Error(err)
		}
	})
}

func TestFaults(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		general := s.ChannelID("general")
		post := func() (reply, *http.Response) {
			return s.callAs(s.BotToken(), "chat.postMessage", "channel", general, "text", "x")
		}
		s.Fail(slacksim.Fault{Method: "chat.postMessage", Error: "ratelimited"})
		s.Fail(slacksim.Fault{Method: "chat.postMessage", Status: 429, RetryAfter: 7})
		s.Fail(slacksim.Fault{Method: "chat.postMessage", Status: 503})
		s.Fail(slacksim.Fault{Method: "chat.postMessage", Status: 503, Carry: true})
		for i, want := range []struct {
			status, posted int
			after          string
		}{{200, 0, ""}, {429, 0, "7"}, {503, 0, ""}, {503, 1, ""}, {200, 2, ""}} {
			_, res := post()
			if n := len(s.Channel("general")); res.StatusCode != want.status || n != want.posted || res.Header.Get("Retry-After") != want.after {
				t.Errorf("call %d: %s, %d posted, Retry-After %q", i, res.Status, n, res.Header.Get("Retry-After"))
			}
		}
		s.Fail(slacksim.Fault{Hang: true})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://slack/api/auth.test", nil)
		req.Header.Set("Authorization", "Bearer "+s.BotToken())
		if res, err := s.http.Do(req); !errors.Is(err, context.DeadlineExceeded) {
			t.Error("a hanging call was answered")
			_ = res.Body.Close()
		}
		synctest.Wait()
		calls := s.Calls()
		if c := calls[3]; c.OK || !c.Carried || c.Refused || c.Status != 503 {
			t.Errorf("%+v", c)
		}
		if c := calls[len(calls)-1]; c.Method != "auth.test" || c.OK {
			t.Errorf("%+v", c)
		}
	})
}

// TestHammer has people, the app, faults and lookers at work at once; it is for the race detector.
func TestHammer(t *testing.T) {
	bubble(t, slacksim.Config{Latency: 10 * time.Millisecond}, func(t *testing.T, s *space) {
		for range 3 {
			s.link(ackAll)
		}
		general := s.ChannelID("general")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 20 {
					ts := s.Say("alice", "general", "", "@llm hi")
					r := s.call("chat.postMessage", "channel", general, "thread_ts", ts, "text", "x", "blocks", md("**x**"))
					mine, _ := r["ts"].(string)
					s.call("chat.update", "channel", general, "ts", mine, "blocks", md("**y**"))
					s.call("conversations.replies", "channel", general, "ts", ts)
					_, _ = s.Command(t.Context(), "bob", "general", "/llm-status", "")
					_ = s.Edit("alice", "general", ts, "@llm again")
					if i == 0 {
						s.Cut()
						s.link(ackAll)
					}
					if i == 1 {
						_ = s.Delete("alice", "general", ts)
					}
					s.Thread("general", ts)
					s.Calls()
					s.Envelopes()
				}
			})
		}
		wg.Wait()
		time.Sleep(10 * time.Minute)
		for _, e := range s.Envelopes() {
			if e.Attempt > 3 {
				t.Errorf("%+v", e)
			}
		}
	})
}

// TestInject: a frame of any kind comes as it is, and its ack is kept.
func TestInject(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		s.Inject([]byte(`{"envelope_id":"odd-1","type":7}`), false)
		s.Inject([]byte(`{"envelope_id":"odd-2"}`), true)
		time.Sleep(time.Second)
		if got := s.StrayAcks(); !slices.Equal(got, []string{"odd-1", "odd-2"}) || len(l.got()) != 3 {
			t.Errorf("%q, %v", got, l.got())
		}
	})
}
