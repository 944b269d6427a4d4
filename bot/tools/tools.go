// Package tools holds the sessions to MCP servers, and what the tools file says of them: which
// tools the model is offered where, and which of them need leave.
package tools

import (
	"encoding/json"
	"time"

	"llmbot/llm"
)

// Policy says when a tool may run.
type Policy string

// The policies.
const (
	PolicyAsk        Policy = "ask"        // the person who asked is asked before each call; the default
	PolicyDM         Policy = "dm"         // unasked in direct messages, asks elsewhere
	PolicyEverywhere Policy = "everywhere" // never asks
	PolicyOff        Policy = "off"        // the model does not hear of it
)

// Place is where a question was asked.
type Place struct {
	Channel string // its id
	Name    string // of the channel, without #; empty: not known
	Direct  bool   // a direct message
}

// Tool is one tool that may be offered at a place.
type Tool struct {
	llm.Tool // its Name is server_tool

	Server   string // as the file names it
	Origin   string // names where it is reached, and how: another one is another server
	Title    string // the tool as people read it: "search"
	Policy   Policy
	ReadOnly bool          // its server says that it changes nothing
	Timeout  time.Duration // of one call
}

// Unasked reports whether a tool runs without leave at a place.
func (t Tool) Unasked(p Place) bool {
	return t.Policy == PolicyEverywhere || t.Policy == PolicyDM && p.Direct
}

// Retries reports whether a call that broke off may be made again: it runs unasked at the place,
// and its server says that it changes nothing.
func (t Tool) Retries(p Place) bool { return t.ReadOnly && t.Unasked(p) }

// Call is one call of a tool, allowed by its policy or by a person.
type Call struct {
	Tool      Tool
	Place     Place
	Arguments json.RawMessage // one JSON object
}

// Result is what a call brought. A failure is a result too: the model reads it.
type Result struct {
	Text   string // for the model: bounded, valid UTF-8
	Failed bool
	Took   time.Duration
}
