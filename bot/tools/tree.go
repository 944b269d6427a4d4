package tools

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
)

// mostDepth is how deep values of the file may nest; its own form needs five levels.
const mostDepth = 20

// node is one value of a JSON text. It keeps what encoding/json forgets: the line, the order of the
// keys, and keys that come twice.
type node struct {
	line  int
	value any     // string, json.Number, bool, nil; or kindObject, kindList
	pairs []pair  // of an object
	list  []*node // of a list
}

type pair struct {
	key  string
	line int
	node *node
}

// kind says what a node with children is.
type kind string

const (
	kindObject kind = "an object"
	kindList   kind = "a list"
)

// is returns what a node is, in words for an operator.
func (n *node) is() string {
	switch v := n.value.(type) {
	case kind:
		return string(v)
	case string:
		return "a text"
	case json.Number:
		return "the number " + shown(v.String())
	case bool:
		return fmt.Sprint(v)
	}
	return "null"
}

// reader reads a JSON text into nodes.
type reader struct {
	dec    *json.Decoder
	starts []int // the offsets at which lines begin
}

// readTree reads a whole JSON text. Its error names the line.
func readTree(text []byte) (*node, error) {
	r := &reader{dec: json.NewDecoder(bytes.NewReader(text)), starts: []int{0}}
	r.dec.UseNumber()
	for i, c := range text {
		if c == '\n' {
			r.starts = append(r.starts, i+1)
		}
	}
	n, err := r.node(0)
	if err == nil {
		if _, more := r.dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("something follows after the end of the object")
		}
	}
	if err == nil {
		return n, nil
	}
	at := int(r.dec.InputOffset())
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at = int(syntax.Offset)
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		at, err = len(text), errors.New("it ends in the middle")
	}
	return nil, fmt.Errorf("line %d: %w", r.line(at), err)
}

// line returns the number of the line of an offset.
func (r *reader) line(offset int) int {
	return sort.SearchInts(r.starts, offset+1)
}

func (r *reader) node(depth int) (*node, error) {
	if depth > mostDepth {
		return nil, errors.New("it is nested too deep")
	}
	token, err := r.dec.Token()
	if err != nil {
		return nil, err //nolint:wrapcheck // readTree says where
	}
	n := &node{line: r.line(int(r.dec.InputOffset()) - 1), value: token}
	switch token {
	case json.Delim('{'):
		n.value = kindObject
		err = r.object(n, depth)
	case json.Delim('['):
		n.value = kindList
		for err == nil && r.dec.More() {
			var inner *node
			if inner, err = r.node(depth + 1); err == nil {
				n.list = append(n.list, inner)
			}
		}
		if err == nil {
			_, err = r.dec.Token()
		}
	}
	return n, err
}

func (r *reader) object(n *node, depth int) error {
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err //nolint:wrapcheck // readTree says where
		}
		p := pair{line: r.line(int(r.dec.InputOffset()) - 1)}
		p.key, _ = key.(string) // the decoder takes nothing else
		if p.node, err = r.node(depth + 1); err != nil {
			return err
		}
		n.pairs = append(n.pairs, p)
	}
	_, err := r.dec.Token()
	return err //nolint:wrapcheck // readTree says where
}
