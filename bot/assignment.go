package bot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

// assignment is what a turn begins with: a thread, the lease of it, and what this process has heard
// of it. Nothing of it changes, and every phase of the turn works on it.
type assignment struct {
	bot    *Bot
	log    *slog.Logger // names the thread
	thread thread.ID
	lease  *turn.Lease
	known  []thread.Question // what this process has heard of, oldest first; empty if nothing
	came   time.Time         // when the first of what is asked came
	// heir reports that this is the lease's first turn: an owner before may have begun something.
	heir  bool
	begun bool // there were messages of the answer when the turn began
}

// first reports that nobody has begun anything in the thread before.
func (as *assignment) first() bool { return as.heir && as.lease.Epoch() <= 1 }

// asker returns in whose turn among others the thread is read: that of who asked last. Of a turn
// that another process has left behind, or that waited for the store, nobody here knows that yet,
// and the thread stands for them: a channel would share one part among all who wait in it.
func (as *assignment) asker() string {
	if len(as.known) == 0 {
		return as.thread.String()
	}
	return as.known[len(as.known)-1].User
}

// upto returns the newest thing that the turn answers. An answer that has begun is finished as it
// was begun, but for changes of its questions.
func (as *assignment) upto() turn.TS {
	upto := as.lease.For()
	if len(as.lease.Messages()) == 0 || upto == "" {
		return upto.Max(thread.Newest(as.known))
	}
	begun := upto
	for _, ask := range as.known {
		if !turn.TS(ask.TS).After(begun) {
			upto = upto.Max(ask.Since())
		}
	}
	return upto
}

// stopped reports whether somebody has stopped the answer.
func (as *assignment) stopped() bool {
	select {
	case <-as.lease.Stopped():
		return true
	default:
		return false
	}
}

// stopEnds returns what a stop ends before anybody saw anything of it: what was asked up to it.
func (as *assignment) stopEnds() turn.TS {
	at, whole := as.lease.StoppedAt(), as.lease.For()
	if at == "" || at.After(whole) {
		return whole
	}
	return at
}

// askedAfterStop reports whether some of what the answer is to answer was asked after the stop, at.
func (as *assignment) askedAfterStop(asks []thread.Question) (at turn.TS, some bool) {
	at = as.lease.StoppedAt()
	return at, at != "" && slices.ContainsFunc(asks, func(q thread.Question) bool { return turn.TS(q.TS).After(at) })
}

// mayWrite reports, by its error, whether the turn may write to Slack.
func (as *assignment) mayWrite() error { return mayPass(as.lease.Check()) }

// mayPass returns the error of a check as drafts take it.
func mayPass(err error) error {
	if errors.Is(err, turn.ErrLapsed) {
		return fmt.Errorf("%w: %w", ErrLeaseUncertain, err)
	}
	return err
}

// settled waits until the turn may write to Slack. It returns ErrLost if another process has the
// thread.
func (as *assignment) settled(work context.Context) error {
	err := as.lease.Settled(work)
	if err == nil || errors.Is(err, turn.ErrLost) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrLeaseUncertain, err)
}

// stored reads something from the store, and tries again what fails as long as the store may be
// away: what a turn does not find there would be lost, or done again.
func stored[T any](ctx context.Context, as *assignment, read func() (T, error)) (got T, err error) {
	for try := 1; ; try++ {
		got, err = read()
		if err == nil || errors.Is(err, turn.ErrKey) || try == storeTries {
			return got, err
		}
		if wait.For(ctx, keepAgain) != nil || as.settled(ctx) != nil {
			return got, err
		}
	}
}

// saved returns the checkpoint that an earlier owner of the same turn left; the zero Partial if
// there is none.
func (as *assignment) saved(ctx context.Context, of transcript.Of) answer.Partial {
	c, err := stored(ctx, as, func() (transcript.Checkpoint, error) { return as.bot.records.Checkpoint(ctx, as.thread, of) })
	switch {
	case err != nil:
		as.log.WarnContext(ctx, "checkpoint_unread", "error", err)
	case c.For != "":
		as.log.InfoContext(ctx, "answer_goes_on", "ask", c.For, "chars", len(c.Text), "completion_tokens", c.Tokens)
	}
	return c.Partial()
}

// entries returns what the store has kept of the thread's answers. What it does not tell now, the
// thread shows nearly.
func (as *assignment) entries(ctx context.Context) map[string]transcript.Entry {
	own, err := as.bot.records.Entries(ctx, as.thread)
	if err != nil {
		as.log.WarnContext(ctx, "answers_unread", "error", err)
	}
	return own
}

// keep keeps the exact text of an answer. It tries as long as the thread is ours, for Done must not
// come before it: what is overwritten afterwards is mended from it. It reports false when another
// process has the thread, or the process ends.
func (as *assignment) keep(work context.Context, e transcript.Entry) bool {
	for try := 1; ; try++ {
		err := as.bot.records.Keep(work, as.thread, e)
		// A thread whose key is just too long for it has no such record.
		if err == nil || errors.Is(err, turn.ErrKey) {
			return true
		}
		if try == 1 {
			as.log.WarnContext(work, "answer_not_kept", "ask", e.For, "error", err)
		}
		if wait.For(work, keepAgain) != nil || as.settled(work) != nil {
			return false
		}
	}
}

// forget forgets the checkpoint of an answer that is over.
func (as *assignment) forget(work context.Context) {
	if err := as.bot.records.Forget(work, as.thread); err != nil {
		as.log.WarnContext(work, "checkpoint_stays", "error", err)
	}
}

// channelName returns the name of the thread's channel; empty if it has none, or Slack does not
// say.
func (as *assignment) channelName(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, personTimeout)
	defer cancel()
	name, err := as.bot.dep.Room.Channel(ctx, as.thread.Channel)
	if err != nil {
		as.log.WarnContext(ctx, "channel_unknown", "channel", as.thread.Channel, "error", err)
		return ""
	}
	return name
}

// idle has Slack told that the bot is not at work in the thread any more. That is the draft's part
// if it has said that the bot is; but an owner before may have said so, or a draft before it.
func (as *assignment) idle() {
	if s, ok := as.bot.dep.Room.(Statuses); ok {
		s.Idle(as.thread)
	}
}

// ended reports how the turn's answer ended.
func (as *assignment) ended(end End) {
	if h := as.bot.dep.Hooks.Answered; h != nil {
		h(end, time.Since(as.came))
	}
}

// seen reports that the first message of the answer was posted.
func (as *assignment) seen() {
	if h := as.bot.dep.Hooks.Visible; h != nil {
		h(time.Since(as.came))
	}
}
