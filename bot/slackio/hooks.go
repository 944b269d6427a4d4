package slackio

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot"
)

// Hooks tell of what happens, for metrics. Each may be nil; they must not block, and are called from any goroutine.
type Hooks struct {
	// Event: an envelope was dealt with. kind and outcome are constants of this file; again says that Slack had delivered it before.
	Event func(kind, outcome string, again bool)
	// Acked: an envelope was acked, so long after it came.
	Acked func(kind string, took time.Duration)
	// Socket: socket n, 0 or 1, has opened or closed.
	Socket func(n int, open bool)
	// Gap: no socket was open for so long, and now one is again.
	Gap func(d time.Duration)
}

// The kinds of events for Hooks.
const (
	EventAsked   = "asked" // a message that may want an answer
	EventEdited  = "edited"
	EventDeleted = "deleted"
	EventHalted  = "halted"  // Slack's own stop button
	EventPressed = "pressed" // a button of ours
	EventCommand = "command"
	EventHome    = "home" // somebody opened the Home tab
	EventOther   = "other"
)

// What became of an event, for Hooks.
const (
	OutcomeHandled    = "handled"
	OutcomeIgnored    = "ignored"   // the bot has nothing to do with it
	OutcomeDuplicate  = "duplicate" // the same came before
	OutcomeNotAcked   = "not_acked" // it is not durable: Slack delivers it again
	OutcomeRefused    = "refused"   // too many at once: the same
	OutcomePanicked   = "panicked"
	OutcomeUnreadable = "unreadable" // no such frame or event is known of Slack: acked if it has an envelope id, and nothing more
)

// Connections is how many connections of the app Slack counted when a socket last opened, those of other programs among them; 0: none has.
func (s *Slack) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counted
}

// event is the kind for Hooks.
func (k eventKind) event() string {
	switch k {
	case asked:
		return EventAsked
	case edited:
		return EventEdited
	case deleted:
		return EventDeleted
	case halted:
		return EventHalted
	case home:
		return EventHome
	}
	return EventOther
}

// came is the envelope with the kind that is known before its payload is read.
func (env envelope) came() envelope {
	switch env.Type {
	case "slash_commands":
		env.kind = EventCommand
	case "interactive":
		env.kind = EventPressed
	default:
		env.kind = EventOther
	}
	return env
}

// told tells what became of an envelope.
func (s *Slack) record(env envelope, outcome string) {
	if h := s.cfg.Hooks.Event; h != nil {
		h(env.kind, outcome, env.Attempt > 0)
	}
}

// handledOr is the outcome of an event that the bot has taken, or refused with err.
func handledOr(err error) string {
	if err != nil {
		return OutcomeNotAcked
	}
	return OutcomeHandled
}

// timing is ack, told to the hook with the time from now on. env may learn its kind until then.
func (s *Slack) timing(env *envelope, ack func(payload any)) func(payload any) {
	h := s.cfg.Hooks.Acked
	if h == nil {
		return ack
	}
	began := time.Now()
	return func(payload any) {
		ack(payload)
		h(env.kind, time.Since(began))
	}
}

// socket tells that socket n has opened or closed. ev is what that means for what is heard: the gap is over, if there was one.
func (s *Slack) socket(n int, open bool, connections int, ev bot.Event) {
	if open {
		s.mu.Lock()
		s.counted = connections
		s.mu.Unlock()
	}
	if h := s.cfg.Hooks.Socket; h != nil {
		h(n, open)
	}
	if c, ok := ev.(bot.Connected); ok && !c.Since.IsZero() && s.cfg.Hooks.Gap != nil {
		s.cfg.Hooks.Gap(time.Since(c.Since))
	}
}

// linkTrouble is why a socket is not open, in words for operators, and when it is tried again at the earliest; empty: it is, or it was not tried yet.
type linkTrouble struct {
	why   string
	again time.Time
}

// trouble notes why socket n is not open; empty: it is.
func (s *Slack) trouble(n int, why string, again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[n] = linkTrouble{why, again}
}

// Trouble says which sockets are not open, why, and what to do about it; empty: nothing is known to be wrong.
func (s *Slack) Trouble() string {
	s.mu.Lock()
	links, tokens := s.links, s.opens.Tokens()
	s.mu.Unlock()
	var said []string
	for n, l := range links {
		if l.why == "" {
			continue
		}
		next := max(time.Until(l.again), time.Duration((1-tokens)*float64(opensEvery)))
		word := "it is tried again now"
		if next > time.Second {
			word = fmt.Sprintf("it is tried again in %d s at the earliest", int(next.Seconds()))
		}
		said = append(said, fmt.Sprintf("socket %d: %s; %s (at most 10 are opened in a minute)", n, l.why, word))
	}
	return strings.Join(said, "; ")
}

// maxTrouble is how much is said of an error.
const maxTrouble = 300 // bytes

// troubleOf is why a socket ended, with the next step if there is one.
func troubleOf(err error) string {
	why := err.Error()
	if f := classify(err); f.reason != "" && f.kind == limited {
		why = "apps.connections.open: " + f.reason
	}
	why = cut(why, maxTrouble)
	if e, ok := errors.AsType[*SocketError](err); ok {
		why += ". " + e.Hint()
	}
	return why
}

// cut is s, or its beginning of at most so many bytes.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	end := most
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
