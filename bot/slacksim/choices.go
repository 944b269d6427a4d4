package slacksim

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// press is what the app gets when a person uses an element.
type press struct {
	action obj
	state  obj  // of all elements around it, by block_id and action_id
	silent bool // an input that tells the app nothing until something else is used
}

// pressLocked finds an element and returns what the app gets when a person uses it with a value.
// chosen is what this person has chosen there before.
func (s *Sim) pressLocked(blocks []obj, u *User, actionID, value string, chosen obj) (press, error) {
	for _, c := range controls(blocks, "") {
		if str(c.e["action_id"]) != actionID || !shownTo(c.e, u.ID) {
			continue
		}
		p := press{silent: c.silent}
		if isButton(c.e) {
			p.action = pressed(c.e, value)
			if p.action == nil {
				continue
			}
		} else {
			picked, err := s.elementStateLocked(c.e, value, true)
			if err != nil {
				return press{}, err
			}
			p.action = clone(picked)
			for k, v := range c.e {
				if k == "action_id" || k == "block_id" || k == "placeholder" || strings.HasPrefix(k, "initial_") {
					p.action[k] = v
				}
			}
			if c.e["type"] != "overflow" {
				chosen = put(chosen, str(c.e["block_id"]), actionID, picked)
			}
		}
		p.action["action_ts"] = s.nextTSLocked()
		p.state = s.stateLocked(blocks, chosen)
		return p, nil
	}
	return press{}, fmt.Errorf("%w: %s", ErrButtonNotFound, actionID)
}

// control is an element that a person can use. Its block_id is set.
type control struct {
	e      obj
	silent bool
}

// controls returns the elements of blocks that have an action_id, in reading order, those in
// containers too. within is the block_id of the block around.
func controls(blocks []obj, within string) []control {
	var out []control
	for _, b := range blocks {
		id := str(b["block_id"])
		if id == "" {
			id = within
		}
		add := func(e obj, silent bool) {
			if strings.TrimSpace(str(e["action_id"])) == "" {
				return
			}
			e = clone(e)
			e["block_id"] = id
			out = append(out, control{e, silent})
		}
		switch b["type"] {
		case "container", "layout", "carousel":
			out = append(out, controls(inner(b), id)...)
		case "card":
			for _, e := range objs(b["actions"]) {
				add(e, false)
			}
		case "input":
			e, _ := b["element"].(obj)
			tells, _ := b["dispatch_action"].(bool)
			add(e, !tells)
		case "data_table":
			rows, _ := b["rows"].([]any)
			for _, row := range rows {
				for _, cell := range objs(row) {
					if e, ok := cell["element"].(obj); ok {
						add(e, false)
					}
				}
			}
		default:
			for _, e := range append(objs(b["elements"]), objs([]any{b["accessory"]})...) {
				add(e, false)
			}
		}
	}
	return out
}

// buttons returns the elements of blocks that a person can use.
func buttons(blocks []obj) []obj {
	var out []obj
	for _, c := range controls(blocks, "") {
		out = append(out, c.e)
	}
	return out
}

// isButton reports whether an element is pressed, and holds nothing that is chosen.
func isButton(e obj) bool {
	return slices.Contains([]string{"button", "workflow_button", "icon_button", "feedback_buttons"}, str(e["type"]))
}

// pressed returns what the app gets for a button; nil if it has not this value.
func pressed(e obj, value string) obj {
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
			return nil
		}
		action["text"], action["value"] = chosen["text"], chosen["value"]
	} else if value != "" && str(e["value"]) != value {
		return nil
	}
	delete(action, "confirm")
	delete(action, "accessibility_label")
	return action
}

// with returns m with one value changed. It makes m if need be.
func with(m map[string]obj, key string, v obj) map[string]obj {
	if m == nil {
		m = map[string]obj{}
	}
	m[key] = v
	return m
}

// put returns a state with one element's changed. The state itself stays as it is.
func put(state obj, block, action string, v obj) obj {
	state = clone(state)
	of, _ := state[block].(obj)
	of = clone(of)
	of[action] = v
	state[block] = of
	return state
}

