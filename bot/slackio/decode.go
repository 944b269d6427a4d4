package slackio

import (
	"encoding/json"
	"strings"

	"llmbot/bot"
)

// outer is the event_callback that an events_api envelope carries. Only what is used is decoded, so that new or odd fields cost
// nothing.
type outer struct {
	TeamID      string   `json:"team_id"`
	ExtShared   bool     `json:"is_ext_shared_channel"`
	ContextTeam string   `json:"context_team_id"`
	Event       rawEvent `json:"event"`
}

type rawEvent struct {
	Type        string          `json:"type"`
	Subtype     string          `json:"subtype"`
	Hidden      bool            `json:"hidden"`
	User        string          `json:"user"`
	BotID       string          `json:"bot_id"`
	Text        string          `json:"text"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts"`
	Channel     string          `json:"channel"`
	ChannelType string          `json:"channel_type"`
	UserTeam    string          `json:"user_team"`
	SourceTeam  string          `json:"source_team"`
	Team        string          `json:"team"`
	Edited      json.RawMessage `json:"edited"`
	Files       []rawFile       `json:"files"`
}

type rawFile struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	MIMEType string `json:"mimetype"`
	Size     int64  `json:"size"`
}

// rawAsk is a message that wants an answer, its text still in Slack's own writing.
type rawAsk struct {
	rawEvent

	external bool
}

// decodeEvent finds the ask in an event, or says why there is none. It is pure.
func decodeEvent(payload []byte, self Self) (*rawAsk, string) {
	var out outer
	if err := json.Unmarshal(payload, &out); err != nil {
		return nil, "unreadable"
	}
	ev := out.Event
	switch ev.Type {
	case "app_mention", "message":
	default:
		return nil, "type " + ev.Type
	}
	switch ev.Subtype {
	case "", "file_share", "thread_broadcast":
	default:
		return nil, "subtype " + ev.Subtype // joins, edits, deletions, bots
	}
	switch {
	case ev.Hidden:
		return nil, "hidden"
	case ev.User == "" || ev.TS == "" || ev.Channel == "":
		return nil, "no author"
	case ev.User == self.User || ev.BotID != "":
		return nil, "a bot" // our own posts come back as events; other bots would make loops
	case ev.User == "USLACKBOT":
		return nil, "slackbot"
	case len(ev.Edited) > 0 && string(ev.Edited) != "null":
		return nil, "edited"
	}
	direct := ev.ChannelType == "im" || strings.HasPrefix(ev.Channel, "D")
	if ev.Type == "message" && !direct && !mentions(ev.Text, self.User) {
		return nil, "not addressed"
	}
	if direct {
		ev.ChannelType = "im"
	}
	return &rawAsk{rawEvent: ev, external: external(out, self)}, ""
}

// external says whether the event itself shows that the author is of another organisation (facts/slack.md §5.3).
func external(out outer, self Self) bool {
	for _, team := range []string{out.Event.UserTeam, out.Event.SourceTeam} {
		if team != "" && team != self.Team && team != out.ContextTeam && strings.HasPrefix(team, "T") {
			return true
		}
	}
	return false
}

func mentions(text, user string) bool {
	return strings.Contains(text, "<@"+user+">") || strings.Contains(text, "<@"+user+"|")
}

// asked is the event for the bot; text is the message as people read it.
func (r *rawAsk) asked(text string) bot.Asked {
	root := r.ThreadTS
	if root == "" {
		root = r.TS
	}
	return bot.Asked{
		Thread: bot.Thread{Channel: r.Channel, TS: root}, TS: r.TS, User: r.User, Text: text, Files: files(r.Files),
		Direct: r.ChannelType == "im", External: r.external,
	}
}

func files(raw []rawFile) []bot.File {
	if len(raw) == 0 {
		return nil
	}
	out := make([]bot.File, 0, len(raw))
	for _, f := range raw {
		name := f.Name
		if name == "" {
			name = f.Title
		}
		out = append(out, bot.File{ID: f.ID, Name: name, MIME: f.MIMEType, Size: f.Size})
	}
	return out
}
