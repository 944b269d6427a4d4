package llm

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// A server without the right parser leaves calls in the text, in the model's own form. The splitter
// takes them out. What it took out is a call if it has a JSON object that names a tool which was
// offered, or that follows the name of one. Everything else is no call: a guess would run something
// that nobody asked for.

// textCall is a call that stood in the text.
type textCall struct {
	to   string // whom the head of the message names (Harmony)
	body string
}

// mostTextCall is how many bytes of a call in the text are looked at: its arguments, and what is
// around them.
const mostTextCall = mostArguments + 1<<10

// calls returns the calls of tools that were offered.
func (w textCall) calls(req *Request) []openCall {
	const mostTries = 64 // a look at an object that does not end goes to the end
	var out []openCall
	name := offered(w.to, req)
	from, at := 0, 0
	for tries := 0; tries < mostTries && len(out) < mostCalls; {
		i := strings.IndexAny(w.body[at:], "{[")
		if i < 0 {
			break
		}
		at += i
		var value json.RawMessage
		in := json.NewDecoder(strings.NewReader(w.body[at:]))
		if in.Decode(&value) != nil {
			tries++
			at++
			continue
		}
		if before := lastOffered(w.body[from:at], req); before != "" {
			name = before
		}
		if found := namedCalls(value, req); name == "" || value[0] == '[' {
			out = append(out, found...)
		} else {
			out = append(out, openCall{name: name, args: argumentsIn(value, name)})
		}
		at += int(in.InputOffset())
		from, name = at, offered(w.to, req)
	}
	return out[:min(len(out), mostCalls)]
}

// argumentsIn returns the arguments from an object that follows the name of a tool: the object, but
// for one that is the whole call of that tool once more.
func argumentsIn(value json.RawMessage, name string) []byte {
	var f map[string]json.RawMessage
	if json.Unmarshal(value, &f) == nil && stringOnly(f["name"]) == name {
		for _, key := range argumentKeys() {
			if args, ok := f[key]; ok {
				return plainArguments(args)
			}
		}
	}
	return value
}

var xmlTag = regexp.MustCompile(`</?[A-Za-z]`)

// offered returns the tool that a name means; empty: none that was offered.
func offered(name string, req *Request) string {
	name = toolName(name, req)
	for i := range req.Tools {
		if req.Tools[i].Name == name && name != "" {
			return name
		}
	}
	return ""
}

// lastOffered returns the last word of s that names a tool. Behind a tag of XML an object is one
// argument of several: those calls are not read.
func lastOffered(s string, req *Request) string {
	if xmlTag.MatchString(s) {
		return ""
	}
	words := strings.FieldsFunc(s, func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && r != ':' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	for _, word := range slices.Backward(words) {
		if name := offered(word, req); name != "" {
			return name
		}
	}
	return ""
}

// namedCalls returns the calls in a value: an object that names a tool, or a list of such.
func namedCalls(value json.RawMessage, req *Request) []openCall {
	list := []json.RawMessage{value}
	if value[0] == '[' && json.Unmarshal(value, &list) != nil {
		return nil
	}
	var out []openCall
	for _, one := range list {
		if c, ok := oneCall(one, req); ok {
			out = append(out, openCall{name: c.name, args: []byte(c.args)})
		}
	}
	return out
}

func argumentKeys() [4]string { return [...]string{"arguments", "parameters", "args", "input"} }

// oneCall reads an object that names a tool which was offered: {"name": …, "arguments": {…}} as
// most models write it, "parameters" as Llama does, either in a "function", and TGI 2's
// {"function": {"_name": …, …}}.
func oneCall(raw json.RawMessage, req *Request) (callPiece, bool) {
	var f map[string]json.RawMessage
	if json.Unmarshal(raw, &f) != nil {
		return callPiece{}, false
	}
	if in := bytes.TrimSpace(f["function"]); len(in) > 0 && in[0] == '{' {
		f = nil
		if json.Unmarshal(in, &f) != nil {
			return callPiece{}, false
		}
		if name := offered(stringOnly(f["_name"]), req); name != "" {
			delete(f, "_name")
			args, err := json.Marshal(f)
			return callPiece{name: name, args: string(args)}, err == nil
		}
	}
	for _, key := range [...]string{"name", "tool_name", "function", "tool"} {
		name := offered(stringOnly(f[key]), req)
		if name == "" {
			continue
		}
		for _, key := range argumentKeys() {
			if args, ok := f[key]; ok {
				return callPiece{name: name, args: string(plainArguments(args))}, true
			}
		}
		return callPiece{name: name}, true
	}
	return callPiece{}, false
}

// plainArguments returns arguments without the string that they may be in.
func plainArguments(raw json.RawMessage) []byte {
	if s := stringOnly(raw); s != "" {
		return []byte(s)
	}
	return raw
}

// bareCalls returns the calls that a text consists of: with a required choice, some servers leave
// what the grammar made (vLLM #24509). Nil: it is a text.
func bareCalls(text string, req *Request) []openCall {
	text = strings.TrimSpace(text)
	if text == "" || text[0] != '{' && text[0] != '[' {
		return nil
	}
	var value json.RawMessage
	in := json.NewDecoder(strings.NewReader(text))
	if in.Decode(&value) != nil || !saysNothing(text[in.InputOffset():]) {
		return nil
	}
	return namedCalls(value, req)
}
