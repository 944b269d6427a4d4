package slacksim_test

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"llmbot/bot/slacksim"
)

// panel is what the panel gets.
type panel struct {
	Boot  string
	Now   int64
	Knobs struct {
		LatencyMS     int    `json:"latency_ms"`
		Limiter       string `json:"limiter"`
		LoseAcks      bool   `json:"lose_acks"`
		RefuseEditsMS int    `json:"refuse_edits_ms"`
	}
	Budgets []struct {
		Method, Where              string
		Used, Refused, Limit, Left int
	}
	Calls struct {
		Total  int
		Newest []struct {
			N                                  int
			Method, Error, What, Where, Thread string
			MS                                 *int
			ForMS                              *int `json:"for_ms"`
			OK                                 bool
			Status, Wait                       int
		}
	}
	Sockets []struct {
		ID     int
		Silent bool
	}
	Opened    int
	Envelopes struct {
		Sent, Acked, Redelivered, Lost, Waiting int
		Newest                                  []struct {
			ID, Event, Kind, Type string
			Attempt, Socket       int
			AckMS                 *int `json:"ack_ms"`
		}
	}
	Pings, Unfurls struct {
		Total  int
		Newest []struct{ Who, Method, Where, URL, TS string }
	}
}

func (s *space) panel() (p panel, size int) {
	s.t.Helper()
	res := s.page("GET", "/page/panel", "")
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(s.t, err)
	must(s.t, json.Unmarshal(body, &p))
	return p, len(body)
}

// knob turns knobs as the page does.
func (s *space) knob(body string) (int, string) {
	s.t.Helper()
	res := s.page("POST", "/page/panel/knobs", body)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(s.t, err)
	return res.StatusCode, string(b)
}

