package slacksim

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits on native streams (facts: slack.md §2.1, §2.3).
const (
	// StreamFor is how long a stream lives from its start, whatever is appended. Others measured
	// 5.2 to 5.3 minutes.
	StreamFor = 5*time.Minute + 12*time.Second
	// StreamBytes is how much text one stream takes, in UTF-8 bytes. Others measured 10.6 to 11.3
	// KB.
	StreamBytes = 10_600

	maxStreamText = 12_000 // characters of one stream, and of one markdown_text
	maxTaskText   = 256    // characters of the fields of tasks and plans
)

// StreamState is the state of a native stream.
type StreamState string

// The states of a stream. A message that was never a stream has the empty state.
const (
	StreamLive StreamState = "live"
	// StreamBroken is a stream that expired before it was stopped. It goes on looking unfinished.
	StreamBroken  StreamState = "broken"
	StreamStopped StreamState = "stopped" // stopped, or rewritten after it broke
)

// stream is the native stream that a message is or was.
type stream struct {
	recipient string
	private   bool   // in a direct message, where everybody is the recipient
	mode      string // "text" or "chunks": fixed by the first payload
	started   time.Time
	state     StreamState
	text      strings.Builder // all Markdown
	chars     int
	blocks    int   // of the chunks so far
	first     []obj // what others see until the end, as blocks and as text
	firstText string
	byUser    bool // the recipient pressed Slack's stop button
	pinged    int  // pings of the text that were recorded
	ended     chan struct{}
}

// streamLocked returns the state, and records an expiry.
func (s *Sim) streamLocked(m *message) StreamState {
	st := m.stream
	if st == nil {
		return ""
	}
	if st.state == StreamLive && time.Since(st.started) >= StreamFor {
		st.state = StreamBroken
		close(st.ended)
		m.rev = s.touchLocked()
	}
	return st.state
}

// shownLocked returns what one person sees of a message. Only the recipient of a stream sees it
// grow; the others see its first chunk until it ends (facts: slack.md §2.4). An empty viewer sees
// what the recipient sees.
func (s *Sim) shownLocked(m *message, viewer string) (text string, blocks []obj, all bool) {
	state := s.streamLocked(m)
	if viewer == "" || state == "" || state == StreamStopped || m.stream.private || viewer == m.stream.recipient {
		return m.text, m.blocks, true
	}
	return m.stream.firstText, m.stream.first, false
}

func (s *Sim) startStreamLocked(c *call) (obj, *refusal) {
	ch, no := s.botChannelLocked(c.args["channel"])
	if no != nil {
		return nil, no
	}
	// Newer pages of Slack's document streams outside of threads in channels; nobody has seen one
	// (facts: slack.md §9).
	root := ch.root(c.args["thread_ts"])
	if root == "" {
		return nil, refuse("invalid_thread_ts")
	}
	who := c.args["recipient_user_id"]
	if ch.im == "" {
		switch {
		case who == "":
			return nil, refuse("missing_recipient_user_id")
		case c.args["recipient_team_id"] == "":
			return nil, refuse("missing_recipient_team_id")
		}
	}
	// In an organisation the team must be the person's own. That Slack refuses a wrong one in this
	// way is a guess.
	if u := s.users[who]; who != "" && (u == nil || c.args["recipient_team_id"] != "" && c.args["recipient_team_id"] != u.TeamID) {
		return nil, refuse("user_not_found")
	}
	if mode := c.args["task_display_mode"]; mode != "" && !slices.Contains([]string{"timeline", "plan", "dense"}, mode) {
		return nil, refuse("invalid_arguments")
	}
	m := &message{
		user: s.cfg.Bot.UserID, botID: s.cfg.Bot.BotID, thread: root, noUnfurl: true, // as streams are
		stream: &stream{recipient: who, private: ch.im != "", started: time.Now(), state: StreamLive, ended: make(chan struct{})},
	}
	in, no := parseStreamInput(c)
	if no == nil {
		no = s.growLocked(m, in)
	}
	if no != nil {
		return nil, no
	}
	s.addLocked(ch, m)
	s.watchStreamLocked(c, m)
	delete(s.status, threadKey{ch.ID, root})
	s.newMessageEventsLocked(ch, m)
	s.goLocked(func() { s.expire(m) })
	return obj{"channel": ch.ID, "ts": m.ts}, nil
}

