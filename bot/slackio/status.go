package slackio

import (
	"context"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot"
)

// statusAgain is when a status is shown again: Slack takes it away after two minutes (facts/slack.md §4).
const statusAgain = 90 * time.Second

// statusTimeout is how long one call may take: an answer's end waits for it.
const statusTimeout = 3 * time.Second

// statusLine shows "is thinking…" until there is text. It is best effort: Slack takes the method away in 2027, and a failure costs
// nothing but the line. It has its own goroutine, so that no answer waits for it.
type statusLine struct {
	wake chan struct{} // holds one: text or over changed
	done chan struct{} // closed when its goroutine has ended

	mu    sync.Mutex // guards all below
	text  string
	over  bool
	clear bool      // nothing was posted that would take the line away
	shown time.Time // when the call that showed it last returned
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

// end ends the line. It does not block. A message takes the line away by itself; clear says that none came.
func (l *statusLine) end(clear bool) {
	l.mu.Lock()
	changed := !l.over
	l.over, l.clear = true, l.clear || clear && changed
	l.mu.Unlock()
	if changed {
		l.poke()
	}
}

// posted ends the line when a message came that takes it away, unless it was only shown while that was on its way: the call began then.
func (l *statusLine) posted(began time.Time) {
	l.mu.Lock()
	meanwhile := !l.shown.Before(began)
	l.mu.Unlock()
	l.end(meanwhile)
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
	shown, late := false, false
	for {
		select {
		case <-l.wake:
		case <-again.C:
		case <-ctx.Done():
			return
		}
		text, over := l.now()
		if !over && text != "" {
			s.setStatus(ctx, t, text)
			shown = true
			if over = l.showed(); over {
				late = true // the message may have been there first
			}
		}
		if over {
			if shown && (late || l.stays()) {
				s.setStatus(ctx, t, "")
			}
			return
		}
	}
}

// showed notes that a call has shown the line, and says whether it is over.
func (l *statusLine) showed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shown = time.Now()
	return l.over
}

func (l *statusLine) stays() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clear
}

func (s *Slack) setStatus(ctx context.Context, t bot.Thread, text string) {
	s.mu.Lock()
	off := s.noStatus
	s.mu.Unlock()
	if off {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.api.SetAssistantThreadsStatusContext(ctx, slack.AssistantThreadsSetStatusParameters{
			ChannelID: t.Channel, ThreadTS: t.TS, Status: text,
		})
	})
	if err == nil {
		return
	}
	f := classify(err)
	if forGood(f.reason) {
		s.mu.Lock()
		s.noStatus = true
		s.mu.Unlock()
	}
	s.log.DebugContext(ctx, "status_not_shown", "thread", t.String(), "reason", f.reason, "error", err)
}
