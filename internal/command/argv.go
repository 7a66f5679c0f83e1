package command

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"warden/internal/remedy"
)

// maxArgument caps one argument after templating, in bytes.
const maxArgument = 8 << 10

// Data is what the elements of an argv are filled in with.
type Data struct{ Host, Pool, ID, Action, Prior, Token string }

// The fields of Data, as config keys allow them.
const (
	FieldHost   = ".Host"
	FieldPool   = ".Pool"
	FieldID     = ".ID"
	FieldAction = ".Action"
	FieldPrior  = ".Prior"
	FieldToken  = ".Token"
)

// undefined is how text/template speaks of a function that it does not know.
var undefined = regexp.MustCompile(`function "(\w+)" not defined$`)

// functions may stand in a template. They have the names and the order of
// arguments that Alertmanager's have, or Helm's where it has none.
func functions() template.FuncMap {
	return template.FuncMap{
		"toUpper": strings.ToUpper, "toLower": strings.ToLower, "trimSpace": strings.TrimSpace,
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"reReplaceAll": func(pattern, repl, s string) (string, error) {
			re, err := regexp.Compile(pattern)
			if err != nil {
				return "", err
			}
			return re.ReplaceAllString(s, repl), nil
		},
	}
}

// Functions lists the names of the functions that a template may use.
func Functions() []string {
	return []string{"reReplaceAll", "toLower", "toUpper", "trimPrefix", "trimSpace", "trimSuffix"}
}

// ArgError is an error about one element of an argv.
type ArgError struct {
	Index int // from 0
	// Text says what is wrong, and what to do.
	Text string
	// Unknown is the field or function that there is not, and Known those that
	// there are; empty where it is about something else.
	Unknown string
	Known   []string
}

// Error implements error.
func (e *ArgError) Error() string { return fmt.Sprintf("argument %d: %s", e.Index, e.Text) }

// Argv is a command whose arguments may be templates. Each element becomes
// exactly one argument.
type Argv struct {
	elements []element
	fields   []string // those that it uses
}

type element struct {
	text    string
	tmpl    *template.Template // nil for plain text
	dashing bool               // the text itself begins with "-"
}

// ParseArgv checks an argv and makes it ready to be filled in. Its first
// element is an absolute path without a template; fields are those that the
// others may use. The error is an *ArgError, or about the argv as a whole.
func ParseArgv(argv []string, fields ...string) (*Argv, error) {
	if len(argv) == 0 {
		return nil, errors.New("the command is empty: name a program")
	}
	if !filepath.IsAbs(argv[0]) || filepath.Clean(argv[0]) != argv[0] {
		return nil, &ArgError{Text: fmt.Sprintf("%q is not the absolute path of a program: write the whole path, and its arguments as elements of their own", clip(argv[0]))}
	}
	a := &Argv{}
	for i, text := range argv {
		e, err := a.element(text, fields)
		switch {
		case err != nil:
			if e, ok := errors.AsType[*ArgError](err); ok {
				e.Index = i
				return nil, e
			}
			return nil, &ArgError{Index: i, Text: err.Error()}
		case i == 0 && e.tmpl != nil:
			return nil, &ArgError{Index: i, Text: "the program's path can't be a template: write it out"}
		}
		a.elements = append(a.elements, e)
	}
	if i := a.scripted(); i > 0 {
		return nil, &ArgError{Index: i, Text: "this is a shell's script, and what stands in braces would become code: write $1 there, and give the value as further arguments: \"-c\", \"... \\\"$1\\\"\", \"sh\", \"{{ .Host }}\""}
	}
	sample := Data{Host: "host-1.example.net", Pool: "pool", ID: "W-1", Action: "action", Prior: "prior", Token: "1.2"}
	if _, err := a.Render(sample); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Argv) element(text string, fields []string) (element, error) {
	e := element{text: text, dashing: strings.HasPrefix(text, "-")}
	switch {
	case text == "":
		return e, errors.New("it is empty: leave it out")
	case strings.ContainsRune(text, 0):
		return e, errors.New("it holds a NUL, which no argument can: remove it")
	case !strings.Contains(text, "{{"):
		return e, nil
	}
	t, err := template.New("argument").Funcs(functions()).Parse(text)
	if m := undefined.FindStringSubmatch(fmt.Sprint(err)); m != nil {
		return e, &ArgError{Text: fmt.Sprintf("there is no function %s: use one of %s", m[1], strings.Join(Functions(), " ")), Unknown: m[1], Known: Functions()}
	}
	if err != nil {
		return e, fmt.Errorf("not a template (%s): write {{ .Host }}, for example", strings.TrimPrefix(err.Error(), "template: argument:"))
	}
	if len(t.Templates()) > 1 || t.Tree == nil {
		return e, errors.New("only fields and functions may stand in braces: write {{ .Host }}, for example")
	}
	for _, n := range t.Root.Nodes {
		if err := a.node(n, fields); err != nil {
			return e, err
		}
	}
	e.tmpl = t
	return e, nil
}