// expire breaks a stream that nobody stops in time.
func (s *Sim) expire(m *message) {
	t := time.NewTimer(StreamFor - time.Since(m.stream.started))
	defer t.Stop()
	select {
	case <-t.C:
	case <-m.stream.ended:
	case <-s.done:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streamLocked(m)
}

// liveLocked returns a stream that the bot may go on writing.
func (s *Sim) liveLocked(c *call) (*channel, *message, *refusal) {
	ch, m, no := s.ownLocked(c, "message_not_owned_by_app")
	if no != nil {
		return nil, nil, no
	}
	if s.streamLocked(m) != StreamLive {
		return nil, nil, refuse("message_not_in_streaming_state")
	}
	return ch, m, nil
}

func (s *Sim) appendStreamLocked(c *call) (obj, *refusal) {
	ch, m, no := s.liveLocked(c)
	if no != nil {
		return nil, no
	}
	if m.stream.byUser {
		return nil, refuse("stopped_by_user")
	}
	in, no := parseStreamInput(c)
	if no != nil {
		return nil, no
	}
	if in.mode == "" {
		return nil, refuse("no_text")
	}
	if no := s.growLocked(m, in); no != nil {
		return nil, no
	}
	s.changedLocked(m)
	s.watchStreamLocked(c, m)
	return obj{"channel": ch.ID, "ts": m.ts}, nil
}

// stopStreamLocked ends a stream. It appends what the stop carries, and replaces nothing.
func (s *Sim) stopStreamLocked(c *call) (obj, *refusal) {
	ch, m, no := s.liveLocked(c)
	if no != nil {
		return nil, no
	}
	in, no := parseStreamInput(c)
	if no != nil {
		return nil, no
	}
	var end []obj
	if raw := c.args["blocks"]; raw != "" && raw != "null" {
		if err := json.Unmarshal([]byte(raw), &end); err != nil {
			return nil, refuse("invalid_blocks_format")
		}
		if len(end) > maxBlocks {
			return nil, refuse("msg_blocks_too_many")
		}
		if no := s.validateLocked(end); no != nil {
			return nil, no
		}
	}
	meta, no := parseMetadata(c.args["metadata"])
	if no != nil {
		return nil, no
	}
	if status := c.args["session_status"]; status != "" && !sessionStatus(status) {
		return nil, refuse("invalid_arguments")
	}
	if no := s.growLocked(m, in); no != nil {
		return nil, no
	}
	before := s.messageLocked(ch, m, true)
	m.blocks = slices.Concat(m.blocks, end)
	if meta != nil {
		m.metadata = meta
	}
	if status := c.args["session_status"]; status != "" && s.cfg.Agent {
		s.noteSessionLocked(threadKey{ch.ID, m.thread}, status)
	}
	m.stream.state = StreamStopped
	close(m.stream.ended)
	s.changedLocked(m)
	s.watchStreamLocked(c, m)
	after := s.messageLocked(ch, m, true)
	s.messageEventLocked(ch, obj{"type": "message", "subtype": "message_changed", "hidden": true, "message": after, "previous_message": before})
	return obj{"channel": ch.ID, "ts": m.ts, "message": s.messageLocked(ch, m, true)}, nil
}

// watchStreamLocked is watchLocked for text that grows: it records nothing twice.
func (s *Sim) watchStreamLocked(c *call, m *message) {
	who := pingsIn("", m.blocks, false)
	for _, w := range who[min(m.stream.pinged, len(who)):] {
		s.pings.add(Ping{Channel: m.channel, TS: m.ts, Method: c.method, Who: w}, len(w))
	}
	m.stream.pinged = len(who)
}

// streamInput is what one call adds to a stream. mode is empty if it adds nothing.
type streamInput struct {
	mode   string
	chunks []obj
}

// parseStreamInput reads markdown_text or chunks. Slack refuses both at once; with which error is a
// guess. An empty list adds nothing: Slack's own helpers, chatStream of @slack/web-api 8.2 and
// chat_stream of slack_sdk 3.48, end every stream with one if no text is left over.
func parseStreamInput(c *call) (streamInput, *refusal) {
	text, given := c.args["markdown_text"]
	raw := c.args["chunks"]
	hasChunks := raw != "" && raw != "null"
	switch {
	case given && text != "" && hasChunks:
		return streamInput{}, refuse("markdown_text_conflict")
	case hasChunks:
		var chunks []obj
		if err := json.Unmarshal([]byte(raw), &chunks); err != nil {
			return streamInput{}, refuse("invalid_chunks")
		}
		if len(chunks) == 0 {
			return streamInput{}, nil
		}
		return streamInput{"chunks", chunks}, nil
	case given && text != "":
		if utf8.RuneCountInString(text) > maxStreamText {
			return streamInput{}, refuse("msg_too_long")
		}
		return streamInput{"text", []obj{{"type": "markdown_text", "text": text}}}, nil
	}
	return streamInput{}, nil
}

// growLocked appends to a stream: everything, or nothing if it refuses.
func (s *Sim) growLocked(m *message, in streamInput) *refusal {
	st := m.stream
	if in.mode == "" {
		return nil
	}
	if st.mode != "" && st.mode != in.mode {
		return refuse("streaming_mode_mismatch")
	}
	blocks, text, count := slices.Clone(m.blocks), "", st.blocks
	for _, ch := range in.chunks {
		switch ch["type"] {
		case "markdown_text":
			t, ok := ch["text"].(string)
			if !ok {
				return refuse("invalid_chunks")
			}
			text += t
			blocks = appendMarkdown(blocks, t)
		case "task_update":
			if !goodTask(ch) {
				return refuse("invalid_chunks")
			}
			blocks = setTask(blocks, ch)
		case "plan_update":
			title := str(ch["title"])
			if title == "" || utf8.RuneCountInString(title) > maxTaskText {
				return refuse("invalid_chunks")
			}
			blocks = setPlan(blocks, title)
		case "blocks":
			list := objs(ch["blocks"])
			if count += len(list); count > maxBlocks {
				return refuse("msg_blocks_too_many")
			}
			if no := s.validateLocked(list); no != nil {
				return no
			}
			blocks = append(blocks, list...)
		default:
			return refuse("invalid_chunks")
		}
	}
	chars := st.chars + utf8.RuneCountInString(text)
	if chars > maxStreamText || st.text.Len()+len(text) > StreamBytes {
		return refuse("msg_too_long")
	}
	// That a stream is refused for a table, and with this error, is a guess.
	for _, b := range blocks {
		if b["type"] == "markdown" {
			if bad := s.checkTables(str(b["text"]), "/markdown_text"); bad != nil {
				return invalidBlocks(bad...)
			}
		}
	}
	st.mode, st.chars, st.blocks = in.mode, chars, count
	st.text.WriteString(text)
	m.blocks, m.text = blocks, escapeFree(st.text.String())
	if st.first == nil {
		st.first, st.firstText = blocks, m.text
	}
	return nil
}

// appendMarkdown extends the Markdown block at the end, or begins one. Blocks are never changed in
// place.
func appendMarkdown(blocks []obj, text string) []obj {
	if n := len(blocks); n > 0 && blocks[n-1]["type"] == "markdown" {
		blocks[n-1] = obj{"type": "markdown", "text": str(blocks[n-1]["text"]) + text}
		return blocks
	}
	if text == "" {
		return blocks
	}
	return append(blocks, obj{"type": "markdown", "text": text})
}

func goodTask(ch obj) bool {
	if str(ch["id"]) == "" || str(ch["title"]) == "" {
		return false
	}
	for _, k := range []string{"id", "title", "details", "output"} {
		if utf8.RuneCountInString(str(ch[k])) > maxTaskText {
			return false
		}
	}
	return slices.Contains([]string{"", "pending", "in_progress", "complete", "error"}, str(ch["status"]))
}

// setTask shows a task in place of its earlier state.
func setTask(blocks []obj, ch obj) []obj {
	card := clone(ch)
	card["type"], card["task_id"] = "task_card", ch["id"]
	delete(card, "id")
	if i := slices.IndexFunc(blocks, func(b obj) bool { return b["type"] == "task_card" && b["task_id"] == ch["id"] }); i >= 0 {
		merged := clone(blocks[i])
		maps.Copy(merged, card)
		blocks[i] = merged
		return blocks
	}
	return append(blocks, card)
}

// setPlan shows the title above the tasks.
func setPlan(blocks []obj, title string) []obj {
	plan := obj{"type": "plan", "title": title}
	if i := slices.IndexFunc(blocks, func(b obj) bool { return b["type"] == "plan" }); i >= 0 {
		blocks[i] = plan
		return blocks
	}
	return slices.Insert(blocks, 0, plan)
}
