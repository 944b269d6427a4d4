package slackio

import (
	"encoding/json"
	"slices"
	"strings"

	"llmbot/bot"
	"llmbot/bot/thread"
)

// outer is the event_callback in an events_api envelope. Only what is used is decoded, so that new
// or odd fields do no harm.
type outer struct {
	TeamID      string   `json:"team_id"`
	ExtShared   bool     `json:"is_ext_shared_channel"`
	ContextTeam string   `json:"context_team_id"`
	Event       rawEvent `json:"event"`
}

type rawEvent struct {
	rawMessage

	Channel     string     `json:"channel"`
	ChannelType string     `json:"channel_type"`
	EventTS     string     `json:"event_ts"`
	Tab         string     `json:"tab"` // of app_home_opened
	DeletedTS   string     `json:"deleted_ts"`
	Message     rawMessage `json:"message"`          // of message_changed
	Previous    rawMessage `json:"previous_message"` // of message_changed and message_deleted
}

type rawMessage struct {
	Type       string    `json:"type"`
	Subtype    string    `json:"subtype"`
	Hidden     bool      `json:"hidden"`
	User       string    `json:"user"`
	BotID      string    `json:"bot_id"`
	Text       string    `json:"text"`
	TS         string    `json:"ts"`
	ThreadTS   string    `json:"thread_ts"`
	UserTeam   string    `json:"user_team"`
	SourceTeam string    `json:"source_team"`
	Edited     rawEdit   `json:"edited"`
	Files      []rawFile `json:"files"`
}

type rawEdit struct {
	TS string `json:"ts"`
}

type rawFile struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	MIMEType string `json:"mimetype"`
	Filetype string `json:"filetype"`
	Size     int64  `json:"size"`
}

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
	rawMessage

	kind     eventKind
	channel  string
	direct   bool
	external bool
	mentions bool   // the text mentions the bot
	was      bool   // it did before the edit
	bare     bool   // the event lacks the message's files
	at       string // deleted: when
}

// decodeEvent returns what an event means to the bot, or the reason why it is of no concern. It is
// pure.
func decodeEvent(payload []byte, self Self) (*decodedEvent, string) {
	var out outer
	if err := json.Unmarshal(payload, &out); err != nil {
		return nil, unreadable
	}
	ev := out.Event
	n := &decodedEvent{rawMessage: ev.rawMessage, channel: ev.Channel, at: ev.EventTS, direct: ev.ChannelType == "im" || strings.HasPrefix(ev.Channel, "D")}
	switch ev.Type {
	case "app_mention":
		if ev.Edited.TS != "" {
			return nil, "edited" // message_changed has the text before
		}
		n.bare = len(ev.Files) == 0
	case "message":
	case "app_home_opened":
		if ev.Tab != "home" || ev.User == "" {
			return nil, "another tab"
		}
		n.kind, n.TS = home, ev.EventTS
		return n, n.odd()
	case "agent_session_stopped":
		if ev.Channel == "" || ev.ThreadTS == "" {
			return nil, "no thread"
		}
		n.kind, n.TS = halted, ev.EventTS
		return n, n.odd()
	default:
		return nil, "type " + ev.Type
	}
	switch ev.Subtype {
	case "", "file_share", "thread_broadcast":
		switch {
		case ev.Hidden:
			return nil, "hidden"
		case ev.Edited.TS != "":
			return nil, "edited" // a new message has no edit
		}
	case "message_changed":
		n.rawMessage, n.kind = ev.Message, edited
		switch {
		case ev.Message.Subtype == "tombstone": // the parent of a thread was deleted
			n.rawMessage, n.kind = ev.Previous, deleted
		case ev.Message.Text == ev.Previous.Text:
			return nil, "no change of text" // a preview came, or a thread grew
		case ev.Message.Edited.TS == "":
			n.Edited.TS = ev.TS
		}
		n.was = mentions(ev.Previous.Text, self.User)
	case "message_deleted":
		n.rawMessage, n.kind = ev.Previous, deleted
		if n.TS == "" {
			n.TS = ev.DeletedTS
		}
	default:
		return nil, "subtype " + ev.Subtype // joins, bots
	}
	n.mentions = mentions(n.Text, self.User)
	n.external = external(n.rawMessage, out, self)
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
func external(m rawMessage, out outer, self Self) bool {
	for _, team := range []string{m.UserTeam, m.SourceTeam} {
		if team != "" && team != self.Team && team != out.ContextTeam && strings.HasPrefix(team, "T") {
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
		return "edited/" + key + "/" + n.Edited.TS
	case deleted:
		return "deleted/" + key
	case halted:
		return "halted/" + key
	case home:
		return "home/" + key
	case asked:
	}
	return key
}

// event returns the event for the bot. text is the message as people read it.
func (n *decodedEvent) event(text string, self Self) bot.Event {
	where := thread.ID{Channel: n.channel, TS: n.root()}
	ask := bot.Asked{Question: thread.Question{
		Thread: where, TS: n.TS, Edited: n.Edited.TS, User: n.User, Text: text, Files: files(n.Files), Direct: n.direct, Mentioned: n.mentions,
		Elsewhere: elsewhere(n.Text, self.User), Bare: n.bare, External: n.external,
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

func files(raw []rawFile) []thread.File {
	if len(raw) == 0 {
		return nil
	}
	out := make([]thread.File, 0, len(raw))
	for _, f := range raw {
		name := f.Name
		if name == "" {
			name = f.Title
		}
		out = append(out, thread.File{ID: f.ID, Name: name, MIME: f.MIMEType, Type: f.Filetype, Size: f.Size})
	}
	return out
}
