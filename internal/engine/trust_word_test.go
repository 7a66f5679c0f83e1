package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestNothingIsPutBackAgainstAWord: a load balancer forgets a drain of which bob
// says that it was wrong. The host stays in service, and people hear why, once.
func TestNothingIsPutBackAgainstAWord(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t, f := r.t, r.farm("a")
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.rounds(2 * step)
		r.bobSaysWrong(c)
		f.reload("a")
		r.rounds(4 * time.Minute)
		c = r.last(3)
		if n, _ := f.commands("a"); n != 1 || len(c.Executions) != 1 || f.states(r.host(3)) != "ready" {
			t.Fatalf("%d drains, it is %s, %+v", n, f.states(r.host(3)), c.Executions)
		}
		told := 0
		for _, m := range r.ear.heard {
			if n := m.Notice; n.Kind == ledger.NoticeForgotten {
				told++
				if n.Detail != "bob says that the detector is wrong about W-1" {
					t.Errorf("told %q", n.Detail)
				}
			}
		}
		if told != 1 || c.Forgotten == nil || !strings.Contains(c.Forgotten.Why, "bob says that the detector is wrong") {
			t.Errorf("told %d times, %+v", told, c.Forgotten)
		}
		r.rounds(10 * time.Minute) // long enough: it is back
		if c, _ := r.l.Case(c.ID); c.Stage != remedy.StageClosed || c.Outcome != remedy.OutcomeReturned {
			t.Errorf("%s %s", c.Stage, c.Outcome)
		}
	}, rules(nil))
}

// TestNothingIsPutBackAgainstALateWord: the word comes between START and the last
// gate of the putting back.
func TestNothingIsPutBackAgainstALateWord(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t, f, said := r.t, r.farm("a"), false
		r.log.verify = func() error {
			if c := r.last(3); !said && c != nil && c.Stage == remedy.StageExecuting && c.Execution().Kind == remedy.KindReassert {
				said = true
				r.bobSaysWrong(c)
			}
			return nil
		}
		r.bad(3)
		r.reaches(3, remedy.StageOut)
		r.rounds(2 * step)
		f.reload("a")
		r.rounds(4 * time.Minute)
		c := r.last(3)
		if n, _ := f.commands("a"); !said || n != 1 || len(c.Executions) != 2 || c.Execution().Outcome != remedy.OutcomeAborted {
			t.Fatalf("said %v, %d drains, %+v", said, n, c.Executions)
		}
	}, rules(nil))
}

// TestAWordAgainBeforeTheGate: bob heard alice's yes and says it again, between
// START and the last gate.
func TestAWordAgainBeforeTheGate(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		said := false
		r.log.verify = func() error {
			if c := r.last(1); !said && c.Stage == remedy.StageExecuting {
				said = true
				r.bobSaysWrong(c)
			}
			return nil
		}
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.bobSaysWrong(c)
		r.clk.Advance(time.Second)
		r.must(r.says("alice", c.ID, true))
		r.rounds(10 * time.Minute)
		if c = r.last(1); !said || r.lb.acts() != 0 || c.Stage != remedy.StageWaiting || c.Answer != nil {
			r.t.Fatalf("said %v, %d acts, %s, answered %+v", said, r.lb.acts(), c.Stage, c.Answer)
		}
	}, level(remedy.LevelConfirm))
}

// actsByNobodys checks that the case after the first of a host begins with bob's word,
// that warden asks about it and does nothing, and that a yes has it done.
func (r *rig) actsByNobodys(i int, before remedy.CaseID) {
	t := r.t
	t.Helper()
	c := r.last(i)
	if c.ID == before || r.lb.acts() != 0 || len(c.Executions) != 0 || c.Stage != remedy.StageWaiting || c.Ask == nil || c.Veto != nil {
		t.Fatalf("%d acts, %s %s %s, %+v, announced %+v", r.lb.acts(), c.ID, c.Stage, c.Outcome, c.Executions, c.Veto)
	}
	if a := saidBy(c, "demoted"); !strings.Contains(a.Observed, "bob says that the detector is wrong about "+before.String()) {
		t.Errorf("the decision says %+v", a)
	}
	r.must(r.says("alice", c.ID, true))
	r.reaches(i, remedy.StageOut)
}

// wordAtNotify has bob say wrong while the action is at notify, and the file raised to
// auto after that: warden asks.
func (r *rig) wordAtNotify() *ledger.Case {
	r.t.Helper()
	r.bad(1)
	r.bobSaysWrong(r.reaches(1, remedy.StageProposed))
	r.must(r.e.Reconfigure(r.ctx(), r.config(defaults())))
	return r.reaches(1, remedy.StageWaiting)
}

