package bot

import (
	"context"
	"slices"
	"sync"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

// inHand is what a turn is answering. The turn sets it, and the actor calls the turn off when one
// of the questions changes.
type inHand struct {
	mu     sync.Mutex        // guards all below
	asks   []thread.Question // being answered: the known ones, until the thread was read
	gone   []string          // messages that were deleted meanwhile
	cancel context.CancelCauseFunc
	off    bool // called off
}

// answers reports whether a message is among those that are answered.
func (h *inHand) answers(ts string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return thread.Index(h.asks, ts) >= 0
}

// under returns what is being answered.
func (h *inHand) under() []thread.Question {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asks)
}

// newer calls the turn off if the ask is in a newer form than the one that is answered.
func (h *inHand) newer(ask thread.Question) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	i := thread.Index(h.asks, ask.TS)
	if i < 0 || !ask.Since().After(h.asks[i].Since()) {
		return false
	}
	h.callOffLocked()
	return true
}

// drop calls the turn off if it answers a message that was deleted.
func (h *inHand) drop(ts string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = append(h.gone, ts)
	if thread.Index(h.asks, ts) >= 0 {
		h.callOffLocked()
	}
}

func (h *inHand) callOffLocked() {
	h.off = true
	h.cancel(answer.ErrSuperseded)
}

// isOff reports whether another turn is to take this one's place.
func (h *inHand) isOff() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.off
}

// begin sets what is answered, and reports whether all of it is still there.
func (h *inHand) begin(asks []thread.Question) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asks = asks
	if slices.ContainsFunc(h.gone, func(ts string) bool { return thread.Index(asks, ts) >= 0 }) {
		h.callOffLocked()
	}
	return !h.off
}

// onCancel sets what calls the turn off.
func (h *inHand) onCancel(callOff context.CancelCauseFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cancel = callOff
	if h.off {
		callOff(answer.ErrSuperseded)
	}
}

// left returns which of the known questions are still owed when the turn is called off.
func (h *inHand) left(known []thread.Question) []thread.Question {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(known), func(q thread.Question) bool { return slices.Contains(h.gone, q.TS) })
}

// posts are the messages of an answer. The draft adds to them while it posts.
type posts struct {
	mu     sync.Mutex // guards all below
	ids    []string   // oldest first
	fenced []string   // those that were written to when they may not have been ours any more
}

// adopt sets the messages that there are.
func (p *posts) adopt(ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = ids
}

// post adds a message, and reports whether it is the first.
func (p *posts) post(id string) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(p.ids, id)
	return len(p.ids) == 1
}

// messageIDs returns the messages, oldest first.
func (p *posts) messageIDs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ids)
}

// visible reports whether there are any.
func (p *posts) visible() bool { return len(p.messageIDs()) > 0 }

// fence notes a message that was written to when it may not have been ours any more.
func (p *posts) fence(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fenced = append(p.fenced, id)
}

// fencedIDs returns what fence noted.
func (p *posts) fencedIDs() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.fenced)
}
