package bot

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"llmbot/bot/catchup"
	"llmbot/bot/held"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// askTimeout is how long the store may take to note a question: Slack wants its ack within 3 s
// (facts/slack.md §5.6).
const askTimeout = 2500 * time.Millisecond

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
		return b.controls.pressed(ctx, ev)
	case LeavePressed:
		return b.controls.decided(ctx, ev)
	case HomeOpened:
		b.homeOpened(ev)
	case Connected:
		b.catchup.SocketOpened(catchup.Opened{Since: ev.Since})
	case Disconnected:
		b.catchup.SocketsClosed()
	case Halted:
		return b.controls.halt(ctx, ev.Thread, ev.Thread, ev.User, ev.TS)
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
		return b.controls.obey(ctx, word, ev.Question)
	case ev.Explicit():
		b.participants.note(ev.Thread, ev.User, ev.TS)
		return b.intake.ask(ctx, ev.Question)
	case ev.Opens():
		return nil // nobody's question
	}
	return b.follower.follow(ctx, followUp{word, ev.Question})
}

// edited takes a message that was changed. One that is being answered, or was answered last, is
// answered anew; the thread tells which it is.
func (b *Bot) edited(ctx context.Context, ev Edited) error {
	b.participants.see(ev.Thread, []thread.Message{{User: ev.User, TS: ev.TS}})
	known := b.participants.get(ev.Thread)
	if !ev.Explicit() && !ev.WasMentioned && b.follower.followsNot(ctx, ev.Question, known) {
		return nil
	}
	isNew := ev.Explicit() && !ev.WasMentioned // it is a question only since now
	if isNew {
		b.intake.held.Add(ev.Question, whisperPlace(ev.Question))
	}
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	record, err := b.coordinator.Record(look, ev.Thread.String())
	switch {
	case err != nil:
		return b.intake.hold(ctx, ev.Question, !isNew, err)
	case record.Asked == "" && !isNew:
		return nil // never ours
	}
	if b.elsewhere(record) {
		if err := b.coordinator.Change(look, ev.Thread.String(), ev.Since()); err != nil {
			return b.intake.hold(ctx, ev.Question, true, err)
		}
	}
	return b.intake.ask(ctx, ev.Question)
}

// deleted takes a message that is gone: its answer goes, too. Another process that writes it is
// told to look.
func (b *Bot) deleted(ctx context.Context, ev Deleted) error {
	b.participants.forget(ev.Thread)
	b.intake.held.Drop(ev.Thread, func(ts string) bool { return ts == ev.TS })
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
		err = b.controls.forsake(look, ev, record)
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

// intake makes what comes durable, and gives it to the actors. What the store does not take it
// keeps until the store is back.
type intake struct {
	coordinator *turn.Coordinator
	durable     bool // the store outlives the process
	actors      *actors
	held        *held.Questions
	notifier    *notifier
	log         *slog.Logger
}

// ask records a question in the store, and claims its thread, in one write. What the store does not
// take is held.
func (in *intake) ask(ctx context.Context, q thread.Question) error {
	if !in.actors.enter() {
		in.held.Drop(q.Thread, func(ts string) bool { return ts == q.TS }) // an edit may have been added
		return in.askNext(ctx, q.Thread, q.Since())
	}
	defer in.actors.exit()
	if q.Explicit() {
		in.held.Add(q, whisperPlace(q)) // it is told if that takes long
	}
	note, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	asked, err := in.coordinator.Ask(note, q.Thread.String(), q.Since())
	if err == nil || errors.Is(err, turn.ErrKey) {
		in.held.Drop(q.Thread, nil)
	}
	switch {
	case errors.Is(err, turn.ErrKey): // nobody can answer in such a thread, now or later
		in.log.ErrorContext(ctx, "ask_refused_key", "error", err)
		return nil
	case err != nil:
		// A turn that is at it has this form of the question.
		_ = in.actors.deliver(q.Thread, inboxItem{ask: &q})
		return in.hold(ctx, q, false, err)
	case asked.Lease == nil && !q.Since().After(asked.Record.Answered):
		return nil // it has its answer
	}
	// It may be known and yet no news to the store: of two messages the older one can come last.
	return in.actors.deliver(q.Thread, inboxItem{ask: &q, lease: asked.Lease})
}

// hold keeps a question that the store did not take. It always returns ErrNotDurable: Slack tells
// of it again, should this process end before the store is back.
func (in *intake) hold(ctx context.Context, ev thread.Question, ifKnown bool, cause error) error {
	in.log.WarnContext(ctx, "ask_held", "thread", ev.Thread.String(), "ask", ev.TS, "error", cause)
	lasting, ok := errors.AsType[interface {
		error
		Lasting() bool
	}](cause)
	switch {
	case !in.coordinator.Later(ev.Thread.String(), ev.Since(), ifKnown):
		in.log.WarnContext(ctx, "ask_not_held", "thread", ev.Thread.String(), "ask", ev.TS)
		in.held.Drop(ev.Thread, func(ts string) bool { return ts == ev.TS })
		if ev.Explicit() && !ifKnown && in.notifier.due("held/"+ev.Thread.String()+"/"+ev.TS, refusalEvery) {
			in.notifier.tell(whisperPlace(ev), ev.User, tooManyHeld)
		}
	case ok && lasting.Lasting():
		in.held.Lasts(ev.Thread)
	}
	return ErrNotDurable
}

// noted takes the news that the store has a question that was held.
func (in *intake) noted(key string, _ turn.Record) {
	if t, ok := thread.Parse(key); ok {
		in.held.Drop(t, nil)
	}
}

// askAgain asks for something that the thread, or the store, explains to whoever claims it.
func (in *intake) askAgain(ctx context.Context, t thread.ID, ts string) error {
	if !in.actors.enter() {
		return in.askNext(ctx, t, turn.TS(ts))
	}
	defer in.actors.exit()
	note, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	asked, err := in.coordinator.Ask(note, t.String(), turn.TS(ts))
	if err != nil {
		in.log.WarnContext(ctx, "ask_not_noted", "thread", t.String(), "ask", ts, "error", err)
		return ErrNotDurable
	}
	if asked.Lease == nil {
		return nil // whoever has the thread comes to it
	}
	return in.actors.deliver(t, inboxItem{lease: asked.Lease})
}

// askNext records a question for the next process: this one is stopping.
func (in *intake) askNext(ctx context.Context, t thread.ID, ts turn.TS) error {
	if !in.durable {
		return ErrDraining
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	_, err := in.coordinator.Note(ctx, t.String(), ts)
	return err
}

// owed takes a lease that this process has taken over.
func (in *intake) owed(lease *turn.Lease, _ turn.Record) {
	t, ok := thread.Parse(lease.Key())
	if !ok {
		return
	}
	in.held.Drop(t, nil)
	if err := in.actors.deliver(t, inboxItem{lease: lease}); err != nil {
		in.log.Warn("claim_not_delivered", "thread", lease.Key(), "error", err)
	}
}

// stopLater stops what is asked in a thread up to a time as soon as the store answers.
func (in *intake) stopLater(t thread.ID, upto turn.TS) {
	if in.coordinator.StopLater(t.String(), upto) {
		in.held.Drop(t, func(ts string) bool { return !turn.TS(ts).After(upto) })
	}
}
