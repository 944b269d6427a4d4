package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Errors that a person with a modal meets.
var (
	ErrViewNotFound  = errors.New("no such view")
	ErrFieldRequired = errors.New("please complete this required field")
	ErrFieldNotFound = errors.New("no such field")
)

// SubmitView fills in the topmost modal of a person and presses its submit button. values has what
// the person enters, by action_id or block_id; several choices are separated by commas. It waits
// for the app's ack, AckTimeout at most, and does what the ack says (response_action). The error is
// a [*ViewError] if the app refuses what was entered.
func (s *Sim) SubmitView(ctx context.Context, user string, values map[string]string) error {
	s.mu.Lock()
	u, m, err := s.topLocked(user)
	var state obj
	if err == nil {
		state, err = s.formStateLocked(objs(m.view["blocks"]), m.chosen, values)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	m.chosen = state // what was entered stays in the form if the app refuses it
	payload := s.viewPayloadLocked("view_submission", u, m, state)
	payload["response_urls"], payload["trigger_id"] = []any{}, s.triggerLocked(u.ID)
	d := &delivery{kind: "interactive", typ: "interactive", accepts: true, answer: make(chan json.RawMessage, 1), payload: []byte(jsonText(payload))}
	s.mu.Unlock()
	ack, err := s.ask(ctx, d)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.submittedLocked(u.ID, m, ack)
}

// submittedLocked does what the ack of a submission says.
func (s *Sim) submittedLocked(user string, m *modal, ack json.RawMessage) error {
	var do struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   json.RawMessage   `json:"view"`
	}
	if len(ack) > 0 && string(ack) != `""` {
		if err := json.Unmarshal(ack, &do); err != nil {
			return fmt.Errorf("%w: the app's answer to the form is not JSON that Slack takes: %w", ErrDispatchFailed, err)
		}
	}
	stack := s.modals[user]
	at := slices.IndexFunc(stack, func(o *modal) bool { return o.id == m.id })
	if at < 0 {
		return nil // the app closed or replaced it meanwhile
	}
	var no *refusal
	switch do.Action {
	case "":
		s.modals[user] = stack[:at]
	case "clear":
		delete(s.modals, user)
	case "errors":
		return &ViewError{Errors: do.Errors}
	case "update":
		var next *modal
		if next, no = s.newModalLocked(string(do.View), stack[at], stack[:at]); no == nil {
			s.modals[user] = append(slices.Clone(stack[:at]), next)
		}
	case "push":
		_, no = s.pushModalLocked(user, string(do.View))
	default:
		no = refuse("response_action " + do.Action)
	}
	s.touchLocked()
	if no != nil {
		return fmt.Errorf("%w: the answer to the form was refused: %s %s", ErrDispatchFailed, no.name, jsonText(no.extra["errors"]))
	}
	return nil
}

// CloseView closes the topmost modal of a person, or all of them if it says clear_on_close. The app
// gets view_closed if it asked for that (notify_on_close).
func (s *Sim) CloseView(ctx context.Context, user string) error {
	s.mu.Lock()
	u, m, err := s.topLocked(user)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	cleared, _ := m.view["clear_on_close"].(bool)
	if cleared {
		delete(s.modals, u.ID)
	} else {
		s.modals[u.ID] = s.modals[u.ID][:len(s.modals[u.ID])-1]
	}
	s.touchLocked()
	notify, _ := m.view["notify_on_close"].(bool)
	payload := s.viewPayloadLocked("view_closed", u, m, obj{})
	payload["is_cleared"] = cleared
	d := &delivery{kind: "interactive", typ: "interactive", answer: make(chan json.RawMessage, 1), payload: []byte(jsonText(payload))}
	s.mu.Unlock()
	if !notify {
		return nil
	}
	_, err = s.ask(ctx, d)
	return err
}

// ClickView presses a button of the topmost modal of a person and waits for the app's ack,
// AckTimeout at most. The value may be empty.
func (s *Sim) ClickView(ctx context.Context, user, actionID, value string) error {
	s.mu.Lock()
	u, m, err := s.topLocked(user)
	var p press
	if err == nil {
		if p, err = s.pressLocked(objs(m.view["blocks"]), u, actionID, value, m.chosen); err == nil {
			m.chosen = p.state
		}
	}
	if err != nil || p.silent {
		s.mu.Unlock()
		return err
	}
	d := s.pressInViewLocked(u, p, m.id, m.view)
	s.mu.Unlock()
	_, err = s.ask(ctx, d)
	return err
}

func (s *Sim) viewPayloadLocked(typ string, u *User, m *modal, state obj) obj {
	view := clone(m.view)
	view["state"] = obj{"values": state}
	return obj{
		"type": typ, "token": "slacksim", "api_app_id": s.cfg.Bot.AppID, "view": view,
		"user": obj{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID},
		"team": obj{"id": s.cfg.Team.ID, "domain": s.cfg.Team.Domain}, "enterprise": nil, "is_enterprise_install": false,
	}
}
