package ledger_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func person(name string) remedy.Actor { return remedy.Actor{Name: name, Via: "cli", Person: true} }

// wants has the rig's voter want so many people, and an announcement.
func (r *rig) wants(approvals int, announce time.Duration) {
	r.t.Helper()
	r.ok(&ledger.TrustReport{Node: n1, Rungs: []ledger.TrustRung{{Action: drain, Pool: pool, Approvals: approvals, AnnounceFor: announce}}})
}

func (r *rig) yes(id remedy.CaseID) *ledger.CaseAnswer {
	r.t.Helper()
	return &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash}
}

func announced(b *ledger.CaseJudge) {
	b.Announce = &ledger.Announcement{PlanHash: b.Plan.Hash(), For: 5 * time.Minute, Within: 20 * time.Minute}
}

// Two people means two people: the same one twice, or one with two users, is
// one, and START counts again.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	r.wants(2, 0)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "fran-adm", "kim", "sam"), func(b *ledger.CaseJudge) {
		b.Ask.Aliases = []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}}
	}))
	if n := r.get(id).Ask.Needed; n != 2 {
		t.Fatalf("the question needs %d, and the voters' configs say 2", n)
	}
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.okAs(person("fran"), r.yes(id))
	if c := r.stage(id, remedy.StageWaiting, ""); c.Answer != nil || len(c.Approved()) != 1 {
		t.Errorf("after one: %+v %+v", c.Answer, c.Approvals)
	}
	r.refused(ledger.RefusedDecided, person("fran"), r.yes(id))
	r.refused(ledger.RefusedDecided, person("fran-adm"), r.yes(id))
	r.refused(ledger.RefusedPerson, person("eve"), r.yes(id))
	r.refused(ledger.RefusedApproval, person("kim"), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: "other"})
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.pass(4 * time.Second)
	r.okAs(person("kim"), r.yes(id))
	r.refused(ledger.RefusedDecided, person("sam"), r.yes(id))
	r.start(id, remedy.Warden())
	if by := r.get(id).Execution().By; by.Name != "fran and kim" || !by.Person || by.Via != "cli" {
		t.Errorf("it started by %+v", by)
	}
	if n := len(r.ofKind(ledger.NoticeAnswered)); n != 2 {
		t.Errorf("%d answers were told", n)
	}
}

// One no ends it, and the expiry is of the whole question.
func TestTwoPeopleOneNoAndExpiry(t *testing.T) {
	t.Parallel()
	for _, deny := range []bool{true, false} {
		r := newRig(t, at(remedy.LevelConfirm))
		r.wants(2, 0)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "kim")))
		r.okAs(person("fran"), r.yes(id))
		if deny {
			r.okAs(person("eve"), &ledger.CaseAnswer{Case: id, Reason: "not-now"})
			r.stage(id, remedy.StageClosed, remedy.OutcomeDenied)
			continue
		}
		r.pass(30 * time.Minute)
		r.refused(ledger.RefusedExpired, person("kim"), r.yes(id))
		r.ok(&ledger.CaseExpire{Case: id})
		if c := r.stage(id, remedy.StageClosed, remedy.OutcomeExpired); c.Note != "1 of 2 approved" {
			t.Errorf("note %q", c.Note)
		}
	}
}

// A run by hand of such an action is a question to others, and whoever asked
// for it is no approver of it.
func TestRunByHandNeedsAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	r.wants(2, 0)
	open := &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "work", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)}
	r.refused(ledger.RefusedApproval, person("sam"), open)
	open.Ask = &ledger.Ask{PlanHash: "other", Approvers: []string{"sam", "kim"}, ExpiresAt: r.now.Add(time.Hour)}
	r.refused(ledger.RefusedBad, person("sam"), open)
	open.Ask.PlanHash = plan("h1").Hash()
	id := r.okAs(person("sam"), open)
	if c := r.stage(id, remedy.StageWaiting, ""); !slices.Equal(c.AskedOf(), []string{"kim"}) {
		t.Errorf("asked are %v", c.AskedOf())
	}
	r.refused(ledger.RefusedApproval, person("sam"), r.starting(id, manual))
	if res := r.refused(ledger.RefusedPerson, person("sam"), r.yes(id)); strings.HasSuffix(res.Reason, "sam") || !strings.HasSuffix(res.Reason, "one of kim") {
		t.Error(res.Reason)
	}
	r.refused(ledger.RefusedStage, person("kim"), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Hour)})
	r.okAs(person("kim"), r.yes(id))
	r.refused(ledger.RefusedVerdict, remedy.Warden(), r.starting(id)) // no detector starts it
	r.start(id, remedy.Warden(), manual)
	if by := r.get(id).Execution().By.Name; by != "sam and kim" {
		t.Errorf("it started by %s", by)
	}
}

