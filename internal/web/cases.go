package web

import (
	"math"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// summary is one case in a list.
func summary(c *ledger.Case, now time.Time) CaseSummary {
	out := CaseSummary{
		ID: c.ID, Pool: c.Pool, Host: c.Host, Action: c.Action, Detector: c.Detector, Stage: c.Stage, Outcome: c.Outcome,
		OpenedAt: c.OpenedAt, ChangedAt: c.ChangedAt, ClosedAt: c.ClosedAt,
		PlanHash: c.PlanHash, Note: c.Note, UnknownExecution: c.UnknownExecution(),
	}
	if f := c.Latest; f != nil {
		out.Verdict, out.Reason, out.Value, out.Unit = f.Verdict.String(), f.Reason, number(f.Value), f.Unit
		out.Direction, out.Bad, out.BadSince = f.Direction.String(), f.Bad, f.BadSince.UTC()
	}
	if d := c.Decision; d != nil {
		out.Level = d.Level.String()
		if d.Waiting {
			out.WaitingFor = d.BlockedBy
		} else {
			out.BlockedBy = d.BlockedBy
		}
	}
	if c.Ask != nil {
		out.Asked, out.ExpiresAt = c.Ask.AskedAt, c.Ask.ExpiresAt
		for _, a := range c.MayAnswer() {
			out.Approvers = append(out.Approvers, a.Match)
		}
	}
	out.Waits = chat.Waits(c, now)
	if c.Plan != nil {
		out.Plan = c.Plan.Summary
	}
	switch {
	case c.Manual != nil:
		out.By = c.Manual.By.Name
	case c.Answer != nil:
		out.By = c.Answer.By.Name
	}
	if c.Answer != nil {
		out.Answered = c.Answer.By.Name
	}
	if x := c.Execution(); x != nil {
		if took, ok := x.Took.Get(); ok {
			out.Took = &took
		}
	}
	if tookOut(c) {
		out.OutSince = c.Acted().FinishedAt
	}
	return out
}

func summaries(cases []*ledger.Case, now time.Time) []CaseSummary {
	out := make([]CaseSummary, len(cases))
	for i, c := range cases {
		out[i] = summary(c, now)
	}
	return out
}

// tookOut reports whether the host is out of service because of the case.
func tookOut(c *ledger.Case) bool {
	if c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying {
		return false
	}
	a := c.Acted()
	return a != nil && (a.TakesOut || c.Stage == remedy.StageOut)
}

// number is a known, finite number, or nil.
func number(f remedy.Fact[float64]) *float64 {
	v, ok := f.Get()
	if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// day is how long back DayCounts looks.
const day = 24 * time.Hour

// lastDay counts what happened within a day before the instant.
func lastDay(cases []*ledger.Case, now time.Time) DayCounts {
	recent := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) < day }
	var n DayCounts
	for _, c := range cases {
		count(&n.Opened, recent(c.OpenedAt))
		count(&n.Counted, recent(c.CountedAt))
		closed := recent(c.ClosedAt)
		count(&n.Expired, closed && c.Outcome == remedy.OutcomeExpired)
		count(&n.Recovered, closed && c.Outcome == remedy.OutcomeSelfRecovered)
		count(&n.WasFine, closed && c.UndoReason == remedy.UndoWasFine)
		if a := c.Answer; a != nil && recent(a.At) {
			count(&n.Approved, a.Approve)
			count(&n.Denied, !a.Approve)
		}
		for _, x := range c.Executions {
			if !recent(x.StartedAt) || x.Outcome == remedy.OutcomeAborted {
				continue
			}
			count(&n.Undone, x.Kind == remedy.KindUndo)
			count(&n.Acted, x.Kind == remedy.KindAct || x.Kind == remedy.KindManual)
			count(&n.Failed, x.Outcome == remedy.OutcomeFailed || x.Outcome == remedy.OutcomeUnknown || unverified(c, &x))
		}
	}
	return n
}

func count(n *int, yes bool) {
	if yes {
		*n++
	}
}

// unverified reports whether the execution ran and is known not to have taken.
func unverified(c *ledger.Case, x *ledger.Execution) bool {
	a := c.Acted()
	return c.Outcome == remedy.OutcomeUnverified && a != nil && a.Token == x.Token
}
