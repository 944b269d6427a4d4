package slacksim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// statusFor is how long a status stays if nothing is posted (facts: slack.md §4).
const statusFor = 2 * time.Minute

// botChannelLocked returns the channel that the bot names by id, "#name" or a person's id, if the
// bot may write there.
func (s *Sim) botChannelLocked(id string) (*channel, *refusal) {
	c := s.channels[id]
	if c == nil && strings.HasPrefix(id, "#") {
		if found, err := s.channelLocked(id); err == nil {
			c = found
		}
	}
	if c == nil && s.users[id] != nil {
		c = s.dmLocked(id)
	}
	switch {
	case c == nil, c.Private && !c.members[s.cfg.Bot.UserID]:
		return nil, refuse("channel_not_found")
	case !c.members[s.cfg.Bot.UserID]:
		return c, refuse("not_in_channel")
	}
	return c, nil
}

func parseMetadata(raw string) (obj, *refusal) {
	if raw == "" || raw == "null" {
		return nil, nil
	}
	var meta obj
	if err := json.Unmarshal([]byte(raw), &meta); err != nil {
		return nil, refuse("invalid_metadata_format")
	}
	if len(meta) == 0 {
		return nil, nil
	}
	if str(meta["event_type"]) == "" {
		return nil, &refusal{name: "invalid_metadata_schema"}
	}
	return meta, nil
}

func (s *Sim) postMessageLocked(c *call) (obj, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel"])
	if no != nil {
		return nil, no
	}
	body, no := s.parseContentLocked(c.args)
	if no != nil {
		return nil, no
	}
	if body.empty() {
		return nil, refuse("no_text")
	}
	meta, no := parseMetadata(c.args["metadata"])
	if no != nil {
		return nil, no
	}
	m := &message{
		user: s.cfg.Bot.UserID, botID: s.cfg.Bot.BotID, text: cutRunes(body.text, cutPostText), blocks: body.blocks, attachments: body.attachments, metadata: meta,
		noUnfurl: isFalse(c.args["unfurl_links"]) && isFalse(c.args["unfurl_media"]),
	}
	if ts := c.args["thread_ts"]; ts != "" {
		m.thread = ch.root(ts)
		m.broadcast = m.thread != "" && c.bool("reply_broadcast")
	}
	s.addLocked(ch, m)
	delete(s.status, threadKey{ch.ID, cmp.Or(m.thread, m.ts)})
	s.watchLocked(c, m)
	s.newMessageEventsLocked(ch, m)
	return obj{"channel": ch.ID, "ts": m.ts, "message": s.messageLocked(ch, m, true)}, nil
}

func isFalse(arg string) bool { return arg == "false" || arg == "0" }

// watchLocked records whom a message of the bot pings, and which URLs Slack would fetch for it.
func (s *Sim) watchLocked(c *call, m *message) {
	parse := c.args["parse"] == "full" || c.bool("link_names")
	for _, who := range append(pingsIn(m.text, m.blocks, parse), pingsInAttachments(m.attachments)...) {
		s.pings.add(Ping{Channel: m.channel, TS: m.ts, Method: c.method, Who: who}, len(who))
	}
	if m.noUnfurl {
		return
	}
	for _, u := range urlsIn(m.text, m.blocks) {
		found := Unfurl{Channel: m.channel, TS: m.ts, URL: u}
		if !slices.Contains(s.unfurls.list, found) {
			s.unfurls.add(found, len(u))
		}
	}
}

// ownLocked returns a message that the bot wrote.
func (s *Sim) ownLocked(c *call, denied string) (*channel, *message, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel"])
	if ch == nil || no != nil && no.name == "channel_not_found" {
		return nil, nil, refuse("channel_not_found")
	}
	m := ch.find(c.args["ts"])
	switch {
	case m == nil:
		return nil, nil, refuse("message_not_found")
	case m.botID != s.cfg.Bot.BotID:
		return nil, nil, refuse(denied)
	}
	return ch, m, nil
}

