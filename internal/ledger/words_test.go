package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

func lowers(id remedy.CaseID, l trust.Label) *ledger.CaseLabel {
	return &ledger.CaseLabel{Case: id, Label: l, Lowers: true}
}

// A: a carried word is ended by anybody's label on the first case.
func TestWordCarriedWordEndedByAnybody(t *testing.T) {
	for _, l := range []trust.Label{trust.Wrong, trust.Unclear} {
		t.Run(l.String(), func(t *testing.T) {
			r := trusting(t, remedy.LevelAuto)
			first := r.begins("", 0)
			r.okAs(bob(), lowers(first, trust.Wrong))
			r.closed(first, remedy.OutcomeSelfRecovered)
			r.long(5 * time.Hour)
			second := r.begins("bob", first)
			r.closed(second, remedy.OutcomeSelfRecovered)
			r.long(30 * time.Minute)
			third := r.begins("bob", first)
			r.asked(third)
			r.okAs(person("carol"), lowers(first, l))
			said, is := r.l.Against(r.get(third))
			c := r.get(third)
			t.Logf("against %v %+v; stage %s ask %v; putoff %+v", is, said, c.Stage, c.Ask != nil, r.ofKind(ledger.NoticePutOff))
			r.ok(judge("h1", remedy.LevelAuto))
			res := r.as(remedy.Warden(), r.starting(third)).Results[0]
			if res.OK {
				t.Errorf("START at auto admitted; nobody took bob's word back, nobody said yes")
			}
		})
	}
}

// A2: one case, quiet lifted by HostGood.
func TestWordQuietWordEndedByAnybody(t *testing.T) {
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.okAs(bob(), lowers(first, trust.Wrong))
	r.asked(first)
	r.long(time.Hour)
	r.ok(&ledger.CaseExpire{Case: first, QuietFor: 6 * time.Hour})
	r.ok(&ledger.HostGood{Pool: pool, Host: "h1", Action: drain})
	r.long(7 * time.Hour)
	second := r.begins("bob", first)
	r.okAs(person("carol"), lowers(first, trust.Wrong))
	if _, is := r.l.Against(r.get(second)); !is {
		t.Errorf("carol's wrong lifted bob's wrong")
	}
	r.ok(judge("h1", remedy.LevelAuto))
	if res := r.as(remedy.Warden(), r.starting(second)).Results[0]; res.OK {
		t.Errorf("START admitted")
	}
}

// B: a word said again on the case before, after a yes on the next, is dropped.
func TestWordRepeatOnEarlier(t *testing.T) {
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	id := r.begins("bob", first)
	r.asked(id)
	r.okAs(alice(), r.yes(id))
	r.pass(time.Second)
	r.wrong(first)
	if _, is := r.l.Against(r.get(id)); !is {
		t.Errorf("bob's repeated wrong was dropped")
	}
	if res := r.as(remedy.Warden(), r.starting(id)).Results[0]; res.OK {
		t.Errorf("START admitted after bob's second word")
	}
}

// C: a word taken back comes back when a third person labels the first case.
func TestWordTakenBackComesBack(t *testing.T) {
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	id := r.begins("bob", first)
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	if _, is := r.l.Against(r.get(id)); is {
		t.Fatal("not taken back")
	}
	r.okAs(person("carol"), lowers(first, trust.Unclear))
	if said, is := r.l.Against(r.get(id)); is {
		t.Errorf("came back: %+v", said)
	}
}

// D: an own question turned into an act by wrong + withdraw of a non-approver.
func TestWordOwnQuestionTakenBack(t *testing.T) {
	r := trusting(t, remedy.LevelConfirm)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.stage(id, remedy.StageWaiting, "")
	r.ok(raised())
	r.stage(id, remedy.StageWaiting, "")
	r.okAs(bob(), lowers(id, trust.Wrong))
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	if c := r.get(id); c.Ask == nil {
		t.Errorf("the question asked at confirm was taken back by a non-approver: %s", c.Stage)
		r.ok(judge("h1", remedy.LevelAuto))
		if res := r.as(remedy.Warden(), r.starting(id)).Results[0]; res.OK {
			t.Errorf("and START at auto is admitted")
		}
	}
}

// E: stayed bad right after a question is put off.
func TestWordStayedAfterSnooze(t *testing.T) {
	r := trusting(t, remedy.LevelConfirm)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"), func(b *ledger.CaseJudge) { b.Ask.ExpiresAt = r.now.Add(20 * time.Hour) }))
	r.long(6 * time.Hour)
	r.okAs(bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Minute)})
	if got := r.l.Unstayed(r.now); len(got) != 0 {
		t.Errorf("%v stayed bad in 6h in which nobody looked", got)
	}
	if res := r.as(remedy.Warden(), &ledger.CaseStayed{Case: id}).Results[0]; res.OK {
		s, _ := r.sample(id)
		t.Errorf("label %s", s.Label())
	}
}

// F: own word on the second, taken back, ends the one on the first.
func TestWordSpokeWithdrawn(t *testing.T) {
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	id := r.begins("bob", first)
	r.okAs(bob(), lowers(id, trust.Unclear))
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	s, _ := r.sample(first)
	if _, is := r.l.Against(r.get(id)); !is {
		t.Errorf("bob's wrong on %s stands (%s), and %s is free", first, s.Label(), id)
	}
}

// The message names nobody who took nothing back.
func TestWordWhoTookBack(t *testing.T) {
	r := trusting(t, remedy.LevelAuto)
	first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(bob(), &ledger.CaseAnswer{Case: first, Reason: "false-alarm", Lowers: true})
	r.long(time.Hour)
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	r.asked(id)
	r.okAs(alice(), &ledger.CaseLabel{Case: first, Label: trust.Unclear})
	for _, n := range r.ofKind(ledger.NoticePutOff) {
		if strings.Contains(n.Detail, "bob") {
			t.Errorf("told: %s", n.Detail)
		}
	}
}

func raised() ledger.Body {
	s := setup{level: remedy.LevelAuto, limits: roomy(), n: 20, cooldown: 6 * time.Hour}
	b := report(n1, s)
	return b
}

// I: hours of an unknown execution that turns out to have done nothing.
func TestWordStayedAfterUnknown(t *testing.T) {
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	tok := r.start(id, remedy.Warden())
	r.ok(&ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeUnknown})
	r.long(5 * time.Hour)
	res := r.as(remedy.Warden(), &ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeAborted}).Results[0]
	t.Logf("%+v %s", res, r.get(id).Stage)
	if got := r.l.Unstayed(r.now); len(got) != 0 {
		t.Errorf("%v stayed bad in 5h in which nobody looked", got)
	}
}
