package thread

import "strings"

// Word is a message that is told to the bot and is no question: slash commands do not work in
// threads.
type Word string

// The words.
const (
	NoWord     Word = ""
	WordStop   Word = "stop"
	WordHelp   Word = "help"
	WordStatus Word = "status"
)

// WordOf returns the word that a message consists of. `stop` works without the exclamation mark,
// too: who wants it to end types that.
func WordOf(text string) Word {
	text = strings.ToLower(strings.TrimRight(strings.TrimLeft(text, " \t\n,;:-–—"), ".! \t\n"))
	bare, marked := strings.CutPrefix(text, "!")
	name, rest, _ := strings.Cut(strings.TrimSpace(bare), " ")
	switch {
	case rest != "" && (!marked || Word(name) != WordStatus):
	case Word(name) == WordStop:
		return WordStop
	case marked && (Word(name) == WordHelp || Word(name) == WordStatus):
		return Word(name)
	}
	return NoWord
}
