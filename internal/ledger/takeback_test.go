package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// falseAlarm is a case that bob, who may not approve, denied as a false alarm.
func (r *rig) falseAlarm() remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "false-alarm", Lowers: true})
	r.label(id, trust.Wrong, trust.SourceDeny)
	r.pass(time.Second)
	return id
}

// TestADenialIsTakenBack: who denied takes that word back, or says otherwise, on the
// closed case as on any other, and what it kept from being done may be done.
func TestADenialIsTakenBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		take func(remedy.CaseID) *ledger.CaseLabel
		want trust.Label
	}{
		"withdrawn": {func(id remedy.CaseID) *ledger.CaseLabel { return &ledger.CaseLabel{Case: id, Withdraw: true} }, trust.Unlabelled},
		"unclear":   {func(id remedy.CaseID) *ledger.CaseLabel { return lowers(id, trust.Unclear) }, trust.Unclear},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			first := r.falseAlarm()
			id := r.begins("bob", first)
			r.asked(id)
			r.okAs(bob(), c.take(first))
			if said, is := r.l.Against(r.get(id)); is {
				t.Errorf("still against it: %+v", said)
			}
			s, _ := r.sample(first)
			if got := s.Label(); got != c.want {
				t.Errorf("%s is %q: %+v", first, got, s.Said)
			}
			if all := r.ofKind(ledger.NoticeLabel); len(all) == 0 || !strings.Contains(all[len(all)-1].Detail, "had said wrong") {
				t.Errorf("told %+v", all)
			}
			if open := r.get(id); open.Ask != nil || open.Stage != remedy.StageProposed {
				t.Errorf("%s, %+v", open.Stage, open.Ask)
			}
			r.refused(ledger.RefusedNothing, person("carol"), &ledger.CaseLabel{Case: first, Withdraw: true})
			r.ok(judge("h1", remedy.LevelAuto))
			r.start(id, remedy.Warden())
			restored(t, r.l)
		})
	}
}

// TestADenialIsTakenBackBeforeTheNext: the next case begins with nothing.
func TestADenialIsTakenBackBeforeTheNext(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.falseAlarm()
	r.okAs(bob(), &ledger.CaseLabel{Case: first, Withdraw: true, Note: "the wrong host"})
	r.refused(ledger.RefusedNothing, bob(), &ledger.CaseLabel{Case: first, Withdraw: true})
	r.label(first, trust.Unlabelled, "")
	r.begins("", 0)
	restored(t, r.l)
}

// TestOnesLaterWordIsTheirWord: whatever way somebody's words came, the newest is
// what they say; others' stay, and what warden saw.
func TestOnesLaterWordIsTheirWord(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(bob(), lowers(id, trust.Unclear))
	r.pass(time.Second)
	r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "false-alarm", Lowers: true})
	r.pass(time.Second)
	r.label(id, trust.Wrong, trust.SourceDeny)
	r.okAs(bob(), lowers(id, trust.Unclear)) // what he had said before; and now says again
	r.label(id, trust.Unclear, trust.SourcePerson)
	r.okAs(bob(), lowers(id, trust.Wrong))
	r.okAs(person("carol"), lowers(id, trust.Wrong))
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	if s, _ := r.sample(id); s.Resolve().By != "carol" || s.Label() != trust.Wrong {
		t.Errorf("%+v", s.Resolve())
	}
	r.begins("carol", id)

	// An undo's word is no other: the level it took stays taken.
	acted := r.undone("h2", remedy.UndoWasFine) // by bob
	r.label(acted, trust.Wrong, trust.SourceUndo)
	r.pass(time.Second)
	r.okAs(bob(), lowers(acted, trust.Unclear))
	r.label(acted, trust.Unclear, trust.SourcePerson)
	r.demoted(trust.WhyRegretted, remedy.LevelConfirm)
	restored(t, r.l)
}

// TestAWordOfACaseInNumbersIsTakenBack: a word that stands can be taken back also
// where its case is counted in numbers only; nobody else can do that.
func TestAWordOfACaseInNumbersIsTakenBack(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto, func(b *ledger.TrustReport) { b.Rules.Window, b.Rules.EpisodeGap = time.Hour, time.Minute })
	first := r.falseAlarm()
	r.long(2 * time.Hour)
	r.ok(judge("h2", remedy.LevelAuto, counted)) // folds what is over
	id := r.begins("bob", first)
	r.refused(ledger.RefusedNothing, person("carol"), &ledger.CaseLabel{Case: first, Withdraw: true})
	r.refused(ledger.RefusedNothing, bob(), lowers(first, trust.Unclear))
	r.asked(id)
	r.okAs(bob(), &ledger.CaseLabel{Case: first, Withdraw: true})
	if said, is := r.l.Against(r.get(id)); is || r.get(id).Ask != nil {
		t.Errorf("still against it: %+v; asked %+v", said, r.get(id).Ask)
	}
	r.refused(ledger.RefusedNothing, bob(), &ledger.CaseLabel{Case: first, Withdraw: true})
	restored(t, r.l)
}
