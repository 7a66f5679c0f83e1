package ledger_test

import (
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// late has an execution that was given up end after all: it is recorded once,
// has a person look, and changes nothing else.
func (r *rig) late(id remedy.CaseID, tok remedy.Token) {
	r.t.Helper()
	before, _ := r.l.Case(id)
	facts := r.facts()
	pages := len(r.ofKind(ledger.NoticeStop))
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeAborted})
	r.ok(&ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeDone})
	c, _ := r.l.Case(id)
	if x := c.Execution(); x.Outcome != remedy.OutcomeAborted || x.Late != remedy.OutcomeDone {
		r.t.Errorf("%+v", x)
	}
	if n := r.ofKind(ledger.NoticeStop); len(n) != pages+1 || !n[pages].Page || n[pages].Case != id {
		r.t.Errorf("%+v", n)
	}
	if now := r.facts(); c.Stage != before.Stage || c.Outcome != before.Outcome || now.Lock != facts.Lock || now.PoolHour != facts.PoolHour || now.HostOut != facts.HostOut {
		r.t.Errorf("it changed what is: %+v, %+v", c, now)
	}
}

// The effect may come to light after the case has been started anew.
func TestLateBesideAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	first := r.start(id, remedy.Warden())
	r.finish(id, first, remedy.OutcomeAborted)
	r.ok(judge("h1", remedy.LevelAuto))
	second := r.start(id, remedy.Warden())
	r.ok(&ledger.ExecFinish{Case: id, Token: first, Outcome: remedy.OutcomeDone})
	c := r.stage(id, remedy.StageExecuting, "")
	if c.Executions[0].Late != remedy.OutcomeDone || c.Execution().Token != second || c.Execution().Outcome != "" {
		t.Errorf("%+v", c.Executions)
	}
	r.finish(id, second, remedy.OutcomeDone)
}
