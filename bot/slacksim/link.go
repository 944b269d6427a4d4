package slacksim

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxSockets    = 10               // an app; facts: slack.md §1.5
	maxFrame      = 20_480           // bytes of a frame from the app; longer ones are dropped
	pingEvery     = 10 * time.Second // facts: slack.md §8.4
	pongWithin    = 2*pingEvery + 5*time.Second
	writeWithin   = 10 * time.Second
	ticketFor     = 30 * time.Second
	warningBefore = 10 * time.Second // between the warning and the end of a socket
	// outBound is how many frames wait for a slow app. More are lost, and redelivered because no
	// ack comes.
	outBound = 4096
)

// socket is one WebSocket of the app.
type socket struct {
	id  int
	ws  *websocket.Conn
	raw *watched // under ws
	out chan frame
	// Closed when the reader has ended, for the context of a hijacked request does not end with its
	// client.
	gone chan struct{}

	since time.Time
	// Guarded by Sim.mu:
	dead   bool // half-open
	warned bool // its end was announced
}

type frame struct {
	data   []byte
	last   bool // the socket is closed after it
	binary bool
}

// send queues a frame. It never blocks; when the app does not read, frames are lost.
func (c *socket) send(data []byte, last bool) {
	select {
	case c.out <- frame{data: data, last: last}:
	default:
	}
}

func (s *Sim) connectionsOpenLocked(*call) (obj, *refusal) {
	maps.DeleteFunc(s.tickets, func(_ string, until time.Time) bool { return time.Now().After(until) })
	ticket := fmt.Sprintf("%016x%016x", s.rand.Uint64(), s.rand.Uint64())
	s.tickets[ticket] = time.Now().Add(ticketFor)
	url := "ws" + strings.TrimPrefix(s.cfg.BaseURL, "http") + linkPath + "?ticket=" + ticket + "&app_id=" + s.cfg.Bot.AppID
	return obj{"url": url}, nil
}

// serveLink runs one socket until either side ends it.
func (s *Sim) serveLink(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	until, ok := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !ok || time.Now().After(until) {
		http.Error(w, "bad ticket", http.StatusUnauthorized)
		return
	}
	// refused has checked the origin.
	// With a read buffer of its own, the library reads from the connection that Hijack returns.
	up := websocket.Upgrader{ReadBufferSize: 4 << 10, WriteBufferSize: 32 << 10, CheckOrigin: func(*http.Request) bool { return true }}
	hijack := &hijacked{ResponseWriter: w}
	ws, err := up.Upgrade(hijack, r, nil)
	if err != nil {
		s.log.DebugContext(r.Context(), "no websocket", "error", err)
		return
	}
	c := &socket{ws: ws, raw: hijack.conn, out: make(chan frame, outBound), gone: make(chan struct{})}
	if !s.register(c) {
		_ = ws.Close()
		return
	}
	defer func() {
		s.unregister(c)
		close(c.gone)
		_ = ws.Close()
	}()
	s.read(c)
}

// register greets a socket and adds it to those that get envelopes.
func (s *Sim) register(c *socket) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.opened++
	s.lastSocket++
	c.id, c.since = s.lastSocket, time.Now()
	reason := ""
	if s.refuse.times != 0 {
		s.refuse.times--
		reason = s.refuse.reason
	} else if len(s.sockets) >= maxSockets {
		reason = "too_many_websockets"
	}
	if reason != "" {
		c.send(disconnectFrame(reason), true)
	} else {
		host := fmt.Sprintf("applink-sim-%d", c.id)
		c.send([]byte(jsonText(obj{
			"type": "hello", "num_connections": len(s.sockets) + 1, "connection_info": obj{"app_id": s.cfg.Bot.AppID},
			"debug_info": obj{"host": host, "started": time.Now().UTC().Format("2006-01-02 15:04:05.000"), "build_number": 1, "approximate_connection_time": 18060},
		})), false)
		s.sockets = append(s.sockets, c)
	}
	s.goLocked(func() { s.write(c) })
	s.touchLocked()
	if reason == "" {
		s.releaseLocked()
	}
	return true
}

