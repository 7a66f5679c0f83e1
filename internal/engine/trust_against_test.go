package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// asksInstead checks that warden asks about a host of which bob says that it is
// well, says why, goes on doing so in silence, and takes the next yes for one.
func (r *rig) asksInstead(i int) {
	t := r.t
	t.Helper()
	r.rounds(3 * step)
	c := r.last(i)
	if c.Stage != remedy.StageWaiting || c.Ask == nil || c.Answer != nil || c.Veto != nil {
		t.Fatalf("%s, asked %+v, answered %+v, announced %+v", c.Stage, c.Ask, c.Answer, c.Veto)
	}
	if a := saidBy(c, "demoted"); a.Cap > remedy.LevelConfirm || !strings.Contains(a.Observed, "bob says that the detector is wrong about "+c.ID.String()) {
		t.Errorf("the decision says %+v", a)
	}
	r.rounds(10 * time.Minute)
	if now := r.last(i); len(now.Executions) > 0 || r.lb.acts() != 0 || len(now.Events) != len(c.Events) {
		t.Fatalf("acts %d, %+v %+v", r.lb.acts(), now.Executions, now.Events[len(c.Events):])
	}
	r.must(r.says("alice", c.ID, true))
	r.reaches(i, remedy.StageOut)
}

func (r *rig) bobSaysWrong(c *ledger.Case) {
	r.t.Helper()
	r.must(r.e.Label(r.ctx(), bob(), ledger.CaseLabel{Case: c.ID, Label: trust.Wrong}))
}

// TestWrongTakesTheAnnouncedToAPerson: what was announced is not done.
func TestWrongTakesTheAnnouncedToAPerson(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		r.bobSaysWrong(r.reaches(1, remedy.StageWaiting))
		r.asksInstead(1)
	}, announcing(5*time.Minute))
}

// TestWrongTakesAutoToAPerson: a case that somebody called wrong while its action
// was at notify is not acted on when the file says auto.
func TestWrongTakesAutoToAPerson(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		r.bobSaysWrong(r.reaches(1, remedy.StageProposed))
		r.must(r.e.Reconfigure(r.ctx(), r.config(defaults())))
		r.asksInstead(1)
	}, level(remedy.LevelNotify))
}

// TestWrongAfterTheYes: what was approved before somebody said wrong is asked again.
func TestWrongAfterTheYes(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.must(r.e.Freeze(r.ctx(), alice(), "work", time.Time{})) // so that it doesn't start at once
		r.must(r.says("alice", c.ID, true))
		r.bobSaysWrong(c)
		r.must(r.e.Unfreeze(r.ctx(), alice()))
		if c := r.last(1); c.Answer != nil {
			r.t.Fatalf("%+v", c.Answer)
		}
		r.rounds(10 * time.Minute)
		if c := r.last(1); len(c.Executions) > 0 || c.Ask == nil {
			r.t.Fatalf("%+v %+v", c.Ask, c.Executions)
		}
		r.must(r.says("alice", c.ID, true))
		r.reaches(1, remedy.StageOut)
	}, level(remedy.LevelConfirm))
}

// TestWrongBeforeTheGate: the word comes between START and the last gate of an
// action that was approved.
func TestWrongBeforeTheGate(t *testing.T) {
	t.Parallel()
	for _, l := range []remedy.Level{remedy.LevelConfirm, remedy.LevelAuto} {
		story(t, func(r *rig) {
			t, said := r.t, false
			r.log.verify = func() error {
				if c := r.last(1); !said && c.Stage == remedy.StageExecuting {
					said = true
					r.bobSaysWrong(c)
				}
				return nil
			}
			r.bad(1)
			if l == remedy.LevelConfirm {
				r.must(r.says("alice", r.reaches(1, remedy.StageWaiting).ID, true))
			}
			r.rounds(10 * time.Minute)
			c := r.last(1)
			if !said || r.lb.acts() != 0 || c.Execution().Outcome != remedy.OutcomeAborted || !strings.Contains(c.Execution().Note, "bob says that the detector is wrong") {
				t.Fatalf("%s: %d acts, %+v", l, r.lb.acts(), c.Executions)
			}
			if len(c.Executions) != 1 || c.Stage != remedy.StageWaiting || c.Answer != nil || r.level() != l {
				t.Errorf("%s: %s, %d executions, %+v, at %s", l, c.Stage, len(c.Executions), c.Answer, r.level())
			}
		}, level(l))
	}
}

// TestUnclearBeforeWrong: what makes a case look better is an approver's to say,
// also where it was said before what it would hide.
func TestUnclearBeforeWrong(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		who  remedy.Actor
		want trust.Label
	}{{bob(), trust.Wrong}, {alice(), trust.Unclear}} {
		story(t, func(r *rig) {
			r.bad(3)
			id := r.reaches(3, remedy.StageProposed).ID
			r.must(r.e.Label(r.ctx(), c.who, ledger.CaseLabel{Case: id, Label: trust.Unclear}))
			r.good(3)
			if s, ok := r.e.sample(r.reaches(3, remedy.StageClosed)); !ok || s.Label() != c.want || len(s.Said) != 2 {
				r.t.Errorf("%s said unclear: %+v", c.who.Name, s)
			}
		}, level(remedy.LevelNotify), rules(nil))
		story(t, func(r *rig) {
			r.bad(3)
			id := r.reaches(3, remedy.StageWaiting).ID
			r.must(r.e.Answer(r.ctx(), c.who, ledger.CaseAnswer{Case: id, Reason: "known-work"}))
			if s, ok := r.e.sample(r.last(3)); !ok || s.Label() != trust.Unclear || s.Said[0].Lowers != (c.want == trust.Wrong) {
				r.t.Errorf("%s denied it: %+v", c.who.Name, s)
			}
		}, level(remedy.LevelConfirm), rules(nil))
	}
}
