package slacksim

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// The errors that the workspace shows to people. The bot gets error names instead.
var (
	ErrClosed           = errors.New("the workspace is closed")
	ErrUserNotFound     = errors.New("user not found")
	ErrChannelNotFound  = errors.New("channel not found")
	ErrMessageNotFound  = errors.New("message not found")
	ErrNotMember        = errors.New("not a member of the channel")
	ErrNotYours         = errors.New("not your message")
	ErrNoText           = errors.New("no text")
	ErrCommandNotFound  = errors.New("not a valid command")
	ErrNotInDirect      = errors.New("nobody can be invited to a direct message")
	ErrDispatchFailed   = errors.New("failed with the error \"dispatch_failed\"")
	ErrOperationTimeout = errors.New("failed with the error \"operation_timeout\"")
	ErrButtonNotFound   = errors.New("no such button")
	ErrTooLong          = errors.New("the message is too long")
	ErrFull             = errors.New("the emulated workspace is full: start it anew")
)

// Message is a message as somebody in the channel sees it.
type Message struct {
	Channel, TS string
	ThreadTS    string // the thread's parent; empty for a message outside of threads
	User        string
	BotID       string           // not empty: written by a bot
	Text        string           // entity-escaped, as Slack stores it
	Blocks      []map[string]any // as they were sent
	// As they go out: those of the app, and previews of links.
	Attachments []any
	// What a reader reads: the blocks without buttons if there are some, else the text, and what an
	// app attached. Markdown stays as it is.
	Plain     string
	Edited    bool // has the "(edited)" mark
	Deleted   bool
	Metadata  map[string]any
	Ephemeral string // the only user who sees it; empty: everybody
	// Every text that was visible, oldest first; the last is the present one. Of a stream, what its
	// recipient saw.
	Versions []Version

	Files     []map[string]any // file objects, as files.info returns them
	Reactions []Reaction

	Stream StreamState // of a native stream
	// Who sees the stream grow while it is live; empty in direct messages.
	Recipient string
}

// Version is what a message showed from one moment to the next change.
type Version struct {
	At     time.Time
	Plain  string
	Text   string
	Blocks []map[string]any
}

// Buttons returns the action_ids of all that can be pressed or chosen in the message, in order:
// in its blocks, and in those of its attachments.
func (m Message) Buttons() []string {
	var ids []string
	for _, e := range buttons(append(slices.Clone(m.Blocks), attachedBlocks(m.Attachments)...)) {
		ids = append(ids, str(e["action_id"]))
	}
	return ids
}

// Call is one Web API request.
type Call struct {
	Method  string
	At      time.Time         // when it arrived
	Done    time.Time         // when it was answered; zero while it is not
	Args    map[string]string // without the token; nested values as JSON
	OK      bool
	Error   string // Slack's error name, or "http 503"
	Refused bool   // by a limit or a fault; it had no effect
	Carried bool   // it took effect, even if the answer denied that
	Status  int    // HTTP
	// RetryAfter is how many seconds the answer told the bot to wait; 0: it told nothing.
	RetryAfter int
	Result     map[string]any

	seq uint64
}

// Ping is a notification that a message of the bot caused.
type Ping struct {
	Channel, TS string
	// The call that caused it. Slack does not notify for edits; they are listed because they still
	// show a live mention.
	Method string
	Who    string // "here", "channel", "everyone", "U…" or "S…"
}

// Unfurl is a URL that Slack's servers would have fetched.
type Unfurl struct{ Channel, TS, URL string }

// Message returns one message, even a deleted one.
func (s *Sim) Message(channel, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil || c.byTS[ts] == nil {
		return Message{}, false
	}
	return s.viewLocked(c.byTS[ts]), true
}

// MessageFor returns a message as one person sees it now. Of a native stream in a channel, only its
// recipient sees more than the first chunk until it is stopped. Versions are those of the
// recipient.
func (s *Sim) MessageFor(viewer, channel, ts string) (Message, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(viewer)
	if err != nil {
		return Message{}, false
	}
	c, err := s.channelLocked(channel)
	if err != nil || c.byTS[ts] == nil || !c.members[u.ID] {
		return Message{}, false
	}
	return s.viewForLocked(c.byTS[ts], u.ID), true
}

