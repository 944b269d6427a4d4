package slacksim

import (
	"slices"
	"strings"
	"time"
)

// newMessageEventsLocked sends the app the events of a new message: message.*, and app_mention if
// somebody else mentions the bot in a channel. The two have different event ids and come in either
// order.
func (s *Sim) newMessageEventsLocked(c *channel, m *message) {
	send := []func(){func() { s.messageEventLocked(c, s.messageLocked(c, m, true)) }}
	if s.mentionedLocked(c, m) {
		send = append(send, func() { s.mentionEventLocked(c, m) })
		if s.order == OrderMentionFirst || s.order == OrderRandom && s.rand.IntN(2) == 0 {
			slices.Reverse(send)
		}
	}
	for _, f := range send {
		f()
	}
}

// mentionedLocked reports whether Slack sends an app_mention: not for direct messages, nor for what
// the bot writes itself.
func (s *Sim) mentionedLocked(c *channel, m *message) bool {
	return c.im == "" && m.user != s.cfg.Bot.UserID && strings.Contains(m.text, s.Mention())
}

func (s *Sim) mentionEventLocked(c *channel, m *message) {
	ev := s.messageLocked(c, m, true)
	ev["type"], ev["channel"], ev["event_ts"] = "app_mention", c.ID, m.ts
	// Slack leaves the files out of app_mention.
	for _, k := range []string{"subtype", "files", "upload", "display_as_bot"} {
		delete(ev, k)
	}
	trimReplies(ev)
	s.eventLocked("app_mention", "app_mentions:read", c, ev)
}

// messageEventLocked sends a message event. An event about an older message (edit, deletion) gets a
// ts of its own.
func (s *Sim) messageEventLocked(c *channel, ev obj) {
	if str(ev["ts"]) == "" {
		ev["ts"] = s.nextTSLocked()
	} else {
		trimReplies(ev)
	}
	ev["channel"], ev["channel_type"], ev["event_ts"] = c.ID, c.kind(), ev["ts"]
	name := map[string]string{"channel": "message.channels", "group": "message.groups"}[c.kind()]
	if name == "" {
		name = "message." + c.kind()
	}
	s.eventLocked(name, c.family()+":history", c, ev)
}

// trimReplies removes what only the history shows.
func trimReplies(ev obj) {
	if _, ok := ev["reply_count"]; ok {
		for _, k := range []string{"reply_count", "reply_users_count", "reply_users", "latest_reply", "is_locked", "subscribed"} {
			delete(ev, k)
		}
	}
}

// eventLocked sends an event if the manifest subscribes to it, the scope is granted and the bot is
// in the channel.
func (s *Sim) eventLocked(name, scope string, c *channel, ev obj) {
	member := c == nil || c.members[s.cfg.Bot.UserID]
	if !slices.Contains(s.cfg.Events, name) || !slices.Contains(s.cfg.Scopes, scope) && scope != "" || !member {
		return
	}
	b, now := s.cfg.Bot, time.Now()
	id := s.idLocked("Ev")
	payload := obj{
		"token": "slacksim", "team_id": s.cfg.Team.ID, "context_team_id": s.cfg.Team.ID, "context_enterprise_id": nil, "api_app_id": b.AppID,
		"type": "event_callback", "event_id": id, "event_time": now.Unix(), "event": ev,
		"authorizations":        []any{obj{"enterprise_id": nil, "team_id": s.cfg.Team.ID, "user_id": b.UserID, "is_bot": true, "is_enterprise_install": false}},
		"is_ext_shared_channel": c != nil && c.ExtShared, "event_context": "4-" + id,
	}
	s.dispatchLocked(&delivery{kind: "events_api", typ: str(ev["type"]), eventID: id, payload: []byte(jsonText(payload))})
}
