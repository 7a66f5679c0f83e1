package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestMetricOnlyCountsOnce(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(5 * time.Hour)
		if r.wouldAct() != 1 || r.lb.acts() != 0 || len(r.ear.heard) != 0 {
			t.Errorf("%d counted, %d acts, %d messages", r.wouldAct(), r.lb.acts(), len(r.ear.heard))
		}
		r.rounds(2 * time.Hour) // the cooldown is 6 h
		if r.wouldAct() != 2 {
			t.Errorf("counted %d times after the cooldown", r.wouldAct())
		}
		r.good(3)
		r.rounds(2 * time.Minute)
		if c := r.last(3); c.Outcome != remedy.OutcomeSelfRecovered {
			t.Errorf("%+v", c)
		}
	}, level(remedy.LevelMetricOnly))
}

func TestNotifyComplainsAgainAfterComplainEvery(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(3*time.Hour + 50*time.Minute)
		if n := r.ear.count(ledger.NoticeComplaint); n != 1 {
			t.Fatalf("complained %d times", n)
		}
		r.rounds(30 * time.Minute)
		if n := r.ear.count(ledger.NoticeComplaint); n != 2 || r.lb.acts() != 0 || r.wouldAct() != 1 {
			t.Errorf("complained %d times after complain_every, counted %d", n, r.wouldAct())
		}
	}, level(remedy.LevelNotify))
}

func TestConfirmAsksAndActsOnYes(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(10 * time.Minute)
		c := r.open(3)
		if c == nil || c.Stage != remedy.StageWaiting || r.ear.count(ledger.NoticeQuestion) != 1 || r.lb.acts() != 0 {
			t.Fatalf("%+v", c)
		}
		if err := r.e.Answer(r.ctx(), bob(), ledger.CaseAnswer{Case: c.ID, Approve: true, PlanHash: c.PlanHash}); err == nil {
			t.Error("bob may not approve")
		}
		r.must(r.answer(c.ID, true))
		c = r.reaches(3, remedy.StageOut)
		if r.lb.acts() != 1 || r.lb.admin(r.host(3)) != "drain" || c.Executions[0].By.Name != "alice" || c.Outcome != remedy.OutcomeDone {
			t.Errorf("%+v", c)
		}
		if took, known := c.Executions[0].Took.Get(); !took || !known {
			t.Error("it did not take")
		}
	}, level(remedy.LevelConfirm))
}

func TestAutoActsAlone(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.lb.linger = 40 * time.Second // takes time to go quiet
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.rounds(20 * time.Minute)
		if r.lb.acts() != 1 || r.lb.admin(r.host(3)) != "drain" || r.lb.applied[0].Case != c.ID || r.lb.applied[0].Token != c.Executions[0].Token {
			t.Errorf("%+v", r.lb.applied)
		}
		if len(r.ear.pages()) != 0 || r.ear.count(ledger.NoticeStarted) != 1 {
			t.Errorf("pages %+v", r.ear.pages())
		}
		if helped, known := r.open(3).Helped.Get(); !known || !helped {
			t.Errorf("helped %v, known %v", helped, known)
		}
	})
}

// Promotion of an open case takes effect on it; demotion does too.
func TestReconfigureMovesOpenCases(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(10 * time.Minute)
		id := r.open(3).ID
		for _, l := range []remedy.Level{remedy.LevelNotify, remedy.LevelConfirm} {
			s := defaults()
			s.level = l
			r.cfg = r.config(s)
			r.must(r.e.Reconfigure(t.Context(), r.cfg))
			r.rounds(time.Minute)
			if c := r.open(3); c.ID != id || c.Decision.Level != l {
				t.Errorf("at %s: %+v", l, c.Decision)
			}
		}
		if r.ear.count(ledger.NoticeComplaint) != 1 || r.ear.count(ledger.NoticeQuestion) != 1 {
			t.Error("promotion was not told")
		}
		// Demoted while it waits: a yes doesn't start it.
		s := defaults()
		s.level = remedy.LevelNotify
		r.cfg = r.config(s)
		r.must(r.e.Reconfigure(t.Context(), r.cfg))
		r.must(r.answer(id, true))
		r.rounds(5 * time.Minute)
		if r.lb.acts() != 0 {
			t.Error("acted below confirm")
		}
		s.level = remedy.LevelAuto
		r.cfg = r.config(s)
		r.must(r.e.Reconfigure(t.Context(), r.cfg))
		r.rounds(time.Minute)
		if r.lb.acts() != 1 {
			t.Error("the approval was forgotten")
		}
	}, level(remedy.LevelMetricOnly))
}

