package ledger_test

import (
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestFinish(t *testing.T) {
	t.Parallel()
	tests := []struct {
		outcome remedy.Outcome
		change  func(*ledger.ExecFinish)
		stage   remedy.Stage
		of      remedy.Outcome
		out     bool // keeps the out-slot
		lock    bool
		running int
		counted bool // for rate and cooldown
		page    bool
	}{
		{remedy.OutcomeDone, nil, remedy.StageVerifying, "", true, false, 0, true, false},
		{remedy.OutcomePartial, nil, remedy.StageOut, remedy.OutcomePartial, true, false, 0, true, true},
		{remedy.OutcomeAborted, nil, remedy.StageDetected, remedy.OutcomeAborted, false, false, 0, false, false},
		{remedy.OutcomeAborted, func(b *ledger.ExecFinish) { b.Recovered = true }, remedy.StageClosed, remedy.OutcomeSelfRecovered, false, false, 0, false, false},
		{remedy.OutcomeAborted, func(b *ledger.ExecFinish) { b.Stale = true }, remedy.StageClosed, remedy.OutcomeStale, false, false, 0, false, false},
		{remedy.OutcomeFailed, nil, remedy.StageClosed, remedy.OutcomeFailed, false, false, 0, true, true},
		{remedy.OutcomeUnknown, nil, remedy.StageExecuting, remedy.OutcomeUnknown, true, true, 0, true, true},
	}
	for _, tt := range tests {
		t.Run(string(tt.outcome)+"/"+string(tt.of), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.ok(judge("h1", remedy.LevelAuto))
			tok := r.start(id, remedy.Warden())
			if f := r.facts(); !f.HostOut || f.Lock != id || f.Running != 1 || f.PoolHour != 1 || !f.LastOnHost.Equal(r.now) {
				t.Fatalf("while it runs: %+v", f)
			}
			before := r.facts().Basis
			r.pass(time.Second)
			b := &ledger.ExecFinish{Case: id, Token: tok, Outcome: tt.outcome, Prior: "ready", Output: "ok", Note: "n"}
			if tt.change != nil {
				tt.change(b)
			}
			r.ok(b)
			c := r.stage(id, tt.stage, tt.of)
			if x := c.Execution(); x.Outcome != tt.outcome || x.Prior != "ready" || x.Output != "ok" || !x.FinishedAt.Equal(r.now) {
				t.Errorf("the execution is %+v", x)
			}
			f := r.facts()
			if f.HostOut != tt.out || (f.Lock == id) != tt.lock || f.Running != tt.running || f.Basis == before {
				t.Errorf("out %v, lock %s, running %d, basis %v", f.HostOut, f.Lock, f.Running, f.Basis)
			}
			if (f.PoolHour == 1) != tt.counted || (f.ClusterDaily == 1) != tt.counted || f.LastOnHost.IsZero() == tt.counted {
				t.Errorf("counted %d an hour, %d a day, last on host %v", f.PoolHour, f.ClusterDaily, f.LastOnHost)
			}
			if tt.counted && !f.LastInPool.Equal(r.now) {
				t.Errorf("settle counts from %v, want %v", f.LastInPool, r.now)
			}
			if n := r.ofKind(ledger.NoticeOutcome); tt.stage != remedy.StageVerifying && (len(n) != 1 || n[0].Page != tt.page) {
				t.Errorf("notices: %+v", n)
			}
			r.wantCounter(1, "warden_actions_total", "action", "drain", "pool", "ingest", "trigger", "act", "result", string(tt.outcome))
			if tt.lock {
				return
			}
			if tt.outcome == remedy.OutcomeAborted {
				r.late(id, tok)
			}
			r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeDone})
		})
	}
}

func TestFinishRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.ExecFinish{Case: 9, Outcome: remedy.OutcomeDone})
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ExecFinish{Case: id, Outcome: remedy.OutcomeDone})
	tok := r.start(id, remedy.Warden())
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: remedy.Token{Term: tok.Term + 1, Index: tok.Index}, Outcome: remedy.OutcomeDone})
	ends := []remedy.Outcome{remedy.OutcomeDone, remedy.OutcomePartial, remedy.OutcomeAborted, remedy.OutcomeFailed, remedy.OutcomeUnknown}
	for _, o := range append(remedy.Outcomes(), "", "banana") {
		if !slices.Contains(ends, o) {
			r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: tok, Outcome: o})
		}
	}
	r.finish(id, tok, remedy.OutcomeDone)
	r.ok(&ledger.ExecVerdict{Case: id, Took: true})
	undo := r.start(id, bob(), undoing)
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeDone})
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: undo, Outcome: remedy.OutcomePartial})
}

