package bot

import (
	"strings"

	"llmbot/bot/thread"
	"llmbot/bot/turn"
)

// Event is something that happened in Slack and may concern the bot. Its kinds are in this file.
type Event interface{ event() }

// Asked is a message of a person that may want an answer: one that names the bot, any of a direct message, and any of a thread, for the
// thread itself decides whether it is addressed to the bot.
type Asked struct {
	Thread Thread
	TS     string // of the message
	Edited string // ts of its newest edit; empty: none
	User   string
	Text   string // unescaped, mentions as names, without the mention of the bot
	Files  []thread.File
	Direct bool // in a direct message

	Mentioned bool // it names the bot
	Elsewhere bool // it begins by addressing somebody else
	Bare      bool // the event does not say which files the message has: app_mention has none
	// External says that the author is of another organisation, as far as the event itself shows it.
	External bool
}

// Opens says whether the message opens its thread, so that there is no history to read.
func (a Asked) Opens() bool { return a.TS == a.Thread.TS }

// since is when the message became what it is: it is owed an answer from then on.
func (a Asked) since() turn.TS { return turn.TS(a.TS).Max(turn.TS(a.Edited)) }

// explicit says that the message is addressed to the bot whatever else stands in its thread.
func (a Asked) explicit() bool { return a.Direct || a.Mentioned && !a.Elsewhere }

func (Asked) event() {}

// Detailed is a message again that was handled before, by an event that told more of it. It is best effort, and never an ask of its own.
type Detailed struct{ Asked }

// Edited says that a person changed the text of a message.
type Edited struct {
	Asked

	WasMentioned bool // it named the bot before
}

// Deleted says that a message is gone.
type Deleted struct {
	Thread Thread
	TS     string // of the message
	At     string // of the deletion
}

func (Deleted) event() {}

// Halted says that somebody pressed Slack's own stop button in a thread (apps that are agents have it).
type Halted struct {
	Thread Thread
	TS     string // of the event
	User   string
}

func (Halted) event() {}

// HomeOpened says that somebody opened the bot's Home tab.
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

// Pressed says that somebody pressed a button under an answer.
type Pressed struct {
	Thread  Thread
	TS      string // of the press
	User    string // who pressed it
	Message string // ts of the message that has the button
	Press   Press
	For     string // what the answer answers
	Asker   string // who had asked
}

func (Pressed) event() {}

// Command is a slash command.
type Command struct {
	User, Channel string
	Text          string // what follows the command
}

// word is a message that is told to the bot and is no question: slash commands do not work in threads.
type word string

const (
	noWord   word = ""
	wordStop word = "stop"
	wordHelp word = "help"
	wordStat word = "status"
)

// control finds the word that a message consists of. `stop` works without the exclamation mark, too: who wants it to end types that.
func control(text string) word {
	text = strings.ToLower(strings.TrimRight(strings.TrimLeft(text, " \t\n,;:-–—"), ".! \t\n"))
	bare, marked := strings.CutPrefix(text, "!")
	name, rest, _ := strings.Cut(strings.TrimSpace(bare), " ")
	switch {
	case rest != "" && (!marked || word(name) != wordStat):
	case word(name) == wordStop:
		return wordStop
	case marked && (word(name) == wordHelp || word(name) == wordStat):
		return word(name)
	}
	return noWord
}
