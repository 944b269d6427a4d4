package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"llmbot/bot/answer"
	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
	"llmbot/bot/wait"
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

// read reads the thread, unless there is nothing to read. For a direct message that opens one it
// reads what was said in the hour before.
func (t *turnRun) read(ctx context.Context, upto turn.TS, s *stage) reading {
	r := reading{set: t.bot.settings(ctx, t.thread.Channel)}
	s.early.begin(ctx, func(ctx context.Context) bool { return t.sayEarly(ctx, r.set.FollowUps) })
	most := historyTimeout
	if alone := t.bot.cfg.Alone; t.bot.cfg.Durable && (alone == nil || !alone()) {
		most = othersTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, most, errors.New("the thread could not be read in time"))
	defer cancel()
	if t.knowsAll(upto) {
		if t.thread.Direct() {
			r.preface = t.readPreface(ctx)
		}
		return r
	}
	messages, err := t.bot.dep.History.Messages(ctx, t.thread)
	if err != nil {
		if !t.isOff() {
			t.log.WarnContext(ctx, "history_unread", "error", err)
		}
		r.unread, r.denied = true, errors.Is(err, thread.ErrUnreadable)
		return r
	}
	r.messages = messages
	t.bot.participants.see(t.thread, messages)
	if t.thread.Direct() {
		r.preface = t.preface(ctx, messages)
	}
	return r
}

// knowsAll reports whether there is nothing to read: the question has just opened the thread, and
// this process knows all of it.
func (t *turnRun) knowsAll(upto turn.TS) bool {
	if len(t.known) != 1 || t.lease.Heard() != "" {
		return false
	}
	q := t.known[0]
	return q.Opens() && q.Explicit() && !q.FilesPending && q.Edited == "" && time.Since(turn.TS(q.TS).Time()) < rootOnlyFor &&
		q.Since().Compare(upto) == 0 && turn.TS(q.TS).After(t.lease.Answered())
}

// earlyAfter is how long a turn may go without a draft before the status is shown: whoever asks
// sees it within a second, and most turns have a draft before.
const earlyAfter = 300 * time.Millisecond

// early is the status of a turn that has no draft yet: a read, or a look at who asked, may have to
// wait for its budget. The zero value has none to show.
type early struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
	shown  bool // valid after end
}

