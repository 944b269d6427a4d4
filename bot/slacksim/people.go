package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Say writes a message as a person (id or name) into a channel (id, "#name", name, or "@name" for
// the direct messages of that person with the bot), and into a thread if threadTS is not empty. As
// in Slack's composer, "@name" and "#name" become mentions and links are marked; tokens such as
// <@U…> may be written too. It returns the message's timestamp and does not block. It panics if
// the person or the channel does not exist or the person is not in it, for the test's script is
// wrong then.
func (s *Sim) Say(user, channel, threadTS, text string) string {
	ts, err := s.say(user, channel, threadTS, text)
	if err != nil {
		panic(err)
	}
	return ts
}

func (s *Sim) say(user, channel, threadTS, text string, files ...Upload) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c, err := s.memberLocked(user, channel)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(text) == "" && len(files) == 0 {
		return "", ErrNoText
	}
	return s.postLocked(Post{User: u.ID, Channel: c.ID, ThreadTS: threadTS, Text: text, Files: files})
}

// Edit changes a person's own message. The app gets message_changed, and app_mention again (with
// "edited" and the same ts) if the bot is mentioned. Whether Slack sends that for a mention that
// was not there before is unknown; we send it.
func (s *Sim) Edit(user, channel, ts, text string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, m, err := s.mineLocked(user, channel, ts)
	if err != nil {
		return err
	}
	if strings.TrimSpace(text) == "" && len(m.files) == 0 {
		return ErrNoText
	}
	before := s.messageLocked(c, m, true)
	m.text, m.edited, m.editor = s.typedLocked(text), s.nextTSLocked(), m.user
	s.changedLocked(m)
	s.messageEventLocked(c, obj{
		"type": "message", "subtype": "message_changed", "hidden": true,
		"message": s.messageLocked(c, m, true), "previous_message": before,
	})
	if s.mentionedLocked(c, m) {
		s.mentionEventLocked(c, m)
	}
	return nil
}

// UnfurlLink does what Slack does some time after somebody wrote a link: it adds a preview to the
// message. Of a link to a message, the preview shows that message. The app gets a message_changed
// in which neither text nor "edited" changed. It returns ErrNoText if the message has no link.
func (s *Sim) UnfurlLink(channel, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		return err
	}
	m := c.find(ts)
	if m == nil {
		return fmt.Errorf("%w: %s", ErrMessageNotFound, ts)
	}
	links := urlsIn(m.text, m.blocks)
	if len(links) == 0 {
		return fmt.Errorf("%w: a link", ErrNoText)
	}
	before := s.messageLocked(c, m, true)
	m.attachments = slices.Clone(m.attachments)
	for i, l := range links {
		preview := obj{"id": i + 1, "from_url": l, "original_url": l, "title": l, "fallback": l, "service_name": "web", "text": "What stands at " + l}
		if from, what := s.linkedLocked(l); what != nil { // of a message of ours, the message
			preview = s.quotedLocked(from, what, l)
			preview["id"] = i + 1
		}
		m.attachments = append(m.attachments, preview)
	}
	s.changedLocked(m)
	s.messageEventLocked(c, obj{
		"type": "message", "subtype": "message_changed", "hidden": true,
		"message": s.messageLocked(c, m, true), "previous_message": before,
	})
	return nil
}

// Delete removes a person's own message. A message with replies stays as a tombstone.
func (s *Sim) Delete(user, channel, ts string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, m, err := s.mineLocked(user, channel, ts)
	if err == nil {
		s.removeLocked(c, m)
	}
	return err
}

func (s *Sim) memberLocked(user, in string) (*User, *channel, error) {
	u, err := s.userLocked(user)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.channelLocked(in)
	if err != nil {
		return nil, nil, err
	}
	if !c.members[u.ID] {
		return nil, nil, fmt.Errorf("%w: %s, %s", ErrNotMember, u.Name, in)
	}
	return u, c, nil
}

func (s *Sim) mineLocked(user, in, ts string) (*channel, *message, error) {
	u, c, err := s.memberLocked(user, in)
	if err != nil {
		return nil, nil, err
	}
	m := c.find(ts)
	switch {
	case m == nil:
		return nil, nil, fmt.Errorf("%w: %s", ErrMessageNotFound, ts)
	case m.user != u.ID:
		return nil, nil, fmt.Errorf("%w: %s", ErrNotYours, ts)
	}
	return c, m, nil
}

