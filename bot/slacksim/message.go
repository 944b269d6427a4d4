package slacksim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

type obj = map[string]any

// message is a message as the workspace stores it. Blocks and metadata are replaced, never changed
// in place.
type message struct {
	channel, ts string
	thread      string // parent's ts, for replies
	user, botID string
	text        string
	blocks      []obj  // as sent
	edited      string // ts of the edit that left a mark
	editor      string
	metadata    obj
	noUnfurl    bool
	deleted     bool
	deletedAt   time.Time
	tombstone   bool // a deleted parent with replies
	broadcast   bool
	ephemeral   string
	unseen      bool // an ephemeral message in a thread without replies: Slack shows it to nobody
	versions    []Version
	rev         uint64
	files       []*file
	attachments []any   // as they go out; previews of links too
	rich        []any   // blocks as they go out, in place of what is made of blocks and text
	app         App     // of another app's message
	subtype     string  // bot_message, me_message
	stream      *stream // nil: it is not, and was not, a native stream
	reactions   []Reaction
	// What each person has chosen in its blocks, as Slack reports it: by block_id and action_id.
	chosen map[string]obj
}

// keepChosen drops what people chose where the message, which was edited, has it no longer.
func (m *message) keepChosen() {
	blocks := slices.Concat(m.blocks, attachedBlocks(m.attachments))
	for user, state := range m.chosen {
		m.chosen[user] = keptState(state, blocks)
	}
}

type status struct {
	text  string
	until time.Time
}

func (st *status) now(now time.Time) string {
	if st == nil || !now.Before(st.until) {
		return ""
	}
	return st.text
}

// nextTSLocked returns a new message timestamp, unique in the workspace and increasing.
func (s *Sim) nextTSLocked() string {
	s.lastMicro = max(time.Now().UnixMicro(), s.lastMicro+1)
	return fmt.Sprintf("%d.%06d", s.lastMicro/1e6, s.lastMicro%1e6)
}

// idLocked returns a new id, such as Ev0000000012.
func (s *Sim) idLocked(prefix string) string {
	s.lastID++
	return fmt.Sprintf("%s%010d", prefix, s.lastID)
}

// addLocked puts a new message into its channel and sends its events.
func (s *Sim) addLocked(c *channel, m *message) {
	m.channel, m.ts = c.ID, s.nextTSLocked()
	c.messages = append(c.messages, m)
	c.byTS[m.ts] = m
	s.changedLocked(m)
	if p := c.byTS[m.thread]; p != nil {
		p.rev = s.rev // its reply count
	}
}

// changedLocked records what the message shows now.
func (s *Sim) changedLocked(m *message) {
	m.rev = s.touchLocked()
	if !m.deleted {
		m.versions = append(m.versions, Version{At: time.Now(), Text: m.text, Blocks: m.blocks, Plain: s.readLocked(m, m.text, m.blocks)})
	}
}

// root returns the parent of the thread that ts belongs to. Slack asks for the parent's ts;
// for a reply's ts we take its parent. It returns "" if ts or the parent is unknown or deleted for
// good: a post then lands outside of the thread, as on Slack.
func (c *channel) root(ts string) string {
	m := c.byTS[ts]
	switch {
	case m == nil || m.deleted && !m.tombstone:
		return ""
	case m.thread == "":
		return m.ts
	case c.byTS[m.thread] == nil:
		return ""
	}
	return m.thread
}

// replies returns the visible replies, oldest first.
func (c *channel) replies(ts string) []*message {
	var out []*message
	for _, m := range c.messages {
		if m.thread == ts && !m.deleted {
			out = append(out, m)
		}
	}
	return out
}

// stillCounted returns how many deleted replies the thread's reply_count still has (Config.CountLag).
func (s *Sim) stillCounted(c *channel, ts string) (n int) {
	if s.cfg.CountLag == 0 {
		return 0
	}
	for _, m := range c.messages {
		if m.thread == ts && m.deleted && time.Since(m.deletedAt) < s.cfg.CountLag {
			n++
		}
	}
	return n
}

// find returns a message that is still there.
func (c *channel) find(ts string) *message {
	if m := c.byTS[ts]; m != nil && !m.deleted {
		return m
	}
	return nil
}

// removeLocked deletes a message. A parent with replies stays as a tombstone.
func (s *Sim) removeLocked(c *channel, m *message) {
	before := s.messageLocked(c, m, true)
	m.deleted, m.deletedAt = true, time.Now()
	m.tombstone = len(c.replies(m.ts)) > 0
	s.changedLocked(m)
	if p := c.byTS[m.thread]; p != nil {
		// Without replies nothing is left of a thread.
		p.tombstone = p.tombstone && len(c.replies(p.ts)) > 0
		p.rev = s.touchLocked()
	}
	ev := obj{"type": "message", "subtype": "message_deleted", "hidden": true, "deleted_ts": m.ts, "previous_message": before}
	if m.tombstone {
		ev = obj{"type": "message", "subtype": "message_changed", "hidden": true, "message": s.messageLocked(c, m, true), "previous_message": before}
	}
	s.messageEventLocked(c, ev)
}

