package ledger_test

import (
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestWhatBecomesEvidence: a case counts once, from its first proposal on, and
// one that guardrails blocked all along doesn't.
func TestWhatBecomesEvidence(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }))
	if e := r.evidence(); len(e.Current) != 1 || len(e.Current[0].Cases) != 0 || e.Current[0].Digest != "d1" || !e.HasUndo || e.Runs.Target != "t1" {
		t.Fatalf("%+v", e)
	}
	r.pass(time.Minute)
	id := r.ok(judge("h1", remedy.LevelNotify, counted, func(b *ledger.CaseJudge) {
		b.BadHosts = 2
		b.Finding.At, b.Finding.BadSince = r.now, r.now.Add(-10*time.Minute)
		b.Finding.Direction = remedy.Above
	}))
	r.pass(7 * time.Hour)
	r.ok(&ledger.ClockAccept{})
	r.ok(judge("h1", remedy.LevelNotify, counted, func(b *ledger.CaseJudge) { b.Digest = "d2" })) // again after the cooldown
	s, d := r.sample(id)
	if len(r.evidence().Current[0].Cases) != 1 || d != "d1" {
		t.Errorf("it counts twice, or for %q: %+v", d, r.evidence())
	}
	if s.Value != 0.25 || !s.HasValue || s.Bad != 0.5 || s.Direction != remedy.Above || s.BadFor != 10*time.Minute || s.BadHosts != 2 || s.N != 20 ||
		s.Level != remedy.LevelNotify || !s.At.Equal(t0().Add(time.Minute)) || s.Acted || s.Approved {
		t.Errorf("%+v", s)
	}
	byHand := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h2", Action: drain, Reason: "disk", Plan: *plan("h2"), Decision: *decision(remedy.LevelAuto)})
	r.finish(byHand, r.start(byHand, alice(), manual, targeted), remedy.OutcomeDone)
	r.ok(&ledger.ExecVerdict{Case: byHand, Took: true})
	if e := r.evidence(); len(e.Current[0].Cases) != 1 || len(e.Runs.Runs) != 1 || !e.Runs.Runs[0].Manual {
		t.Errorf("%+v", e)
	}
	r.refused(ledger.RefusedNothing, alice(), &ledger.CaseLabel{Case: byHand, Label: trust.Wrong})
}

func targeted(b *ledger.ExecStart) { b.Target = "t1" }

// TestNothingIsLearntBeforeVersion3: an older build applies the same log.
func TestNothingIsLearntBeforeVersion3(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.denied("h1", "false-alarm")
	r.ok(judge("h2", remedy.LevelNotify, counted))
	e, ok := r.l.Trust(drain, pool)
	if !ok || len(e.Current)+len(e.Older)+len(e.Runs.Runs) != 0 || !r.get(id).ProposedAt.IsZero() || e.Effective != remedy.LevelConfirm {
		t.Errorf("%+v", e)
	}
	if r.l.Unstayed(r.now.Add(24*time.Hour)) != nil {
		t.Error("it would propose what no voter can read")
	}
}

