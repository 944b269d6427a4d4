package bot

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// threadTimeout is how long a thread may take to be read of which nothing is known; after that
	// its message is taken for nobody's question.
	threadTimeout = 20 * time.Second
	// threadEvery is the pause between two such reads: they come out of the reads that answers need
	// (50 a minute).
	threadEvery = 4 * time.Second
	// maxThreadChecks is how many messages wait for such a read; more are taken for nobody's
	// question.
	maxThreadChecks = 100
	// youngFor is how old a thread is at most of which messages are looked at twice: Slack tells of
	// a thread's first message again after some seconds if nobody took it, and meanwhile of what
	// followed it.
	youngFor = 30 * time.Second
	// youngAgain is when it is looked at again.
	youngAgain = 6 * time.Second
)

// followUp is a message of a thread that does not name the bot: a word to it, or perhaps a
// question.
type followUp struct {
	word thread.Command
	thread.Question
}

// follower takes what people write in threads without naming the bot.
type follower struct {
	intake       *intake
	controls     *controls
	access       *access
	notifier     *notifier
	actors       *actors
	coordinator  *turn.Coordinator
	participants *participants
	history      History
	mode         func(ctx context.Context, channel string) thread.FollowUps
	since        time.Time // when this process began
	hints        hints
	rechecks     queue[followUp] // of young threads that the store did not know
	threadChecks queue[followUp] // of threads of which nothing is known
	log          *slog.Logger
}

// run does the looks that follow-ups wait for, until ctx ends.
func (w *follower) run(ctx context.Context) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { w.rechecks.run(ctx, w.recheck) })
	all.Go(func() { w.threadChecks.run(ctx, w.checkThread) })
}

// follow takes a message of a thread that does not name the bot. Whether it is addressed to the bot
// the thread says, when a turn reads it; follow only finds out, cheaply, whether it can be.
func (w *follower) follow(ctx context.Context, f followUp) error {
	known := w.participants.note(f.Thread, f.User, f.TS)
	if f.Elsewhere || f.word == thread.NoCommand && w.followsNot(ctx, f.Question, known) {
		w.explainSilence(ctx, f.Question)
		return nil
	}
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	find := w.coordinator.Record
	if isYoung(f.Thread) { // its first message may be on its way to the store
		find = func(ctx context.Context, key string) (turn.Record, error) {
			return w.coordinator.Hear(ctx, key, turn.TS(f.TS))
		}
	}
	record, err := find(look, f.Thread.String())
	switch {
	case err != nil: // it may be ours
		w.log.WarnContext(ctx, "thread_unknown", "thread", f.Thread.String(), "error", err)
		if w.actors.isLive(f.Thread) {
			return w.take(ctx, f)
		}
		return w.holdFollowUp(ctx, f, err)
	case record.Asked != "": // or it was asked of another process
		return w.take(ctx, f)
	case known.NotOurs:
	// It may be older than the store.
	case turn.TS(f.Thread.TS).Time().Before(w.since.Add(turn.ClockSkew)):
		w.threadChecks.add(f)
	default: // all that was asked since this process began is in the store
		w.lookLater(f)
	}
	return nil
}

// followsNot reports whether a message without a mention cannot be for the bot: so the channel is
// set up, or somebody else has written before.
func (w *follower) followsNot(ctx context.Context, q thread.Question, known thread.Participants) bool {
	mode := w.mode(ctx, q.Thread.Channel)
	return mode == thread.FollowMention || mode != thread.FollowAlways && known.Before(q.TS, q.User)
}

// take takes a follow-up in a thread that the bot is in.
func (w *follower) take(ctx context.Context, f followUp) error {
	if f.word != thread.NoCommand {
		return w.controls.obey(ctx, f.word, f.Question)
	}
	return w.intake.ask(ctx, f.Question)
}

// holdFollowUp keeps a follow-up until the store says whether it is for the bot.
func (w *follower) holdFollowUp(ctx context.Context, f followUp, cause error) error {
	if f.word == thread.NoCommand {
		return w.intake.hold(ctx, f.Question, true, cause)
	}
	refusal, sure := w.access.mayAsk(ctx, Command{User: f.User, Channel: f.Thread.Channel})
	if f.word == thread.CommandStop && refusal == "" && (sure || w.controls.isTheirs(f.Thread, f.User)) {
		w.intake.stopLater(f.Thread, turn.TS(f.TS))
	}
	return ErrNotDurable
}

// isYoung reports whether a thread began so lately that its first message may not be noted yet.
func isYoung(t thread.ID) bool { return time.Since(turn.TS(t.TS).Time()) <= youngFor }

// lookLater has the store asked once more whether the bot is in a thread that is young.
func (w *follower) lookLater(f followUp) {
	if isYoung(f.Thread) {
		w.rechecks.add(f)
	}
}

// recheck takes a follow-up if the store knows its thread by now.
func (w *follower) recheck(ctx context.Context, f followUp) (cost bool) {
	ctx, cancel := context.WithTimeout(ctx, threadTimeout)
	defer cancel()
	look, cancelLook := context.WithTimeout(ctx, storeTimeout)
	defer cancelLook()
	record, err := w.coordinator.Record(look, f.Thread.String())
	if err == nil && record.Asked != "" {
		err = w.take(ctx, f)
	}
	if err != nil {
		w.log.WarnContext(ctx, "event_not_taken", "thread", f.Thread.String(), "error", err)
	}
	return true
}

// checkThread takes a follow-up if its thread shows that the bot is in it.
func (w *follower) checkThread(ctx context.Context, f followUp) (cost bool) {
	if w.participants.get(f.Thread).NotOurs {
		return false
	}
	read, cancel := context.WithTimeout(ctx, threadTimeout)
	defer cancel()
	messages, err := w.history.Messages(read, f.Thread)
	if err != nil {
		w.log.WarnContext(ctx, "thread_unread", "thread", f.Thread.String(), "error", err)
		return true
	}
	w.participants.see(f.Thread, messages)
	if !slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self }) {
		w.participants.notOurs(f.Thread)
		w.lookLater(f)
		return true
	}
	if err := w.take(ctx, f); err != nil {
		w.log.WarnContext(ctx, "event_not_taken", "thread", f.Thread.String(), "error", err)
	}
	return true
}
