package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// begins opens a case on h1 at auto, and checks whose word it begins with.
func (r *rig) begins(want string, about remedy.CaseID) remedy.CaseID {
	r.t.Helper()
	if f := r.facts(); (f.Against != nil) != (want != "") || f.Against != nil && (f.Against.By != want || f.Against.About != about) {
		r.t.Errorf("before it is opened: %+v, want %q about %s", f.Against, want, about)
	}
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	said, is := r.l.Against(r.get(id))
	if is != (want != "") || said.By != want || is && said.About != about {
		r.t.Errorf("%s begins with %+v, want %q about %s", id, said, want, about)
	}
	told := slices.ContainsFunc(r.get(id).Events, func(e ledger.Event) bool {
		return strings.Contains(e.What, want+" says that the detector is wrong about "+about.String())
	})
	if told != (want != "") {
		r.t.Errorf("%+v", r.get(id).Events)
	}
	if want != "" {
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	}
	return id
}

func (r *rig) wrong(id remedy.CaseID) {
	r.t.Helper()
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
}

func (r *rig) closed(id remedy.CaseID, o remedy.Outcome) {
	r.ok(&ledger.CaseClose{Case: id, Outcome: o})
}

// asked has a case at auto ask alice, for the word against it.
func (r *rig) asked(id remedy.CaseID) {
	r.t.Helper()
	r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"), func(b *ledger.CaseJudge) {
		b.Decision.Effective = remedy.LevelAuto
		b.Decision.Answers = append(b.Decision.Answers, remedy.Answer{Guardrail: "demoted", Effect: remedy.EffectCap, Cap: remedy.LevelConfirm})
	}))
	r.stage(id, remedy.StageWaiting, "")
	r.pass(time.Second)
}

// TestAWordOutlivesItsCase: however a case ends on which nothing was done, the next
// one of its host and action begins with the word, and acts by nobody's but an
// approver's.
func TestAWordOutlivesItsCase(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*rig, remedy.CaseID){
		"recovered":  func(r *rig, id remedy.CaseID) { r.closed(id, remedy.OutcomeSelfRecovered) },
		"superseded": func(r *rig, id remedy.CaseID) { r.closed(id, remedy.OutcomeSuperseded) },
		"no data":    func(r *rig, id remedy.CaseID) { r.closed(id, remedy.OutcomeNoData) },
		"expired": func(r *rig, id remedy.CaseID) {
			r.asked(id)
			r.long(3 * time.Hour)
			r.ok(&ledger.CaseExpire{Case: id, QuietFor: 6 * time.Hour})
			r.long(6 * time.Hour)
		},
		"stale, approved": func(r *rig, id remedy.CaseID) {
			r.asked(id)
			r.okAs(alice(), r.yes(id))
			tok := r.start(id, remedy.Warden())
			r.ok(&ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeAborted, Stale: true})
		},
		"denied": func(r *rig, id remedy.CaseID) {
			r.asked(id)
			r.okAs(alice(), &ledger.CaseAnswer{Case: id, Reason: "not-now"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			first := r.begins("", 0)
			r.wrong(first)
			end(r, first)
			restored(t, r.l)
			r.ok(&ledger.HostGood{Pool: pool, Host: "h1", Action: drain}) // lifts nothing
			id := r.begins("bob", first)
			r.closed(id, remedy.OutcomeSelfRecovered) // nobody said anything
			id = r.begins("bob", first)
			r.long(10 * time.Hour) // as long as the case is open, it stands
			r.asked(id)
			r.okAs(alice(), r.yes(id))
			r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeFailed)
			r.long(7 * time.Hour)
			r.begins("", 0) // alice said yes, and it was done
			restored(t, r.l)
		})
	}
}

