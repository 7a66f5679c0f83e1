package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// stands checks that bob's word stands against a case.
func (r *rig) stands(id remedy.CaseID) {
	r.t.Helper()
	if w, is := r.l.Against(r.get(id)); !is || w.By != "bob" {
		r.t.Errorf("against %s is %+v, and bob took nothing back", id, w)
	}
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
}

// goodAgain ends the quiet time of h1.
func (r *rig) goodAgain() {
	r.t.Helper()
	r.ok(&ledger.HostGood{Pool: pool, Host: "h1", Action: drain})
}

// TestNobodyLiftsAnothersWord: who agrees and takes that back, who says something
// else, who may approve and says so by a label: bob's word is bob's.
func TestNobodyLiftsAnothersWord(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(r *rig, first remedy.CaseID){
		"nobody": func(*rig, remedy.CaseID) {},
		"agrees, takes it back": func(r *rig, first remedy.CaseID) {
			r.okAs(person("carol"), lowers(first, trust.Wrong))
			r.okAs(person("carol"), &ledger.CaseLabel{Case: first, Withdraw: true})
		},
		"agrees, then unclear": func(r *rig, first remedy.CaseID) {
			r.okAs(person("carol"), lowers(first, trust.Wrong))
			r.okAs(person("carol"), lowers(first, trust.Unclear))
		},
		"an approver's unclear": func(r *rig, first remedy.CaseID) {
			r.okAs(alice(), &ledger.CaseLabel{Case: first, Label: trust.Unclear})
		},
		"an approver's right": func(r *rig, first remedy.CaseID) {
			r.okAs(alice(), &ledger.CaseLabel{Case: first, Label: trust.Right})
		},
		"an approver's slip": func(r *rig, first remedy.CaseID) {
			r.okAs(alice(), &ledger.CaseLabel{Case: first, Label: trust.Right})
			r.pass(time.Minute)
			r.okAs(alice(), &ledger.CaseLabel{Case: first, Withdraw: true})
		},
	} {
		for _, open := range []bool{false, true} { // whether the next case is open by then
			for _, denied := range []bool{false, true} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					r := trusting(t, remedy.LevelAuto)
					var first, id remedy.CaseID
					if denied {
						first = r.falseAlarm()
					} else {
						first = r.begins("", 0)
						r.wrong(first)
						r.closed(first, remedy.OutcomeSelfRecovered)
					}
					r.goodAgain()
					if open {
						id = r.begins("bob", first)
					}
					r.pass(time.Second)
					say(r, first)
					if !open {
						id = r.begins("bob", first)
					}
					r.stands(id)
					restored(t, r.l)
				})
			}
		}
	}
}

// TestARightThatCameFirstHidesNoWord: nor does one that was there before the denial.
func TestARightThatCameFirstHidesNoWord(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), &ledger.CaseLabel{Case: first, Label: trust.Right})
	r.pass(time.Minute)
	r.okAs(bob(), &ledger.CaseAnswer{Case: first, Reason: "false-alarm", Lowers: true})
	r.goodAgain()
	r.stands(r.begins("bob", first))
}

// TestWhatAnUndoSaidStands: bob's was-fine is a word like any other, whoever agrees,
// whatever becomes of the undo, and after the case.
func TestWhatAnUndoSaidStands(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.drained("h1")
	tok := r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine })
	r.ok(&ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeFailed})
	r.okAs(person("carol"), lowers(id, trust.Wrong))
	r.okAs(person("carol"), &ledger.CaseLabel{Case: id, Withdraw: true})
	if w, is := r.l.Against(r.get(id)); !is || w.By != "bob" {
		t.Errorf("against it is %+v", w)
	}
	r.closed(id, remedy.OutcomeReturned)
	r.begins("bob", id)
}

// TestTheEndOfACaseChangesNoWord: taken back before the case ends or after it, what
// was said of the case before stands.
func TestTheEndOfACaseChangesNoWord(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{true, false} {
		for _, l := range []trust.Label{trust.Wrong, trust.Unclear} {
			r := trusting(t, remedy.LevelAuto)
			first := r.begins("", 0)
			r.wrong(first)
			r.closed(first, remedy.OutcomeSelfRecovered)
			second := r.begins("bob", first)
			r.okAs(bob(), lowers(second, l))
			if _, is := r.l.Against(r.get(second)); is != (l == trust.Wrong) {
				t.Errorf("bob says %s of %s: against it %v", l, second, is)
			}
			back := func() { r.okAs(bob(), &ledger.CaseLabel{Case: second, Withdraw: true}) }
			if before {
				back()
			}
			r.closed(second, remedy.OutcomeSelfRecovered)
			if !before {
				back()
			}
			third := r.begins("bob", first)
			r.okAs(bob(), &ledger.CaseLabel{Case: third, Withdraw: true}) // and anywhere takes back all
			r.start(third, remedy.Warden())
			r.label(first, trust.Wrong, trust.SourceRecovered) // not bob's any more
			restored(t, r.l)
		}
	}
}

