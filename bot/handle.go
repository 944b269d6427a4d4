package bot

import (
	"context"
	"time"

	"llmbot/bot/catchup"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

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
		b.follower.hints.first(ev.Thread, time.Now()) // what comes next is not about the answer before
		return b.intake.ask(ctx, ev.Question)
	case ev.Opens():
		return nil // nobody's question
	}
	return b.follower.follow(ctx, followUp{word, ev.Question})
}

// edited takes a message that was changed. One that is being answered, or was answered last, is
// answered anew; the thread tells which it is.
func (b *Bot) edited(ctx context.Context, ev Edited) error {
	known := b.participants.note(ev.Thread, ev.User, ev.TS)
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
