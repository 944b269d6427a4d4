package main

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a YAML file. What we read of one is three levels deep. The parser's time grows with the
// square of the depth, and an alias of aliases of aliases stands for more values than any memory
// holds.
const (
	mostDepth   = 32   // brackets and braces, and marks (- ? : & !) in a row in a line
	mostColumn  = 200  // of such a mark; deeper blocks stand further to the right
	mostAnchors = 1000 // & and !, in the whole file
	// mostEscapes bounds the \ in the whole file: the scanner's time grows with the square of those in
	// one string.
	mostEscapes = 50_000
	mostValues  = 4 << 20 // bytes of all values, each alias counted as what it stands for
	valueCosts  = 40      // bytes that a value takes beside its text
)

// boundedYAML returns an error if the YAML decoder would take more time or memory for a text than
// for any honest file. It accepts what is no YAML at all: the decoder's own error is better.
func boundedYAML(text []byte) error {
	if err := countBytes(text); err != nil {
		return err
	}
	tokens := lexer.Tokenize(string(text))
	if err := countTokens(tokens); err != nil {
		return err
	}
	file, err := parser.Parse(tokens, 0)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	sizes := aliasSizes{}
	total := 0
	for _, doc := range file.Docs {
		if total += sizes.of(doc.Body); total > mostValues {
			return fmt.Errorf("its values take more than %d kB when each alias (*name) is written out", mostValues>>10)
		}
	}
	return nil
}

func countBytes(text []byte) error {
	escapes := 0
	for _, b := range text {
		if b == '\\' {
			escapes++
		}
	}
	if escapes > mostEscapes {
		return fmt.Errorf("it has more than %d backslashes: write long texts as blocks (prompt: |)", mostEscapes)
	}
	return nil
}

func countTokens(tokens token.Tokens) error {
	brackets, marks, anchors, line := 0, 0, 0, 0
	for _, t := range tokens {
		if brackets == 0 && t.Position.Line != line {
			marks, line = 0, t.Position.Line
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		case token.CollectEntryType: // a comma
			marks = 0
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
			marks++
		case token.AnchorType, token.TagType:
			marks++
			anchors++
		default:
			continue
		}
		if anchors > mostAnchors {
			return fmt.Errorf("line %d: it has more than %d anchors (&) and tags (!)", t.Position.Line, mostAnchors)
		}
		if brackets > mostDepth || marks > mostDepth || brackets == 0 && t.Position.Column > mostColumn && t.Type != token.CollectEntryType {
			return fmt.Errorf("line %d: it is nested too deeply", t.Position.Line)
		}
	}
	return nil
}

// aliasSizes are what the values of anchors take, their own aliases written out.
type aliasSizes map[string]int

// of returns what a value takes. It stops counting above the limit.
func (a aliasSizes) of(n ast.Node) int {
	switch n := n.(type) {
	case nil:
		return 0
	case *ast.AnchorNode:
		name := n.Name.GetToken().Value
		a[name] = mostValues + 1 // for aliases of itself
		size := a.of(n.Value)
		a[name] = size
		return size
	case *ast.AliasNode:
		return valueCosts + a[n.Value.GetToken().Value]
	case *ast.TagNode:
		return a.of(n.Value)
	case *ast.MappingKeyNode:
		return a.of(n.Value)
	case *ast.MappingValueNode:
		return a.sum(n.Key, n.Value)
	case *ast.MappingNode:
		size := valueCosts
		for _, v := range n.Values {
			size = min(size+a.of(v), mostValues+1)
		}
		return size
	case *ast.SequenceNode:
		return a.sum(n.Values...)
	case *ast.LiteralNode:
		return a.of(n.Value)
	case *ast.StringNode:
		return valueCosts + len(n.Value)
	}
	return valueCosts
}

func (a aliasSizes) sum(nodes ...ast.Node) int {
	size := valueCosts
	for _, n := range nodes {
		size = min(size+a.of(n), mostValues+1)
	}
	return size
}
