package engine

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestALateClickAnswersNothingNewer: a click that is committed when its case asks something
// else of the same plan does nothing, and one that is committed after somebody's wrong passes
// over nothing. Another click, on what is asked now, counts.
func TestALateClickAnswersNothingNewer(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(1)
		id := r.reaches(1, remedy.StageWaiting).ID
		tapped := func() ledger.CaseAnswer {
			c, _ := r.l.Case(id)
			m := r.e.message(ledger.Notice{Case: id, Kind: ledger.NoticeQuestion}, 0)
			return ledger.CaseAnswer{Case: id, Approve: true, PlanHash: c.PlanHash, Question: c.Question(), Seen: m.Seen}
		}
		late := func(yes ledger.CaseAnswer) (err error) {
			r.do(func() {
				err = r.e.Answer(r.ctx(), clicker("carol"), yes)
				r.attend()
			})
			return err
		}
		first := tapped()
		if first.Question == 0 {
			t.Fatal("the question has no number")
		}
		r.must(r.snooze(id, 5*time.Minute))
		r.rounds(10 * time.Minute)
		if c := r.last(1); c.ID != id || c.Stage != remedy.StageWaiting || c.PlanHash != first.PlanHash {
			t.Fatalf("%s is %s, plan %s", c.ID, c.Stage, c.PlanHash)
		}
		wantRefused(t, late(first), ledger.RefusedSuperseded, "superseded", "asked again at", "look at the newer question")
		second := tapped()
		r.bobSaysWrong(r.last(1))
		r.clk.Advance(time.Second)
		wantRefused(t, late(second), ledger.RefusedUnread, "bob says that the detector is wrong about "+id.String(), "look again")
		r.rounds(2 * time.Minute)
		if c := r.last(1); r.lb.acts() != 0 || c.Answer != nil || c.Stage != remedy.StageWaiting {
			t.Fatalf("%d acts, %s is %s, %+v", r.lb.acts(), c.ID, c.Stage, c.Answer)
		}
		r.must(late(tapped()))
		r.reaches(1, remedy.StageOut)
	}, level(remedy.LevelConfirm), acting(func(a *Action) { a.Approvers = []string{"slack:carol"} }))
}

// The second of two approvers is shown what somebody said before the first yes.
func TestTheSecondIsShownWhatTheFirstPassedOver(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.bobSaysWrong(c)
		r.clk.Advance(time.Second)
		r.must(r.says("alice", c.ID, true))
		c = r.last(1)
		if len(c.Approved()) != 1 || c.Answer != nil {
			t.Fatalf("%+v", c.Approvals)
		}
		m := r.e.message(ledger.Notice{Case: c.ID, Kind: ledger.NoticeQuestion}, 0)
		if want := "bob says that the detector is wrong about " + c.ID.String(); m.Against != want || m.Seen.IsZero() {
			t.Errorf("the second is shown %q, want %q", m.Against, want)
		}
		r.clk.Advance(time.Second)
		r.must(r.says("dora", c.ID, true))
		r.reaches(1, remedy.StageOut)
		if m := r.e.message(ledger.Notice{Case: c.ID}, 0); m.Against != "" {
			t.Errorf("after both: %q", m.Against)
		}
	}, level(remedy.LevelConfirm), twoOf("alice", "dora"))
}
