package bot

import (
	"context"
	"slices"

	"llmbot/bot/prompt"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// turns makes the conversation that the model reads: what was said before a direct message, and the thread up to the question. budget is the
// tokens that the prompt may take; 0: not known. What the person should know of files goes to t.said.
func (t *turnRun) turns(ctx context.Context, asks []thread.Question, budget int) []prompt.Turn {
	get, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	own, err := t.bot.answers.get(get, t.thread)
	if err != nil {
		t.bot.log.WarnContext(ctx, "answers_unread", "thread", t.thread.String(), "error", err)
	}
	texts := make(map[string]string, len(own))
	for what, w := range own {
		texts[what] = w.Text
	}
	ids := t.messageIDs()
	messages := slices.DeleteFunc(slices.Clone(t.messages), func(m thread.Message) bool { // words to the bot, and what is being written
		return !m.Self && thread.WordOf(m.Text) != thread.NoWord || m.Self && slices.Contains(ids, m.TS)
	})
	turns := append(arrange(t.preface, nil, ""), arrange(messages, texts, turn.TS(asks[len(asks)-1].TS))...)
	return t.withFiles(ctx, turns, asks, budget)
}

// withFiles puts the files of the thread, and of what was said before it, into the turns.
func (t *turnRun) withFiles(ctx context.Context, turns []prompt.Turn, asks []thread.Question, budget int) []prompt.Turn {
	files := map[string][]thread.File{}
	for _, m := range slices.Concat(t.preface, t.messages) {
		if len(m.Files) > 0 && !m.Self {
			files[m.TS] = m.Files
		}
	}
	answered := func(id string) bool { return thread.Index(asks, id) >= 0 }
	t.said = append(t.said, t.bot.attach.Fill(ctx, t.thread.String(), turns, files, budget, answered)...)
	return turns
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
// were posted while it was written. own has our exact texts by what they answer. What answers upto is left out, it is being written, and so
// is what people said after it (upto empty: nothing is). Our notices are no answers, and left out.
func arrange(messages []thread.Message, own map[string]string, upto turn.TS) []prompt.Turn {
	asked := map[string]bool{}
	for _, m := range messages {
		if !m.Self {
			asked[m.TS] = true
		}
	}
	replies := map[string][]string{} // by what they answer: the texts of the messages
	var loose []thread.Message       // in the order of the thread: people, other bots, and answers to what is gone
	for _, m := range messages {
		switch {
		case upto != "" && turn.TS(m.TS).After(upto) && !m.Self:
			// Not asked yet, as far as this turn goes: the last message is the one that is answered.
		case !m.Self:
			loose = append(loose, m)
		case m.Notice || upto != "" && turn.TS(m.For).Compare(upto) == 0:
		case asked[m.For]:
			replies[m.For] = append(replies[m.For], m.Text)
		case upto != "" && turn.TS(m.TS).After(upto): // the last message is the one that is answered
		default:
			loose = append(loose, m)
		}
	}
	slices.SortStableFunc(loose, func(a, b thread.Message) int { return turn.TS(a.TS).Compare(turn.TS(b.TS)) })
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
			turns = append(turns, prompt.Turn{ID: m.TS, Who: prompt.Other, Name: m.Name, Text: m.Text})
		default:
			turns = append(turns, prompt.Turn{ID: m.TS, Who: prompt.Person, Name: m.Name, Text: m.Text})
		}
		if texts := replies[m.TS]; len(texts) > 0 {
			self(m.TS, texts)
		}
	}
	return turns
}
