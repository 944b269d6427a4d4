package bot

import (
	"context"
	"slices"
	"time"

	"llmbot/bot/turn"
)

// pressTimeout is how long what a button needs to know may take to be read: Slack wants the ack within 3 s (facts/slack.md §5.6).
const pressTimeout = 1500 * time.Millisecond

// Sentences for people who pressed or typed something that has no effect.
const (
	notYours   = "Only people who have written in this thread can do that."
	notNewest  = "Only the newest answer of a thread can be written anew."
	notKnown   = "I could not find out whether you may do that. Please try again in a moment."
	nothingNow = "I am not writing anything here at the moment."
	thanks     = "Thank you, noted."
	noMore     = "I don't have this answer any more, so I can't go on with it. Please ask again."
	helpText   = "Mention me to ask something. In a thread in which only you and I talk, and in direct messages, you need not mention me again.\n" +
		"`stop` ends the answer that I am writing, `!status` says how the model server is doing, `!help` shows this.\n" +
		"Edit your last question, and I answer it anew; delete it while I write, and the answer goes, too. " +
		"I read text files and, if the model can, pictures."
)

// said takes a word that is told to the bot.
func (b *Bot) said(ctx context.Context, w word, ev Asked) error {
	if ev.explicit() {
		return b.obey(ctx, w, ev)
	}
	if ev.Elsewhere || ev.Opens() {
		return nil
	}
	k := b.crowds.note(ev.Thread, ev.User)
	return b.ifOurs(ctx, ev.Thread, k, func(ctx context.Context) error { return b.obey(ctx, w, ev) })
}

func (b *Bot) obey(ctx context.Context, w word, ev Asked) error {
	t := ev.Thread
	if ev.Opens() && !ev.Direct {
		t.TS = "" // a thread without messages shows nothing
	}
	switch w {
	case wordStop:
		return b.halt(ctx, ev.Thread, ev.User, ev.TS)
	case wordHelp:
		b.tell(t, ev.User, helpText)
	case wordStat:
		b.errand(b.errands, "status", func(ctx context.Context) {
			b.whisper(ctx, t, ev.User, b.Status(ctx, Command{User: ev.User, Channel: ev.Thread.Channel, Text: ev.Text}).Text())
		})
	case noWord:
	}
	return nil
}

// halt stops what is asked in a thread up to ts.
func (b *Bot) halt(ctx context.Context, t Thread, user, ts string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	if refusal := b.mayAsk(ctx, Command{User: user, Channel: t.Channel}); refusal != "" {
		b.tell(t, user, string(refusal))
		return nil
	}
	_ = b.deliver(t, mail{halted: true}) // best effort: it saves a read
	err := b.desk.Stop(ctx, t.String(), turn.TS(ts))
	b.log.InfoContext(ctx, "stop_asked", "thread", t.String(), "user", user, "error", err)
	if err != nil {
		return ErrNotDurable // an answer of this process has heard of it all the same
	}
	if record, err := b.desk.Look(ctx, t.String()); err == nil && !record.Owed() {
		b.tell(t, user, nothingNow)
	}
	return nil
}

// pressed takes a button.
func (b *Bot) pressed(ctx context.Context, ev Pressed) error {
	b.log.InfoContext(ctx, "button_pressed", "thread", ev.Thread.String(), "button", string(ev.Press), "user", ev.User, "ask", ev.For)
	if refusal := b.mayAsk(ctx, Command{User: ev.User, Channel: ev.Thread.Channel}); refusal != "" {
		b.tell(ev.Thread, ev.User, string(refusal))
		return nil
	}
	refusal := b.mayPress(ctx, ev)
	if refusal == "" {
		switch ev.Press {
		case PressStop:
			return b.halt(ctx, ev.Thread, ev.User, ev.TS)
		case PressRegenerate:
			return b.want(ctx, ev)
		case PressContinue:
			return b.goOn(ctx, ev)
		case PressUp, PressDown:
			b.errand(b.errands, "rating", func(ctx context.Context) { b.rated(ctx, ev) })
			refusal = thanks
		}
	}
	if refusal != "" {
		b.tell(ev.Thread, ev.User, refusal)
	}
	return nil
}

