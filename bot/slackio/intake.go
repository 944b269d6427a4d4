package slackio

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"llmbot/bot"
	"llmbot/bot/recent"
	"llmbot/bot/thread"
)

// intake takes envelopes from both sockets. take never blocks: whatever may take time runs in a
// handler's goroutine.
type intake struct {
	slack   *Slack
	handler Handler
	room    chan struct{} // one place for each handler
}

// take starts the handling of one envelope, or drops it if maxHandlers run. A handler may call ack
// later.
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
		// What one person wrote must not end the bot for all. Without an ack, Slack delivers it
		// again a few times.
		defer func() {
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

// ignored counts an envelope that is of no concern to the bot, or that is not as Slack writes it.
func (s *Slack) ignored(ctx context.Context, env envelope, reason string) {
	if strings.HasPrefix(reason, unreadable) {
		s.log.WarnContext(ctx, "event_unreadable", "envelope", env.ID, "type", cut(env.Type, maxReason), "reason", reason)
		s.record(env, OutcomeUnreadable)
		return
	}
	s.log.DebugContext(ctx, "event_ignored", "envelope", env.ID, "reason", cut(reason, maxReason))
	s.record(env, OutcomeIgnored)
}

// handOn hands an event to the bot. When a mention came without its files, its second event may
// bring them.
func (in *intake) handOn(ctx context.Context, env envelope, n *decodedEvent, ack func(payload any)) {
	s := in.slack
	event := func() bot.Event {
		if n.kind == asked && (n.direct || n.mentions) && n.Linked() { // it is asked without them
			s.previews.read(n.channel+"/"+n.TS, false, "")
		}
		return n.event(s.read(ctx, n.Message), s.self)
	}
	flight, first := s.seen.begin(n.key(), n.bare)
	in.handleOnce(ctx, env, flight, first, ack, func() error {
		if n.kind == halted {
			s.sessions.halted(thread.ID{Channel: n.channel, TS: n.root()}, time.Now())
		}
		return in.handler.Handle(ctx, event())
	})
	if !first && n.kind == asked && !n.bare && flight.bare.CompareAndSwap(true, false) {
		if ask, ok := event().(bot.Asked); ok {
			_ = in.handler.Handle(ctx, bot.Detailed{Asked: ask}) // best effort: the ask itself is handled
		}
	}
}

// once does something for the first envelope with a key, and acks the envelope if that went well.
// An envelope that comes second waits for the outcome of the first.
func (in *intake) once(ctx context.Context, env envelope, key string, ack func(payload any), do func() error) {
	flight, first := in.slack.seen.begin(key, false)
	in.handleOnce(ctx, env, flight, first, ack, do)
}

func (in *intake) handleOnce(ctx context.Context, env envelope, flight *inFlight, first bool, ack func(payload any), do func() error) {
	s := in.slack
	if first {
		in.first(ctx, env, flight, do)
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

// first does something for the first envelope with a key.
func (in *intake) first(ctx context.Context, env envelope, flight *inFlight, do func() error) {
	s := in.slack
	err := errPanicked // or else what comes again would wait for ever
	defer func() { s.seen.end(flight, err) }()
	err = do()
	if errors.Is(err, bot.ErrBusy) { // noted, so it is durable
		s.log.WarnContext(ctx, "thread_busy", "event", flight.key)
		err = nil
	}
	s.record(env, handledOr(err))
	if err != nil {
		s.log.WarnContext(ctx, "event_not_acked", "event", flight.key, "envelope", env.ID, "error", err)
	}
}

// errPanicked is the outcome of a handling that has ended in a panic.
var errPanicked = errors.New("its handling panicked")

// dedupe remembers which messages were handled, by channel and ts, because event ids differ for the
// same message (facts/slack.md §0.4).
type dedupe struct {
	mu   sync.Mutex // guards byID
	byID *simplelru.LRU[string, *inFlight]
}

// inFlight is the handling of one message.
type inFlight struct {
	key  string
	over chan struct{} // closed when it has ended
	err  error         // set before over is closed
	bare atomic.Bool   // the bot has not got its files yet
}

// maxSeen is how many messages are remembered. In a workspace that mentions the bot once a second,
// that is almost three hours; the store knows the rest.
const maxSeen = 10_000

func newDedupe() *dedupe { return &dedupe{byID: recent.New[string, *inFlight](maxSeen)} }

// begin returns the handling of key and reports whether the caller is the first. bare means that
// the event lacks the message's files.
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

// end records the outcome. A handling that failed is forgotten, so that a redelivery is handled
// again.
func (f *dedupe) end(fl *inFlight, err error) {
	f.mu.Lock()
	if known, ok := f.byID.Peek(fl.key); err != nil && ok && known == fl {
		f.byID.Remove(fl.key)
	}
	f.mu.Unlock()
	fl.err = err
	close(fl.over)
}
