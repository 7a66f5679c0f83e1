package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrInvalid is wrapped by the error of a configuration that was read and has
// errors in it, as opposed to one that could not be read.
var ErrInvalid = errors.New("invalid configuration")

// Severity says what a problem does: an error keeps the file from being
// loaded, a warning does not.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Problem is one thing that is wrong with the file, in words that say what to
// do. It never holds a secret.
type Problem struct {
	File string `json:"file"`
	// Line and Col count from 1; Col counts bytes. Both are 0 for a problem
	// with the file as a whole, such as who may write it.
	Line int `json:"line,omitempty"`
	Col  int `json:"col,omitempty"`
	// Key is the dotted path of the key or table, such as
	// "detectors.canary_missing.bad_below"; empty for a problem of syntax.
	Key      string   `json:"key,omitempty"`
	Severity Severity `json:"severity"`
	Text     string   `json:"text"`
}

// String is the problem on one line, as compilers write them:
// "warden.toml:84:1: error: …".
func (p Problem) String() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s: %s", p.File, p.Severity, p.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Col, p.Severity, p.Text)
}

// Report is everything found wrong with one file, sorted by position.
type Report []Problem

// String has one problem a line, each line ended; it is empty for a file
// without problems.
func (r Report) String() string {
	var b strings.Builder
	for _, p := range r {
		b.WriteString(p.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Count returns how many of the problems have this severity.
func (r Report) Count(s Severity) int {
	n := 0
	for _, p := range r {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// Summary counts in words: "2 errors, 1 warning."
func (r Report) Summary() string {
	return count(r.Count(SeverityError), "error") + ", " + count(r.Count(SeverityWarning), "warning") + "."
}

// Err is nil when the report holds no error; else it wraps ErrInvalid, and
// gives the first error and the number of the others.
func (r Report) Err() error {
	first := slices.IndexFunc(r, func(p Problem) bool { return p.Severity == SeverityError })
	if first < 0 {
		return nil
	}
	if more := r.Count(SeverityError) - 1; more > 0 {
		return fmt.Errorf("%w: %s (and %s more)", ErrInvalid, r[first], count(more, "error"))
	}
	return fmt.Errorf("%w: %s", ErrInvalid, r[first])
}

// Sort puts the problems in order of their position, and on one position in
// order of their text. Parse and CheckFiles return sorted reports; sort again
// after joining two.
func (r Report) Sort() {
	slices.SortStableFunc(r, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Col, b.Col), cmp.Compare(a.Text, b.Text))
	})
}

// count says "1 error", "2 errors".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
