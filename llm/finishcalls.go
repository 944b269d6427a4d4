package llm

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// complete returns the calls of an answer that has ended. cut: it ended at its length limit.
func (a *assembler) complete(req *Request, cut bool) []ToolCall {
	var out []ToolCall
	for i := range a.calls {
		c := &a.calls[i]
		if c.name == "" && len(bytes.TrimSpace(c.args)) == 0 || i > 0 && c.echoes(&a.calls[i-1]) {
			continue
		}
		name, args := c.name, string(c.args)
		if name == "" { // TGI 2 has the name among the arguments
			if w, ok := oneCall([]byte(args), req); ok {
				name, args = w.name, w.args
			}
		}
		call := ToolCall{ID: c.id, Name: toolName(name, req)}
		call.Arguments, call.Bad = arguments(args)
		switch {
		case call.Bad != "" && cut && i == len(a.calls)-1:
			call.Bad = "The answer reached its length limit before the call was complete."
		case call.Name == "" && call.Bad == "":
			call.Bad = "The call does not name a tool."
		}
		out = append(out, call)
	}
	giveIDs(out, req)
	return out
}

// echoes reports whether c is the call before it, once more: some servers repeat its head, or all
// of it, at the end.
func (c *openCall) echoes(before *openCall) bool {
	return (c.id == "" || c.id == before.id) && c.index == before.index && c.index != ownIndex && (c.name == "" || c.name == before.name) && (len(c.args) == 0 || bytes.Equal(c.args, before.args))
}

// idLength is what Mistral's chat templates want: nine letters and digits. Others take any id.
const idLength = 9

// giveIDs gives each call an id that no other call of the conversation has. A result is matched by
// it, and SGLang counts from 0 in each answer.
func giveIDs(calls []ToolCall, req *Request) {
	used := map[string]bool{"": true}
	for i := range req.Messages {
		for _, c := range req.Messages[i].Calls {
			used[c.ID] = true
		}
	}
	for i := range calls {
		for used[calls[i].ID] {
			calls[i].ID = rand.Text()[:idLength]
		}
		used[calls[i].ID] = true
	}
}

// toolName returns the name of a tool as it was offered, from what the server says: up to a
// structural token that leaked into it (vLLM #32587), and without what Harmony and Kimi K2 write
// around it: functions.search:0. A name that was not offered is returned as it is, cut.
func toolName(name string, req *Request) string {
	whole := strings.TrimSpace(name)
	name, _, _ = strings.Cut(whole, "<|")
	name = strings.TrimSpace(name)
	short := strings.TrimPrefix(name, "functions.")
	bare, _, _ := strings.Cut(short, ":")
	for _, try := range []string{whole, name, short, bare} {
		for i := range req.Tools {
			if req.Tools[i].Name == try {
				return try
			}
		}
	}
	return Printable(name, mostToolName)
}

// arguments returns the arguments of a call as one JSON object, or what is wrong with them, in
// words for the model.
func arguments(raw string) (args, bad string) {
	s := strings.TrimSpace(raw)
	if s == "" || s == "null" {
		return emptyArguments, ""
	}
	if s[0] == '"' { // encoded twice
		var in string
		if json.Unmarshal([]byte(s), &in) == nil {
			if in = strings.TrimSpace(in); in == "" {
				return emptyArguments, ""
			}
			s = in
		}
	}
	if isObject([]byte(s)) {
		return s, ""
	}
	values, err := objects(s)
	switch {
	case err == nil && len(values) == 1:
		return values[0], ""
	case err == nil:
		return raw, fmt.Sprintf("The arguments must be one JSON object, and there are %d.", len(values))
	}
	if whole := repeated(s); whole != "" {
		return whole, ""
	}
	return raw, "The arguments are no JSON object: " + err.Error() + "."
}

// objects reads JSON objects that follow one another, and returns the different ones. An empty one
// beside another does not count: some servers begin with {}. What may follow the last one says
// nothing: closing brackets, and structural tokens.
func objects(s string) ([]string, error) {
	var out []string
	for rest := s; ; {
		rest = strings.TrimLeft(rest, " \t\r\n")
		if len(out) > 0 && saysNothing(rest) {
			break
		}
		value, n, err := firstObject(rest)
		if err != nil {
			return nil, err
		}
		rest = rest[n:]
		if seen := len(out) > 0 && (out[0] == value || emptyObject(value)); !seen {
			out = append(out, value)
		}
		if len(out) > 1 && emptyObject(out[0]) {
			out = out[1:]
		}
		if len(out) > mostCalls {
			break
		}
	}
	return out, nil
}

func emptyObject(s string) bool { return strings.TrimSpace(strings.Trim(s, "{}")) == "" }

var errNoBrace = errors.New("it does not begin with {")

// firstObject returns the JSON object at the start of s, and its length.
func firstObject(s string) (value string, n int, err error) {
	if !strings.HasPrefix(s, "{") {
		return "", 0, errNoBrace
	}
	in := json.NewDecoder(strings.NewReader(s))
	var raw json.RawMessage
	switch err := in.Decode(&raw); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "", 0, errors.New("it does not end")
	case err != nil:
		return "", 0, err
	}
	return string(raw), int(in.InputOffset()), nil
}

// saysNothing reports whether s has nothing but closing brackets and structural tokens.
func saysNothing(s string) bool {
	for s != "" {
		switch s[0] {
		case '}', ']', ' ', '\t', '\r', '\n', '`':
			s = s[1:]
			continue
		}
		if !trigger(s[0]) {
			return false
		}
		tok, _ := tokenAt(s, true)
		if tok.kind == tokenNone {
			return false
		}
		s = s[tok.n:]
	}
	return true
}

// repeated returns the object at the end of s if what stands before it is a part of it: a server
// sent some of the arguments, and then all of them once more.
func repeated(s string) string {
	const mostTries = 16 // each may look at all of s; a second one is rare
	for at, tries := 1, 0; at <= len(s)/2 && tries < mostTries; at++ {
		i := strings.IndexByte(s[at:], '{')
		if i < 0 {
			return ""
		}
		at += i
		whole := s[at:]
		if !strings.HasPrefix(whole, s[:at]) {
			continue
		}
		if tries++; isObject([]byte(whole)) {
			return whole
		}
	}
	return ""
}