func disconnectFrame(reason string) []byte {
	return []byte(jsonText(obj{"type": "disconnect", "reason": reason, "debug_info": obj{"host": "applink-sim"}}))
}

func (s *Sim) unregister(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.sockets)
	s.sockets = slices.DeleteFunc(s.sockets, func(o *socket) bool { return o == c })
	if len(s.sockets) != n {
		s.touchLocked()
	}
}

// read takes acks from the app until the socket ends or no pong comes.
func (s *Sim) read(c *socket) {
	pong := func(string) error { return c.ws.SetReadDeadline(time.Now().Add(pongWithin)) }
	c.ws.SetPongHandler(pong)
	_ = pong("")
	for number := 0; ; number++ {
		data, err := c.next()
		s.mu.Lock()
		dead := c.dead
		s.mu.Unlock()
		switch {
		case dead:
			// Half-open: everything that the app still sends disappears, until it gives up or the
			// workspace closes.
			raw := c.ws.NetConn()
			_ = raw.SetReadDeadline(time.Time{})
			_, _ = io.Copy(io.Discard, raw)
			return
		case err != nil:
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() || errors.Is(err, os.ErrDeadlineExceeded) {
				s.log.Debug("socket dropped: no pong", "socket", c.id)
			}
			return
		}
		if c.raw.fragmented(number) {
			s.log.Warn("a message was ignored: it came in several frames", "bytes", len(data))
			continue
		}
		s.acceptAck(data)
	}
}

// next reads a frame, but no more of it than is needed to see that it is too long.
func (c *socket) next() ([]byte, error) {
	_, r, err := c.ws.NextReader()
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, maxFrame))
}

// write sends frames and pings until the reader has ended.
func (s *Sim) write(c *socket) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	var silent time.Time // since when the socket is half-open
	for {
		var f frame
		typ := websocket.TextMessage
		select {
		case <-c.gone:
			return
		case f = <-c.out:
			if f.binary {
				typ = websocket.BinaryMessage
			}
		case <-ping.C:
			typ = websocket.PingMessage
		}
		s.mu.Lock()
		dead := c.dead
		s.mu.Unlock()
		if dead {
			// Slack does not know yet, and sends into the void until it misses the pongs.
			if silent.IsZero() {
				silent = time.Now()
			} else if time.Since(silent) >= 2*pingEvery {
				s.unregister(c)
			}
			continue
		}
		_ = c.ws.SetWriteDeadline(time.Now().Add(writeWithin))
		if err := c.ws.WriteMessage(typ, f.data); err != nil || f.last {
			_ = c.ws.Close() // ends the reader
			<-c.gone
			return
		}
	}
}

// Disconnect announces the end of all open sockets and ends them as Slack does. "warning" is sent
// first, "refresh_requested" 10 s later, and then the socket is closed. Any other reason is sent,
// and the socket is closed at once. A socket is warned once.
func (s *Sim) Disconnect(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range slices.Clone(s.sockets) {
		if reason != "warning" {
			c.send(disconnectFrame(reason), true)
			continue
		}
		if c.warned {
			continue // its end is under way
		}
		c.warned = true
		c.send(disconnectFrame(reason), false)
		s.goLocked(func() {
			t := time.NewTimer(warningBefore)
			defer t.Stop()
			select {
			case <-t.C:
				c.send(disconnectFrame("refresh_requested"), true)
			case <-c.gone:
			case <-s.done:
			}
		})
	}
}

// Cut ends all open sockets without a word, as a broken network does.
func (s *Sim) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.sockets {
		_ = c.ws.NetConn().Close()
	}
}

// HalfOpen makes the n oldest sockets (all, if n < 0) silent without closing them, as a lost NAT
// entry does: nothing that either side sends arrives any more. Slack notices after about 20 s, and
// goes on choosing such sockets for envelopes until then.
func (s *Sim) HalfOpen(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, c := range s.sockets {
		if n < 0 || i < n {
			c.dead = true
			_ = c.ws.NetConn().SetReadDeadline(time.Now()) // wakes the reader
		}
	}
}

// sleepDone waits for d and returns true, or returns false if the workspace closes first.
func (s *Sim) sleepDone(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.done:
		return false
	}
}
