package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

const wordsKept = 512 // on one host and action

// crowd has as many who may not approve say wrong of a case that is no evidence as
// there is room for.
func (r *rig) crowd() remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge("h1", remedy.LevelAuto, func(b *ledger.CaseJudge) { b.Decision = blocked("freeze") }))
	for i := range wordsKept {
		r.okAs(person(fmt.Sprintf("fake%03d", i)), lowers(id, trust.Wrong))
	}
	return id
}

// takesBack has the crowd take back what it said.
func (r *rig) takesBack(id remedy.CaseID, n int, but ...int) {
	r.t.Helper()
	for i := range n {
		if len(but) == 0 || i != but[0] {
			r.okAs(person(fmt.Sprintf("fake%03d", i)), &ledger.CaseLabel{Case: id, Withdraw: true})
		}
	}
}

// TestNoWordIsTakenThatBindsNothing: where there is no room for a word it is refused,
// and nothing is kept of it; as soon as there is, it is heard.
func TestNoWordIsTakenThatBindsNothing(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.crowd()
	r.closed(first, remedy.OutcomeSelfRecovered)
	r.pass(5 * time.Minute)
	r.goodAgain()
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	r.refused(ledger.RefusedBad, bob(), lowers(id, trust.Wrong))
	r.label(id, trust.Unlabelled, "")
	r.okAs(person("fake000"), &ledger.CaseLabel{Case: first, Withdraw: true})
	r.okAs(bob(), lowers(id, trust.Wrong))
	r.label(id, trust.Wrong, trust.SourcePerson)
	for i := 1; i < wordsKept; i++ {
		r.okAs(person(fmt.Sprintf("fake%03d", i)), &ledger.CaseLabel{Case: first, Withdraw: true})
	}
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	restored(t, r.l)
}

// TestWhatBindsNothingMakesRoom: words whose time is over, or whose speakers say
// otherwise by now, keep nobody's out.
func TestWhatBindsNothingMakesRoom(t *testing.T) {
	t.Parallel()
	for name, ends := range map[string]func(*rig) remedy.CaseID{
		"over": func(r *rig) remedy.CaseID {
			first := r.crowd()
			r.closed(first, remedy.OutcomeSelfRecovered)
			r.long(5*time.Hour + 59*time.Minute)
			r.closed(r.ok(judge("h1", remedy.LevelAuto, counted)), remedy.OutcomeSelfRecovered)
			r.long(2 * time.Minute)
			return first
		},
		"otherwise": func(r *rig) remedy.CaseID {
			first := r.crowd()
			r.closed(first, remedy.OutcomeSelfRecovered)
			r.goodAgain()
			id := r.ok(judge("h1", remedy.LevelAuto, counted))
			r.okAs(person("fake007"), lowers(id, trust.Unclear))
			return id
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			id := ends(r)
			r.okAs(bob(), lowers(id, trust.Wrong))
			r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true}) // it was kept
			restored(t, r.l)
		})
	}
}

// TestACrowdKeepsNoApproverOut: there is room for what an approver says, and for a
// denial, however many others spoke before. The newest of theirs goes for it, and the
// case says whose.
func TestACrowdKeepsNoApproverOut(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]func(*rig, remedy.CaseID){
		"label": func(r *rig, id remedy.CaseID) { r.wrong(id) },
		"denial": func(r *rig, id remedy.CaseID) {
			r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "false-alarm", Lowers: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			first := r.crowd()
			r.asked(first)
			says(r, first)
			events := r.get(first).Events
			told := false
			for _, e := range events {
				told = told || strings.Contains(e.What, "what fake511 said of W-1 made room")
			}
			if !told {
				t.Errorf("%+v", events[len(events)-2:])
			}
			if r.get(first).Open() {
				r.closed(first, remedy.OutcomeSelfRecovered)
			}
			r.takesBack(first, wordsKept-1)
			r.long(time.Hour)
			r.begins("bob", first)
			restored(t, r.l)
		})
	}
}

// TestAWordBindsThatIsNoEvidence: where so many say wrong that another is not counted, it
// binds all the same, until its speaker takes it back.
func TestAWordBindsThatIsNoEvidence(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.begins("", 0)
	for i := range trust.MaxSaid {
		r.okAs(person(fmt.Sprintf("fake%03d", i)), lowers(id, trust.Wrong))
	}
	res := r.as(bob(), lowers(id, trust.Wrong)).Results[0]
	if !res.OK || !strings.Contains(res.Also, "isn't counted as evidence") {
		t.Fatalf("%+v", res)
	}
	if s, _ := r.sample(id); len(s.Own("bob")) > 0 {
		t.Error("it is counted: this checks nothing")
	}
	r.takesBack(id, trust.MaxSaid)
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.start(id, remedy.Warden())
	restored(t, r.l)
}

// TestAHiddenWordIsEndedByAYes: while its speaker says otherwise of a later case a word
// binds nothing, and an act that nobody approved doesn't end it.
func TestAHiddenWordIsEndedByAYes(t *testing.T) {
	t.Parallel()
	for _, approved := range []bool{false, true} {
		r := trusting(t, remedy.LevelAuto)
		first := r.begins("", 0)
		r.wrong(first)
		r.closed(first, remedy.OutcomeSelfRecovered)
		r.goodAgain()
		second := r.begins("bob", first)
		if approved {
			r.asked(second)
		}
		r.okAs(bob(), lowers(second, trust.Unclear))
		if approved {
			r.asked(second)
			r.okAs(alice(), r.yes(second))
		}
		r.pass(time.Second)
		r.finish(second, r.start(second, remedy.Warden()), remedy.OutcomeDone)
		r.okAs(bob(), &ledger.CaseLabel{Case: second, Withdraw: true})
		if w, is := r.l.Against(r.get(second)); is == approved {
			t.Errorf("approved %v: stands %v %+v", approved, is, w)
		}
		restored(t, r.l)
	}
}

// saidBy is when the newest word of somebody was said that stands on the host and action
// of a case.
func (r *rig) saidBy(id remedy.CaseID, who string) (at time.Time) {
	for _, w := range r.l.Words(r.get(id)) {
		if w.By == who && w.At.After(at) {
			at = w.At
		}
	}
	return at
}

// TestALiftIsOfWhatWasSeen: a word that was said again since it was shown is not lifted
// unread, nor is anything by who has seen nothing, or what is still to come.
func TestALiftIsOfWhatWasSeen(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.begins("", 0)
	r.wrong(id)
	seen := r.saidBy(id, "bob")
	r.pass(time.Minute)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong, Note: "I looked again: really, don't"})
	lift := func(seen time.Time) *ledger.CaseLabel {
		return &ledger.CaseLabel{Case: id, Withdraw: true, Of: "bob", Seen: seen}
	}
	r.refused(ledger.RefusedDecided, alice(), lift(seen))
	r.refused(ledger.RefusedDecided, alice(), lift(time.Time{}))
	r.refused(ledger.RefusedBad, alice(), lift(r.now.Add(time.Hour)))
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.okAs(alice(), lift(r.saidBy(id, "bob")))
	r.start(id, remedy.Warden())
	restored(t, r.l)
}
