package bot

import (
	"time"

	"llmbot/bot/leave"
	"llmbot/bot/thread"
)

// Event is something that happened in Slack and may concern the bot. Its kinds are in this file.
type Event interface{ event() }

// Asked reports a person's message that may want an answer: one that names the bot, any of
// a direct message, and any of a thread, for the thread itself decides whether it is addressed to
// the bot.
type Asked struct{ thread.Question }

func (Asked) event() {}

// Detailed is a message again that was handled before, by an event that told more of it. It is best
// effort, and never an ask of its own.
type Detailed struct{ Asked }

// Edited reports that a person changed the text of a message.
type Edited struct {
	Asked

	WasMentioned bool // it named the bot before
}

// Deleted reports that a message is gone.
type Deleted struct {
	Thread thread.ID
	TS     string // of the message
	At     string // of the deletion
}

func (Deleted) event() {}

// Halted reports that somebody pressed Slack's own stop button in a thread (apps that are agents
// have it).
type Halted struct {
	Thread thread.ID
	TS     string // of the event
	User   string
}

func (Halted) event() {}

// Connected reports that a socket is open again. It is an event of its own: what was said while
// none was open comes by no other.
type Connected struct {
	Since time.Time // since when none was; zero: since the process began
}

func (Connected) event() {}

// Disconnected reports that no socket is open any more.
type Disconnected struct{}

func (Disconnected) event() {}

// HomeOpened reports that somebody opened the bot's Home tab.
type HomeOpened struct{ User string }

func (HomeOpened) event() {}

// Press is a button under an answer.
type Press string

// The buttons.
const (
	PressStop       Press = "stop"
	PressRegenerate Press = "regenerate"
	PressContinue   Press = "continue"
	PressUp         Press = "up"   // a good answer
	PressDown       Press = "down" // a bad one
)

// Pressed reports that somebody pressed a button under an answer.
type Pressed struct {
	Thread  thread.ID
	TS      string // of the press
	User    string // who pressed it
	Message string // ts of the message that has the button
	Press   Press
	For     string // what the answer answers
	Asker   string // who had asked
}

func (Pressed) event() {}

// LeavePressed reports that somebody pressed a button of a question for leave.
type LeavePressed struct {
	leave.Press

	Reply string // where the question can be replaced; whoever has it may answer as the bot
}

func (LeavePressed) event() {}

// Command is a slash command.
type Command struct {
	User, Channel string
	Text          string // what follows the command
}