// TestSaidAgainAfterTakingBack: it counts as if it were said for the first time.
func TestSaidAgainAfterTakingBack(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	id := r.begins("bob", first)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.label(first, trust.Wrong, trust.SourceRecovered)
	r.pass(time.Second)
	r.wrong(first)
	r.label(first, trust.Wrong, trust.SourcePerson)
	r.stands(id)
}

// TestAgainOnAnOlderCase: who heard a yes and says it again of whichever case binds the
// one that the yes was to.
func TestAgainOnAnOlderCase(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	second := r.begins("bob", first)
	r.wrong(second)
	r.closed(second, remedy.OutcomeSelfRecovered)
	third := r.begins("bob", second)
	r.asked(third)
	r.okAs(alice(), r.yes(third))
	r.pass(time.Second)
	r.wrong(first)
	r.stands(third)
}

// TestAMorningsWord: who reads of the night says what binds from then on.
func TestAMorningsWord(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0) // 03:11
	r.closed(first, remedy.OutcomeSelfRecovered)
	r.long(6*time.Hour + 19*time.Minute)
	r.wrong(first)
	r.long(5*time.Hour + 50*time.Minute)
	id := r.begins("bob", first)
	r.closed(id, remedy.OutcomeSelfRecovered)
	r.long(10 * time.Minute)
	r.closed(r.begins("", 0), remedy.OutcomeSelfRecovered) // no case renews it
	r.wrong(first)                                         // its speaker does
	r.begins("bob", first)
}

// TestWhatWasSaidSinceStartStands: an act ends the words that it was approved against.
func TestWhatWasSaidSinceStartStands(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ends  remedy.Outcome
		since bool // the word came after START
		want  string
	}{
		"before, done":    {remedy.OutcomeDone, false, ""},
		"before, partial": {remedy.OutcomePartial, false, ""},
		"before, failed":  {remedy.OutcomeFailed, false, "bob"}, // nothing was done
		"before, aborted": {remedy.OutcomeAborted, false, "bob"},
		"since, done":     {remedy.OutcomeDone, true, "bob"},
		"since, failed":   {remedy.OutcomeFailed, true, "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto, func(b *ledger.TrustReport) { b.Rules.Demote = trust.Demote{} })
			first := r.begins("", 0)
			r.closed(first, remedy.OutcomeSelfRecovered)
			if !c.since {
				r.wrong(first)
			}
			id := r.ok(judge("h1", remedy.LevelAuto, counted))
			if !c.since {
				r.asked(id)
				r.okAs(alice(), r.yes(id))
				r.pass(time.Second)
			}
			tok := r.start(id, remedy.Warden())
			if c.since {
				r.wrong(first) // of the case before
			}
			r.finish(id, tok, c.ends)
			if r.get(id).Open() {
				end := remedy.OutcomeReturned
				if c.ends == remedy.OutcomeAborted {
					end = remedy.OutcomeSelfRecovered
				}
				r.closed(id, end)
			}
			about := first
			if c.want == "" {
				about = 0
			}
			r.begins(c.want, about)
			restored(t, r.l)
		})
	}
}

// TestAWordAgainstABlockedCase: what guardrails hold up is no evidence, and a word
// against it keeps warden from acting once they don't. Then it is evidence.
func TestAWordAgainstABlockedCase(t *testing.T) {
	t.Parallel()
	for _, closes := range []bool{false, true} { // before the word, after it, or neither
		r := trusting(t, remedy.LevelAuto)
		b := judge("h1", remedy.LevelAuto)
		b.Decision = blocked("settle")
		id := r.ok(b)
		if closes {
			r.closed(id, remedy.OutcomeSelfRecovered)
			r.okAs(bob(), lowers(id, trust.Wrong))
			r.begins("bob", id)
			restored(t, r.l)
			continue
		}
		r.okAs(bob(), lowers(id, trust.Wrong))
		restored(t, r.l)
		r.ok(judge("h1", remedy.LevelAuto))
		r.stands(id)
		r.asked(id)
		r.label(id, trust.Wrong, trust.SourcePerson)
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
		r.label(id, trust.Unlabelled, "")
		r.ok(judge("h1", remedy.LevelAuto))
		r.start(id, remedy.Warden())
	}
}

