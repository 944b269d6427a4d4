package bot

import (
	"context"
	"slices"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
)

// earlyAfter is how long a turn may go without a draft before the status is shown: whoever asks
// sees it within a second, and most turns have a draft before.
const earlyAfter = 300 * time.Millisecond

// early is the status of a turn that has no draft yet: a read, or a look at who asked, may have to
// wait for its budget.
type early struct {
	*assignment

	cancel context.CancelFunc
	all    sync.WaitGroup
	shown  bool // valid after end
}

// begin has the status shown soon, if somebody surely waits for an answer; mode is the channel's.
func (e *early) begin(ctx context.Context, mode thread.FollowUps) {
	var soon context.Context
	soon, e.cancel = context.WithCancel(ctx)
	e.all.Go(func() {
		if wait.For(soon, earlyAfter) == nil {
			e.shown = e.say(ctx, mode)
		}
	})
}

// end has the status shown no more, if it is not. It waits for a call under way.
func (e *early) end() {
	if e.cancel != nil {
		e.cancel()
	}
	e.all.Wait()
}

// say tells whoever waits that the bot is at it, and reports whether that is shown.
func (e *early) say(ctx context.Context, mode thread.FollowUps) bool {
	s, ok := e.bot.dep.Room.(Statuses)
	if !ok || len(e.lease.Messages()) > 0 || !e.isWaitedFor(ctx, mode) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, earlyTimeout)
	defer cancel()
	return s.Status(ctx, e.thread, answer.StatusThinking)
}

// isWaitedFor reports whether somebody surely waits for an answer, though the thread is not read
// yet: they named the bot, or write in a thread of theirs alone, or want the last answer anew.
func (e *early) isWaitedFor(ctx context.Context, mode thread.FollowUps) bool {
	if len(e.known) == 0 {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		redo, err := e.bot.records.Redo(ctx, e.thread)
		return err == nil && turn.TS(redo.TS).After(e.lease.Answered())
	}
	return mode == thread.FollowAlways || slices.ContainsFunc(e.known, thread.Question.Explicit) ||
		mode == thread.FollowSolo && e.bot.participants.get(e.thread).Solo(e.thread.TS)
}

// takeBack takes back what say said, if nothing was to be said.
func (e *early) takeBack(work context.Context) {
	if e.end(); !e.shown {
		return
	}
	if s, ok := e.bot.dep.Room.(Statuses); ok {
		ctx, cancel := context.WithTimeout(work, earlyTimeout)
		defer cancel()
		s.Status(ctx, e.thread, "")
	}
}
