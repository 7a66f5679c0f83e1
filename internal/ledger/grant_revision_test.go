package ledger_test

import (
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAVerdictCountsForWhatItWasJudgedBy: whatever changes what a verdict reads
// refuses one that was judged before.
func TestAVerdictCountsForWhatItWasJudgedBy(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(r *rig, id remedy.CaseID){
		"a label": func(r *rig, id remedy.CaseID) { r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong}) },
		"a label that is taken back": func(r *rig, id remedy.CaseID) {
			r.okAs(alice(), &ledger.CaseLabel{Case: id, Withdraw: true})
		},
		"another case": func(r *rig, _ remedy.CaseID) { r.ok(judge("h2", remedy.LevelNotify, counted)) },
		"a recovery":   func(r *rig, _ remedy.CaseID) { r.recovered("h3") },
		"a crowd": func(r *rig, _ remedy.CaseID) {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}, {Host: "h9"}}})
		},
		"a voter that has said nothing yet": func(r *rig, _ remedy.CaseID) {
			r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version})
		},
		"other rules": func(r *rig, _ remedy.CaseID) {
			r.ok(trustOf(n1, enforced, func(b *ledger.TrustReport) { b.Rules.Confidence = 0.99 }))
		},
		"a run": func(r *rig, _ remedy.CaseID) {
			id := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h4", Action: drain, Plan: *plan("h4"), Reason: "x", Decision: *decision(remedy.LevelAuto)})
			r.finish(id, r.start(id, alice(), manual), remedy.OutcomeFailed)
		},
	} {
		r := trusting(t, remedy.LevelAuto, enforced)
		id := r.ok(judge("h1", remedy.LevelNotify, counted))
		r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
		if name == "a crowd" {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}})
			out := finding("h1", remedy.VerdictOut)
			r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSuperseded, Finding: &out})
		}
		r.ok(trustOf(n1, enforced, func(b *ledger.TrustReport) { b.Rules.Enforce = true }))
		g := r.evidence().Grant
		stale := verdict(g.Claim, remedy.LevelAuto)
		stale.Revision = g.Revision
		change(r, id)
		r.refused(ledger.RefusedBasis, remedy.Warden(), stale)
		if r.inForce(remedy.LevelMetricOnly); len(r.l.Claims()) != 1 {
			t.Errorf("%s: %+v", name, r.evidence().Grant)
		}
		restored(t, r.l)
		if name == "a voter that has said nothing yet" {
			continue // all is metric-only until it speaks
		}
		now := r.evidence().Grant
		fresh := verdict(now.Claim, remedy.LevelConfirm)
		fresh.Revision = now.Revision
		r.ok(fresh)
		r.inForce(remedy.LevelConfirm)
	}
}
