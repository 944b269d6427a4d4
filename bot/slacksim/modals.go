package slacksim

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The limits on modals. The lengths are those of Slack's page on views
// (docs.slack.dev/reference/views); the size and the depth are in the errors of views.open and
// views.push (slack-ruby/slack-api-ref: view_too_large, push_limit_reached).
const (
	maxView         = 250_000 // bytes of JSON
	maxViewBlocks   = 100
	maxViewDepth    = 3
	maxViewTitle    = 24 // characters; the words on the buttons, too
	maxViewID       = 255
	maxViewMetadata = 3_000
	// triggerFor is how long a trigger_id may be used (facts: slack.md §5.5).
	triggerFor  = 3 * time.Second
	maxTriggers = 1_000 // kept, so that a used one is told from an unknown one
)

// View is the modal that a person has open, the topmost if there are several.
type View struct {
	ID, Hash        string
	Callback, Title string
	PrivateMetadata string
	Blocks          []map[string]any // as they were sent
	Plain           string           // what a reader sees, the title first
	Depth           int              // how many views are open, with this one
}

// ViewError reports that the app refused what a person entered in a modal. It has what the app
// says, by block_id.
type ViewError struct{ Errors map[string]string }

func (e *ViewError) Error() string {
	parts := make([]string, 0, len(e.Errors))
	for _, id := range slices.Sorted(maps.Keys(e.Errors)) {
		parts = append(parts, id+": "+e.Errors[id])
	}
	return "the app refused the form: " + strings.Join(parts, "; ")
}

// modal is one view of a person's stack. It is replaced, never changed in place, but for what its
// person chooses there.
type modal struct {
	id, hash string
	view     obj // as the Web API shows it
	sent     obj
	chosen   obj
}

// trigger is the right to open a modal for a person.
type trigger struct {
	id, user string
	until    time.Time
	used     bool
}

// triggerLocked returns a new trigger_id for what a person did.
func (s *Sim) triggerLocked(user string) string {
	t := &trigger{id: s.idLocked("") + "." + strings.TrimLeft(s.cfg.Team.ID, "T") + "." + strings.ToLower(rand.Text()), user: user, until: time.Now().Add(triggerFor)}
	if s.triggers = append(s.triggers, t); len(s.triggers) > maxTriggers {
		s.triggers = s.triggers[1:]
	}
	return t.id
}

// exchangeLocked returns whom a call may show a view. The caller marks the trigger as used when the
// view is good; whether Slack does that for a bad one, too, is not documented.
func (s *Sim) exchangeLocked(c *call) (*trigger, *refusal) {
	id := cmp.Or(c.args["trigger_id"], c.args["interactivity_pointer"])
	if id == "" {
		return nil, &refusal{name: "invalid_arguments", extra: obj{"response_metadata": obj{"messages": []string{"[ERROR] missing required field: trigger_id"}}}}
	}
	i := slices.IndexFunc(s.triggers, func(t *trigger) bool { return t.id == id })
	switch {
	case i < 0:
		return nil, refuse("invalid_trigger_id")
	case s.triggers[i].used:
		return nil, refuse("exchanged_trigger_id")
	case time.Now().After(s.triggers[i].until):
		return nil, refuse("expired_trigger_id")
	}
	return s.triggers[i], nil
}

// openViewLocked implements views.open. What Slack does if a modal is open already is not
// documented; here the new one takes its place.
func (s *Sim) openViewLocked(c *call) (obj, *refusal) {
	t, no := s.exchangeLocked(c)
	if no != nil {
		return nil, no
	}
	m, no := s.newModalLocked(c.args["view"], nil, nil)
	if no != nil {
		return nil, no
	}
	t.used = true
	s.modals[t.user] = []*modal{m}
	s.touchLocked()
	return obj{"view": m.view}, nil
}

// pushViewLocked implements views.push.
func (s *Sim) pushViewLocked(c *call) (obj, *refusal) {
	t, no := s.exchangeLocked(c)
	if no != nil {
		return nil, no
	}
	m, no := s.pushModalLocked(t.user, c.args["view"])
	if no != nil {
		return nil, no
	}
	t.used = true
	return obj{"view": m.view}, nil
}

func (s *Sim) pushModalLocked(user, raw string) (*modal, *refusal) {
	stack := s.modals[user]
	switch {
	case len(stack) == 0:
		return nil, refuse("not_found")
	case len(stack) >= maxViewDepth:
		return nil, refuse("push_limit_reached")
	}
	m, no := s.newModalLocked(raw, nil, stack)
	if no == nil {
		s.modals[user] = append(slices.Clone(stack), m)
		s.touchLocked()
	}
	return m, no
}

// updateViewLocked implements views.update, for modals. A Home tab is changed with views.publish
// only.
func (s *Sim) updateViewLocked(c *call) (obj, *refusal) {
	id, external := c.args["view_id"], c.args["external_id"]
	if id == "" && external == "" {
		return nil, &refusal{name: "invalid_arguments", extra: obj{"response_metadata": obj{"messages": []string{"[ERROR] missing required field: view_id"}}}}
	}
	for user, stack := range s.modals {
		i := slices.IndexFunc(stack, func(m *modal) bool {
			return id != "" && m.id == id || id == "" && str(m.view["external_id"]) == external
		})
		if i < 0 {
			continue
		}
		if hash := c.args["hash"]; hash != "" && hash != stack[i].hash {
			return nil, refuse("hash_conflict")
		}
		m, no := s.newModalLocked(c.args["view"], stack[i], stack[:i])
		if no != nil {
			return nil, no
		}
		s.modals[user] = slices.Clone(stack)
		s.modals[user][i] = m
		s.touchLocked()
		return obj{"view": m.view}, nil
	}
	return nil, refuse("not_found")
}

