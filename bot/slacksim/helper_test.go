package slacksim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"llmbot/bot/slacksim"
	"llmbot/llm/llmsim/memnet"
)

// space is a served workspace and raw clients for it.
type space struct {
	*slacksim.Sim

	t    *testing.T
	net  *memnet.Net
	http *http.Client
}

// serve starts a workspace; the test's end (of the bubble's function) must call the returned
// function.
func serve(t *testing.T, cfg slacksim.Config) (*space, func()) {
	t.Helper()
	sim := slacksim.New(cfg)
	s := &space{Sim: sim, t: t, net: memnet.Serve(sim)}
	s.http = s.net.Client()
	return s, func() {
		s.http.CloseIdleConnections()
		s.Close()
		_ = s.net.Close()
	}
}

type reply map[string]any

func (r reply) err() string { e, _ := r["error"].(string); return e }

// call calls a method with the bot token and a form.
func (s *space) call(method string, args ...string) reply {
	s.t.Helper()
	r, _ := s.callAs(s.BotToken(), method, args...)
	return r
}

func (s *space) callAs(token, method string, args ...string) (reply, *http.Response) {
	s.t.Helper()
	form := url.Values{}
	for i := 0; i < len(args); i += 2 {
		form.Set(args[i], args[i+1])
	}
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://slack/api/"+method, strings.NewReader(form.Encode()))
	must(s.t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return reply{"error": err.Error()}, nil
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(s.t, err)
	var r reply
	if json.Unmarshal(body, &r) != nil {
		r = reply{"error": "not json: " + strings.TrimSpace(string(body))}
	}
	return r, res
}

// link is a raw socket of the app's. It collects frames; acks says which envelopes it acks.
type link struct {
	ws     *websocket.Conn
	mu     sync.Mutex
	frames []map[string]any
	ack    func(frame map[string]any) any // nil: no ack; a value: acked with it as payload; true: acked without one
	done   chan struct{}
}

func (s *space) link(ack func(map[string]any) any, setup ...func(*websocket.Conn)) *link {
	s.t.Helper()
	r, _ := s.callAs(s.AppToken(), "apps.connections.open")
	u, _ := r["url"].(string)
	d := &websocket.Dialer{NetDialContext: s.net.Dial, HandshakeTimeout: 10 * time.Second, WriteBufferSize: 32 << 10}
	ws, res, err := d.DialContext(s.t.Context(), u, nil)
	must(s.t, err)
	_ = res.Body.Close()
	l := &link{ws: ws, ack: ack, done: make(chan struct{})}
	for _, f := range setup {
		f(ws)
	}
	greeted := make(chan struct{})
	greet := sync.OnceFunc(func() { close(greeted) })
	go func() {
		defer close(l.done)
		defer greet()
		defer ws.Close()
		for {
			var f map[string]any
			if ws.ReadJSON(&f) != nil {
				return
			}
			l.mu.Lock()
			l.frames = append(l.frames, f)
			l.mu.Unlock()
			greet()
			id, _ := f["envelope_id"].(string)
			if id == "" || l.ack == nil {
				continue
			}
			if v := l.ack(f); v == true {
				_ = ws.WriteJSON(map[string]any{"envelope_id": id})
			} else if v != nil {
				_ = ws.WriteJSON(map[string]any{"envelope_id": id, "payload": v})
			}
		}
	}()
	<-greeted // the handshake's answer comes before the socket gets envelopes
	return l
}

func ackAll(map[string]any) any { return true }

func (l *link) got() []map[string]any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]map[string]any(nil), l.frames...)
}

// events are the inner events of the frames, without redeliveries.
func (l *link) events() []map[string]any {
	var out []map[string]any
	for _, f := range l.got() {
		if p, ok := f["payload"].(map[string]any); ok && f["type"] == "events_api" && f["retry_attempt"] == 0.0 {
			e, _ := p["event"].(map[string]any)
			out = append(out, e)
		}
	}
	return out
}
