package slacksim

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The limits on assistant threads: four prompts (facts: slack.md §10.3), ten loading messages of 50
// characters (facts: slack.md §4). The errors for more are guesses.
const (
	maxPrompts      = 4
	maxLoading      = 10
	maxLoadingText  = 50
	maxSessionTitle = 200 // of agents.sessions.rename (facts: slack.md §10.3)
)

// Prompt is a question that the app suggests.
type Prompt struct{ Title, Message string }

// Assistant is a thread in Slack's assistant container (assistant_view), with what the app set
// there.
type Assistant struct {
	Title        string // of the thread
	PromptsTitle string
	Prompts      []Prompt
	Loading      []string // the newest loading messages
	Context      string   // the channel that the person looks at; empty: none
}

// assistant is what the app set in a thread. The prompts of a direct message without a thread are
// under an empty ts.
type assistant struct{ Assistant }

// OpenAssistant opens the assistant container as a person, who looks at a channel (empty: at none),
// and returns the ts of the new thread. Its first message is Slack's own, of subtype
// assistant_app_thread. The app gets assistant_thread_started.
func (s *Sim) OpenAssistant(user, channel string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil {
		return "", err
	}
	c := s.dmLocked(u.ID)
	if c == nil {
		return "", fmt.Errorf("%w: the direct messages of %s", ErrChannelNotFound, u.Name)
	}
	a := &assistant{}
	if a.Context, err = s.contextLocked(channel); err != nil {
		return "", err
	}
	m := &message{user: s.cfg.Bot.UserID, botID: s.cfg.Bot.BotID, text: "New Assistant Thread", subtype: "assistant_app_thread", noUnfurl: true}
	s.addLocked(c, m)
	s.assistants[threadKey{c.ID, m.ts}] = a
	s.assistantEventLocked("assistant_thread_started", c, u, m.ts, a)
	return m.ts, nil
}

// LookAt changes the channel that a person looks at beside an assistant thread. The app gets
// assistant_thread_context_changed.
func (s *Sim) LookAt(user, threadTS, channel string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil {
		return err
	}
	c := s.dmLocked(u.ID)
	var old *assistant
	if c != nil {
		old = s.assistants[threadKey{c.ID, threadTS}]
	}
	if old == nil {
		return fmt.Errorf("%w: an assistant thread of %s", ErrMessageNotFound, u.Name)
	}
	a := *old
	if a.Context, err = s.contextLocked(channel); err != nil {
		return err
	}
	s.assistants[threadKey{c.ID, threadTS}] = &a
	s.assistantEventLocked("assistant_thread_context_changed", c, u, threadTS, &a)
	return nil
}

// Assistant returns what the app set in an assistant thread of a person. With an empty threadTS it
// returns the prompts that the app set for no thread.
func (s *Sim) Assistant(user, threadTS string) (Assistant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil {
		return Assistant{}, false
	}
	c := s.dmLocked(u.ID)
	if c == nil || s.assistants[threadKey{c.ID, threadTS}] == nil {
		return Assistant{}, false
	}
	return s.assistants[threadKey{c.ID, threadTS}].Assistant, true
}

func (s *Sim) contextLocked(channel string) (string, error) {
	if channel == "" {
		return "", nil
	}
	c, err := s.channelLocked(channel)
	if err != nil {
		return "", err
	}
	return c.ID, nil
}

func (s *Sim) assistantEventLocked(typ string, c *channel, u *User, ts string, a *assistant) {
	context := obj{}
	if a.Context != "" {
		context = obj{"channel_id": a.Context, "team_id": s.cfg.Team.ID, "enterprise_id": nil}
	}
	s.eventLocked(typ, "assistant:write", c, obj{
		"type": typ, "event_ts": s.nextTSLocked(),
		"assistant_thread": obj{"user_id": u.ID, "context": context, "channel_id": c.ID, "thread_ts": ts},
	})
}

// assistantLocked returns the thread that a call is about, to be changed.
func (s *Sim) assistantLocked(c *call, optional bool) (threadKey, *assistant, *refusal) {
	ch := s.channels[c.args["channel_id"]]
	if ch == nil || !ch.members[s.cfg.Bot.UserID] {
		return threadKey{}, nil, refuse("channel_not_found")
	}
	root := ch.root(c.args["thread_ts"])
	if root == "" && !(optional && c.args["thread_ts"] == "") {
		return threadKey{}, nil, refuse("invalid_thread_ts")
	}
	key := threadKey{ch.ID, root}
	next := &assistant{}
	if old := s.assistants[key]; old != nil {
		*next = *old
	}
	return key, next, nil
}

func (s *Sim) setTitleLocked(c *call) (obj, *refusal) {
	key, a, no := s.assistantLocked(c, false)
	if no != nil {
		return nil, no
	}
	a.Title = c.args["title"]
	s.assistants[key] = a
	s.touchLocked()
	return obj{}, nil
}

func (s *Sim) setPromptsLocked(c *call) (obj, *refusal) {
	key, a, no := s.assistantLocked(c, true)
	if no != nil {
		return nil, no
	}
	var list []Prompt
	if json.Unmarshal([]byte(c.args["prompts"]), &list) != nil || len(list) == 0 || len(list) > maxPrompts {
		return nil, refuse("invalid_arguments")
	}
	for _, p := range list {
		if p.Title == "" || p.Message == "" {
			return nil, refuse("invalid_arguments")
		}
	}
	a.PromptsTitle, a.Prompts = c.args["title"], list
	s.assistants[key] = a
	s.touchLocked()
	return obj{}, nil
}

// loadingMessages reads loading_messages: a JSON list, or words with commas between them as a form
// without JSON has them.
func loadingMessages(raw string) ([]string, *refusal) {
	var list []string
	if raw != "" && json.Unmarshal([]byte(raw), &list) != nil {
		list = strings.Split(raw, ",")
	}
	if len(list) > maxLoading {
		return nil, refuse("invalid_arguments")
	}
	for _, l := range list {
		if utf8.RuneCountInString(l) > maxLoadingText {
			return nil, refuse("invalid_arguments")
		}
	}
	return list, nil
}

// renameSessionLocked implements agents.sessions.rename.
func (s *Sim) renameSessionLocked(c *call) (obj, *refusal) {
	if !s.cfg.Agent {
		return nil, refuse("not_authorized")
	}
	ch, no := s.botChannelLocked(c.args["channel_id"])
	if no != nil {
		return nil, refuse("channel_not_found")
	}
	if c.args["thread_ts"] == "" {
		return nil, refuse("thread_ts_required")
	}
	se := s.sessions[threadKey{ch.ID, ch.root(c.args["thread_ts"])}]
	if se == nil {
		return nil, refuse("session_not_found")
	}
	if n := utf8.RuneCountInString(c.args["title"]); n == 0 || n > maxSessionTitle {
		return nil, refuse("invalid_arguments")
	}
	se.title = c.args["title"]
	s.touchLocked()
	return obj{"title": se.title}, nil
}

// joinLocked implements conversations.join.
func (s *Sim) joinLocked(c *call) (obj, *refusal) {
	ch := s.channels[c.args["channel"]]
	switch {
	case !s.visibleLocked(ch):
		return nil, refuse("channel_not_found")
	case ch.kind() != "channel":
		return nil, refuse("method_not_supported_for_channel_type")
	case ch.members[s.cfg.Bot.UserID]:
		return obj{"channel": s.convObjLocked(ch), "warning": "already_in_channel", "response_metadata": obj{"warnings": []string{"already_in_channel"}}}, nil
	}
	s.joinedLocked(ch)
	return obj{"channel": s.convObjLocked(ch)}, nil
}
