package bot

// Event is something that happened in Slack and concerns the bot. Its kinds are in this file.
type Event interface{ event() }

// Asked is a message that wants an answer.
type Asked struct {
	Thread Thread
	TS     string // of the message
	User   string
	Text   string // unescaped, mentions as names, without the mention of the bot
	Files  []File
	Direct bool // in a direct message
	// External says that the author is of another organisation, as far as the event itself shows it.
	External bool
}

// Opens says whether the message opens its thread, so that there is no history to read.
func (a Asked) Opens() bool { return a.TS == a.Thread.TS }

func (Asked) event() {}

// Command is a slash command.
type Command struct {
	User, Channel string
	Text          string // what follows the command
}
