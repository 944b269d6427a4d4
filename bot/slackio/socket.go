package slackio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	stagger   = 2 * time.Second  // between the two sockets, so that they are not refreshed together
	handshake = 15 * time.Second // of a WebSocket
	// Slack pings sockets, and answers pings (facts/slack.md §7.1). One over which nothing has come for silence is dead, whatever TCP says.
	pingEvery = 10 * time.Second
	silence   = 30 * time.Second
	writeTime = 10 * time.Second // for one frame of ours
	flushTime = time.Second      // for the acks that are left when the bot stops

	// opensBurst and opensEvery bound apps.connections.open over all sockets: ten a minute.
	opensBurst = 4
	opensEvery = 10 * time.Second
	// A socket that ends is opened anew at once; after one that did not last, the pause is pauseFirst, and doubles up to pauseMost.
	pauseFirst = time.Second
	pauseMost  = 10 * time.Second
	lasting    = 30 * time.Second
	retryMost  = 5 * time.Minute // whatever Retry-After says

	frameBytes = 32 << 10 // Slack drops continuation frames: one write must hold a whole ack (facts/slack.md §7.2)
	ackBytes   = 20_480   // from so many on Slack drops an ack without a word (facts/slack.md §7.1)
	maxReason  = 100      // bytes of Slack's word for why it closes a socket
	acksQueued = 64       // that wait for the socket; more wait in their handlers
	// maxFrame is what is read of a frame. The largest message of Slack's, 40,000 characters, comes to some 600 kB with its blocks and its
	// previous form.
	maxFrame = 4 << 20
)

// link keeps one socket open. What outlives a connection is here, so that a refresh loses no event under way and no ack.
type link struct {
	s        *Slack
	n        int // 0 or 1
	in       *intake
	acks     chan []byte
	handlers sync.WaitGroup

	// Of the link's own goroutine:
	up          bool
	connections int // of the app as Slack counted them when the socket opened, those of other programs among them
}

func (s *Slack) newLink(n int, in *intake) *link {
	return &link{s: s, n: n, in: in, acks: make(chan []byte, acksQueued)}
}

// run keeps the socket open until ctx ends, and returns nil then and only then: else a [TokenError], or what went wrong with us.
func (l *link) run(ctx context.Context) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		if p := recover(); p != nil {
			l.s.log.ErrorContext(ctx, "socket_panicked", "socket", l.n, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fmt.Errorf("socket %d ended: %v", l.n, p)
		}
		cancel()
		l.handlers.Wait()
	}()
	short := 0 // connections that did not last, one after the other
	for pause := time.Duration(l.n) * stagger; wait(ctx, pause) == nil && l.s.opens.Wait(ctx) == nil; {
		began := time.Now()
		err := l.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		if e, ok := errors.AsType[*TokenError](err); ok {
			return e
		}
		if e, ok := errors.AsType[*brokenError](err); ok {
			return e
		}
		if short++; time.Since(began) >= lasting {
			short = 0
		}
		pause = max(pauseAfter(short), min(classify(err).retryAfter, retryMost))
		l.s.trouble(l.n, troubleOf(err), time.Now().Add(pause))
		l.s.log.WarnContext(ctx, "socket_closed", "socket", l.n, "error", err, "open_ms", time.Since(began).Milliseconds(), "pause_ms", pause.Milliseconds())
	}
	return nil
}

// pauseAfter is the pause after so many connections that did not last.
func pauseAfter(short int) time.Duration {
	if short == 0 {
		return 0
	}
	pause := min(pauseFirst<<min(short-1, 10), pauseMost)
	return pause - rand.N(pause/2)
}

// connection opens the socket and serves it until it ends, and says why.
func (l *link) connection(ctx context.Context) error {
	s := l.s
	address, err := timed(ctx, func(ctx context.Context) (string, error) {
		_, address, err := s.opener.StartSocketModeContext(ctx)
		return address, err
	})
	if err != nil {
		return tokenError("SLACK_APP_TOKEN", "apps.connections.open", err)
	}
	conn, err := s.dial(ctx, address)
	if err != nil {
		return err
	}
	writing, cancel := context.WithCancel(ctx)
	var writer sync.WaitGroup
	pongs := make(chan []byte, 1)
	var broken error
	writer.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				broken = &brokenError{l.n, p}
			}
			_ = conn.Close() // ends the reader, too
		}()
		l.write(writing, conn, pongs)
	})
	defer l.set(ctx, false)
	err = func() error {
		defer writer.Wait()
		defer cancel()
		return l.read(ctx, conn, pongs)
	}()
	return errors.Join(broken, err)
}

// brokenError says that a goroutine of a socket panicked.
type brokenError struct {
	socket int
	panic  any
}

func (e *brokenError) Error() string { return fmt.Sprintf("socket %d ended: %v", e.socket, e.panic) }

// dial opens the WebSocket at the address that apps.connections.open gave.
func (s *Slack) dial(ctx context.Context, address string) (*websocket.Conn, error) {
	// Slack wants the origin of its own pages, as slack-go sends it.
	conn, resp, err := s.dialer().DialContext(ctx, address, http.Header{"Origin": {"https://api.slack.com"}})
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("open the socket: %w", withoutTicket(err))
	}
	return conn, nil
}

