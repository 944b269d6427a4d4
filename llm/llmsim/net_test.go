package llmsim_test

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
)

// pipes is an in-memory listener.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// inMemory serves h until the test ends and returns a client of it.
func inMemory(t *testing.T, h http.Handler) *http.Client {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: h}
	var wg sync.WaitGroup
	wg.Go(func() { _ = srv.Serve(p) })
	c := &http.Client{Transport: &http.Transport{DialContext: p.dial}}
	t.Cleanup(func() {
		c.CloseIdleConnections()
		_ = srv.Close()
		wg.Wait()
	})
	return c
}

// rawConn is a connection to a server of h.
func rawConn(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	c := inMemory(t, h)
	tr, ok := c.Transport.(*http.Transport)
	if !ok {
		t.Fatal("no transport")
	}
	conn, err := tr.DialContext(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
