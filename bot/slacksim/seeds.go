package slacksim

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// Team is the workspace.
type Team struct{ ID, Name, Domain string }

// Bot is the app and its bot user.
type Bot struct{ UserID, BotID, AppID, Name string }

// User is a person, or another app's bot.
type User struct {
	ID, Name, RealName string
	TeamID             string // empty: the workspace's own
	Guest              bool   // is_restricted
	BotID              string // not empty: another bot
	Deleted            bool
}

// Channel is a conversation. The workspace itself makes the direct messages between the bot and
// each person.
type Channel struct {
	ID, Name  string
	Private   bool
	ExtShared bool // shared with another organisation (Slack Connect)
	Group     bool // a group DM (mpim)
	NoBot     bool // the bot is not a member
	// User ids; nil: all of this workspace, and people of other teams if ExtShared.
	Members []string
}

// DefaultScopes returns the bot scopes that the bot's manifest asks for (facts: slack.md §6).
func DefaultScopes() []string {
	return []string{
		"app_mentions:read", "chat:write", "commands", "channels:history", "groups:history", "im:history", "mpim:history",
		"channels:read", "groups:read", "im:read", "mpim:read", "users:read", "files:read",
	}
}

// DefaultEvents returns the bot events that the bot's manifest subscribes to (facts: slack.md §6).
func DefaultEvents() []string {
	return []string{"app_mention", "message.channels", "message.groups", "message.im", "message.mpim", "app_home_opened"}
}

// DefaultUsers returns three colleagues, a guest, somebody of another organisation and another bot.
func DefaultUsers() []User {
	return []User{
		{ID: "U0ALICE001", Name: "alice", RealName: "Alice Adams"},
		{ID: "U0BOB00001", Name: "bob", RealName: "Bob Baker"},
		{ID: "U0CAROL001", Name: "carol", RealName: "Carol Chen"},
		{ID: "U0GINA0001", Name: "gina", RealName: "Gina Guest", Guest: true},
		{ID: "U0ERIK0001", Name: "erik", RealName: "Erik Extern", TeamID: "T0EXTERN01"},
		{ID: "U0DEPLOY01", Name: "deploybot", RealName: "Deploy Bot", BotID: "B0DEPLOY01"},
	}
}

// DefaultChannels returns #general, #engineering, #random, the private #leads, #shared-extern, and
// #no-bot without the bot.
func DefaultChannels() []Channel {
	return []Channel{
		{ID: "C0GENERAL1", Name: "general"},
		{ID: "C0ENGINEE1", Name: "engineering"},
		{ID: "C0RANDOM01", Name: "random"},
		{ID: "C0LEADS001", Name: "leads", Private: true},
		{ID: "C0EXTERN01", Name: "shared-extern", ExtShared: true},
		{ID: "C0NOBOT001", Name: "no-bot", NoBot: true},
	}
}

