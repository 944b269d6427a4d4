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

	"llmbot/bot/wait"
)

const (
	stagger   = 2 * time.Second  // between the two sockets, so that they are not refreshed together
	handshake = 15 * time.Second // of opening a WebSocket
	// pingEvery is the time between our pings, which Slack answers; it pings sockets too
	// (facts/slack.md §7.1). A socket is dead when nothing has come over it for silence, whatever
	// TCP says.
	pingEvery = 10 * time.Second
	silence   = 30 * time.Second
	writeTime = 10 * time.Second // for one frame of ours
	flushTime = time.Second      // for the acks that are left when the bot stops

	// opensBurst and opensEvery bound apps.connections.open over all sockets to ten a minute.
	opensBurst = 4
	opensEvery = 10 * time.Second
	// A socket that ends is replaced at once. After one that did not last, the pause is pauseFirst,
	// and it doubles up to pauseMost.
	pauseFirst = time.Second
	pauseMost  = 10 * time.Second
	lasting    = 30 * time.Second
	retryMost  = 5 * time.Minute // upper bound of Retry-After

	// frameBytes is the write buffer. It must hold a whole ack, for Slack drops continuation frames
	// (facts/slack.md §7.2).
	frameBytes = 32 << 10
	// ackBytes is the size from which on Slack drops an ack without a word (facts/slack.md §7.1).
	ackBytes   = 20_480
	maxReason  = 100 // bytes of Slack's reason for closing a socket
	acksQueued = 64  // acks that wait for the socket; more wait in their handlers
	// maxFrame is the most that is read of a frame. Slack's largest message, of 40,000 characters,
	// comes to some 600 kB with its blocks and its previous form.
	maxFrame = 4 << 20
)

// link keeps one socket open. It holds what outlives a connection, so that a refresh loses no event
// under way and no ack.
type link struct {
	s        *Slack
	n        int // 0 or 1
	in       *intake
	acks     chan []byte
	handlers sync.WaitGroup

	// Only for the link's own goroutine:
	up          bool
	connections int // of the app, as Slack's greeting counted them
}

func (s *Slack) newLink(n int, in *intake) *link {
	return &link{s: s, n: n, in: in, acks: make(chan []byte, acksQueued)}
}

// run keeps the socket open until ctx ends, and then returns nil. It returns early with a
// [TokenError], or with what went wrong on our side.
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
	short := 0 // connections in a row that did not last
	for pause := time.Duration(l.n) * stagger; wait.For(ctx, pause) == nil && l.s.opens.Wait(ctx) == nil; {
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

// pauseAfter returns the pause after short connections in a row that did not last.
func pauseAfter(short int) time.Duration {
	if short == 0 {
		return 0
	}
	pause := min(pauseFirst<<min(short-1, 10), pauseMost)
	return pause - rand.N(pause/2)
}

// connection opens a socket and serves it. It returns why the socket ended.
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

// brokenError reports that a goroutine of a socket panicked.
type brokenError struct {
	socket int
	panic  any
}

func (e *brokenError) Error() string { return fmt.Sprintf("socket %d ended: %v", e.socket, e.panic) }

// dial opens the WebSocket at the address that apps.connections.open returned.
func (s *Slack) dial(ctx context.Context, address string) (*websocket.Conn, error) {
	// Slack wants the origin of its own pages; slack-go sends it too.
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

// write sends acks, pings and pongs until the connection or ctx ends. When ctx has ended, it sends
// the acks that are left, for flushTime at most.
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

// read takes frames until the connection ends, and returns why it ended. A handler begun for a
// frame goes on after that, until ctx ends.
func (l *link) read(ctx context.Context, conn *websocket.Conn, pongs chan<- []byte) error {
	// A closed socket fails at the next read, so this error says nothing.
	alive := func(d time.Duration) { _ = conn.SetReadDeadline(time.Now().Add(d)) }
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
		case pongs <- []byte(data):
			// The reader itself never writes, or both sides could wait for each other.
		default: // one is on its way
		}
		return nil
	})
	for {
		_, r, err := conn.NextReader() // skips what was not read of the last one
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
		case f.Type == "disconnect" && f.reason == "warning":
			// The socket is of use for ten seconds more.
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

// set records whether the socket is open: from Slack's greeting, or any event, to the end of the
// connection.
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

// ack queues the ack of an envelope for this socket, or for the next one if this one has ended. It
// blocks while too many wait.
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

// odd counts a frame of an unknown kind, and acks it if it has an id, since a redelivery would be
// no better. It does not block.
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