// A later observation replaces "unknown", by token, and nothing else does.
func TestUnknownIsReplaced(t *testing.T) {
	t.Parallel()
	tests := []struct {
		outcome remedy.Outcome
		stage   remedy.Stage
		of      remedy.Outcome
		counted bool
	}{
		{remedy.OutcomeUnknown, remedy.StageExecuting, remedy.OutcomeUnknown, true},
		{remedy.OutcomeDone, remedy.StageVerifying, "", true},
		{remedy.OutcomeFailed, remedy.StageClosed, remedy.OutcomeFailed, true},
		{remedy.OutcomeAborted, remedy.StageDetected, remedy.OutcomeAborted, false},
	}
	for _, tt := range tests {
		r := newRig(t)
		id := r.ok(judge("h1", remedy.LevelAuto))
		tok := r.start(id, remedy.Warden())
		r.finish(id, tok, remedy.OutcomeUnknown)
		if c := r.get(id); !c.UnknownExecution() {
			t.Fatalf("%+v is not of unknown outcome", c)
		}
		r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ExecFinish{Case: id, Token: remedy.Token{Term: 9, Index: 9}, Outcome: remedy.OutcomeDone})
		r.pass(time.Minute)
		r.finish(id, tok, tt.outcome)
		r.stage(id, tt.stage, tt.of)
		if f := r.facts(); (f.PoolHour == 1) != tt.counted || f.LastOnHost.IsZero() == tt.counted {
			t.Errorf("unknown, then %s: counted %d, last on host %v", tt.outcome, f.PoolHour, f.LastOnHost)
		}
	}
}

// Of several attempts only the aborted one is forgotten.
func TestAbortFreesItsOwnStartOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	for i := range 3 {
		r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeAborted)
		r.pass(time.Minute)
		r.ok(judge("h1", remedy.LevelAuto))
		if x := r.get(id).Execution(); x.Attempt != i+1 {
			t.Errorf("attempt %d, want %d", x.Attempt, i+1)
		}
	}
	if s := r.l.Starts(pool); len(s) != 0 {
		t.Errorf("STARTs are still remembered: %+v", s)
	}
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeFailed)
	again := r.ok(judge("h1", remedy.LevelAuto))
	r.pass(time.Minute)
	r.finish(again, r.start(again, remedy.Warden()), remedy.OutcomeAborted)
	if s := r.l.Starts(pool); len(s) != 1 || s[0].Case != id {
		t.Errorf("STARTs are %+v, want that of %s only", s, id)
	}
}

// A case whose starts are called off every round must not grow without end.
func TestAbortedExecutionsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var id remedy.CaseID
	last := remedy.Token{}
	for i := range 300 {
		r.pass(10 * time.Second)
		id = r.ok(judge("h1", remedy.LevelAuto))
		tok := r.start(id, remedy.Warden())
		if tok.Index <= last.Index {
			t.Fatalf("token %s after %s", tok, last)
		}
		last = tok
		if x := r.get(id).Execution(); x.Attempt != i+1 {
			t.Fatalf("attempt %d, want %d", x.Attempt, i+1)
		}
		r.finish(id, tok, remedy.OutcomeAborted)
	}
	if n := len(r.get(id).Executions); n > 32 {
		t.Errorf("%d aborted executions are kept", n)
	}
}

