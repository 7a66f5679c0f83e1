package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAReviewLiftsWhatWasSeen: every cause of a demotion is kept and told, nobody
// takes the place of the first, and one that came after the look refuses the review.
func TestAReviewLiftsWhatWasSeen(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	a, b := r.acts("h1"), r.acts("h2")
	r.okAs(alice(), &ledger.CaseLabel{Case: a, Label: trust.Wrong})
	seen := r.evidence().Demotion.Newest()
	r.pass(time.Minute)
	r.okAs(bob(), &ledger.CaseLabel{Case: b, Label: trust.Wrong})
	r.pass(time.Minute)
	r.okAs(bob(), &ledger.TrustDemote{Action: drain, Pool: pool, To: remedy.LevelNotify, Reason: "trying it"})
	d := *r.evidence().Demotion
	if d.Why != trust.WhyWrong || d.Case != a || d.From != remedy.LevelAuto || d.To != remedy.LevelNotify || len(d.Causes) != 3 ||
		d.Causes[0].Case != a || d.Causes[1].Case != b || d.Causes[1].By.Name != "bob" || d.Causes[2].Reason != "trying it" {
		t.Errorf("%+v", d)
	}
	if got := r.ofKind(ledger.NoticeDemoted); len(got) != 3 || !strings.Contains(got[1].Detail, "stays at confirm at most") || !strings.Contains(got[1].Detail, "("+b.String()+")") {
		t.Errorf("told: %+v", got)
	}
	r.refused(ledger.RefusedDecided, alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "a was fine", Seen: seen})
	r.refused(ledger.RefusedDecided, alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "saw nothing"})
	r.inForce(remedy.LevelNotify)
	restored(t, r.l)
	// The same mistake, said again, is no other.
	r.okAs(bob(), &ledger.CaseLabel{Case: b, Label: trust.Right})
	r.okAs(bob(), &ledger.CaseLabel{Case: b, Label: trust.Wrong})
	r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "both were fine", Seen: d.Newest()})
	r.inForce(remedy.LevelAuto)
}

// TestAMistakeShowsWhileTheFileIsLow: whether the label or the edit comes first
// makes no difference to what a person has to review.
func TestAMistakeShowsWhileTheFileIsLow(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.drained("h1")
	r.ok(filed(remedy.LevelConfirm))
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.inForce(remedy.LevelConfirm)
	r.ok(filed(remedy.LevelAuto))
	r.demoted(trust.WhyWrong, remedy.LevelConfirm)
	r.inForce(remedy.LevelConfirm)
}

// TestLiveDaysAreWithoutABreak: a detector that was away for two months and is
// put back has been live for no day, whatever its record says of before.
func TestLiveDaysAreWithoutABreak(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelMetricOnly, digest("d1"))
	r.pass(time.Minute)
	r.ok(trustOf(n1, digest("d2")))
	r.long(60 * 24 * time.Hour)
	r.ok(trustOf(n1, digest("d1")))
	if days, known := trust.Assess(r.evidence(), r.now).Detectors[0].LiveDays.Get(); !known || days != 0 {
		t.Errorf("it is live for %d days (known: %t)", days, known)
	}
}

// TestAReviewSeesEachCauseOfAnInstant: committed time stands still while a leader's
// clock is behind, and a review that saw one cause of that time lifts no other.
func TestAReviewSeesEachCauseOfAnInstant(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	a, b := r.drained("h1"), r.drained("h2")
	r.pass(time.Minute)
	r.okAs(bob(), &ledger.CaseLabel{Case: a, Label: trust.Wrong})
	seen := r.evidence().Demotion.Newest()
	r.now = r.now.Add(-30 * time.Second)
	r.okAs(bob(), &ledger.CaseLabel{Case: b, Label: trust.Wrong})
	review := &ledger.TrustReview{Action: drain, Pool: pool, Reason: "looked", Seen: seen}
	r.refused(ledger.RefusedDecided, alice(), review)
	review.Seen = r.evidence().Demotion.Newest()
	r.okAs(alice(), review)
	r.inForce(remedy.LevelAuto)
	restored(t, r.l)
}
