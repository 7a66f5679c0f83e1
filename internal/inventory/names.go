package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// maxNameLength is what DNS allows a name to have.
const maxNameLength = 253

// ValidName reports whether s may be the name of a host: 1 to 253 ASCII
// letters, digits and ". _ : -", the first a letter or a digit. So a name can
// never be an option, a shell's or HAProxy's syntax, a path or a control
// character, while "a.example.net", "a_example_net", "a:9100" and IPv6
// addresses are possible. Upper case is allowed because load balancers tell it
// from lower case.
func ValidName(s string) bool {
	if s == "" || len(s) > maxNameLength {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == ':' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// errEmpty is the answer to a list without hosts, which never means "no hosts".
var errEmpty = errors.New("the list holds no hosts, which is never taken for an empty pool: list at least one")

// entry is a host and how its source spelled it, for error messages.
type entry struct {
	host  Host
	wrote string
}

// finish checks names, refuses duplicates and empty lists, and sorts.
func finish(entries []entry) ([]Host, error) {
	if len(entries) == 0 {
		return nil, errEmpty
	}
	seen := make(map[string]entry, len(entries))
	hosts := make([]Host, 0, len(entries))
	for _, e := range entries {
		name := string(e.host.Name)
		if !ValidName(name) {
			return nil, fmt.Errorf("%s is not a host name: use up to %d letters, digits, dots, underscores, colons and dashes, the first a letter or a digit",
				quote(name), maxNameLength)
		}
		// Names that differ in case only are one host to DNS, and would count twice in N.
		key := strings.ToLower(name)
		if other, ok := seen[key]; ok {
			return nil, duplicate(other, e)
		}
		seen[key] = e
		hosts = append(hosts, e.host)
	}
	slices.SortFunc(hosts, func(a, b Host) int { return cmp.Compare(a.Name, b.Name) })
	return hosts, nil
}

func duplicate(first, second entry) error {
	if first.wrote == second.wrote {
		return fmt.Errorf("%s is listed twice: list every host once", quote(first.wrote))
	}
	return fmt.Errorf("%s and %s are the same host %s: list every host once",
		quote(first.wrote), quote(second.wrote), quote(strings.ToLower(string(second.host.Name))))
}

// quote makes what somebody wrote safe and short enough for an error message.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q...", s[:most])
	}
	return fmt.Sprintf("%q", s)
}

func hostOf(name string, labels map[string]string) Host {
	return Host{Name: remedy.HostName(name), Labels: labels}
}
