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

// Storms in many pools, and a fleet that goes out at once, are recorded in as
// many entries as they take: the log refuses what is too large.
func TestLargeRoundsAreRecorded(t *testing.T) {
	t.Parallel()
	t.Run("storms", func(t *testing.T) {
		r := newRig(t, func(s *setup) {
			s.n = 150
			for i := range 24 {
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
		if n := len(r.l.Cases(ledger.CaseFilter{})); n != 25*maxStormCases || r.ear.count(ledger.NoticeStorm) != 25 || r.lb.acts() != 0 {
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

// A round that looked before the hands moved, and is concluded between the
// gate's look and its decision, must not put those hosts back in service.
func TestAnOlderRoundUndoesNoNewerLook(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.clk.Advance(step)
		stale := r.e.detect(r.t.Context(), r.e.Config(), r.e.baton.memory, false)
		verified, looks := false, 0
		r.log.verify = func() error {
			if !verified {
				verified = true
				r.e.locked(func() { r.e.conclude(r.t.Context(), r.e.Config(), stale) })
			}
			return nil
		}
		r.lb.between = func() {
			if looks++; looks == 3 { // START has looked, the gate has not
				for _, i := range []int{5, 6, 7} {
					r.lb.set(r.host(i), "maint")
				}
			}
		}
		r.must(r.answer(c.ID, true))
		r.rounds(time.Minute)
		if !verified || r.lb.acts() != 0 {
			t.Errorf("verified %v, %d acts, %d in service with a floor of 8", verified, r.lb.acts(), r.inService())
		}
	}, level(remedy.LevelConfirm), limits(func(l *ledger.Limits) { l.MaxOut, l.MinInService = 2, 8 }))
}
