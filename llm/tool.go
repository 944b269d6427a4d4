package llm

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// RoleTool is the role of a message that has the result of a tool call.
const RoleTool Role = "tool"

// Tool describes a function that the model may call.
type Tool struct {
	Name        string // [a-zA-Z0-9_-]{1,64}
	Description string
	Schema      json.RawMessage // JSON Schema of the arguments, an object; empty: it takes none
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
	// ID is the server's. The client makes one if the server gave none, or one that a call in the
	// request's messages has already.
	ID        string
	Name      string // as written: it may be of no tool that was offered
	Arguments string // one JSON object, or, with Bad, what the model wrote instead
	Bad       string // why Arguments is no JSON object, in words for the model; empty: it is one
}

// offers reports whether the model may call tools in answer to the request.
func (r *Request) offers() bool { return len(r.Tools) > 0 && r.ToolChoice != ToolChoiceNone }

// usesTools reports whether tools play any part in the request.
func (r *Request) usesTools() bool {
	if len(r.Tools) > 0 {
		return true
	}
	for i := range r.Messages {
		if r.Messages[i].Role == RoleTool || len(r.Messages[i].Calls) > 0 {
			return true
		}
	}
	return false
}

// wireTool is a tool as servers want it.
type wireTool struct {
	Type     string       `json:"type"`
	Function wireFunction `json:"function"`
}

type wireFunction struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Parameters  json.RawMessage `json:"parameters"`
}

// sentCall is a call as it is sent back.
type sentCall struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
}

// addTools puts the tools of a request into its body. An empty list is no field: vLLM refuses it.
// An automatic choice is no field either: it is every server's own.
func addTools(body map[string]any, req *Request) error {
	if len(req.Tools) > 0 {
		list := make([]wireTool, 0, len(req.Tools))
		for _, t := range req.Tools {
			schema, err := objectSchema(t.Schema)
			if err != nil {
				return fmt.Errorf("the schema of the tool %s: %w", t.Name, err)
			}
			list = append(list, wireTool{Type: "function", Function: wireFunction{t.Name, t.Description, schema}})
		}
		body["tools"] = list
		if req.ToolChoice != ToolChoiceAuto {
			body["tool_choice"] = string(req.ToolChoice)
		}
	}
	messages, _ := body["messages"].([]any)
	for i := range min(len(messages), len(req.Messages)) {
		if m, ok := messages[i].(map[string]any); ok {
			addCalls(m, &req.Messages[i])
		}
	}
	return nil
}

// addCalls puts what go-openai's types cannot say into one message.
//
// Content is null beside calls, and never missing beside a result: some servers tell the two kinds
// of messages apart by it (TGI), and some want the field (llama.cpp). The reasoning has two names:
// vLLM of 0.16 to early 2026 knows only the one, older ones, SGLang and llama.cpp only the other,
// and the newest take them for the same (facts/tools.md §2.2).
func addCalls(m map[string]any, msg *Message) {
	if len(msg.Calls) > 0 {
		m["tool_calls"] = sentCalls(msg.Calls)
		if msg.Content == "" && len(msg.Images) == 0 {
			m["content"] = nil
		}
	}
	if msg.Role == RoleTool {
		m["tool_call_id"] = msg.CallID
		if _, set := m["content"]; !set {
			m["content"] = ""
		}
	}
	if msg.Reasoning != "" {
		m["reasoning"], m["reasoning_content"] = msg.Reasoning, msg.Reasoning
	}
}

// sentCalls returns calls as they are sent back. Servers decode the arguments for the template, and
// answer 400 if they are no JSON object: those of a bad call are left out. What the model wrote is
// then in its result, if the caller quotes it there.
func sentCalls(calls []ToolCall) []sentCall {
	out := make([]sentCall, len(calls))
	for i, c := range calls {
		out[i].ID, out[i].Type = c.ID, "function"
		out[i].Function.Name, out[i].Function.Arguments = c.Name, c.Arguments
		if c.Bad != "" || !isObject([]byte(c.Arguments)) {
			out[i].Function.Arguments = emptyArguments
		}
	}
	return out
}

// emptyArguments are the arguments of a call that has none.
const emptyArguments = "{}"

// objectSchema returns a schema that says that it is one of an object, and of which properties: not
// all servers take one that leaves that open.
func objectSchema(schema json.RawMessage) (json.RawMessage, error) {
	fields := map[string]json.RawMessage{}
	if !isNull(schema) {
		if err := json.Unmarshal(schema, &fields); err != nil {
			return nil, err
		}
	}
	if isNull(fields["type"]) {
		fields["type"] = json.RawMessage(`"object"`)
	}
	if isNull(fields["properties"]) {
		fields["properties"] = json.RawMessage(`{}`)
	}
	return json.Marshal(fields)
}

// isObject reports whether raw is one JSON object.
func isObject(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) > 0 && raw[0] == '{' && json.Valid(raw)
}
