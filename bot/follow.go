package bot

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	// youngFor is how old a thread is at most whose first message may not be noted yet: Slack tells
	// of it again after some seconds if nobody took it, and meanwhile of what followed it.
	youngFor = 30 * time.Second
	// hintFor is how long after an answer a question is plainly about it.
	hintFor = 15 * time.Minute
	// hintAgain is when a person may be told again in the same thread: once a thread is enough.
	hintAgain = 30 * 24 * time.Hour
)

const hintText = "More than one person writes in this thread, so I answer here only when I am mentioned."

// followUp is a message of a thread that does not name the bot: a word to it, or perhaps a
// question.
type followUp struct {
	word thread.Command
	thread.Question
}

// follower takes what people write in threads without naming the bot.
type follower struct {
	*intake // takes what may be for the bot

	controls     *controls
	access       *access
	participants *participants
	history      History
	mode         func(ctx context.Context, channel string) thread.FollowUps
	since        time.Time       // when this process began
	threadChecks queue[followUp] // of threads of which nothing is known
}

// follow takes a message of a thread that does not name the bot. Whether it is addressed to the bot
// the thread says, when a turn reads it; follow only finds out, cheaply, whether it can be.
func (w *follower) follow(ctx context.Context, f followUp) error {
	known, ended := w.participants.note(f.Thread, f.User, f.TS)
	if f.Elsewhere || f.word == thread.NoCommand && w.followsNot(ctx, f.Question, known) {
		w.explainSilence(ctx, f.Question, ended)
		return nil
	}
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	find, young := w.coordinator.Record, time.Since(turn.TS(f.Thread.TS).Time()) <= youngFor
	if young { // its first message may be on its way to the store, and whoever answers that reads the thread
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
	case young && f.word == thread.CommandStop && !known.NotOurs:
		// It stops what is on its way: Slack tells of it again. Another word is said again by whoever
		// gets no reply to it.
		return ErrNotDurable
	case !known.NotOurs && turn.TS(f.Thread.TS).Time().Before(w.since.Add(turn.ClockSkew)):
		w.threadChecks.add(f) // it may be older than the store
	}
	return nil // what was asked since this process began is in the store, or on its way there
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
	return w.ask(ctx, f.Question)
}

// holdFollowUp keeps a follow-up until the store says whether it is for the bot.
func (w *follower) holdFollowUp(ctx context.Context, f followUp, cause error) error {
	if f.word == thread.NoCommand {
		return w.hold(ctx, f.Question, true, cause)
	}
	refusal, sure := w.access.mayAsk(ctx, Command{User: f.User, Channel: f.Thread.Channel})
	if f.word == thread.CommandStop && refusal == "" && (sure || w.controls.isTheirs(f.Thread, f.User)) {
		w.stopLater(f.Thread, turn.TS(f.TS))
	}
	return ErrNotDurable
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
		return true
	}
	if err := w.take(ctx, f); err != nil {
		w.log.WarnContext(ctx, "event_not_taken", "thread", f.Thread.String(), "error", err)
	}
	return true
}

// isQuestion reports whether a message ends as a question does: with the mark of Latin, Chinese or
// Arabic script, whatever quotes and formatting come after it.
func isQuestion(text string) bool {
	text = strings.TrimRight(text, " \t\n\r*_~`\"'”’»)!")
	last, _ := utf8.DecodeLastRuneInString(text)
	return strings.ContainsRune("?？؟", last)
}

// explainSilence tells somebody why a follow-up gets no answer, if it plainly is a question to the
// bot: a mention is needed since a second person wrote in the thread. ended is when an answer ended
// after which nobody else has written.
//
// Only the first message after an answer is looked at, and only if it ends as a question does and
// names nobody: that is when people mean the bot. Whatever else people say in a thread is their own
// talk, into which a bot that was not asked does not barge. A person is told once a thread
// (hintAgain), and nobody where mentions are always needed (BOT_FOLLOW_UPS=mention), or who may not
// ask. All of it is in memory and best effort: no thread is read for it, and an answer of another
// process is not known here.
func (w *follower) explainSilence(ctx context.Context, q thread.Question, ended time.Time) {
	if time.Since(ended) > hintFor || q.Elsewhere || strings.Contains(q.Text, "@") || !isQuestion(q.Text) || w.mode(ctx, q.Thread.Channel) == thread.FollowMention {
		return
	}
	if !w.notifier.due("hint/"+q.Thread.String()+"/"+q.User, hintAgain) {
		return
	}
	w.notifier.jobs.add("hint", func(ctx context.Context) {
		if refusal, sure := w.access.mayAsk(ctx, Command{User: q.User, Channel: q.Thread.Channel}); refusal == "" && sure {
			w.notifier.whisper(ctx, q.Thread, q.User, hintText)
		}
	})
}
