package tools

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"llmbot/llm/egress"
)

// Bounds of a session; the figures are the project's own.
const (
	startTimeout   = time.Minute      // for a program to start and to list its tools: npx and uvx fetch it first
	connectTimeout = 20 * time.Second // for a server in the network
	closeGrace     = 3 * time.Second  // for the last words of a session
	relistPause    = time.Second      // between two lists: a server may tell of changes without end
	// mostReconnects is how often the SDK opens the stream of what a server sends by itself again
	// before it gives up the session. Its pauses are computed as 1.5 to this power, in nanoseconds: at
	// 57 they leave the range of int64, and it panics.
	mostReconnects = 40
)

// oldVersion is the version of the protocol that servers are asked for which fail at the newest: it
// is the last one with a handshake (initialize).
const oldVersion = "2025-11-25"

// session is one session to a server.
type session struct {
	mcp    *mcp.ClientSession
	gone   chan struct{} // closed when it ends: calls are given up
	dead   chan struct{} // closed when its connection is closed
	reopen chan error    // gets why a call wants a new session; holds one
	late   atomic.Int32  // calls in a row that were not answered in time
}

// conn is what a session stands on.
type conn struct {
	transports []dialer // tried one after the other
	cut        func()   // ends what waits for it, at once; nil: it ends with its context
	hard       func()   // ends it, and returns when it is gone
	process    *process // nil: none
	web        *web     // nil: none
}

// dialer makes one transport, for one version of the protocol; empty: the newest.
type dialer struct {
	transport mcp.Transport
	version   string
}

// dial prepares the way to a server. What it starts ends with tie or hard.
func (s *server) dial(ctx context.Context, old bool, tie func(func()) func() bool) (*conn, error) {
	version := ""
	if old {
		version = oldVersion
	}
	l := s.link
	switch {
	case l.inside != nil:
		theirs, ours := mcp.NewInMemoryTransports()
		serving, err := l.inside.Connect(ctx, theirs, nil)
		if err != nil {
			return nil, fmt.Errorf("start the server: %w", err)
		}
		return &conn{transports: []dialer{{ours, version}}, hard: func() { _ = serving.Close() }}, nil
	case s.cfg.transport != nil:
		t, hard, err := s.cfg.transport(l)
		if err != nil {
			return nil, err
		}
		return &conn{transports: []dialer{{t, version}}, cut: hard, hard: hard}, nil
	case l.command != "":
		p, err := startProcess(ctx, l, s.cfg.Env, s.cfg.Guard, s.log)
		if err != nil {
			return nil, err
		}
		t := &mcp.IOTransport{Reader: newMessages(p.out, p.said), Writer: p, MaxLineLength: mostMessage + 1}
		return &conn{transports: []dialer{{t, version}}, process: p, cut: p.cut, hard: p.stop}, nil
	}
	u, err := url.Parse(l.url)
	if err != nil { // Parse has read it
		return nil, errors.New("the url is none")
	}
	w := &web{next: s.cfg.HTTP, origin: u.Scheme + "://" + u.Host, headers: l.headers, tie: tie}
	older := &web{next: w.next, origin: w.origin, headers: w.headers, tie: tie, old: true}
	stream := dialer{&mcp.StreamableClientTransport{Endpoint: l.url, HTTPClient: w.client(s.name), MaxRetries: mostReconnects, MaxEventSize: mostMessage}, version}
	events := dialer{&mcp.SSEClientTransport{Endpoint: l.url, HTTPClient: older.client(s.name), MaxEventSize: mostMessage}, oldVersion}
	c := &conn{transports: []dialer{stream, events}, web: w, hard: func() {}}
	switch l.way {
	case wayHTTP:
		c.transports = c.transports[:1]
	case waySSE:
		c.transports, c.web = c.transports[1:], older
	}
	return c, nil
}

// kept is a transport that remembers its connection: the SDK does not close one of which the
// handshake failed in every case.
type kept struct {
	mcp.Transport

	conn mcp.Connection
}

// Connect implements mcp.Transport.
func (k *kept) Connect(ctx context.Context) (mcp.Connection, error) {
	c, err := k.Transport.Connect(ctx)
	k.conn = c
	return c, err //nolint:wrapcheck // the SDK wraps it
}

