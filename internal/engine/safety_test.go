package engine

import (
	"fmt"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// inService counts the servers that really take traffic: the balancer's truth
// and not the ledger's.
func (r *rig) inService() int {
	n := 0
	for _, s := range r.lb.servers {
		if s.admin == "ready" {
			n++
		}
	}
	return n
}

// Hands that move between a round and a person's yes count: the floor and the
// out-slots are those of this moment.
func TestFloorCountsWhatIsOutNow(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		for _, i := range []int{5, 6, 7} {
			r.lb.set(r.host(i), "maint")
		}
		r.must(r.answer(c.ID, true))
		r.rounds(2 * time.Minute)
		if r.inService() != 7 || r.lb.acts() != 0 {
			t.Errorf("%d in service with a floor of 8, %d acts", r.inService(), r.lb.acts())
		}
		if by := len(r.l.Pool(ingest, r.clk.Now()).Out); by != 3 {
			t.Errorf("the ledger knows of %d hosts that are out", by)
		}
	}, level(remedy.LevelConfirm), limits(func(l *ledger.Limits) { l.MaxOut, l.MinInService = 2, 8 }))
}

// Hosts that the load balancer doesn't know hold up no floor.
func TestUnlistedHostsAreNotInService(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		for _, i := range []int{5, 6, 7, 8} {
			delete(r.lb.servers, r.host(i))
		}
		r.rounds(time.Minute)
		r.bad(3)
		r.rounds(10 * time.Minute)
		if b := blockedBy(r.open(3)); r.lb.acts() != 0 || b != "pool_floor" && b != "coverage" {
			t.Errorf("%d acts, blocked by %q", r.lb.acts(), b)
		}
	}, limits(func(l *ledger.Limits) { l.MaxOut, l.MinInService = 3, 8 }))
}

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

// A clock that jumps ahead ends no hold and no freeze, and nothing is done
// until it has gone evenly for a while. People are told.
func TestClockJumpEndsNothing(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		until := r.clk.Now().Add(8 * time.Hour)
		r.must(r.e.Hold(t.Context(), alice(), Target{Pool: ingest, Host: r.host(3)}, "maintenance", until))
		r.bad(3)
		r.rounds(10 * time.Minute)
		pages := len(r.ear.pages())
		r.clk.Skew(9 * time.Hour)
		r.rounds(8 * time.Minute)
		if s := r.l.Status(); len(s.Holds) != 1 || r.lb.acts() != 0 {
			t.Errorf("8 minutes after the jump: %d holds, %d acts", len(s.Holds), r.lb.acts())
		}
		if got := len(r.ear.pages()) - pages; got != 1 {
			t.Errorf("%d pages about the clock", got)
		}
		r.rounds(10 * time.Minute)
		if s := r.l.Status(); len(s.Holds) != 0 {
			t.Errorf("the clock went evenly, and the hold until %s stands at %s", until, r.clk.Now())
		}
	})
}

// A clock that was set back blocks, and stops can still be set.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.clk.Skew(-time.Hour)
		r.rounds(20 * time.Minute) // the drift alone would be forgiven by now
		r.bad(3)
		r.rounds(10 * time.Minute)
		if b := blockedBy(r.open(3)); b != "clock" {
			t.Errorf("blocked by %q", b)
		}
		r.must(r.e.Hold(t.Context(), alice(), Target{Pool: ingest, Host: r.host(5)}, "mine", r.clk.Now().Add(30*time.Minute)))
		if h := r.l.Status().Holds; len(h) != 1 || h[0].Until.Sub(h[0].Since) < 29*time.Minute {
			t.Errorf("%+v", h)
		}
	}, level(remedy.LevelConfirm))
}

// A list that was cut off ends no case and takes away no undo.
func TestTruncatedInventoryEndsNothing(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(9)
		c := r.reaches(9, remedy.StageOut)
		r.round()
		r.inv.keep(3)
		r.rounds(5 * time.Minute)
		now, _ := r.l.Case(c.ID)
		p := r.l.Pool(ingest, r.clk.Now())
		if now.Stage != remedy.StageOut || p.Blocked == "" || len(p.Out) != 1 {
			t.Errorf("%s %s, blocked %q, out %v", now.Stage, now.Outcome, p.Blocked, p.Out)
		}
		r.must(r.undo(c.ID, remedy.UndoFixed))
		if got := r.lb.admin(r.host(9)); got != "ready" {
			t.Errorf("undone, and %s", got)
		}
	})
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

// Storms in many pools, and a fleet that goes out at once, are recorded in as
// many entries as they take: the log refuses what is too large.
func TestLargeRoundsAreRecorded(t *testing.T) {
	t.Parallel()
	t.Run("storms", func(t *testing.T) {
		r := newRig(t, func(s *setup) {
			s.n = 150
			for i := range 8 {
				s.canary.Pools = append(s.canary.Pools, remedy.PoolName(fmt.Sprintf("p%d", i)))
			}
			s.config = func(c *Config) {
				for _, p := range s.canary.Pools {
					c.Pools[p], c.Actions[drain].Levels[p] = c.Pools[ingest], remedy.LevelAuto
				}
			}
		})
		r.rounds(time.Minute)
		all := make([]int, 120)
		for i := range all {
			all[i] = i
		}
		r.bad(all...)
		r.rounds(5 * time.Minute)
		if n := len(r.l.Cases(ledger.CaseFilter{})); n != 9*maxOpenCases || r.ear.count(ledger.NoticeStorm) != 9 || r.lb.acts() != 0 {
			t.Errorf("%d cases, %d storms told, %d acts", n, r.ear.count(ledger.NoticeStorm), r.lb.acts())
		}
	})
	t.Run("out", func(t *testing.T) {
		r := newRig(t, level(remedy.LevelConfirm), func(s *setup) { s.n, s.limits.MaxOut, s.limits.MinInService = 20000, 10, 15000 })
		r.rounds(time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		for h, s := range r.lb.servers {
			if h != r.host(3) {
				s.admin = "maint"
			}
		}
		r.must(r.answer(c.ID, true))
		r.rounds(2 * time.Minute)
		if n := len(r.l.Pool(ingest, r.clk.Now()).Out); n != 19999 || r.lb.acts() != 0 {
			t.Errorf("%d of 19999 known to be out, %d acts", n, r.lb.acts())
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