// Nobody is asked under another of the names of whoever asked for it.
func TestRequesterIsNotAsked(t *testing.T) {
	t.Parallel()
	ask := ledger.Ask{
		ByHand: true, Approvers: []string{"sam", "sroot", "kim", "@ops"},
		Aliases: []remedy.Alias{{Person: "sam", Unix: []string{"sam", "sroot"}}},
		Who:     []remedy.Approver{{Match: "sam", Person: "sam"}, {Match: "sroot", Person: "sam"}, {Match: "kim", Role: "oncall"}, {Match: "@ops"}},
	}
	plain := ask
	plain.Who = nil
	question := ask
	question.ByHand = false
	for _, tt := range []struct {
		ask  *ledger.Ask
		want []string
	}{
		{&ask, []string{"kim (oncall)", "@ops"}},
		{&plain, []string{"kim", "@ops"}},
		{&question, []string{"sam", "sroot (sam)", "kim (oncall)", "@ops"}},
		{&ledger.Ask{ByHand: true, Approvers: []string{"sam"}, Who: []remedy.Approver{{Match: "sam"}}}, nil},
		{nil, nil},
	} {
		c := ledger.Case{Ask: tt.ask, Manual: &ledger.ManualRun{By: person("sam")}}
		if got := c.AskedOf(); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: asked are %v, want %v", tt.ask, got, tt.want)
		}
	}
}

// A manual run that was opened by a build, or a config, that wanted one person
// starts nothing once a voter wants two.
func TestRunByHandBeforeTheReport(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.okAs(person("sam"), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "work", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
	r.wants(2, 0)
	r.refused(ledger.RefusedApproval, person("sam"), r.starting(id, manual))
}

// A snooze takes the question back, starts nothing while it lasts whatever the
// level, and is asked afresh after it.
func TestSnooze(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran")))
	until := r.now.Add(30 * time.Minute)
	snooze := &ledger.CaseSnooze{Case: id, Until: until, Reason: "deploy"}
	r.refused(ledger.RefusedPerson, remedy.Warden(), snooze)
	r.refused(ledger.RefusedNoCase, bob(), &ledger.CaseSnooze{Case: 99, Until: until})
	r.refused(ledger.RefusedBad, bob(), &ledger.CaseSnooze{Case: id, Until: r.now})
	r.refused(ledger.RefusedBad, bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(ledger.MaxSnooze + time.Second)})
	r.okAs(bob(), snooze)
	if c := r.stage(id, remedy.StageProposed, ""); c.Ask != nil || c.Snooze == nil || !c.Snooze.Until.Equal(until) {
		t.Errorf("%+v %+v", c.Ask, c.Snooze)
	}
	r.refused(ledger.RefusedDecided, bob(), snooze)
	r.refused(ledger.RefusedStage, person("fran"), r.yes(id))
	r.pass(time.Minute)
	r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran")))
	r.stage(id, remedy.StageProposed, "") // not before its time
	r.ok(judge("h1", remedy.LevelAuto))
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id)) // nor by itself
	r.ok(judge("h1", remedy.LevelAuto, announced))
	r.stage(id, remedy.StageProposed, "") // nor is it announced
	r.pass(29 * time.Minute)
	r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran")))
	if c := r.stage(id, remedy.StageWaiting, ""); c.Snooze != nil || !c.Ask.AskedAt.Equal(r.now) {
		t.Errorf("asked again: %+v %+v", c.Snooze, c.Ask)
	}
	r.okAs(person("fran"), r.yes(id))
	r.refused(ledger.RefusedDecided, bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Hour)})
	if n := len(r.ofKind(ledger.NoticePutOff)); n != 1 {
		t.Errorf("%d notices say that it was put off", n)
	}
}

