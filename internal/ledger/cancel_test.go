package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A case that has not started is closed by a person's cancel, and its host is
// left in peace for the cooldown.
func TestCancelBeforeStart(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(r *rig) remedy.CaseID{
		"detected": func(r *rig) remedy.CaseID {
			return r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }))
		},
		"counted":  func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelMetricOnly, shadowed)) },
		"proposed": func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelAuto)) },
		"waiting":  func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"))) },
		"approved": func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
			r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := open(r)
			r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.CaseCancel{Case: id})
			r.refused(ledger.RefusedNoCase, bob(), &ledger.CaseCancel{Case: 99})
			r.okAs(bob(), &ledger.CaseCancel{Case: id, Reason: "known work", QuietFor: time.Hour})
			c := r.stage(id, remedy.StageClosed, remedy.OutcomeCancelled)
			if c.Cancel == nil || c.Cancel.By.Name != "bob" || c.Note != "by bob: known work" {
				t.Errorf("%+v, %q", c.Cancel, c.Note)
			}
			q := r.facts().Quiet
			// The voters' cooldown of 6 h is longer than what this node's file said.
			if q == nil || !q.Until.Equal(r.now.Add(6*time.Hour)) || q.Why != "cancelled by bob" {
				t.Errorf("quiet: %+v", q)
			}
			if n := r.ofKind(ledger.NoticeOutcome); len(n) != 1 || n[0].Page {
				t.Errorf("notices: %+v", n)
			}
			r.refused(ledger.RefusedStage, bob(), &ledger.CaseCancel{Case: id})
			r.refused(ledger.RefusedStage, remedy.Warden(), r.starting(id))
		})
	}
}

// While it executes, the wish is recorded and the execution ends by itself:
// called off, the case is over; done, the effect stays and the timeline says
// that the wish came too late.
func TestCancelWhileExecuting(t *testing.T) {
	t.Parallel()
	begun := func(t *testing.T) (*rig, remedy.CaseID, remedy.Token) {
		t.Helper()
		r := newRig(t)
		id := r.ok(judge("h1", remedy.LevelAuto))
		tok := r.start(id, remedy.Warden())
		r.okAs(bob(), &ledger.CaseCancel{Case: id, Reason: "stop"})
		if c := r.stage(id, remedy.StageExecuting, ""); !c.Cancels(tok) || c.Cancels(remedy.Token{}) {
			t.Fatalf("%+v", c.Cancel)
		}
		r.refused(ledger.RefusedDecided, alice(), &ledger.CaseCancel{Case: id})
		return r, id, tok
	}
	late := func(c *ledger.Case) bool {
		for _, e := range c.Events {
			if strings.Contains(e.What, "too late") {
				return true
			}
		}
		return false
	}
	t.Run("in time", func(t *testing.T) {
		t.Parallel()
		r, id, tok := begun(t)
		r.finish(id, tok, remedy.OutcomeAborted)
		c := r.stage(id, remedy.StageClosed, remedy.OutcomeCancelled)
		if late(c) || r.facts().Quiet == nil || len(r.l.Starts(pool)) != 0 {
			t.Errorf("%+v, starts %v", c.Events, r.l.Starts(pool))
		}
	})
	t.Run("got well meanwhile", func(t *testing.T) {
		t.Parallel()
		r, id, tok := begun(t)
		r.finish(id, tok, remedy.OutcomeAborted, func(b *ledger.ExecFinish) { b.Recovered = true })
		r.stage(id, remedy.StageClosed, remedy.OutcomeSelfRecovered)
	})
	for _, o := range []remedy.Outcome{remedy.OutcomeDone, remedy.OutcomePartial, remedy.OutcomeFailed, remedy.OutcomeUnknown} {
		t.Run("too late, "+string(o), func(t *testing.T) {
			t.Parallel()
			r, id, tok := begun(t)
			r.finish(id, tok, o)
			c := r.get(id)
			if !late(c) || c.Outcome == remedy.OutcomeCancelled || r.facts().Quiet != nil {
				t.Errorf("%s %s: %+v", c.Stage, c.Outcome, c.Events)
			}
			if o != remedy.OutcomeFailed { // what is out, or may be, is not taken away by a cancel
				r.refused(ledger.RefusedStage, bob(), &ledger.CaseCancel{Case: id})
			}
		})
	}
}

// A cancelled undo leaves the host out, and doesn't call off the next one.
func TestCancelUndo(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.drained("h1")
	tok := r.start(id, alice(), undoing)
	r.okAs(bob(), &ledger.CaseCancel{Case: id})
	r.finish(id, tok, remedy.OutcomeAborted)
	r.stage(id, remedy.StageOut, remedy.OutcomeDone)
	again := r.start(id, alice(), undoing)
	if r.get(id).Cancels(again) {
		t.Error("an old cancel calls off a new undo")
	}
	r.finish(id, again, remedy.OutcomeDone)
	r.stage(id, remedy.StageClosed, remedy.OutcomeUndone)
}

// A run by hand is cancelled like any other, and keeps no detector quiet.
func TestCancelByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "disk", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
	tok := r.start(id, alice(), manual)
	r.okAs(bob(), &ledger.CaseCancel{Case: id})
	r.finish(id, tok, remedy.OutcomeAborted)
	r.stage(id, remedy.StageClosed, remedy.OutcomeCancelled)
	if q := r.facts().Quiet; q != nil {
		t.Errorf("quiet: %+v", q)
	}
}