// An approval survives a start that was called off.
func TestApprovalSurvivesAnAbort(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("@ops")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
	tok := r.start(id, remedy.Warden())
	if by := r.get(id).Execution().By.Name; by != "alice" {
		t.Errorf("the execution is by %s, want the approver", by)
	}
	r.finish(id, tok, remedy.OutcomeAborted)
	r.stage(id, remedy.StageWaiting, remedy.OutcomeAborted)
	r.start(id, remedy.Warden())
	if x := r.get(id).Execution(); x.Attempt != 2 || x.By.Name != "alice" {
		t.Errorf("the second attempt is %+v", x)
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		takesOut bool
		body     ledger.ExecVerdict
		stage    remedy.Stage
		outcome  remedy.Outcome
		page     bool
	}{
		{"took", true, ledger.ExecVerdict{Took: true}, remedy.StageOut, remedy.OutcomeDone, false},
		{"not verified", true, ledger.ExecVerdict{}, remedy.StageOut, remedy.OutcomeUnverified, true},
		{"returned", true, ledger.ExecVerdict{Returned: true, Took: true}, remedy.StageClosed, remedy.OutcomeReturned, false},
		{"returned before it took", true, ledger.ExecVerdict{Returned: true}, remedy.StageClosed, remedy.OutcomeReturned, false},
		{"took, nothing out", false, ledger.ExecVerdict{Took: true}, remedy.StageClosed, remedy.OutcomeDone, false},
		{"not verified, nothing out", false, ledger.ExecVerdict{}, remedy.StageClosed, remedy.OutcomeUnverified, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(s *setup) { s.leavesIn = !tt.takesOut })
			r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.ExecVerdict{Case: 1})
			id := r.ok(judge("h1", remedy.LevelAuto))
			r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.ExecVerdict{Case: id})
			r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.ExecHelped{Case: id})
			r.finish(id, r.start(id, remedy.Warden(), func(b *ledger.ExecStart) { b.TakesOut = tt.takesOut; b.BadOthers = 2 }), remedy.OutcomeDone)
			tt.body.Case = id
			r.ok(&tt.body)
			c := r.stage(id, tt.stage, tt.outcome)
			if took, known := c.Acted().Took.Get(); !known || took != tt.body.Took || c.BadOthers != 2 {
				t.Errorf("took is %v (%v)", took, known)
			}
			if n := r.ofKind(ledger.NoticeOutcome); len(n) != 1 || n[0].Page != tt.page {
				t.Errorf("notices: %+v", n)
			}
			if f := r.facts(); f.HostOut != (tt.stage == remedy.StageOut) {
				t.Errorf("out is %v at %s", f.HostOut, tt.stage)
			}
			r.refused(ledger.RefusedStage, remedy.Warden(), &tt.body)
		})
	}
}

func TestHelped(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.ExecHelped{Case: 7})
	a, b := r.drained("h1"), r.drained("h2")
	before := len(r.l.Pending())
	r.ok(&ledger.ExecHelped{Case: a, Helped: true})
	if len(r.l.Pending()) != before {
		t.Error("an action that helped is announced")
	}
	r.ok(&ledger.ExecHelped{Case: b, Note: "3 more are bad"})
	if len(r.l.Pending()) != before+1 {
		t.Error("an action that did not help isn't told")
	}
	if v, ok := r.get(b).Helped.Get(); !ok || v {
		t.Error("it is not kept that it did not help")
	}
}

