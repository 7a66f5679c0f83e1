package ledger

import (
	"time"

	"warden/internal/remedy"
)

// Cancel is a person's word that a case is to stop.
type Cancel struct {
	By     remedy.Actor `json:"by"`
	At     time.Time    `json:"at"`
	Reason string       `json:"reason,omitempty"`
	// Token is the execution that was under way then; zero when none was.
	// Nothing but that execution is called off by it.
	Token remedy.Token `json:"token,omitzero"`
	// QuietFor is how long its host isn't asked about again, unless it was
	// good in between.
	QuietFor time.Duration `json:"quiet_for,omitempty"`
}

// Cancels reports whether a person has asked to call off the execution.
func (c *Case) Cancels(t remedy.Token) bool {
	return c.Cancel != nil && c.Cancel.Token == t && t != (remedy.Token{})
}

// CaseCancel is a person stopping a case. Before its START the case closes at
// once. While it executes, the wish is recorded: the last gate before the
// effect sees it and calls the execution off. What is past that gate can't be
// called back, and FINISHED says so.
type CaseCancel struct {
	Case   remedy.CaseID `json:"case"`
	Reason string        `json:"reason,omitempty"`
	// QuietFor is the action's cooldown, as for a denial.
	QuietFor time.Duration `json:"quiet_for,omitempty"`
}

func (*CaseCancel) kind() string { return "case.cancel" }

func (b *CaseCancel) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may cancel")
	}
	said := &Cancel{By: x.by, At: x.at, Reason: b.Reason, QuietFor: max(b.QuietFor, m.cooldown(c.Action, c.Pool))}
	switch c.Stage {
	case remedy.StageDetected, remedy.StageProposed, remedy.StageWaiting:
		c = m.edit(c, x)
		c.Cancel = said
		c.event(x, "cancelled")
		m.closeCancelled(c, x)
		m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool}, x)
		return done(c.ID)
	case remedy.StageExecuting:
		e := c.Execution()
		switch {
		case c.UnknownExecution():
			return refuse(RefusedStage, "nobody knows whether %s happened: look where %s is, then `warden resolve %s --as out|in`", c.ID, c.Host, c.ID)
		case c.Cancels(e.Token):
			return refuse(RefusedDecided, "%s cancelled it already, at %s", c.Cancel.By.Name, c.Cancel.At.Format(timeLayout))
		}
		c = m.edit(c, x)
		said.Token = e.Token
		c.Cancel = said
		c.event(x, "asked to stop before the effect")
		return done(c.ID)
	case remedy.StageVerifying, remedy.StageOut:
		return refuse(RefusedStage, "%s is %s: it ran already, and only putting %s back is left: `warden undo %s`", c.ID, c.Stage, c.Host, c.ID)
	case remedy.StageClosed:
	}
	return refuse(RefusedStage, "%s is closed already as %s: there is nothing to stop", c.ID, c.Outcome)
}

// closeCancelled closes a case that a person stopped before anything was done,
// and keeps its host quiet: whoever said stop isn't asked again in the next
// round. The case is an editable copy that has its Cancel.
func (m *machine) closeCancelled(c *Case, x step) {
	if c.Detector != "" {
		m.pool(c.Pool).setQuiet(Quiet{
			Host: c.Host, Action: c.Action, Until: after(x.at, c.Cancel.QuietFor), Why: "cancelled by " + c.Cancel.By.Name,
		}, x.at)
	}
	m.close(c, remedy.OutcomeCancelled, "by "+c.Cancel.By.Name+suffix(c.Cancel.Reason), x)
}