// mayPress says why somebody may not press a button; empty: they may. It reads the thread, but for the stop of who asked.
func (b *Bot) mayPress(ctx context.Context, ev Pressed) string {
	anew := ev.Press == PressRegenerate || ev.Press == PressContinue
	if ev.User == ev.Asker && !anew || ev.Thread.direct() && !anew {
		return ""
	}
	read, cancel := context.WithTimeout(ctx, pressTimeout)
	defer cancel()
	messages, err := b.dep.History.Messages(read, ev.Thread)
	if err != nil {
		b.log.WarnContext(ctx, "thread_unread", "thread", ev.Thread.String(), "error", err)
		return notKnown
	}
	b.crowds.note(ev.Thread, people(messages)...)
	switch {
	case ev.User != ev.Asker && !slices.Contains(people(messages), ev.User):
		return notYours
	case !anew:
		return ""
	}
	for _, m := range messages {
		if m.Self && turn.TS(m.For).After(turn.TS(ev.For)) {
			return notNewest
		}
	}
	return ""
}

// want asks for the last answer anew.
func (b *Bot) want(ctx context.Context, ev Pressed) error {
	note, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if err := b.answers.want(note, ev.Thread, want{TS: ev.TS, By: ev.User}); err != nil {
		b.log.WarnContext(ctx, "press_not_noted", "thread", ev.Thread.String(), "error", err)
		return ErrNotDurable
	}
	return b.again(ctx, ev.Thread, ev.TS)
}

// goOn asks for the rest of an answer.
func (b *Bot) goOn(ctx context.Context, ev Pressed) error {
	note, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	own, err := b.answers.get(note, ev.Thread)
	if err == nil && own[ev.For].Text == "" {
		b.tell(ev.Thread, ev.User, noMore)
		return nil
	}
	if err == nil {
		err = b.answers.want(note, ev.Thread, want{TS: ev.TS, More: ev.For, By: ev.User})
	}
	if err != nil {
		b.log.WarnContext(ctx, "press_not_noted", "thread", ev.Thread.String(), "error", err)
		return ErrNotDurable
	}
	return b.again(ctx, ev.Thread, ev.TS)
}

// rated counts what somebody thinks of an answer.
func (b *Bot) rated(ctx context.Context, ev Pressed) {
	if h := b.dep.Hooks.Rated; h != nil {
		h(ev.Press == PressUp)
	}
	var (
		link string
		err  error
	)
	if l, ok := b.dep.Room.(Linker); ok {
		link, err = l.Link(ctx, ev.Thread.Channel, ev.Message)
	}
	b.log.InfoContext(ctx, "answer_rated", "thread", ev.Thread.String(), "ask", ev.For, "good", ev.Press == PressUp, "link", link, "error", err)
}

// again asks for something that the thread, or the store, explains to whoever claims it.
func (b *Bot) again(ctx context.Context, t Thread, ts string) error {
	note, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	if b.isDraining() {
		if !b.cfg.Durable {
			return ErrDraining
		}
		_, err := b.desk.Note(note, t.String(), turn.TS(ts))
		return err
	}
	asked, err := b.desk.Ask(note, t.String(), turn.TS(ts))
	if err != nil {
		b.log.WarnContext(ctx, "ask_not_noted", "thread", t.String(), "ask", ts, "error", err)
		return ErrNotDurable
	}
	if asked.Claim == nil {
		return nil // whoever has the thread comes to it
	}
	return b.deliver(t, mail{claim: asked.Claim})
}

// edited takes a message that was changed. One that is being answered, or was answered last, is answered anew; the thread tells which it is.
func (b *Bot) edited(ctx context.Context, ev Edited) error {
	k := b.crowds.note(ev.Thread, ev.User)
	if mode := b.settings(ctx, ev.Thread.Channel).FollowUps; !ev.explicit() && !ev.WasMentioned && (mode == FollowMention || mode != FollowAlways && k.many) {
		return nil
	}
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	record, err := b.desk.Look(look, ev.Thread.String())
	switch {
	case err != nil:
		return ErrNotDurable
	case record.Asked == "" && !(ev.explicit() && !ev.WasMentioned):
		return nil // never ours
	}
	return b.ask(ctx, ev.Asked)
}

// deleted takes a message that is gone: if it is being answered, the answer goes, too. Another process that writes it is stopped, and sees why.
func (b *Bot) deleted(ctx context.Context, ev Deleted) error {
	_ = b.deliver(ev.Thread, mail{gone: ev.TS}) // if nobody is at work on it here, there is nothing to do
	look, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	record, err := b.desk.Look(look, ev.Thread.String())
	if err != nil {
		return ErrNotDurable
	}
	elsewhere := record.Owner != "" && record.Owner != b.cfg.Owner
	if ts := turn.TS(ev.TS); elsewhere && ts.After(record.Answered) && !ts.After(record.For) {
		if err := b.desk.Stop(look, ev.Thread.String(), record.For); err != nil {
			return ErrNotDurable
		}
	}
	return nil
}
