package bot

import (
	"context"
	"slices"

	"llmbot/bot/prompt"
	"llmbot/bot/turn"
)

// turns makes the conversation that the model reads: the thread up to now, or the question alone when it opened the thread or the
// thread could not be read.
func (t *turnRun) turns(ctx context.Context, asks []Asked) []prompt.Turn {
	if len(t.messages) == 0 {
		turns := make([]prompt.Turn, 0, len(asks))
		for _, ask := range asks {
			turns = append(turns, prompt.Turn{ID: ask.TS, Who: prompt.Person, Name: t.name(ctx, ask.User), Text: withFiles(ask.Text, ask.Files)})
		}
		return turns
	}
	get, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	own, err := t.bot.answers.get(get, t.thread)
	if err != nil {
		t.bot.log.WarnContext(ctx, "answers_unread", "thread", t.thread.String(), "error", err)
	}
	return arrange(withAsks(t.messages, asks, func(ask Asked) string { return t.name(ctx, ask.User) }), own, turn.TS(asks[len(asks)-1].TS))
}

// withAsks adds asks that the thread does not show yet: what Slack gives back may be a moment old.
func withAsks(messages []Message, asks []Asked, name func(Asked) string) []Message {
	for _, ask := range asks {
		if !slices.ContainsFunc(messages, func(m Message) bool { return m.TS == ask.TS }) {
			messages = append(messages, Message{TS: ask.TS, User: ask.User, Name: name(ask), Text: ask.Text, Files: ask.Files})
		}
	}
	return messages
}

// name is what a person is called; the id if Slack does not say.
func (t *turnRun) name(ctx context.Context, user string) string {
	ctx, cancel := context.WithTimeout(ctx, personTimeout)
	defer cancel()
	who, err := t.bot.dep.Room.Person(ctx, user)
	if err != nil || who.Name == "" {
		return user
	}
	return who.Name
}

// arrange puts a thread into the order of a conversation: each answer of ours right behind what it answers, although other messages
// were posted while it was written. own has our exact texts by what they answer. What answers upto is left out: it is being
// written. So are our notices: they are no answers.
func arrange(messages []Message, own map[string]string, upto turn.TS) []prompt.Turn {
	asked := map[string]bool{}
	for _, m := range messages {
		if !m.Self {
			asked[m.TS] = true
		}
	}
	replies := map[string][]string{} // by what they answer: the texts of the messages
	var loose []Message              // in the order of the thread: people, other bots, and answers to what is gone
	for _, m := range messages {
		switch {
		case turn.TS(m.TS).After(upto) && !m.Self:
			// Not asked yet, as far as this turn goes: the last message is the one that is answered.
		case !m.Self:
			loose = append(loose, m)
		case m.Notice || turn.TS(m.For).Compare(upto) == 0:
		case asked[m.For]:
			replies[m.For] = append(replies[m.For], m.Text)
		default:
			loose = append(loose, m)
		}
	}
	slices.SortStableFunc(loose, func(a, b Message) int { return turn.TS(a.TS).Compare(turn.TS(b.TS)) })
	turns := make([]prompt.Turn, 0, len(messages))
	self := func(what string, texts []string) {
		if exact, ok := own[what]; ok {
			texts = []string{exact}
		}
		for _, text := range texts {
			turns = append(turns, prompt.Turn{ID: "re " + what, Who: prompt.Self, Text: text})
		}
	}
	gone := map[string]bool{} // answers to questions that are not in the thread any more, and stand here in full
	for _, m := range loose {
		switch {
		case m.Self:
			if !gone[m.For] {
				self(m.For, []string{m.Text})
			}
			_, exact := own[m.For]
			gone[m.For] = gone[m.For] || exact // its other messages are in it
		case m.Bot:
			turns = append(turns, prompt.Turn{ID: m.TS, Who: prompt.Other, Name: m.Name, Text: withFiles(m.Text, m.Files)})
		default:
			turns = append(turns, prompt.Turn{ID: m.TS, Who: prompt.Person, Name: m.Name, Text: withFiles(m.Text, m.Files)})
		}
		if texts := replies[m.TS]; len(texts) > 0 {
			self(m.TS, texts)
		}
	}
	return turns
}

// withFiles says what was attached, so that the model does not pretend to have read it.
func withFiles(text string, files []File) string {
	for _, f := range files {
		text += "\n(attached file, which you cannot read: " + f.Name + ")"
	}
	return text
}
