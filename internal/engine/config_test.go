package engine

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// An action is run by hand only in pools that it is meant for.
func TestRunNeedsALevelInThePool(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		_, err := r.e.PreviewRun(t.Context(), RunRequest{Action: drain, Target: Target{Pool: "other", Host: r.host(1)}})
		if refusalCode(err) != RefusedNotFound {
			t.Errorf("%v", err)
		}
		_, err = r.e.PreviewRun(t.Context(), RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(1)}, Acknowledged: []string{"everything"}})
		if refusalCode(err) != RefusedNotFound {
			t.Errorf("%v", err)
		}
	}, func(s *setup) {
		s.config = func(c *Config) { c.Pools["other"] = c.Pools[ingest] }
	})
}

func refusalCode(err error) string {
	if r, ok := err.(*Refusal); ok { //nolint:errorlint // the engine returns it bare
		return r.Code
	}
	return ""
}

// Until a reloaded file's limits are in the ledger nothing is started.
func TestReloadHoldsBeforeItIsReported(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.log.fault = func(e ledger.Entry) fault {
			if hasOp(e, "node.report") {
				return lost
			}
			return noFault
		}
		s := defaults()
		s.level, s.limits.MaxOut = remedy.LevelConfirm, 0
		if err := r.e.Reconfigure(t.Context(), r.config(s)); err == nil {
			t.Error("a report that was lost is no error")
		}
		r.must(r.answer(c.ID, true))
		r.rounds(2 * time.Minute)
		if r.lb.acts() != 0 {
			t.Errorf("%d acts with max_out 0", r.lb.acts())
		}
	}, level(remedy.LevelConfirm))
}

// A case whose action left the config ends with a person, and so does who may
// do something about it.
func TestActionLeavesTheConfigWhileVerifying(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.lb.linger = 10 * time.Hour
		r.bad(3)
		c := r.reaches(3, remedy.StageVerifying)
		r.cfg.Actions["other"] = Action{Spec: r.cfg.Actions[drain].Spec, Action: r.lb, Approvers: []string{"alice"}}
		delete(r.cfg.Actions, drain)
		r.cfg.Hash = "without drain"
		r.restart()
		r.rounds(10 * time.Minute)
		now, _ := r.l.Case(c.ID)
		if now.Stage != remedy.StageOut || now.Outcome != remedy.OutcomeUnverified || len(r.ear.pages()) == 0 {
			t.Errorf("%s %s, %d pages", now.Stage, now.Outcome, len(r.ear.pages()))
		}
		if r.e.mayAct(bob(), drain) == nil {
			t.Error("anybody may act on an action that is gone")
		}
	})
}

// What a shadow execution holds out is no secret excuse for a real one: only a
// detector that is itself below confirm sees it.
func TestRealDecisionsDontSeeShadows(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		r.rounds(5 * time.Minute)
		if out := r.l.Pool(ingest, r.clk.Now()).ShadowOut; len(out) != 1 {
			t.Fatalf("shadow out: %v", out)
		}
		p := r.e.View().round.pool(ingest)
		for _, shadowed := range []bool{true, false} {
			marked := 0
			for _, h := range r.e.poolView(p, r.e.View().round, shadowed).Hosts {
				if h.ShadowOut {
					marked++
				}
			}
			if (marked == 1) != shadowed {
				t.Errorf("shadowed %v: %d hosts marked", shadowed, marked)
			}
		}
	}, level(remedy.LevelMetricOnly))
}
