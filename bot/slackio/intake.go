package slackio

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot"
	"llmbot/bot/recent"
)

// intake takes envelopes from both sockets. Its own part never blocks: what may take time runs in a handler.
type intake struct {
	slack   *Slack
	handler Handler
	room    chan struct{} // a place for each handler
}

// take handles one envelope. ack may be called from a handler.
func (in *intake) take(ctx context.Context, handlers *sync.WaitGroup, env envelope, ack func(payload any)) {
	env = env.came()
	select {
	case in.room <- struct{}{}:
	default:
		in.slack.record(env, OutcomeRefused)
		in.slack.log.ErrorContext(ctx, "event_refused", "envelope", env.ID, "reason", "too many events at once")
		return // not acked: Slack delivers it again
	}
	handlers.Go(func() {
		defer func() { <-in.room }()
		defer func() { // what one person wrote must not end the bot for all; not acked, it comes again a few times
			if p := recover(); p != nil {
				in.slack.record(env, OutcomePanicked)
				in.slack.log.ErrorContext(ctx, "event_panicked", "envelope", env.ID, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
		}()
		in.handle(ctx, env, ack)
	})
}

func (in *intake) handle(ctx context.Context, env envelope, ack func(payload any)) {
	s := in.slack
	ack = s.timing(&env, ack)
	switch env.Type {
	case "events_api":
		n, reason := decodeEvent(env.Payload, s.self)
		if reason != "" {
			s.ignored(ctx, env, reason)
			ack(nil)
			return
		}
		env.kind = n.kind.event()
		in.handOn(ctx, env, n, ack)
	case "slash_commands":
		in.command(ctx, env, ack)
	case "interactive":
		in.pressed(ctx, env, ack)
	default:
		s.record(env, OutcomeIgnored)
		ack(nil)
	}
}

// ignored counts an envelope that the bot has nothing to do with, or that is not as Slack writes it.
func (s *Slack) ignored(ctx context.Context, env envelope, reason string) {
	if strings.HasPrefix(reason, unreadable) {
		s.log.WarnContext(ctx, "event_unreadable", "envelope", env.ID, "type", cut(env.Type, maxReason), "reason", reason)
		s.record(env, OutcomeUnreadable)
		return
	}
	s.log.DebugContext(ctx, "event_ignored", "envelope", env.ID, "reason", cut(reason, maxReason))
	s.record(env, OutcomeIgnored)
}

// news hands an event to the bot. A mention that came without its files may be told of them by its second event.
func (in *intake) handOn(ctx context.Context, env envelope, n *decodedEvent, ack func(payload any)) {
	s := in.slack
	event := func() bot.Event { return n.event(s.plain(ctx, n.Text), s.self) }
	flight, first := s.seen.begin(n.key(), n.bare)
	in.handleOnce(ctx, env, flight, first, ack, func() error { return in.handler.Handle(ctx, event()) })
	if !first && n.kind == asked && !n.bare && flight.bare.CompareAndSwap(true, false) {
		if ask, ok := event().(bot.Asked); ok {
			_ = in.handler.Handle(ctx, bot.Detailed{Asked: ask}) // best effort: the ask itself is handled
		}
	}
}

// once does something the first time a key comes, and acks the envelope when it was done well: whoever comes second waits for what becomes of
// the first.
func (in *intake) once(ctx context.Context, env envelope, key string, ack func(payload any), do func() error) {
	flight, first := in.slack.seen.begin(key, false)
	in.handleOnce(ctx, env, flight, first, ack, do)
}

func (in *intake) handleOnce(ctx context.Context, env envelope, flight *inFlight, first bool, ack func(payload any), do func() error) {
	s := in.slack
	if first {
		err := do()
		if errors.Is(err, bot.ErrBusy) { // noted, so it is durable
			s.log.WarnContext(ctx, "thread_busy", "event", flight.key)
			err = nil
		}
		s.record(env, handledOr(err))
		if err != nil {
			s.log.WarnContext(ctx, "event_not_acked", "event", flight.key, "envelope", env.ID, "error", err)
		}
		s.seen.end(flight, err)
	} else {
		s.record(env, OutcomeDuplicate)
		s.log.DebugContext(ctx, "event_duplicate", "envelope", env.ID, "event", flight.key, "attempt", env.Attempt)
	}
	select {
	case <-flight.over:
		if flight.err == nil {
			ack(nil)
		}
	case <-ctx.Done():
	}
}

// flights remembers which messages were handled, by channel and ts (facts/slack.md §0.4: event ids differ for the same message).
type dedupe struct {
	mu   sync.Mutex // guards byID
	byID *simplelru.LRU[string, *inFlight]
}

// flight is the handling of one message.
type inFlight struct {
	key  string
	over chan struct{} // closed when it is
	err  error         // set before that
	bare atomic.Bool   // its files are still to be told
}

// maxSeen is how many messages are remembered. A workspace that mentions the bot once a second reaches back almost three hours; the
// store knows the rest.
const maxSeen = 10_000

func newDedupe() *dedupe { return &dedupe{byID: recent.New[string, *inFlight](maxSeen)} }

// begin says whether this is the first to handle key; bare, that it does not tell the files.
func (f *dedupe) begin(key string, bare bool) (*inFlight, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl, ok := f.byID.Get(key); ok {
		return fl, false
	}
	fl := &inFlight{key: key, over: make(chan struct{})}
	fl.bare.Store(bare)
	f.byID.Add(key, fl)
	return fl, true
}

// end says what became of it. One that failed is forgotten, so that its redelivery is handled anew.
func (f *dedupe) end(fl *inFlight, err error) {
	f.mu.Lock()
	if known, ok := f.byID.Peek(fl.key); err != nil && ok && known == fl {
		f.byID.Remove(fl.key)
	}
	f.mu.Unlock()
	fl.err = err
	close(fl.over)
}
