package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
)

// Click presses a button of a message, or of an ephemeral message that the person sees, and waits
// for the app's ack, AckTimeout at most. Of feedback_buttons it presses the positive one;
// ClickValue presses the other.
func (s *Sim) Click(ctx context.Context, user, channel, ts, actionID string) error {
	return s.ClickValue(ctx, user, channel, ts, actionID, "")
}

// ClickValue is like Click, for the button with this action_id and this value, such as one of the
// two of feedback_buttons. Of a menu, a picker, radio buttons or checkboxes it chooses the value:
// of options by their value or by what people read, of people and channels by id or name, of a date
// as 2026-12-24, of a time as 08:30, of both in Unix seconds; of several, all of them, with commas
// between. The error is an [ErrFieldNotFound] if that cannot be chosen. An input that does not
// dispatch its action tells the app nothing; what was entered comes with the next action's state.
func (s *Sim) ClickValue(ctx context.Context, user, channel, ts, actionID, value string) error {
	s.mu.Lock()
	u, c, err := s.memberLocked(user, channel)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	m := c.find(ts)
	for _, e := range s.ephemerals.list {
		if e.ts == ts && e.ephemeral == u.ID && !e.deleted && !e.unseen {
			m = e
		}
	}
	var p press
	err = fmt.Errorf("%w: %s", ErrButtonNotFound, actionID)
	if m != nil {
		_, blocks, _ := s.shownLocked(m, u.ID)
		blocks = translateBlocks(blocks, "b")
		if m.botID == s.cfg.Bot.BotID { // what another app attached is not for this one
			blocks = append(blocks, attachedBlocks(m.attachments)...)
		}
		if p, err = s.pressLocked(blocks, u, actionID, value, m.chosen[u.ID]); err == nil {
			m.chosen = with(m.chosen, u.ID, p.state)
		}
	}
	if err != nil || p.silent {
		s.mu.Unlock()
		return err
	}
	container := obj{"type": "message", "message_ts": ts, "channel_id": c.ID, "is_ephemeral": m.ephemeral != ""}
	if m.thread != "" {
		container["thread_ts"] = m.thread
	}
	name := c.Name
	if c.im != "" {
		name = "directmessage"
	}
	payload := s.interactionLocked(u, p.action)
	payload["container"], payload["channel"], payload["state"] = container, obj{"id": c.ID, "name": name}, obj{"values": p.state}
	// One that only this person sees is in no history, and comes without its content.
	if m.ephemeral == "" {
		payload["message"] = s.messageLocked(c, m, true)
	}
	payload["response_url"] = s.responseURLLocked(c.ID, u.ID, ts)
	d := &delivery{kind: "interactive", typ: "interactive", answer: make(chan json.RawMessage, 1), payload: []byte(jsonText(payload))}
	s.mu.Unlock()
	_, err = s.ask(ctx, d)
	return err
}

// interactionLocked returns what all block_actions have in common.
func (s *Sim) interactionLocked(u *User, action obj) obj {
	return obj{
		"type": "block_actions", "token": "slacksim", "api_app_id": s.cfg.Bot.AppID, "trigger_id": s.triggerLocked(u.ID),
		"user": obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID},
		"team": obj{"id": s.cfg.Team.ID, "domain": s.cfg.Team.Domain}, "enterprise": nil, "is_enterprise_install": false,
		"actions": []any{action},
	}
}