// TestWhatIsSaidOfACase is every source's word.
func TestWhatIsSaidOfACase(t *testing.T) {
	t.Parallel()
	out := func(b *ledger.CaseClose) *ledger.CaseClose {
		f := finding("x", remedy.VerdictOut)
		b.Finding, b.Outcome = &f, remedy.OutcomeSuperseded
		return b
	}
	tests := []struct {
		name   string
		do     func(r *rig) remedy.CaseID
		label  trust.Label
		source trust.Source
	}{
		{"denied as a false alarm", func(r *rig) remedy.CaseID { return r.denied("h1", "false-alarm") }, trust.Wrong, trust.SourceDeny},
		{"denied for known work", func(r *rig) remedy.CaseID { return r.denied("h1", "known-work") }, trust.Unclear, trust.SourceDeny},
		{"denied for now", func(r *rig) remedy.CaseID { return r.denied("h1", "not-now") }, trust.Unlabelled, ""},
		{"denied for another reason", func(r *rig) remedy.CaseID { return r.denied("h1", "other") }, trust.Unlabelled, ""},
		{"undone as fixed", func(r *rig) remedy.CaseID { return r.undone("h1", remedy.UndoFixed) }, trust.Right, trust.SourceUndo},
		{"undone as was-fine", func(r *rig) remedy.CaseID { return r.undone("h1", remedy.UndoWasFine) }, trust.Wrong, trust.SourceUndo},
		{"undone as a test", func(r *rig) remedy.CaseID { return r.undone("h1", remedy.UndoTest) }, trust.Unlabelled, ""},
		{"undone without a word", func(r *rig) remedy.CaseID { return r.undone("h1", "") }, trust.Unlabelled, ""},
		{"approved and took", func(r *rig) remedy.CaseID { return r.drainByYes("h1") }, trust.Unlabelled, ""},
		{"expired", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
			r.pass(31 * time.Minute)
			r.ok(&ledger.CaseExpire{Case: id})
			return id
		}, trust.Unlabelled, ""},
		{"good again by itself", func(r *rig) remedy.CaseID { return r.recovered("h1") }, trust.Wrong, trust.SourceRecovered},
		{"good again at the last look", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
			r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
			r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeAborted, func(b *ledger.ExecFinish) { b.Recovered = true })
			return id
		}, trust.Wrong, trust.SourceRecovered},
		{"no data", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			return r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeNoData})
		}, trust.Unclear, trust.SourceNoData},
		{"stayed bad", func(r *rig) remedy.CaseID { return r.stayed("h1") }, trust.Right, trust.SourceStayed},
		{"stayed bad, then good", func(r *rig) remedy.CaseID {
			id := r.stayed("h1")
			return r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered})
		}, trust.Right, trust.SourceStayed},
		{"taken out by another hand", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			return r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}}, out(&ledger.CaseClose{Case: id}))
		}, trust.Right, trust.SourceHand},
		{"taken out in a deploy", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2"}}})
			r.pass(20 * time.Minute)
			r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h2"}})
			return r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}}, out(&ledger.CaseClose{Case: id}))
		}, trust.Unlabelled, ""},
		{"taken out, and a deploy after that", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}}, out(&ledger.CaseClose{Case: id}))
			r.pass(20 * time.Minute)
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2"}}})
			return id
		}, trust.Unlabelled, ""},
		{"taken out, and another long after", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}}, out(&ledger.CaseClose{Case: id}))
			r.pass(31 * time.Minute)
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2"}}})
			return id
		}, trust.Right, trust.SourceHand},
		{"taken out while warden drains another", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			r.drainByYes("h2")
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2"}}})
			return r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}}, out(&ledger.CaseClose{Case: id}))
		}, trust.Right, trust.SourceHand},
		{"taken out while a query says deploy", func(r *rig) remedy.CaseID {
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			return r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}}}, out(&ledger.CaseClose{Case: id, Crowd: true}))
		}, trust.Unlabelled, ""},
		{"a person is stronger", func(r *rig) remedy.CaseID {
			id := r.recovered("h1")
			return r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right, Note: "it was rebooting"})
		}, trust.Right, trust.SourcePerson},
		{"the worst of two people", func(r *rig) remedy.CaseID {
			id := r.recovered("h1")
			r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
			return r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Right})
		}, trust.Wrong, trust.SourcePerson},
		{"taken back", func(r *rig) remedy.CaseID {
			id := r.recovered("h1")
			r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
			return r.okAs(alice(), &ledger.CaseLabel{Case: id, Withdraw: true})
		}, trust.Wrong, trust.SourceRecovered},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelConfirm)
			r.label(tt.do(r), tt.label, tt.source)
			restored(t, r.l)
			r.demoted("", 0) // nothing of this is worse than confirm
		})
	}
}

// undone drains a host that alice approved, and has bob put it back.
func (r *rig) undone(host remedy.HostName, reason remedy.UndoReason) remedy.CaseID {
	r.t.Helper()
	id := r.drainByYes(host)
	r.finish(id, r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = reason }), remedy.OutcomeDone)
	return id
}

