package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/remedy"
)

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
