package llmsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// Tool is a tool that a request offers.
type Tool struct {
	Name, Description string
	Parameters        json.RawMessage
}

// Call is one call of a tool.
type Call struct {
	ID, Name  string // an empty ID: the server makes one
	Arguments string // JSON, or what a model may write instead
}

// The words of tool_choice; "auto" is the default where tools are offered.
const (
	ChoiceAuto     = "auto"
	ChoiceNone     = "none"
	ChoiceRequired = "required"
)

// Results returns the results of tools that the request ends with, in their order; none: the model
// has not called any since the last question.
func (c *Chat) Results() []Message {
	for i, m := range slices.Backward(c.Messages) {
		if m.Role != "tool" {
			return c.Messages[i+1:]
		}
	}
	return nil
}

// Round returns how many times the model called tools since the last question.
func (c *Chat) Round() int {
	n := 0
	for i := len(c.Messages) - 1; i >= 0 && c.Messages[i].Role != "user"; i-- {
		if len(c.Messages[i].Calls) > 0 {
			n++
		}
	}
	return n
}

// tool returns the tool that a request offers under a name; nil: it offers none.
func (c *Chat) tool(name string) *Tool {
	if i := slices.IndexFunc(c.Tools, func(t Tool) bool { return t.Name == name }); i >= 0 {
		return &c.Tools[i]
	}
	return nil
}

// reCall finds the calls that a question asks for.
var reCall = regexp.MustCompile(`(?i)\b(then\s+)?call\s+([A-Za-z0-9_-]{1,64})\s*`)

// askedCalls returns the calls that a question asks for, by rounds: "call search {"q": "x"} and
// call clock" is one round of two calls, "call search {…}, then call clock" two rounds. A name
// without arguments counts if it is offered: people write that they call somebody.
func askedCalls(c *Chat, question string) [][]Call {
	var rounds [][]Call
	for _, m := range reCall.FindAllStringSubmatchIndex(question, -1) {
		call := Call{Name: question[m[4]:m[5]], Arguments: "{}"}
		var args json.RawMessage
		if rest := question[m[1]:]; strings.HasPrefix(rest, "{") {
			if json.NewDecoder(strings.NewReader(rest)).Decode(&args) != nil {
				args = json.RawMessage(strings.SplitN(rest, "\n", 2)[0]) // as it is: a model may write anything
			}
			call.Arguments = string(args)
		} else if c.tool(call.Name) == nil {
			continue
		}
		if len(rounds) == 0 || m[2] >= 0 {
			rounds = append(rounds, nil)
		}
		rounds[len(rounds)-1] = append(rounds[len(rounds)-1], call)
	}
	return rounds
}

// toolTape returns what the model does in a request with tools: the calls of this round that the
// question asks for, or an answer that quotes the results. It returns no tape for an answer without
// any tool.
func (s *Server) toolTape(c *Chat) Tape {
	if len(c.Tools) > 0 && c.Choice != ChoiceNone {
		rounds, round := askedCalls(c, readThread(c).question), c.Round()
		switch {
		case c.Named != "":
			return Tape{CallTools(Call{Name: c.Named, Arguments: sampleArguments(c.tool(c.Named))})}
		case round < len(rounds):
			return Tape{CallTools(rounds[round]...)}
		case c.Choice == ChoiceRequired:
			return Tape{CallTools(Call{Name: c.Tools[0].Name, Arguments: sampleArguments(&c.Tools[0])})}
		}
	}
	results := c.Results()
	if len(results) == 0 {
		return nil
	}
	var parts []string
	for _, r := range results {
		parts = append(parts, fmt.Sprintf("The tool %s says: %s", c.calledBy(r.CallID), quote(r.Content)))
	}
	return Tape{Text(strings.Join(parts, "\n\n"))}
}

// calledBy returns the name of the tool whose call has an id.
func (c *Chat) calledBy(id string) string {
	for _, m := range slices.Backward(c.Messages) {
		for _, call := range m.Calls {
			if call.ID == id {
				return call.Name
			}
		}
	}
	return "?"
}

// sampleArguments returns arguments that a schema takes, as far as it is simple.
func sampleArguments(t *Tool) string {
	var schema struct {
		Properties map[string]struct {
			Type string            `json:"type"`
			Enum []json.RawMessage `json:"enum"`
		} `json:"properties"`
		Required []string `json:"required"`
	}
	_ = json.Unmarshal(t.Parameters, &schema) // what cannot be read needs nothing
	args := map[string]any{}
	for _, name := range schema.Required {
		p := schema.Properties[name]
		switch {
		case len(p.Enum) > 0:
			args[name] = p.Enum[0]
		case p.Type == "integer", p.Type == "number":
			args[name] = 1
		case p.Type == "boolean":
			args[name] = true
		case p.Type == "array":
			args[name] = []any{}
		case p.Type == "object":
			args[name] = map[string]any{}
		default:
			args[name] = "x"
		}
	}
	out, err := json.Marshal(args)
	if err != nil {
		return "{}"
	}
	return string(out)
}

