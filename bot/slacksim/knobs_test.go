package slacksim_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"llmbot/bot/slacksim"
)

// updated edits a message of the bot, and returns the error and how long the answer took.
func (s *space) updated(ts string) (string, time.Duration) {
	s.t.Helper()
	began := time.Now()
	r := s.call("chat.update", "channel", s.ChannelID("general"), "ts", ts, "text", "x")
	return r.err(), time.Since(began)
}

func (s *space) posted() string {
	s.t.Helper()
	ts, _ := s.call("chat.postMessage", "channel", s.ChannelID("general"), "text", "x")["ts"].(string)
	if ts == "" {
		s.t.Fatal("not posted")
	}
	return ts
}

func TestLatencyIsTurned(t *testing.T) {
	bubble(t, slacksim.Config{Latency: 100 * time.Millisecond}, func(t *testing.T, s *space) {
		ts := s.posted()
		for _, d := range []time.Duration{100 * time.Millisecond, 2 * time.Second, 0} {
			s.SetLatency(d)
			if err, took := s.updated(ts); err != "" || took != d {
				t.Errorf("latency %v: %q after %v", d, err, took)
			}
		}
		s.SetLatency(-time.Second)
		if d := s.Knobs().Latency; d != 0 {
			t.Errorf("a negative latency is %v", d)
		}
	})
}

func TestLimiterIsTurned(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.posted()
		taken := func() (n int) {
			for range 60 {
				if err, _ := s.updated(ts); err == "" {
					n++
				}
			}
			return n
		}
		if n := taken(); n != 50 {
			t.Errorf("window: %d taken", n)
		}
		must(t, s.SetLimiter(slacksim.LimiterBucket))
		if n := taken(); n != 10 {
			t.Errorf("bucket: %d taken", n)
		}
		must(t, s.SetLimiter(slacksim.LimiterOff))
		if n := taken(); n != 60 {
			t.Errorf("off: %d taken", n)
		}
		must(t, s.SetLimiter(slacksim.LimiterWindow)) // it knows what went before
		if n := taken(); n != 0 {
			t.Errorf("window again: %d taken", n)
		}
		time.Sleep(time.Minute)
		if n := taken(); n != 50 {
			t.Errorf("a minute later: %d taken", n)
		}
		if err := s.SetLimiter("slow"); !errors.Is(err, slacksim.ErrLimiterNotFound) || s.Knobs().Limiter != slacksim.LimiterWindow {
			t.Errorf("%v, %v", err, s.Knobs())
		}
	})
}

func TestEditsAreRefused(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.posted()
		s.RefuseEdits(10 * time.Second)
		time.Sleep(2500 * time.Millisecond)
		if err, _ := s.updated(ts); err != "ratelimited" {
			t.Errorf("refused edits: %q", err)
		}
		if r := s.call("chat.appendStream", "channel", s.ChannelID("general"), "ts", ts, "markdown_text", "x"); r.err() != "ratelimited" {
			t.Errorf("a stream: %v", r)
		}
		s.posted() // is no edit
		last := s.Calls("chat.update")[0]
		if last.RetryAfter != 8 || last.Status != 429 || !last.Refused {
			t.Errorf("%+v", last)
		}
		time.Sleep(time.Duration(last.RetryAfter) * time.Second)
		if err, _ := s.updated(ts); err != "" {
			t.Errorf("after Retry-After: %q", err)
		}
		s.RefuseEdits(time.Hour)
		if b := s.Budgets(); !slices.Contains(b, slacksim.Budget{Method: "chat.update", Used: 1, Refused: 1, Limit: 50}) {
			t.Errorf("%+v", b)
		}
		s.RefuseEdits(0)
		if err, _ := s.updated(ts); err != "" {
			t.Errorf("taken again: %q", err)
		}
		s.RefuseEdits(time.Hour)
		s.LoseAcks(true)
		s.Heal()
		if err, _ := s.updated(ts); err != "" || s.Knobs().LoseAcks {
			t.Errorf("healed: %q, %+v", err, s.Knobs())
		}
	})
}

func TestAcksAreLost(t *testing.T) {
	bubble(t, slacksim.Config{Events: []string{"message.channels"}}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		s.LoseAcks(true)
		s.Say("alice", "general", "", "hello")
		time.Sleep(slacksim.AckTimeout + time.Second)
		s.LoseAcks(false)
		time.Sleep(2 * time.Minute)
		sent := s.Envelopes()
		if len(sent) != 3 || !sent[1].Acked.IsZero() || sent[2].Acked.IsZero() || sent[2].Attempt != 2 || sent[0].EventID != sent[2].EventID {
			t.Errorf("%+v", sent)
		}
		if n := len(l.got()); n != 4 { // with the hello
			t.Errorf("%d frames", n)
		}
	})
}

func TestOneSocketIsCut(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		if err := s.CutOne(); !errors.Is(err, slacksim.ErrNoSocket) {
			t.Error(err)
		}
		first, second := s.link(ackAll), s.link(ackAll)
		must(t, s.CutOne())
		<-first.done
		synctest.Wait()
		select {
		case <-second.done:
			t.Error("the newer socket was cut")
		default:
		}
		if n := s.Sockets(); n != 1 {
			t.Errorf("%d sockets", n)
		}
		s.HalfOpen(1) // what is silent already is not cut
		if err := s.CutOne(); !errors.Is(err, slacksim.ErrNoSocket) {
			t.Error(err)
		}
		_ = second.ws.Close()
		<-second.done
	})
}