// The window opens with the receipt that covers the announcement, and START
// isn't admitted before its end, nor long after it.
func TestVetoWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wants(0, 3*time.Minute)
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id)) // not announced
	r.ok(judge("h1", remedy.LevelAuto, announced))
	c := r.stage(id, remedy.StageWaiting, "")
	r.pass(10 * time.Minute)
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id)) // nobody heard it
	r.ok(&ledger.NoticeReceipt{Upto: c.Veto.Notice - 1})
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.ok(&ledger.NoticeReceipt{Upto: c.Veto.Notice})
	delivered := r.now
	c = r.get(id)
	if !c.Veto.DeliveredAt.Equal(delivered) || !c.Veto.EndsAt.Equal(delivered.Add(5*time.Minute)) {
		t.Fatalf("%+v", c.Veto)
	}
	r.refused(ledger.RefusedStage, alice(), r.yes(id))
	r.refused(ledger.RefusedBad, alice(), &ledger.CaseSnooze{Case: id, Until: r.now})
	r.pass(5*time.Minute - time.Millisecond)
	r.ok(&ledger.NoticeReceipt{Upto: c.Veto.Notice + 10}) // a second receipt begins nothing anew
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.pass(time.Millisecond)
	r.ok(&ledger.FreezeSet{Reason: "x"})
	r.refused(ledger.RefusedFrozen, remedy.Warden(), r.starting(id))
	r.okAs(alice(), &ledger.FreezeLift{})
	r.start(id, remedy.Warden())
}

// Whatever stops a case stops one that is announced: anybody's no, a cancel, a
// level that fell, and time.
func TestVetoEnds(t *testing.T) {
	t.Parallel()
	announce := func(t *testing.T) (*rig, remedy.CaseID) {
		t.Helper()
		r := newRig(t)
		id := r.ok(judge("h1", remedy.LevelAuto, announced))
		return r, id
	}
	tell := func(r *rig, id remedy.CaseID) { r.ok(&ledger.NoticeReceipt{Upto: r.get(id).Veto.Notice}) }
	for name, f := range map[string]func(r *rig, id remedy.CaseID){
		"no before delivery": func(r *rig, id remedy.CaseID) {
			r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "false-alarm"})
			r.stage(id, remedy.StageClosed, remedy.OutcomeDenied)
		},
		"no in the window": func(r *rig, id remedy.CaseID) {
			tell(r, id)
			r.pass(time.Minute)
			r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "false-alarm", QuietFor: time.Hour})
			r.stage(id, remedy.StageClosed, remedy.OutcomeDenied)
			if q := r.facts().Quiet; q == nil || q.Why != "denied by bob" {
				r.t.Errorf("quiet: %+v", q)
			}
		},
		"cancel": func(r *rig, id remedy.CaseID) {
			tell(r, id)
			r.okAs(bob(), &ledger.CaseCancel{Case: id})
			r.stage(id, remedy.StageClosed, remedy.OutcomeCancelled)
		},
		"the level fell": func(r *rig, id remedy.CaseID) {
			tell(r, id)
			r.pass(5 * time.Minute)
			r.ok(report(n1, setup{level: remedy.LevelConfirm, limits: roomy()}))
			r.refused(ledger.RefusedLevel, remedy.Warden(), r.starting(id))
			r.ok(&ledger.CaseReconsider{Case: id, Why: "the level fell"})
			r.stage(id, remedy.StageProposed, "")
			if n := len(r.ofKind(ledger.NoticePutOff)); n != 1 {
				r.t.Errorf("%d notices take back what was told", n)
			}
		},
		"too late": func(r *rig, id remedy.CaseID) {
			tell(r, id)
			r.pass(25 * time.Minute)
			r.refused(ledger.RefusedExpired, remedy.Warden(), r.starting(id))
			r.ok(&ledger.CaseReconsider{Case: id, Why: "too late"})
			r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseReconsider{Case: id, Why: "again"})
		},
		"undelivered": func(r *rig, id remedy.CaseID) {
			r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseReconsider{Case: id, Undelivered: true})
			r.pass(20 * time.Minute)
			r.ok(&ledger.CaseReconsider{Case: id, Undelivered: true, Why: "nobody could be told"})
			r.ok(judge("h1", remedy.LevelAuto, announced))
			r.stage(id, remedy.StageProposed, "") // it isn't announced again
			r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
			r.ok(judge("h1", remedy.LevelAuto, r.asks("alice")))
			r.stage(id, remedy.StageWaiting, "")
			r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
			r.okAs(alice(), r.yes(id))
			r.start(id, remedy.Warden())
		},
		"another plan": func(r *rig, id remedy.CaseID) {
			tell(r, id)
			r.pass(5 * time.Minute)
			r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id, func(b *ledger.ExecStart) { b.PlanHash = "other" }))
		},
		"a person runs it": func(r *rig, id remedy.CaseID) {
			tell(r, id)
			r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "now", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
			r.start(id, alice(), manual)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, id := announce(t)
			f(r, id)
		})
	}
}

