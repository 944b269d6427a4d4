package slackio

import (
	"cmp"
	"slices"
	"strings"

	"llmbot/bot"
	"llmbot/bot/slackmsg"
	"llmbot/bot/thread"
)

// eventKind is the kind of a decodedEvent.
type eventKind int

const (
	asked   eventKind = iota // a message that may want an answer
	edited                   // a message got another text
	deleted                  // a message was deleted
	halted                   // somebody pressed Slack's own stop button
	home                     // somebody opened the Home tab
)

// decodedEvent is an event that may concern the bot. Its text is still in Slack's own writing.
type decodedEvent struct {
	slackmsg.Message

	kind     eventKind
	channel  string
	direct   bool
	external bool
	mentions bool   // the text mentions the bot, or Slack says so
	unsaid   bool   // only Slack says so: the message's other event does not show it
	was      bool   // it did before the edit
	bare     bool   // the event lacks the message's files
	at       string // deleted: when
}

// decodeEvent returns what an event means to the bot, or the reason why it is of no concern. It is
// pure.
func decodeEvent(payload []byte, self Self) (*decodedEvent, string) {
	ev, err := slackmsg.DecodeEvent(payload)
	if err != nil {
		return nil, unreadable
	}
	n := &decodedEvent{Message: ev.Message, channel: ev.Channel, at: ev.TS, direct: ev.ChannelType == "im" || strings.HasPrefix(ev.Channel, "D")}
	switch ev.Type {
	case "app_mention":
		if ev.Edited != "" {
			return nil, "edited" // message_changed has the text before
		}
		n.bare = len(ev.Files) == 0
	case "message":
	case "app_home_opened":
		if ev.Tab != "home" || ev.User == "" {
			return nil, "another tab"
		}
		n.kind, n.TS = home, ev.TS
		return n, n.odd()
	case "agent_session_stopped":
		if ev.Channel == "" || ev.ThreadTS == "" {
			return nil, "no thread"
		}
		n.kind, n.TS = halted, ev.TS
		return n, n.odd()
	default:
		return nil, "type " + ev.Type
	}
	switch ev.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
		switch {
		case ev.Hidden:
			return nil, "hidden"
		case ev.Edited != "":
			return nil, "edited" // a new message has no edit
		}
	case "message_changed":
		now, before := cmp.Or(ev.Changed, new(slackmsg.Message)), cmp.Or(ev.Previous, new(slackmsg.Message))
		n.Message, n.kind = *now, edited
		switch {
		case now.Subtype == "tombstone": // the parent of a thread was deleted
			n.Message, n.kind = *before, deleted
		case sameWords(*now, *before):
			return nil, "no change of text" // a preview came, or a thread grew
		case now.Edited == "":
			n.Edited = ev.Message.TS
		}
		n.was = mentions(before.Text, self.User)
	case "message_deleted":
		n.Message, n.kind = *cmp.Or(ev.Previous, new(slackmsg.Message)), deleted
		if n.TS == "" {
			n.TS = ev.DeletedTS
		}
	default:
		return nil, "subtype " + ev.Subtype // joins, bots
	}
	n.mentions = mentions(n.Text, self.User)
	if ev.Type == "app_mention" && !n.mentions { // Slack knows better
		n.mentions, n.unsaid = true, true
	}
	n.external = external(n.Message, ev, self)
	if reason := n.ignored(self); reason != "" {
		return n, reason
	}
	return n, n.odd()
}

// ignored returns why a message is of no concern to the bot; empty: it may be.
func (n *decodedEvent) ignored(self Self) string {
	switch {
	case n.User == "" || n.TS == "" || n.channel == "":
		return "no author"
	case n.User == self.User || n.BotID != "":
		return "a bot" // our own posts come back as events; other bots would make loops
	case n.User == "USLACKBOT":
		return "slackbot"
	case n.kind == deleted, n.direct, n.mentions, n.was:
		return ""
	case n.ThreadTS == "" || n.ThreadTS == n.TS:
		return "not addressed"
	}
	return ""
}

// external reports whether the event itself shows that its author is of another organisation
// (facts/slack.md §5.3).
func external(m slackmsg.Message, ev slackmsg.Event, self Self) bool {
	for _, team := range []string{m.UserTeam, m.SourceTeam} {
		if team != "" && team != self.Team && team != ev.ContextTeam && strings.HasPrefix(team, "T") {
			return true
		}
	}
	return false
}

