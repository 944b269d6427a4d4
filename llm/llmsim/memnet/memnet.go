// Package memnet serves an http.Handler over in-memory pipes.
//
// It exists for tests. Inside a testing/synctest bubble a real socket waits for I/O, which never
// counts as durably blocked, so that virtual time stands still. A net.Pipe does count. Every client
// that a test builds dials through [Net.Dial], and the whole bot with both simulators runs in one
// bubble, without ports and without sleeps.
//
// Go 1.27 brings httptest.NewTestServer, which will replace this package.
package memnet

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
)

// Net is an in-memory network with one server on it. Whatever host is dialed, that server answers.
type Net struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	srv    *http.Server
	served chan struct{}
}

// Serve starts an HTTP server for h. The caller ends it with [Net.Close].
func Serve(h http.Handler) *Net {
	n := &Net{conns: make(chan net.Conn), closed: make(chan struct{}), served: make(chan struct{})}
	n.srv = &http.Server{Handler: h} //nolint:gosec // in memory: no slow clients
	go func() {
		defer close(n.served)
		_ = n.srv.Serve(listener{n})
	}()
	return n
}

// Dial connects to the server. It has the shape of net.Dialer.DialContext, and ignores network and
// address. After [Net.Close] it fails as a refused connection would.
func (n *Net) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case n.conns <- server:
		return client, nil
	case <-n.closed:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Client returns an HTTP client whose connections end at the server. It follows no proxy.
func (n *Net) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: n.Dial}}
}

// Close refuses new connections and cuts those that HTTP still owns. Hijacked ones (WebSockets) are
// their handler's.
func (n *Net) Close() error {
	n.refuse()
	err := n.srv.Close()
	<-n.served
	return err
}

func (n *Net) refuse() { n.once.Do(func() { close(n.closed) }) }

// listener is the server's end. Its Close must not be the Net's: http.Server closes its listeners
// under a lock of its own.
type listener struct{ n *Net }

func (l listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.n.conns:
		return c, nil
	case <-l.n.closed:
		return nil, net.ErrClosed
	}
}

func (l listener) Addr() net.Addr { return addr{} }

func (l listener) Close() error {
	l.n.refuse()
	return nil
}

type addr struct{}

func (addr) Network() string { return "memory" }
func (addr) String() string  { return "memory" }