// node holds a template to text, and to fields that go through functions.
func (a *Argv) node(n parse.Node, fields []string) error {
	switch n := n.(type) {
	case *parse.TextNode, *parse.CommentNode, *parse.StringNode:
		return nil
	case *parse.ActionNode:
		return a.node(n.Pipe, fields)
	case *parse.PipeNode:
		if len(n.Decl) > 0 {
			return errors.New("variables are not used here: write {{ .Host }} or {{ .Host | toLower }}")
		}
		for _, c := range n.Cmds {
			for _, arg := range c.Args {
				if err := a.node(arg, fields); err != nil {
					return err
				}
			}
		}
		return nil
	case *parse.FieldNode:
		name := n.String()
		if !slices.Contains(fields, name) {
			return &ArgError{Text: fmt.Sprintf("there is no %s here: use one of %s", name, strings.Join(fields, " ")), Unknown: name, Known: fields}
		}
		if !slices.Contains(a.fields, name) {
			a.fields = append(a.fields, name)
		}
		return nil
	case *parse.IdentifierNode:
		if !slices.Contains(Functions(), n.Ident) {
			return &ArgError{Text: fmt.Sprintf("there is no function %s: use one of %s", n.Ident, strings.Join(Functions(), " ")), Unknown: n.Ident, Known: Functions()}
		}
		return nil
	}
	return fmt.Errorf("only fields and functions may stand in braces, and not %s: write {{ .Host }}, for example", clip(n.String()))
}

// scripted is the index of a template that a shell would run as its script, or 0.
func (a *Argv) scripted() int {
	shell := false
	for i, e := range a.elements {
		switch {
		case slices.Contains([]string{"sh", "bash", "dash", "zsh", "ksh", "ash"}, filepath.Base(e.text)):
			shell = true
		case shell && strings.HasPrefix(e.text, "-") && !strings.HasPrefix(e.text, "--") && strings.Contains(e.text, "c"):
			for j := i + 1; j < len(a.elements); j++ {
				if !a.elements[j].dashing { // the script: what follows it are its arguments
					if a.elements[j].tmpl != nil {
						return j
					}
					return 0
				}
			}
		}
	}
	return 0
}

// Uses reports whether the argv has the field in it.
func (a *Argv) Uses(field string) bool { return slices.Contains(a.fields, field) }

// Program is the path of the program.
func (a *Argv) Program() string { return a.elements[0].text }

// Render fills the elements in. What came from outside can neither become an
// option, nor vanish, nor end an argument: it fails instead.
func (a *Argv) Render(d Data) ([]string, error) {
	out := make([]string, len(a.elements))
	for i, e := range a.elements {
		out[i] = e.text
		if e.tmpl == nil {
			continue
		}
		var b strings.Builder
		if err := e.tmpl.Execute(&b, d); err != nil {
			return nil, &ArgError{Index: i, Text: fmt.Sprintf("%s can't be filled in (%s): mend it", e.text, strings.TrimPrefix(err.Error(), "template: argument:"))}
		}
		s := b.String()
		switch {
		case s == "":
			return nil, &ArgError{Index: i, Text: fmt.Sprintf("%s comes out empty: leave it out, or put text around it", e.text)}
		case len(s) > maxArgument:
			return nil, &ArgError{Index: i, Text: fmt.Sprintf("%s comes out longer than %d bytes: make it shorter", e.text, maxArgument)}
		case strings.ContainsRune(s, 0):
			return nil, &ArgError{Index: i, Text: fmt.Sprintf("%s comes out with a NUL in it: remove that", e.text)}
		case strings.HasPrefix(s, "-") && !e.dashing:
			return nil, &ArgError{Index: i, Text: fmt.Sprintf("%s comes out as %q, which a program would take for an option: put text in front of it", e.text, clip(s))}
		}
		out[i] = s
	}
	return out, nil
}

// DefaultHostPattern is what host names must look like to reach a command line,
// unless the config says otherwise.
const DefaultHostPattern = `^[A-Za-z0-9]([A-Za-z0-9._-]{0,252})$`

// HostPattern says which host names may reach a command line.
type HostPattern struct{ re *regexp.Regexp }

// ParseHostPattern makes one of a regular expression that a name has to match
// in full; DefaultHostPattern when it is empty.
func ParseHostPattern(s string) (HostPattern, error) {
	if s == "" {
		s = DefaultHostPattern
	}
	re, err := regexp.Compile(`\A(?:` + s + `)\z`)
	if err != nil {
		return HostPattern{}, fmt.Errorf("not a regular expression: %w", err)
	}
	return HostPattern{re}, nil
}

// Check refuses a name that does not match, and, whatever the pattern, one that
// begins with "-" or holds what can't be printed.
func (p HostPattern) Check(host string) error {
	if host == "" || len(host) > 253 || strings.HasPrefix(host, "-") || strings.IndexFunc(host, unprintable) >= 0 ||
		strings.ContainsAny(host, "\n\t") || p.re == nil || !p.re.MatchString(host) {
		return fmt.Errorf("the host name %q is not one that may reach a command line: see host_pattern", clip(host))
	}
	return nil
}

// Quote writes an argv as a person would type it to a shell: for showing, and
// for nothing else.
func Quote(argv []string) string { return remedy.ShellWords(argv...) }
