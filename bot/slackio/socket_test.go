package slackio

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot"
	"llmbot/bot/slacksim"
	"llmbot/bot/status"
	"llmbot/llm/llmsim/memnet"
)

// heard is a Handler that keeps what it is told.
type heard struct {
	mu     sync.Mutex // guards all below
	events []bot.Event
	takes  time.Duration // for each
}

func (h *heard) Handle(_ context.Context, ev bot.Event) error {
	h.mu.Lock()
	h.events = append(h.events, ev)
	takes := h.takes
	h.mu.Unlock()
	time.Sleep(takes)
	return nil
}

func (h *heard) Status(context.Context, bot.Command) status.Report { return status.Report{} }

func (h *heard) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.events)
}

func (h *heard) asked() (texts []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ev := range h.events {
		if a, ok := ev.(bot.Asked); ok {
			texts = append(texts, a.Text)
		}
	}
	return texts
}

// outcomes counts what became of envelopes.
type outcomes struct {
	mu sync.Mutex // guards n
	n  map[string]int
}

func (o *outcomes) event(_, outcome string, _ bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.n[outcome]++
}

func (o *outcomes) of(outcome string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.n[outcome]
}

// counted is a log of which only the length is of interest.
type counted struct{ n atomic.Int64 }

func (c *counted) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

func (c *counted) Len() int { return int(c.n.Load()) }

// linked is a Slack with both sockets open, in a bubble.
type linked struct {
	*Slack

	t     *testing.T
	sim   *slacksim.Sim
	h     *heard
	seen  *outcomes
	log   *counted
	ended chan error // of Run
	stop  func()     // ends Run, and waits
}

func inLinks(t *testing.T, hooks Hooks, test func(t *testing.T, l *linked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := slacksim.New(slacksim.Config{})
		net := memnet.Serve(sim)
		client := net.Client()
		l := &linked{t: t, sim: sim, h: &heard{}, seen: &outcomes{n: map[string]int{}}, log: &counted{}, ended: make(chan error, 1)}
		hooks.Event = l.seen.event
		l.Slack = New(Config{
			AppToken: slacksim.DefaultAppToken, BotToken: slacksim.DefaultBotToken, APIURL: "http://slack/api/", HTTP: client, Command: "/llm-status",
			Dialer: &websocket.Dialer{NetDialContext: net.Dial}, Log: slog.New(slog.NewTextHandler(l.log, nil)), Hooks: hooks,
		})
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := l.Connect(ctx); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		all.Go(func() { l.ended <- l.Run(ctx, l.h) })
		l.stop = func() {
			cancel()
			all.Wait()
		}
		defer func() {
			l.stop()
			client.CloseIdleConnections()
			sim.Close()
			_ = net.Close()
		}()
		test(t, l)
	})
}

func (l *linked) bothOpen() {
	l.t.Helper()
	time.Sleep(5 * time.Second)
	if l.sim.Sockets() != 2 || l.Sockets() != 2 {
		l.t.Fatalf("%d sockets are open, %d counted", l.sim.Sockets(), l.Sockets())
	}
}

func (l *linked) opens(since time.Time) (n int) {
	for _, c := range l.sim.Calls("apps.connections.open") {
		if !c.At.Before(since) {
			n++
		}
	}
	return n
}

