package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"warden/actions"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// blind makes the rig's action one that can't be asked about its hosts, in a
// pool where in service is assumed, and set to auto all the same.
func blind(s *setup) {
	s.action.Blind, s.action.CanObserve = true, false
	s.config = func(c *Config) {
		p := c.Pools[ingest]
		p.AssumeInService = true
		c.Pools[ingest] = p
	}
}

// TestBlindActionEndsWithAPerson runs an action that nothing can be asked
// about: it never acts alone, and is never done on its own word.
func TestBlindActionEndsWithAPerson(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		effect  error
		outcome remedy.Outcome
	}{
		{"reported success", nil, remedy.OutcomeUnknown},
		{"reported failure", errors.New("exit 1"), remedy.OutcomeUnknown},
		{"never started", fmt.Errorf("%w: no such file", actions.ErrNotStarted), remedy.OutcomeFailed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.lb.blur = true
				r.lb.effect = func(_ context.Context, set func()) error { set(); return tt.effect }
				r.bad(3)
				id := r.reaches(3, remedy.StageWaiting).ID
				began := r.clk.Now()
				r.must(r.answer(id, true))
				x := r.last(3).Execution()
				if x == nil || x.Outcome != tt.outcome || r.lb.acts() != 1 {
					t.Fatalf("%+v, want %s", x, tt.outcome)
				}
				if waited := r.clk.Now().Sub(began); waited > time.Second {
					t.Errorf("it waited %s for an answer that nobody can give", waited)
				}
				if tt.outcome != remedy.OutcomeUnknown {
					return
				}
				r.must(r.e.Resolve(r.ctx(), alice(), ledger.Resolve{Case: id, Out: true}))
				r.rounds(time.Minute)
				for i, h := range r.e.View().Hosts(ingest) {
					if out := h.State == remedy.ServiceOut; out != (i == 3) {
						t.Errorf("%s is %s (%s)", h.Host, h.State, h.Admin)
					}
				}
				r.must(r.undo(id, remedy.UndoTest))
				if x := r.last(3).Execution(); x.Kind != remedy.KindUndo || x.Outcome != remedy.OutcomeUnknown {
					t.Errorf("the undo ended %+v", x)
				}
			}, blind)
		})
	}
}

// TestBlindActionNeverActsAlone sets one to auto in a pool where another action
// says who is in service, so that nothing but its blindness caps it.
func TestBlindActionNeverActsAlone(t *testing.T) {
	t.Parallel()
	for _, isBlind := range []bool{true, false} {
		story(t, func(r *rig) {
			t := r.t
			sees := &balancer{clk: r.clk, hooks: r.hooks, servers: r.lb.servers, spec: r.lb.spec}
			r.lb.spec.Blind, r.lb.spec.CanObserve, r.lb.blur = isBlind, false, isBlind
			cfg := r.config(defaults())
			a := cfg.Actions[drain]
			a.Spec.Blind, a.Spec.CanObserve = isBlind, false
			cfg.Actions[drain] = a
			a.Action, a.Spec = sees, sees.spec
			cfg.Actions["maint"] = a
			r.cfg = cfg
			r.restart()
			r.bad(3)
			r.rounds(5 * time.Minute)
			if c := r.last(3); isBlind && (c.Stage != remedy.StageWaiting || r.lb.acts() != 0) || !isBlind && r.lb.acts() != 1 {
				t.Errorf("blind %v: %s, %d acts", isBlind, c.Stage, r.lb.acts())
			}
		})
	}
}

// TestBlindActionVerifiedByItsCommand has a command of its own say that it took.
func TestBlindActionVerifiedByItsCommand(t *testing.T) {
	t.Parallel()
	for _, says := range []remedy.Fact[bool]{remedy.Known(true), remedy.Known(false), remedy.Unknown[bool]("exit 3")} {
		story(t, func(r *rig) {
			t := r.t
			r.lb.blur = true
			r.bad(3)
			r.must(r.answer(r.reaches(3, remedy.StageWaiting).ID, true))
			r.rounds(3 * time.Minute)
			c := r.last(3)
			if took, known := says.Get(); known && took {
				if c.Stage != remedy.StageOut || c.Outcome != remedy.OutcomeDone {
					t.Errorf("%s/%s: %s, want out and done", c.Stage, c.Outcome, c.Note)
				}
			} else if !c.UnknownExecution() {
				t.Errorf("%s/%s: %s, want unknown", c.Stage, c.Outcome, c.Note)
			}
		}, blind, func(s *setup) {
			more := s.config
			s.config = func(c *Config) {
				more(c)
				a := c.Actions[drain]
				a.Verify.Command = func(context.Context, remedy.PoolName, remedy.HostName) remedy.Fact[bool] { return says }
				c.Actions[drain] = a
			}
		})
	}
}

