package bot_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"llmbot/bot/turn"
	"llmbot/llm/llmsim/memnet"
)

var (
	errDead = errors.New("the process is dead")
)

// process is what a bot in a bubble has of the world outside, so that it can be cut off at any instant, as kill -9 does, or be frozen.
type process struct {
	mu    sync.Mutex // guards all below
	dead  bool
	conns map[net.Conn]struct{}
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
		return c, nil
	}
}

func (p *process) client(n *memnet.Net) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: p.dial(n)}}
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
	if m.p.isDead() {
		return errDead
	}
	return m.Store.Update(ctx, key, func(old []byte) ([]byte, error) {
		if m.p.isDead() {
			return nil, errDead
		}
		return fn(old)
	})
}