func mentions(text, user string) bool {
	return user != "" && (strings.Contains(text, "<@"+user+">") || strings.Contains(text, "<@"+user+"|"))
}

// elsewhere reports whether a message begins by addressing somebody else: it begins with mentions
// of people, of groups or of everybody, perhaps after a word of greeting, and the bot is not among
// them.
func elsewhere(text, self string) bool {
	const between = " \t\n,;:.!-–—&+/"
	rest := strings.TrimLeft(text, " \t\n*_~>")
	if word, after, ok := strings.Cut(rest, " "); ok && slices.Contains(greetings(), strings.ToLower(strings.Trim(word, between))) {
		rest = after
	}
	others := false
	for {
		rest = strings.TrimPrefix(strings.TrimLeft(rest, between), "and ")
		token, after, ok := strings.Cut(rest, ">")
		if !ok || !strings.HasPrefix(token, "<@") && !strings.HasPrefix(token, "<!") {
			return others
		}
		if id, _, _ := strings.Cut(strings.TrimPrefix(token, "<@"), "|"); id == self {
			return false
		}
		others = others || !strings.HasPrefix(token, "<!date")
		rest = after
	}
}

func greetings() []string {
	return []string{"hi", "hey", "hello", "hallo", "cc", "fyi", "thanks", "thx", "danke", "morning", "ping", "ok", "yes", "no"}
}

// root returns the ts of the thread.
func (n *decodedEvent) root() string {
	if n.ThreadTS != "" {
		return n.ThreadTS
	}
	return n.TS
}

// key returns a key that is the same for the same happening, however often and by whichever event
// it comes.
func (n *decodedEvent) key() string {
	key := n.channel + "/" + n.TS
	switch n.kind {
	case edited:
		return "edited/" + key + "/" + n.Edited
	case deleted:
		return "deleted/" + key
	case halted:
		return "halted/" + key
	case home:
		return "home/" + key
	case asked:
		if n.unsaid {
			return "mention/" + key
		}
	}
	return key
}

// event returns the event for the bot. said is what the message says.
func (n *decodedEvent) event(said slackmsg.Reading, self Self) bot.Event {
	where := thread.ID{Channel: n.channel, TS: n.root()}
	ask := bot.Asked{Question: thread.Question{
		Thread: where, TS: n.TS, Edited: n.Edited, User: n.User, Text: whole(said), Files: files(said.Files), Direct: n.direct, Mentioned: n.mentions,
		Elsewhere: elsewhere(n.Text, self.User), FilesPending: n.bare, External: n.external,
	}}
	switch n.kind {
	case edited:
		return bot.Edited{Asked: ask, WasMentioned: n.was}
	case deleted:
		return bot.Deleted{Thread: where, TS: n.TS, At: n.at}
	case halted:
		return bot.Halted{Thread: where, TS: n.TS, User: n.User}
	case home:
		return bot.HomeOpened{User: n.User}
	case asked:
	}
	return ask
}

// sameWords reports whether two forms of a message differ at most in their previews. Names do not
// matter for that.
func sameWords(a, b slackmsg.Message) bool {
	if a.Text != b.Text {
		return false
	}
	if a.Edited == b.Edited {
		return true // nobody changed it
	}
	id := func(id string) string { return id }
	who := slackmsg.Who{People: id, Channels: id}
	x, y := a.Read(who), b.Read(who)
	return x.Text == y.Text && slices.Equal(x.Files, y.Files)
}

// whole returns all that a message says, its previews last.
func whole(said slackmsg.Reading) string {
	return strings.TrimSpace(strings.Join(append([]string{said.Text}, said.Previews...), "\n\n"))
}

func files(list []slackmsg.File) []thread.File {
	if len(list) == 0 {
		return nil
	}
	out := make([]thread.File, 0, len(list))
	for _, f := range list {
		out = append(out, thread.File{
			ID: f.ID, Name: f.Name, MIME: f.MIME, Size: f.Size,
			Title: f.Title, Type: f.Type, Subtype: f.Subtype, Mode: f.Mode, External: f.External, Link: f.Link, Address: f.Address, Thumb: f.Thumb,
			Transcript: f.Transcript, Unfinished: f.Unfinished,
		})
	}
	return out
}
