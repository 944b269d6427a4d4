package thread

import "strings"

// Word is a command to the bot, written as a message: slash commands do not work in threads.
type Word string

// The words.
const (
	NoWord     Word = ""
	WordStop   Word = "stop"
	WordHelp   Word = "help"
	WordStatus Word = "status"
	WordRemove Word = "remove"
)

// WordOf returns the word of which a message consists; NoWord: it is none. `stop` works without the
// exclamation mark, too: people who want an answer to end type that.
func WordOf(text string) Word {
	text = strings.ToLower(strings.TrimRight(strings.TrimLeft(text, " \t\n,;:-–—"), ".! \t\n"))
	bare, marked := strings.CutPrefix(text, "!")
	name, rest, _ := strings.Cut(strings.TrimSpace(bare), " ")
	switch {
	case rest != "" && (!marked || Word(name) != WordStatus):
	case Word(name) == WordStop:
		return WordStop
	case marked && (Word(name) == WordHelp || Word(name) == WordStatus || Word(name) == WordRemove):
		return Word(name)
	case marked && name == "delete":
		return WordRemove
	}
	return NoWord
}