// newModalLocked reads and checks a modal. below has the views under it. old is the one whose place
// it takes, and part of whose state it keeps; nil: none.
func (s *Sim) newModalLocked(raw string, old *modal, below []*modal) (*modal, *refusal) {
	var in obj
	switch {
	case len(raw) > maxView:
		return nil, refuse("view_too_large")
	case json.Unmarshal([]byte(raw), &in) != nil:
		return nil, refuse("invalid_arguments")
	}
	if p := s.checkModalLocked(in); len(p) > 0 {
		no := invalidBlocks(p...)
		no.name = "invalid_arguments"
		return nil, no
	}
	old = cmp.Or(old, &modal{}) // it takes nobody's place
	if external := str(in["external_id"]); external != "" {
		for _, stack := range s.modals {
			if slices.ContainsFunc(stack, func(m *modal) bool { return m.id != old.id && str(m.view["external_id"]) == external }) {
				return nil, refuse("duplicate_external_id")
			}
		}
	}
	m := &modal{
		id: cmp.Or(old.id, s.idLocked("V")), sent: in,
		chosen: keptState(s.stateLocked(objs(old.view["blocks"]), old.chosen), objs(in["blocks"])),
	}
	m.hash = strconv.FormatInt(time.Now().Unix(), 10) + "." + strconv.FormatUint(s.touchLocked(), 16)
	blocks := []any{}
	for _, b := range translateBlocks(objs(in["blocks"]), "b") {
		blocks = append(blocks, b)
	}
	cleared, _ := in["clear_on_close"].(bool)
	notify, _ := in["notify_on_close"].(bool)
	m.view = obj{
		"id": m.id, "team_id": s.cfg.Team.ID, "type": "modal", "blocks": blocks, "hash": m.hash, "state": obj{"values": obj{}},
		"private_metadata": str(in["private_metadata"]), "callback_id": str(in["callback_id"]), "external_id": str(in["external_id"]),
		"root_view_id": m.id, "previous_view_id": nil, "title": in["title"], "close": in["close"], "submit": in["submit"],
		"clear_on_close": cleared, "notify_on_close": notify, "app_id": s.cfg.Bot.AppID, "bot_id": s.cfg.Bot.BotID, "app_installed_team_id": s.cfg.Team.ID,
	}
	if len(below) > 0 {
		m.view["root_view_id"], m.view["previous_view_id"] = below[0].id, below[len(below)-1].id
	}
	return m, nil
}

// checkModalLocked returns what is wrong with a modal.
func (s *Sim) checkModalLocked(in obj) []string {
	var p problems
	if in["type"] != "modal" {
		p.addf("must be a valid view type for this method [json-pointer:/view/type]")
		return p
	}
	word := func(key string, needed bool) {
		t, ok := in[key].(obj)
		switch n := utf8.RuneCountInString(str(t["text"])); {
		case in[key] == nil && !needed:
		case !ok, t["type"] != "plain_text":
			p.addf("missing required field: %s [json-pointer:/view/%s]", key, key)
		case n == 0:
			p.addf("must be more than 0 characters [json-pointer:/view/%s/text]", key)
		case n > maxViewTitle:
			p.addf("must be less than %d characters [json-pointer:/view/%s/text]", maxViewTitle+1, key)
		}
	}
	blocks := objs(in["blocks"])
	inputs := slices.ContainsFunc(blocks, func(b obj) bool { return b["type"] == "input" })
	word("title", true)
	word("submit", inputs)
	word("close", false)
	for key, most := range map[string]int{"callback_id": maxViewID, "external_id": maxViewID, "private_metadata": maxViewMetadata} {
		if utf8.RuneCountInString(str(in[key])) > most {
			p.addf("must be less than %d characters [json-pointer:/view/%s]", most+1, key)
		}
	}
	if in["blocks"] == nil {
		p.addf("missing required field: blocks [json-pointer:/view/blocks]")
	}
	p.each(in["blocks"], "/view/blocks", 0, maxViewBlocks, func(b obj, at string) {
		switch b["type"] {
		case "markdown": // only for messages (facts: slack.md §3.1)
			p.addf("unsupported type: markdown [json-pointer:%s/type]", at)
		case "alert": // only for modals (facts: slack.md §4.1)
		default:
			p = append(p, s.checkBlock(b, at, 1)...)
		}
	})
	return p
}

// topLocked returns the topmost view of a person.
func (s *Sim) topLocked(user string) (*User, *modal, error) {
	u, err := s.userLocked(user)
	if err != nil {
		return nil, nil, err
	}
	stack := s.modals[u.ID]
	if len(stack) == 0 {
		return u, nil, fmt.Errorf("%w: %s has none open", ErrViewNotFound, u.Name)
	}
	return u, stack[len(stack)-1], nil
}

// View returns the modal that a person sees; false if none is open.
func (s *Sim) View(user string) (View, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, m, err := s.topLocked(user)
	if err != nil {
		return View{}, false
	}
	blocks := objs(m.sent["blocks"])
	title, _ := m.sent["title"].(obj)
	v := View{
		ID: m.id, Hash: m.hash, Callback: str(m.view["callback_id"]), Title: str(title["text"]), PrivateMetadata: str(m.view["private_metadata"]),
		Blocks: blocks, Depth: len(s.modals[u.ID]),
	}
	v.Plain = strings.TrimSpace(v.Title + "\n" + s.plainLocked("", blocks))
	return v, true
}