// TestAWordEndsWithItsSpeaker: who takes it back, or says otherwise, on the case of
// which it was said or on the one that began with it, ends it.
func TestAWordEndsWithItsSpeaker(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(first, second remedy.CaseID) *ledger.CaseLabel{
		"withdrawn there": func(first, _ remedy.CaseID) *ledger.CaseLabel { return &ledger.CaseLabel{Case: first, Withdraw: true} },
		"withdrawn here": func(_, second remedy.CaseID) *ledger.CaseLabel {
			return &ledger.CaseLabel{Case: second, Withdraw: true}
		},
		"unclear there": func(first, _ remedy.CaseID) *ledger.CaseLabel {
			return &ledger.CaseLabel{Case: first, Label: trust.Unclear}
		},
		"right here": func(_, second remedy.CaseID) *ledger.CaseLabel {
			return &ledger.CaseLabel{Case: second, Label: trust.Right}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			first := r.begins("", 0)
			r.wrong(first)
			r.closed(first, remedy.OutcomeSelfRecovered)
			id := r.begins("bob", first)
			r.asked(id)
			told := len(r.ofKind(ledger.NoticePutOff))
			r.okAs(bob(), take(first, id))
			if said, is := r.l.Against(r.get(id)); is {
				t.Errorf("still against it: %+v", said)
			}
			if c, all := r.get(id), r.ofKind(ledger.NoticePutOff); c.Ask != nil || c.Stage != remedy.StageProposed || len(all) != told+1 || !strings.Contains(all[told].Detail, "nobody's word that the detector is wrong about W-1 stands any more") {
				t.Errorf("%s, %+v, told %+v", c.Stage, c.Ask, all)
			}
			r.ok(judge("h1", remedy.LevelAuto))
			r.start(id, remedy.Warden())
			restored(t, r.l)
		})
	}
}

// TestAWordOutlivesForAWhile: a word ends by itself some time after it was said and its
// case was over, however many cases there were since; those that are open by then keep it.
func TestAWordOutlivesForAWhile(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	for range 3 {
		r.long(time.Hour)
		r.closed(r.begins("bob", first), remedy.OutcomeSelfRecovered)
	}
	r.long(2*time.Hour + 59*time.Minute)
	last := r.begins("bob", first)
	r.long(10 * time.Hour)
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(last))
	r.closed(last, remedy.OutcomeSelfRecovered)
	second := r.begins("", 0)
	r.closed(second, remedy.OutcomeSelfRecovered)
	r.wrong(second)
	r.begins("bob", second)
	restored(t, r.l)
}

// TestALateWordVoidsTheNextYes: what is said of a case that ended binds the one that
// came after it.
func TestALateWordVoidsTheNextYes(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.closed(first, remedy.OutcomeSelfRecovered)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), r.yes(id))
	r.pass(time.Second)
	r.wrong(first)
	if c, all := r.get(id), r.ofKind(ledger.NoticeLabel); c.Answer != nil || c.Ask == nil || len(all) != 1 || !strings.Contains(all[0].Detail, "the yes of alice counts no more") {
		t.Errorf("%+v, told %+v", c.Answer, all)
	}
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
}

// TestTheFirstWordIsTold: who is asked, or may still say no, hears that somebody says
// that the detector is wrong; once.
func TestTheFirstWordIsTold(t *testing.T) {
	t.Parallel()
	for name, waits := range map[string]func(*rig) remedy.CaseID{
		"question": func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"))) },
		"announcement": func(r *rig) remedy.CaseID {
			r.wants(0, time.Minute)
			return r.ok(judge("h1", remedy.LevelAuto, announced))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			id := waits(r)
			r.pass(time.Second)
			r.wrong(id)
			r.wrong(id)
			if all := r.ofKind(ledger.NoticeLabel); len(all) != 1 || all[0].Case != id || !strings.Contains(all[0].Detail, "bob says wrong") {
				t.Errorf("told %+v", all)
			}
		})
	}
}

// TestAQuestionOfItsOwnStays: what is asked for another reason is asked still when a
// word is taken back.
func TestAQuestionOfItsOwnStays(t *testing.T) {
	t.Parallel()
	for _, l := range []remedy.Level{remedy.LevelConfirm, remedy.LevelAuto} {
		r := trusting(t, l)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"), func(b *ledger.CaseJudge) {
			b.Decision.Answers = append(b.Decision.Answers, remedy.Answer{Guardrail: "warm_up", Effect: remedy.EffectCap, Cap: remedy.LevelConfirm})
		}))
		r.wrong(id)
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
		if c := r.get(id); c.Ask == nil || c.Stage != remedy.StageWaiting {
			t.Errorf("%s: %s %+v", l, c.Stage, c.Ask)
		}
	}
}
