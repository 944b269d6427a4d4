package llm

import "encoding/json"

// RoleTool is the role of a message that has the result of a tool call.
const RoleTool Role = "tool"

// Tool describes a function that the model may call.
type Tool struct {
	Name        string // [a-zA-Z0-9_-]{1,64}
	Description string
	Schema      json.RawMessage // JSON Schema of the arguments, an object
}

// ToolChoice says whether the model may call tools.
type ToolChoice string

// The choices.
const (
	ToolChoiceAuto     ToolChoice = ""         // the model decides
	ToolChoiceNone     ToolChoice = "none"     // it must not
	ToolChoiceRequired ToolChoice = "required" // it must
)

// ToolCall is one call of a tool, as the model wrote it.
type ToolCall struct {
	ID        string // the server's; made here if it gave none
	Name      string // as written: it may be of no tool that was offered
	Arguments string // one JSON object, or, with Bad, what the model wrote instead
	Bad       string // why Arguments is no JSON object, in words for the model; empty: it is one
}
