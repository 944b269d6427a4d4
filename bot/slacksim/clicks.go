package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
)

// Click presses a button of a message, or of an ephemeral message that the person sees, and waits
// for the app's ack, AckTimeout at most. Of feedback_buttons it presses the positive one;
// ClickValue chooses.
func (s *Sim) Click(ctx context.Context, user, channel, ts, actionID string) error {
	return s.ClickValue(ctx, user, channel, ts, actionID, "")
}

// ClickValue is like Click, for the button with this action_id and this value, such as one of the
// two of feedback_buttons.
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
	var action obj
	if m != nil {
		_, blocks, _ := s.shownLocked(m, u.ID)
		action = s.actionLocked(translateBlocks(blocks), actionID, value)
	}
	if action != nil && !shownTo(action, u.ID) {
		action = nil
	}
	if action == nil {
		s.mu.Unlock()
		return fmt.Errorf("%w: %s", ErrButtonNotFound, actionID)
	}
	container := obj{"type": "message", "message_ts": ts, "channel_id": c.ID, "is_ephemeral": m.ephemeral != ""}
	if m.thread != "" {
		container["thread_ts"] = m.thread
	}
	name := c.Name
	if c.im != "" {
		name = "directmessage"
	}
	payload := s.interactionLocked(u, action)
	payload["container"], payload["channel"] = container, obj{"id": c.ID, "name": name}
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
		"state": obj{"values": obj{}}, "actions": []any{action},
	}
}

// actionLocked finds a button and returns what the app gets for a press; nil if there is none.
func (s *Sim) actionLocked(blocks []obj, actionID, value string) obj {
	for _, e := range buttons(blocks) {
		if str(e["action_id"]) != actionID {
			continue
		}
		action := maps.Clone(e)
		if e["type"] == "feedback_buttons" {
			var chosen obj
			for _, k := range []string{"positive_button", "negative_button"} {
				if o, ok := e[k].(obj); ok && chosen == nil && (value == "" || str(o["value"]) == value) {
					chosen = o
				}
				delete(action, k)
			}
			if chosen == nil {
				continue
			}
			action["text"], action["value"] = chosen["text"], chosen["value"]
		} else if value != "" && str(e["value"]) != value {
			continue
		}
		delete(action, "confirm")
		delete(action, "accessibility_label")
		action["action_ts"] = s.nextTSLocked()
		return action
	}
	return nil
}

// buttons returns the interactive elements of blocks.
func buttons(blocks []obj) []obj {
	var out []obj
	for _, b := range blocks {
		for _, e := range append(objs(b["elements"]), objs([]any{b["accessory"]})...) {
			if id := str(e["action_id"]); strings.TrimSpace(id) != "" {
				e = maps.Clone(e)
				e["block_id"] = b["block_id"]
				out = append(out, e)
			}
		}
	}
	return out
}