// begin has the status shown soon. say shows it, and reports whether Slack took it.
func (e *early) begin(ctx context.Context, say func(context.Context) bool) {
	var soon context.Context
	soon, e.cancel = context.WithCancel(ctx)
	e.all.Go(func() {
		if wait.For(soon, earlyAfter) == nil {
			e.shown = say(ctx)
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

// sayEarly tells whoever waits that the bot is at it, and reports whether that is shown.
func (t *turnRun) sayEarly(ctx context.Context, mode thread.FollowUps) bool {
	s, ok := t.bot.dep.Room.(Statuses)
	if !ok || len(t.lease.Messages()) > 0 || !t.isWaitedFor(ctx, mode) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, earlyTimeout)
	defer cancel()
	return s.Status(ctx, t.thread, answer.StatusThinking)
}

// isWaitedFor reports whether somebody surely waits for an answer, though the thread is not read
// yet: they named the bot, or write in a thread of theirs alone, or want the last answer anew.
func (t *turnRun) isWaitedFor(ctx context.Context, mode thread.FollowUps) bool {
	if len(t.known) == 0 {
		ctx, cancel := context.WithTimeout(ctx, storeTimeout)
		defer cancel()
		redo, err := t.bot.records.Redo(ctx, t.thread)
		return err == nil && turn.TS(redo.TS).After(t.lease.Answered())
	}
	return mode == thread.FollowAlways || slices.ContainsFunc(t.known, thread.Question.Explicit) ||
		mode == thread.FollowSolo && t.bot.participants.get(t.thread).Solo(t.thread.TS)
}

// endEarly takes back what sayEarly said, if nothing was to be said.
func (t *turnRun) endEarly(work context.Context, e *early) {
	if e.end(); !e.shown {
		return
	}
	if s, ok := t.bot.dep.Room.(Statuses); ok {
		ctx, cancel := context.WithTimeout(work, earlyTimeout)
		defer cancel()
		s.Status(ctx, t.thread, "")
	}
}

// preface returns what was said before the thread began: as it was read then, or as it is read now
// if nobody has answered in the thread.
func (t *turnRun) preface(ctx context.Context, messages []thread.Message) []thread.Message {
	said, err := t.bot.records.Preface(ctx, t.thread)
	if err != nil {
		t.log.WarnContext(ctx, "before_unread", "error", err)
	}
	if err == nil && said == nil && !slices.ContainsFunc(messages, func(m thread.Message) bool { return m.Self }) {
		return t.readPreface(ctx)
	}
	return slices.DeleteFunc(said, func(m thread.Message) bool { return !turn.TS(t.thread.TS).After(turn.TS(m.TS)) })
}

// readPreface reads what was said in a direct conversation in the hour before a message that opens
// a thread: the top-level messages, and the answers to them. It keeps that, so that the next turns
// of the thread begin with the same.
func (t *turnRun) readPreface(ctx context.Context) []thread.Message {
	b := t.bot
	from := turn.At(turn.TS(t.thread.TS).Time().Add(-prefaceSpan))
	messages, err := b.dep.History.Recent(ctx, t.thread.Channel, string(from), t.thread.TS)
	if err != nil {
		t.log.WarnContext(ctx, "history_unread", "error", err)
		return nil
	}
	var said []thread.Message
	for _, m := range messages {
		if m.Self || thread.CommandOf(m.Text) != thread.NoCommand {
			continue
		}
		said = append(said, m)
		own, err := b.records.Entries(ctx, thread.ID{Channel: t.thread.Channel, TS: m.TS})
		if err != nil {
			t.log.WarnContext(ctx, "answers_unread", "error", err)
		}
		if e, ok := own[m.TS]; ok {
			said = append(said, thread.Message{TS: m.TS, Self: true, Text: e.Text, For: m.TS})
		}
	}
	if len(said) == 0 {
		return nil
	}
	if err := b.records.KeepPreface(ctx, t.thread, said); err != nil {
		t.log.WarnContext(ctx, "before_not_kept", "error", err)
	}
	return said
}

// plan is what a turn has to do.
type plan struct {
	reading

	upto turn.TS // it answers what came until then
	due  thread.Due
	redo transcript.RedoRequest // for the last answer; zero: there is none
	more bool                   // the answer is to go on where the length limit ended it
	// begun reports that an earlier owner has begun the answer, whether it could record that or
	// not.
	begun bool
}

// plan finds out what is owed.
func (t *turnRun) plan(ctx context.Context, r reading, upto turn.TS) plan {
	p := plan{reading: r, upto: upto}
	p.messages = thread.Merge(r.messages, t.known, func(user string) string { return t.name(ctx, user) })
	messages := p.messages
	// As far as is known, one person talks with the bot.
	if r.unread && !t.bot.participants.get(t.thread).Multiple() {
		messages = append([]thread.Message{{Self: true}}, messages...)
	}
	for _, q := range thread.Addressed(p.messages, t.thread, r.set.FollowUps) {
		// Of what came before its thread was known, nobody may tell again.
		t.lease.NoteAsked(turn.TS(q.TS))
	}
	v := thread.View{Answered: t.answered(messages), Upto: upto, Mode: r.set.FollowUps, Begun: t.lease.Messages()}
	p.due = thread.Owed(messages, t.thread, v)
	if len(t.known) == 0 && len(p.due.Asks) > 0 {
		p.due.Adopt = thread.Union(p.due.Adopt, thread.Streams(messages, turn.TS(p.due.Last().TS)))
	}
	if len(p.due.Asks) == 0 && !r.unread {
		if redo := t.redoRequest(ctx); turn.TS(redo.TS).After(v.Answered) { // else it was fulfilled
			p.redo, v.Wanted = redo, turn.TS(redo.TS)
			p.due = thread.Owed(messages, t.thread, v)
			p.more = p.due.Redo && redo.More == p.due.What
		}
	}
	// An answer is begun once in the life of a lease: what this process has called off, it has not
	// begun.
	p.begun = t.heir && t.begun || (t.heir || !t.begun) && !p.due.Redo && len(p.due.Adopt) > 0
	return p
}

// redoRequest returns the newest request for the last answer once more.
func (t *turnRun) redoRequest(ctx context.Context) transcript.RedoRequest {
	redo, err := stored(ctx, &t.assignment, func() (transcript.RedoRequest, error) { return t.bot.records.Redo(ctx, t.thread) })
	if err != nil {
		t.log.WarnContext(ctx, "press_unread", "error", err)
		return transcript.RedoRequest{}
	}
	return redo
}

// answered returns what has its answer. A store that was wiped knows less than the thread.
func (t *turnRun) answered(messages []thread.Message) turn.TS {
	answered := t.lease.Answered()
	if len(t.known) == 0 {
		return answered
	}
	oldest := turn.TS(t.known[0].TS)
	for _, m := range messages {
		if slices.Contains(t.lease.Messages(), m.TS) {
			continue // it is what is to be finished
		}
		if m.Self && m.Epoch > 0 && oldest.After(turn.TS(m.For)) {
			answered = answered.Max(turn.TS(m.For))
		}
	}
	return answered
}

// name returns what a person is called; the id if Slack does not say.
func (t *turnRun) name(ctx context.Context, user string) string {
	ctx, cancel := context.WithTimeout(ctx, personTimeout)
	defer cancel()
	who, err := t.bot.dep.Room.Person(ctx, user)
	if err != nil || who.Name == "" {
		return user
	}
	return who.Name
}
