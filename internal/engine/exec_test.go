package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"warden/actions"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
)

// How an effect ends, by what the backend does and says.
func TestEffects(t *testing.T) {
	t.Parallel()
	hang := func(ctx context.Context, _ func()) error { <-ctx.Done(); return context.Cause(ctx) }
	// As exec's command does, which has a time limit of its own within the context.
	stops := func(ctx context.Context, _ func()) error {
		if ctx.Err() != nil {
			return errors.New("the context ended, and was not to")
		}
		return fmt.Errorf("/usr/local/bin/drain: stopped after 57s (killed): %w", actions.ErrCutOff)
	}
	tests := []struct {
		name   string
		ages   bool
		effect func(ctx context.Context, set func()) error
		linger time.Duration
		after  func(*rig)
		stage  remedy.Stage
		want   remedy.Outcome
		page   bool
	}{
		{name: "at once", ages: true, stage: remedy.StageOut, want: remedy.OutcomeDone},
		{name: "quiet after a while", ages: true, linger: 90 * time.Second, stage: remedy.StageOut, want: remedy.OutcomeDone},
		{name: "never quiet", ages: true, linger: time.Hour, stage: remedy.StageOut, want: remedy.OutcomeUnverified, page: true},
		{
			name: "fails", ages: true, effect: func(context.Context, func()) error { return errTest },
			stage: remedy.StageClosed, want: remedy.OutcomeFailed, page: true,
		},
		{
			name: "lies", ages: true, effect: func(context.Context, func()) error { return nil },
			stage: remedy.StageClosed, want: remedy.OutcomeFailed, page: true,
		},
		{
			name: "fails and took", ages: true, effect: func(_ context.Context, set func()) error { set(); return errTest },
			stage: remedy.StageOut, want: remedy.OutcomeDone,
		},
		{name: "hangs, provably untouched", ages: true, effect: hang, stage: remedy.StageClosed, want: remedy.OutcomeFailed, page: true},
		{name: "hangs", effect: hang, stage: remedy.StageExecuting, want: remedy.OutcomeUnknown, page: true},
		{
			name: "hangs and took", effect: func(ctx context.Context, set func()) error { set(); return hang(ctx, nil) },
			stage: remedy.StageOut, want: remedy.OutcomeDone,
		},
		{name: "stops itself, provably untouched", ages: true, effect: stops, stage: remedy.StageClosed, want: remedy.OutcomeFailed, page: true},
		{name: "stops itself", effect: stops, stage: remedy.StageExecuting, want: remedy.OutcomeUnknown, page: true},
		{
			name: "stops itself and took", effect: func(ctx context.Context, set func()) error { set(); return stops(ctx, nil) },
			stage: remedy.StageOut, want: remedy.OutcomeDone,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.lb.ages, r.lb.effect, r.lb.linger = tt.ages, tt.effect, tt.linger
				r.bad(3)
				r.rounds(15 * time.Minute)
				c := r.last(3)
				if first := r.l.Cases(ledger.CaseFilter{Host: r.host(3)}); tt.stage == remedy.StageClosed {
					c = first[len(first)-1] // it goes on as a new case
				}
				if c.Stage != tt.stage || c.Outcome != tt.want || r.lb.acts() != 1 {
					t.Errorf("%s, %s (%s), %d acts; want %s, %s", c.Stage, c.Outcome, c.Note, r.lb.acts(), tt.stage, tt.want)
				}
				if paged := len(r.ear.pages()) > 0; paged != tt.page {
					t.Errorf("pages: %+v", r.ear.pages())
				}
			})
		})
	}
}

