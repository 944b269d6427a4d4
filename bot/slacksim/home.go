package slacksim

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// maxHomeBlocks is how many blocks a Home view may have (facts: slack.md §3.2).
const maxHomeBlocks = 100

// Home is the bot's Home tab as one person sees it.
type Home struct {
	ID, Hash string
	Blocks   []map[string]any // as they were sent
	Plain    string           // what a reader sees
	// Every view that was published for this person, oldest first.
	Versions []Version
}

// home is a published view. It is replaced, never changed in place, but for what its person chooses
// there.
type home struct {
	Home

	view   obj
	rev    uint64
	chosen obj
}

// Home returns what the bot published for a person; false if it published nothing yet.
func (s *Sim) Home(user string) (Home, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil || s.homes[u.ID] == nil {
		return Home{}, false
	}
	h := s.homes[u.ID].Home
	h.Versions = slices.Clone(h.Versions)
	return h, true
}

// OpenHome opens the bot's Home tab as a person. The app gets app_home_opened, with the view that
// is already there. People of other organisations have no Home of the bot.
func (s *Sim) OpenHome(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil {
		return err
	}
	c := s.dmLocked(u.ID)
	if c == nil || u.TeamID != s.cfg.Team.ID {
		return fmt.Errorf("%w: the Home tab of %s", ErrChannelNotFound, s.cfg.Bot.Name)
	}
	ev := obj{"type": "app_home_opened", "user": u.ID, "channel": c.ID, "tab": "home", "event_ts": s.nextTSLocked()}
	if h := s.homes[u.ID]; h != nil {
		ev["view"] = h.view
	}
	s.eventLocked("app_home_opened", "", c, ev)
	return nil
}

// ClickHome presses a button of the Home tab and waits for the app's ack, AckTimeout at most. The
// value may be empty.
func (s *Sim) ClickHome(ctx context.Context, user, actionID, value string) error {
	s.mu.Lock()
	u, err := s.userLocked(user)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	h := s.homes[u.ID]
	if h == nil {
		s.mu.Unlock()
		return fmt.Errorf("%w: %s", ErrButtonNotFound, actionID)
	}
	p, err := s.pressLocked(objs(h.view["blocks"]), u, actionID, value, h.chosen)
	if err == nil {
		h.chosen = p.state
	}
	if err != nil || p.silent {
		s.mu.Unlock()
		return err
	}
	d := s.pressInViewLocked(u, p, h.ID, h.view)
	s.mu.Unlock()
	_, err = s.ask(ctx, d)
	return err
}

// pressInViewLocked returns what the app gets of a button that was pressed in a view.
func (s *Sim) pressInViewLocked(u *User, p press, id string, view obj) *delivery {
	payload := s.interactionLocked(u, p.action)
	view = clone(view)
	view["state"] = obj{"values": p.state}
	payload["container"], payload["view"] = obj{"type": "view", "view_id": id}, view
	return &delivery{kind: "interactive", typ: "interactive", answer: make(chan json.RawMessage, 1), payload: []byte(jsonText(payload))}
}

// publishLocked implements views.publish. An error in a view is reported as invalid_arguments, not
// as invalid_blocks.
func (s *Sim) publishLocked(c *call) (obj, *refusal) {
	u := s.users[c.args["user_id"]]
	if u == nil || u.BotID != "" { // as in the example of the method's page
		return nil, &refusal{name: "invalid_arguments", extra: obj{"response_metadata": obj{"messages": []string{"invalid `user_id`"}}}}
	}
	var view obj
	if len(c.args["view"]) > maxView {
		return nil, refuse("view_too_large")
	}
	if err := json.Unmarshal([]byte(c.args["view"]), &view); err != nil {
		return nil, refuse("invalid_arguments")
	}
	wrong := func(messages ...string) *refusal {
		r := invalidBlocks(messages...)
		r.name = "invalid_arguments"
		return r
	}
	old := s.homes[u.ID]
	blocks := objs(view["blocks"])
	switch {
	case view["type"] != "home":
		return nil, wrong("must be a valid view type for this method [json-pointer:/view/type]")
	case view["blocks"] == nil:
		return nil, wrong("missing required field: blocks [json-pointer:/view/blocks]")
	case len(blocks) > maxHomeBlocks:
		return nil, wrong(fmt.Sprintf("no more than %d items allowed [json-pointer:/view/blocks]", maxHomeBlocks))
	case c.args["hash"] != "" && old != nil && c.args["hash"] != old.Hash:
		return nil, refuse("hash_conflict")
	}
	var p problems
	p.each(view["blocks"], "/view/blocks", 0, maxHomeBlocks, func(b obj, at string) {
		if b["type"] == "markdown" { // only for messages (facts: slack.md §3.1)
			p.addf("unsupported type: markdown [json-pointer:%s/type]", at)
			return
		}
		p = append(p, s.checkBlock(b, at, 1)...)
	})
	if len(p) > 0 {
		return nil, wrong(p...)
	}
	h := &home{Home: Home{Blocks: blocks, Plain: s.plainLocked("", blocks)}}
	if old == nil {
		h.ID = s.idLocked("V")
	} else {
		h.ID, h.Versions = old.ID, slices.Clone(old.Versions)
		h.chosen = keptState(s.stateLocked(objs(old.view["blocks"]), old.chosen), blocks)
	}
	h.rev = s.touchLocked()
	h.Hash = strconv.FormatInt(time.Now().Unix(), 10) + "." + strconv.FormatUint(h.rev, 16)
	h.Versions = append(h.Versions, Version{At: time.Now(), Plain: h.Plain, Blocks: blocks})
	shown := []any{}
	for _, b := range translateBlocks(blocks, "b") {
		shown = append(shown, b)
	}
	h.view = obj{
		"id": h.ID, "team_id": s.cfg.Team.ID, "type": "home", "blocks": shown, "hash": h.Hash, "state": obj{"values": obj{}},
		"private_metadata": str(view["private_metadata"]), "callback_id": str(view["callback_id"]), "external_id": str(view["external_id"]),
		"root_view_id": h.ID, "previous_view_id": nil, "title": obj{"type": "plain_text", "text": "View Title"}, "close": nil, "submit": nil,
		"clear_on_close": false, "notify_on_close": false, "app_id": s.cfg.Bot.AppID, "bot_id": s.cfg.Bot.BotID, "app_installed_team_id": s.cfg.Team.ID,
	}
	s.homes[u.ID] = h
	return obj{"view": h.view}, nil
}