func TestUndo(t *testing.T) {
	t.Parallel()
	why := func(u remedy.UndoReason) func(*ledger.ExecStart) {
		return func(b *ledger.ExecStart) { b.UndoReason = u }
	}
	quiet := func(b *ledger.ExecFinish) { b.QuietFor = 6 * time.Hour }
	t.Run("with a reason", func(t *testing.T) {
		t.Parallel()
		for _, u := range []remedy.UndoReason{remedy.UndoFixed, remedy.UndoWasFine, remedy.UndoTest} {
			r := newRig(t)
			id := r.drained("h1")
			starts := len(r.l.Starts(pool))
			tok := r.start(id, bob(), undoing, why(u))
			if f := r.facts(); !f.HostOut || f.Lock != id || f.Running != 1 {
				t.Errorf("while it is undone: %+v", f)
			}
			if len(r.l.Starts(pool)) != starts {
				t.Error("an undo counts towards rate and cooldown")
			}
			r.finish(id, tok, remedy.OutcomeDone, quiet)
			if c := r.stage(id, remedy.StageClosed, remedy.OutcomeUndone); c.UndoReason != u {
				t.Errorf("the reason is %q", c.UndoReason)
			}
			if f := r.facts(); f.HostOut || f.Hold != nil || f.Quiet != nil {
				t.Errorf("after it: %+v", f)
			}
		}
	})
	t.Run("a bare reversal holds the host", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		id := r.drained("h1")
		r.finish(id, r.start(id, bob(), undoing), remedy.OutcomeDone, quiet)
		// Being good now is why it was put back, so that doesn't lift it.
		r.ok(&ledger.HostGood{Pool: pool, Host: "h1", Action: drain})
		h := r.facts().Hold
		if h == nil || h.Host != "h1" || h.By.Name != "bob" || !h.Until.Equal(r.now.Add(6*time.Hour)) {
			t.Fatalf("the hold is %+v", h)
		}
		next := r.ok(judge("h1", remedy.LevelAuto))
		r.refused(ledger.RefusedHeld, remedy.Warden(), r.starting(next))
		if f := r.facts(func(q *ledger.FactsQuery) { q.Host = "h2" }); f.Hold != nil {
			t.Error("another host is held as well")
		}
		r.long(6 * time.Hour)
		r.ok(&ledger.RestraintExpire{Pool: pool, Host: "h1"})
		r.start(next, remedy.Warden())
	})
	t.Run("a bare reversal doesn't shorten a hold", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		id := r.drained("h1")
		until := r.now.Add(48 * time.Hour)
		r.okAs(alice(), &ledger.HoldSet{Pool: pool, Host: "h1", Until: until})
		r.finish(id, r.start(id, bob(), undoing), remedy.OutcomeDone, quiet)
		if h := r.facts().Hold; h == nil || !h.Until.Equal(until) || h.By.Name != "alice" {
			t.Errorf("the hold is %+v", h)
		}
	})
	for _, o := range []remedy.Outcome{remedy.OutcomeAborted, remedy.OutcomeFailed} {
		t.Run(string(o)+" when out", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.drained("h1")
			r.finish(id, r.start(id, bob(), undoing), o)
			r.stage(id, remedy.StageOut, remedy.OutcomeDone)
			r.start(id, bob(), undoing)
		})
		t.Run(string(o)+" when verifying", func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.ok(judge("h1", remedy.LevelAuto))
			r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
			r.finish(id, r.start(id, bob(), undoing), o)
			// Nobody verified yet that the action took: somebody still has to.
			r.stage(id, remedy.StageVerifying, "")
		})
	}
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		id := r.drained("h1")
		tok := r.start(id, bob(), undoing)
		r.finish(id, tok, remedy.OutcomeUnknown)
		if f := r.facts(); !f.HostOut || f.Lock != id || f.Running != 0 || !r.get(id).UnknownExecution() {
			t.Errorf("an undo of unknown outcome: %+v", f)
		}
		r.finish(id, tok, remedy.OutcomeDone)
		r.stage(id, remedy.StageClosed, remedy.OutcomeUndone)
	})
}

func TestResolve(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		undo    bool
		out     bool
		restart bool
		stage   remedy.Stage
		outcome remedy.Outcome
	}{
		{name: "act, out", out: true, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "act, in", stage: remedy.StageClosed, outcome: remedy.OutcomeFailed},
		{name: "undo, out", undo: true, out: true, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "undo, in", undo: true, stage: remedy.StageClosed, outcome: remedy.OutcomeUndone},
		{name: "restart, out", restart: true, out: true, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.ok(judge("h1", remedy.LevelAuto))
			r.refused(ledger.RefusedStage, alice(), &ledger.Resolve{Case: id})
			tok := r.start(id, remedy.Warden(), func(b *ledger.ExecStart) { b.TakesOut = !tt.restart })
			r.refused(ledger.RefusedStage, alice(), &ledger.Resolve{Case: id})
			if tt.undo {
				r.finish(id, tok, remedy.OutcomeDone)
				r.ok(&ledger.ExecVerdict{Case: id, Took: true})
				tok = r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoFixed })
			}
			r.finish(id, tok, remedy.OutcomeUnknown)
			r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.Resolve{Case: id})
			r.refused(ledger.RefusedNoCase, alice(), &ledger.Resolve{Case: 9})
			before := r.facts().Basis
			r.okAs(alice(), &ledger.Resolve{Case: id, Out: tt.out, Reason: "looked"})
			c := r.stage(id, tt.stage, tt.outcome)
			f := r.facts()
			if f.HostOut != tt.out || f.Lock != 0 || f.Basis == before {
				t.Errorf("after it: out %v, lock %s", f.HostOut, f.Lock)
			}
			if c.Stage == remedy.StageClosed {
				r.wantCounter(1, "warden_cases_total", "action", "drain", "detector", "canary_missing", "pool", "ingest", "outcome", string(tt.outcome))
				if last := c.Events[len(c.Events)-1].What; last != "closed: "+string(tt.outcome)+", "+c.Note {
					t.Errorf("the timeline ends with %q", last)
				}
			}
			r.refused(ledger.RefusedStage, alice(), &ledger.Resolve{Case: id, Out: tt.out})
		})
	}
}