// What a command that was stopped at its own deadline does late is still
// counted: its slot stays taken until somebody knows.
func TestCutOffKeepsItsSlot(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		var late func()
		r.lb.ages = false
		r.lb.effect = func(_ context.Context, set func()) error {
			if late != nil {
				set()
				return nil
			}
			late = set
			r.clk.Advance(30 * time.Second)
			return fmt.Errorf("stopped: %w", actions.ErrCutOff)
		}
		r.bad(3, 4)
		r.rounds(12 * time.Minute)
		first := r.open(3)
		if first == nil || !first.UnknownExecution() {
			first = r.open(4)
		}
		if first == nil || !first.UnknownExecution() || len(r.ear.pages()) != 1 || r.lb.acts() != 1 {
			t.Fatalf("%+v, %d pages, %d acts", first, len(r.ear.pages()), r.lb.acts())
		}
		late()
		r.rounds(15 * time.Minute)
		if c, _ := r.l.Case(first.ID); c.Stage != remedy.StageOut || c.Outcome != remedy.OutcomeDone || r.lb.acts() != 1 {
			t.Errorf("%s, %s (%s), %d acts: two out, and one may be", c.Stage, c.Outcome, c.Note, r.lb.acts())
		}
	}, limits(func(l *ledger.Limits) { l.MaxOut = 1 }))
}

// An action that ignores its deadline ends with a person, and nothing is done
// in its place while it is still at it.
func TestActionThatNeverComesBack(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		release := make(chan struct{})
		r.spawn = func(f func()) { go f() }
		r.lb.effect = func(context.Context, func()) error { <-release; return nil }
		r.bad(3)
		r.rounds(10 * time.Minute)
		c := r.last(3)
		if !c.UnknownExecution() || len(r.ear.pages()) != 1 || r.lb.acts() != 1 {
			t.Errorf("%s, %s, %d pages, %d acts", c.Stage, c.Outcome, len(r.ear.pages()), r.lb.acts())
		}
		r.lb.set(r.host(3), "drain") // it came after all
		close(release)
		c = r.reaches(3, remedy.StageOut)
		if c.Outcome != remedy.OutcomeDone {
			t.Errorf("%+v", c)
		}
		r.must(r.e.Drain(t.Context()))
	})
}

