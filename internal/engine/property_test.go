package engine

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Whatever a fleet, its people and its backend do: no decision is above the cap
// of any guardrail, a round without an answer neither opens nor closes a case,
// nothing but an undo starts after a freeze was committed, nothing is out beyond
// the limits by warden's hand, and every execution ends in a verdict or with a
// person.
func TestInvariants(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFleet(t)
		f.Rounds = min(f.Rounds, 200)
		rung := rapid.SampledFrom([]remedy.Level{remedy.LevelNotify, remedy.LevelConfirm, remedy.LevelAuto, remedy.LevelAuto}).Draw(t, "rung")
		r := f.rig(t, rung)
		r.lb.ages = rapid.Bool().Draw(t, "ages")
		// Effects are instant, fail at once, or never come to be known. None
		// may wait, for nobody moves the clock.
		mood := 0
		r.lb.effect = func(_ context.Context, set func()) error {
			if mood == 1 {
				panic(killed{"in the effect"})
			}
			set()
			if mood == 2 {
				panic(killed{"after the effect"})
			}
			return nil
		}
		for i := 1; i <= f.Rounds; i++ {
			dice := rapid.IntRange(0, 40).Draw(t, "dice")
			mood = 0
			switch dice {
			case 0, 1:
				mood = 1 + dice
			case 2:
				_ = r.e.Freeze(r.ctx(), alice(), "x", time.Time{})
			case 3:
				_ = r.e.Unfreeze(r.ctx(), alice())
			case 4:
				r.lb.blur = !r.lb.blur
			case 5:
				r.lb.down = !r.lb.down
			}
			f.someone(r, dice)
			r.src.dead = dice > 36
			before := cases(r)
			r.clk.Advance(step)
			survive(r, func() { r.turn() })
			if r.src.dead && !sameFates(before, cases(r)) {
				t.Fatalf("a round without an answer opened or closed a case: %v, %v", before, cases(r))
			}
			limits := r.l.Facts(ledger.FactsQuery{Pool: ingest, Now: r.clk.Now()})
			if out := byWarden(r); out > 0 && (out > f.Limits.MaxOut || f.N-out < f.Limits.MinInService) {
				t.Fatalf("%d of %d out by warden's hand: %+v", out, f.N, limits.Limits)
			}
		}
		r.lb.blur, r.lb.down, mood = false, false, 0
		for range 30 {
			r.clk.Advance(step)
			r.turn()
		}
		r.history(t)
	})
}

// someone answers, undoes or resolves something now and then.
func (f fleet) someone(r *rig, dice int) {
	ctx := r.ctx()
	for _, c := range r.l.Pool(ingest, r.clk.Now()).Open {
		switch {
		case dice >= 10 && dice < 20 && c.Stage == remedy.StageWaiting && c.Answer == nil:
			_ = r.e.Answer(ctx, alice(), ledger.CaseAnswer{Case: c.ID, Approve: dice < 17, PlanHash: c.PlanHash})
		case dice >= 20 && dice < 23 && c.Stage == remedy.StageOut:
			_ = survive(r, func() { _ = r.e.Undo(ctx, alice(), c.ID, remedy.UndoTest) })
		case dice == 23 && c.UnknownExecution():
			_ = r.e.Resolve(ctx, alice(), ledger.Resolve{Case: c.ID, Out: r.lb.admin(c.Host) == "drain"})
		case dice == 24:
			r.lb.set(c.Host, "ready")
		}
	}
}

// survive starts warden again when it was killed.
func survive(r *rig, f func()) (died bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(killed); !ok {
				panic(p)
			}
			r.restart()
			died = true
		}
	}()
	f()
	return false
}

func cases(r *rig) map[remedy.CaseID]*ledger.Case {
	out := map[remedy.CaseID]*ledger.Case{}
	for _, c := range r.l.Cases(ledger.CaseFilter{}) {
		out[c.ID] = c
	}
	return out
}

// sameFates reports whether no case was opened, and none closed by a verdict:
// what a person, the load balancer or the passing of time ends is no verdict.
func sameFates(before, after map[remedy.CaseID]*ledger.Case) bool {
	for id, c := range after {
		was, ok := before[id]
		if !ok {
			return false
		}
		if was.Open() && !c.Open() && c.Outcome == remedy.OutcomeSelfRecovered {
			return false
		}
	}
	return true
}

// byWarden counts the hosts that are drained, which only warden does here.
func byWarden(r *rig) int {
	n := 0
	for _, s := range r.lb.servers {
		if s.admin == "drain" {
			n++
		}
	}
	return n
}

// history holds the whole log to the invariants.
func (r *rig) history(t *rapid.T) {
	replay := ledger.New()
	for i, e := range r.log.entries {
		_, bodies, err := ledger.DecodeEntry(must(e.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		frozen := replay.Status().Freeze != nil
		results := replay.Apply(uint64(i+1), 1, must(e.Encode())).(ledger.Applied).Results
		for k, b := range bodies {
			switch b := b.(type) {
			case *ledger.ExecStart:
				if frozen && results[k].OK && b.Kind != remedy.KindUndo {
					t.Fatalf("entry %d starts %s while frozen", i+1, b.Kind)
				}
			case *ledger.CaseJudge:
				if b.Decision == nil {
					continue
				}
				for _, a := range b.Decision.Answers {
					if b.Decision.Level > a.Cap {
						t.Fatalf("decided %s above %s of %s", b.Decision.Level, a.Cap, a.Guardrail)
					}
				}
			}
		}
	}
	paged := map[remedy.CaseID]bool{}
	for _, m := range r.ear.heard {
		paged[m.Notice.Case] = paged[m.Notice.Case] || m.Notice.Page
	}
	for _, c := range r.l.Cases(ledger.CaseFilter{}) {
		for _, x := range c.Executions {
			if x.Outcome == "" || (x.Outcome == remedy.OutcomeUnknown && !paged[c.ID]) {
				b, _ := json.Marshal(c)
				t.Fatalf("execution %s has neither a verdict nor a person: %s", x.Token, b)
			}
		}
	}
	seen := map[remedy.Token]bool{}
	for _, j := range r.lb.applied {
		if seen[j.Token] {
			t.Fatalf("two effects of %s", j.Token)
		}
		seen[j.Token] = true
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// A pool that left the config leaves nothing behind that nobody looks after.
func TestPoolLeavesTheConfig(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{false, true} {
		story(t, func(r *rig) {
			t := r.t
			if running {
				r.lb.effect = func(context.Context, func()) error { panic(killed{"here"}) }
			} else {
				s := defaults()
				s.level = remedy.LevelMetricOnly
				r.cfg = r.config(s)
				r.restart()
			}
			r.bad(3)
			for range 6 {
				if r.round() != "" {
					break
				}
			}
			cfg := *r.cfg
			cfg.Pools, cfg.Hash = map[remedy.PoolName]Pool{"other": cfg.Pools[ingest]}, "other"
			r.cfg = &cfg
			r.restart()
			r.rounds(5 * time.Minute)
			c := r.last(3)
			if running && (c.Execution() == nil || c.Execution().Outcome == "") {
				t.Errorf("%+v", c)
			}
			if !running && c.Outcome != remedy.OutcomeSuperseded {
				t.Errorf("%+v", c)
			}
		})
	}
}
