package slackio

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"llmbot/bot/pace"
	"llmbot/bot/thread"
)

const (
	methodSession pace.Method = "agents.sessions.setStatus"

	// sessionAgain is the age at which Slack is told again that the bot is at work: it believes so
	// for an hour (facts/slack.md §4).
	sessionAgain = 30 * time.Minute
	// sessionTries is how often one thread's status is tried while Slack does not answer, and the end
	// of its answers once more. Then it stays as it is: Slack's own hour ends it.
	sessionTries = 5
	sessionPause = 5 * time.Second // after the first of them; it grows with each
	// maxDenied is how many threads Slack may refuse before no more are tried, if it has taken none.
	maxDenied = 5
	// maxSessions is how many threads are kept. It is far more than answers can be open at once;
	// beyond it, a thread goes without Slack's indicator.
	maxSessions = 1000
)

// sessions tells Slack in which threads the bot is at work. An app that is an agent then shows its
// indicator there, with Slack's own stop button (facts/slack.md §4, §10.3). Slack does not take
// the status away by itself, neither when a message comes nor when somebody presses the button.
//
// Nobody waits for it. Answers only count themselves in and out, and one goroutine makes the calls
// within the method's budget; an answer that is over before its call is due costs none. Everything
// is best effort: an app that is no agent is refused once, and is not asked again before a restart.
//
// Not tried against a real workspace: which words a refusal has besides not_agent_app, and whether
// Slack shows the thread's status line (assistant.threads.setStatus) beside the indicator. So both
// are set.
type sessions struct {
	wake    chan struct{} // holds one: something below has changed
	settled chan struct{} // holds one: a call has returned

	mu      sync.Mutex // guards all below
	threads map[thread.ID]*session
	calling thread.ID // whose call is under way; zero: none is
	off     bool      // Slack has no sessions for this app
	taken   bool      // Slack has taken a status
	denied  int       // refusals before that
	warned  bool      // the log says that the stop button cannot work
}

// session is what the bot does in a thread, and what Slack believes about it.
type session struct {
	answers int       // so many are being written
	told    time.Time // when Slack was told so (see perhaps); zero: it believes that the bot is idle
	due     time.Time // no call is made before; the earliest goes first
	failed  int       // calls in a row
	refused bool      // Slack refuses this thread: it is left alone until its answers have ended
	kept    bool      // another process may be at work: Slack is not told of the end
}

func newSessions() *sessions {
	return &sessions{wake: make(chan struct{}, 1), settled: make(chan struct{}, 1), threads: map[thread.ID]*session{}}
}

// begin counts an answer in. It does not block.
func (a *sessions) begin(t thread.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	se := a.threads[t]
	if se == nil {
		if a.off || len(a.threads) >= maxSessions {
			return
		}
		se = &session{}
		a.threads[t] = se
	}
	if se.answers++; se.answers == 1 {
		se.due, se.kept = time.Now(), false
	}
	poke(a.wake)
}

// end counts an answer out that begin has counted. keep means that another process may write it by
// now, so that Slack is not told. It does not block.
func (a *sessions) end(t thread.ID, keep bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	se := a.threads[t]
	if se == nil { // begin had no room, or there are no sessions
		return
	}
	if se.answers = max(se.answers-1, 0); se.answers > 0 {
		return
	}
	if se.failed >= sessionTries { // it was not Slack who refused
		se.refused = false
	}
	se.due, se.failed = time.Now(), 0
	if se.kept = keep; keep {
		se.told = time.Time{}
	}
	if !a.tidyLocked(t, se) {
		poke(a.wake)
	}
}

// halted notes that nobody is at work in a thread: somebody pressed Slack's stop button, or what
// another process began is over. Where this process writes nothing, Slack is told that the bot is
// idle: the process that was at work may have died. It does not block.
func (a *sessions) halted(t thread.ID, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.off || a.threads[t] != nil || len(a.threads) >= maxSessions {
		return
	}
	a.threads[t] = &session{told: perhaps(now), due: now}
	poke(a.wake)
}

// perhaps returns when Slack was told if nobody knows whether it was: so long ago that it is told
// again, and not never, so that it is told of the end.
func perhaps(now time.Time) time.Time { return now.Add(-sessionAgain) }

// tidyLocked forgets a thread about which Slack needs no more calls, and reports whether it did.
func (a *sessions) tidyLocked(t thread.ID, se *session) bool {
	over := se.answers == 0 && (se.told.IsZero() || se.refused) && t != a.calling
	if over {
		delete(a.threads, t)
	}
	return over
}

// pause returns how long until a call is due; 0: one is.
func (a *sessions) pause(now time.Time) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, due := a.firstLocked()
	if due.IsZero() {
		return sessionAgain
	}
	return max(due.Sub(now), 0)
}