// Channel returns the messages of a channel that are not in threads, oldest first, without deleted
// ones.
func (s *Sim) Channel(channel string) []Message {
	return s.list(channel, func(m *message) bool { return !m.deleted && (m.thread == "" || m.broadcast) })
}

// Thread returns a thread, the parent first, without deleted replies. A deleted parent that has
// replies is included, as Deleted.
func (s *Sim) Thread(channel, ts string) []Message {
	return s.list(channel, func(m *message) bool {
		return m.ts == ts && (!m.deleted || m.tombstone) || m.thread == ts && !m.deleted
	})
}

// Replies returns a thread without its parent.
func (s *Sim) Replies(channel, ts string) []Message {
	return s.list(channel, func(m *message) bool { return m.thread == ts && !m.deleted })
}

func (s *Sim) list(channel string, want func(*message) bool) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		return nil
	}
	var out []Message
	for _, m := range c.messages {
		if want(m) {
			out = append(out, s.viewLocked(m))
		}
	}
	return out
}

// Ephemerals returns what only this user was shown, oldest first.
func (s *Sim) Ephemerals(user string) []Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil {
		return nil
	}
	var out []Message
	for _, m := range s.ephemerals.list {
		if m.ephemeral == u.ID && !m.deleted && !m.unseen {
			out = append(out, s.viewLocked(m))
		}
	}
	return out
}

// Status returns the "is thinking…" line of a thread, or "".
func (s *Sim) Status(channel, threadTS string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		return ""
	}
	return s.status[threadKey{c.ID, threadTS}].now(time.Now())
}

// Calls returns all Web API calls, or those of some methods, in the order of their arrival.
func (s *Sim) Calls(methods ...string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Call
	for _, c := range s.calls.list {
		if len(methods) == 0 || slices.Contains(methods, c.Method) {
			out = append(out, c)
		}
	}
	return out
}

// Notified returns who was, or could have been, notified by the bot's messages. A safe bot causes
// none.
func (s *Sim) Notified() []Ping {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pings.list)
}

// Unfurled returns the URLs that the bot posted without both unfurl flags set to false. A safe bot
// causes none.
func (s *Sim) Unfurled() []Unfurl {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.unfurls.list)
}

// Envelopes returns everything that was sent over sockets, redeliveries too, in order.
func (s *Sim) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Envelope, len(s.envelopes.list))
	for i, e := range s.envelopes.list {
		out[i] = *e
	}
	return out
}

// Sockets returns how many sockets are open.
func (s *Sim) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sockets)
}

// Opened returns how many sockets were ever opened.
func (s *Sim) Opened() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened
}

// viewLocked copies a message for a caller that does not hold the lock. Blocks and metadata are
// never changed in place, so they are shared.
func (s *Sim) viewLocked(m *message) Message { return s.viewForLocked(m, "") }

func (s *Sim) viewForLocked(m *message, viewer string) Message {
	text, blocks, _ := s.shownLocked(m, viewer)
	recipient := ""
	if m.stream != nil && !m.stream.private {
		recipient = m.stream.recipient
	}
	var files []map[string]any
	for _, f := range m.files {
		files = append(files, f.objLocked(s, false))
	}
	return Message{
		Files: files, Stream: s.streamLocked(m), Recipient: recipient,
		Channel: m.channel, TS: m.ts, ThreadTS: m.thread, User: m.user, BotID: m.botID, Text: text, Blocks: blocks,
		Attachments: m.attachments, Plain: s.readLocked(m, text, blocks), Edited: m.edited != "", Deleted: m.deleted, Metadata: maps.Clone(m.metadata), Reactions: m.reactions,
		Ephemeral: m.ephemeral, Versions: slices.Clone(m.versions),
	}
}
