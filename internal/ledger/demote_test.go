package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// acts has warden drain a host by itself; it took.
func (r *rig) acts(host remedy.HostName) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelAuto, r.justNow))
	r.finish(id, r.start(id, remedy.Warden(), targeted), remedy.OutcomeDone)
	r.ok(&ledger.ExecVerdict{Case: id, Took: true})
	return id
}

// justNow is a finding of just now, as only a restored or reset ledger wants it.
func (r *rig) justNow(b *ledger.CaseJudge) { b.Finding.At = r.now }

// fails has warden's drain of a host end otherwise.
func (r *rig) fails(host remedy.HostName, how remedy.Outcome) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelAuto, r.justNow))
	r.finish(id, r.start(id, remedy.Warden(), targeted), how)
	return id
}

// TestMistakesDemote is each mistake, and what is none.
func TestMistakesDemote(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(r *rig)
		why  string
		to   remedy.Level
	}{
		{"nothing", func(r *rig) { r.acts("h1") }, "", 0},
		{"a label that says wrong", func(r *rig) { r.okAs(bob(), &ledger.CaseLabel{Case: r.acts("h1"), Label: trust.Wrong}) }, trust.WhyWrong, remedy.LevelConfirm},
		{"a label that says unclear", func(r *rig) { r.okAs(bob(), &ledger.CaseLabel{Case: r.acts("h1"), Label: trust.Unclear}) }, "", 0},
		{"a case it didn't act on", func(r *rig) { r.recovered("h1") }, "", 0},
		{"undone as was-fine", func(r *rig) {
			id := r.acts("h1")
			r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine })
		}, trust.WhyRegretted, remedy.LevelConfirm},
		{"undone as was-fine, against a person's right", func(r *rig) {
			id := r.acts("h1")
			r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
			r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine })
		}, trust.WhyRegretted, remedy.LevelConfirm},
		{"undone as fixed", func(r *rig) {
			r.start(r.acts("h1"), bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoFixed })
		}, "", 0},
		{"undone without a word", func(r *rig) { r.start(r.acts("h1"), bob(), undoing) }, "", 0},
		{"not seen to take", func(r *rig) { r.ok(&ledger.ExecVerdict{Case: r.fails("h1", remedy.OutcomeDone)}) }, trust.WhyUnverified, remedy.LevelConfirm},
		{"put back before anybody looked", func(r *rig) {
			r.ok(&ledger.ExecVerdict{Case: r.fails("h1", remedy.OutcomeDone), Returned: true})
		}, "", 0},
		{"one that failed", func(r *rig) { r.fails("h1", remedy.OutcomeFailed) }, "", 0},
		{"two that failed", func(r *rig) { r.fails("h1", remedy.OutcomeFailed); r.fails("h2", remedy.OutcomePartial) }, trust.WhyFailed, remedy.LevelNotify},
		{"one that failed and one that nobody knows of", func(r *rig) { r.fails("h1", remedy.OutcomeFailed); r.fails("h2", remedy.OutcomeUnknown) }, trust.WhyFailed, remedy.LevelNotify},
		{"one that nobody knew of, and that failed", func(r *rig) {
			id := r.fails("h1", remedy.OutcomeUnknown)
			r.finish(id, r.get(id).Execution().Token, remedy.OutcomeFailed)
		}, "", 0},
		{"two that failed, a day apart", func(r *rig) {
			r.fails("h1", remedy.OutcomeFailed)
			r.long(24*time.Hour + time.Second)
			r.fails("h2", remedy.OutcomeFailed)
		}, "", 0},
		{"two that were called off", func(r *rig) { r.fails("h1", remedy.OutcomeAborted); r.fails("h2", remedy.OutcomeAborted) }, "", 0},
		{"two by hand that failed", func(r *rig) {
			for _, h := range []remedy.HostName{"h1", "h2", "h3"} {
				id := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: h, Action: drain, Reason: "x", Plan: *plan(h), Decision: *decision(remedy.LevelAuto)})
				r.finish(id, r.start(id, alice(), manual), remedy.OutcomeFailed)
			}
		}, "", 0},
		{"by hand, undone as was-fine", func(r *rig) {
			id := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "x", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
			r.finish(id, r.start(id, alice(), manual), remedy.OutcomeDone)
			r.ok(&ledger.ExecVerdict{Case: id})
			r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine })
		}, "", 0},
		{"a label while it runs", func(r *rig) {
			id := r.ok(judge("h1", remedy.LevelAuto))
			tok := r.start(id, remedy.Warden())
			r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
			r.finish(id, tok, remedy.OutcomeDone)
		}, trust.WhyWrong, remedy.LevelConfirm},
		{"a person's word", func(r *rig) {
			r.okAs(bob(), &ledger.TrustDemote{Action: drain, Pool: pool, To: remedy.LevelMetricOnly, Reason: "noisy"})
		}, trust.WhyPerson, remedy.LevelMetricOnly},
		{"a mistake after a person's word", func(r *rig) {
			id := r.acts("h1")
			r.okAs(bob(), &ledger.TrustDemote{Action: drain, Pool: pool, To: remedy.LevelMetricOnly, Reason: "noisy"})
			r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
		}, trust.WhyPerson, remedy.LevelMetricOnly},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			tt.do(r)
			r.demoted(tt.why, tt.to)
			want, notices := remedy.LevelAuto, 0
			if tt.why != "" {
				want, notices = tt.to, 1
				r.wantCounter(1, "warden_demotions_total", "action", "drain", "pool", "ingest", "why", tt.why)
			}
			r.inForce(want)
			if tt.name == "a mistake after a person's word" {
				notices = 2
			}
			if got := r.ofKind(ledger.NoticeDemoted); len(got) != notices || notices > 0 && !strings.Contains(got[0].Detail, "--review") {
				t.Errorf("told: %+v", got)
			}
			restored(t, r.l)
		})
	}
}

