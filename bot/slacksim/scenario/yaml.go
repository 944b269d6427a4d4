package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// node is one value of the file with the line it stands on.
type node struct {
	line   int
	text   string // of a scalar
	list   []node
	fields []field
	kind   nodeKind
}

type nodeKind int

const (
	scalar nodeKind = iota
	list
	mapping
	nothing
)

func (k nodeKind) String() string {
	return [...]string{"a value", "a list", "keys with values", "nothing"}[k]
}

type field struct {
	key   string
	line  int
	value node
}

// maxFile is how many bytes a scenario may have. The parser's time grows faster than its text.
const maxFile = 1 << 20

// maxDepth is how deep lists and keys may be nested. A scenario needs five levels.
const maxDepth = 12

// readYAML returns the file as nodes. Anchors, aliases and tags are refused: a scenario needs none,
// and aliases of aliases stand for more than any memory holds.
func (p *reader) readYAML(text []byte) node {
	if len(text) > maxFile {
		p.addf(1, "split it into several files", "the file has %d bytes, more than %d", len(text), maxFile)
		return node{kind: nothing, line: 1}
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		p.addf(lineOf(err), "see https://yaml.org/spec: texts with : or # in them need quotes", "not YAML: %s", firstLine(err))
		return node{kind: nothing, line: 1}
	}
	if len(file.Docs) > 1 {
		p.addf(file.Docs[1].GetToken().Position.Line, "put each scenario into a file of its own", "a second document")
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return node{kind: nothing, line: 1}
	}
	return p.node(file.Docs[0].Body, 0)
}

func (p *reader) node(n ast.Node, depth int) node {
	line := 1
	if t := n.GetToken(); t != nil {
		line = t.Position.Line
	}
	if depth > maxDepth {
		p.addf(line, "", "nested more than %d deep", maxDepth)
		return node{kind: nothing, line: line}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		out := node{kind: mapping, line: line}
		for _, v := range n.Values {
			out.fields = p.field(out.fields, v, depth)
		}
		if len(out.fields) > 0 {
			out.line = out.fields[0].line
		}
		return out
	case *ast.MappingValueNode:
		out := node{kind: mapping}
		out.fields = p.field(nil, n, depth)
		if len(out.fields) > 0 {
			out.line = out.fields[0].line
		}
		return out
	case *ast.SequenceNode:
		out := node{kind: list, line: line}
		for _, v := range n.Values {
			out.list = append(out.list, p.node(v, depth+1))
		}
		return out
	case *ast.NullNode:
		return node{kind: nothing, line: line}
	case *ast.LiteralNode:
		return node{kind: scalar, line: line, text: n.Value.Value}
	case *ast.StringNode:
		return node{kind: scalar, line: line, text: n.Value}
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return node{kind: scalar, line: line, text: n.GetToken().Value}
	}
	p.addf(line, "write the value itself", "%s is not used in scenarios", strings.ToLower(n.Type().String()))
	return node{kind: nothing, line: line}
}

func (p *reader) field(fields []field, v *ast.MappingValueNode, depth int) []field {
	key, line := v.Key.String(), v.Key.GetToken().Position.Line
	if t := v.Key.GetToken(); t != nil {
		key = t.Value
	}
	if slices.ContainsFunc(fields, func(f field) bool { return f.key == key }) {
		p.addf(line, "", "%s stands here twice", key)
		return fields
	}
	value := p.node(v.Value, depth+1)
	if value.kind == scalar || value.kind == nothing {
		value.line = line
	}
	return append(fields, field{key: key, line: line, value: value})
}

// lineOf returns the line that an error of the YAML parser names as [line:column].
func lineOf(err error) int {
	line := 0
	if _, e := fmt.Sscanf(firstLine(err), "[%d:", &line); e != nil {
		return 1
	}
	return cmp.Or(line, 1)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
