package prompt

import (
	"cmp"
	"slices"
	"strings"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// Arrange puts a thread into the order of a conversation: each answer of ours comes right behind
// what it answers, although other messages were posted while it was written. own has our exact
// texts by what they answer. Arrange leaves out the answer to upto, which is being written, and
// what people said after it (upto empty: nothing is). It leaves out our notices, too: they are no
// answers.
func Arrange(messages []thread.Message, own map[string]string, upto turn.TS) []Turn {
	asked := map[string]bool{}
	for _, m := range messages {
		if !m.Self {
			asked[m.TS] = true
		}
	}
	replies := map[string][]string{} // by what they answer: the texts of the messages
	var loose []thread.Message       // people, other bots, and answers to what is gone
	for _, m := range messages {
		switch {
		case upto != "" && turn.TS(m.TS).After(upto) && !m.Self:
			// Not asked yet, as far as this turn goes: the last message is the one that is
			// answered.
		case !m.Self:
			loose = append(loose, m)
			for _, p := range m.Late { // where the thread was when they came
				loose = append(loose, thread.Message{TS: p.Came, Bot: true, Text: p.Text})
			}
		case m.Notice || upto != "" && turn.TS(m.For).Compare(upto) == 0:
		case asked[m.For]:
			replies[m.For] = append(replies[m.For], m.Text)
		// The last message is the one that is answered.
		case upto != "" && turn.TS(m.TS).After(upto):
		default:
			loose = append(loose, m)
		}
	}
	slices.SortStableFunc(loose, func(a, b thread.Message) int { return turn.TS(a.TS).Compare(turn.TS(b.TS)) })
	turns := make([]Turn, 0, len(messages))
	self := func(what string, texts []string) {
		if exact, ok := own[what]; ok {
			texts = []string{exact}
		}
		for _, text := range texts {
			turns = append(turns, Turn{ID: "re " + what, Who: Self, Text: text})
		}
	}
	// Answers to questions that are not in the thread any more, and stand here in full.
	gone := map[string]bool{}
	for _, m := range loose {
		switch {
		case m.Self:
			if !gone[m.For] {
				self(m.For, []string{m.Text})
			}
			_, exact := own[m.For]
			gone[m.For] = gone[m.For] || exact // its other messages are in it
		case m.Bot && !m.Behalf:
			turns = append(turns, Turn{ID: m.TS, Who: Other, Name: m.Name, By: cmp.Or(m.App, m.User), Text: words(m)})
		default:
			turns = append(turns, Turn{ID: m.TS, Who: Person, Name: m.Name, By: m.User, Text: words(m)})
		}
		if texts := replies[m.TS]; len(texts) > 0 {
			self(m.TS, texts)
		}
	}
	return attachLast(turns)
}

// attachLast puts previews that came last into the message before them: the newest message always
// stays, and is what is asked.
func attachLast(turns []Turn) []Turn {
	for n := len(turns); n > 1 && turns[n-1].Who == Other && turns[n-1].Name == "" && turns[n-2].Who != Self; n-- {
		turns[n-2].Text = strings.TrimSpace(turns[n-2].Text + "\n\n" + turns[n-1].Text)
		turns = turns[:n-1]
	}
	return turns
}

// words returns what a message says, or in place of nothing what it is.
func words(m thread.Message) string {
	switch {
	case m.Text != "" || len(m.Files) > 0:
		return m.Text
	case m.Mentioned:
		return "(mentions you, and says nothing else)"
	}
	return "(an empty message)"
}