// stateLocked returns the state of all elements of blocks: what was chosen, else what they began
// with.
func (s *Sim) stateLocked(blocks []obj, chosen obj) obj {
	state := obj{}
	for _, c := range controls(blocks, "") {
		if isButton(c.e) || c.e["type"] == "overflow" {
			continue
		}
		block, action := str(c.e["block_id"]), str(c.e["action_id"])
		of, _ := chosen[block].(obj)
		now, known := of[action].(obj)
		if !known || now["type"] != c.e["type"] {
			now, _ = s.elementStateLocked(c.e, "", false) // no error without a value
		}
		state = put(state, block, action, now)
	}
	return state
}

// keptState returns what stays of a state when new blocks, as the app sends them, take the place of
// those in which it was chosen: the state of elements whose block_id and action_id are the same.
// Their initial value in the new blocks then counts for nothing (docs.slack.dev, views.update,
// Preserving input entry; slackapi/bolt-js #290). Slack gives a block without an id a new one each
// time. That what was emptied, and an option that is no longer there, is not kept, is a guess; so
// is that messages keep as views do.
func keptState(state obj, blocks []obj) obj {
	kept := obj{}
	for _, c := range controls(blocks, "") {
		block, action := str(c.e["block_id"]), str(c.e["action_id"])
		of, _ := state[block].(obj)
		now, known := of[action].(obj)
		if block != "" && known && !isEmpty(now) && now["type"] == c.e["type"] && offers(c.e, now) {
			kept = put(kept, block, action, now)
		}
	}
	return kept
}

// offers reports whether all options in a state are among those of an element. The app brings those
// of an external menu: they are always.
func offers(e, state obj) bool {
	options := optionsOf(e)
	for _, o := range append(objs([]any{state["selected_option"]}), objs(state["selected_options"])...) {
		if options != nil && !slices.ContainsFunc(options, func(have obj) bool { return have["value"] == o["value"] }) {
			return false
		}
	}
	return true
}

// formStateLocked returns what a person entered as Slack reports it: by block_id and action_id. It
// fails if a field is missing or unknown, as Slack's own form does. chosen is what was entered in
// the form before.
func (s *Sim) formStateLocked(blocks []obj, chosen obj, values map[string]string) (obj, error) {
	state, left := s.stateLocked(blocks, chosen), maps.Clone(values)
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
		if !given {
			of, _ := state[block].(obj)
			if now, _ := of[action].(obj); !optional && isEmpty(now) {
				return nil, fmt.Errorf("%w: %s", ErrFieldRequired, block+"/"+action)
			}
			continue
		}
		got, err := s.elementStateLocked(e, value, true)
		if err != nil {
			return nil, err
		}
		state = put(state, block, action, got)
	}
	for _, k := range slices.Sorted(maps.Keys(left)) {
		return nil, fmt.Errorf("%w: %s (the form has %s)", ErrFieldNotFound, k, strings.Join(known, ", "))
	}
	return state, nil
}

// isEmpty reports whether nothing is chosen or entered in an element.
func isEmpty(state obj) bool {
	for k, v := range state {
		if list, ok := v.([]any); k != "type" && v != nil && v != "" && (!ok || len(list) > 0) {
			return false
		}
	}
	return true
}

// selectedKeys are the fields in which Slack reports what was chosen.
func selectedKeys() map[string]string {
	return map[string]string{
		"users_select": "selected_user", "conversations_select": "selected_conversation", "channels_select": "selected_channel",
		"multi_users_select": "selected_users", "multi_conversations_select": "selected_conversations", "multi_channels_select": "selected_channels",
		"datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time",
		"static_select": "selected_option", "radio_buttons": "selected_option", "overflow": "selected_option", "external_select": "selected_option",
		"checkboxes": "selected_options", "multi_static_select": "selected_options", "multi_external_select": "selected_options", "rich_text_input": "rich_text_value",
	}
}