func (s *Slack) dialer() *websocket.Dialer {
	d := websocket.Dialer{Proxy: http.ProxyFromEnvironment}
	if s.cfg.Dialer != nil {
		d = *s.cfg.Dialer
	}
	d.WriteBufferSize = max(d.WriteBufferSize, frameBytes)
	if d.HandshakeTimeout == 0 {
		d.HandshakeTimeout = handshake
	}
	return &d
}

// write sends acks, pings and pongs until the connection, or ctx, ends; then the acks that are left, if it can.
func (l *link) write(ctx context.Context, conn *websocket.Conn, pongs <-chan []byte) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			for until := time.Now().Add(flushTime); err == nil; {
				select {
				case ack := <-l.acks:
					err = send(conn, ack, until)
				default:
					return
				}
			}
			return
		case ack := <-l.acks:
			if err = send(conn, ack, time.Now().Add(writeTime)); err != nil {
				l.s.log.WarnContext(ctx, "ack_failed", "socket", l.n, "error", err) // Slack delivers it again
			}
		case data := <-pongs:
			err = conn.WriteControl(websocket.PongMessage, data, time.Now().Add(writeTime))
		case <-ping.C:
			err = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeTime))
		}
		if err != nil {
			return
		}
	}
}

func send(conn *websocket.Conn, data []byte, until time.Time) error {
	if err := conn.SetWriteDeadline(until); err != nil {
		return err
	}
	return conn.WriteMessage(websocket.TextMessage, data)
}

// read takes frames until the connection ends, and says why it did. What is begun for a frame goes on when the connection has ended, until ctx does.
func (l *link) read(ctx context.Context, conn *websocket.Conn, pongs chan<- []byte) error {
	alive := func(d time.Duration) { _ = conn.SetReadDeadline(time.Now().Add(d)) } // a closed one fails at the next read
	alive(helloTimeout)
	conn.SetPongHandler(func(string) error {
		if l.up {
			alive(silence)
		}
		return nil
	})
	conn.SetPingHandler(func(data string) error {
		if l.up {
			alive(silence)
		}
		select {
		case pongs <- []byte(data): // the reader itself never writes: both sides could wait for each other
		default: // one is on its way
		}
		return nil
	})
	for {
		_, r, err := conn.NextReader() // drops what was not read of the last one
		if err != nil {
			return fmt.Errorf("read the socket: %w", err)
		}
		data, err := io.ReadAll(io.LimitReader(r, maxFrame+1))
		if err != nil {
			return fmt.Errorf("read the socket: %w", err)
		}
		f, problem := decodeFrame(data)
		switch {
		case problem != nil:
			l.odd(ctx, f.envelope, len(data), problem)
		case f.Type == "hello":
			l.connections = f.connections
			l.set(ctx, true)
			l.s.log.InfoContext(ctx, "socket_open", "socket", l.n, "connections", f.connections)
		case f.Type == "disconnect" && f.reason == "warning": // it is of use for ten seconds more
			l.s.log.InfoContext(ctx, "socket_ends_soon", "socket", l.n)
		case f.Type == "disconnect":
			return &SocketError{Reason: cut(f.reason, maxReason)}
		default:
			l.set(ctx, true)
			l.in.take(ctx, &l.handlers, f.envelope, func(payload any) { l.ack(ctx, f.ID, payload) })
		}
		if l.up {
			alive(silence)
		}
	}
}

// set notes whether the socket is open: it is from Slack's greeting to the end of the connection, whatever comes over it.
func (l *link) set(ctx context.Context, up bool) {
	if up == l.up {
		return
	}
	l.up = up
	delta := -1
	if up {
		delta = 1
		l.s.trouble(l.n, "", time.Time{})
	}
	ev := l.s.opened(delta)
	l.s.socket(l.n, up, l.connections, ev)
	if ev != nil && l.in.handler != nil {
		_ = l.in.handler.Handle(ctx, ev) // does not block, and takes it
	}
}

// ack queues the ack of an envelope for the socket, the next one if this one has ended. It blocks while too many wait.
func (l *link) ack(ctx context.Context, id string, payload any) {
	ack, err := encodeAck(id, payload)
	if err != nil {
		l.s.log.ErrorContext(ctx, "ack_failed", "socket", l.n, "envelope", id, "error", err)
		return
	}
	select {
	case l.acks <- ack:
	case <-ctx.Done():
	}
}

func encodeAck(id string, payload any) ([]byte, error) {
	ack, err := json.Marshal(struct {
		ID      string `json:"envelope_id"`
		Payload any    `json:"payload,omitempty"`
	}{id, payload})
	if err != nil {
		return nil, fmt.Errorf("write an ack: %w", err)
	}
	if len(ack) >= ackBytes {
		return nil, fmt.Errorf("the ack has %d bytes, and Slack takes less than %d", len(ack), ackBytes)
	}
	return ack, nil
}

// odd counts a frame that is none of Slack's kinds, and acks it if it can be: delivered again, it would be no better. It does not block.
func (l *link) odd(ctx context.Context, env envelope, size int, problem error) {
	l.s.log.WarnContext(ctx, "frame_unreadable", "socket", l.n, "envelope", env.ID, "bytes", size, "error", problem)
	l.s.record(env.came(), OutcomeUnreadable)
	if env.ID == "" {
		return
	}
	if ack, err := encodeAck(env.ID, nil); err == nil {
		select {
		case l.acks <- ack:
		default: // too many wait: Slack delivers it again
		}
	}
}
