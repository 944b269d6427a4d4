package bot

import (
	"context"
	"slices"
	"time"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// beforeSpan is how far back what was said in direct messages belongs to a new one (issue 6).
const beforeSpan = time.Hour

// before is what was said in a direct conversation in the hour before a message that opens a thread: the top-level messages, and the answers
// to them. It is kept, so that the next turns of the thread begin with the same.
func (t *turnRun) before(ctx context.Context) []thread.Message {
	b := t.bot
	messages, err := b.dep.History.Recent(ctx, t.thread.Channel, string(turn.At(turn.TS(t.thread.TS).Time().Add(-beforeSpan))), t.thread.TS)
	if err != nil {
		b.log.WarnContext(ctx, "history_unread", "thread", t.thread.String(), "error", err)
		return nil
	}
	var said []thread.Message
	for _, m := range messages {
		if m.Self || thread.WordOf(m.Text) != thread.NoWord {
			continue
		}
		said = append(said, m)
		own, err := b.records.Entries(ctx, thread.ID{Channel: t.thread.Channel, TS: m.TS})
		if err != nil {
			b.log.WarnContext(ctx, "answers_unread", "thread", t.thread.String(), "error", err)
		}
		if w, ok := own[m.TS]; ok {
			said = append(said, thread.Message{TS: m.TS, Self: true, Text: w.Text, For: m.TS})
		}
	}
	if len(said) == 0 {
		return nil
	}
	if err := b.records.KeepPreface(ctx, t.thread, said); err != nil {
		b.log.WarnContext(ctx, "before_not_kept", "thread", t.thread.String(), "error", err)
	}
	return said
}

// beforeAgain is what before found when the thread began, or finds now if nobody has answered in it.
func (t *turnRun) beforeAgain(ctx context.Context, messages []thread.Message) []thread.Message {
	said, err := t.bot.records.Preface(ctx, t.thread)
	if err != nil {
		t.bot.log.WarnContext(ctx, "before_unread", "thread", t.thread.String(), "error", err)
	}
	if err == nil && said == nil && !slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self }) {
		return t.before(ctx)
	}
	return slices.DeleteFunc(said, func(m thread.Message) bool { return !turn.TS(t.thread.TS).After(turn.TS(m.TS)) })
}
