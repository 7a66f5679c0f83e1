package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Question tells what a case asks, or announces, from whatever it asked before: it is
// the number of the notice that told it first. It is 0 where the case asks nothing, and
// of a question from before version 3 of entries.
func (c *Case) Question() uint64 {
	switch {
	case c.Ask != nil:
		return c.Ask.Notice
	case c.Veto != nil:
		return c.Veto.Notice
	}
	return 0
}

// YesCommand is the command that says yes to a case's question as it is shown, and to no
// other: its plan, its question, and over no word of others that was said after seen,
// which is Standing.Newest of what is shown with it. Zero shows none. The case has an Ask.
func (c *Case) YesCommand(seen time.Time) string {
	out := fmt.Sprintf("warden approve %s --plan-hash %s", c.ID, c.Ask.PlanHash)
	if n := c.Question(); n != 0 {
		out += fmt.Sprintf(" --question %d", n)
		if !seen.IsZero() {
			out += " --seen " + seen.UTC().Format(time.RFC3339Nano)
		}
	}
	return out
}

// superseded refuses what was said to another question than the one that the case asks
// now, which may rest on other evidence: a click may be committed minutes later. Nil for
// what was said to this one, or doesn't say to which. A no to what acts by itself is
// never refused: silence would act.
func (c *Case) superseded(question uint64) *Result {
	if question == 0 || c.Ask == nil || question == c.Question() {
		return nil
	}
	r := refuse(RefusedSuperseded, "superseded: %s was asked again at %s, and nothing was done: look at the newer question, with `warden show %s`",
		c.ID, c.Ask.AskedAt.Format(timeLayout), c.ID)
	return &r
}

// passedOver refuses a yes that passes over a word of wrong which the question didn't show
// when it was given; nil for any other. Their own is none but: a yes that was tapped
// before it, and is committed after it, is older than what they say now. One that
// doesn't say what was shown is held to nothing, and a run by hand is its person's own.
func (m *machine) passedOver(c *Case, b *CaseAnswer, x step) *Result {
	if !b.Approve || b.Question == 0 || c.Manual != nil {
		return nil
	}
	said := newest(slices.DeleteFunc(m.objections(c), func(o Objection) bool { return !o.At.After(b.Seen) }))
	if said == nil {
		return nil
	}
	if said.By == x.by.Name {
		r := refuse(RefusedUnread, "%s said at %s that the detector is wrong about %s, and said yes to what did not show it: look again, with `warden show %s`, then approve", said.By, said.At.Format(timeLayout), said.About, c.ID)
		return &r
	}
	r := refuse(RefusedUnread, "%s, at %s, and what you said yes to did not show it: look again, with `warden show %s`, then approve", said.Words(), said.At.Format(timeLayout), c.ID)
	return &r
}

// Standing is what people say against an open case.
type Standing struct {
	// Words say it in a sentence without an end, the newest first; empty for nothing.
	Words string
	// Newest is when the newest of it was said: who read Words has read all up to
	// then. Zero for nothing.
	Newest time.Time
}

// maxStanding is how many words Standing spells out.
const maxStanding = 3

// Standing returns what people say against a case's detector, as far as it matters to
// who is asked: all that binds the case as long as not everybody said yes who has to,
// also what some of them have passed over; from then on only what keeps warden from
// acting. Nothing stands against a run by hand.
func (l *Ledger) Standing(c *Case) Standing {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.saidAgainst(c)
}

func (m *machine) saidAgainst(c *Case) Standing {
	if c == nil || !c.Open() || c.Manual != nil {
		return Standing{}
	}
	all := m.objections(c)
	if c.Answer != nil && m.against(c) == nil {
		return Standing{}
	}
	if len(all) == 0 {
		return Standing{}
	}
	slices.SortFunc(all, func(a, b Objection) int {
		return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.About, a.About), cmp.Compare(a.By, b.By))
	})
	var out []string
	for i, o := range all {
		if i == maxStanding {
			out = append(out, fmt.Sprintf("and %d more say so", len(all)-i))
			break
		}
		out = append(out, o.Words())
	}
	return Standing{Words: strings.Join(out, "; "), Newest: all[0].At}
}
