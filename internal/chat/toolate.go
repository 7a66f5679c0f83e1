package chat

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Late is an answer to a question that could not be taken.
type Late struct {
	// Case is the case as it is now.
	Case *ledger.Case
	// By is who answered, and Approve what they said.
	By      remedy.Actor
	Approve bool
	// Now is when, for how long ago things were.
	Now time.Time
	// Next is the case that asks instead; nil when none does.
	Next *ledger.Case
}

// TooLate words in one sentence what holds now and what can still be done. Every
// surface says the same. It reports true when the person has said just that
// before: then they have what they want. It is empty for a case of which there
// is nothing to say but what the ledger says.
func TooLate(l Late) (words string, repeated bool) {
	l.Case = bareCase(l.Case)
	words, repeated = l.words()
	return Clean(words), repeated
}

func (l Late) words() (string, bool) {
	c := l.Case
	if a := c.Answer; a != nil && c.Outcome != remedy.OutcomeStale {
		if l.mine(a.By) {
			return fmt.Sprintf("you %s %s at %s already; %s", said(a.Approve), c.ID, clockOf(a.At, l.Now), l.standing()), a.Approve == l.Approve
		}
		return fmt.Sprintf("%s %s %s %s before you; %s", a.By.Name, said(a.Approve), c.ID, ago(a.At, l.Now), l.standing()), false
	}
	if i := slices.IndexFunc(c.Approvals, func(a ledger.CaseReply) bool { return l.mine(a.By) }); i >= 0 && l.Approve && c.Ask != nil && c.Stage == remedy.StageWaiting {
		a := c.Approvals[i]
		return fmt.Sprintf("you approved %s at %s already, %s; another of %s has to, until %s",
			c.ID, clockOf(a.At, l.Now), Count(c), strings.Join(c.AskedOf(), ", "), clockOf(c.Ask.ExpiresAt, l.Now)), a.By.Name == l.By.Name
	}
	switch {
	case c.Stage == remedy.StageWaiting && c.Veto != nil && l.Approve:
		return fmt.Sprintf("%s needs no yes: %s; `warden deny %s --reason ...` stops it", c.ID, VetoWords(c.Veto, l.Now), c.ID), false
	case c.Stage == remedy.StageWaiting && c.Ask != nil && !l.Now.Before(c.Ask.ExpiresAt):
		return fmt.Sprintf("the question of %s expired at %s and nothing was done; %s", c.ID, clockOf(c.Ask.ExpiresAt, l.Now), l.byHand()), false
	case c.Open() && c.Asleep(l.Now):
		return fmt.Sprintf("%s put %s off until %s: if %s is still bad then, %s; %s",
			c.Snooze.By.Name, c.ID, clockOf(c.Snooze.Until, l.Now), c.Host, AfterSnooze(c.Snooze.Announced), l.byHand()), false
	case c.Open() && c.Unasked.Stuck():
		return fmt.Sprintf("%s is not asked: %s. %s", c.ID, c.Unasked.Why, strings.TrimSuffix(ToMend, ".")), false
	case c.Open() && c.Unasked != nil:
		return fmt.Sprintf("%s is not asked yet: %s; %s", c.ID, UnaskedWords(c.Unasked, l.Now), l.byHand()), false
	case c.Stage == remedy.StageClosed:
		return l.closed(), false
	}
	return "", false
}

// mine reports whether the actor is who answered.
func (l Late) mine(by remedy.Actor) bool {
	var aliases []remedy.Alias
	if l.Case.Ask != nil {
		aliases = l.Case.Ask.Aliases
	}
	return by.Person && remedy.OnePerson(by, l.By, aliases)
}

// closed words how a case ended before anybody's answer.
func (l Late) closed() string {
	c, at := l.Case, clockOf(l.Case.ClosedAt, l.Now)
	switch c.Outcome { //exhaustive:ignore // the others follow an answer, and are worded as one
	case remedy.OutcomeExpired:
		return fmt.Sprintf("%s expired at %s%s and nothing was done; %s", c.ID, at, suffixed(" (", c.Note, ")"), l.next())
	case remedy.OutcomeStale:
		return fmt.Sprintf("the plan of %s is stale and nothing was done%s; %s", c.ID, suffixed(" (", c.Note, ")"), l.next())
	case remedy.OutcomeSuperseded:
		return fmt.Sprintf("%s was superseded at %s%s; nothing is left to answer", c.ID, at, suffixed(": ", c.Note))
	case remedy.OutcomeCancelled:
		return fmt.Sprintf("%s was cancelled at %s%s; %s", c.ID, at, suffixed(" ", c.Note), l.next())
	case remedy.OutcomeSelfRecovered:
		return fmt.Sprintf("%s recovered by itself at %s, so nothing is left to answer", c.Host, at)
	}
	return fmt.Sprintf("%s was closed at %s as %s; nothing is left to answer", c.ID, at, strings.ReplaceAll(string(c.Outcome), "_", " "))
}

