package slackmsg

// Event is an event of Slack's that tells of a message, as it was decoded.
type Event struct {
	ExtShared   bool   // it comes from a channel that is shared with another organisation
	ContextTeam string // the team in whose name it came

	Channel, ChannelType string
	TS                   string // of the event
	Tab                  string // of app_home_opened
	DeletedTS            string // of message_deleted

	Message           // the event's own fields
	Changed  *Message // of message_changed; nil: there is none
	Previous *Message // of message_changed and message_deleted; nil: there is none
}

// DecodeEvent decodes the payload of an events_api envelope, or as much of it as is readable. It
// returns ErrNoObject for what is no event at all.
func DecodeEvent(payload []byte) (Event, error) {
	out := fields(payload)
	ev := out.fields("event")
	if ev == nil {
		return Event{}, ErrNoObject
	}
	e := Event{
		ExtShared: out.flag("is_ext_shared_channel"), ContextTeam: out.str("context_team_id"),
		Channel: ev.key("channel"), ChannelType: ev.str("channel_type"), TS: ev.key("event_ts"), Tab: ev.str("tab"), DeletedTS: ev.key("deleted_ts"),
		Message: decode(ev),
	}
	message := func(name string) *Message {
		f := ev.fields(name)
		if f == nil {
			return nil
		}
		m := decode(f)
		return &m
	}
	e.Changed, e.Previous = message("message"), message("previous_message")
	return e, nil
}