// TestVerifyCommandDecidesWhatTook lets it overrule what the backend says.
func TestVerifyCommandDecidesWhatTook(t *testing.T) {
	t.Parallel()
	asked := 0
	story(t, func(r *rig) {
		r.bad(3)
		r.reaches(3, remedy.StageVerifying)
		r.rounds(time.Minute)
		r.reaches(3, remedy.StageOut)
		if before := asked; before < 3 {
			r.t.Errorf("asked %d times", before)
		} else if r.rounds(5 * time.Minute); asked != before {
			r.t.Error("a host that is out and verified is asked about again")
		}
	}, func(s *setup) {
		s.config = func(c *Config) {
			a := c.Actions[drain]
			a.Verify.Command = func(context.Context, remedy.PoolName, remedy.HostName) remedy.Fact[bool] {
				asked++
				return remedy.Known(asked > 2)
			}
			c.Actions[drain] = a
		}
	})
}

// TestOnlyListedHostsReachAnAction holds hosts that no inventory lists away from
// plan and effect, whether they left before or after START.
func TestOnlyListedHostsReachAnAction(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		if _, err := r.e.PreviewRun(r.ctx(), RunRequest{Action: drain, Target: Target{ingest, "-rf"}, Reason: "x"}); err == nil {
			r.t.Error("a host that is in no inventory was planned for")
		}
		if p := r.e.plan(r.ctx(), r.e.view.Load().round.pool(ingest), r.cfg.Actions[drain], "-rf"); p != nil {
			r.t.Errorf("planned %+v", p)
		}
	})
	story(t, func(r *rig) {
		left := false
		r.lb.between = func() { // the backend is asked once more after START
			c := r.open(9)
			if left || c == nil || c.Stage != remedy.StageExecuting {
				return
			}
			v := *r.e.view.Load()
			p := *v.round.pool(ingest)
			p.hosts = p.hosts[:9]
			v.round = &round{cfg: v.round.cfg, now: v.round.now, pools: map[remedy.PoolName]*poolRound{ingest: &p}}
			r.e.view.Store(&v)
			left = true
		}
		r.bad(9)
		for range 40 {
			if r.rounds(step); left {
				break
			}
		}
		if x := r.last(9).Execution(); x == nil || x.Outcome != remedy.OutcomeAborted || r.lb.acts() != 0 {
			r.t.Errorf("it left after START: %+v, acted on %v", x, r.lb.applied)
		}
	})
}

// TestNoUndoAfterTheHostLeft refuses to run an undo on a name that the pool no
// longer has, and does run it while the list can't be believed.
func TestNoUndoAfterTheHostLeft(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(9)
		c := r.reaches(9, remedy.StageOut)
		r.inv.err = errors.New("gone")
		r.rounds(2 * time.Minute)
		if _, err := r.e.PreviewUndo(c.ID); err != nil {
			t.Errorf("an inventory that can't be read: %v", err)
		}
		r.inv.err = nil
		r.inv.keep(9)
		r.rounds(time.Minute)
		if err := r.undo(c.ID, remedy.UndoTest); err == nil || len(r.lb.undone) != 0 {
			t.Errorf("%v, undone %v", err, r.lb.undone)
		}
	})
}

// TestActionWithoutUndoSaysSo refuses before anything is committed.
func TestActionWithoutUndoSaysSo(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		index := r.l.Status().Index
		if err := r.undo(c.ID, remedy.UndoTest); err == nil || r.l.Status().Index != index {
			r.t.Errorf("%v", err)
		}
	}, func(s *setup) { s.action.NoUndo = true })
}
