package slackio

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"llmbot/bot"
)

// Hooks report what happens, for metrics. Each may be nil. They are called from any goroutine, and
// must not block.
type Hooks struct {
	// Event is called when an envelope was dealt with. kind and outcome are constants of this file;
	// again means that Slack had delivered the envelope before.
	Event func(kind, outcome string, again bool)
	// Acked is called when an envelope was acked, with the time since it came.
	Acked func(kind string, took time.Duration)
	// Socket is called when socket n, 0 or 1, has opened or closed.
	Socket func(n int, open bool)
	// Gap is called when a socket is open again after none was, with the length of the gap.
	Gap func(d time.Duration)
	// Unread is called when messages of a thread or a channel could not be read, with their number.
	Unread func(n int)
}

// The kinds of events, for Hooks.
const (
	EventAsked   = "asked" // a message that may want an answer
	EventEdited  = "edited"
	EventDeleted = "deleted"
	EventHalted  = "halted"  // Slack's own stop button
	EventPressed = "pressed" // one of the bot's buttons
	EventCommand = "command"
	EventHome    = "home" // somebody opened the Home tab
	EventOther   = "other"
)

// The outcomes of events, for Hooks.
const (
	OutcomeHandled   = "handled"
	OutcomeIgnored   = "ignored"   // of no concern to the bot
	OutcomeDuplicate = "duplicate" // the same came before
	OutcomeNotAcked  = "not_acked" // not durable, so Slack delivers it again
	OutcomeRefused   = "refused"   // too many at once, so Slack delivers it again
	OutcomePanicked  = "panicked"
	// OutcomeUnreadable is that of a frame or event that Slack is not known to send. It is acked if
	// it has an envelope id.
	OutcomeUnreadable = "unreadable"
)

// Connections returns how many connections the app had when a socket last opened, those of other
// programs included, as Slack counted them; 0: none has opened.
func (s *Slack) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counted
}

// event returns the kind for Hooks.
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

// came returns the envelope with the kind that is known before its payload is decoded.
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

// record reports to the hook what became of an envelope.
func (s *Slack) record(env envelope, outcome string) {
	if h := s.cfg.Hooks.Event; h != nil {
		h(env.kind, outcome, env.Attempt > 0)
	}
}

// handledOr returns the outcome of an event for which the bot returned err.
func handledOr(err error) string {
	if err != nil {
		return OutcomeNotAcked
	}
	return OutcomeHandled
}

// timing returns ack with a call of the hook, which gets the time from now to the ack. env's kind
// may be set until then.
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

// socket reports to the hooks that socket n has opened or closed. ev is what opened returned; a
// Connected ends a gap.
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

// linkTrouble is why a socket is not open, in words for operators, and when it is tried again at
// the earliest. It is empty if the socket is open or was not tried yet.
type linkTrouble struct {
	why   string
	again time.Time
}

// trouble records why socket n is not open; empty: it is.
func (s *Slack) trouble(n int, why string, again time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links[n] = linkTrouble{why, again}
}

// Trouble returns which sockets are not open, why, and what to do about it; empty: nothing is known
// to be wrong.
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

// maxTrouble is how much of an error is shown.
const maxTrouble = 300 // bytes

// troubleOf returns why a socket ended, with the next step if there is one.
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

// cut returns s, or so many bytes of its beginning at most, and an ellipsis.
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
