package slackio

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

const (
	stagger      = 2 * time.Second  // between the two sockets, so that they are not refreshed together
	fuseConnects = 5                // more connects than this within fuseWindow: slack-go is in its hot loop (facts/slack.md §7.2)
	fuseWindow   = 10 * time.Second //
	fusePause    = 5 * time.Second  // first pause after that; doubles
	fusePauseMax = 2 * time.Minute
	maxBackoff   = 10 * time.Second // slack-go's own pauses between tries grow to 5 minutes
	frameBytes   = 32 << 10         // Slack drops continuation frames: one write must hold a whole ack (facts/slack.md §7.2)
	handshake    = 15 * time.Second
)

// errUnreachable says that slack-go has come to pauses between its tries that are too long for a bot.
var errUnreachable = errors.New("slack is not reachable")

// link keeps one socket open until ctx ends, or Slack refuses the app token.
func (s *Slack) link(ctx context.Context, n int, in *intake) error {
	pause := time.Duration(n) * stagger
	for wait(ctx, pause) == nil {
		began := time.Now()
		err := s.connection(ctx, n, in)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // whatever it says, ctx ended it
		case errors.Is(err, errUnreachable):
			pause = fusePause
		case err != nil:
			return err
		default: // the fuse has blown
			if pause = min(max(2*pause, fusePause), fusePauseMax); time.Since(began) > fusePauseMax {
				pause = fusePause
			}
		}
		pause += rand.N(pause / 2)
		s.log.WarnContext(ctx, "socket_paused", "socket", n, "pause_ms", pause.Milliseconds())
	}
	return nil
}

// connection runs one slack-go client, which reconnects by itself, until the fuse blows or ctx ends. The error is errUnreachable, or a
// token that Slack refuses.
func (s *Slack) connection(ctx context.Context, n int, in *intake) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	client := socketmode.New(s.opener, socketmode.OptionDialer(s.dialer()))
	var (
		all      sync.WaitGroup
		handlers sync.WaitGroup
		ended    = make(chan error, 1)
		up       bool
		connects []time.Time
		// connections of the app as Slack last counted them, those of other programs among them
		connections int
	)
	all.Go(func() { ended <- client.RunContext(ctx) })
	defer all.Wait()
	defer cancel()
	defer handlers.Wait()
	set := func(now bool) {
		if now != up {
			up = now
			delta := -1
			if now {
				delta = 1
			}
			ev := s.opened(delta)
			s.socket(n, now, connections, ev)
			if ev != nil && in.handler != nil {
				_ = in.handler.Handle(ctx, ev) // does not block, and takes it
			}
		}
	}
	defer func() { set(false) }()
	for {
		select {
		case err := <-ended:
			if ctx.Err() != nil {
				return nil
			}
			return s.refused(err)
		case ev := <-client.Events:
			switch ev.Type {
			case socketmode.EventTypeConnecting:
				set(false)
			case socketmode.EventTypeConnected: // one that fails is tried again by slack-go with growing pauses
				now := time.Now()
				connects = append(connects, now)
				for len(connects) > 0 && now.Sub(connects[0]) > fuseWindow {
					connects = connects[1:]
				}
				if len(connects) > fuseConnects {
					s.log.ErrorContext(ctx, "socket_fuse", "socket", n, "connects", len(connects))
					return nil
				}
			case socketmode.EventTypeConnectionError:
				if e, ok := ev.Data.(*slack.ConnectionErrorEvent); ok && ctx.Err() == nil {
					s.log.WarnContext(ctx, "socket_not_open", "socket", n, "error", e.ErrorObj, "attempt", e.Attempt)
					if err := s.refused(e.ErrorObj); err != nil {
						return err
					}
					if e.Backoff > maxBackoff && classify(e.ErrorObj).kind != limited {
						return errUnreachable
					}
				}
			case socketmode.EventTypeHello:
				if ev.Request != nil {
					connections = ev.Request.NumConnections
				}
				set(true)
				s.log.InfoContext(ctx, "socket_open", "socket", n, "connections", connections)
			case socketmode.EventTypeDisconnect, socketmode.EventTypeIncomingError:
				set(false)
			default:
				env, ok := envelopeOf(ev)
				if !ok {
					continue
				}
				ack := func(payload any) {
					if err := client.AckCtx(ctx, env.ID, payload); err != nil && ctx.Err() == nil {
						s.log.WarnContext(ctx, "ack_failed", "envelope", env.ID, "error", err)
					}
				}
				in.take(ctx, &handlers, env, ack)
			}
		}
	}
}

// refused turns an error of apps.connections.open that no retry can help into a TokenError. slack-go itself would try most of them
// for ever (facts/slack.md §7.2).
func (s *Slack) refused(err error) error {
	if err == nil {
		return nil
	}
	if f := classify(err); f.badToken() {
		return &TokenError{Variable: "SLACK_APP_TOKEN", Reason: f.reason, Err: err}
	}
	return nil
}

func (s *Slack) dialer() *websocket.Dialer {
	d := websocket.Dialer{Proxy: http.ProxyFromEnvironment}
	if s.cfg.Dialer != nil {
		d = *s.cfg.Dialer
	}
	d.WriteBufferSize = max(d.WriteBufferSize, frameBytes)
	if d.HandshakeTimeout == 0 {
		d.HandshakeTimeout = handshake
	}
	return &d
}

// envelope is what a socket delivers.
type envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"`
	Attempt int             `json:"retry_attempt"`
	Payload json.RawMessage `json:"payload"`

	kind string // for Hooks
}

// envelopeOf finds the envelope in what slack-go says. What slack-go could not decode still has one: its strict decoding must not
// cost an event (facts/slack.md §7.2).
func envelopeOf(ev socketmode.Event) (envelope, bool) {
	if ev.Request != nil && ev.Request.EnvelopeID != "" {
		return envelope{ID: ev.Request.EnvelopeID, Type: ev.Request.Type, Attempt: ev.Request.RetryAttempt, Payload: ev.Request.Payload}, true
	}
	bad, ok := ev.Data.(*socketmode.ErrorBadMessage)
	if !ok {
		return envelope{}, false
	}
	var env envelope
	if err := json.Unmarshal(bad.Message, &env); err != nil || env.ID == "" {
		return envelope{}, false
	}
	return env, true
}