// A notice that was dropped because too many waited was told to nobody: a
// receipt beyond it begins no window.
func TestDroppedAnnouncementBeginsNoWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto, announced))
	for i := range 1000 {
		r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: fmt.Sprint(i)})
	}
	r.ok(&ledger.NoticeReceipt{Upto: 5000})
	if v := r.get(id).Veto; v == nil || !v.DeliveredAt.IsZero() {
		t.Errorf("%+v", v)
	}
}

// An execution that was called off keeps the announcement, as it keeps an
// approval.
func TestAbortedKeepsTheAnnouncement(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto, announced))
	r.ok(&ledger.NoticeReceipt{Upto: r.get(id).Veto.Notice})
	r.pass(5 * time.Minute)
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeAborted)
	r.stage(id, remedy.StageWaiting, remedy.OutcomeAborted)
	r.start(id, remedy.Warden())
}

// What came with version 3 makes an entry of version 3, and nothing else does.
func TestVersionOfQuestions(t *testing.T) {
	t.Parallel()
	ask := func(f func(*ledger.Ask)) ledger.Body {
		b := judge("h1", remedy.LevelConfirm)
		b.Ask = &ledger.Ask{PlanHash: b.Plan.Hash(), Approvers: []string{"alice"}}
		f(b.Ask)
		return b
	}
	for i, x := range []struct {
		body ledger.Body
		want int
	}{
		{ask(func(*ledger.Ask) {}), 1},
		{ask(func(a *ledger.Ask) { a.Needed = 2 }), 3},
		{ask(func(a *ledger.Ask) { a.Who = []remedy.Approver{{Match: "alice"}} }), 3},
		{ask(func(a *ledger.Ask) { a.Mention = remedy.MentionNobody }), 3},
		{ask(func(a *ledger.Ask) { a.Changes = []string{"x"} }), 3},
		{judge("h1", remedy.LevelAuto), 1},
		{judge("h1", remedy.LevelAuto, announced), 3},
		{judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) { b.Unasked = &ledger.Unasked{} }), 3},
		{&ledger.ManualOpen{}, 1},
		{&ledger.ManualOpen{Ask: &ledger.Ask{}}, 3},
		{&ledger.CaseSnooze{}, 3},
		{&ledger.CaseReconsider{}, 3},
	} {
		e, err := ledger.NewEntry(t0(), remedy.Warden(), n1, x.body)
		if err != nil || e.V != x.want {
			t.Errorf("%d (%T): version %d, want %d (%v)", i, x.body, e.V, x.want, err)
		}
	}
}

// Whoever answers at the same instant on two nodes: the log has one order, and
// one answer decides.
func TestTwoAnswersAtOnce(t *testing.T) {
	t.Parallel()
	for _, firstYes := range []bool{true, false} {
		r := newRig(t, at(remedy.LevelConfirm))
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "kim")))
		a, b := r.yes(id), &ledger.CaseAnswer{Case: id, Reason: "other"}
		bodies := []ledger.Body{a, b}
		if !firstYes {
			slices.Reverse(bodies)
		}
		r.okAs(person("fran"), bodies[0])
		r.refused(ledger.RefusedDecided, person("kim"), bodies[1])
		if c := r.get(id); c.Answer.By.Name != "fran" || c.Answer.Approve != firstYes {
			t.Errorf("%+v", c.Answer)
		}
	}
}

// What waits survives a snapshot: the state that goes on from it is the same.
func TestAsksSurviveASnapshot(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wants(2, time.Minute)
	one := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "kim")))
	r.okAs(person("fran"), r.yes(one))
	two := r.ok(judge("h2", remedy.LevelAuto, announced))
	three := r.ok(judge("h3", remedy.LevelConfirm, r.asks("fran", "kim")))
	r.okAs(bob(), &ledger.CaseSnooze{Case: three, Until: r.now.Add(time.Hour)})
	again := ledger.New()
	if err := again.Restore(bytes.NewReader(snapshotOf(t, r.l))); err != nil {
		t.Fatal(err)
	}
	if hashOf(t, again) != hashOf(t, r.l) {
		t.Fatal("another state")
	}
	r.l = again
	r.okAs(person("kim"), r.yes(one))
	r.start(one, remedy.Warden())
	r.ok(&ledger.NoticeReceipt{Upto: r.get(two).Veto.Notice})
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(two))
}