func TestPanelShowsCalls(t *testing.T) {
	bubble(t, slacksim.Config{Latency: 100 * time.Millisecond}, func(t *testing.T, s *space) {
		question := s.Say("alice", "general", "", "@llm what is\na goroutine? "+strings.Repeat("long ", 50))
		id := s.ChannelID("general")
		ts, _ := s.call("chat.postMessage", "channel", id, "thread_ts", question, "text", "secret of the answer")["ts"].(string)
		s.call("chat.update", "channel", id, "ts", ts, "text", strings.Repeat("x", 1234))
		s.call("chat.update", "channel", id, "ts", "1.2", "text", "x")
		s.call("users.info", "user", "U0ALICE001")
		s.call("assistant.threads.setStatus", "channel_id", id, "thread_ts", question, "status", "is thinking…")
		s.call("chat.postMessage", "channel", s.ChannelID("@bob"), "text", "x")
		s.call("no.such")
		s.Fail(slacksim.Fault{Method: "auth.test", Hang: true})
		go func() { s.call("auth.test") }()
		synctest.Wait()
		time.Sleep(time.Second)

		p, _ := s.panel()
		got := []string{}
		for _, c := range p.Calls.Newest {
			took := "running"
			if c.MS != nil {
				took = fmt.Sprintf("%d ms", *c.MS)
			}
			got = append(got, strings.TrimSpace(fmt.Sprintf("%d %s %d %s %s | %s | %s | %s", c.N, c.Method, c.Status, c.Error, took, c.What, c.Where, c.Thread)))
		}
		thread := "@llm what is a goroutine? long long long long l…"
		want := []string{
			"1 chat.postMessage 200  100 ms | posts a message · 20 B | #general | " + thread,
			"2 chat.update 200  100 ms | edits a message · 1.2 kB | #general | " + thread,
			"3 chat.update 200 message_not_found 100 ms | edits a message · 1 B | #general |",
			"4 users.info 200  100 ms | asks who somebody is | @alice |",
			"5 assistant.threads.setStatus 200  100 ms | sets the status line | #general | " + thread,
			"6 chat.postMessage 200  100 ms | posts a message · 1 B | DM bob |",
			"7 no.such 200 unknown_method 100 ms |  |  |",
			"8 auth.test 0  running | asks who it is |  |",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("calls:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if last := p.Calls.Newest[7]; last.ForMS == nil || *last.ForMS != 1000 {
			t.Errorf("%+v", last)
		}
		if b := p.Budgets[0]; b.Method != "chat.update" || b.Used != 2 || b.Limit != 50 || b.Left != 48 {
			t.Errorf("%+v", p.Budgets)
		}
		if k := p.Knobs; k.LatencyMS != 100 || k.Limiter != "window" || k.RefuseEditsMS != 0 {
			t.Errorf("%+v", k)
		}
		raw, _ := json.Marshal(p)
		if strings.Contains(string(raw), "secret of the answer") {
			t.Error("the panel repeats the text of a message")
		}
	})
}

func TestPanelShowsSocketsAndEnvelopes(t *testing.T) {
	bubble(t, slacksim.Config{Events: []string{"message.channels"}}, func(t *testing.T, s *space) {
		l := s.link(func(f map[string]any) any { // does not ack what comes for the first time
			if f["retry_attempt"] == 0.0 {
				return nil
			}
			return true
		})
		s.Say("alice", "general", "", "hello")
		synctest.Wait()
		if p, _ := s.panel(); p.Envelopes.Sent != 1 || p.Envelopes.Acked != 0 || p.Envelopes.Waiting != 1 || len(p.Sockets) != 1 || p.Opened != 1 {
			t.Errorf("%+v", p)
		}
		time.Sleep(slacksim.AckTimeout)
		synctest.Wait()
		p, _ := s.panel()
		if e := p.Envelopes; e.Sent != 2 || e.Redelivered != 1 || e.Newest[1].Attempt != 1 || e.Newest[0].AckMS != nil {
			t.Errorf("%+v", e)
		}
		s.HalfOpen(1)
		synctest.Wait()
		if p, _ := s.panel(); !p.Sockets[0].Silent {
			t.Errorf("%+v", p.Sockets)
		}
		_ = l.ws.Close()
		<-l.done
	})
}

func TestPanelShowsPingsAndUnfurls(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		id := s.ChannelID("general")
		ts, _ := s.call("chat.postMessage", "channel", id, "text", "<!channel> <@U0ALICE001> https://example.org/"+strings.Repeat("a", 900))["ts"].(string)
		for range 3 { // the same mention in a text that grows
			s.call("chat.update", "channel", id, "ts", ts, "text", "<!here>")
		}
		p, _ := s.panel()
		var got strings.Builder
		for _, x := range p.Pings.Newest {
			got.WriteString(x.Who + " " + x.Method + " " + x.Where + "\n")
		}
		if want := "@channel chat.postMessage #general\n@alice chat.postMessage #general\n@here chat.update #general\n"; got.String() != want {
			t.Errorf("pings:\n%s", got.String())
		}
		if len(p.Unfurls.Newest) != 1 || utf8.RuneCountInString(p.Unfurls.Newest[0].URL) != 120 || !strings.HasSuffix(p.Unfurls.Newest[0].URL, "…") {
			t.Errorf("%+v", p.Unfurls)
		}
	})
}

// What the panel gets is bounded, whatever the bot and people write.
func TestPanelIsBounded(t *testing.T) {
	bubble(t, slacksim.Config{Limiter: slacksim.LimiterOff}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		id := s.ChannelID("general")
		evil := strings.Repeat("<", 3000)
		root := s.Say("alice", "general", "", evil)
		for i := range 150 {
			s.Say("bob", "general", root, fmt.Sprint(i, evil))
			s.call("chat.postMessage", "channel", id, "thread_ts", root, "text", fmt.Sprintf("<@U0ALICE001> https://e.test/%d/%s", i, strings.Repeat("<", 2000)))
			s.call("chat.postMessage", "channel", fmt.Sprint(i, evil), "text", evil)
			s.call(strings.Repeat("&", 500)+fmt.Sprint(i), "status", evil)
		}
		synctest.Wait()
		p, size := s.panel()
		if size > 128<<10 {
			t.Errorf("%d bytes", size)
		}
		t.Logf("%d bytes", size)
		if len(p.Calls.Newest) != 60 || len(p.Envelopes.Newest) != 30 || len(p.Pings.Newest) != 20 || len(p.Unfurls.Newest) != 20 || len(p.Budgets) != 16 {
			t.Errorf("%d calls, %d envelopes, %d pings, %d unfurls, %d budgets", len(p.Calls.Newest), len(p.Envelopes.Newest), len(p.Pings.Newest), len(p.Unfurls.Newest), len(p.Budgets))
		}
		if last := p.Calls.Newest[59]; last.N != p.Calls.Total || p.Calls.Newest[0].N != p.Calls.Total-59 {
			t.Errorf("numbers: %d to %d of %d", p.Calls.Newest[0].N, last.N, p.Calls.Total)
		}
		_ = l.ws.Close()
		<-l.done
	})
}

