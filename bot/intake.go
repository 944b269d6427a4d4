package bot

import (
	"context"
	"errors"
	"slices"
	"time"

	"llmbot/bot/catchup"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

const (
	// askTimeout is how long the store may take to note a question: Slack wants its ack within 3 s
	// (facts/slack.md §5.6).
	askTimeout = 2500 * time.Millisecond
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

const tooManyHeld = "My database does not answer, and too many questions wait for it already. Please ask again later."

// Handle takes an event. It returns nil when the event is durable and may be acked; ErrBusy, which
// may be acked too, for somebody was told; or the reason why Slack is to tell of it again. It
// blocks for the store: askTimeout at most for a question or a press, a second more for what needs
// a look first.
func (b *Bot) Handle(ctx context.Context, ev Event) error {
	switch ev := ev.(type) {
	case Asked:
		return b.asked(ctx, ev)
	case Detailed:
		_ = b.actors.deliver(ev.Thread, inboxItem{ask: &ev.Question}) // best effort
	case Edited:
		return b.edited(ctx, ev)
	case Deleted:
		return b.deleted(ctx, ev)
	case Pressed:
		return b.pressed(ctx, ev)
	case LeavePressed:
		return b.decided(ctx, ev)
	case HomeOpened:
		b.homeOpened(ev)
	case Connected:
		b.catchup.SocketOpened(catchup.Opened{Since: ev.Since})
	case Disconnected:
		b.catchup.SocketsClosed()
	case Halted:
		return b.halt(ctx, ev.Thread, ev.Thread, ev.User, ev.TS)
	}
	return nil
}

// asked takes a message: a word to the bot, a question, or one that may be a question.
func (b *Bot) asked(ctx context.Context, ev Asked) error {
	word := thread.CommandOf(ev.Text)
	if len(ev.Files) > 0 {
		word = thread.NoCommand
	}
	switch {
	case word != thread.NoCommand && ev.Explicit():
		return b.obey(ctx, word, ev.Question)
	case ev.Explicit():
		b.participants.note(ev.Thread, ev.User, ev.TS)
		b.hints.first(ev.Thread, time.Now()) // what comes next is not about the answer before
		return b.ask(ctx, ev.Question)
	case ev.Opens():
		return nil // nobody's question
	}
	return b.follow(ctx, followUp{word, ev.Question})
}

// ask records a question in the store, and claims its thread, in one write. What the store does not
// take is held.
func (b *Bot) ask(ctx context.Context, q thread.Question) error {
	if !b.actors.enter() {
		b.held.Drop(q.Thread, func(ts string) bool { return ts == q.TS }) // an edit may have been added
		return b.askNext(ctx, q.Thread, q.Since())
	}
	defer b.actors.exit()
	if q.Explicit() {
		b.held.Add(q, whisperPlace(q)) // it is told if that takes long
	}
	note, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked, err := b.coordinator.Ask(note, q.Thread.String(), q.Since())
	if err == nil || errors.Is(err, turn.ErrKey) {
		b.held.Drop(q.Thread, nil)
	}
	switch {
	case errors.Is(err, turn.ErrKey): // nobody can answer in such a thread, now or later
		b.log.ErrorContext(ctx, "ask_refused_key", "error", err)
		return nil
	case err != nil:
		// A turn that is at it has this form of the question.
		_ = b.actors.deliver(q.Thread, inboxItem{ask: &q})
		return b.hold(ctx, q, false, err)
	case asked.Lease == nil && !q.Since().After(asked.Record.Answered):
		return nil // it has its answer
	}
	// It may be known and yet no news to the store: of two messages the older one can come last.
	return b.actors.deliver(q.Thread, inboxItem{ask: &q, lease: asked.Lease})
}

// hold keeps a question that the store did not take. It always returns ErrNotDurable: Slack tells
// of it again, should this process end before the store is back.
func (b *Bot) hold(ctx context.Context, ev thread.Question, ifKnown bool, cause error) error {
	b.log.WarnContext(ctx, "ask_held", "thread", ev.Thread.String(), "ask", ev.TS, "error", cause)
	lasting, ok := errors.AsType[interface {
		error
		Lasting() bool
	}](cause)
	now := time.Now()
	switch {
	case !b.coordinator.Later(ev.Thread.String(), ev.Since(), ifKnown):
		b.log.WarnContext(ctx, "ask_not_held", "thread", ev.Thread.String(), "ask", ev.TS)
		b.held.Drop(ev.Thread, func(ts string) bool { return ts == ev.TS })
		if ev.Explicit() && !ifKnown && b.notifier.due("held/"+ev.Thread.String()+"/"+ev.TS, now, now.Add(refusalEvery)) {
			b.notifier.tell(whisperPlace(ev), ev.User, tooManyHeld)
		}
	case ok && lasting.Lasting():
		b.held.Lasts(ev.Thread)
	}
	return ErrNotDurable
}

// noted takes the news that the store has a question that was held.
func (b *Bot) noted(key string, _ turn.Record) {
	if t, ok := thread.Parse(key); ok {
		b.held.Drop(t, nil)
	}
}

// askAgain asks for something that the thread, or the store, explains to whoever claims it.
func (b *Bot) askAgain(ctx context.Context, t thread.ID, ts string) error {
	if !b.actors.enter() {
		return b.askNext(ctx, t, turn.TS(ts))
	}
	defer b.actors.exit()
	note, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked, err := b.coordinator.Ask(note, t.String(), turn.TS(ts))
	switch {
	case err != nil:
		b.log.WarnContext(ctx, "ask_not_noted", "thread", t.String(), "ask", ts, "error", err)
		return ErrNotDurable
	case asked.Lease == nil:
		return nil // whoever has the thread comes to it
	}
	return b.actors.deliver(t, inboxItem{lease: asked.Lease})
}

// askNext records a question for the next process: this one is stopping.
func (b *Bot) askNext(ctx context.Context, t thread.ID, ts turn.TS) error {
	if !b.cfg.Durable {
		return ErrDraining
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := b.coordinator.Note(ctx, t.String(), ts)
	return err
}

// followUp is a message of a thread that does not name the bot: a word to it, or perhaps a
// question.
type followUp struct {
	word thread.Command
	thread.Question
}

// follow takes a message of a thread that does not name the bot. Whether it is addressed to the bot
// the thread says, when a turn reads it; follow only finds out, cheaply, whether it can be.
func (b *Bot) follow(ctx context.Context, f followUp) error {
	known := b.participants.note(f.Thread, f.User, f.TS)
	if f.Elsewhere || f.word == thread.NoCommand && b.followsNot(ctx, f.Question, known) {
		b.explainSilence(ctx, f.Question)
		return nil
	}
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	find := b.coordinator.Record
	if isYoung(f.Thread) { // its first message may be on its way to the store
		find = func(ctx context.Context, key string) (turn.Record, error) {
			return b.coordinator.Hear(ctx, key, turn.TS(f.TS))
		}
	}
	record, err := find(look, f.Thread.String())
	switch {
	case err != nil: // it may be ours
		b.log.WarnContext(ctx, "thread_unknown", "thread", f.Thread.String(), "error", err)
		if b.actors.isLive(f.Thread) {
			return b.take(ctx, f)
		}
		return b.holdFollowUp(ctx, f, err)
	case record.Asked != "": // or it was asked of another process
		return b.take(ctx, f)
	case known.NotOurs:
	// It may be older than the store.
	case turn.TS(f.Thread.TS).Time().Before(b.since.Add(turn.ClockSkew)):
		b.threadChecks.add(f)
	default: // all that was asked since this process began is in the store
		b.lookLater(f)
	}
	return nil
}

// followsNot reports whether a message without a mention cannot be for the bot: so the channel is
// set up, or somebody else has written before.
func (b *Bot) followsNot(ctx context.Context, q thread.Question, known thread.Participants) bool {
	mode := b.settings(ctx, q.Thread.Channel).FollowUps
	return mode == thread.FollowMention || mode != thread.FollowAlways && known.Before(q.TS, q.User)
}

// take takes a follow-up in a thread that the bot is in.
func (b *Bot) take(ctx context.Context, f followUp) error {
	if f.word != thread.NoCommand {
		return b.obey(ctx, f.word, f.Question)
	}
	return b.ask(ctx, f.Question)
}

// holdFollowUp keeps a follow-up until the store says whether it is for the bot.
func (b *Bot) holdFollowUp(ctx context.Context, f followUp, cause error) error {
	if f.word == thread.NoCommand {
		return b.hold(ctx, f.Question, true, cause)
	}
	refusal, sure := b.access.mayAsk(ctx, Command{User: f.User, Channel: f.Thread.Channel})
	if f.word == thread.CommandStop && refusal == "" && (sure || b.isTheirs(f.Thread, f.User)) {
		b.stopLater(f.Thread, turn.TS(f.TS))
	}
	return ErrNotDurable
}

// isYoung reports whether a thread began so lately that its first message may not be noted yet.
func isYoung(t thread.ID) bool { return time.Since(turn.TS(t.TS).Time()) <= youngFor }

// lookLater has the store asked once more whether the bot is in a thread that is young.
func (b *Bot) lookLater(f followUp) {
	if isYoung(f.Thread) {
		b.rechecks.add(f)
	}
}

// recheck takes a follow-up if the store knows its thread by now.
func (b *Bot) recheck(ctx context.Context, f followUp) (cost bool) {
	ctx, cancel := context.WithTimeout(ctx, threadTimeout)
	defer cancel()
	look, cancelLook := context.WithTimeout(ctx, storeTimeout)
	defer cancelLook()
	record, err := b.coordinator.Record(look, f.Thread.String())
	if err == nil && record.Asked != "" {
		err = b.take(ctx, f)
	}
	if err != nil {
		b.log.WarnContext(ctx, "event_not_taken", "thread", f.Thread.String(), "error", err)
	}
	return true
}

// checkThread takes a follow-up if its thread shows that the bot is in it.
func (b *Bot) checkThread(ctx context.Context, f followUp) (cost bool) {
	if b.participants.get(f.Thread).NotOurs {
		return false
	}
	read, cancel := context.WithTimeout(ctx, threadTimeout)
	defer cancel()
	messages, err := b.dep.History.Messages(read, f.Thread)
	if err != nil {
		b.log.WarnContext(ctx, "thread_unread", "thread", f.Thread.String(), "error", err)
		return true
	}
	b.participants.see(f.Thread, messages)
	if !slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self }) {
		b.participants.notOurs(f.Thread)
		b.lookLater(f)
		return true
	}
	if err := b.take(ctx, f); err != nil {
		b.log.WarnContext(ctx, "event_not_taken", "thread", f.Thread.String(), "error", err)
	}
	return true
}

// edited takes a message that was changed. One that is being answered, or was answered last, is
// answered anew; the thread tells which it is.
func (b *Bot) edited(ctx context.Context, ev Edited) error {
	known := b.participants.note(ev.Thread, ev.User, ev.TS)
	if !ev.Explicit() && !ev.WasMentioned && b.followsNot(ctx, ev.Question, known) {
		return nil
	}
	isNew := ev.Explicit() && !ev.WasMentioned // it is a question only since now
	if isNew {
		b.held.Add(ev.Question, whisperPlace(ev.Question))
	}
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	record, err := b.coordinator.Record(look, ev.Thread.String())
	switch {
	case err != nil:
		return b.hold(ctx, ev.Question, !isNew, err)
	case record.Asked == "" && !isNew:
		return nil // never ours
	}
	if b.elsewhere(record) {
		if err := b.coordinator.Change(look, ev.Thread.String(), ev.Since()); err != nil {
			return b.hold(ctx, ev.Question, true, err)
		}
	}
	return b.ask(ctx, ev.Question)
}

// deleted takes a message that is gone: its answer goes, too. Another process that writes it is
// told to look.
func (b *Bot) deleted(ctx context.Context, ev Deleted) error {
	b.participants.forget(ev.Thread)
	b.held.Drop(ev.Thread, func(ts string) bool { return ts == ev.TS })
	// If nobody is at work on it here, there is nothing to do.
	_ = b.actors.deliver(ev.Thread, inboxItem{gone: ev.TS})
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	at := turn.TS(ev.At).Max(turn.TS(ev.TS))
	record, err := b.coordinator.Record(look, ev.Thread.String())
	if err == nil && b.elsewhere(record) {
		err = b.coordinator.Change(look, ev.Thread.String(), at)
	}
	if err == nil {
		ev.At = string(at)
		err = b.forsake(look, ev, record)
	}
	if err != nil {
		b.coordinator.ChangeLater(ev.Thread.String(), at)
		return ErrNotDurable
	}
	return nil
}

// elsewhere reports whether another process is at work on a thread.
func (b *Bot) elsewhere(r turn.Record) bool {
	return r.Owed() && r.Owner != "" && r.Owner != b.cfg.Owner
}

// owed takes a lease that this process has taken over.
func (b *Bot) owed(lease *turn.Lease, _ turn.Record) {
	t, ok := thread.Parse(lease.Key())
	if !ok {
		return
	}
	b.held.Drop(t, nil)
	if err := b.actors.deliver(t, inboxItem{lease: lease}); err != nil {
		b.log.Warn("claim_not_delivered", "thread", lease.Key(), "error", err)
	}
}