// Whatever happens between START and the effect aborts it: nothing is done,
// and everything is free again.
func TestAborts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		rung  remedy.Level
		do    func(*rig)
		stage remedy.Stage
		want  string
		soon  bool // it acts once the reason is gone
	}{
		{"recovers", remedy.LevelAuto, func(r *rig) { r.src.set(r.host(3), r.clk.Now().Add(-time.Hour), 1, false) }, remedy.StageClosed, "recovered", false},
		{"recovers, which the source doesn't know by heart", remedy.LevelAuto, func(r *rig) {
			r.src.remember()
			r.src.set(r.host(3), r.clk.Now().Add(-time.Hour), 1, false)
		}, remedy.StageClosed, "recovered", false},
		{"unknown", remedy.LevelAuto, func(r *rig) { r.src.set(r.host(3), r.clk.Now().Add(-time.Hour), 0.7, false) }, remedy.StageDetected, "unknown", false},
		{"the source fails", remedy.LevelAuto, func(r *rig) { r.src.dead = true }, remedy.StageDetected, "source_failed", false},
		{"somebody drains it", remedy.LevelAuto, func(r *rig) { r.lb.set(r.host(3), "drain") }, remedy.StageDetected, "somebody else", false},
		{"somebody changes it", remedy.LevelAuto, func(r *rig) { r.lb.set(r.host(3), "maint") }, remedy.StageDetected, "somebody else", false},
		{"frozen", remedy.LevelAuto, func(r *rig) { r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{})) }, remedy.StageDetected, "freeze", false},
		{"held", remedy.LevelAuto, func(r *rig) {
			r.must(r.e.Hold(r.ctx(), bob(), Target{Pool: ingest, Host: r.host(3)}, "mine", r.clk.Now().Add(time.Hour)))
		}, remedy.StageDetected, "hold", false},
		{"demoted", remedy.LevelAuto, func(r *rig) {
			s := defaults()
			s.level = remedy.LevelNotify
			r.cfg = r.config(s)
			r.must(r.e.Reconfigure(r.ctx(), r.cfg))
		}, remedy.StageDetected, "reloaded", false},
		{"others turn bad", remedy.LevelAuto, func(r *rig) {
			for _, h := range []int{4, 5} {
				r.src.set(r.host(h), r.clk.Now().Add(-time.Hour), 0, false)
			}
		}, remedy.StageDetected, "common_mode", false},
		{"leadership can't be verified", remedy.LevelAuto, func(r *rig) { r.log.verify = func() error { return errTest } }, remedy.StageDetected, "verified", true},
		{"the plan changes", remedy.LevelAuto, func(r *rig) { r.lb.suffix = " twice" }, remedy.StageClosed, "plan changed", true},
		{"it takes too long", remedy.LevelAuto, func(r *rig) { r.clk.Advance(31 * time.Second) }, remedy.StageDetected, "within", true},
		{"the wall clock is set back", remedy.LevelAuto, func(r *rig) { r.clk.Skew(-time.Second); r.clk.Advance(31 * time.Second) }, remedy.StageDetected, "within", true},
		{"frozen after a yes", remedy.LevelConfirm, func(r *rig) { r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{})) }, remedy.StageWaiting, "freeze", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				once := false
				r.lb.between = func() { // the first look at the host after START
					if c := r.open(3); c != nil && c.Stage == remedy.StageExecuting && !once {
						once = true
						tt.do(r)
					}
				}
				r.bad(3)
				if tt.rung == remedy.LevelConfirm {
					r.must(r.answer(r.reaches(3, remedy.StageWaiting).ID, true))
				}
				for !once {
					r.rounds(step)
				}
				c, _ := r.l.Case(1)
				x := c.Execution()
				if r.lb.acts() != 0 || x.Outcome != remedy.OutcomeAborted || c.Stage != tt.stage || !strings.Contains(x.Note, tt.want) || len(c.Executions) != 1 {
					t.Errorf("%d acts; %s, %s: %s", r.lb.acts(), c.Stage, x.Outcome, x.Note)
				}
				if n := len(r.l.Starts(ingest)); n != 0 {
					t.Errorf("%d STARTs still count", n)
				}
				r.log.verify, r.lb.between = nil, nil
				r.src.kept = nil
				r.rounds(2 * time.Minute)
				if acted := r.lb.acts() == 1; acted != tt.soon {
					t.Errorf("%d acts afterwards", r.lb.acts())
				}
			}, level(tt.rung))
		})
	}
}

