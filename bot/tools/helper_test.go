package tools

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// parsed reads a file of a test.
func parsed(tb testing.TB, text string) File {
	tb.Helper()
	f, bad := Parse([]byte(text), vars)
	if len(bad) > 0 {
		tb.Fatal(bad)
	}
	return f
}

// one is a file with one server at which everything runs unasked, with more of its keys.
func one(tb testing.TB, more string) File {
	tb.Helper()
	return parsed(tb, `{"mcpServers": {"s": {"url": "http://s", "tools": {"*": "everywhere"}`+more+`}}}`)
}

// network has servers in memory by their address.
type network struct {
	mu    sync.Mutex // guards what follows
	serve map[string]func(net.Conn)
	dials map[string]int
	all   sync.WaitGroup
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{serve: map[string]func(net.Conn){}, dials: map[string]int{}}
	t.Cleanup(n.all.Wait) // after Servers of the test have ended
	return n
}

// at has an address answered by a function; nil: nobody is there.
func (n *network) at(url string, serve func(net.Conn)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.serve[url] = serve
}

func (n *network) dialled(url string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[url]
}

func (n *network) transport(l link) (mcp.Transport, func(), error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials[l.url]++
	serve := n.serve[l.url]
	if serve == nil {
		return nil, nil, errors.New("connection refused")
	}
	ours, theirs := net.Pipe()
	n.all.Go(func() { serve(theirs) })
	said := &complaint{ctx: context.Background, log: slog.New(slog.DiscardHandler)}
	return &mcp.IOTransport{Reader: newMessages(ours, said), Writer: ours, MaxLineLength: mostMessage}, func() { _ = ours.Close() }, nil
}

// sdk serves with the SDK's own server.
func sdk(server *mcp.Server) func(net.Conn) {
	return func(c net.Conn) {
		ss, err := server.Connect(context.Background(), &mcp.IOTransport{Reader: c, Writer: c}, nil)
		if err == nil {
			_ = ss.Wait()
		}
		_ = c.Close()
	}
}

// raw serves line by line: answer gets each message and returns the lines to send; false ends the
// connection.
func raw(answer func(method string, id json.RawMessage, params json.RawMessage) ([]string, bool)) func(net.Conn) {
	return func(c net.Conn) {
		defer func() { _ = c.Close() }()
		// It reads on while it answers: a writer that waits for a lock makes virtual time stand still.
		lines, over := make(chan []byte, 10_000), make(chan struct{})
		go func() {
			defer close(lines)
			in := bufio.NewReader(c)
			for {
				line, err := in.ReadBytes('\n')
				if err != nil {
					return
				}
				select {
				case lines <- line:
				case <-over:
					return
				}
			}
		}()
		defer close(over)
		for line := range lines {
			var m struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
				Params json.RawMessage `json:"params"`
			}
			_ = json.Unmarshal(line, &m)
			out, more := answer(m.Method, m.ID, m.Params)
			for _, l := range out {
				if _, err := io.WriteString(c, l+"\n"); err != nil {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// reply is an answer to a request.
func reply(id json.RawMessage, result string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, id, result)
}

// plainServer answers as a server with one read-only tool "t", with changes for some methods.
func plainServer(changes map[string]func(id, params json.RawMessage) ([]string, bool)) func(net.Conn) {
	return raw(func(method string, id, params json.RawMessage) ([]string, bool) {
		if f := changes[method]; f != nil {
			return f(id, params)
		}
		switch method {
		case "initialize":
			return []string{reply(id, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true}},"serverInfo":{"name":"x","version":"1"}}`)}, true
		case "tools/list":
			return []string{reply(id, `{"tools":[{"name":"t","inputSchema":{"type":"object"},"annotations":{"readOnlyHint":true}},{"name":"w","inputSchema":{"type":"object"}}]}`)}, true
		case "tools/call":
			return []string{reply(id, `{"content":[{"type":"text","text":"done"}]}`)}, true
		case "ping":
			return []string{reply(id, `{}`)}, true
		}
		if len(id) == 0 {
			return nil, true
		}
		return []string{fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no such method"}}`, id)}, true
	})
}

// started runs Servers until the test ends.
func started(t *testing.T, cfg Config) *Servers {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return s
}

// offered returns the names of what is offered in a channel.
func offered(s *Servers) string {
	var names []string
	for _, t := range s.Offer(Place{Channel: "C1"}) {
		names = append(names, t.Name)
	}
	return strings.Join(names, " ")
}

// named returns a tool that is offered in a channel.
func named(t *testing.T, s *Servers, name string) Tool {
	t.Helper()
	for _, tool := range s.Offer(Place{Channel: "C1"}) {
		if tool.Name == name {
			return tool
		}
	}
	t.Fatalf("%s is not offered: %s", name, offered(s))
	return Tool{}
}

// calls makes a call in a channel.
func calls(t *testing.T, s *Servers, name string) Result {
	t.Helper()
	return s.Call(t.Context(), Call{Tool: named(t, s, name), Place: Place{Channel: "C1"}, Arguments: json.RawMessage(`{"a":1}`)})
}
