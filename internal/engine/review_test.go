package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A round that looked before the hands moved, and is concluded between the
// gate's look and its decision, must not put those hosts back in service.
func TestAnOlderRoundUndoesNoNewerLook(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.clk.Advance(step)
		stale := r.e.detect(r.t.Context(), r.e.Config())
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

// A clock that jumps ahead and is put right forgets no case, lets no question
// expire, and leaves no debt: once it has gone evenly, all is as before.
func TestClockThereAndBack(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.must(r.undo(c.ID, remedy.UndoTest))
		r.good(3)
		r.rounds(5 * time.Minute)
		before := r.l.Status().Cases
		r.clk.Skew(31 * 24 * time.Hour)
		r.rounds(time.Minute)
		r.clk.Skew(-31 * 24 * time.Hour)
		r.rounds(time.Minute)
		if after := r.l.Status().Cases; after != before {
			t.Errorf("%d cases became %d", before, after)
		}
		if behind := r.e.behind(); behind > 2*time.Second {
			t.Errorf("committed time is %s ahead", behind)
		}
		if got := len(r.ear.pages()); got != 2 {
			t.Errorf("%d pages for two steps", got)
		}
		r.rounds(clockStands)
		r.bad(4)
		r.rounds(10 * time.Minute)
		if acts := r.lb.acts(); acts != 2 {
			t.Errorf("%d acts, blocked by %q", acts, blockedBy(r.last(4)))
		}
	})
}

func TestAQuestionOutlivesAJump(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		r.reaches(3, remedy.StageWaiting)
		r.clk.Skew(9 * time.Hour)
		r.rounds(time.Minute)
		if c := r.last(3); c.Stage != remedy.StageWaiting {
			t.Errorf("%s %s %s", c.Stage, c.Outcome, c.Note)
		}
	}, level(remedy.LevelConfirm))
}

// A new tenure whose clock is behind says so.
func TestBehindAtTheStart(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.clk.Skew(-time.Hour)
		r.restart()
		r.rounds(10 * time.Minute)
		pages := r.ear.pages()
		if len(pages) != 1 || !strings.Contains(pages[0].Detail, "behind") {
			t.Errorf("%+v", pages)
		}
	})
}

// What is called off again and again is tried, and told, ever more seldom.
func TestCalledOffRests(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		failing := true
		r.log.verify = func() error {
			if failing {
				return errors.New("no")
			}
			return nil
		}
		r.rounds(2 * time.Hour)
		if n := r.ear.count(ledger.NoticeStarted); n < 3 || n > 12 {
			t.Errorf("%d attempts in two hours", n)
		}
		failing = false
		r.rounds(restMax + time.Minute)
		if r.lb.acts() != 1 {
			t.Errorf("%d acts once it works", r.lb.acts())
		}
	})
}

// A case that a person approved and that can't start says why, once, and the
// load balancer that can't be asked is told of as well.
func TestApprovedAndHeldUpIsTold(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.bad(3)
		a := r.reaches(3, remedy.StageWaiting)
		r.lb.down = true
		r.must(r.answer(a.ID, true))
		r.rounds(10 * time.Minute)
		waits, deaf := 0, 0
		for _, m := range r.ear.heard {
			if m.Notice.Case == a.ID && strings.Contains(m.Notice.Detail, "approved and waits") {
				waits++
			}
			if m.Notice.Kind == ledger.NoticePool && strings.Contains(m.Notice.Detail, "action drain") {
				deaf++
			}
		}
		if waits != 1 || deaf != 1 {
			t.Errorf("told %d times that it waits, %d times of the load balancer", waits, deaf)
		}
		r.lb.down = false
		r.rounds(2 * time.Minute)
		if r.lb.acts() != 1 {
			t.Errorf("%d acts once it answers", r.lb.acts())
		}
	}, level(remedy.LevelConfirm))
}

// A jump that comes and goes between two rounds leaves no debt either, though
// a person's stop was committed meanwhile.
func TestAJumpBetweenRoundsLeavesNoDebt(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(2 * time.Minute)
		r.clk.Skew(31 * 24 * time.Hour)
		r.must(r.e.Freeze(r.t.Context(), alice(), "x", time.Time{}))
		r.clk.Skew(-31 * 24 * time.Hour)
		r.must(r.e.Unfreeze(r.t.Context(), alice()))
		r.rounds(5 * time.Minute)
		if debt := r.e.behind(); debt > time.Minute {
			t.Errorf("committed time is %s ahead", debt)
		}
		r.bad(3)
		r.rounds(10 * time.Minute)
		if r.lb.acts() != 1 {
			t.Errorf("%d acts, blocked by %q", r.lb.acts(), blockedBy(r.open(3)))
		}
	})
}

// What was done shortly before the clock jumped is not judged by the jump.
func TestVerdictAcrossAJump(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		r.lb.linger = 90 * time.Second
		r.bad(3)
		c := r.reaches(3, remedy.StageVerifying)
		r.clk.Skew(time.Hour)
		r.lb.mu.Lock()
		s := r.lb.servers[r.host(3)]
		s.busy = s.busy.Add(time.Hour) // the balancer's clock is none of this node's
		r.lb.mu.Unlock()
		r.rounds(5 * time.Minute)
		if now, _ := r.l.Case(c.ID); now.Outcome != remedy.OutcomeDone || now.Stage != remedy.StageOut {
			t.Errorf("%s %s %s", now.Stage, now.Outcome, now.Note)
		}
	})
}

// Approved cases that only take their turn say nothing of it.
func TestTakingTurnsIsNotTold(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		hosts := []int{1, 2, 3, 4, 5}
		r.bad(hosts...)
		for _, i := range hosts {
			r.reaches(i, remedy.StageWaiting)
		}
		for _, i := range hosts {
			r.must(r.answer(r.open(i).ID, true))
		}
		r.rounds(time.Hour)
		if n := r.ear.count(ledger.NoticeStop); n != 0 || r.lb.acts() != len(hosts) {
			t.Errorf("%d notices, %d acts", n, r.lb.acts())
		}
	}, level(remedy.LevelConfirm), func(s *setup) {
		s.expires, s.canary.MaxBadFraction, s.limits.MaxOut, s.n = 3*time.Hour, 0.9, 5, 20
	})
}
