package bot

import (
	"cmp"
	"context"
	"slices"
	"time"

	"llmbot/bot/prompt"
	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// material is what the prompt of an answer is made of.
type material struct {
	*assignment

	a      *admitted
	posted []string // the messages of the answer, which the model does not read
}

// input gathers the prompt of an answer, which may have tools. say takes what the person should
// know of their files. It blocks for the network.
func (m material) input(ctx context.Context, tools bool, say func(string)) prompt.Input {
	b, a := m.bot, m.a
	in := prompt.Input{System: a.set.System, Bot: b.cfg.Name, Date: time.Now(), Tools: tools}
	if !m.thread.Direct() {
		in.Channel = cmp.Or(m.channelName(ctx), m.thread.Channel)
	}
	in.Budget = b.shared.Budget(ctx, a.set.Model, b.cfg.MaxTokens)
	in.Turns = m.turns(ctx)
	files := map[string][]thread.File{}
	for _, said := range slices.Concat(a.preface, a.messages) {
		if len(said.Files) > 0 && !said.Self {
			files[said.TS] = said.Files
		}
	}
	answered := func(id string) bool { return thread.Index(a.asks, id) >= 0 }
	for _, note := range b.attach.Fill(ctx, m.thread.String(), in.Turns, files, in.Budget, answered) {
		say(note)
	}
	m.quoteLinks(ctx, in.Turns, in.Budget)
	return in
}

// turns makes the conversation that the model reads: what was said before a direct message, and the
// thread up to the question.
func (m material) turns(ctx context.Context) []prompt.Turn {
	own := m.entries(ctx)
	exact := make(map[string]string, len(own))
	for what, e := range own {
		exact[what] = e.Text
	}
	// Words to the bot, and what is being written.
	messages := slices.DeleteFunc(slices.Clone(m.a.messages), func(said thread.Message) bool {
		return !said.Self && thread.CommandOf(said.Text) != thread.NoCommand || said.Self && slices.Contains(m.posted, said.TS)
	})
	return append(prompt.Arrange(m.a.preface, nil, ""), prompt.Arrange(messages, exact, turn.TS(m.a.last().TS))...)
}
