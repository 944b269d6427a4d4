package fair

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// small is the part of a pool's bytes that counts as little: a sixteenth. So much waits behind
	// nobody's larger need, and four such leave three quarters for it.
	small = 16
	// patience is how long a larger need is passed by little ones. From then on it is next: half of
	// the time that a file has (attach).
	patience = 15 * time.Second
)

// Need is what a piece of work needs of a pool at once.
type Need struct {
	Places int
	Bytes  int64
}

// OnePlace returns the need of whoever needs a place, and no bytes.
func OnePlace() Need { return Need{Places: 1} }

func (n Need) plus(m Need) Need  { return Need{n.Places + m.Places, n.Bytes + m.Bytes} }
func (n Need) minus(m Need) Need { return Need{n.Places - m.Places, n.Bytes - m.Bytes} }

// Pool is a number of places and of bytes that are handed out by person. Nobody has more than half
// of either, so that something is left for whoever comes next; but one piece of work at a time may
// be as large as the pool. It is safe for concurrent use, and owns no goroutines.
//
// A need is met as a whole or waits as a whole, and who waits has nothing of it. One that is larger
// than what is free is not overtaken, but for some seconds by those that need little (see small and
// patience).
type Pool struct {
	all Need

	mu   sync.Mutex // guards all below
	free Need
	held map[string]Need // by person
	ring Ring[*request]
	// behind is whether a need whose turn it is waits for bytes.
	behind bool
}

// request is a need that waits.
type request struct {
	need  Need
	since time.Time
	met   chan struct{} // closed when the need is met
}

// NewPool returns a pool of all that is handed out together.
func NewPool(all Need) *Pool { return &Pool{all: all, free: all, held: map[string]Need{}} }

// Hold is what one piece of work has of a pool. It belongs to one goroutine.
type Hold struct {
	pool   *Pool
	person string
	has    Need
}

// Take waits until a need of the person of ctx is met; of a need larger than the pool it gets all
// of the pool. The error is the cause of ctx. Give back what it returns.
func (p *Pool) Take(ctx context.Context, need Need) (*Hold, error) {
	person, need := Person(ctx), p.most(need)
	p.mu.Lock()
	r := p.joinLocked(person, need)
	p.mu.Unlock()
	select {
	case <-r.met:
	case <-ctx.Done():
		p.mu.Lock()
		waited := p.ring.Quit(person, r)
		p.serveLocked() // it may have been in the way of others
		p.mu.Unlock()
		if !waited { // it was met at the same moment
			(&Hold{p, person, need}).Give()
		}
		return nil, fmt.Errorf("wait for others to end: %w", context.Cause(ctx))
	}
	return &Hold{p, person, need}, nil
}

// Try is Take if that has to wait for nothing. It returns nil otherwise.
func (p *Pool) Try(ctx context.Context, need Need) *Hold {
	person, need := Person(ctx), p.most(need)
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.joinLocked(person, need); p.ring.Quit(person, r) {
		p.serveLocked() // it is in the way of nobody any more
		return nil
	}
	return &Hold{p, person, need}
}

// most returns a need, bounded by what there is.
func (p *Pool) most(need Need) Need {
	return Need{min(need.Places, p.all.Places), min(need.Bytes, p.all.Bytes)}
}

// joinLocked has a need wait, unless it can be met now.
func (p *Pool) joinLocked(person string, need Need) *request {
	r := &request{need: need, since: time.Now(), met: make(chan struct{})}
	p.ring.Join(person, r)
	p.serveLocked()
	return r
}

// More takes so many bytes more if they are there, and reports whether they were. Those for which
// somebody waits are not, unless it is little. It does not wait: two who had something and waited
// for more could wait for each other.
func (h *Hold) More(bytes int64) bool {
	p := h.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	need := Need{Bytes: bytes}
	if bytes > p.free.Bytes || !p.shareLocked(h.person, h.has, need) || p.behind && bytes > p.all.Bytes/small {
		return false
	}
	h.has = h.has.plus(need)
	p.giveLocked(h.person, need)
	return true
}

// Give gives everything back. It may be called again, and does nothing then.
func (h *Hold) Give() {
	p := h.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveLocked(h.person, Need{}.minus(h.has))
	h.has = Need{}
	p.serveLocked()
}

// giveLocked notes that a person has got so much more.
func (p *Pool) giveLocked(person string, n Need) {
	p.free = p.free.minus(n)
	p.held[person] = p.held[person].plus(n)
	if p.held[person] == (Need{}) {
		delete(p.held, person)
	}
}

// serveLocked meets all needs that can be met now.
func (p *Pool) serveLocked() {
	for {
		var next string
		// a need whose turn it is waits for bytes, and has waited long
		blocked, long := false, false
		r, ok := p.ring.Next(func(person string, r *request) bool {
			next = person
			switch {
			case r.need.Places > p.free.Places, !p.shareLocked(person, Need{}, r.need):
				return false
			case r.need.Bytes > p.free.Bytes:
				blocked, long = true, long || time.Since(r.since) >= patience
				return false
			}
			return !blocked || !long && r.need.Bytes <= p.all.Bytes/small
		})
		if !ok {
			p.behind = blocked
			return
		}
		p.giveLocked(next, r.need)
		close(r.met)
	}
}

// shareLocked reports whether it is within a person's share that work of theirs, which has
// something, gets more.
func (p *Pool) shareLocked(person string, has, more Need) bool {
	others := p.held[person].minus(has)
	if others == (Need{}) {
		return true // it is their only work
	}
	all := others.plus(has).plus(more)
	return (more.Places == 0 || all.Places <= max(1, p.all.Places/2)) && (more.Bytes == 0 || all.Bytes <= p.all.Bytes/2)
}
