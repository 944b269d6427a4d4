package bot

import (
	"context"
	"slices"

	"llmbot/bot/thread"
	"llmbot/bot/transcript"
	"llmbot/bot/turn"
)

// plan is what a turn has to do.
type plan struct {
	reading

	upto turn.TS // it answers what came until then
	due  thread.Due
	redo transcript.RedoRequest // who wants due written again, and when; zero: nobody does
	more bool                   // the answer is to go on where the length limit ended it
	// begun reports that an earlier owner has begun the answer, whether it could record that or
	// not.
	begun bool
}

// planner finds out what a turn has to do.
type planner struct{ *assignment }

// plan finds out what is owed.
func (o planner) plan(ctx context.Context, r reading, upto turn.TS) plan {
	p := plan{reading: r, upto: upto}
	p.messages = thread.Merge(r.messages, o.known, func(user string) string { return o.name(ctx, user) })
	messages := p.messages
	// As far as is known, one person talks with the bot.
	if r.unread && !o.bot.participants.get(o.thread).Multiple() {
		messages = append([]thread.Message{{Self: true}}, messages...)
	}
	for _, q := range thread.Addressed(p.messages, o.thread, r.set.FollowUps) {
		// Of what came before its thread was known, nobody may tell again.
		o.lease.NoteAsked(turn.TS(q.TS))
	}
	v := thread.View{Answered: o.answered(messages), Upto: upto, Mode: r.set.FollowUps, Begun: o.lease.Messages()}
	p.due = thread.Owed(messages, o.thread, v)
	if len(o.known) == 0 && len(p.due.Asks) > 0 {
		p.due.Adopt = thread.Union(p.due.Adopt, thread.Streams(messages, turn.TS(p.due.Last().TS)))
	}
	if len(p.due.Asks) == 0 && !r.unread {
		if redo := o.redoRequest(ctx); turn.TS(redo.TS).After(v.Answered) { // else it was fulfilled
			v.Wanted = turn.TS(redo.TS)
			if p.due = thread.Owed(messages, o.thread, v); p.due.Redo {
				p.redo, p.more = redo, redo.More == p.due.What
			}
		}
	}
	// An answer is begun once in the life of a lease: what this process has called off, it has not
	// begun.
	p.begun = o.heir && o.begun || (o.heir || !o.begun) && !p.due.Redo && len(p.due.Adopt) > 0
	return p
}

// redoRequest returns the newest request for the last answer once more.
func (o planner) redoRequest(ctx context.Context) transcript.RedoRequest {
	redo, err := stored(ctx, o.assignment, func() (transcript.RedoRequest, error) { return o.bot.records.Redo(ctx, o.thread) })
	if err != nil {
		o.log.WarnContext(ctx, "press_unread", "error", err)
		return transcript.RedoRequest{}
	}
	return redo
}

// answered returns what has its answer. A store that was wiped knows less than the thread.
func (o planner) answered(messages []thread.Message) turn.TS {
	answered := o.lease.Answered()
	if len(o.known) == 0 {
		return answered
	}
	oldest := turn.TS(o.known[0].TS)
	for _, m := range messages {
		if slices.Contains(o.lease.Messages(), m.TS) {
			continue // it is what is to be finished
		}
		if m.Self && m.Epoch > 0 && oldest.After(turn.TS(m.For)) {
			answered = answered.Max(turn.TS(m.For))
		}
	}
	return answered
}

// name returns what a person is called; the id if Slack does not say.
func (o planner) name(ctx context.Context, user string) string {
	ctx, cancel := context.WithTimeout(ctx, personTimeout)
	defer cancel()
	who, err := o.bot.dep.Room.Person(ctx, user)
	if err != nil || who.Name == "" {
		return user
	}
	return who.Name
}
