package thread

import "strings"

// Command is a command to the bot, written as a message: slash commands do not work in threads.
type Command string

// The commands.
const (
	NoCommand     Command = ""
	CommandStop   Command = "stop"
	CommandHelp   Command = "help"
	CommandStatus Command = "status"
	CommandRemove Command = "remove"
)

// CommandOf returns the command that a message consists of; NoCommand: it is none. `stop` works
// without the exclamation mark, too: people who want an answer to end type that.
func CommandOf(text string) Command {
	text = strings.ToLower(strings.TrimRight(strings.TrimLeft(text, " \t\n,;:-–—"), ".! \t\n"))
	bare, marked := strings.CutPrefix(text, "!")
	name, rest, _ := strings.Cut(strings.TrimSpace(bare), " ")
	switch {
	case rest != "" && (!marked || Command(name) != CommandStatus):
	case Command(name) == CommandStop:
		return CommandStop
	case marked && (Command(name) == CommandHelp || Command(name) == CommandStatus || Command(name) == CommandRemove):
		return Command(name)
	case marked && name == "delete":
		return CommandRemove
	}
	return NoCommand
}
