package bot

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"llmbot/bot/held"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// askTimeout is how long the store may take to note a question: Slack wants its ack within 3 s
// (facts/slack.md §5.6).
const askTimeout = 2500 * time.Millisecond

const tooManyHeld = "My database does not answer, and too many questions wait for it already. Please ask again later."

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
	now := time.Now()
	switch {
	case !in.coordinator.Later(ev.Thread.String(), ev.Since(), ifKnown):
		in.log.WarnContext(ctx, "ask_not_held", "thread", ev.Thread.String(), "ask", ev.TS)
		in.held.Drop(ev.Thread, func(ts string) bool { return ts == ev.TS })
		if ev.Explicit() && !ifKnown && in.notifier.due("held/"+ev.Thread.String()+"/"+ev.TS, now, now.Add(refusalEvery)) {
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
	switch {
	case err != nil:
		in.log.WarnContext(ctx, "ask_not_noted", "thread", t.String(), "ask", ts, "error", err)
		return ErrNotDurable
	case asked.Lease == nil:
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
