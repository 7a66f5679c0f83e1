package cli

import (
	"fmt"
	"strings"
	"time"

	"warden/internal/ledger"
)

// clicked is what the audit has of clicks that did nothing.
type clicked struct {
	Surface string              `json:"surface"`
	Kind    ledger.ClickKind    `json:"kind"`
	User    string              `json:"user"`
	Name    string              `json:"name"`
	Verb    string              `json:"verb"`
	Word    string              `json:"word"`
	Since   time.Time           `json:"since"`
	Rest    []ledger.ClickCount `json:"rest"`
}

// countedMost is how many counts of one entry are said one by one.
const countedMost = 6

// clickWords say that clicks did nothing, and why.
func (c clicked) clickWords(id string) string {
	if c.Kind != "" {
		act, did := c.Verb, "turned away a click in"
		if c.Word != "" {
			act, did = c.Word, "turned away a word in"
		}
		what := joined(" ", act, id)
		if act == "" || id == "W-0" {
			what = act
		}
		return joined(" ", did, c.Surface, "by", clicker(c.User, c.Name)) + bracketed(what) + ": " + clickWhy(c.Kind)
	}
	total := 0
	var parts []string
	for i, n := range c.Rest {
		total += n.N
		if i < countedMost {
			parts = append(parts, fmt.Sprintf("%d by %s: %s", n.N, clicker(n.User, ""), clickWhy(n.Kind)))
		}
	}
	if more := len(c.Rest) - countedMost; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more kinds and people", more))
	}
	return fmt.Sprintf("turned away %d more in %s since %s (%s)", total, c.Surface, c.Since.UTC().Format("2006-01-02 15:04:05 UTC"), strings.Join(parts, "; "))
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// clicker is somebody as a surface and as warden knows them.
func clicker(user, name string) string {
	switch {
	case user == "" && name == "":
		return "somebody"
	case name == "" || name == user || name == "slack:"+user:
		return user
	case user == "":
		return oneLine(name)
	}
	return oneLine(name) + ", " + user
}

// clickWhy is a kind in words; one that a newer build wrote goes by its own name.
func clickWhy(k ledger.ClickKind) string {
	switch k {
	case ledger.ClickForged:
		return "its value is none that warden made"
	case ledger.ClickForeign:
		return "its value is another cluster's"
	case ledger.ClickNobody:
		return "no member of the workspace"
	case ledger.ClickUnsure:
		return "who it was could not be looked up"
	case ledger.ClickOutdated:
		return "the question was asked again since"
	case ledger.ClickNotYours:
		return "somebody else may"
	case ledger.ClickRefused:
		return "it was refused, as what comes too late"
	case ledger.ClickLost:
		return "it could not be committed, or nobody knows whether it was"
	}
	return string(k)
}
