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
	own, err := t.bot.records.Entries(ctx, t.thread)
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
	turns := append(prompt.Arrange(t.preface, nil, ""), prompt.Arrange(messages, texts, turn.TS(asks[len(asks)-1].TS))...)
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
