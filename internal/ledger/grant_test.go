package ledger_test

import (
	"strings"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// claim is the one claim that waits.
func (r *rig) claim() uint64 {
	r.t.Helper()
	all := r.l.Claims()
	if len(all) != 1 {
		r.t.Fatalf("%+v wait for a verdict", all)
	}
	return all[0].Claim
}

func verdict(claim uint64, to remedy.Level) *ledger.TrustJudge {
	return &ledger.TrustJudge{Action: drain, Pool: pool, Claim: claim, To: to, Said: "3 of 35 labelled"}
}

// verdict is one by the evidence as it is.
func (r *rig) verdict(claim uint64, to remedy.Level) *ledger.TrustJudge {
	r.t.Helper()
	b := verdict(claim, to)
	if g := r.evidence().Grant; g != nil {
		b.Revision = g.Revision
	}
	return b
}

// TestGate is an edit that asks for more, and its verdict.
func TestGate(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify, enforced)
	r.inForce(remedy.LevelMetricOnly) // no verdict has granted what was in force
	r.ok(r.verdict(r.claim(), remedy.LevelConfirm))
	r.inForce(remedy.LevelNotify)
	r.ok(filed(remedy.LevelAuto, "2"), trustOf(n1, enforced, hashed("2")))
	r.inForce(remedy.LevelNotify)
	claim := r.claim()
	if f := r.facts(); f.Grant == nil || f.Grant.Judged || f.Reported != remedy.LevelAuto {
		t.Errorf("%+v", f)
	}
	r.refused(ledger.RefusedPerson, alice(), r.verdict(claim, remedy.LevelAuto))
	r.refused(ledger.RefusedBasis, remedy.Warden(), r.verdict(claim-1, remedy.LevelAuto))
	r.refused(ledger.RefusedBad, remedy.Warden(), r.verdict(claim, remedy.LevelBlocked))
	r.refused(ledger.RefusedNothing, remedy.Warden(), &ledger.TrustJudge{Action: "burn", Pool: pool, Claim: claim, To: remedy.LevelAuto})
	r.ok(r.verdict(claim, remedy.LevelConfirm))
	r.inForce(remedy.LevelConfirm)
	r.told("the files ask for auto and the gates leave confirm", "3 of 35 labelled")
	r.refused(ledger.RefusedDecided, remedy.Warden(), r.verdict(claim, remedy.LevelAuto))
	if len(r.l.Claims()) != 0 {
		t.Error("it is still claimed")
	}
	// A gate that is met later raises nothing by itself: a person reviews.
	r.ok(filed(remedy.LevelAuto, "2"), trustOf(n1, enforced, hashed("2")))
	r.inForce(remedy.LevelConfirm)
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "x"})
	r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "40 labelled now", Seen: r.now})
	r.inForce(remedy.LevelConfirm)
	r.refused(ledger.RefusedBasis, remedy.Warden(), r.verdict(claim, remedy.LevelAuto))
	r.ok(r.verdict(r.claim(), remedy.LevelAuto))
	r.inForce(remedy.LevelAuto)
	// Less is given back at once, and more is another claim.
	r.ok(filed(remedy.LevelNotify, "3"), trustOf(n1, enforced, hashed("3")))
	r.inForce(remedy.LevelNotify)
	r.ok(filed(remedy.LevelAuto, "4"), trustOf(n1, enforced, hashed("4")))
	r.inForce(remedy.LevelNotify)
	r.ok(r.verdict(r.claim(), remedy.LevelAuto))
	// Nothing was granted to another digest, and metric-only needs no grant.
	r.ok(filed(remedy.LevelAuto, "5"), trustOf(n1, enforced, hashed("5"), digest("d2")))
	r.inForce(remedy.LevelMetricOnly)
	r.ok(r.verdict(r.claim(), remedy.LevelMetricOnly))
	r.inForce(remedy.LevelMetricOnly)
	r.ok(filed(remedy.LevelMetricOnly, "6"), trustOf(n1, enforced, hashed("6"), digest("d2")))
	if len(r.l.Claims()) != 0 || r.evidence().Grant != nil {
		t.Errorf("metric-only waits for %+v", r.evidence().Grant)
	}
	restored(t, r.l)
	// Without gates a level is the file's again: a person's edit.
	r.ok(filed(remedy.LevelAuto, "7"), trustOf(n1, enforced, hashed("7"), digest("d2")))
	r.inForce(remedy.LevelMetricOnly)
	r.ok(trustOf(n1, hashed("7"), digest("d2")))
	r.inForce(remedy.LevelAuto)
	r.told("no file enforces its gates any more", "auto now, it was metric-only")
}

