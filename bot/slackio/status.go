package slackio

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
)

// statusAgain is when a status is shown again: Slack takes it away after two minutes (facts/slack.md §4).
const statusAgain = 90 * time.Second

// statusLine shows "is thinking…" until there is text. It is best effort: Slack takes the method away in 2027, and a failure costs
// nothing but the line. It has its own goroutine, so that no answer waits for it.
type statusLine struct {
	wake chan struct{} // holds one: text or over changed
	done chan struct{} // closed when its goroutine has ended

	mu   sync.Mutex // guards all below
	text string
	over bool
}

func (s *Slack) newStatusLine(ctx context.Context, t bot.Thread) *statusLine {
	l := &statusLine{wake: make(chan struct{}, 1), done: make(chan struct{})}
	go func() { // Close waits for it
		defer close(l.done)
		l.run(ctx, s, t)
	}()
	return l
}

// set changes the line. It does not block.
func (l *statusLine) set(text string) {
	l.mu.Lock()
	changed := text != "" && text != l.text && !l.over
	if changed {
		l.text = text
	}
	l.mu.Unlock()
	if changed {
		l.poke()
	}
}

// end ends the line: a message takes it away by itself. It does not block.
func (l *statusLine) end() {
	l.mu.Lock()
	changed := !l.over
	l.over = true
	l.mu.Unlock()
	if changed {
		l.poke()
	}
}

// wait returns when the goroutine has ended, after end.
func (l *statusLine) wait() { <-l.done }

func (l *statusLine) poke() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *statusLine) now() (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text, l.over
}

func (l *statusLine) run(ctx context.Context, s *Slack, t bot.Thread) {
	again := time.NewTicker(statusAgain)
	defer again.Stop()
	for {
		select {
		case <-l.wake:
		case <-again.C:
		case <-ctx.Done():
			return
		}
		text, over := l.now()
		if over {
			return
		}
		s.setStatus(ctx, t, text)
	}
}

func (s *Slack) setStatus(ctx context.Context, t bot.Thread, text string) {
	s.mu.Lock()
	off := s.noStatus
	s.mu.Unlock()
	if off {
		return
	}
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.api.SetAssistantThreadsStatusContext(ctx, slack.AssistantThreadsSetStatusParameters{
			ChannelID: t.Channel, ThreadTS: t.TS, Status: text,
		})
	})
	if err == nil || ctx.Err() != nil {
		return
	}
	f := classify(err)
	if slices.Contains([]string{"missing_scope", "unknown_method", "not_allowed_token_type", "method_deprecated"}, f.reason) {
		s.mu.Lock()
		s.noStatus = true
		s.mu.Unlock()
	}
	s.log.DebugContext(ctx, "status_not_shown", "thread", t.String(), "reason", f.reason, "error", err)
}
