package ledger

import (
	"fmt"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// ExecVerdict commits whether an execution took: the wanted state is there and
// traffic is gone.
type ExecVerdict struct {
	Case remedy.CaseID `json:"case"`
	Took bool          `json:"took"`
	// Returned says that the wanted state is gone again: another hand took it.
	Returned bool   `json:"returned,omitempty"`
	Note     string `json:"note,omitempty"`
}

func (*ExecVerdict) kind() string { return "exec.verdict" }

func (b *ExecVerdict) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageVerifying:
		return refuse(RefusedStage, "%s is %s and not verifying", c.ID, c.Stage)
	}
	c = m.edit(c, x)
	p := m.pool(c.Pool)
	a := c.Acted()
	a.Took = remedy.Known(b.Took)
	if b.Took {
		a.TookAt = x.at
	}
	page := !b.Took && !b.Returned // a person who put it back needs no page
	switch {
	case b.Returned:
		m.close(c, remedy.OutcomeReturned, b.Note, x)
	case !a.TakesOut && b.Took:
		m.close(c, remedy.OutcomeDone, b.Note, x)
	case !a.TakesOut:
		m.close(c, remedy.OutcomeUnverified, b.Note, x)
	case b.Took:
		c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomeDone, b.Note
		c.event(x, "verified: took"+suffix(b.Note))
	default:
		c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomeUnverified, b.Note
		c.event(x, "not verified"+suffix(b.Note))
	}
	m.moved(p)
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Page: page, Detail: b.Note}, x)
	m.verified(c, a, b, x)
	return done(c.ID)
}

// verified notes what a verdict says of the action. That another hand put the
// host back before anybody looked says nothing of it.
func (m *machine) verified(c *Case, a *Execution, b *ExecVerdict, x step) {
	if !b.Took && b.Returned {
		return
	}
	m.ran(c, a, a.Outcome, a.Took, x)
	if a.Kind == remedy.KindAct {
		m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) { s.Took = a.Took })
	}
	if !b.Took && c.Manual == nil {
		m.demoteFor(c, m.rules().Demote.OnVerifyFailed, trust.WhyUnverified, b.Note, x)
	}
}

// ExecHelped commits whether the action helped: after the settle time no more
// of the others are bad than before.
type ExecHelped struct {
	Case   remedy.CaseID `json:"case"`
	Helped bool          `json:"helped"`
	Note   string        `json:"note,omitempty"`
}

func (*ExecHelped) kind() string { return "exec.helped" }

func (b *ExecHelped) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Acted() == nil:
		return refuse(RefusedStage, "%s has not acted: there is nothing that could have helped", c.ID)
	}
	c = m.edit(c, x)
	c.Helped = remedy.Known(b.Helped)
	if !b.Helped {
		c.event(x, "did not help"+suffix(b.Note))
		m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Detail: b.Note}, x)
	}
	return done(c.ID)
}

// Resolve is a person saying where a host of unknown execution outcome is.
type Resolve struct {
	Case remedy.CaseID `json:"case"`
	// Out says that the host is out of service because of the case; otherwise
	// it is in service and the case is over.
	Out    bool   `json:"out"`
	Reason string `json:"reason,omitempty"`
}

func (*Resolve) kind() string { return "resolve" }

func (b *Resolve) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may resolve")
	case !c.UnknownExecution():
		return refuse(RefusedStage, "%s is %s and its outcome is not unknown: there is nothing to resolve", c.ID, c.Stage)
	}
	c = m.edit(c, x)
	p := m.pool(c.Pool)
	note := fmt.Sprintf("resolved by %s", x.by.Name) + suffix(b.Reason)
	c.Execution().Note = note
	ended := remedy.OutcomeFailed
	if b.Out {
		ended = remedy.OutcomeDone
	}
	m.ran(c, c.Execution(), ended, remedy.Known(b.Out), x)
	switch {
	case b.Out:
		c.Stage, c.Outcome, c.Note, c.Forgotten = remedy.StageOut, remedy.OutcomeDone, note, nil
		if a := c.Acted(); a != nil {
			a.TakesOut = true // by the person's word, whatever the action usually does
		}
		m.overruled(c, c.Execution())
		c.event(x, "resolved as out")
	case c.Execution().Kind == remedy.KindUndo:
		m.holdReversed(c, 0, x)
		m.close(c, remedy.OutcomeUndone, note, x)
	default:
		m.close(c, remedy.OutcomeFailed, note, x)
	}
	m.moved(p)
	m.global++
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Detail: note}, x)
	return done(c.ID)
}