func (c Config) withDefaults() Config {
	if c.Scopes == nil {
		c.Scopes = DefaultScopes()
	}
	if c.Events == nil {
		c.Events = DefaultEvents()
	}
	if c.Commands == nil {
		c.Commands = []string{"/llm-status"}
	}
	if c.Users == nil {
		c.Users = DefaultUsers()
	}
	if c.Channels == nil {
		c.Channels = DefaultChannels()
	}
	if c.Redeliver == nil {
		c.Redeliver = redeliveries()
	}
	c.Limiter = cmp.Or(c.Limiter, LimiterWindow)
	c.Team = cmp.Or(c.Team, Team{ID: "T0ACME0001", Name: "Acme", Domain: "acme"})
	c.Bot = cmp.Or(c.Bot, Bot{UserID: "U0LLMBOT01", BotID: "B0LLMBOT01", AppID: "A0LLMBOT01", Name: "llm"})
	c.BaseURL = strings.TrimSuffix(cmp.Or(c.BaseURL, DefaultBaseURL), "/")
	c.BotToken = cmp.Or(c.BotToken, DefaultBotToken)
	c.AppToken = cmp.Or(c.AppToken, DefaultAppToken)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// seed fills the workspace. It runs before anybody else knows s.
func (s *Sim) seed() {
	add := func(u User) {
		u.TeamID = cmp.Or(u.TeamID, s.cfg.Team.ID)
		s.users[u.ID] = &u
		s.userOrder = append(s.userOrder, u.ID)
	}
	for _, u := range s.cfg.Users {
		add(u)
	}
	b := s.cfg.Bot
	add(User{ID: b.UserID, Name: b.Name, RealName: b.Name, BotID: b.BotID})
	for _, c := range s.cfg.Channels {
		s.addChannel(c, "")
	}
	for _, u := range s.cfg.Users {
		if u.BotID == "" {
			s.addChannel(Channel{ID: "D" + strings.TrimPrefix(u.ID, "U"), Members: []string{u.ID}}, u.ID)
		}
	}
}

func (s *Sim) addChannel(c Channel, im string) {
	if c.Members == nil {
		for _, id := range s.userOrder {
			if id != s.cfg.Bot.UserID && (c.ExtShared || s.users[id].TeamID == s.cfg.Team.ID) {
				c.Members = append(c.Members, id)
			}
		}
	}
	ch := &channel{Channel: c, im: im, byTS: map[string]*message{}, members: map[string]bool{}}
	for _, id := range c.Members {
		ch.members[id] = true
	}
	ch.members[s.cfg.Bot.UserID] = !c.NoBot
	s.channels[c.ID] = ch
	s.chanOrder = append(s.chanOrder, c.ID)
}

// channel is a conversation with its messages.
type channel struct {
	Channel

	im       string // the person, if this is a direct message
	messages []*message
	byTS     map[string]*message
	members  map[string]bool
	invited  bool // the bot was, by somebody who uses the workspace
}

// kind returns Slack's channel_type.
func (c *channel) kind() string {
	switch {
	case c.im != "":
		return "im"
	case c.Group:
		return "mpim"
	case c.Private:
		return "group"
	}
	return "channel"
}

// family returns the word that scopes and events use: channels, groups, im, mpim.
func (c *channel) family() string {
	k := c.kind()
	if k == "channel" || k == "group" {
		k += "s"
	}
	return k
}

// UserID returns the id of a person given by id or name. It panics if there is no such person, for
// the test's script is wrong then.
func (s *Sim) UserID(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.userLocked(user)
	if err != nil {
		panic(err)
	}
	return u.ID
}

// ChannelID returns the id of a channel given by id or name (with or without "#"), or of the direct
// messages with a person given as "@name". It panics if there is none, for the test's script is
// wrong then.
func (s *Sim) ChannelID(channel string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.channelLocked(channel)
	if err != nil {
		panic(err)
	}
	return c.ID
}

// People returns everybody who is no bot, in the order of Config.Users.
func (s *Sim) People() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []User
	for _, id := range s.userOrder {
		if u := s.users[id]; u.BotID == "" {
			out = append(out, *u)
		}
	}
	return out
}

// Name returns the name of a person or bot; its id if there is none.
func (s *Sim) Name(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.nameLocked(user)
}

// Bot returns the app's ids.
func (s *Sim) Bot() Bot { return s.cfg.Bot }

// Mention returns the bot's mention as it stands in message text.
func (s *Sim) Mention() string { return "<@" + s.cfg.Bot.UserID + ">" }

// BotToken returns the token for the Web API.
func (s *Sim) BotToken() string { return s.cfg.BotToken }

// AppToken returns the token for apps.connections.open.
func (s *Sim) AppToken() string { return s.cfg.AppToken }

func (s *Sim) userLocked(user string) (*User, error) {
	if u := s.users[user]; u != nil {
		return u, nil
	}
	for _, id := range slices.Sorted(maps.Keys(s.users)) {
		if s.users[id].Name == strings.TrimPrefix(user, "@") {
			return s.users[id], nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUserNotFound, user)
}

func (s *Sim) channelLocked(name string) (*channel, error) {
	if c := s.channels[name]; c != nil {
		return c, nil
	}
	if person, ok := strings.CutPrefix(name, "@"); ok {
		if u, err := s.userLocked(person); err == nil {
			if c := s.dmLocked(u.ID); c != nil {
				return c, nil
			}
		}
	}
	for _, id := range s.chanOrder {
		if n := s.channels[id].Name; n != "" && n == strings.TrimPrefix(name, "#") {
			return s.channels[id], nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrChannelNotFound, name)
}

func (s *Sim) dmLocked(user string) *channel {
	for _, c := range s.channels {
		if c.im == user {
			return c
		}
	}
	return nil
}

func (s *Sim) nameLocked(user string) string {
	if u := s.users[user]; u != nil {
		return u.Name
	}
	return user
}