func TestSupersededAndReturned(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t // somebody else drained it first
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.lb.set(r.host(3), "drain")
		r.rounds(time.Minute)
		if c, _ := r.l.Case(c.ID); c.Outcome != remedy.OutcomeSuperseded {
			t.Errorf("%+v", c)
		}
	}, level(remedy.LevelConfirm))
	story(t, func(r *rig) {
		t := r.t // somebody else put it back
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.lb.set(r.host(3), "ready")
		r.rounds(time.Minute)
		if c, _ := r.l.Case(c.ID); c.Outcome != remedy.OutcomeReturned || len(r.ear.pages()) != 0 {
			t.Errorf("%+v", c)
		}
		r.rounds(5 * time.Hour)
		if r.lb.acts() != 1 || r.lb.admin(r.host(3)) != "ready" || blockedBy(r.open(3)) != "cooldown" {
			t.Errorf("a person's reversal isn't kept: %d acts, %q", r.lb.acts(), blockedBy(r.open(3)))
		}
	})
	story(t, func(r *rig) {
		t := r.t // and before it went quiet
		r.lb.linger = time.Hour
		r.bad(3)
		c := r.reaches(3, remedy.StageVerifying)
		r.lb.set(r.host(3), "ready")
		r.rounds(time.Minute)
		if c, _ := r.l.Case(c.ID); c.Outcome != remedy.OutcomeReturned || len(r.ear.pages()) != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestUndo(t *testing.T) {
	t.Parallel()
	for _, why := range []remedy.UndoReason{remedy.UndoFixed, remedy.UndoWasFine, remedy.UndoTest, ""} {
		story(t, func(r *rig) {
			t := r.t
			r.bad(3)
			c := r.reaches(3, remedy.StageOut)
			p, err := r.e.PreviewUndo(c.ID)
			if err != nil || !p.Decision.Allowed() || len(p.Warnings) == 0 || len(p.Plan.Steps) != 1 {
				t.Errorf("%+v, %v", p, err)
			}
			if err := r.e.Undo(t.Context(), bob(), c.ID, why); err == nil {
				t.Error("bob may not undo")
			}
			r.must(r.e.Freeze(t.Context(), alice(), "an undo is not bound by it", time.Time{}))
			// The person hangs up as soon as START is committed.
			ctx, hangUp := context.WithCancel(t.Context())
			r.spawn = func(f func()) { hangUp(); f() }
			r.do(func() { r.must(r.e.Undo(ctx, alice(), c.ID, why)); r.attend() })
			c, _ = r.l.Case(c.ID)
			if c.Outcome != remedy.OutcomeUndone || c.UndoReason != why || r.lb.admin(r.host(3)) != "ready" || len(r.lb.undone) != 1 {
				t.Errorf("%q: %+v", why, c)
			}
			held := r.l.Facts(ledger.FactsQuery{Pool: ingest, Host: r.host(3), Action: drain, Now: r.clk.Now()}).Hold != nil
			if held != (why == "") {
				t.Errorf("%q: held %v", why, held)
			}
		})
	}
	story(t, func(r *rig) {
		t := r.t // somebody else's change is left alone
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.lb.set(r.host(3), "maint")
		r.must(r.undo(c.ID, remedy.UndoFixed))
		c, _ = r.l.Case(c.ID)
		if len(r.lb.undone) != 0 || r.lb.admin(r.host(3)) != "maint" || c.Outcome == remedy.OutcomeUndone {
			t.Errorf("%+v", c)
		}
	})
	story(t, func(r *rig) {
		t := r.t // an undo that fails leaves it out
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.lb.effect = func(context.Context, func()) error { return errTest }
		r.must(r.undo(c.ID, remedy.UndoFixed))
		if c, _ = r.l.Case(c.ID); c.Stage != remedy.StageOut || c.Execution().Outcome != remedy.OutcomeFailed {
			t.Errorf("%+v", c)
		}
		r.lb.effect = nil
		r.must(r.undo(c.ID, remedy.UndoFixed))
		if c, _ = r.l.Case(c.ID); c.Outcome != remedy.OutcomeUndone {
			t.Errorf("%+v", c)
		}
	})
}

func TestHelped(t *testing.T) {
	t.Parallel()
	for _, worse := range []bool{false, true} {
		story(t, func(r *rig) {
			t := r.t
			r.ratio(0.3, 5)
			r.clk.Advance(0)
			r.bad(3)
			c := r.reaches(3, remedy.StageOut)
			if worse {
				r.bad(7)
			}
			r.rounds(7 * time.Minute)
			c, _ = r.l.Case(c.ID)
			if helped, known := c.Helped.Get(); !known || helped == worse {
				t.Errorf("worse %v: helped %v, known %v, others %d", worse, helped, known, c.BadOthers)
			}
		}, func(s *setup) { s.canary.MaxBadFraction = 1 })
	}
}

func TestRunByHand(t *testing.T) {
	t.Parallel()
	request := func(r *rig, i int, ack ...string) RunRequest {
		return RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(i)}, Reason: "swap a disk", Acknowledged: ack}
	}
	code := func(err error) string {
		if f, ok := errors.AsType[*Refusal](err); ok {
			return f.Code
		}
		return ""
	}
	run := func(r *rig, q RunRequest) (id remedy.CaseID, err error) {
		ctx, hangUp := context.WithCancel(r.ctx())
		r.spawn = func(f func()) { hangUp(); f() }
		r.do(func() { id, err = r.e.RunByHand(ctx, alice(), q); r.attend() })
		return id, err
	}
	story(t, func(r *rig) {
		t := r.t
		r.rounds(2 * time.Minute)
		q := request(r, 3)
		q.PlanHash = "000000000000"
		if _, err := run(r, q); code(err) != ledger.RefusedApproval {
			t.Errorf("another plan: %v", err)
		}
		id, err := run(r, request(r, 3))
		r.must(err)
		r.rounds(time.Minute)
		c, _ := r.l.Case(id)
		if c.Stage != remedy.StageOut || c.Manual == nil || c.Executions[0].By.Name != "alice" || r.lb.admin(r.host(3)) != "drain" {
			t.Errorf("%+v", c)
		}
		if _, err := run(r, request(r, 3)); code(err) == "" {
			t.Errorf("run twice: %v", err)
		}
		r.must(r.e.Hold(t.Context(), bob(), Target{Pool: ingest, Host: r.host(4)}, "mine", r.clk.Now().Add(time.Hour)))
		if _, err := run(r, request(r, 4)); code(err) != RefusedAsk {
			t.Errorf("held: %v", err)
		}
		if _, err := run(r, request(r, 4, "hold")); err != nil {
			t.Errorf("acknowledged: %v", err)
		}
		if _, err := run(r, request(r, 5)); code(err) != RefusedGuardrail {
			t.Errorf("the floor holds for people, too: %v", err)
		}
		if _, err := r.e.RunByHand(t.Context(), bob(), request(r, 5)); code(err) != RefusedNotYours {
			t.Errorf("bob: %v", err)
		}
		if r.lb.acts() != 2 {
			t.Errorf("%d acts", r.lb.acts())
		}
	}, level(remedy.LevelMetricOnly), limits(func(l *ledger.Limits) { l.MinInService = 8 }))
	story(t, func(r *rig) {
		t := r.t // common mode asks; a freeze does not
		r.bad(0, 1, 2, 3)
		r.rounds(10 * time.Minute)
		if _, err := run(r, request(r, 3)); code(err) != RefusedAsk {
			t.Errorf("%v", err)
		}
		r.must(r.e.Freeze(t.Context(), bob(), "stop", time.Time{}))
		if _, err := run(r, request(r, 3, "common_mode")); code(err) != RefusedGuardrail {
			t.Errorf("frozen: %v", err)
		}
		r.must(r.e.Unfreeze(t.Context(), alice()))
		if _, err := run(r, request(r, 3, "common_mode")); err != nil || r.lb.acts() != 1 {
			t.Errorf("%v, %d acts", err, r.lb.acts())
		}
	})
	story(t, func(r *rig) {
		t := r.t // a host that only the backend knows
		r.lb.set("stranger", "ready")
		r.rounds(time.Minute)
		q := request(r, 3)
		q.Target.Host = "stranger"
		if _, err := run(r, q); code(err) != RefusedNotFound || r.lb.acts() != 0 {
			t.Errorf("%v, %d acts", err, r.lb.acts())
		}
	})
}

// remember has Fetch go on answering what it would now.
func (s *series) remember() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = maps.Clone(s.states)
}

// freshSeries is a series without what it remembers.
type freshSeries struct{ *series }

// Fresh is what source.Fresh asks for.
func (s *series) Fresh() source.Source { return freshSeries{s} }

// Fetch implements source.Source.
func (f freshSeries) Fetch(_ context.Context, q remedy.Query) remedy.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := f.kept
	f.kept = nil
	defer func() { f.kept = kept }()
	return f.answer(q)
}