// TestNoOrderOfReportsSkipsAGate: half a file raises nothing.
func TestNoOrderOfReportsSkipsAGate(t *testing.T) {
	t.Parallel()
	level, word := filed(remedy.LevelAuto, "2"), trustOf(n1, enforced, hashed("2"), digest("d2"))
	for name, do := range map[string]func(r *rig){
		"levels first":           func(r *rig) { r.ok(level); r.ok(word) },
		"trust first":            func(r *rig) { r.ok(word); r.ok(level) },
		"in one entry":           func(r *rig) { r.ok(word, level) },
		"in one entry, reversed": func(r *rig) { r.ok(level, word) },
	} {
		for gate, was := range map[string]*rig{"warn before": trusting(t, remedy.LevelNotify), "enforce before": trusting(t, remedy.LevelNotify, enforced)} {
			if gate == "enforce before" {
				was.ok(was.verdict(was.claim(), remedy.LevelNotify))
			}
			do(was)
			was.inForce(remedy.LevelMetricOnly) // the digest is another one as well
			was.ok(was.verdict(was.claim(), remedy.LevelConfirm))
			if was.l.Level(drain, pool) != remedy.LevelConfirm {
				t.Errorf("%s, %s: %s", gate, name, was.l.Level(drain, pool))
			}
		}
	}
	// In between nobody can judge, by whatever evidence.
	r := trusting(t, remedy.LevelNotify, enforced)
	old := r.claim()
	r.ok(level)
	if len(r.l.Claims()) != 0 {
		t.Error("half a file is judged")
	}
	r.refused(ledger.RefusedBasis, remedy.Warden(), r.verdict(old, remedy.LevelAuto))
	r.refused(ledger.RefusedBasis, remedy.Warden(), r.verdict(r.evidence().Grant.Claim, remedy.LevelAuto))
	r.inForce(remedy.LevelMetricOnly)
}

// TestNothingBeforeTheFirstVerdict: where a file enforces its gates, what stood
// before is no verdict, whether the cluster has just been founded, was upgraded
// from a build that knew no gates, or only warned.
func TestNothingBeforeTheFirstVerdict(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(r *rig){
		"founded":                 func(r *rig) { r.ok(trustOf(n1, enforced)) },
		"first in part":           func(r *rig) { r.ok(trustOf(n1, enforced, hashed("2"))); r.ok(filed(remedy.LevelAuto, "2")) },
		"only warned before":      func(r *rig) { r.ok(trustOf(n1)); r.inForce(remedy.LevelAuto); r.ok(trustOf(n1, enforced)) },
		"nobody could tell first": func(r *rig) { r.ok(trustOf(n1, hashed("2"))); r.inForce(remedy.LevelAuto); r.ok(trustOf(n1, enforced)) },
		"another voter enforces": func(r *rig) {
			r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version})
			r.ok(report("n2", setup{level: remedy.LevelAuto, limits: roomy()}))
			r.ok(trustOf(n1))
			r.ok(trustOf("n2", enforced))
		},
	} {
		r := newRig(t, at(remedy.LevelAuto), hosts(20))
		r.inForce(remedy.LevelAuto) // as a build says that knows no gates
		id := r.ok(judge("h1", remedy.LevelAuto))
		begin(r)
		if got := r.l.Level(drain, pool); got != remedy.LevelMetricOnly {
			t.Errorf("%s: at %s before any verdict", name, got)
		}
		r.refused(ledger.RefusedLevel, remedy.Warden(), r.starting(id))
		restored(t, r.l)
		r.ok(r.verdict(r.claim(), remedy.LevelConfirm))
		r.inForce(remedy.LevelConfirm)
	}
}

// TestGatesOfSeveralVoters: the strictest wins, a node that joins or is waived is
// no edit, and a removal raises nothing past a gate.
func TestGatesOfSeveralVoters(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm, enforced)
	r.ok(r.verdict(r.claim(), remedy.LevelConfirm))
	two := func(level remedy.Level) *ledger.NodeReport {
		return report("n2", setup{level: level, limits: roomy()})
	}
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version})
	r.inForce(remedy.LevelMetricOnly)
	r.ok(trustOf("n2"), two(remedy.LevelConfirm))
	r.inForce(remedy.LevelConfirm)
	if len(r.l.Claims()) != 0 {
		t.Errorf("a node that joins makes a claim: %+v", r.l.Claims())
	}
	r.ok(two(remedy.LevelNotify))
	r.ok(filed(remedy.LevelAuto, "2"), trustOf(n1, enforced, hashed("2")))
	r.inForce(remedy.LevelNotify)
	r.okAs(alice(), &ledger.NodeWaive{Node: "n2", Reason: "dead"})
	r.inForce(remedy.LevelNotify)
	r.ok(r.verdict(r.claim(), remedy.LevelConfirm))
	r.inForce(remedy.LevelConfirm)
	r.ok(two(remedy.LevelNotify)) // it is back
	r.inForce(remedy.LevelNotify)
	r.okAs(alice(), &ledger.VoterRemove{Node: "n2"})
	r.inForce(remedy.LevelNotify)
	r.ok(r.verdict(r.claim(), remedy.LevelAuto))
	r.inForce(remedy.LevelAuto)
}

