package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// cancel has bob, who approves nothing, cancel a case.
func (r *rig) cancel(id remedy.CaseID) error {
	return r.e.Cancel(context.Background(), bob(), ledger.CaseCancel{Case: id, Reason: "known work"})
}

// What was cancelled isn't asked about again before the host was good or the
// cooldown passed.
func TestCancelledIsNotAskedAgain(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.must(r.cancel(c.ID))
		if c := r.last(3); c.Outcome != remedy.OutcomeCancelled {
			t.Errorf("%+v", c)
		}
		r.rounds(5 * time.Hour)
		if n := r.ear.count(ledger.NoticeQuestion); n != 1 || r.lb.acts() != 0 {
			t.Errorf("asked %d times, %d acts", n, r.lb.acts())
		}
		r.rounds(90 * time.Minute)
		if n := r.ear.count(ledger.NoticeQuestion); n != 2 {
			t.Errorf("asked %d times after the cooldown", n)
		}
	}, level(remedy.LevelConfirm))
}

// A cancel that is committed at any step of an execution's life either comes
// in time, and then nothing is done, or comes too late, and then the case says
// so. It never undoes, and never hides, what was done.
func TestCancelAtEveryStep(t *testing.T) {
	t.Parallel()
	met := map[string]int{}
	for n, steps := 1, 1; n <= steps; n++ {
		story(t, func(r *rig) {
			t := r.t
			r.rounds(time.Minute)
			r.bad(3)
			answered := make(chan error, 1)
			r.hooks.n, r.hooks.meet = 0, n
			r.hooks.meets = func() { answered <- r.cancel(1) }
			r.rounds(4 * time.Minute)
			steps = r.hooks.n
			synctest.Wait()
			var said error
			select {
			case said = <-answered:
			default:
				if r.hooks.n >= n {
					t.Fatalf("step %d: the cancel never came back", n)
				}
				return // the story before was longer
			}
			c, ok := r.l.Case(1)
			if !ok {
				t.Fatal("no case")
			}
			late := slices.ContainsFunc(c.Events, func(e ledger.Event) bool { return strings.Contains(e.What, "too late") })
			acts := r.lb.acts()
			switch {
			case said != nil && strings.Contains(said.Error(), "no case"):
				met["early"]++
			case said != nil: // it had ended already
				met["refused"]++
				if c.Cancel != nil || acts != 1 || !strings.Contains(said.Error(), "undo") {
					t.Errorf("step %d (%s): %v, %d acts, %s %s", n, r.hooks.names[n-1], said, acts, c.Stage, c.Outcome)
				}
			case c.Outcome == remedy.OutcomeCancelled:
				met["in time"]++
				if acts != 0 || late || c.Open() || len(r.l.Cases(ledger.CaseFilter{})) != 1 {
					t.Errorf("step %d (%s): cancelled, %d acts, late %v, %s", n, r.hooks.names[n-1], acts, late, c.Stage)
				}
			default:
				met["too late"]++
				if acts != 1 || !late || c.Stage != remedy.StageOut {
					t.Errorf("step %d (%s): %d acts, late %v, %s %s", n, r.hooks.names[n-1], acts, late, c.Stage, c.Outcome)
				}
			}
			check(t, r, "cancelled")
		})
	}
	for _, how := range []string{"in time", "too late", "refused"} {
		if met[how] == 0 {
			t.Errorf("no cancel was %s: %v", how, met)
		}
	}
}

// The gate sees a cancel that was committed before it read the ledger, and the
// effect that runs is not cut off by one.
func TestCancelAroundTheGate(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.log.verify = func() error { r.must(r.cancel(1)); return nil }
		r.bad(3)
		r.rounds(5 * time.Minute)
		c := r.last(3)
		if r.lb.acts() != 0 || c.Outcome != remedy.OutcomeCancelled || !strings.Contains(c.Execution().Note, "cancelled by bob") || len(r.l.Starts(ingest)) != 0 {
			t.Errorf("%d acts, %s, %+v", r.lb.acts(), c.Outcome, c.Executions)
		}
	})
	story(t, func(r *rig) {
		t := r.t
		r.lb.effect = func(ctx context.Context, set func()) error {
			r.must(r.cancel(1))
			set()
			return ctx.Err()
		}
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		if r.lb.acts() != 1 || c.Outcome != remedy.OutcomeDone || c.Cancel == nil {
			t.Errorf("%d acts, %s", r.lb.acts(), c.Outcome)
		}
		if err := r.cancel(c.ID); err == nil || !strings.Contains(err.Error(), "warden undo W-1") {
			t.Errorf("%v", err)
		}
	})
}
