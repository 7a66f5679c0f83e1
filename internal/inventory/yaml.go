package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxDepth bounds how deep lists and maps may lie within each other. An
// inventory needs four levels; the parser recurses, and a stack that overflows
// would end the process.
const maxDepth = 100

// errSyntax is what is said of what can't be parsed. What the parser says of it
// may repeat it.
var errSyntax = errors.New("it is neither valid JSON nor valid YAML")

// parseYAML reads one YAML document. It converts the syntax tree by itself:
// that keeps scalars as they were written, and refuses anchors, aliases and
// tags, which can make much of little.
func parseYAML(data []byte) (_ any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("the YAML parser failed on it: write it as JSON")
		}
	}()
	if tooDeep(data) {
		return nil, fmt.Errorf("its lists and maps lie more than %d deep: write a flat list", maxDepth)
	}
	doc, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: correct it", errSyntax, firstLine(err))
	}
	var body ast.Node
	for _, d := range doc.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			return nil, errors.New("it holds several YAML documents: write one")
		}
		body = d.Body
	}
	return fromYAML(body, 0)
}

func fromYAML(n ast.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("its lists and maps lie more than %d deep: write a flat list", maxDepth)
	}
	switch n := n.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil, nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return n.Value.Value, nil
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for _, v := range n.Values {
			item, err := fromYAML(v, depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		return list, nil
	case *ast.MappingNode:
		return mapping(n.Values, depth)
	case *ast.MappingValueNode:
		return mapping([]*ast.MappingValueNode{n}, depth)
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return plain(n.GetToken().Value), nil
	default:
		return nil, fmt.Errorf("it uses YAML's %s: write plain lists, maps and text", strings.ToLower(n.Type().String()))
	}
}

func mapping(pairs []*ast.MappingValueNode, depth int) (any, error) {
	m := make(map[string]any, len(pairs))
	for _, p := range pairs {
		key, ok := p.Key.(*ast.StringNode)
		if !ok {
			return nil, fmt.Errorf("it has a key that is not text, near line %d: write it in quotes", p.GetToken().Position.Line)
		}
		if _, twice := m[key.Value]; twice {
			return nil, fmt.Errorf("it has the key %s twice in one map: write it once", quote(key.Value))
		}
		v, err := fromYAML(p.Value, depth+1)
		if err != nil {
			return nil, err
		}
		m[key.Value] = v
	}
	return m, nil
}

// tooDeep looks for nesting without parsing: open brackets, several list or key
// marks on one line, and tags and anchors anywhere. Indentation can't get deep
// within the size limit. It also counts what stands in text and comments, where
// a list of hosts does not have such numbers of them.
func tooDeep(data []byte) bool {
	open, tags := 0, 0
	for line := range bytes.Lines(data) {
		marks := 0
		for word := range bytes.FieldsSeq(line) {
			switch c := word[0]; {
			case c == '!' || c == '&':
				tags++
			case len(word) == 1 && (c == '-' || c == '?' || c == ':'):
				marks++
			}
		}
		for _, c := range line {
			switch c {
			case '[', '{':
				open++
			case ']', '}':
				open = max(0, open-1)
			}
			if open > maxDepth {
				return true
			}
		}
		if max(marks, tags) > maxDepth {
			return true
		}
	}
	return false
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return strings.ToValidUTF8(line, "")
}