// TestDemotionBinds: what was decided before it can't start any more, and the
// facts of the next decision say why.
func TestDemotionBinds(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.acts("h1")
	next := r.ok(judge("h2", remedy.LevelAuto))
	start := r.starting(next)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.refused(ledger.RefusedBasis, remedy.Warden(), start)
	r.refused(ledger.RefusedLevel, remedy.Warden(), r.starting(next))
	f := r.facts()
	if f.Effective != remedy.LevelConfirm || f.Reported != remedy.LevelAuto || f.Demoted == nil || f.Demoted.Case != id || f.Demoted.From != remedy.LevelAuto || f.Grant != nil {
		t.Errorf("%+v", f)
	}
	if r.l.Reported(drain, pool) != remedy.LevelAuto || len(r.l.Demotions()) != 1 {
		t.Errorf("%v", r.l.Demotions())
	}
}

// TestOnlyAReviewEndsADemotion: nothing else does, whatever is said or restored.
func TestOnlyAReviewEndsADemotion(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.acts("h1")
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	saved := snapshotOf(t, r.l)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Right, Note: "I was wrong"})
	r.ok(filed(remedy.LevelConfirm, "h2"), trustOf(n1, hashed("h2"), digest("d2")))
	r.ok(filed(remedy.LevelAuto, "h3"), trustOf(n1, hashed("h3"), digest("d3")))
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version}, report("n2", setup{level: remedy.LevelAuto, limits: roomy()}), trustOf("n2"))
	r.okAs(alice(), &ledger.NodeWaive{Node: n1, Reason: "x"})
	r.okAs(alice(), &ledger.VoterRemove{Node: n1})
	r.term++
	r.long(400 * 24 * time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now})
	r.demoted(trust.WhyWrong, remedy.LevelConfirm)
	r.inForce(remedy.LevelConfirm)
	a := adoption(r)
	a.Voters = []remedy.NodeID{"n2"}
	for name, l := range map[string]*ledger.Ledger{"its own": adopted(t, r.l, snapshotOf(t, r.l), a), "an old": adopted(t, r.l, saved, a)} {
		if d := l.Demotions(); len(d) != 1 || d[0].To != remedy.LevelConfirm || l.Level(drain, pool) != remedy.LevelConfirm {
			t.Errorf("after %s snapshot the demotions are %+v", name, d)
		}
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "x"})
	r.refused(ledger.RefusedBad, alice(), &ledger.TrustReview{Action: drain, Pool: pool})
	r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "the threshold is 0.3 now", Seen: r.now})
	r.demoted("", 0)
	r.inForce(remedy.LevelAuto)
	r.refused(ledger.RefusedNothing, alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "x"})
	// A state from before the review brings it back: of two the stricter.
	if d := adopted(t, r.l, saved, a).Demotions(); len(d) != 1 {
		t.Errorf("%+v", d)
	}
}

// TestAMistakeIsNotHiddenByAVoterThatIsSilent: what is low for now only is still
// lowered for good.
func TestAMistakeIsNotHiddenByAVoterThatIsSilent(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.acts("h1")
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version})
	r.inForce(remedy.LevelMetricOnly)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.ok(report("n2", setup{level: remedy.LevelAuto, limits: roomy()}), trustOf("n2"))
	r.inForce(remedy.LevelConfirm)
}

// TestDemoteByAPerson refuses what lowers nothing.
func TestDemoteByAPerson(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	to := func(l remedy.Level, reason string) *ledger.TrustDemote {
		return &ledger.TrustDemote{Action: drain, Pool: pool, To: l, Reason: reason}
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), to(remedy.LevelNotify, "x"))
	r.refused(ledger.RefusedBad, bob(), to(remedy.LevelNotify, ""))
	r.refused(ledger.RefusedBad, bob(), to(remedy.LevelBlocked, "x"))
	r.refused(ledger.RefusedNothing, bob(), to(remedy.LevelConfirm, "x"))
	r.refused(ledger.RefusedNothing, bob(), to(remedy.LevelAuto, "x"))
	r.refused(ledger.RefusedNothing, bob(), &ledger.TrustDemote{Action: "burn", Pool: pool, To: remedy.LevelMetricOnly, Reason: "x"})
	r.okAs(bob(), to(remedy.LevelNotify, "noisy"))
	r.refused(ledger.RefusedNothing, bob(), to(remedy.LevelNotify, "x"))
	r.okAs(bob(), to(remedy.LevelMetricOnly, "still"))
	r.demoted(trust.WhyPerson, remedy.LevelMetricOnly)
}

// TestTheStrictestDemotes: a voter without a word counts with the defaults, and a
// rule that is off is off only where every voter has it so.
func TestTheStrictestDemotes(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto, func(b *ledger.TrustReport) { b.Rules.Demote = trust.Demote{} })
	id := r.acts("h1")
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.inForce(remedy.LevelAuto)
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version}, report("n2", setup{level: remedy.LevelAuto, limits: roomy()}))
	r.inForce(remedy.LevelMetricOnly) // half of a file raises nothing
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Unclear})
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.ok(trustOf("n2", func(b *ledger.TrustReport) { b.Rules.Demote = trust.Demote{} }))
	r.inForce(remedy.LevelConfirm)
	r.demoted(trust.WhyWrong, remedy.LevelConfirm)
}
