package bot_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"llmbot/bot/turn"
	"llmbot/llm/llmsim/memnet"
)

var errDead = errors.New("the process is dead")

// process is what a bot in a bubble has of the world outside, so that it can be cut off at any
// instant, as kill -9 does, or be frozen.
type process struct {
	mu     sync.Mutex // guards all below
	dead   bool
	conns  map[net.Conn]struct{}
	frozen chan struct{} // closed when it thaws; nil: it runs
	diesAt string        // the process dies when it is about to write a record with this for the first time; empty: it does not
}

// fateful says that the process dies now.
func (p *process) fateful(old, value []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.diesAt != "" && bytes.Contains(value, []byte(p.diesAt)) && !bytes.Contains(old, []byte(p.diesAt))
}

// dieAt has the process die when it is about to write a record that has word.
func (p *process) dieAt(word string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.diesAt = word
}

// freeze holds what the process does from now on to Slack and to the store until thaw, as SIGSTOP
// does.
func (p *process) freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = make(chan struct{})
}

func (p *process) thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.frozen)
	p.frozen = nil
}

// pass waits as long as the process is frozen, and reports whether it was.
func (p *process) pass() bool {
	p.mu.Lock()
	frozen := p.frozen
	p.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	return frozen != nil
}

// RoundTrip is part of http.RoundTripper: calls that are made while the process is frozen go out
// when it thaws.
type frozenCalls struct {
	http.RoundTripper

	p *process
}

func (f frozenCalls) RoundTrip(r *http.Request) (*http.Response, error) {
	if f.p.pass() {
		r = r.WithContext(context.WithoutCancel(r.Context())) // its time ran out meanwhile, and yet it is on the wire
	}
	return f.RoundTripper.RoundTrip(r)
}

func (p *process) dial(n *memnet.Net) func(ctx context.Context, network, addr string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := n.Dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.dead {
			_ = c.Close()
			return nil, errDead
		}
		if p.conns == nil {
			p.conns = map[net.Conn]struct{}{}
		}
		p.conns[c] = struct{}{}
		return &processConn{c, p}, nil
	}
}

// processConn is a connection that its process forgets when it is closed.
type processConn struct {
	net.Conn

	p *process
}

func (c *processConn) Close() error {
	c.p.mu.Lock()
	delete(c.p.conns, c.Conn)
	c.p.mu.Unlock()
	return c.Conn.Close()
}

func (p *process) client(n *memnet.Net) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: p.dial(n)}}
}

// slackClient is a client whose calls can be frozen.
func (p *process) slackClient(n *memnet.Net) *http.Client {
	c := p.client(n)
	c.Transport = frozenCalls{c.Transport, p}
	return c
}

// kill cuts all connections; none is made any more, and the store takes nothing.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *process) isDead() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

// mortal is a store as a process sees it.
type mortal struct {
	turn.Store

	p *process
}

func (m mortal) Update(ctx context.Context, key string, fn func([]byte) ([]byte, error)) error {
	m.p.pass()
	if m.p.isDead() {
		return errDead
	}
	return m.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		if m.p.isDead() {
			return nil, errDead
		}
		value, err := fn(old)
		if err == nil && m.p.fateful(old, value) {
			m.p.kill()
			return nil, errDead
		}
		return value, err
	})
}