// TestAWordOutlivesGoingBack: a state from before a word goes on with it, whether it
// has the case or not.
func TestAWordOutlivesGoingBack(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		r := trusting(t, remedy.LevelAuto)
		saved := snapshotOf(t, r.l)
		first := r.begins("", 0)
		if known {
			saved = snapshotOf(t, r.l)
		}
		r.pass(time.Minute)
		r.wrong(first)
		a := adoption(r)
		out := &rig{t: t, l: adopted(t, r.l, saved, a), now: r.now, term: r.term, index: a.Index}
		out.okAs(alice(), &ledger.FreezeLift{})
		out.ok(&ledger.PoolSize{Pool: pool, N: 20})
		id := out.ok(judge("h1", remedy.LevelAuto, counted))
		if (id == first) != known {
			t.Fatalf("%s, and the word is about %s", id, first)
		}
		out.stands(id)
		restored(t, out.l)
		if !known {
			out.closed(id, remedy.OutcomeSelfRecovered)
			out.long(7 * time.Hour)
			out.begins("", 0) // it has an end
		}
	}
}

// TestAWordIsLiftedByName: an approver lifts somebody's word, which is told, and
// nothing of the evidence changes; nobody else does, and not without a name.
func TestAWordIsLiftedByName(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.falseAlarm()
	r.goodAgain()
	id := r.begins("bob", first)
	r.asked(id)
	r.refused(ledger.RefusedPerson, person("carol"), &ledger.CaseLabel{Case: id, Withdraw: true, Of: "bob", Lowers: true})
	r.refused(ledger.RefusedNothing, alice(), &ledger.CaseLabel{Case: id, Withdraw: true, Of: "carol"})
	r.refused(ledger.RefusedBad, alice(), &ledger.CaseLabel{Case: id, Label: trust.Right, Of: "bob"})
	r.refused(ledger.RefusedNothing, alice(), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Withdraw: true, Of: "bob", Seen: r.saidBy(id, "bob"), Note: "he is on holiday"})
	if c := r.get(id); c.Ask != nil || c.Stage != remedy.StageProposed {
		t.Errorf("%s, asked %+v", c.Stage, c.Ask)
	}
	r.label(first, trust.Wrong, trust.SourceDeny)
	all := r.ofKind(ledger.NoticeLabel)
	if want := "alice lifts it: what bob said of W-1 keeps nothing from being done any more: he is on holiday"; len(all) == 0 || all[len(all)-1].Detail != want {
		t.Errorf("told %+v, want %q", all, want)
	}
	if e := r.get(id).Events; !strings.Contains(e[len(e)-2].What+e[len(e)-1].What, "what bob said of W-1 keeps nothing") {
		t.Errorf("%+v", e)
	}
	r.pass(time.Second)
	r.wrong(first) // bob says it again
	r.stands(id)
	restored(t, r.l)
}

// TestOnesOwnOldestWordEnds: of one person eight words are kept on a host and action,
// and nobody else's goes for them.
func TestOnesOwnOldestWordEnds(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	var ids []remedy.CaseID
	for i := range 12 {
		id := r.ok(judge("h1", remedy.LevelAuto, counted))
		if i == 0 {
			r.okAs(person("carol"), lowers(id, trust.Wrong))
		}
		r.wrong(id)
		r.pass(time.Second)
		r.closed(id, remedy.OutcomeSelfRecovered)
		ids = append(ids, id)
	}
	id := r.begins("bob", ids[11])
	for i := 11; i >= 4; i-- {
		r.stands(id)
		r.okAs(bob(), &ledger.CaseLabel{Case: ids[i], Withdraw: true})
	}
	if w, is := r.l.Against(r.get(id)); !is || w.By != "carol" || w.About != ids[0] {
		t.Errorf("against it is %+v", w)
	}
}

// TestNobodySawTheFuture: who says to have seen causes that are not there yet is not
// believed, or the next would be lifted before it was shown.
func TestNobodySawTheFuture(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	r.wrong(r.drained("h1"))
	r.refused(ledger.RefusedBad, alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "x", Seen: r.now.Add(time.Minute)})
	r.demoted(trust.WhyWrong, remedy.LevelConfirm)
	r.ok(&ledger.BreakerTrip{Pool: pool, Guarantee: ledger.GuaranteeOnTime, Detail: "x"})
	r.refused(ledger.RefusedBad, alice(), &ledger.BreakerReset{Pool: pool, Comment: "x", Seen: r.now.Add(time.Minute)})
}