// oddFrames are frames that Slack does not send, and what becomes of them.
func oddFrames() map[string]struct {
	data   string
	binary bool
	acked  string // id that is acked; empty: none
} {
	type odd = struct {
		data   string
		binary bool
		acked  string
	}
	return map[string]odd{
		"word": {"oops", false, ""}, "empty": {"", false, ""}, "number": {"7", false, ""}, "null": {"null", false, ""}, "list": {"[]", false, ""},
		"nothing": {"{}", false, ""}, "half": {`{"envelope_id":"half","type":"events_api","payl`, false, "half"},
		"binary": {"\x00\xff\x01", true, ""}, "not utf-8": {"\xff\xfe", false, ""},
		"huge word":       {strings.Repeat("x", 20<<20), false, ""},
		"huge event":      {`{"envelope_id":"huge","type":"events_api","payload":{"x":"` + strings.Repeat("y", 20<<20) + `"}}`, false, "huge"},
		"deep":            {`{"envelope_id":"deep","type":"events_api","payload":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`, false, "deep"},
		"deep before id":  {`{"type":"events_api","payload":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `,"envelope_id":"late"}`, false, "late"},
		"attempt string":  {`{"envelope_id":"attempt-s","type":"events_api","retry_attempt":"2","payload":{}}`, false, "attempt-s"},
		"attempt object":  {`{"envelope_id":"attempt-o","type":"events_api","retry_attempt":{"n":1},"payload":{}}`, false, "attempt-o"},
		"attempt huge":    {`{"envelope_id":"attempt-h","type":"events_api","retry_attempt":1e999,"payload":{}}`, false, "attempt-h"},
		"type number":     {`{"envelope_id":"type-n","type":7}`, false, "type-n"},
		"type unknown":    {`{"envelope_id":"type-u","type":"telegrams","payload":{}}`, false, "type-u"},
		"no type":         {`{"envelope_id":"type-none"}`, false, "type-none"},
		"reason number":   {`{"envelope_id":"reason","type":"events_api","retry_reason":5,"payload":{}}`, false, "reason"},
		"payload string":  {`{"envelope_id":"payload-s","type":"slash_commands","payload":"x"}`, false, "payload-s"},
		"payload null":    {`{"envelope_id":"payload-0","type":"interactive","payload":null}`, false, "payload-0"},
		"payload missing": {`{"envelope_id":"payload-m","type":"events_api"}`, false, "payload-m"},
		"id number":       {`{"envelope_id":7,"type":"events_api","payload":{}}`, false, ""},
		"id too long":     {`{"envelope_id":"` + strings.Repeat("i", 100_000) + `","type":"events_api","payload":{}}`, false, ""},
		"odd hello":       {`{"type":"hello","num_connections":"many","connection_info":7}`, false, ""},
	}
}

// TestOddFrames: whatever comes, a socket is counted as what it is; what has an id is acked, the rest is counted, and no socket is lost.
func TestOddFrames(t *testing.T) {
	for name, tt := range oddFrames() {
		t.Run(name, func(t *testing.T) {
			inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
				l.bothOpen()
				opened := l.sim.Opened()
				l.sim.Inject([]byte(tt.data), tt.binary)
				time.Sleep(15 * time.Second)
				if l.Sockets() != 2 || l.sim.Sockets() != 2 || l.sim.Opened() != opened {
					t.Errorf("%d counted, %d open, %d opened anew", l.Sockets(), l.sim.Sockets(), l.sim.Opened()-opened)
				}
				want := []string(nil)
				if tt.acked != "" {
					want = []string{tt.acked, tt.acked}
				}
				if got := l.sim.StrayAcks(); !slices.Equal(got, want) {
					t.Errorf("acked %.200q, want %q", got, want)
				}
				if n := l.seen.of(OutcomeUnreadable) + l.seen.of(OutcomeIgnored); n != 2 && name != "odd hello" {
					t.Errorf("%d counted", n)
				}
				l.sim.Say("alice", "general", "", l.sim.Mention()+" still there?")
				time.Sleep(time.Second)
				if got := l.h.asked(); !slices.Equal(got, []string{"still there?"}) {
					t.Errorf("heard %q", got)
				}
			})
		})
	}
}

// TestRefusedSockets: however Slack refuses sockets, at most 10 are opened in a minute, it is said why, and they come back.
func TestRefusedSockets(t *testing.T) {
	scenes := map[string]struct {
		begin func(sim *slacksim.Sim)
		says  string
	}{
		"link_disabled":       {func(sim *slacksim.Sim) { sim.RefuseSockets(-1, "link_disabled"); sim.Disconnect("link_disabled") }, "link_disabled"},
		"too_many_websockets": {func(sim *slacksim.Sim) { sim.RefuseSockets(-1, "too_many_websockets"); sim.Cut() }, "too_many_websockets"},
		"some new reason":     {func(sim *slacksim.Sim) { sim.RefuseSockets(-1, "maintenance"); sim.Cut() }, "maintenance"},
		"refresh_requested":   {func(sim *slacksim.Sim) { sim.RefuseSockets(-1, "refresh_requested"); sim.Cut() }, "refresh_requested"},
		"no open": {func(sim *slacksim.Sim) {
			sim.Fail(slacksim.Fault{Method: "apps.connections.open", Times: -1, Error: "internal_error"})
			sim.Cut()
		}, "internal_error"},
		"open 503": {func(sim *slacksim.Sim) {
			sim.Fail(slacksim.Fault{Method: "apps.connections.open", Times: -1, Status: 503})
			sim.Cut()
		}, "503"},
		"open 429": {func(sim *slacksim.Sim) {
			sim.Fail(slacksim.Fault{Method: "apps.connections.open", Times: -1, Status: 429})
			sim.Cut()
		}, "ratelimited"},
	}
	for name, tt := range scenes {
		t.Run(name, func(t *testing.T) {
			inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
				l.bothOpen()
				time.Sleep(2 * time.Minute)
				began := time.Now()
				tt.begin(l.sim)
				for minute := range 5 {
					from := time.Now()
					time.Sleep(time.Minute - time.Millisecond)
					if n := l.opens(from); n > 10 || n < 3 {
						t.Errorf("%d opens in minute %d", n, minute+1)
					}
				}
				calls := l.sim.Calls("apps.connections.open")
				for i := range calls {
					if i >= 10 && calls[i].At.Sub(calls[i-10].At) < time.Minute {
						t.Errorf("11 opens in %s", calls[i].At.Sub(calls[i-10].At))
					}
				}
				if trouble := l.Trouble(); l.Sockets() != 0 || !strings.Contains(trouble, tt.says) || strings.Contains(trouble, "ticket") {
					t.Errorf("%d open; %s", l.Sockets(), trouble)
				}
				l.sim.Heal()
				time.Sleep(45 * time.Second)
				if l.Sockets() != 2 || l.Trouble() != "" {
					t.Errorf("after it was mended: %d open; %s", l.Sockets(), l.Trouble())
				}
				t.Logf("%d opens in 5 minutes", l.opens(began))
			})
		})
	}
}

// TestSocketsThatAreClosedAtOnce: sockets that are greeted and then closed, again and again, are not opened more often either.
func TestSocketsThatAreClosedAtOnce(t *testing.T) {
	for _, reason := range []string{"link_disabled", "refresh_requested", "too_many_websockets", ""} {
		t.Run(reason, func(t *testing.T) {
			inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
				l.bothOpen()
				for range 600 {
					if reason == "" {
						l.sim.Cut()
					} else {
						l.sim.Disconnect(reason)
					}
					time.Sleep(500 * time.Millisecond)
				}
				calls := l.sim.Calls("apps.connections.open")
				for i := range calls {
					if i >= 10 && calls[i].At.Sub(calls[i-10].At) < time.Minute {
						t.Errorf("11 opens in %s", calls[i].At.Sub(calls[i-10].At))
					}
				}
				time.Sleep(45 * time.Second)
				if l.Sockets() != 2 {
					t.Errorf("%d open", l.Sockets())
				}
			})
		})
	}
}

// TestHalfOpenSocket: a link over which nothing comes any more is opened anew within 45 s, whenever it goes silent.
func TestHalfOpenSocket(t *testing.T) {
	for _, after := range []time.Duration{0, 3 * time.Second, 9 * time.Second, 11 * time.Second, 29 * time.Second, 31 * time.Second, 10 * time.Minute} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
				l.bothOpen()
				time.Sleep(after)
				began, opened := time.Now(), l.sim.Opened()
				l.sim.HalfOpen(-1)
				for l.sim.Opened() < opened+2 && time.Since(began) < 2*time.Minute {
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(100 * time.Millisecond)
				t.Logf("noticed after %s", time.Since(began))
				if d := time.Since(began); d > 45*time.Second || l.Sockets() != 2 {
					t.Errorf("%d open after %s", l.Sockets(), d)
				}
			})
		})
	}
}

// TestQuietSocket: nobody says anything for an hour, and no socket is opened anew.
func TestQuietSocket(t *testing.T) {
	inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
		l.bothOpen()
		time.Sleep(time.Hour)
		if n := l.sim.Opened(); n != 2 || l.Sockets() != 2 {
			t.Errorf("%d opened, %d open", n, l.Sockets())
		}
	})
}

// TestSocketLoopThatPanics: what ends a socket's loop ends Run, with a word, instead of leaving a bot that is deaf in part.
func TestSocketLoopThatPanics(t *testing.T) {
	closed := false
	hooks := Hooks{Socket: func(n int, open bool) {
		if n == 1 && !open && !closed {
			closed = true
			panic("a fault of ours")
		}
	}}
	inLinks(t, hooks, func(t *testing.T, l *linked) {
		l.bothOpen()
		l.sim.Disconnect("refresh_requested")
		select {
		case err := <-l.ended:
			if err == nil || !strings.Contains(err.Error(), "a fault of ours") || !strings.Contains(err.Error(), "socket 1") {
				t.Errorf("ended with %v", err)
			}
		case <-time.After(20 * time.Second):
			t.Error("it runs on")
		}
	})
}

// TestAckOutlivesItsSocket: what was being handled when its socket was refreshed is acked on the next one, and not delivered again.
func TestAckOutlivesItsSocket(t *testing.T) {
	inLinks(t, Hooks{}, func(t *testing.T, l *linked) {
		l.bothOpen()
		l.h.mu.Lock()
		l.h.takes = time.Second
		l.h.mu.Unlock()
		l.sim.Say("alice", "@alice", "", "hello")
		time.Sleep(500 * time.Millisecond)
		l.sim.Disconnect("refresh_requested")
		time.Sleep(time.Minute)
		for _, e := range l.sim.Envelopes() {
			if e.Acked.IsZero() || e.Attempt > 0 {
				t.Errorf("%s attempt %d acked %s", e.Type, e.Attempt, e.Acked)
			}
		}
	})
}