// next says where the question went on, or how to do it all the same.
func (l Late) next() string {
	n := l.Next
	if n == nil || !n.Open() {
		return l.byHand()
	}
	words := fmt.Sprintf("%s asks instead", n.ID)
	if n.Ask != nil && len(n.Ask.Changes) > 0 {
		words += ", since then " + strings.Join(n.Ask.Changes, ", ")
	}
	return fmt.Sprintf("%s: `warden show %s`", words, n.ID)
}

func (l Late) byHand() string {
	c := l.Case
	return fmt.Sprintf("`warden run %s %s --pool %s --reason ...` does it now", c.Action, c.Host, c.Pool)
}

// standing says of an answered case where it is, and what can be done with it.
func (l Late) standing() string {
	c := l.Case
	switch c.Stage {
	case remedy.StageWaiting:
		return fmt.Sprintf("it starts by itself; `warden cancel %s` stops it", c.ID)
	case remedy.StageExecuting:
		return fmt.Sprintf("it is executing; `warden cancel %s` stops it if its effect hasn't begun", c.ID)
	case remedy.StageVerifying, remedy.StageOut:
		return fmt.Sprintf("%s is out because of it; `warden undo %s` puts it back", c.Host, c.ID)
	case remedy.StageClosed:
		if c.Outcome == remedy.OutcomeDenied {
			return "nothing is done; " + l.byHand()
		}
		return fmt.Sprintf("it is closed as %s since %s", strings.ReplaceAll(string(c.Outcome), "_", " "), clockOf(c.ClosedAt, l.Now))
	case remedy.StageDetected, remedy.StageProposed:
	}
	return fmt.Sprintf("it is %s: `warden show %s`", c.Stage, c.ID)
}

func said(approve bool) string {
	if approve {
		return "approved"
	}
	return "denied"
}

// ago is how long before now an instant was, in words.
func ago(at, now time.Time) string { return Span(max(now.Sub(at), 0)) }

// clockOf is an instant in UTC, with its day where that isn't now's.
func clockOf(at, now time.Time) string {
	at, now = at.UTC(), now.UTC()
	if at.YearDay() == now.YearDay() && at.Year() == now.Year() {
		return at.Format("15:04:05 UTC")
	}
	return at.Format("2006-01-02 15:04 UTC")
}

// Count says how many people said yes to a question that needs several: "1 of
// 2, by fran". It is empty for any other.
func Count(c *ledger.Case) string {
	if c.Ask == nil || c.Ask.NeededYes() < 2 {
		return ""
	}
	given := c.Approved()
	words := fmt.Sprintf("%d of %d", len(given), c.Ask.NeededYes())
	var names []string
	for _, a := range given {
		names = append(names, a.By.Name)
	}
	words += suffixed(", by ", strings.Join(names, " and "))
	names = nil
	for _, a := range c.Doubtful() {
		names = append(names, a.By.Name)
	}
	if len(names) > 0 {
		words += fmt.Sprintf(" (%s said yes, too, and may be the same person: [approvals.people] doesn't tell)", strings.Join(names, " and "))
	}
	return words
}

// VetoWords says until when an announcement can be stopped.
func VetoWords(v *ledger.Veto, now time.Time) string {
	switch {
	case v.DeliveredAt.IsZero():
		return fmt.Sprintf("it acts by itself %s after the announcement is delivered, and asks if that takes until %s",
			Span(v.For), clockOf(v.AnnouncedAt.Add(v.Within), now))
	case v.Open(now):
		return fmt.Sprintf("it acts by itself at %s unless somebody says no", clockOf(v.EndsAt, now))
	}
	return "its time to say no ended at " + clockOf(v.EndsAt, now)
}

// UnaskedWords says why nobody is asked yet.
func UnaskedWords(u *ledger.Unasked, now time.Time) string {
	if u.Until.IsZero() {
		return u.Why
	}
	return u.Why + ", until " + clockOf(u.Until, now)
}

// Waits says in a few words what an open case waits for, where that is more than
// one person's yes: who else has to say it, until when it was put off, why it
// isn't asked, or when it acts by itself. It is empty for any other case.
func Waits(c *ledger.Case, now time.Time) string { return Clean(waits(c, now)) }

func waits(c *ledger.Case, now time.Time) string {
	switch {
	case c.Stage == remedy.StageWaiting && c.Veto != nil:
		return "announced: " + VetoWords(c.Veto, now)
	case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil && c.Ask.ByHand && c.Manual != nil:
		return suffixed("", Count(c), "; ") + c.Manual.By.Name + " asked by hand, somebody else has to say yes until " + clockOf(c.Ask.ExpiresAt, now)
	case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil && c.Ask.NeededYes() > 1:
		return Count(c) + ", until " + clockOf(c.Ask.ExpiresAt, now)
	case c.Stage == remedy.StageProposed && c.Asleep(now):
		return "put off by " + c.Snooze.By.Name + " until " + clockOf(c.Snooze.Until, now)
	case c.Stage == remedy.StageProposed && c.Unasked != nil:
		return "not asked: " + UnaskedWords(c.Unasked, now)
	}
	return ""
}