// elementStateLocked returns the state of one element: with a value that a person gives, or as it
// begins.
func (s *Sim) elementStateLocked(e obj, value string, given bool) (obj, error) {
	typ := str(e["type"])
	key := selectedKeys()[typ]
	if key == "" { // texts
		key = "value"
	}
	out := obj{"type": typ, key: e["initial_"+strings.TrimPrefix(strings.TrimPrefix(key, "selected_"), "rich_text_")]}
	if strings.HasSuffix(key, "s") && out[key] == nil {
		out[key] = []any{}
	}
	if !given {
		return out, nil
	}
	got, ok := s.chosenLocked(e, value)
	if !ok {
		return nil, fmt.Errorf("%w: %q cannot be chosen in %s (%s)%s", ErrFieldNotFound, value, str(e["action_id"]), typ, choicesOf(e))
	}
	out[key] = got
	return out, nil
}

// chosenLocked returns what a value of a person means for an element; false if it cannot be chosen.
func (s *Sim) chosenLocked(e obj, value string) (any, bool) {
	switch typ := str(e["type"]); typ {
	case "static_select", "radio_buttons", "overflow":
		o := option(e, value)
		return o, o != nil
	case "checkboxes", "multi_static_select":
		return optionsIn(e, value)
	case "external_select", "multi_external_select": // the app would have to be asked: not emulated
		return nil, false
	case "datepicker":
		return value, isoDate.MatchString(value)
	case "timepicker":
		return value, clockTime.MatchString(value)
	case "datetimepicker":
		n, err := strconv.ParseInt(value, 10, 64)
		return n, err == nil
	case "users_select", "channels_select", "conversations_select":
		return s.idOfLocked(typ, value)
	case "multi_users_select", "multi_channels_select", "multi_conversations_select":
		ids := []any{}
		for v := range strings.SplitSeq(value, ",") {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			id, ok := s.idOfLocked(strings.TrimPrefix(typ, "multi_"), v)
			if !ok {
				return nil, false
			}
			ids = append(ids, id)
		}
		return ids, true
	case "rich_text_input":
		return richText(textElements(value)), true
	}
	return value, true
}

// idOfLocked returns the id of a person or a channel that is named by id or name.
func (s *Sim) idOfLocked(typ, value string) (any, bool) {
	if typ != "channels_select" {
		if u, err := s.userLocked(value); err == nil {
			return u.ID, true
		}
	}
	if typ == "users_select" {
		return nil, false
	}
	c, err := s.channelLocked(value)
	if err != nil {
		return nil, false
	}
	return c.ID, true
}

// optionsIn returns the options that a value names, with commas between. A value may have a comma
// of its own: the longest that fits is meant.
func optionsIn(e obj, value string) (any, bool) {
	chosen := []any{}
	for value = strings.TrimSpace(value); value != ""; {
		var found obj
		most := 0
		for _, o := range optionsOf(e) {
			text, _ := o["text"].(obj)
			for _, name := range []string{str(o["value"]), str(text["text"])} {
				if rest, ok := strings.CutPrefix(value, name); ok && len(name) > most && (rest == "" || rest[0] == ',') {
					found, most = o, len(name)
				}
			}
		}
		if found == nil {
			return nil, false
		}
		chosen = append(chosen, found)
		value = strings.TrimSpace(strings.TrimPrefix(value[most:], ","))
	}
	return chosen, true
}

// optionsOf returns the options of an element, in groups or not.
func optionsOf(e obj) []obj {
	out := objs(e["options"])
	for _, g := range objs(e["option_groups"]) {
		out = append(out, objs(g["options"])...)
	}
	return out
}

// option finds an option by its value or by what people read.
func option(e obj, value string) obj {
	for _, o := range optionsOf(e) {
		text, _ := o["text"].(obj)
		if str(o["value"]) == value || str(text["text"]) == value {
			return o
		}
	}
	return nil
}

// choicesOf names the values of an element's options for an error.
func choicesOf(e obj) string {
	var out []string
	for _, o := range optionsOf(e) {
		out = append(out, str(o["value"]))
	}
	if out == nil {
		return ""
	}
	return "; it has " + strings.Join(out, ", ")
}
