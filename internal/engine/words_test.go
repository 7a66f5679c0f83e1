package engine

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

func TestWordCarriedWordEndedByAnybody(t *testing.T) {
	story(t, func(r *rig) {
		first := r.wordAtNotify()
		again := func(d time.Duration) {
			r.good(1)
			r.rounds(d)
			r.bad(1)
			r.rounds(5 * time.Minute)
		}
		again(4 * time.Hour)
		again(3 * time.Hour)
		c := r.last(1)
		t.Logf("%s %s, asked %v", c.ID, c.Stage, c.Ask != nil)
		carol := remedy.Actor{Name: "carol", UID: 1003, Via: "cli", Person: true}
		r.must(r.e.Label(r.ctx(), carol, ledger.CaseLabel{Case: first.ID, Label: trust.Wrong}))
		r.rounds(5 * time.Minute)
		c = r.last(1)
		if r.lb.acts() != 0 {
			t.Errorf("%d acts, %s %s, at auto against bob's and carol's word; executions %+v", r.lb.acts(), c.ID, c.Stage, len(c.Executions))
		}
	}, level(remedy.LevelNotify))
}

func TestWordControlNothingWithoutCarol(t *testing.T) {
	story(t, func(r *rig) {
		r.wordAtNotify()
		again := func(d time.Duration) {
			r.good(1)
			r.rounds(d)
			r.bad(1)
			r.rounds(5 * time.Minute)
		}
		again(4 * time.Hour)
		again(3 * time.Hour)
		r.rounds(5 * time.Minute)
		if r.lb.acts() != 0 {
			t.Errorf("control: %d acts", r.lb.acts())
		}
	}, level(remedy.LevelNotify))
}

func TestWordStayedAfterSnooze(t *testing.T) {
	story(t, func(r *rig) {
		r.rounds(5 * time.Hour) // the tenure is old enough
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.rounds(5 * time.Hour)
		r.must(r.snooze(c.ID, time.Hour))
		r.rounds(2 * time.Minute)
		s, _ := r.e.sample(r.last(1))
		if s.Label() != trust.Unlabelled {
			t.Errorf("%s: %s %+v", r.last(1).ID, s.Label(), s.Said)
		}
	}, level(remedy.LevelConfirm), rules(nil), func(s *setup) { s.expires = 12 * time.Hour })
}

func TestWordOwnQuestion(t *testing.T) {
	for _, trick := range []bool{false, true} {
		story(t, func(r *rig) {
			r.bad(1)
			r.reaches(1, remedy.StageWaiting)
			r.must(r.e.Reconfigure(r.ctx(), r.config(defaults())))
			r.rounds(3 * time.Minute)
			c := r.last(1)
			if c.Stage != remedy.StageWaiting {
				t.Fatalf("the reload took it back itself: %s", c.Stage)
			}
			if trick {
				r.bobSaysWrong(c)
				r.must(r.e.Label(r.ctx(), bob(), ledger.CaseLabel{Case: c.ID, Withdraw: true}))
			}
			r.rounds(3 * time.Minute)
			if n := r.lb.acts(); n != 0 {
				t.Errorf("trick %v: %d acts", trick, n)
			}
		}, level(remedy.LevelConfirm))
	}
}
