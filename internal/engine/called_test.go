package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

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
