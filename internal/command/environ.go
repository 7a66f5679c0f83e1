package command

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// fixedEnviron is what every command gets.
var fixedEnviron = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// CheckVariable refuses the names that an allow-list of variables can't have.
func CheckVariable(name string) error {
	switch {
	case !variableName.MatchString(name):
		return fmt.Errorf("%q is not the name of a variable: use letters, digits and _", clip(name))
	case name == "PATH" || name == "LANG":
		return fmt.Errorf("%s is fixed: leave it out, and call programs by their whole paths", name)
	case strings.HasPrefix(name, "WARDEN_"):
		return fmt.Errorf("%s is warden's own, and commands get WARDEN_CASE, WARDEN_HOST and so on anyway: leave it out", name)
	case strings.HasPrefix(name, "LD_"):
		return fmt.Errorf("%s changes what a program is: install one that needs no such thing", name)
	}
	return nil
}

// Environ makes a command's whole environment: a fixed PATH and LANG, those of
// the allowed variables that lookup has, and the given ones, written NAME=value.
// A given one that is empty is left out, and so is one with a NUL, which no
// environment can hold.
func Environ(allowed []string, lookup func(string) (string, bool), given ...string) []string {
	env := slices.Clone(fixedEnviron)
	for _, name := range allowed {
		if v, ok := lookup(name); ok && CheckVariable(name) == nil {
			env = append(env, name+"="+v)
		}
	}
	for _, g := range given {
		if _, v, ok := strings.Cut(g, "="); ok && v != "" && !strings.Contains(g, "\x00") {
			env = append(env, g)
		}
	}
	return env
}

// MinSecret is how long the value of an allowed variable has to be, in bytes, to
// be taken out of outputs: shorter ones, such as "1" or "yes", are no secrets,
// and would take words apart.
const MinSecret = 4

// SecretsOf lists the values of the allowed variables, for Redact: all of them,
// whatever they are called. What is no secret is better given as an argument.
func SecretsOf(allowed []string, lookup func(string) (string, bool)) []string {
	var out []string
	for _, name := range allowed {
		if v, ok := lookup(name); ok && len(v) >= MinSecret {
			out = append(out, v)
		}
	}
	return out
}
