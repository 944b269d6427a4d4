package leave

import (
	"llmbot/bot/tools"
	"llmbot/bot/transcript"
)

// Question is what a person sees of a call that needs leave: what will happen, with all that it
// happens with.
type Question struct {
	ID        string // for the buttons
	User      string // who is asked
	Server    string
	Title     string // of the tool
	Arguments []Argument
	Again     bool // it has run for this question before, for an earlier answer
}

// Argument is one argument of a call.
type Argument = tools.Argument

// question returns what a person sees of a call with these arguments, all of which are there.
func question(q transcript.Leave, tool tools.Tool, arguments []Argument, again bool) Question {
	return Question{
		ID: q.ID, User: q.Asker, Title: q.Title, Server: tools.ShownName(tool.Server), Arguments: arguments, Again: again,
	}
}
