package pager

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// note is what is said on an incident: lines of plain text, the first of which
// is whole by itself, since phones show one line.
type note struct {
	first string
	lines []string
	// covers is the newest notice that it tells; 0 for one that no notice asked for,
	// which is about topic, a guardrail.
	covers uint64
	topic  string
	// key is that of its receipt; empty for that of the case's milestones.
	key string
	// solved says that what the incident is about was mended, and proven to be.
	solved bool
}

// The bounds of a note, in characters.
const (
	maxNote  = 1000
	maxFirst = 300
	maxLine  = 200
	maxName  = 80
)

// marker is what the note ends with, so that it is found again.
func (n note) marker(id remedy.CaseID) string {
	if n.topic != "" {
		return fmt.Sprintf("[warden %s/%s]", id, name(n.topic))
	}
	return fmt.Sprintf("[warden %s/%d]", id, n.covers)
}

// text puts a note together: at most maxNote characters, every line printable,
// the marker in the last.
func (n note) text(id remedy.CaseID) string {
	end := "\n" + n.marker(id)
	out := clip(chat.Clean("warden: "+n.first), maxFirst)
	for _, l := range n.lines {
		l = "\n" + clip(chat.Clean(l), maxLine)
		if utf8.RuneCountInString(out+l+end) > maxNote {
			break
		}
		out += l
	}
	return out + end
}

// clip shortens text to so many characters, and says so.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

func name(s string) string { return clip(chat.Clean(s), maxName) }

// toMend is chat.ToMend without the marks of commands, which PagerDuty shows as they are.
func toMend() string { return strings.ReplaceAll(chat.ToMend, "`", "") }

// verb is an action as something that is done to a host.
func verb(a remedy.ActionName, past bool) string {
	switch {
	case a == "drain" && past:
		return "drained"
	case a == "drain":
		return "drain"
	case past:
		return "ran " + name(string(a)) + " on"
	}
	return "run " + name(string(a)) + " on"
}

// when is a time of day; with its date where that is not the day of the other.
func when(t, ref time.Time) string {
	if t.UTC().Format(time.DateOnly) == ref.UTC().Format(time.DateOnly) {
		return t.UTC().Format("15:04 UTC")
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
}

// why is what was seen of the host, as a sentence.
func why(c *ledger.Case) string {
	f := c.Opened
	if c.Latest != nil && (c.Latest.Verdict == remedy.VerdictBad || f == nil) {
		f = c.Latest
	}
	if f == nil {
		return ""
	}
	text := capital(chat.FindingSentence(*f))
	if a, ok := answer(c, "common_mode"); ok && a.Effect != remedy.EffectNotBind && a.Observed != "" && !strings.HasPrefix(a.Observed, "0 ") {
		text += ", " + a.Observed
	}
	return text + "."
}

func capital(s string) string {
	if s != "" && 'a' <= s[0] && s[0] <= 'z' {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// answer finds what a guardrail said at the case's newest decision.
func answer(c *ledger.Case, guardrail string) (remedy.Answer, bool) {
	if c.Decision == nil {
		return remedy.Answer{}, false
	}
	i := slices.IndexFunc(c.Decision.Answers, func(a remedy.Answer) bool { return a.Guardrail == guardrail })
	if i < 0 || c.Decision.Answers[i].Unreadable {
		return remedy.Answer{}, false
	}
	return c.Decision.Answers[i], true
}

// inService is how many hosts are left: "39 of 40 in service after this (floor
// 30)"; empty when nobody counted.
func inService(c *ledger.Case) string {
	a, ok := answer(c, "pool_floor")
	if !ok || a.Effect == remedy.EffectNotBind || a.Observed == "" {
		return ""
	}
	return a.Observed + parenthesised(a.Limit)
}

func parenthesised(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// byHand is how a person does it without warden.
func byHand(m chat.Message) string {
	switch c := m.Case; {
	case c.Plan != nil && c.Plan.ManualHint != "":
		return "By hand: " + c.Plan.ManualHint
	case c.Plan == nil && m.ManualHint != "":
		return "By hand: " + m.ManualHint
	}
	return ""
}

// yes is how somebody says yes to a question over what people say against it, which comes
// first; empty where nobody says anything. Where that is too much for a line, what it
// does is to lead to where all of it is.
func yes(c *ledger.Case, said ledger.Standing) (against, what, command string) {
	said, whole := chat.Beside(said)
	if said.Words != "" {
		against = said.Words + ": look first."
	}
	if !whole {
		return against, "Look", "warden show " + c.ID.String()
	}
	return against, "Approve", c.YesCommand(said.Newest)
}

// undoLine is how it is put back.
func undoLine(c *ledger.Case) string {
	if c.Plan == nil || len(c.Plan.UndoSteps) == 0 {
		if c.Plan != nil && c.Plan.UndoHint != "" {
			return "There is no undo. By hand: " + c.Plan.UndoHint
		}
		return ""
	}
	return fmt.Sprintf("Undo: warden undo %s", c.ID)
}

// onWhoseWord says who let an execution run.
func onWhoseWord(c *ledger.Case, x *ledger.Execution) string {
	switch {
	case x.Kind == remedy.KindReassert:
		return "put back after the load balancer forgot it"
	case x.Kind == remedy.KindManual:
		return "run by " + name(x.By.Name)
	case x.Kind == remedy.KindUndo:
		return "asked for by " + name(x.By.Name)
	case x.By.Person:
		return "approved by " + approvers(c, x)
	}
	return "by itself"
}

func approvers(c *ledger.Case, x *ledger.Execution) string {
	var who []string
	for _, a := range c.Approvals {
		who = append(who, name(a.By.Name))
	}
	if len(who) < 2 {
		return name(x.By.Name)
	}
	return strings.Join(who, " and ")
}
