package trust

import (
	"fmt"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// Line is the one line that policy diff, promote, trust and the message of a
// reload say of the gate for a level: the same words for the same evidence. It
// says what else stands against the level: a demotion, or that a detector is
// another one and its evidence began again. Empty where nothing is asked for.
func (a *Assessment) Line(to remedy.Level) string {
	v := a.Rung(to)
	if v == nil {
		return ""
	}
	line := fmt.Sprintf("gate for %s: %s", to, v.Line(a.Rules, a.Allowed.String()))
	if d := a.Demotion; d != nil && d.To < to {
		line += fmt.Sprintf("; demoted to %s until a review: %s", d.To, d.Because())
	}
	if w := a.Weakest(v); !v.Met && w != nil && !w.Since.IsZero() &&
		slices.ContainsFunc(a.Older, func(o OlderRecord) bool { return o.Detector == w.Detector }) {
		line += fmt.Sprintf("; %s is another one since %s, so its evidence began again", w.Detector, w.Since.UTC().Format("2 Jan 15:04 UTC"))
	}
	return line
}

// Line is what a gate says of an edit that asks for its level, in one line: what
// the leader commits, and what Assessment.Line shows. Held is what is left while
// the gate is not met, where gates are enforced.
func (v Verdict) Line(rules Rules, held string) string {
	if rest, quoted := v.beyondShort(); quoted && !v.Met {
		if rules.Enforce {
			return fmt.Sprintf("%s: not met%s, held at %s until it is", v.Short, rest, held)
		}
		return fmt.Sprintf("%s: not met%s; the file's level holds", v.Short, rest)
	}
	switch {
	case v.Met:
		return v.Short + ": PASS"
	case rules.Enforce:
		return fmt.Sprintf("%s: not met, held at %s until %s", v.Short, held, lacks(&v, 1))
	}
	return fmt.Sprintf("%s: not met: %s; the file's level holds", v.Short, lacks(&v, 1))
}

// beyondShort is what a line has to add, in brackets, where the short form quotes the
// first check that failed already: what that one needs, and how many others there are.
func (v Verdict) beyondShort() (rest string, quoted bool) {
	failed := v.Failed()
	if len(failed) == 0 || v.Short != failed[0].quote() {
		return "", false
	}
	var parts []string
	if failed[0].Need != "" {
		parts = append(parts, failed[0].Need)
	}
	if more := len(failed) - 1; more > 0 {
		parts = append(parts, plural(more, "more check"))
	}
	if len(parts) == 0 {
		return "", true
	}
	return " (" + strings.Join(parts, "; ") + ")", true
}

// Brief is Line for where there is little room: what is missing by name only.
func (v Verdict) Brief() string {
	if v.Met {
		return v.Short + ": met"
	}
	var names []string
	for _, c := range v.Failed() {
		if !slices.Contains(names, c.What) {
			names = append(names, c.What)
		}
	}
	return fmt.Sprintf("%s: not met (%s)", v.Short, strings.Join(names, ", "))
}

// Because says why a demotion is there, as "W-1077 was wrong"; with the reason
// that somebody gave.
func (d Demotion) Because() string {
	text := d.Why
	switch d.Why {
	case WhyWrong:
		text = fmt.Sprintf("%s was wrong", d.Case)
	case WhyRegretted:
		text = fmt.Sprintf("%s was undone as was-fine", d.Case)
	case WhyUnverified:
		text = fmt.Sprintf("%s was not seen to take", d.Case)
	case WhyFailed:
		text = "actions failed"
	case WhyPerson:
		text = d.By.Name + " said so"
	}
	text += d.reason()
	if more := len(d.Causes) - 1; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}

// reason is what somebody gave as one, behind a colon.
func (d Demotion) reason() string {
	if d.Reason == "" {
		return ""
	}
	return ": " + d.Reason
}