// connect opens a session over the first transport that works. A server that does not know
// streamable HTTP says so by a status; then it is asked for the older SSE.
func (s *server) connect(ctx context.Context, c *conn) (*mcp.ClientSession, error) {
	var first error
	for _, d := range c.transports {
		k := &kept{Transport: d.transport}
		client := mcp.NewClient(&mcp.Implementation{Name: "llmbot", Version: s.cfg.Version}, &mcp.ClientOptions{
			Capabilities:           &mcp.ClientCapabilities{},                  // no roots
			MultiRoundTrip:         &mcp.MultiRoundTripOptions{Disabled: true}, // it would make a call again
			ToolListChangedHandler: func(context.Context, *mcp.ToolListChangedRequest) { s.relist() },
		})
		cs, err := client.Connect(ctx, k, &mcp.ClientSessionOptions{ProtocolVersion: d.version})
		if err == nil {
			return cs, nil
		}
		if k.conn != nil {
			_ = k.conn.Close()
		}
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		if first == nil {
			first = err
		}
		if c.web == nil || ctx.Err() != nil || !unknownThere(int(c.web.status.Load())) {
			break
		}
		first = &statusError{int(c.web.status.Load()), first}
	}
	if c.web != nil {
		if status := int(c.web.status.Load()); status != 0 {
			if _, known := errors.AsType[*statusError](first); !known {
				first = &statusError{status, first}
			}
		}
	}
	return nil, first
}

// unknownThere reports whether a server that answers a POST with this status may speak the older
// transport alone, as the protocol advises to find out.
func unknownThere(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusGone, http.StatusUnsupportedMediaType, http.StatusNotImplemented:
		return true
	}
	return false
}

// hold opens a session and keeps it until it breaks, or ctx ends. It returns why it ended, and
// whether it was open.
func (s *server) hold(ctx context.Context, old bool) (opened bool, err error) {
	life, end := context.WithCancelCause(ctx)
	defer end(nil)
	slow := time.AfterFunc(s.patience(), func() { end(errSlow) })
	defer slow.Stop()
	tie := func(f func()) func() bool { return context.AfterFunc(life, f) }
	c, err := s.dial(life, old, tie)
	if err != nil {
		return false, err
	}
	defer c.hard()
	if c.cut != nil {
		defer tie(c.cut)()
	}
	cs, err := s.connect(life, c)
	if err != nil {
		return false, c.why(life, err)
	}
	ses := &session{mcp: cs, gone: make(chan struct{}), dead: make(chan struct{}), reopen: make(chan error, 1)}
	ended := make(chan error, 1)
	s.all.Go(func() {
		err := cs.Wait()
		close(ses.dead)
		ended <- err
	})
	defer s.close(ses, c, end)
	if err := s.list(life, ses); err != nil {
		return false, c.why(life, err)
	}
	if !slow.Stop() { // it is just ending
		return false, errSlow
	}
	s.opened(ses)
	return true, s.watch(life, ses, c, ended)
}

// watch lists the tools again when the server tells that they changed, until the session ends.
func (s *server) watch(ctx context.Context, ses *session, c *conn, ended <-chan error) error {
	var pause <-chan time.Time
	changed := s.changed
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			if err == nil {
				err = errClosed
			}
			return c.why(ctx, err)
		case err := <-ses.reopen:
			return err
		case <-changed:
			changed, pause = nil, time.After(relistPause)
			limited, cancel := context.WithTimeout(ctx, s.patience())
			err := s.list(limited, ses)
			cancel()
			if err != nil {
				return c.why(ctx, err)
			}
		case <-pause:
			changed, pause = s.changed, nil
		}
	}
}

// close ends a session: first the calls in it, then, when it has had time for its last words,
// whatever it stands on. It returns when nothing of it is left.
func (s *server) close(ses *session, c *conn, end func(error)) {
	s.lost(ses)
	closed := make(chan struct{})
	s.all.Go(func() {
		defer close(closed)
		_ = ses.mcp.Close()
	})
	timer := time.NewTimer(closeGrace)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
	end(nil)
	c.hard()
	<-closed
	s.all.Wait()
}

// why returns the cause of a failure in words that help.
func (c *conn) why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	if c.process != nil {
		// The end of its output comes a moment before its own.
		timer := time.NewTimer(politeWait / 4)
		defer timer.Stop()
		select {
		case <-c.process.ended:
			return c.process.why()
		case <-timer.C:
			return &saidError{plain(err), c.process.said.tail()}
		}
	}
	if e, ok := answered(err); ok {
		return &saidError{fmt.Errorf("the server answered with error %d", e.Code), e.Message}
	}
	return plain(err)
}

// plain returns an error without the address that http.Client writes into its own: it may have
// secrets in its query.
func plain(err error) error {
	if redirect, ok := errors.AsType[*egress.RedirectError](err); ok {
		return redirect
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	for _, known := range []error{errLong, errSlow, errStuck, errBroken} {
		if errors.Is(err, known) {
			return known
		}
	}
	if strings.Contains(err.Error(), errLong.Error()) || strings.Contains(err.Error(), "exceeded the configured maximum") || strings.Contains(err.Error(), "SSE event exceeded") {
		return errLong
	}
	return err
}