// start returns the call that has waited longest, and notes that it is under way; not ok if none is
// due.
func (a *sessions) start(now time.Time) (t thread.ID, status string, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	t, due := a.firstLocked()
	if due.IsZero() || due.After(now) {
		return thread.ID{}, "", false
	}
	a.calling = t
	if a.threads[t].answers > 0 {
		return t, slack.AgentSessionStatusProcessing, true
	}
	return t, slack.AgentSessionStatusActive, true
}

// firstLocked returns the thread whose call is due first, and when; a zero time: no thread needs
// one.
func (a *sessions) firstLocked() (first thread.ID, at time.Time) {
	for t, se := range a.threads {
		due := se.due
		if se.answers > 0 && !se.told.IsZero() {
			if again := se.told.Add(sessionAgain); again.After(due) {
				due = again
			}
		}
		if !se.refused && (at.IsZero() || due.Before(at)) {
			first, at = t, due
		}
	}
	return first, at
}

// took records what Slack said to a call. It reports whether that ends the sessions of this app for
// good.
func (a *sessions) took(t thread.ID, status string, f failure, now time.Time) (ended bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer poke(a.settled)
	a.calling = thread.ID{}
	se := a.threads[t]
	atWork := status == slack.AgentSessionStatusProcessing && (se.answers > 0 || !se.kept)
	switch f.kind {
	case fine:
		a.taken, se.failed, se.due = true, 0, now
		se.told = time.Time{}
		if atWork {
			se.told = now
		}
	case limited: // the budget makes the next call wait
	case transient:
		if atWork && se.told.IsZero() { // Slack may have carried it out
			se.told = perhaps(now)
		}
		se.failed++
		se.due, se.refused = now.Add(time.Duration(se.failed)*sessionPause), se.failed >= sessionTries
	default:
		a.denied++
		if !a.taken && a.denied >= maxDenied || forGood(f.reason) || slices.Contains([]string{"not_agent_app", "feature_disabled"}, f.reason) {
			a.off = true
			clear(a.threads)
			return true
		}
		se.refused = true
	}
	a.tidyLocked(t, se)
	return false
}

// waits reports whether Slack is still to be told that an answer has ended.
func (a *sessions) waits() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, se := range a.threads {
		if se.answers == 0 {
			return true
		}
	}
	return false
}

// idle returns when Slack knows which answers have ended, or when ctx ends.
func (a *sessions) idle(ctx context.Context) {
	for a.waits() {
		select {
		case <-a.settled:
		case <-ctx.Done():
			return
		}
	}
}

// warn reports whether the log is to say that the stop button cannot work: once.
func (a *sessions) warn() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	first := !a.warned
	a.warned = true
	return first
}

// runSessions makes the calls until ctx ends or Slack has no sessions for this app.
func (s *Slack) runSessions(ctx context.Context) {
	for {
		if pause := s.sessions.pause(time.Now()); pause > 0 {
			timer := time.NewTimer(pause)
			select {
			case <-s.sessions.wake:
			case <-timer.C:
			case <-ctx.Done():
			}
			timer.Stop()
			if ctx.Err() != nil {
				return
			}
			continue
		}
		if err := s.pace.Take(ctx, methodSession); err != nil {
			return
		}
		// What is due may have changed meanwhile.
		if t, status, ok := s.sessions.start(time.Now()); ok && !s.tellSession(ctx, t, status) {
			return
		}
	}
}

// tellSession makes one call, and reports whether others may follow.
func (s *Slack) tellSession(ctx context.Context, t thread.ID, status string) bool {
	got, err := timed(ctx, func(ctx context.Context) (*slack.AgentSessionSetStatusResponse, error) {
		return s.api.SetAgentSessionStatusContext(ctx, slack.AgentSessionSetStatusParameters{ChannelID: t.Channel, ThreadTS: t.TS, Status: status})
	})
	f := classify(err)
	if f.kind == limited {
		s.pace.Refused(ctx, methodSession, f.retryAfter)
	}
	ended := s.sessions.took(t, status, f, time.Now())
	switch {
	case err != nil:
		s.log.DebugContext(ctx, "session_not_told", "thread", t.String(), "status", status, "reason", f.reason, "ended", ended, "error", err)
	case slices.Contains(got.ResponseMetadata.Warnings, unsubscribed) && s.sessions.warn():
		s.log.WarnContext(ctx, "stop_button_dead", "thread", t.String(), "reason", unsubscribed,
			"hint", "The app is an agent without the event agent_session_stopped: paste what `llmbot manifest -agent` prints under App Manifest.")
	}
	return !ended
}

// unsubscribed is Slack's warning that its stop button does nothing.
const unsubscribed = "missing_agent_session_stopped_event_subscription"

// poke fills a channel that holds one, if it is empty.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
