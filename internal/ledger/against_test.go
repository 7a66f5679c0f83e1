package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAWordOfWrongStopsTheAct: nothing is done by the word of a detector of which a
// person says that it is wrong about this host, until they take that back.
func TestAWordOfWrongStopsTheAct(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	against := func(want string) {
		t.Helper()
		said, is := r.l.Against(r.get(id))
		f := r.facts()
		if said.By != want || is != (want != "") || (f.Against != nil) != is || is && f.Against.By != want {
			t.Errorf("against it is %+v, in the facts %+v, want %q", said, f.Against, want)
		}
	}
	against("")
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	against("bob")
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right}) // the worst word of the strongest counts
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	against("")
	r.demoted("", 0)
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.demoted(trust.WhyWrong, remedy.LevelConfirm)
}

// TestAWordOfWrongStopsTheAnnounced: an announcement is no yes.
func TestAWordOfWrongStopsTheAnnounced(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	r.wants(0, time.Minute)
	id := r.ok(judge("h1", remedy.LevelAuto, func(b *ledger.CaseJudge) {
		b.Announce = &ledger.Announcement{PlanHash: b.Plan.Hash(), For: time.Minute, Within: time.Hour}
	}))
	r.ok(&ledger.NoticeReceipt{Upto: r.get(id).Veto.Notice})
	r.pass(2 * time.Minute)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.ok(&ledger.CaseReconsider{Case: id, Why: "bob says so"})
	r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.pass(time.Second)
	r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
	r.start(id, remedy.Warden())
}

// TestAYesCountsAfterTheWord: who approves after the word has heard it; a yes from
// before is void, whoever's, and people are told.
func TestAYesCountsAfterTheWord(t *testing.T) {
	t.Parallel()
	for _, needed := range []int{1, 2} {
		r := trusting(t, remedy.LevelConfirm)
		r.wants(needed, 0)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "kim", "lee")))
		yes := func(who string) {
			r.okAs(person(who), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
		}
		yes("alice")
		told := len(r.ofKind(ledger.NoticeLabel))
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong}) // in the same millisecond
		c := r.stage(id, remedy.StageWaiting, "")
		if c.Answer != nil || len(c.Approvals) != 0 || c.Ask == nil {
			t.Fatalf("%d needed: %+v %+v", needed, c.Answer, c.Approvals)
		}
		if all := r.ofKind(ledger.NoticeLabel); len(all) != told+1 || !strings.Contains(all[told].Detail, "the yes of alice counts no more") {
			t.Errorf("%d needed, told: %+v", needed, all)
		}
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		r.refused(ledger.RefusedApproval, alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
		r.pass(time.Millisecond)
		for _, who := range []string{"alice", "kim"}[:needed] {
			yes(who)
		}
		if said, is := r.l.Against(r.get(id)); is {
			t.Errorf("%d needed: still against it: %+v", needed, said)
		}
		r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Unclear}) // not wrong
		if r.get(id).Answer == nil {
			t.Error("a word that isn't against it voided a yes")
		}
		r.start(id, remedy.Warden())
		restored(t, r.l)
	}
}

// TestAWordAgainIsANewWord: who repeats it after a yes has heard that, and isn't
// asked to say it in other words. Without a yes in between it says nothing new.
func TestAWordAgainIsANewWord(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	wrong := &ledger.CaseLabel{Case: id, Label: trust.Wrong}
	r.okAs(bob(), wrong)
	for range 12 { // more often than is kept of one speaker
		r.pass(time.Second)
		r.okAs(alice(), r.yes(id))
		r.pass(time.Second)
		told := len(r.ofKind(ledger.NoticeLabel))
		r.okAs(bob(), wrong)
		if all := r.ofKind(ledger.NoticeLabel); r.get(id).Answer != nil || len(all) != told+1 || !strings.Contains(all[told].Detail, "the yes of alice counts no more") {
			t.Fatalf("answered %+v, told %+v", r.get(id).Answer, all[told:])
		}
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		before, _ := r.sample(id)
		r.pass(time.Second)
		r.okAs(bob(), wrong)
		if after, _ := r.sample(id); len(after.Said) != len(before.Said) || !after.Said[len(after.Said)-1].At.Equal(before.Said[len(before.Said)-1].At) {
			t.Fatalf("said %+v, then %+v", before.Said, after.Said)
		}
	}
	r.pass(time.Second)
	r.okAs(alice(), r.yes(id))
	tok := r.start(id, remedy.Warden())
	r.okAs(bob(), wrong) // at once
	if _, is := r.l.Against(r.get(id)); !is {
		t.Error("the last gate isn't told")
	}
	r.finish(id, tok, remedy.OutcomeDone)
	r.demoted(trust.WhyWrong, remedy.LevelConfirm)
	causes := len(r.evidence().Demotion.Causes)
	r.pass(time.Second)
	r.okAs(bob(), wrong)
	if d := r.evidence().Demotion; len(d.Causes) != causes {
		t.Errorf("a word that was said again is another cause: %+v", d.Causes)
	}
	restored(t, r.l)
}

// TestNothingIsPutBackAgainstAWord: what load balancers forgot stays forgotten while
// a person says that the detector is wrong; what a person ran by hand is theirs.
func TestNothingIsPutBackAgainstAWord(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.drained("h1")
	r.forgot(id, "lb1")
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.inForce(remedy.LevelConfirm)
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id, reasserting))
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.start(id, remedy.Warden(), reasserting)
}

// TestAYesIsVoidAfterACall: the word came while the execution ran, and that was
// called off: what was approved before is asked once more.
func TestAYesIsVoidAfterACall(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
	tok := r.start(id, remedy.Warden())
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	if _, is := r.l.Against(r.get(id)); !is {
		t.Error("the last gate isn't told")
	}
	r.finish(id, tok, remedy.OutcomeAborted)
	if c := r.stage(id, remedy.StageWaiting, remedy.OutcomeAborted); c.Answer != nil || c.Ask == nil {
		t.Errorf("%+v %+v", c.Ask, c.Answer)
	}
	r.demoted("", 0)
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
}

// TestARunByHandIsNoDetectors: a word about the detector binds no person's run.
func TestARunByHandIsNoDetectors(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	r.okAs(bob(), &ledger.CaseLabel{Case: r.ok(judge("h1", remedy.LevelAuto, counted)), Label: trust.Wrong})
	id := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "x", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
	r.start(id, alice(), manual)
}

// TestAWordDuringTheActCountsByItsEnd: one that was called off did nothing, and one
// that ran lowers in the entry that says so.
func TestAWordDuringTheActCountsByItsEnd(t *testing.T) {
	t.Parallel()
	for _, how := range []remedy.Outcome{remedy.OutcomeAborted, remedy.OutcomeDone, remedy.OutcomeUnknown, remedy.OutcomeFailed} {
		r := trusting(t, remedy.LevelAuto)
		id := r.ok(judge("h1", remedy.LevelAuto, counted))
		tok := r.start(id, remedy.Warden())
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
		r.demoted("", 0)
		r.finish(id, tok, how)
		s, _ := r.sample(id)
		if did := how != remedy.OutcomeAborted; s.Acted != did || (r.evidence().Demotion != nil) != did {
			t.Errorf("%s: acted %v, demoted %+v", how, s.Acted, r.evidence().Demotion)
		}
	}
}
