package slacksim

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// The limits on reactions. Slack publishes the errors (too_many_emoji, too_many_reactions), and the
// figures only in its help pages: a guess.
const (
	maxEmoji     = 50 // different ones on a message
	maxUserEmoji = 23 // of one person on a message
)

// emojiName is what we take for the name of an emoji. Slack knows which ones exist; we do not.
var emojiName = regexp.MustCompile(`^[a-z0-9_'+-]+(?:::skin-tone-[2-6])?$`)

// Reaction is an emoji under a message, with those who chose it, in order.
type Reaction struct {
	Name  string
	Users []string
}

// React adds a person's reaction to a message. The app gets reaction_added if it subscribes to it.
func (s *Sim) React(user, channel, ts, emoji string) error {
	return s.reactAs(user, channel, ts, emoji, (*Sim).reactLocked)
}

// Unreact removes a person's reaction. The app gets reaction_removed.
func (s *Sim) Unreact(user, channel, ts, emoji string) error {
	return s.reactAs(user, channel, ts, emoji, (*Sim).unreactLocked)
}

func (s *Sim) reactAs(user, channel, ts, emoji string, do func(*Sim, *channel, *message, string, string) *refusal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c, err := s.memberLocked(user, channel)
	if err != nil {
		return err
	}
	m := c.find(ts)
	if m == nil {
		return fmt.Errorf("%w: %s", ErrMessageNotFound, ts)
	}
	if no := do(s, c, m, u.ID, strings.Trim(emoji, ":")); no != nil {
		return fmt.Errorf("react with %s: %s", emoji, no.name)
	}
	return nil
}

// reactedLocked returns the message that a call of reactions.* is about. A bot reacts where it can
// read, and does not have to be a member of a public channel.
func (s *Sim) reactedLocked(c *call) (*channel, *message, *refusal) {
	ch := s.channels[c.args["channel"]]
	switch {
	case !s.visibleLocked(ch):
		return nil, nil, refuse("channel_not_found")
	case tsMicro(c.args["timestamp"]) == 0:
		return nil, nil, refuse("bad_timestamp")
	}
	m := ch.find(c.args["timestamp"])
	if m == nil {
		return nil, nil, refuse("message_not_found")
	}
	return ch, m, nil
}

func (s *Sim) reactionsAddLocked(c *call) (obj, *refusal) {
	ch, m, no := s.reactedLocked(c)
	if no == nil {
		no = s.reactLocked(ch, m, s.cfg.Bot.UserID, strings.Trim(c.args["name"], ":"))
	}
	return obj{}, no
}

func (s *Sim) reactionsRemoveLocked(c *call) (obj, *refusal) {
	ch, m, no := s.reactedLocked(c)
	if no == nil {
		no = s.unreactLocked(ch, m, s.cfg.Bot.UserID, strings.Trim(c.args["name"], ":"))
	}
	return obj{}, no
}

func (s *Sim) reactionsGetLocked(c *call) (obj, *refusal) {
	ch, m, no := s.reactedLocked(c)
	if no != nil {
		return nil, no
	}
	o := s.messageLocked(ch, m, false)
	o["permalink"] = s.permalinkOfLocked(ch, m)
	return obj{"type": "message", "channel": ch.ID, "message": o}, nil
}

func (s *Sim) reactLocked(c *channel, m *message, user, name string) *refusal {
	if !emojiName.MatchString(name) {
		return refuse("invalid_name")
	}
	at, own := -1, 0
	for i, r := range m.reactions {
		mine := slices.Contains(r.Users, user)
		switch {
		case mine && r.Name == name:
			return refuse("already_reacted")
		case r.Name == name:
			at = i
		}
		if mine {
			own++
		}
	}
	switch {
	case own >= maxUserEmoji:
		return refuse("too_many_reactions")
	case at < 0 && len(m.reactions) >= maxEmoji:
		return refuse("too_many_emoji")
	}
	m.reactions = slices.Clone(m.reactions)
	if at < 0 {
		m.reactions = append(m.reactions, Reaction{Name: name, Users: []string{user}})
	} else {
		m.reactions[at].Users = append(slices.Clone(m.reactions[at].Users), user)
	}
	s.reactionEventLocked("reaction_added", c, m, user, name)
	return nil
}

func (s *Sim) unreactLocked(c *channel, m *message, user, name string) *refusal {
	for i, r := range m.reactions {
		if r.Name != name || !slices.Contains(r.Users, user) {
			continue
		}
		left := slices.DeleteFunc(slices.Clone(r.Users), func(id string) bool { return id == user })
		m.reactions = slices.Clone(m.reactions)
		if m.reactions[i].Users = left; len(left) == 0 {
			m.reactions = slices.Delete(m.reactions, i, i+1)
		}
		s.reactionEventLocked("reaction_removed", c, m, user, name)
		return nil
	}
	return refuse("no_reaction")
}

func (s *Sim) reactionEventLocked(typ string, c *channel, m *message, user, name string) {
	m.rev = s.touchLocked()
	s.eventLocked(typ, "reactions:read", c, obj{
		"type": typ, "user": user, "reaction": name, "item_user": m.user, "event_ts": s.nextTSLocked(),
		"item": obj{"type": "message", "channel": c.ID, "ts": m.ts},
	})
}

// reactionObjs returns reactions as the Web API shows them.
func reactionObjs(list []Reaction) []any {
	out := make([]any, 0, len(list))
	for _, r := range list {
		out = append(out, obj{"name": r.Name, "users": r.Users, "count": len(r.Users)})
	}
	return out
}
