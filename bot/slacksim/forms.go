package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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
		state, err = formState(objs(m.view["blocks"]), values)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
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
		if next, no = s.newModalLocked(string(do.View), m.id, stack[:at]); no == nil {
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
	var action obj
	if err == nil {
		if action = s.actionLocked(objs(m.view["blocks"]), actionID, value); action == nil {
			err = fmt.Errorf("%w: %s", ErrButtonNotFound, actionID)
		}
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	d := s.pressInViewLocked(u, action, m.id, m.view)
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

// formState returns what a person entered as Slack reports it: by block_id and action_id. It fails
// if a field is missing or unknown, as Slack's own form does.
func formState(blocks []obj, values map[string]string) (obj, error) {
	state, left := obj{}, maps.Clone(values)
	var known []string
	for _, b := range blocks {
		if b["type"] != "input" {
			continue
		}
		e, _ := b["element"].(obj)
		block, action := str(b["block_id"]), str(e["action_id"])
		known = append(known, block+"/"+action)
		value, given := left[action]
		if given {
			delete(left, action)
		} else if value, given = left[block]; given {
			delete(left, block)
		}
		optional, _ := b["optional"].(bool)
		got, err := elementState(e, value, given)
		if err != nil {
			return nil, err
		}
		if !optional && !given && !hasInitial(e) {
			return nil, fmt.Errorf("%w: %s", ErrFieldRequired, block+"/"+action)
		}
		state[block] = obj{action: got}
	}
	for _, k := range slices.Sorted(maps.Keys(left)) {
		return nil, fmt.Errorf("%w: %s (the form has %s)", ErrFieldNotFound, k, strings.Join(known, ", "))
	}
	return state, nil
}

func hasInitial(e obj) bool {
	for k := range e {
		if strings.HasPrefix(k, "initial_") {
			return true
		}
	}
	return false
}

// elementState returns the state of one element of a form.
func elementState(e obj, value string, given bool) (obj, error) {
	typ := str(e["type"])
	out := obj{"type": typ}
	if key := map[string]string{
		"users_select": "selected_user", "conversations_select": "selected_conversation", "channels_select": "selected_channel",
		"datepicker": "selected_date", "timepicker": "selected_time",
	}[typ]; key != "" {
		out[key] = e["initial_"+strings.TrimPrefix(key, "selected_")]
		if given {
			out[key] = value
		}
		return out, nil
	}
	switch typ {
	case "static_select", "radio_buttons":
		out["selected_option"] = e["initial_option"]
		if given {
			o := option(e, value)
			if o == nil {
				return nil, fmt.Errorf("%w: the option %q", ErrFieldNotFound, value)
			}
			out["selected_option"] = o
		}
	case "checkboxes", "multi_static_select":
		chosen := []any{}
		if initial, ok := e["initial_options"].([]any); ok && !given {
			chosen = initial
		}
		for v := range strings.SplitSeq(value, ",") {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			o := option(e, v)
			if o == nil {
				return nil, fmt.Errorf("%w: the option %q", ErrFieldNotFound, v)
			}
			chosen = append(chosen, o)
		}
		out["selected_options"] = chosen
	default: // texts
		out["value"] = e["initial_value"]
		if given {
			out["value"] = value
		}
	}
	return out, nil
}

// option finds an option by its value or by what people read.
func option(e obj, value string) obj {
	for _, o := range objs(e["options"]) {
		text, _ := o["text"].(obj)
		if str(o["value"]) == value || str(text["text"]) == value {
			return o
		}
	}
	return nil
}
