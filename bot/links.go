package bot

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"llmbot/bot/permalink"
	"llmbot/bot/prompt"
)

const (
	// linkedShare is the part of the window that linked messages may take.
	linkedShare = 4
	// leastLinked and mostLinked bound that, in characters.
	leastLinked, mostLinked = 3_000, 60_000
)

// What whoever asks is told about linked messages that are not quoted. notVisible is the same for a
// message that is not there: what is in other places is nobody's business.
const (
	notVisible = "I left a linked message out: I quote messages only from public channels that I am in, and from conversations of which you and I are both members."
	notRead    = "I could not read a linked message: please ask again later, or paste what matters."
)

// tooMany tells how many links are followed.
func tooMany() string {
	return fmt.Sprintf("I left a linked message out: I quote the newest %d of a thread.", permalink.MaxLinks)
}

// previewQuoted stands in place of a preview that came later than its message, and would say again
// what is quoted there.
const previewQuoted = "(the preview of a linked message, which is quoted)"

// quoteLinks puts the messages to which people's messages have links behind them, as far as
// everybody who asks in this turn can see them, and who pasted the link. It blocks for the network.
func (m material) quoteLinks(ctx context.Context, turns []prompt.Turn, budget int) {
	b := m.bot
	if b.dep.Linked == nil {
		return
	}
	var messages []permalink.Message
	for _, turn := range turns {
		if turn.Who == prompt.Person && strings.Contains(turn.Text, "/archives/") {
			messages = append(messages, permalink.Message{ID: turn.ID, Text: turn.Text, By: turn.By})
		}
	}
	if len(messages) == 0 {
		return
	}
	runes := leastLinked
	if budget > 0 {
		runes = min(max(int(float64(budget)*prompt.BytesPerToken/linkedShare), leastLinked), mostLinked)
	}
	found := b.dep.Linked.Quote(ctx, m.thread, askers(m.a), messages, runes)
	for i, turn := range turns {
		if text := found.Text[turn.ID]; text != "" {
			turns[i].Files = strings.TrimSpace(turn.Files + "\n\n" + text)
		}
		if turn.Who != prompt.Self && turn.Text != "" {
			turns[i].Text = cmp.Or(found.WithoutPreviews(turn.Text), previewQuoted)
		}
	}
	if words := missing(turns, found); words != "" {
		var told []string
		for _, ask := range m.a.asks {
			if !slices.Contains(told, ask.User) {
				told = append(told, ask.User)
				b.notifier.tell(whisperPlace(ask), ask.User, words)
			}
		}
	}
	if h := b.dep.Hooks.Linked; h != nil {
		h(found.Shown, found.Denied, found.Failed)
	}
}

// missing returns what whoever asks should know about the links that came after the last answer;
// empty: nothing. Who asked before was told of the others.
func missing(turns []prompt.Turn, found permalink.Quotes) string {
	hidden, unread, surplus := false, false, false
	for _, turn := range slices.Backward(turns) {
		if turn.Who == prompt.Self {
			break
		}
		hidden, unread, surplus = hidden || found.Hidden[turn.ID], unread || found.Unread[turn.ID], surplus || found.Surplus[turn.ID]
	}
	var words []string
	if hidden {
		words = append(words, notVisible)
	}
	if unread {
		words = append(words, notRead)
	}
	if surplus {
		words = append(words, tooMany())
	}
	return strings.Join(words, " ")
}

// askers returns everybody who asks in this turn, also whoever wants the last answer anew.
func askers(a *admitted) []permalink.Person {
	var out []permalink.Person
	add := func(user string, external bool) {
		if at := slices.IndexFunc(out, func(p permalink.Person) bool { return p.ID == user }); at >= 0 {
			out[at].Guest = out[at].Guest || external
			return
		}
		out = append(out, permalink.Person{ID: user, Guest: external})
	}
	for _, ask := range a.asks {
		add(ask.User, ask.External)
	}
	if a.redo.By != "" {
		add(a.redo.By, false)
	}
	return out
}
