package slack

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode"
)

const (
	mostArgument = 2048 // bytes of a text that a function takes or gives
	mostMatched  = 512  // bytes of a text that is matched: it may take the square of it
	mostPattern  = 200  // bytes of a pattern, and of a replacement
	mostProgram  = 100  // instructions of a pattern
	mostPatterns = 5    // of a piece
)

// templateFuncs are named as Alertmanager's. Each has bounds: what goes in and
// what comes out is a message's worth, and no more.
func templateFuncs() template.FuncMap {
	one := func(f func(string) string) func(string) (string, error) {
		return func(s string) (string, error) { return bounded(f, s) }
	}
	return template.FuncMap{
		"toUpper": one(strings.ToUpper), "toLower": one(strings.ToLower), "trimSpace": one(strings.TrimSpace), "title": one(titled),
		"join": func(sep string, s []string) (string, error) {
			return bounded(func(string) string { return strings.Join(s, sep) }, append(slices.Clone(s), slices.Repeat([]string{sep}, len(s))...)...)
		},
		"stringSlice": func(s ...string) []string { return s },
		"match": func(pattern, s string) (bool, error) {
			re, err := pattern1(pattern)
			if err != nil {
				return false, err
			}
			if len(s) > mostMatched {
				return false, fmt.Errorf("a text of more than %d bytes is not matched", mostMatched)
			}
			return re.MatchString(s), nil
		},
		"reReplaceAll": func(pattern, with, s string) (string, error) {
			re, err := pattern1(pattern)
			if err != nil {
				return "", err
			}
			if len(with) > mostPattern || strings.Count(with, "$") > 5 {
				return "", fmt.Errorf("a replacement has at most %d bytes and 5 groups", mostPattern)
			}
			if len(s) > mostMatched {
				return "", fmt.Errorf("a text of more than %d bytes is not matched", mostMatched)
			}
			return bounded(func(s string) string { return re.ReplaceAllString(s, with) }, s)
		},
	}
}

// titled begins each word with a capital letter.
func titled(s string) string {
	before := ' '
	return strings.Map(func(r rune) rune {
		was := before
		before = r
		if unicode.IsSpace(was) {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

// bounded gives the first to a function, whose work is bounded by all of them.
func bounded(f func(string) string, all ...string) (string, error) {
	if err := tooLong(all...); err != nil {
		return "", err
	}
	first := ""
	if len(all) > 0 {
		first = all[0]
	}
	out := f(first)
	return out, tooLong(out)
}

func tooLong(all ...string) error {
	n := 0
	for _, s := range all {
		n += len(s)
	}
	if n > mostArgument {
		return fmt.Errorf("a text of more than %d bytes", mostArgument)
	}
	return nil
}

// pattern1 compiles a pattern that is quick to match.
func pattern1(s string) (*regexp.Regexp, error) {
	if len(s) > mostPattern {
		return nil, fmt.Errorf("a pattern has at most %d bytes", mostPattern)
	}
	tree, err := syntax.Parse(s, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("a pattern: %w", err)
	}
	prog, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("a pattern: %w", err)
	}
	if len(prog.Inst) > mostProgram {
		return nil, errors.New("a pattern repeats too much: use less of {n,m}")
	}
	return regexp.Compile(s)
}

// walk says what a piece must not do.
type walk struct {
	// data is what its fields are of.
	data reflect.Type
	bad  []badNode
	// patterns is how many calls match something.
	patterns int
}

type badNode struct {
	pos  parse.Pos
	said string
}

func (w *walk) refuse(n parse.Node, format string, args ...any) {
	w.bad = append(w.bad, badNode{n.Position(), fmt.Sprintf(format, args...)})
}

// plainFuncs are text/template's own that neither loop nor grow.
var plainFuncs = [...]string{"and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len"}

func (w *walk) node(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, x := range n.Nodes {
				w.node(x)
			}
		}
	case *parse.ActionNode:
		w.node(n.Pipe)
	case *parse.PipeNode:
		if n != nil {
			for _, c := range n.Cmds {
				for _, a := range c.Args {
					w.node(a)
				}
			}
		}
	case *parse.IfNode:
		w.node(n.Pipe)
		w.node(n.List)
		w.node(n.ElseList)
	case *parse.FieldNode:
		w.field(n, n.Ident)
	case *parse.VariableNode:
		if len(n.Ident) > 1 {
			w.refuse(n, "%s: a variable has no fields; write .%s", n, n.Ident[1])
		}
	case *parse.IdentifierNode:
		if n.Ident == "match" || n.Ident == "reReplaceAll" {
			if w.patterns++; w.patterns == mostPatterns+1 {
				w.refuse(n, "a piece matches at most %d patterns: use fewer of match and reReplaceAll", mostPatterns)
			}
		}
		if _, own := templateFuncs()[n.Ident]; !own && !slices.Contains(plainFuncs[:], n.Ident) {
			w.refuse(n, "there is no function %s here: use one of toUpper, toLower, title, trimSpace, join, stringSlice, match, reReplaceAll, %s", n.Ident, strings.Join(plainFuncs[:], ", "))
		}
	case *parse.TextNode, *parse.CommentNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode:
	default: // range, with, template, break, nil, dot, chains: no loops, and no other data
		w.refuse(n, "%s can't be used here: a piece is text, fields, functions and if", strings.Join(strings.Fields(n.String()), " "))
	}
}

func (w *walk) field(n parse.Node, names []string) {
	var have []string
	for f := range w.data.Fields() {
		have = append(have, f.Name)
	}
	if len(names) != 1 || !slices.Contains(have, names[0]) {
		w.refuse(n, "there is no field .%s: use one of %s", strings.Join(names, "."), strings.Join(have, ", "))
	}
}