func (s *Sim) updateLocked(c *call) (obj, *refusal) {
	ch, m, no := s.ownLocked(c, "cant_update_message")
	if no != nil {
		return nil, no
	}
	if len(c.args["text"]) > maxUpdateText {
		return nil, refuse("msg_too_long")
	}
	body, no := s.parseContentLocked(c.args)
	if no != nil {
		return nil, no
	}
	meta, no := parseMetadata(c.args["metadata"])
	if no != nil {
		return nil, no
	}
	content := body.hasText || body.hasBlocks
	if !content && len(body.attachments) == 0 {
		return nil, refuse("no_text")
	}
	switch state := s.streamLocked(m); {
	case s.cfg.EditWindow > 0 && time.Since(time.UnixMicro(tsMicro(m.ts))) > s.cfg.EditWindow:
		return nil, refuse("edit_window_closed")
	case state == StreamLive:
		return nil, refuse("streaming_state_conflict")
	case state != "" && len(m.blocks) > 0 && body.hasText && !body.hasBlocks:
		// What was streamed has rich blocks.
		return nil, refuse("block_mismatch")
	case state == StreamBroken:
		m.stream.state = StreamStopped
	}
	before := s.messageLocked(ch, m, true)
	if c.args["metadata"] != "" {
		m.metadata = meta
	}
	if body.hasText || len(body.blocks) > 0 {
		m.text = body.text
	}
	if content { // text alone removes the blocks; that attachments alone keep both is a guess
		m.blocks = body.blocks
	}
	if body.hasAttachments { // else the former ones stay (docs.slack.dev, chat.update)
		m.attachments = body.attachments
	}
	m.keepChosen()
	if content && len(body.blocks) == 0 {
		m.edited, m.editor = s.nextTSLocked(), s.cfg.Bot.UserID
	}
	s.changedLocked(m)
	s.watchLocked(c, m)
	after := s.messageLocked(ch, m, true)
	s.messageEventLocked(ch, obj{"type": "message", "subtype": "message_changed", "hidden": true, "message": after, "previous_message": before})
	return obj{"channel": ch.ID, "ts": m.ts, "text": m.text, "message": after}, nil
}

func (s *Sim) deleteLocked(c *call) (obj, *refusal) {
	ch, m, no := s.ownLocked(c, "cant_delete_message")
	if no != nil {
		return nil, no
	}
	if s.streamLocked(m) == StreamLive {
		return nil, refuse("cant_delete_message")
	}
	s.removeLocked(ch, m)
	return obj{"channel": ch.ID, "ts": m.ts}, nil
}

func (s *Sim) postEphemeralLocked(c *call) (obj, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel"])
	if no != nil {
		return nil, no
	}
	if s.users[c.args["user"]] == nil || !ch.members[c.args["user"]] {
		return nil, refuse("user_not_in_channel")
	}
	body, no := s.parseContentLocked(c.args)
	if no != nil {
		return nil, no
	}
	if body.empty() {
		return nil, refuse("no_text")
	}
	m := &message{
		user: s.cfg.Bot.UserID, botID: s.cfg.Bot.BotID, text: body.text, blocks: body.blocks, attachments: body.attachments,
		noUnfurl: isFalse(c.args["unfurl_links"]) && isFalse(c.args["unfurl_media"]),
	}
	if ts := c.args["thread_ts"]; ts != "" {
		m.thread = ch.root(ts)
	}
	// In direct messages of an agent each message is a thread that its writer looks at.
	m.unseen = m.thread != "" && ch.im == "" && len(ch.replies(m.thread)) == 0 // facts: slack.md §5.9
	s.addEphemeralLocked(ch.ID, c.args["user"], m)
	s.watchLocked(c, m)
	return obj{"message_ts": m.ts}, nil
}

// addEphemeralLocked shows a message to one person. It is in no channel's history and has no
// events.
func (s *Sim) addEphemeralLocked(channel, user string, m *message) {
	m.channel, m.ts, m.ephemeral = channel, s.nextTSLocked(), user
	s.ephemerals.add(m, len(m.text)+len(jsonText(m.blocks))+len(jsonText(m.attachments)))
	s.changedLocked(m)
}

func (s *Sim) permalinkLocked(c *call) (obj, *refusal) {
	ch := s.channels[c.args["channel"]]
	if !s.visibleLocked(ch) {
		return nil, refuse("channel_not_found")
	}
	m := ch.find(c.args["message_ts"])
	if m == nil {
		return nil, refuse("message_not_found")
	}
	return obj{"channel": ch.ID, "permalink": s.permalinkOfLocked(ch, m)}, nil
}

func (s *Sim) setStatusLocked(c *call) (obj, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel_id"])
	if no != nil {
		return nil, no
	}
	root := ch.root(c.args["thread_ts"])
	if root == "" {
		return nil, refuse("invalid_thread_ts")
	}
	loading, no := loadingMessages(c.args["loading_messages"])
	if no != nil {
		return nil, no
	}
	key := threadKey{ch.ID, root}
	if a := s.assistants[key]; a != nil {
		next := *a
		next.Loading = loading
		s.assistants[key] = &next
	}
	if text := c.args["status"]; text == "" {
		delete(s.status, key)
	} else {
		s.status[key] = &status{text: text, until: time.Now().Add(statusFor)}
	}
	ch.byTS[root].rev = s.touchLocked()
	return obj{}, nil
}
