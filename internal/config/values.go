package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// HostRegex finds a host's name inside what something else calls the host: its
// first group is the name. The zero HostRegex means there is none, and names
// are compared as they are.
type HostRegex struct{ re *regexp.Regexp }

// ParseHostRegex compiles an expression that must have a group.
func ParseHostRegex(s string) (HostRegex, error) {
	re, err := regexp.Compile(s)
	if err != nil {
		return HostRegex{}, fmt.Errorf("%w; write it in Go's syntax (RE2)", err)
	}
	if re.NumSubexp() == 0 {
		return HostRegex{}, errors.New("needs a group around the part that is the host's name, such as '^([^.:]+)'")
	}
	return HostRegex{re: re}, nil
}

// IsSet reports whether there is an expression at all.
func (h HostRegex) IsSet() bool { return h.re != nil }

// Regexp is the compiled expression, or nil when there is none.
func (h HostRegex) Regexp() *regexp.Regexp { return h.re }

// String is the expression as the file has it, or "".
func (h HostRegex) String() string {
	if h.re == nil {
		return ""
	}
	return h.re.String()
}

// MarshalText implements encoding.TextMarshaler.
func (h HostRegex) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler by way of ParseHostRegex;
// no text means no expression.
func (h *HostRegex) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*h = HostRegex{}
		return nil
	}
	v, err := ParseHostRegex(string(b))
	if err != nil {
		return err
	}
	*h = v
	return nil
}

// maxName bounds the names of sources, pools, detectors and actions; maxHost
// those of hosts.
const (
	maxName = 64
	maxHost = 253
)

// validName reports whether s can name a source, pool, detector or action:
// letters, digits, "_" and "-", beginning with a letter or a digit.
func validName(s string) bool {
	return s != "" && len(s) <= maxName && onlyNameBytes(s, "_-")
}

// validHost reports whether s can be a host's name: letters, digits, ".", "_",
// "-" and ":", beginning with a letter or a digit.
func validHost(s string) bool {
	return s != "" && len(s) <= maxHost && onlyNameBytes(s, "._-:")
}

func onlyNameBytes(s, punctuation string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alnum && (i == 0 || !strings.Contains(punctuation, string(rune(c)))) {
			return false
		}
	}
	return true
}

var approver = regexp.MustCompile(`^@?[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?$`)

// quote shows a value from the file in a message: quoted, and cut when long.
func quote(s string) string {
	const longest = 60
	if len(s) > longest {
		s = s[:longest] + "…"
	}
	return fmt.Sprintf("%q", s)
}
