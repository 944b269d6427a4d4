package slackio

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
)

const (
	// statusAgain is the age at which a status is set again: Slack takes one away after two minutes
	// (facts/slack.md §4).
	statusAgain = 90 * time.Second
	// statusTimeout is how long one call may take, for an answer's end waits for it.
	statusTimeout = 3 * time.Second
	// placeholderAfter is how long an answer may go without text before a message says so, where
	// Slack refuses the status. The message costs a post and an edit.
	placeholderAfter = 3 * time.Second
	// tellEvery and tellSeldom are the steps of the seconds that a status shows. Slack does not
	// publish how often a status may be set.
	tellEvery  = 10 * time.Second // at first
	tellSeldom = 30 * time.Second // once that much has passed
)

// statusLine shows "is thinking…" until there is text, and beside the text that a tool runs. It is
// best effort: Slack takes the method
// away in 2027, and a failure costs nothing but the line; a placeholder message then stands in for
// it. It has its own goroutine, so that no answer waits for it.
type statusLine struct {
	wake chan struct{} // holds one: something below has changed
	done chan struct{} // closed when the goroutine has ended
	// Called at most once, when Slack refuses the status and no text has come for placeholderAfter.
	placeholder func()
	tools       bool // tools may run: the line may come back beside messages

	mu     sync.Mutex // guards all below
	says   saying
	over   bool      // there is nothing to show
	beside bool      // it is shown beside messages, too
	again  bool      // a message came, and took away what is shown beside it
	closed bool      // nothing will be shown any more
	clear  bool      // no message came that takes the line away
	shown  time.Time // when the call that last showed it returned
}

// saying is the content of a status.
type saying struct {
	text            string
	since, thinking time.Time // zero: not shown
}

// at returns the text at a time.
func (y saying) at(now time.Time) string {
	if y.since.IsZero() || now.Sub(y.since) < tellEvery {
		return y.text
	}
	more := ""
	if !y.thinking.IsZero() {
		more = fmt.Sprintf(", reasoning for %ds", int(now.Sub(y.thinking).Seconds()))
	}
	return fmt.Sprintf("%s (%ds%s)", y.text, int(now.Sub(y.since).Seconds()), more)
}

// next returns how long until the text changes, or has to be set again.
func (y saying) next(now time.Time) time.Duration {
	if y.since.IsZero() {
		return statusAgain
	}
	passed := now.Sub(y.since)
	step := tellEvery
	if passed >= tellSeldom {
		step = tellSeldom
	}
	return step - passed%step
}

func (s *Slack) newStatusLine(ctx context.Context, t thread.ID, tools bool, placeholder func()) *statusLine {
	l := &statusLine{wake: make(chan struct{}, 1), done: make(chan struct{}), tools: tools, placeholder: placeholder}
	go func() { // draft.Close waits for it
		defer close(l.done)
		l.run(ctx, s, t)
	}()
	return l
}

// set changes the line. It does not block.
func (l *statusLine) set(a answer.Snapshot) {
	y := saying{a.Status, a.Since, a.Thinking}
	l.mu.Lock()
	if l.beside = a.Busy && !l.closed; l.beside && l.over {
		l.over, l.says = false, saying{}
	}
	changed := y.text != "" && y != l.says && !l.over
	if changed {
		l.says = y
	}
	l.mu.Unlock()
	if changed {
		l.poke()
	}
}

// rest ends what the line shows. It does not block. Slack takes the line away when a message comes;
// clear means that none came.
func (l *statusLine) rest(clear bool) {
	l.mu.Lock()
	changed := !l.over
	l.over, l.beside, l.clear = true, false, l.clear || (clear || l.beside) && changed
	l.mu.Unlock()
	if changed {
		l.poke()
	}
}

// posted ends the line when a message came. Slack takes the line away then, unless the line was set
// after the post began: then it is cleared. What is shown beside messages is set again.
func (l *statusLine) posted(began time.Time) {
	l.mu.Lock()
	meanwhile := !l.shown.Before(began)
	l.again = l.beside
	beside := l.beside
	l.mu.Unlock()
	if beside {
		l.poke()
		return
	}
	l.rest(meanwhile)
}

// close ends the line for good, and returns when its goroutine has ended.
func (l *statusLine) close() {
	l.rest(true)
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.poke()
	<-l.done
}

func (l *statusLine) poke() { poke(l.wake) }

// now returns what the line is to show; again: it was taken away.
func (l *statusLine) now() (says saying, over, again bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	again, l.again = l.again, false
	return l.says, l.over, again
}

func (l *statusLine) run(ctx context.Context, s *Slack, t thread.ID) {
	began := time.Now()
	again := time.NewTimer(statusAgain)
	defer again.Stop()
	shown, late, last := false, false, ""
	for {
		select {
		case <-l.wake:
		case <-again.C:
			last = "" // Slack may have taken it away
		case <-ctx.Done():
			return
		}
		says, over, taken := l.now()
		if taken {
			last = ""
		}
		if text := says.at(time.Now()); !over && text != "" {
			pause := says.next(time.Now())
			if text != last {
				if s.setStatus(ctx, t, text) {
					shown, last = true, text
				} else if l.placeholder != nil {
					if pause = placeholderAfter - time.Since(began); pause <= 0 {
						l.placeholder()
						l.placeholder, pause = nil, statusAgain
					}
				}
			}
			again.Reset(pause)
			if over = l.showed(shown); over {
				late = true // the message may have come before the status
			}
		}
		if over {
			clear, closed := l.stays()
			if shown && (late || clear) {
				s.setStatus(ctx, t, "")
			}
			if closed || !l.tools {
				return
			}
			shown, late, last, l.placeholder = false, false, "", nil
		}
	}
}

// showed records whether the line has been shown, and reports whether it is over.
func (l *statusLine) showed(shown bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if shown {
		l.shown = time.Now()
	}
	return l.over
}

// stays reports whether what the line has shown stays unless it is cleared, and whether the line
// has ended for good.
func (l *statusLine) stays() (clear, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear, l.clear = l.clear, false
	return clear, l.closed
}

// Status sets the line under a thread in which there is no answer yet; an empty text takes it away.
// It reports whether Slack took it.
func (s *Slack) Status(ctx context.Context, t thread.ID, text string) bool {
	return s.setStatus(ctx, t, text)
}

// Idle has Slack told that the bot is not at work in a thread, unless this process is.
func (s *Slack) Idle(t thread.ID) { s.sessions.halted(t, time.Now()) }

// setStatus sets a thread's status and reports whether Slack took it.
func (s *Slack) setStatus(ctx context.Context, t thread.ID, text string) bool {
	s.mu.Lock()
	off := s.noStatus
	s.mu.Unlock()
	if off {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	_, err := timed(ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.api.SetAssistantThreadsStatusContext(ctx, slack.AssistantThreadsSetStatusParameters{
			ChannelID: t.Channel, ThreadTS: t.TS, Status: text,
		})
	})
	if err == nil {
		return true
	}
	f := classify(err)
	if forGood(f.reason) {
		s.mu.Lock()
		s.noStatus = true
		s.mu.Unlock()
	}
	s.log.DebugContext(ctx, "status_not_shown", "thread", t.String(), "reason", f.reason, "error", err)
	return false
}
