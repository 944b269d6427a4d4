package llmsim_test

import (
	"net"
	"net/http"
	"testing"

	"llmbot/llm/llmsim/memnet"
)

// inMemory serves h until the test ends and returns a client of it.
func inMemory(t *testing.T, h http.Handler) *http.Client {
	t.Helper()
	n := memnet.Serve(h)
	c := n.Client()
	t.Cleanup(func() {
		c.CloseIdleConnections()
		_ = n.Close()
	})
	return c
}

// rawConn is a connection to a server of h.
func rawConn(t *testing.T, h http.Handler) net.Conn {
	t.Helper()
	n := memnet.Serve(h)
	t.Cleanup(func() { _ = n.Close() })
	conn, err := n.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