// Invite makes the bot a member of a channel and tells the app so (member_joined_channel).
func (s *Sim) Invite(channel string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		return err
	}
	s.joinedLocked(c)
	return nil
}

func (s *Sim) joinedLocked(c *channel) {
	c.members[s.cfg.Bot.UserID], c.NoBot, c.invited = true, false, true
	s.touchLocked()
	s.eventLocked("member_joined_channel", c.family()+":read", c, obj{
		"type": "member_joined_channel", "user": s.cfg.Bot.UserID,
		"channel": c.ID, "channel_type": strings.ToUpper(c.ID[:1]), "team": s.cfg.Team.ID, "event_ts": s.nextTSLocked(),
	})
}

// inviteBy is Slack's own /invite with the bot's name, typed by a member of a channel.
func (s *Sim) inviteBy(user, channel string) error {
	s.mu.Lock()
	_, c, err := s.memberLocked(user, channel)
	s.mu.Unlock()
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(c.ID, "D"):
		return ErrNotInDirect
	}
	return s.Invite(channel)
}

// Command types a slash command and waits for the app's ack, AckTimeout at most. It returns what
// the ack showed to the person: the zero Message if the ack was empty, or showed it to the whole
// channel. What the app sends to the response_url later is in Ephemerals or in the channel. The
// errors are what a person would read: ErrCommandNotFound, ErrDispatchFailed (no socket is open),
// ErrOperationTimeout (no ack in time).
func (s *Sim) Command(ctx context.Context, user, channel, command, text string) (Message, error) {
	s.mu.Lock()
	u, c, err := s.memberLocked(user, channel)
	if err != nil {
		s.mu.Unlock()
		return Message{}, err
	}
	known := false
	for _, cmd := range s.cfg.Commands {
		known = known || cmd == command
	}
	// People of other organisations cannot use slash commands in shared channels (facts: slack.md
	// §5.3).
	if !known || u.TeamID != s.cfg.Team.ID || !s.scopeLocked("commands") {
		s.mu.Unlock()
		return Message{}, fmt.Errorf("%s is %w", command, ErrCommandNotFound)
	}
	name := c.Name
	if c.im != "" {
		name = "directmessage"
	}
	trigger := s.triggerLocked(u.ID)
	d := &delivery{kind: "slash_commands", typ: "slash_commands", accepts: true, answer: make(chan json.RawMessage, 1), payload: []byte(jsonText(obj{
		"token": "slacksim", "team_id": s.cfg.Team.ID, "team_domain": s.cfg.Team.Domain, "channel_id": c.ID, "channel_name": name,
		"user_id": u.ID, "user_name": u.Name, "command": command, "text": text, "api_app_id": s.cfg.Bot.AppID,
		"is_enterprise_install": "false", "response_url": s.responseURLLocked(c.ID, u.ID, ""), "trigger_id": trigger,
	}))}
	s.mu.Unlock()
	payload, err := s.ask(ctx, d)
	if err != nil {
		return Message{}, err
	}
	m, no := s.respond(payload, c.ID, u.ID, "")
	if no != nil {
		return Message{}, fmt.Errorf("%w: the answer was refused: %s", ErrDispatchFailed, no.name)
	}
	return m, nil
}

// ask sends a command or a click and waits for its ack.
func (s *Sim) ask(ctx context.Context, d *delivery) (json.RawMessage, error) {
	s.mu.Lock()
	if len(s.sockets) == 0 {
		s.mu.Unlock()
		return nil, ErrDispatchFailed
	}
	s.dispatchLocked(d)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forgetLocked(d)
	}()
	t := time.NewTimer(AckTimeout)
	defer t.Stop()
	select {
	case p := <-d.answer:
		return p, nil
	case <-t.C:
		return nil, ErrOperationTimeout
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-s.done:
		return nil, ErrClosed
	}
}

func (s *Sim) scopeLocked(scope string) bool {
	return slices.Contains(s.cfg.Scopes, scope)
}
