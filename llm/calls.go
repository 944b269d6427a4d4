package llm

import (
	"bytes"
	"encoding/json"
	"strings"
)

// What the calls of one answer may have. The figures are the project's own: a tool takes some
// hundred bytes as a rule, and a file that a model writes some ten thousand.
const (
	mostCalls     = 32        // of one answer; what is more is left out
	mostArguments = 64 << 10  // bytes, of one call
	mostAllCalls  = 256 << 10 // bytes, of all of them
	mostToolName  = 64        // characters, as OpenAI's protocol has it
	mostRawName   = 1 << 10   // bytes, with what may stand around it
	mostCallID    = 256       // bytes; the longest seen have 50
)

// callPiece is what one event says of a call.
type callPiece struct {
	index          int // noIndex: not said
	id, name, args string
}

// What stands for an index that a server did not give.
const (
	noIndex  = -1
	ownIndex = -2 // it stands for a call of its own
)

// assembler puts calls together from the pieces of a stream. Servers differ in what a piece says,
// so these rules decide to which call it belongs (facts/tools.md §2.3, each a row of a test):
//
//  1. The index names the call. A new id at a used index opens another one.
//  2. A piece without an index belongs to the last call. Several of them in one event are several
//     calls.
//  3. A name counts once, and up to a structural token.
//  4. No call is complete before the stream is.
//  5. Where there are calls, it is a round of tools, whatever the finish reason is.
//  6. A finish reason of calls without any means that the server lost them.
//  7. Arguments are one JSON object. None are an empty one, and one that comes twice counts once.
//  8. A call without an id gets one.
//
// Rules 5 and 6 are in verdict (stream.go), 7 and 8 in complete (finishcalls.go).
type assembler struct {
	calls []openCall
	bytes int  // of all
	over  bool // there are more bytes than are kept
	full  bool // a call was left out: what names no call may be of that one
}

// openCall is a call of which more may come.
type openCall struct {
	index    int
	id, name string
	args     []byte
	value    jsonEnd
}

// add takes the pieces of one event. It reports whether they brought anything: a server that sends
// empty pieces for ever does not.
func (a *assembler) add(pieces []callPiece) (grew bool) {
	for _, p := range pieces {
		if len(pieces) > 1 && p.index == noIndex {
			p.index = ownIndex
		}
		c := a.target(p)
		if c == nil {
			continue // too many
		}
		grew = grew || len(p.args) > 0 || c.id == "" && p.id != "" || c.name == "" && p.name != ""
		if c.id == "" {
			c.id = p.id
		}
		if c.name == "" {
			c.name = p.name
		}
		if a.bytes += len(p.args); len(c.args)+len(p.args) > mostArguments || a.bytes > mostAllCalls {
			a.over = true
			return grew
		}
		c.args = append(c.args, p.args...)
		c.value.feed(p.args)
	}
	return grew
}

// target returns the call that a piece belongs to; nil: it is of one too many.
func (a *assembler) target(p callPiece) *openCall {
	if a.full && p.index == noIndex && p.id == "" {
		return nil
	}
	c := a.at(p.index)
	for i := range a.calls {
		if p.id != "" && a.calls[i].id == p.id && a.calls[i].goesOn(p) {
			return &a.calls[i]
		}
	}
	if c == nil || c.other(p) {
		if len(a.calls) == mostCalls {
			a.full = true
			return nil
		}
		a.calls = append(a.calls, openCall{index: p.index})
		c = &a.calls[len(a.calls)-1]
	}
	return c
}

// at returns the newest call with an index, or the newest one for a piece without.
func (a *assembler) at(index int) *openCall {
	for i := len(a.calls) - 1; i >= 0; i-- {
		if index == noIndex || a.calls[i].index == index && index != ownIndex {
			return &a.calls[i]
		}
	}
	return nil
}

// other reports whether a piece opens another call, although it has the index of c. A server that
// repeats the head of a call in each piece, or gives each a new id, does not: a new call has a
// name.
func (c *openCall) other(p callPiece) bool {
	same := p.id != "" && p.id == c.id
	switch {
	case c.goesOn(p):
		return false
	case p.id != "" && c.id != "" && !same:
		return true
	case p.name == "" || c.name == "":
		return false
	case p.name != c.name:
		return true
	case same && p.args == "":
		return false
	}
	return c.value.done && p.args != string(c.args)
}

// goesOn reports whether a piece can only be more of c.
func (c *openCall) goesOn(p callPiece) bool {
	return !c.value.done && (p.name == "" || p.name == c.name && len(c.args) > 0 && !strings.HasPrefix(p.args, "{"))
}

// jsonEnd finds the end of a JSON value.
type jsonEnd struct {
	depth          int
	quoted, escape bool
	done           bool // the value is whole
}

func (j *jsonEnd) feed(s string) {
	for i := 0; i < len(s) && !j.done; i++ {
		j.step(s[i])
	}
}

// step takes the next byte.
func (j *jsonEnd) step(b byte) {
	switch {
	case j.escape:
		j.escape = false
	case j.quoted && b == '\\':
		j.escape = true
	case b == '"':
		j.quoted = !j.quoted
	case j.quoted:
	case b == '{' || b == '[':
		j.depth++
	case b == '}' || b == ']':
		if j.depth--; j.depth <= 0 {
			j.done = true
		}
	}
}

// wireCall is a piece of a call in all dialects. Some have the function's fields beside the id.
type wireCall struct {
	Index    *number         `json:"index"`
	ID       text            `json:"id"`
	Function json.RawMessage `json:"function"`
	Name     text            `json:"name"`
	Args     json.RawMessage `json:"arguments"`
}

// callPieces reads a tool_calls field: a list, or one object (TGI 2). It leaves out what it cannot
// read. half is the first half of a character whose second comes in a later event.
func callPieces(raw json.RawMessage, half *string) []callPiece {
	raw = bytes.TrimSpace(raw)
	if isNull(raw) {
		return nil
	}
	list := []json.RawMessage{raw}
	if raw[0] == '[' && json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []callPiece
	for _, one := range list {
		if p, ok := pieceOf(one, half); ok && len(out) < mostCalls {
			out = append(out, p)
		}
	}
	return out
}

// pieceOf reads one object of a call.
func pieceOf(raw json.RawMessage, half *string) (callPiece, bool) {
	var w wireCall
	if isNull(raw) || json.Unmarshal(raw, &w) != nil {
		return callPiece{}, false
	}
	p := callPiece{index: noIndex, id: string(w.ID), name: string(w.Name)}
	if w.Index != nil {
		p.index = w.Index.int()
	}
	args := w.Args
	var f struct {
		Name text            `json:"name"`
		Args json.RawMessage `json:"arguments"`
	}
	if !isNull(w.Function) && json.Unmarshal(w.Function, &f) == nil {
		p.name, args = string(f.Name), f.Args
	}
	switch {
	case isNull(args):
	case args[0] == '"':
		p.args = stringOnly(joinHalves(args, half))
	default:
		p.args = string(args) // an object, as in Ollama's own protocol
	}
	if len(p.id) > mostCallID {
		p.id = "" // it could not be sent back
	}
	p.name = p.name[:min(len(p.name), mostRawName)]
	return p, true
}
