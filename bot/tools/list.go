package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"llmbot/llm"
)

// Bounds of what a server offers; the figures are the project's own.
const (
	mostPages       = 50       // of a list
	mostTools       = 128      // of a server
	mostSchema      = 32 << 10 // bytes of the description of a tool's arguments
	mostDescription = 4 << 10  // bytes of what a tool says of itself
	mostSchemaDepth = 64       // levels of it; the SDK takes 1,000, of which readers of model servers fail, and with them every answer
	mostToolName    = 64       // characters of a tool's name as the model knows it (facts of OpenAI's API)
	mostTroubles    = 20       // of a server that are told
)

// offer is a tool that a server has.
type offer struct {
	Tool

	own string // its name at the server
}

// listTools reads all pages of a server's tools, up to bounds, and returns what is wrong with the
// list.
func listTools(ctx context.Context, cs *mcp.ClientSession) (all []*mcp.Tool, troubles []string, err error) {
	params := &mcp.ListToolsParams{}
	for page := 1; ; page++ {
		got, err := cs.ListTools(ctx, params)
		if err != nil {
			return nil, nil, fmt.Errorf("list the tools: %w", err)
		}
		for _, t := range got.Tools {
			if t != nil && len(all) < mostTools {
				all = append(all, t)
			} else if t != nil {
				return all, append(troubles, fmt.Sprintf("it has more than %d tools: the others are left out", mostTools)), nil
			}
		}
		switch {
		case got.NextCursor == "":
			return all, troubles, nil
		case page == mostPages || got.NextCursor == params.Cursor:
			return all, append(troubles, "the list of its tools has no end: the others are left out"), nil
		}
		params = &mcp.ListToolsParams{Cursor: got.NextCursor}
	}
}

// offers returns the tools of a server as the model may get them, and what is wrong with some.
func (e *entry) offers(list []*mcp.Tool) (all []offer, troubles []string) {
	seen := map[string]bool{}
	owns := map[string]string{} // by what the model would call them
	twice := map[string]bool{}  // of two with one name neither is offered: nobody could say which is meant
	for _, t := range list {
		if e.policy(t.Name) == PolicyOff {
			continue
		}
		name := asName(t.Name)
		if own, have := owns[name]; have && own != t.Name {
			twice[name] = true
		}
		owns[name] = t.Name
	}
	var names []string
	origin := e.link.origin()
	for _, t := range list {
		name := word(t.Name)
		full := e.name + "_" + asName(t.Name)
		names = append(names, t.Name)
		schema, err := schemaOf(t.InputSchema)
		switch policy := e.policy(t.Name); {
		case policy == PolicyOff:
			continue
		case t.Name == "":
			troubles = append(troubles, "a tool without a name is left out")
		case len(full) > mostToolName:
			troubles = append(troubles, fmt.Sprintf("the tool %s is left out: its name %s would have more than %d characters; give the server a shorter name in the file", name, shown(full), mostToolName))
		case twice[asName(t.Name)]:
			troubles = append(troubles, fmt.Sprintf("the tool %s is left out: there is another with the same name %s; set one of them to off in the file", name, full))
		case seen[full]:
			troubles = append(troubles, fmt.Sprintf("the tool %s is there twice: the second is left out", name))
		case err != nil:
			troubles = append(troubles, fmt.Sprintf("the tool %s is left out: %v", name, err))
		default:
			seen[full] = true
			all = append(all, offer{own: t.Name, Tool: Tool{
				Tool:   llm.Tool{Name: full, Description: Cut(clean(t.Description), mostDescription), Schema: schema},
				Server: e.name, Origin: origin, Title: titleOf(t.Name), Policy: policy, Timeout: e.timeout, ReadOnly: t.Annotations != nil && t.Annotations.ReadOnlyHint,
			}})
		}
	}
	for _, rule := range e.unmatched(names) {
		troubles = append(troubles, fmt.Sprintf("the file has a policy for %q, and the server has no such tool", shown(rule)))
	}
	if len(troubles) > mostTroubles {
		troubles = append(troubles[:mostTroubles], fmt.Sprintf("and %d more", len(troubles)-mostTroubles))
	}
	return all, troubles
}

// asName returns a tool's name in the characters that model servers take.
func asName(s string) string {
	return strings.Map(func(r rune) rune {
		if nameRune(r) {
			return r
		}
		return '_'
	}, s)
}

// titleOf returns a tool's name as people read it. It is the name that the file has policies for,
// and not the title that a server may give: that is what a person allows to run.
func titleOf(name string) string { return shown(strings.ReplaceAll(name, "_", " ")) }

// schemaOf returns the description of a tool's arguments as it goes to the model.
func schemaOf(schema any) (json.RawMessage, error) {
	object, ok := schema.(map[string]any)
	if schema != nil && !ok {
		return nil, fmt.Errorf("the description of its arguments is no object")
	}
	if object["type"] != "object" {
		if object["type"] != nil {
			return nil, fmt.Errorf("its arguments are no object")
		}
		whole := map[string]any{}
		maps.Copy(whole, object)
		whole["type"] = "object"
		object = whole
	}
	if object["properties"] == nil { // some model servers take no other
		object["properties"] = map[string]any{}
	}
	if deeper(object, mostSchemaDepth) {
		return nil, fmt.Errorf("the description of its arguments has more than %d levels", mostSchemaDepth)
	}
	b, err := compact(object)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the description of its arguments cannot be written: %w", err)
	case len(b) > mostSchema:
		return nil, fmt.Errorf("the description of its arguments has more than %d kB", mostSchema>>10)
	}
	// clean makes a line end of U+0085, and in JSON that is none.
	return json.RawMessage(clean(strings.ReplaceAll(string(b), "\u0085", " "))), nil
}

// deeper reports whether a value that was read from JSON has more than so many levels.
func deeper(v any, most int) bool {
	inner := func(v any) bool { return deeper(v, most-1) }
	switch v := v.(type) {
	case map[string]any:
		return most == 0 || slices.ContainsFunc(slices.Collect(maps.Values(v)), inner)
	case []any:
		return most == 0 || slices.ContainsFunc(v, inner)
	}
	return false
}

// compact returns JSON without white space, with < and > as they are: \u003c costs tokens.
func compact(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("as JSON: %w", err)
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// DefinitionBytes returns how many bytes the definitions of tools take in a request: some four of
// them are a token.
func DefinitionBytes(tools []Tool) int {
	const frame = len(`{"type":"function","function":{"name":"","description":"","parameters":}},`)
	n := 0
	for _, t := range tools {
		n += frame + len(t.Name) + len(t.Description) + len(t.Schema)
	}
	return n
}
