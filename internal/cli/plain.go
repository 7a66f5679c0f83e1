package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/config"
)

// What the libraries beneath say of a command line or a file is for those who
// wrote the program. Here it is worded for those who use it, with what to do.

// exclusively is the annotation of a command that holds its groups of flags of
// which at most one may be given: names apart by spaces, groups by commas.
const exclusively = "at most one"

// exclusive lets at most one of these flags be given.
func exclusive(cmd *cobra.Command, names ...string) {
	cmd.MarkFlagsMutuallyExclusive(names...) // completion offers the others no more
	if cmd.Annotations == nil {
		cmd.Annotations = map[string]string{}
	}
	group := strings.Join(names, " ")
	if have := cmd.Annotations[exclusively]; have != "" {
		group = have + "," + group
	}
	cmd.Annotations[exclusively] = group
}

// clash refuses flags that exclude each other. It comes before cobra's own check.
func clash(cmd *cobra.Command) error {
	for c := cmd; c != nil; c = c.Parent() {
		for group := range strings.SplitSeq(c.Annotations[exclusively], ",") {
			var given []string
			for name := range strings.FieldsSeq(group) {
				if cmd.Flags().Changed(name) {
					given = append(given, "--"+name)
				}
			}
			if len(given) > 1 {
				return usage("%s don't go together: give one of them", strings.Join(given, " and "))
			}
		}
	}
	return nil
}

// badArgs words that a command can't take these arguments.
func badArgs(cmd *cobra.Command, check cobra.PositionalArgs, args []string) error {
	_, takes, _ := strings.Cut(cmd.Use, " ")
	form := strings.TrimSpace(cmd.CommandPath() + " " + takes)
	for n := range args {
		if check(cmd, args[:n]) == nil {
			return usage("%q is one argument too many: write it as `%s`", args[n], form)
		}
	}
	return usage("an argument is missing: write it as `%s`", form)
}

// ofFlag finds whose value it is that can't be read: cobra's library tells it in
// words only.
var ofFlag = regexp.MustCompile(`for "(?:-\w, )?--([\w.-]+)" flag: `)

// badFlag words that a command line's flags can't be understood.
func badFlag(cmd *cobra.Command, err error) error {
	var syntax interface{ GetSpecifiedFlag() string }
	var value interface{ GetValue() string }
	var named interface {
		GetSpecifiedName() string
		GetSpecifiedShortnames() string
	}
	switch {
	case errors.As(err, &syntax):
		return usage("%q is not a flag: write it as --name or --name=VALUE", syntax.GetSpecifiedFlag())
	case errors.As(err, &value):
		return badValue(cmd, value.GetValue(), err)
	case errors.As(err, &named):
		return noFlag(cmd, named.GetSpecifiedName(), named.GetSpecifiedShortnames())
	}
	return &usageError{err}
}

// badValue words that a flag can't have that value.
func badValue(cmd *cobra.Command, value string, err error) error {
	m := ofFlag.FindStringSubmatch(err.Error())
	if m == nil {
		return &usageError{err}
	}
	what := ""
	if f := cmd.Flags().Lookup(m[1]); f != nil {
		what = map[string]string{
			"int": "a whole number", "uint": "a whole number", "uint64": "a whole number", "int64": "a whole number", "float64": "a number",
			"duration": "a time such as 30s or 5m", "bool": "true or false",
		}[f.Value.Type()]
	}
	if what == "" { // the flag's own words
		return usage("--%s %q: %w", m[1], value, errors.Unwrap(err))
	}
	return usage("--%s %q is not %s: write it as one", m[1], value, what)
}

// noFlag words that a flag isn't there, or has no value.
func noFlag(cmd *cobra.Command, name, shorts string) error {
	given := "--" + name
	f := cmd.Flags().Lookup(name)
	if shorts != "" {
		given, f = "-"+shorts[:1], cmd.Flags().ShorthandLookup(shorts[:1])
	}
	if f != nil {
		return usage("%s needs a value: write it as --%s VALUE", given, f.Name)
	}
	var names []string
	for _, set := range []string{cmd.LocalFlags().FlagUsages(), cmd.InheritedFlags().FlagUsages()} {
		for _, m := range flagName.FindAllStringSubmatch(set, -1) {
			names = append(names, m[1])
		}
	}
	near := config.Nearest(name, names)
	if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, name+".") }); near == "" && i >= 0 {
		near = names[i] // the agent's have two parts
	}
	if shorts == "" && near != "" {
		return usage("there is no flag %s; did you mean --%s?", given, near)
	}
	return usage("there is no flag %s: leave it out, or use another one", given)
}

// flagName finds the flags in the list of them that the help shows.
var flagName = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([\w.-]+)`)

// plainError is an error's text with what the system said of a file in words
// that a person has a use for, and with what to do behind it.
func plainError(err error) string {
	text := err.Error()
	about, path, cause := "", "", error(nil)
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		about, path, cause = p.Error(), p.Path, p.Err
	} else if l, ok := errors.AsType[*os.LinkError](err); ok {
		about, path, cause = l.Error(), l.New, l.Err
	}
	at := strings.LastIndex(text, about)
	if about == "" || at < 0 {
		return text
	}
	what, then := path+": "+cause.Error(), "check that it is the right path"
	switch {
	case errors.Is(cause, fs.ErrNotExist):
		what, then = missing(path)
	case errors.Is(cause, fs.ErrExist):
		what, then = path+" is there already", "give another name"
	case errors.Is(cause, fs.ErrPermission):
		what, then = "this user may not use "+path, "run it as the user that warden runs as, or ask for access"
	}
	rest := text[at+len(about):]
	if rest == "" { // nobody has said what to do
		rest = ": " + then
	}
	return text[:at] + what + rest
}

// missing words that a file is not there, or its directory.
func missing(path string) (what, then string) {
	if dir := filepath.Dir(path); dir != "." {
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return "there is no directory " + dir, "make it, or name another path"
		}
	}
	return "there is no " + path, "check the path"
}

// badRegexp words a pattern that is none.
func badRegexp(flag, pattern string, err error) error {
	return usage("--%s %s is not a regular expression: %s: write it as in Go, such as 'common.*'", flag, strconv.Quote(pattern), strings.TrimPrefix(err.Error(), "error parsing regexp: "))
}