// TestAVerdictDoesNotLiftADemotion and a review doesn't skip a gate.
func TestAVerdictDoesNotLiftADemotion(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto, enforced)
	r.okAs(bob(), &ledger.TrustDemote{Action: drain, Pool: pool, To: remedy.LevelNotify, Reason: "x"})
	r.ok(r.verdict(r.claim(), remedy.LevelConfirm))
	r.inForce(remedy.LevelNotify)
	r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "looked", Seen: r.now})
	r.inForce(remedy.LevelNotify) // what showed the mistake is evidence, too
	if g := r.evidence().Grant; g.Granted != remedy.LevelNotify {
		t.Errorf("what verdicts granted is above what the review left: %+v", g)
	}
	restored(t, r.l)
	r.ok(r.verdict(r.claim(), remedy.LevelConfirm))
	r.inForce(remedy.LevelConfirm)
}

// TestAdoptNeverGrants: a restored state has no grant above either, and each is
// judged again.
func TestAdoptNeverGrants(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto, enforced)
	r.ok(r.verdict(r.claim(), remedy.LevelAuto))
	saved := snapshotOf(t, r.l)
	r.okAs(bob(), &ledger.CaseLabel{Case: r.acts("h1"), Label: 3})
	r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "looked", Seen: r.now})
	r.ok(filed(remedy.LevelAuto, "2"), trustOf(n1, enforced, hashed("2"), digest("d2")))
	r.ok(r.verdict(r.claim(), remedy.LevelNotify))
	was := r.evidence()
	for name, l := range map[string]*ledger.Ledger{"an old": adopted(t, r.l, saved, adoption(r)), "its own": adopted(t, r.l, snapshotOf(t, r.l), adoption(r))} {
		c := l.Claims()
		if len(c) != 1 || c[0].To != remedy.LevelNotify || c[0].Claim <= was.Grant.Claim || l.Level(drain, pool) != remedy.LevelNotify {
			t.Errorf("after %s snapshot: %+v", name, c)
		}
		e, _ := l.Trust(drain, pool)
		if len(e.Current) != 1 || e.Current[0].Digest != "d2" || len(e.Older) != 1 || len(e.Older[0].Cases) != 1 || len(e.Older[0].Cases[0].Said) != 1 {
			t.Errorf("after %s snapshot: %+v", name, e)
		}
		restored(t, l)
	}
}

// TestPromotionUnderWarnIsNoUngating: where no file ever enforced its gates, an
// edit that raises a level is told as what it is, in whatever order it arrives;
// and where one did, that it doesn't any more, also with an edit of the level.
func TestPromotionUnderWarnIsNoUngating(t *testing.T) {
	t.Parallel()
	level, word := filed(remedy.LevelAuto, "2"), trustOf(n1, hashed("2"))
	for name, do := range map[string]func(r *rig){
		"levels first": func(r *rig) { r.ok(level); r.ok(word) },
		"trust first":  func(r *rig) { r.ok(word); r.ok(level) },
		"in one entry": func(r *rig) { r.ok(word, level) },
	} {
		for _, was := range []bool{false, true} {
			var change []func(*ledger.TrustReport)
			if was {
				change = append(change, enforced)
			}
			r := trusting(t, remedy.LevelNotify, change...)
			do(r)
			r.inForce(remedy.LevelAuto)
			var told []string
			for _, n := range r.ofKind(ledger.NoticeConfig) {
				told = append(told, n.Detail)
			}
			all := strings.Join(told, "\n")
			if got := strings.Contains(all, "no file enforces its gates any more"); got != was {
				t.Errorf("%s, enforced before: %v: it says %q", name, was, all)
			}
			if want := "the voters' files ask for more, and their gates only warn\ndrain on p is auto now, it was notify"; !was && !strings.Contains(strings.ReplaceAll(all, string(pool), "p"), want) {
				t.Errorf("%s: it says %q, want %q", name, all, want)
			}
		}
	}
}