func TestRedeliver(t *testing.T) {
	bubble(t, slacksim.Config{Events: []string{"message.channels"}}, func(t *testing.T, s *space) {
		if err := s.Redeliver(""); !errors.Is(err, slacksim.ErrEventNotFound) {
			t.Error(err)
		}
		l := s.link(ackAll)
		s.Say("alice", "general", "", "one")
		s.Say("alice", "general", "", "two")
		synctest.Wait()
		must(t, s.Redeliver(""))
		must(t, s.Redeliver(s.Envelopes()[0].EventID))
		must(t, s.Redeliver(s.Envelopes()[0].EventID))
		synctest.Wait()
		sent := s.Envelopes()
		if len(sent) != 5 || sent[2].EventID != sent[1].EventID || sent[2].ID == sent[1].ID || sent[2].Attempt != 1 || sent[4].Attempt != 2 || sent[4].Acked.IsZero() {
			t.Errorf("%+v", sent)
		}
		frames := l.got()
		if f := frames[len(frames)-1]; f["retry_attempt"] != 2.0 || f["retry_reason"] != "timeout" {
			t.Errorf("%+v", f)
		}
		time.Sleep(10 * time.Minute) // they were acked: none comes again
		if n := len(s.Envelopes()); n != 5 {
			t.Errorf("%d envelopes", n)
		}
		if err := s.Redeliver("Ev404"); !errors.Is(err, slacksim.ErrEventNotFound) {
			t.Error(err)
		}
		must(t, s.CutOne())
		<-l.done
		synctest.Wait()
		if err := s.Redeliver(""); !errors.Is(err, slacksim.ErrNoSocket) {
			t.Error(err)
		}
	})
}

// A button of the page may be pressed as fast as somebody likes; what it leaves is bounded.
func TestPressedTooOften(t *testing.T) {
	bubble(t, slacksim.Config{Events: []string{"message.channels"}}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		s.Say("alice", "general", "", "one")
		synctest.Wait()
		s.LoseAcks(true)
		refused := 0
		for range 1100 {
			if err := s.Redeliver(""); errors.Is(err, slacksim.ErrTooManyWaiting) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
			s.Disconnect("warning")
		}
		if refused < 100 || refused > 110 {
			t.Errorf("%d refused", refused)
		}
		s.LoseAcks(false)
		<-l.done
		warned := 0
		for _, f := range l.got() {
			if f["type"] == "disconnect" && f["reason"] == "warning" {
				warned++
			}
		}
		if warned != 1 {
			t.Errorf("%d warnings", warned)
		}
	})
}

func TestBudgets(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		ts := s.posted()
		s.call("chat.postMessage", "channel", s.ChannelID("random"), "text", "x")
		s.call("auth.test")
		for range 52 {
			s.updated(ts)
		}
		want := []slacksim.Budget{
			{Method: "chat.update", Used: 50, Refused: 2, Limit: 50},
			{Method: "chat.postMessage", Channel: s.ChannelID("general"), Used: 1, Limit: 60, Left: 59},
			{Method: "chat.postMessage", Channel: s.ChannelID("random"), Used: 1, Limit: 60, Left: 59},
			{Method: "auth.test", Used: 1, Left: -1},
		}
		if got := s.Budgets(); len(got) != 4 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] || got[3] != want[3] {
			t.Errorf("%+v", got)
		}
		must(t, s.SetLimiter(slacksim.LimiterBucket))
		s.updated(ts)
		if b := s.Budgets()[0]; b.Used != 51 || b.Left != 9 {
			t.Errorf("bucket: %+v", b)
		}
		time.Sleep(2 * time.Second) // 50 a minute: at least one more
		if b := s.Budgets()[0]; b.Left != 10 {
			t.Errorf("bucket: %+v", b)
		}
		must(t, s.SetLimiter(slacksim.LimiterOff))
		if b := s.Budgets()[0]; b.Left != -1 {
			t.Errorf("off: %+v", b)
		}
		time.Sleep(time.Minute)
		if b := s.Budgets(); len(b) != 0 {
			t.Errorf("a minute later: %+v", b)
		}
	})
}

// TestKnobsHammer turns every knob while a bot calls and people speak.
func TestKnobsHammer(t *testing.T) {
	bubble(t, slacksim.Config{}, func(t *testing.T, s *space) {
		l := s.link(ackAll)
		l2 := s.link(ackAll)
		ts := s.posted()
		var all sync.WaitGroup
		for _, do := range []func(int){
			func(i int) { s.SetLatency(time.Duration(i%5) * time.Millisecond) },
			func(i int) {
				_ = s.SetLimiter([]slacksim.Limiter{slacksim.LimiterWindow, slacksim.LimiterBucket, slacksim.LimiterOff}[i%3])
			},
			func(i int) { s.RefuseEdits(time.Duration(i%3) * 10 * time.Millisecond) },
			func(i int) { s.LoseAcks(i%2 == 0) },
			func(int) { _ = s.Redeliver("") },
			func(i int) {
				if i == 25 {
					_ = s.CutOne()
				}
			},
			func(int) { s.Budgets() },
			func(int) { s.Knobs() },
			func(i int) {
				if i%10 == 0 {
					s.Heal()
				}
			},
			func(int) { s.updated(ts) },
			func(int) { s.Say("alice", "general", "", "hello") },
			func(int) { _ = s.page("GET", "/page/panel", "").Body.Close() },
			func(int) {
				_ = s.page("POST", "/page/panel/knobs", `{"latency_ms":1,"lose_acks":false,"redeliver":""}`).Body.Close()
			},
		} {
			all.Go(func() {
				for i := range 50 {
					do(i)
					time.Sleep(time.Millisecond)
				}
			})
		}
		all.Wait()
		<-l.done
		s.Cut()
		<-l2.done
	})
}
