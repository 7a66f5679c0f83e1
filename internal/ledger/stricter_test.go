package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestMorePeopleThanWereAsked: a file that wants two people binds a question that
// is out, answered or not; who said yes already is one of them.
func TestMorePeopleThanWereAsked(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{false, true} {
		r := newRig(t, at(remedy.LevelConfirm))
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "fran-adm", "kim"), func(b *ledger.CaseJudge) {
			b.Ask.Aliases = []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}}
		}))
		if answered {
			r.okAs(person("fran"), r.yes(id))
		}
		asked := len(r.ofKind(ledger.NoticeQuestion))
		r.wants(2, 0)
		if n := len(r.ofKind(ledger.NoticeQuestion)); n != asked+1 {
			t.Errorf("people were asked %d times more", n-asked)
		}
		if !answered {
			r.okAs(person("fran"), r.yes(id))
		}
		res := r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		if !strings.Contains(res.Reason, "1 of 2") {
			t.Errorf("it says %q", res.Reason)
		}
		r.refused(ledger.RefusedDecided, person("fran"), r.yes(id))
		r.refused(ledger.RefusedDecided, person("fran-adm"), r.yes(id))
		restored(t, r.l)
		r.wants(0, 0) // what was asked for is not taken back
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		r.okAs(person("kim"), r.yes(id))
		r.start(id, remedy.Warden())
		if by := r.get(id).Execution().By.Name; by != "fran and kim" {
			t.Errorf("it started by %s", by)
		}
	}
}

// TestMorePeopleWhileItStarts: a start that is called off waits for those whom the
// file wanted meanwhile.
func TestMorePeopleWhileItStarts(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "kim")))
	r.okAs(person("fran"), r.yes(id))
	tok := r.start(id, remedy.Warden())
	r.wants(2, 0)
	r.finish(id, tok, remedy.OutcomeAborted)
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.okAs(person("kim"), r.yes(id))
	r.start(id, remedy.Warden())
}

// TestMorePeopleForARunByHand: who asked for it is one of them still.
func TestMorePeopleForARunByHand(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	r.wants(2, 0)
	p := plan("h1")
	id := r.okAs(person("fran"), &ledger.ManualOpen{
		Pool: pool, Host: "h1", Action: drain, Reason: "work", Plan: *p, Decision: *decision(remedy.LevelAuto),
		Ask: &ledger.Ask{PlanHash: p.Hash(), Approvers: []string{"fran", "kim", "sam"}, ExpiresAt: r.now.Add(time.Hour)},
	})
	r.okAs(person("kim"), r.yes(id))
	r.wants(3, 0)
	r.refused(ledger.RefusedApproval, person("fran"), r.starting(id, manual))
	r.refused(ledger.RefusedPerson, person("fran"), r.yes(id))
	r.okAs(person("sam"), r.yes(id))
	r.start(id, person("fran"), manual)
}

// TestLongerThanWasAnnounced: people have the time that the file gives them now,
// counted from when they were told.
func TestLongerThanWasAnnounced(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{false, true} {
		r := newRig(t, at(remedy.LevelAuto))
		id := r.ok(judge("h1", remedy.LevelAuto, announced)) // for 5 minutes
		deliver := func() { r.ok(&ledger.NoticeReceipt{Upto: r.get(id).Veto.Notice}) }
		if told {
			deliver()
			r.pass(4 * time.Minute)
		}
		r.wants(0, 10*time.Minute)
		if !told {
			deliver()
			r.pass(4 * time.Minute)
		}
		r.pass(2 * time.Minute)
		res := r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		if !strings.Contains(res.Reason, "people may say no") {
			t.Errorf("it says %q", res.Reason)
		}
		restored(t, r.l)
		r.pass(4*time.Minute - time.Second)
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		r.pass(time.Second)
		r.start(id, remedy.Warden())
	}
}

// TestMorePeopleThanMayAnswer: a question that those who were asked can't answer any
// more so that it counts is taken back at once, and doesn't wait for its end.
func TestMorePeopleThanMayAnswer(t *testing.T) {
	t.Parallel()
	for _, answered := range []bool{false, true} {
		r := newRig(t, at(remedy.LevelConfirm))
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "fran-adm"), func(b *ledger.CaseJudge) {
			b.Ask.Aliases = []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}}
		}))
		other := r.ok(judge("h2", remedy.LevelConfirm, r.asks("fran", "@oncall")))
		if answered {
			r.okAs(person("fran"), r.yes(id))
		}
		r.wants(2, 0)
		all := r.ofKind(ledger.NoticePutOff)
		if c := r.get(id); c.Ask != nil || c.Answer != nil || c.Stage != remedy.StageProposed ||
			len(all) != 1 || all[0].Case != id || all[0].Detail != "2 different people have to say yes now, and 1 of those who were asked may (the file of n1-aaaa wants 2)" {
			t.Errorf("answered %v: %s, %+v, told %+v", answered, c.Stage, c.Ask, all)
		}
		if c := r.get(other); c.Ask == nil || c.Ask.Needed != 2 {
			t.Errorf("who is in a group is known when they come: %+v", c.Ask)
		}
		r.refused(ledger.RefusedLevel, remedy.Warden(), r.starting(id))
		r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "kim")))
		r.okAs(person("fran"), r.yes(id))
		r.okAs(person("kim"), r.yes(id))
		r.start(id, remedy.Warden())
		restored(t, r.l)
	}
}
