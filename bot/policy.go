package bot

import (
	"slices"

	"llmbot/bot/thread"
)

// Policy decides who may ask the bot, and where. The zero value lets members of the workspace ask
// everywhere.
type Policy struct {
	Channels      []string // ids; empty: all. Direct messages are always allowed
	Users         []string // ids; empty: all
	Deny          []string // ids; wins over Users
	AllowExternal bool     // people of other organisations (Slack Connect)
	AllowGuests   bool
}

// Refusal is the sentence for a person who may not ask; empty if they may.
type Refusal string

// The refusals.
const (
	refuseChannel  Refusal = "I don't answer in this channel. Please ask me in one of the channels I was set up for, or ask an admin."
	refuseUser     Refusal = "I may not answer you here. Please ask the people who run me to add you."
	refuseExternal Refusal = "I only answer people of this organisation. Please ask one of them to ask me."
	refuseGuest    Refusal = "I don't answer guests of this workspace. Please ask a member to ask me."
)

// Quick checks what needs no look-up: the lists, and where the event says the author is from. The
// list of channels does not concern direct messages.
func (p Policy) Quick(channel string, ask thread.Question) Refusal {
	switch {
	case slices.Contains(p.Deny, ask.User), len(p.Users) > 0 && !slices.Contains(p.Users, ask.User):
		return refuseUser
	case len(p.Channels) > 0 && !ask.Direct && !slices.Contains(p.Channels, channel):
		return refuseChannel
	case ask.External && !p.AllowExternal:
		return refuseExternal
	}
	return ""
}

// asks reports whether Check needs to know the person.
func (p Policy) asks() bool { return !p.AllowGuests || !p.AllowExternal }

// kind returns a short name, for keys, of a refusal that stays as it is; empty: it may not.
func (r Refusal) kind() string {
	switch r {
	case refuseChannel:
		return "channel"
	case refuseUser:
		return "user"
	case refuseExternal:
		return "external"
	case refuseGuest:
		return "guest"
	}
	return ""
}

// Check checks what a look-up says of the person.
func (p Policy) Check(who Person) Refusal {
	switch {
	case who.External && !p.AllowExternal:
		return refuseExternal
	case who.Guest && !p.AllowGuests:
		return refuseGuest
	}
	return ""
}