// TestAWordOutlivesItsCase: the plan changes between alice's yes and the effect,
// nobody answers, or the host is good for a moment: bob's word is not lost with that.
func TestAWordOutlivesItsCase(t *testing.T) {
	t.Parallel()
	for name, ends := range map[remedy.Outcome]func(*rig, *ledger.Case){
		remedy.OutcomeStale: func(r *rig, c *ledger.Case) {
			r.lb.suffix = " force"
			r.must(r.says("alice", c.ID, true))
			r.rounds(2 * time.Minute)
		},
		remedy.OutcomeExpired: func(r *rig, _ *ledger.Case) { r.rounds(6*time.Hour + 40*time.Minute) },
		remedy.OutcomeSelfRecovered: func(r *rig, _ *ledger.Case) {
			r.good(1)
			r.rounds(3 * time.Minute)
			r.bad(1)
			r.rounds(5 * time.Minute)
		},
	} {
		story(t, func(r *rig) {
			c := r.wordAtNotify()
			ends(r, c)
			if was, _ := r.l.Case(c.ID); was.Outcome != name {
				r.t.Fatalf("%s %s, want %s", was.Stage, was.Outcome, name)
			}
			r.actsByNobodys(1, c.ID)
		}, level(remedy.LevelNotify))
	}
}

// TestAWordTakenBackIsDecidedAfresh: what is only asked for bob's word is not asked
// any more without it, and done as the file says.
func TestAWordTakenBackIsDecidedAfresh(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		c := r.wordAtNotify()
		r.must(r.e.Label(r.ctx(), bob(), ledger.CaseLabel{Case: c.ID, Withdraw: true}))
		r.reaches(1, remedy.StageOut)
		if n := r.ear.count(ledger.NoticePutOff); n != 1 || r.last(1).ID != c.ID {
			r.t.Errorf("told %d times, %s", n, r.last(1).ID)
		}
	}, level(remedy.LevelNotify))
}

// TestNobodyLiftsAnothersDenial: bob denies what was announced at auto. The host is good
// for a moment, and bad again: warden asks, for bob's word stands. carol, who may approve
// nothing, says that bob is right, and takes that back. Nobody says yes.
func TestNobodyLiftsAnothersDenial(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.do(func() {
			r.must(r.e.Answer(r.ctx(), bob(), ledger.CaseAnswer{Case: c.ID, Reason: "false-alarm"}))
			r.attend()
		})
		r.good(1)
		r.rounds(3 * time.Minute)
		r.bad(1)
		r.rounds(5 * time.Minute)
		r.must(r.e.Label(r.ctx(), named("carol"), ledger.CaseLabel{Case: c.ID, Label: trust.Wrong}))
		r.clk.Advance(time.Second)
		r.must(r.e.Label(r.ctx(), named("carol"), ledger.CaseLabel{Case: c.ID, Withdraw: true}))
		r.rounds(20 * time.Minute)
		r.actsByNobodys(1, c.ID)
	}, announcing(5*time.Minute))
}

// TestAWordIsLiftedWithoutApprovers: at auto without approvers nobody can be asked. One
// word stops the host for its time and no longer, however it flaps; who is let in by the
// socket lifts it, and the decision says how.
func TestAWordIsLiftedWithoutApprovers(t *testing.T) {
	t.Parallel()
	for _, lift := range []bool{true, false} {
		story(t, func(r *rig) {
			said := false
			r.log.verify = func() error {
				if c := r.last(1); !said && c.Stage == remedy.StageExecuting {
					said = true
					r.bobSaysWrong(c)
				}
				return nil
			}
			r.bad(1)
			r.rounds(20 * time.Minute)
			c := r.last(1)
			if !said || r.lb.acts() != 0 {
				r.t.Fatalf("said %v, %d acts", said, r.lb.acts())
			}
			if a := saidBy(c, "demoted"); !strings.Contains(a.Limit, "`warden label W-1 --withdraw --of bob` lifts it") {
				r.t.Errorf("the decision says %+v", a)
			}
			if lift {
				r.must(r.e.Label(r.ctx(), named("carol"), ledger.CaseLabel{Case: c.ID, Withdraw: true, Of: "bob", Seen: r.l.Words(c)[0].At}))
			} else {
				for range 5 {
					r.good(1)
					r.rounds(3 * time.Minute)
					r.bad(1)
					r.rounds(27 * time.Minute)
					if r.lb.acts() != 0 {
						r.t.Fatalf("acted while bob's word stands")
					}
				}
				r.good(1)
				r.rounds(4 * time.Hour)
				r.bad(1)
			}
			r.rounds(10 * time.Minute)
			if r.lb.acts() == 0 {
				_, is := r.l.Against(r.last(1))
				r.t.Errorf("lifted %v: nothing is done; %s, against it %v", lift, r.last(1).Stage, is)
			}
		}, func(s *setup) {
			before := s.config
			s.config = func(c *Config) {
				if before != nil {
					before(c)
				}
				a := c.Actions[drain]
				a.Approvers = nil
				c.Actions[drain] = a
			}
		})
	}
}