// messageLocked returns the message as the Web API and the events show it.
func (s *Sim) messageLocked(c *channel, m *message, meta bool) obj {
	o := obj{"type": "message", "ts": m.ts, "team": s.cfg.Team.ID}
	if m.thread != "" {
		o["thread_ts"] = m.thread
		if p := c.byTS[m.thread]; p != nil {
			o["parent_user_id"] = p.user
		}
	} else if rs := c.replies(m.ts); len(rs) > 0 {
		var who []string
		for _, r := range rs {
			if !slices.Contains(who, r.user) {
				who = append(who, r.user)
			}
		}
		o["thread_ts"], o["reply_count"], o["reply_users_count"] = m.ts, len(rs)+s.stillCounted(c, m.ts), len(who)
		o["reply_users"], o["latest_reply"], o["is_locked"], o["subscribed"] = who, rs[len(rs)-1].ts, false, true
	}
	if m.tombstone {
		o["subtype"], o["user"], o["text"], o["hidden"] = "tombstone", "USLACKBOT", "This message was deleted.", true
		return o
	}
	o["text"] = m.text
	if m.user != "" {
		o["user"] = m.user
	}
	if m.subtype != "" {
		o["subtype"] = m.subtype
	}
	if u := s.users[m.user]; u != nil {
		o["team"] = u.TeamID
		if u.TeamID != s.cfg.Team.ID {
			o["user_team"], o["source_team"] = u.TeamID, u.TeamID
		}
	}
	if m.broadcast {
		o["subtype"] = "thread_broadcast"
	}
	if len(m.files) > 0 {
		o["subtype"], o["upload"], o["display_as_bot"], o["files"] = "file_share", false, false, s.fileObjsLocked(m.files)
	}
	if m.botID != "" {
		o["bot_id"] = m.botID
		app := "A" + strings.TrimPrefix(m.botID, "B")
		if m.botID == s.cfg.Bot.BotID {
			app = s.cfg.Bot.AppID
		}
		name := m.app.Name
		if u := s.users[m.user]; u != nil && name == "" {
			name = u.Name
		}
		if m.app.As != "" {
			o["username"] = m.app.As
		}
		o["app_id"] = app
		o["bot_profile"] = obj{
			"id": m.botID, "app_id": app, "name": name, "deleted": false, "updated": 1, "team_id": s.cfg.Team.ID,
			"icons": obj{"image_36": "", "image_48": "", "image_72": ""},
		}
	}
	if b := s.translateLocked(m); len(m.rich) > 0 {
		o["blocks"] = m.rich
	} else if len(b) > 0 {
		o["blocks"] = b
	}
	if m.stream != nil { // "completed" is Slack's word; the others are guesses
		o["streaming_state"] = map[StreamState]string{StreamLive: "in_progress", StreamBroken: "errored", StreamStopped: "completed"}[s.streamLocked(m)]
	}
	if len(m.attachments) > 0 {
		o["attachments"] = m.attachments
	}
	if len(m.reactions) > 0 {
		o["reactions"] = reactionObjs(m.reactions)
	}
	if m.edited != "" {
		o["edited"] = obj{"user": m.editor, "ts": m.edited}
	}
	if m.metadata != nil {
		o["metadata"] = obj{"event_type": m.metadata["event_type"]}
		if meta {
			o["metadata"] = m.metadata
		}
	}
	return o
}

// translateLocked returns the blocks that Slack makes of a message: rich_text for a text without
// blocks, and for markdown blocks what they expand to. Every block gets a block_id. That a bot's
// text becomes rich_text, too, is what slack_bolt 1.30 relies on: its thread context store reads
// ["blocks"] of what say("text") posted. The styles of mrkdwn are left out.
func (s *Sim) translateLocked(m *message) []any {
	var out []any
	if len(m.blocks) == 0 && m.text != "" && m.subtype != "bot_message" {
		text := richText(textElements(m.text))
		text["block_id"] = "b0"
		out = append(out, text)
	}
	for _, b := range translateBlocks(m.blocks, "b") {
		out = append(out, b)
	}
	return out
}

// translateBlocks returns the blocks that Slack makes of blocks. One without a block_id gets one
// that begins with prefix.
func translateBlocks(blocks []obj, prefix string) []obj {
	var out []obj
	for _, b := range blocks {
		if b["type"] == "markdown" {
			out = append(out, expandMarkdown(str(b["text"]))...)
			continue
		}
		out = append(out, clone(b))
	}
	for i, b := range out {
		if str(b["block_id"]) == "" {
			b["block_id"] = prefix + strconv.Itoa(i+1)
		}
	}
	return out
}

// inner returns the blocks in a block that holds others.
func inner(b obj) []obj {
	out := objs(b["child_blocks"]) // of a container
	if b["type"] == "carousel" {
		out = objs(b["elements"])
	}
	if b["type"] == "layout" {
		for _, row := range objs(b["rows"]) {
			for _, item := range objs(row["items"]) {
				out = append(out, objs([]any{item["block"]})...)
			}
		}
	}
	return out
}

// clone copies the top level of a block.
func clone(o obj) obj {
	c := make(obj, len(o)+1)
	maps.Copy(c, o)
	return c
}

// str returns a JSON string; empty if v is something else. objs and jsonText read loosely typed
// JSON in the same way.
func str(v any) string {
	t, _ := v.(string)
	return t
}

func objs(v any) []obj {
	switch l := v.(type) {
	case []obj:
		return l
	case []any:
		var out []obj
		for _, e := range l {
			if o, ok := e.(obj); ok {
				out = append(out, o)
			}
		}
		return out
	}
	return nil
}

func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// tsMicro returns a message timestamp such as "1700000000.000200" in microseconds, for comparing; 0
// for a bad one.
func tsMicro(ts string) int64 {
	sec, frac, _ := strings.Cut(ts, ".")
	n, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return 0
	}
	f, err := strconv.ParseInt((frac + "000000")[:6], 10, 64)
	if err != nil {
		f = 0
	}
	return n*1e6 + f
}
