package bot

import (
	"context"
	"errors"
	"slices"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// prefaceSpan is how far back what was said in direct messages belongs to a new one (issue 6).
const prefaceSpan = time.Hour

// reading is what a turn knows of its thread.
type reading struct {
	set      Settings
	messages []thread.Message // the thread, as far as it is known
	preface  []thread.Message // what was said before a direct message, in other threads
	unread   bool             // the thread could not be read
	denied   bool             // nor will it be
}

// shown returns the messages of an answer as the thread shows them, without notices.
func (r *reading) shown(ids []string) []thread.Message {
	var out []thread.Message
	for _, m := range r.messages {
		if m.Self && !m.Notice && slices.Contains(ids, m.TS) {
			out = append(out, m)
		}
	}
	return out
}

// reader reads the thread of a turn.
type reader struct{ *assignment }

// read reads the thread, unless there is nothing to read, to answer what came until upto. For a
// direct message that opens one it reads what was said in the hour before.
func (r reader) read(ctx context.Context, set Settings, upto turn.TS) reading {
	most := historyTimeout
	if r.bot.hasOthers() {
		most = othersTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, most, errors.New("the thread could not be read in time"))
	defer cancel()
	if r.knowsAll(upto) {
		if r.thread.Direct() {
			return reading{set: set, preface: r.readPreface(ctx)}
		}
		return reading{set: set}
	}
	messages, err := r.bot.dep.History.Messages(ctx, r.thread)
	if err != nil {
		if !errors.Is(context.Cause(ctx), answer.ErrSuperseded) {
			r.log.WarnContext(ctx, "history_unread", "error", err)
		}
		return reading{set: set, unread: true, denied: errors.Is(err, thread.ErrUnreadable)}
	}
	r.bot.participants.see(r.thread, messages)
	if r.thread.Direct() {
		return reading{set: set, messages: messages, preface: r.preface(ctx, messages)}
	}
	return reading{set: set, messages: messages}
}

// knowsAll reports whether there is nothing to read: the question has just opened the thread, and
// this process knows all of it.
func (r reader) knowsAll(upto turn.TS) bool {
	if len(r.known) != 1 || r.lease.Heard() != "" {
		return false
	}
	q := r.known[0]
	return q.Opens() && q.Explicit() && !q.FilesPending && q.Edited == "" && time.Since(turn.TS(q.TS).Time()) < rootOnlyFor &&
		q.Since().Compare(upto) == 0 && turn.TS(q.TS).After(r.lease.Answered())
}

// preface returns what was said before the thread began: as it was read then, or as it is read now
// if nobody has answered in the thread.
func (r reader) preface(ctx context.Context, messages []thread.Message) []thread.Message {
	said, err := r.bot.records.Preface(ctx, r.thread)
	if err != nil {
		r.log.WarnContext(ctx, "before_unread", "error", err)
	}
	if err == nil && said == nil && !slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self }) {
		return r.readPreface(ctx)
	}
	return slices.DeleteFunc(said, func(m thread.Message) bool { return !turn.TS(r.thread.TS).After(turn.TS(m.TS)) })
}

// readPreface reads what was said in a direct conversation in the hour before a message that opens
// a thread: the top-level messages, and the answers to them. It keeps that, so that the next turns
// of the thread begin with the same.
func (r reader) readPreface(ctx context.Context) []thread.Message {
	from := turn.At(turn.TS(r.thread.TS).Time().Add(-prefaceSpan))
	messages, err := r.bot.dep.History.Recent(ctx, r.thread.Channel, string(from), r.thread.TS)
	if err != nil {
		r.log.WarnContext(ctx, "history_unread", "error", err)
		return nil
	}
	var said []thread.Message
	for _, m := range messages {
		if m.Self || thread.CommandOf(m.Text) != thread.NoCommand {
			continue
		}
		said = append(said, m)
		own, err := r.bot.records.Entries(ctx, thread.ID{Channel: r.thread.Channel, TS: m.TS})
		if err != nil {
			r.log.WarnContext(ctx, "answers_unread", "error", err)
		}
		if e, ok := own[m.TS]; ok {
			said = append(said, thread.Message{TS: m.TS, Self: true, Text: e.Text, For: m.TS})
		}
	}
	if len(said) == 0 {
		return nil
	}
	if err := r.bot.records.KeepPreface(ctx, r.thread, said); err != nil {
		r.log.WarnContext(ctx, "before_not_kept", "error", err)
	}
	return said
}