// checkTools reads the tools of a request, or says what the server says about them.
func (s *Server) checkTools(b *chatBody, c *Chat, sh shape) *apiError {
	if b.Tools != nil && len(*b.Tools) == 0 {
		return badRequest("`tools` must not be an empty array. Either provide at least one tool or omit the field entirely. (parameter=tools)", "tools")
	}
	if err := c.choose(b); err != nil {
		return err
	}
	if b.Tools == nil {
		return nil
	}
	for i, raw := range *b.Tools {
		var t struct {
			Type     string `json:"type"`
			Function struct {
				Name        string          `json:"name"`
				Description string          `json:"description"`
				Parameters  json.RawMessage `json:"parameters"`
			} `json:"function"`
		}
		if err := json.Unmarshal(raw, &t); err != nil {
			return jsonError(err, len(raw))
		}
		at := fmt.Sprintf("body.tools.%d", i)
		switch {
		case t.Type != "" && t.Type != "function":
			return validation(at+".type", "1 validation error:\n  {'type': 'literal_error', 'loc': '"+at+".type', 'msg': \"Input should be 'function'\", 'input': '"+t.Type+"'}")
		case t.Function.Name == "":
			at += ".function.name"
			return validation(at, "1 validation error:\n  {'type': 'missing', 'loc': '"+at+"', 'msg': 'Field required', 'input': '<dict of 1 items>'}")
		case len(t.Function.Parameters) > 0 && t.Function.Parameters[0] != '{':
			at += ".function.parameters"
			return validation(at, "1 validation error:\n  {'type': 'dict_type', 'loc': '"+at+"', 'msg': 'Input should be a valid dictionary', 'input': '<list>'}")
		}
		c.Tools = append(c.Tools, Tool{t.Function.Name, t.Function.Description, t.Function.Parameters})
		c.rawTools = append(c.rawTools, raw...)
	}
	if c.Named != "" && c.tool(c.Named) == nil {
		return badRequest("The tool specified in `tool_choice` does not match any of the specified `tools`", "tool_choice")
	}
	return s.refuseTools(c, sh)
}

// choose reads tool_choice.
func (c *Chat) choose(b *chatBody) *apiError {
	var named struct {
		Function struct{ Name string } `json:"function"`
	}
	switch raw := string(b.ToolChoice); {
	case raw == "" || raw == "null":
		c.Choice = ChoiceAuto
	case raw == `"auto"`, raw == `"none"`, raw == `"required"`:
		c.Choice = strings.Trim(raw, `"`)
	case json.Unmarshal(b.ToolChoice, &named) == nil && named.Function.Name != "":
		c.Choice, c.Named = ChoiceRequired, named.Function.Name
	default:
		return badRequest("Invalid value for `tool_choice`: "+raw+"! Only named tools, \"none\", \"auto\" or \"required\" are supported.", "tool_choice")
	}
	if b.Tools == nil && c.Choice == ChoiceRequired {
		return badRequest("When using `tool_choice`, `tools` must be set. (parameter=tool_choice)", "tool_choice")
	}
	return nil
}

// refuseTools returns what a server says that was started without the flags for tools; nil: it
// takes them all the same.
func (s *Server) refuseTools(c *Chat, sh shape) *apiError {
	if s.cfg.Tools {
		return nil
	}
	switch sh.family {
	case familyOllama: // #14795 and many more
		e := badRequest("registry.ollama.ai/library/"+s.cfg.Model+" does not support tools", "")
		e.typ = "api_error"
		return e
	case familyLlama: // with --no-jinja; before 2025-12 without --jinja
		e := internalError("tools param requires --jinja flag")
		e.typ = "server_error"
		return e
	case familyOpenAI: // SGLang since 0.5.3, LM Studio: calls stay in the text
		return nil
	}
	switch c.Choice {
	case ChoiceNone:
		return nil
	case ChoiceRequired:
		return badRequest(`tool_choice="required" requires --tool-call-parser to be set`, "")
	}
	return badRequest(`"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set`, "")
}

// parseCalls reads the calls of an assistant's message. Their arguments are JSON objects: the
// server decodes them for the template.
func parseCalls(raw []json.RawMessage) ([]Call, *apiError) {
	var out []Call
	for _, one := range raw {
		var w struct {
			ID       string `json:"id"`
			Type     string `json:"type"`
			Function struct {
				Name      string  `json:"name"`
				Arguments *string `json:"arguments"`
			} `json:"function"`
		}
		if err := json.Unmarshal(one, &w); err != nil {
			return nil, jsonError(err, len(one))
		}
		var args map[string]any
		switch {
		case w.ID == "" || w.Type != "function" || w.Function.Name == "" || w.Function.Arguments == nil:
			return nil, validation("body.messages", "1 validation error:\n  {'type': 'missing', 'loc': 'body.messages.tool_calls', 'msg': 'Field required', 'input': '<dict>'}")
		case json.Unmarshal([]byte(*w.Function.Arguments), &args) != nil || args == nil:
			return nil, badRequest("Expecting value: line 1 column 1 (char 0)", "")
		}
		out = append(out, Call{w.ID, w.Function.Name, *w.Function.Arguments})
	}
	return out, nil
}

// checkResults holds a chat to OpenAI's rules, which templates rely on: each call has its result,
// in the messages right behind it, and each result its call.
func checkResults(ms []Message) *apiError {
	open := map[string]bool{}
	for _, m := range ms {
		switch m.Role {
		case "tool":
			if !open[m.CallID] {
				return badRequest("messages with role 'tool' must be a response to a preceding message with 'tool_calls'. (tool_call_id="+m.CallID+")", "messages")
			}
			delete(open, m.CallID)
			continue
		case "system", "developer", "user", "assistant":
		default:
			return badRequest("Unexpected message role.", "")
		}
		if len(open) > 0 {
			break
		}
		for _, call := range m.Calls {
			if open[call.ID] {
				return badRequest("Duplicate tool_call_id: "+call.ID, "messages")
			}
			open[call.ID] = true
		}
	}
	if len(open) > 0 {
		return &apiError{
			status: http.StatusBadRequest, typ: "BadRequestError", param: "messages",
			message: "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.",
		}
	}
	return nil
}