// recovered is a host that was counted and good again.
func (r *rig) recovered(host remedy.HostName) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelNotify, counted))
	return r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered})
}

// stayed is a host that stays bad for long enough, and not an instant sooner.
func (r *rig) stayed(host remedy.HostName) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelNotify, counted))
	r.long(4*time.Hour - time.Second)
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseStayed{Case: id})
	r.pass(time.Second)
	if got := r.l.Unstayed(r.now); !slices.Equal(got, []remedy.CaseID{id}) {
		r.t.Fatalf("stayed bad are %v", got)
	}
	r.refused(ledger.RefusedPerson, alice(), &ledger.CaseStayed{Case: id})
	r.ok(&ledger.CaseStayed{Case: id})
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseStayed{Case: id})
	return id
}

// TestOnlyBadTimeCountsAsStayed: while the verdict was unknown nobody saw the host
// bad.
func TestOnlyBadTimeCountsAsStayed(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	see := func(v remedy.Verdict) remedy.CaseID {
		return r.ok(judge("h1", remedy.LevelNotify, func(b *ledger.CaseJudge) { b.Finding = finding("h1", v); b.Decision = nil }))
	}
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	for range 3 { // one hour bad, ten unknown
		r.long(time.Hour)
		see(remedy.VerdictUnknown)
		r.long(5 * time.Hour)
		see(remedy.VerdictUnknown)
		r.long(5 * time.Hour)
		see(remedy.VerdictBad)
		r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseStayed{Case: id})
	}
	restored(t, r.l)
	r.long(time.Hour - time.Second)
	see(remedy.VerdictBad)
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseStayed{Case: id})
	r.pass(time.Second)
	r.ok(&ledger.CaseStayed{Case: id})
	r.label(id, trust.Right, trust.SourceStayed)
}

// TestLabelRefuses is what a label can't be.
func TestLabelRefuses(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.recovered("h1")
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.CaseLabel{Case: id, Label: trust.Right})
	r.refused(ledger.RefusedBad, alice(), &ledger.CaseLabel{Case: id})
	r.refused(ledger.RefusedBad, alice(), &ledger.CaseLabel{Case: id, Label: trust.Right, Withdraw: true})
	r.refused(ledger.RefusedNothing, alice(), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.refused(ledger.RefusedNoCase, alice(), &ledger.CaseLabel{Case: id + 1, Label: trust.Right})
	blockedCase := r.ok(judge("h2", 0, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }))
	r.refused(ledger.RefusedNothing, alice(), &ledger.CaseLabel{Case: blockedCase, Label: trust.Right})
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Unclear})
	before := r.records()
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Unclear})
	if r.records() != before {
		t.Error("the same word again changes something")
	}
	r.wantCounter(1, "warden_labels_total", "action", "drain", "pool", "ingest", "label", "unclear", "source", "person")
	r.wantCounter(0, "warden_labels_total", "action", "drain", "pool", "ingest", "label", "right", "source", "person")
	r.ok(&ledger.CasesForget{Before: r.now.Add(time.Hour)})
	r.refused(ledger.RefusedNoCase, alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
	if s, _ := r.sample(id); len(s.Said) != 2 {
		t.Errorf("what was said of a forgotten case is %+v", s.Said)
	}
}

// TestNobodyCanFillALedgerWithWords: of one speaker the old words go first.
func TestNobodyCanFillALedgerWithWords(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.recovered("h1")
	for _, l := range []trust.Label{trust.Right, trust.Wrong, trust.Unclear} {
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: l})
	}
	quiet, _ := r.sample(id)
	for i := range 200 {
		r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: []trust.Label{trust.Right, trust.Wrong}[i%2]})
	}
	s, _ := r.sample(id)
	if !slices.Equal(s.Said[:4], quiet.Said) {
		t.Errorf("of what others said is left %+v", s.Said)
	}
	if got := s.Resolve(); len(s.Said) != 4+trust.MaxSaidBy || got.Label != trust.Wrong || !got.Conflict || s.Said[0].Source != trust.SourceRecovered {
		t.Errorf("%d words, %+v", len(s.Said), got)
	}
}