func TestDeniedAndExpiredAreNotAskedAgain(t *testing.T) {
	t.Parallel()
	for _, deny := range []bool{true, false} {
		story(t, func(r *rig) {
			t := r.t
			r.bad(3)
			c := r.reaches(3, remedy.StageWaiting)
			if deny {
				r.must(r.answer(c.ID, false))
			}
			r.rounds(5 * time.Hour)
			if n := r.ear.count(ledger.NoticeQuestion); n != 1 {
				t.Errorf("denied %v: asked %d times", deny, n)
			}
			want := remedy.OutcomeExpired
			if deny {
				want = remedy.OutcomeDenied
			}
			if c := r.last(3); c.Outcome != want {
				t.Errorf("%+v", c)
			}
			r.good(3)
			r.rounds(2 * time.Minute)
			r.bad(3)
			r.rounds(5 * time.Minute)
			if n := r.ear.count(ledger.NoticeQuestion); n != 2 {
				t.Errorf("denied %v: asked %d times after it was good", deny, n)
			}
			r.rounds(7 * time.Hour)
			if n := r.ear.count(ledger.NoticeQuestion); n != 3 {
				t.Errorf("denied %v: asked %d times after the cooldown", deny, n)
			}
		}, level(remedy.LevelConfirm))
	}
}

func TestChangedPlanIsAskedAfresh(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.lb.suffix = " in another backend"
		r.must(r.answer(c.ID, true))
		r.rounds(5 * time.Minute)
		old, _ := r.l.Case(c.ID)
		if r.lb.acts() != 0 || old.Outcome != remedy.OutcomeStale || old.Stage != remedy.StageClosed {
			t.Errorf("%d acts on a plan nobody saw: %+v", r.lb.acts(), old)
		}
		c = r.open(3)
		if c == nil || c.Stage != remedy.StageWaiting || r.ear.count(ledger.NoticeQuestion) != 2 {
			t.Fatalf("not asked afresh: %+v", c)
		}
		r.must(r.answer(c.ID, true))
		r.reaches(3, remedy.StageOut)
	}, level(remedy.LevelConfirm))
}

// A person's yes on a host that became unknown starts nothing, and does not
// make the engine run in circles; it holds until it expires.
func TestApprovedButUnknown(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.ratio(0.7, 3)
		r.rounds(2 * time.Minute)
		r.must(r.answer(c.ID, true))
		r.rounds(5 * time.Minute)
		if n := r.ear.count(ledger.NoticeStarted); n > 0 {
			t.Errorf("started %d times on an unknown host", n)
		}
		r.bad(3)
		r.reaches(3, remedy.StageOut)
	}, level(remedy.LevelConfirm))
}

// What a decision below confirm counts that was only rehearsed says so, and
// names whose it is. A real decision has none of it.
func TestRehearsedAnswersSaySo(t *testing.T) {
	t.Parallel()
	for _, rung := range []remedy.Level{remedy.LevelMetricOnly, remedy.LevelNotify, remedy.LevelAuto} {
		story(t, func(r *rig) {
			r.rounds(time.Minute)
			r.bad(3)
			r.rounds(10 * time.Minute)
			first := r.last(3)
			r.bad(4)
			r.rounds(10 * time.Minute)
			second := r.last(4)
			if len(first.Decision.Rehearsed) != 0 || marked(first) != "" {
				r.t.Errorf("%s: nothing was rehearsed before: %v %q", rung, first.Decision.Rehearsed, marked(first))
			}
			want, of := "coverage max_out pool_floor rate settle", []remedy.CaseID{first.ID}
			if rung == remedy.LevelAuto {
				want, of = "", nil
			}
			if got := marked(second); got != want || !slices.Equal(second.Decision.Rehearsed, of) {
				r.t.Errorf("%s: %q are marked, of %v; want %q of %v\n%+v", rung, got, second.Decision.Rehearsed, want, of, second.Decision.Answers)
			}
		}, level(rung), func(s *setup) { s.limits.MaxOut = 5 })
	}
}

// marked names the guardrails whose answers are said to be rehearsed, sorted.
func marked(c *ledger.Case) string {
	var all []string
	for _, a := range c.Decision.Answers {
		if strings.HasSuffix(a.Observed, rehearsed) {
			all = append(all, a.Guardrail)
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}