func TestPanelTurnsKnobs(t *testing.T) {
	bubble(t, slacksim.Config{Events: []string{"message.channels"}}, func(t *testing.T, s *space) {
		for _, c := range []struct {
			body string
			want int
			says string
		}{
			{`{"latency_ms":250,"limiter":"bucket","refuse_edits_ms":10000,"lose_acks":true}`, 200, `"refuse_edits_ms":10000`},
			{`{"latency_ms":0}`, 200, `"limiter":"bucket"`},
			{`{"latency_ms":-1}`, 422, "0 to 10000"},
			{`{"latency_ms":99999,"limiter":"off"}`, 422, "0 to 10000"},
			{`{"latency_ms":1e99}`, 400, "not understood"},
			{`{"latency_ms":"fast"}`, 400, "not understood"},
			{`{"refuse_edits_ms":600001}`, 422, "0 to 600000"},
			{`{"limiter":"slow"}`, 422, "window, bucket or off"},
			{`{"socket":"cut"}`, 422, "no socket is open"},
			{`{"socket":"all"}`, 422, "cut, refresh or silent"},
			{`{"redeliver":""}`, 422, "no such event"},
			{`{"redeliver":"` + strings.Repeat("E", 3000) + `"}`, 422, "no such event"},
			{`{}`, 422, "no knob is named"},
			{`{"latency":5}`, 400, "latency"},
			{`{"latency_ms":5}{}`, 400, "behind the object"},
			{`[]`, 400, "not understood"},
			{``, 400, "not understood"},
			{`null`, 422, "no knob is named"},
			{`{"latency_ms":5,"redeliver":"` + strings.Repeat("E", 5000) + `"}`, 400, "too large"},
		} {
			status, body := s.knob(c.body)
			if status != c.want || !strings.Contains(body, c.says) || len(body) > 300 {
				t.Errorf("%.60s: %d %s; want %d %s", c.body, status, body, c.want, c.says)
			}
		}
		k := s.Knobs()
		if k.Latency != 0 || k.Limiter != slacksim.LimiterBucket || !k.LoseAcks || time.Until(k.RefuseEdits) != 10*time.Second {
			t.Errorf("%+v", k)
		}
		if status, _ := s.knob(`{"lose_acks":false,"refuse_edits_ms":0}`); status != 200 || s.Knobs().LoseAcks {
			t.Errorf("%d %+v", status, s.Knobs())
		}

		first := s.link(ackAll)
		s.Say("alice", "general", "", "hello")
		synctest.Wait()
		if status, body := s.knob(`{"redeliver":""}`); status != 200 || len(s.Envelopes()) != 2 {
			t.Errorf("%d %s, %+v", status, body, s.Envelopes())
		}
		if status, body := s.knob(`{"socket":"refresh"}`); status != 200 {
			t.Errorf("%d %s", status, body)
		}
		synctest.Wait()
		second := s.link(ackAll)
		time.Sleep(11 * time.Second)
		<-first.done // refreshed
		if status, body := s.knob(`{"socket":"cut"}`); status != 200 {
			t.Errorf("%d %s", status, body)
		}
		<-second.done
		third := s.link(ackAll)
		if status, body := s.knob(`{"socket":"silent"}`); status != 200 {
			t.Errorf("%d %s", status, body)
		}
		synctest.Wait()
		if p, _ := s.panel(); len(p.Sockets) != 1 || !p.Sockets[0].Silent {
			t.Errorf("%+v", p.Sockets)
		}
		_ = third.ws.Close()
		<-third.done
	})
}
