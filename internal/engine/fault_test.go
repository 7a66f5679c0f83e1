package engine

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"warden/actions"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Commits that fail, and commits that succeed and say that they failed, lose
// nothing: the story ends the same, or with a person.
func TestCommitFaults(t *testing.T) {
	t.Parallel()
	kinds := []string{"node.report", "pool.size", "case.judge", "exec.start", "exec.finish", "exec.verdict", "exec.helped", "notice.receipt", "pool.out"}
	for _, kind := range kinds {
		for _, how := range []fault{lost, unsure} {
			story(t, func(r *rig) {
				t := r.t
				left := 3
				r.log.fault = func(e ledger.Entry) fault {
					if left > 0 && hasOp(e, kind) {
						left--
						return how
					}
					return noFault
				}
				r.bad(3)
				r.rounds(20 * time.Minute)
				if left == 3 {
					t.Fatalf("%s never happened", kind)
				}
				c := r.last(3)
				if c.Stage != remedy.StageOut || c.Outcome != remedy.OutcomeDone || r.lb.acts() != 1 {
					t.Errorf("%s, %v: %s, %s, %d acts", kind, how, c.Stage, c.Outcome, r.lb.acts())
				}
				check(t, r, kind)
			})
		}
	}
}

// START committed, and nobody here knows: the effect never happens, and after
// the wait the backend proves it, or a person is asked.
func TestUnsureStart(t *testing.T) {
	t.Parallel()
	for _, ages := range []bool{true, false} {
		story(t, func(r *rig) {
			t := r.t
			r.lb.ages = ages
			once := false
			r.log.fault = func(e ledger.Entry) fault {
				if hasOp(e, "exec.start") && !once {
					once = true
					return unsure
				}
				return noFault
			}
			r.bad(3)
			c := r.reaches(3, remedy.StageExecuting)
			r.rounds(90 * time.Second)
			if r.lb.acts() != 0 {
				t.Fatal("acted on a START that nobody answers for")
			}
			r.rounds(90 * time.Second)
			c, _ = r.l.Case(c.ID)
			if ages {
				if c.Executions[0].Outcome != remedy.OutcomeAborted || r.lb.acts() != 1 {
					t.Errorf("%+v", c)
				}
				return
			}
			if !c.UnknownExecution() || len(r.ear.pages()) != 1 {
				t.Fatalf("%+v", c)
			}
			// A person settles it, and the host's lock and slot are free.
			r.must(r.e.Resolve(t.Context(), alice(), ledger.Resolve{Case: c.ID}))
			if c, _ = r.l.Case(c.ID); c.Stage != remedy.StageClosed || r.lb.acts() != 0 {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestUnknownIsSeenLater(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.lb.ages = false
		r.lb.effect = func(_ context.Context, set func()) error { set(); r.lb.down = true; return errTest }
		r.bad(3)
		r.rounds(5 * time.Minute)
		if c := r.last(3); !c.UnknownExecution() {
			t.Fatalf("%+v", c)
		}
		r.lb.mu.Lock()
		r.lb.down = false
		r.lb.mu.Unlock()
		if c := r.reaches(3, remedy.StageOut); c.Outcome != remedy.OutcomeDone || r.lb.acts() != 1 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAnnouncementsAreAtLeastOnce(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.ear.err = errTest
		r.bad(3)
		r.rounds(5 * time.Minute)
		if n := len(r.l.Pending()); n == 0 || len(r.ear.heard) != 0 {
			t.Fatalf("%d wait", n)
		}
		r.ear.err = nil
		r.log.fault = func(e ledger.Entry) fault {
			if hasOp(e, "notice.receipt") {
				return lost
			}
			return noFault
		}
		r.rounds(5 * time.Minute)
		first := len(r.ear.heard)
		if n := len(r.l.Pending()); n == 0 || first != n {
			t.Errorf("%d heard, %d wait: each is told once in a tenure", first, n)
		}
		for _, m := range r.ear.heard {
			if m.Again {
				t.Errorf("again at first: %+v", m)
			}
		}
		r.log.fault = nil
		r.restart()
		r.rounds(time.Minute)
		again := r.ear.heard[first:]
		if len(again) != first || len(r.l.Pending()) != 0 {
			t.Errorf("%d heard after a restart", len(again))
		}
		for _, m := range again {
			if !m.Again || m.Case == nil {
				t.Errorf("%+v", m)
			}
		}
	})
}

func TestSourceIsToldOnce(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.rounds(time.Minute)
		r.src.dead = true
		once := false
		r.log.fault = func(e ledger.Entry) fault {
			if hasOp(e, "notice.add") && !once {
				once = true
				return lost
			}
			return noFault
		}
		r.rounds(5 * time.Minute)
		if n := r.ear.count(ledger.NoticeSource); n != 1 {
			t.Errorf("told %d times that it is blind", n)
		}
		r.src.dead = false
		r.rounds(5 * time.Minute)
		if n := r.ear.count(ledger.NoticeSource); n != 2 {
			t.Errorf("told %d times", n)
		}
	})
}

// A round that changed nothing commits nothing.
func TestQuietRoundsCommitNothing(t *testing.T) {
	t.Parallel()
	for _, rung := range []remedy.Level{remedy.LevelMetricOnly, remedy.LevelNotify, remedy.LevelConfirm, remedy.LevelAuto} {
		for _, approvers := range []bool{true, false} {
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				r.rounds(15 * time.Minute)
				n := len(r.log.entries)
				r.rounds(10 * time.Minute)
				if extra := len(r.log.entries) - n; extra != 0 {
					t.Errorf("%s, approvers %v: %d entries in rounds that changed nothing, the last is %+v", rung, approvers, extra, r.log.entries[len(r.log.entries)-1].Ops[0].Kind)
				}
			}, level(rung), func(s *setup) {
				s.config = func(c *Config) {
					if a := c.Actions[drain]; !approvers {
						a.Approvers = nil
						c.Actions[drain] = a
					}
				}
			})
		}
	}
}

// Capped at confirm, auto asks; and where it can't ask it doesn't act.
func TestAutoCappedAtConfirm(t *testing.T) {
	t.Parallel()
	for _, gate := range []bool{false, true} {
		story(t, func(r *rig) {
			t := r.t
			if gate { // the load balancer can't be asked any more, right after START
				other := &balancer{clk: r.clk, hooks: r.hooks, servers: r.lb.servers}
				other.spec = r.lb.spec
				cfg := r.config(defaults())
				a := cfg.Actions[drain]
				a.Action = other
				cfg.Actions["maint"] = a
				r.cfg = cfg
				r.restart()
				r.lb.between = func() {
					if c := r.open(3); c != nil && c.Stage == remedy.StageExecuting {
						other.down = true
					}
				}
			}
			r.bad(3)
			r.rounds(3 * time.Minute)
			if r.lb.acts() != 0 {
				t.Error("acted without a person where a person is needed")
			}
		}, func(s *setup) {
			s.config = func(c *Config) {
				p := c.Pools[ingest]
				p.AssumeInService = !gate
				c.Pools[ingest] = p
			}
		})
	}
}

// goroutines lets the engine run by itself, on the stepped clock.
func goroutines(t *testing.T, f func(r *rig, pass func(time.Duration)), change ...func(*setup)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change...)
		r.spawn = func(f func()) { go f() }
		r.restart()
		r.t = t
		f(r, func(d time.Duration) {
			for end := r.clk.Now().Add(d); r.clk.Now().Before(end); {
				synctest.Wait()
				next, ok := r.clk.Next()
				if !ok || next.After(end) {
					next = end
				}
				r.clk.Advance(next.Sub(r.clk.Now()))
			}
			synctest.Wait()
		})
	})
}

// Run goes on by itself; Drain waits for the running effect, and admits
// nothing new.
func TestRunAndDrain(t *testing.T) {
	t.Parallel()
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		release := make(chan struct{})
		r.lb.effect = func(_ context.Context, set func()) error { <-release; set(); return nil }
		r.bad(3)
		pass(3 * time.Minute)
		if r.lb.acts() != 1 {
			t.Fatalf("%d acts", r.lb.acts())
		}
		drained := make(chan error, 1)
		go func() { drained <- r.e.Drain(t.Context()) }()
		r.bad(5)
		pass(30 * time.Second)
		select {
		case err := <-drained:
			t.Errorf("Drain didn't wait: %v", err)
		default:
		}
		if err := r.e.Drain(ctxDone(t)); err == nil {
			t.Error("Drain outlasts its context")
		}
		close(release)
		pass(10 * time.Second)
		if err := <-drained; err != nil || r.last(3).Execution().Outcome != remedy.OutcomeDone {
			t.Errorf("%v, %+v", err, r.last(3).Execution())
		}
		stop()
		if err := <-ended; err != nil || r.lb.acts() != 1 {
			t.Errorf("%v, %d acts", err, r.lb.acts())
		}
	})
}

func ctxDone(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A tenure that ends before the effect keeps it from happening; one that ends
// during the effect lets it finish, and the end is committed, or recovered by
// the next.
func TestTenureEnds(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{"before the effect", "during it", "during it, and nothing can be committed"} {
		goroutines(t, func(r *rig, pass func(time.Duration)) {
			t := r.t
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			if stage == "before the effect" {
				r.lb.between = func() {
					if c := r.open(3); c != nil && c.Stage == remedy.StageExecuting {
						stop()
					}
				}
			} else {
				r.lb.effect = func(_ context.Context, set func()) error {
					stop()
					if stage != "during it" {
						r.log.mu.Lock()
						r.log.fault = func(ledger.Entry) fault { return notLeads }
						r.log.mu.Unlock()
					}
					set()
					return nil
				}
			}
			go func() { ended <- r.e.Run(ctx) }()
			r.bad(3)
			pass(5 * time.Minute)
			r.must(<-ended)
			x := r.last(3).Execution()
			switch stage {
			case "before the effect":
				if r.lb.acts() != 0 || x.Outcome != remedy.OutcomeAborted {
					t.Errorf("%d acts, %+v", r.lb.acts(), x)
				}
				return
			case "during it":
				if x.Outcome != remedy.OutcomeDone {
					t.Errorf("%+v", x)
				}
			default:
				if x.Outcome != "" {
					t.Errorf("%+v", x)
				}
			}
			r.log.mu.Lock()
			r.log.fault = nil
			r.log.mu.Unlock()
			r.lb.effect = nil
			ctx, stop = context.WithCancel(t.Context())
			go func() { ended <- r.e.Run(ctx) }()
			pass(5 * time.Minute)
			if c := r.last(3); c.Stage != remedy.StageOut || r.lb.acts() != 1 {
				t.Errorf("%s: %s, %d acts", stage, c.Stage, r.lb.acts())
			}
			stop()
			r.must(<-ended)
		})
	}
}

// Everything at once, for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(ctx) }()
		pass(time.Minute)
		var people sync.WaitGroup
		hosts := r.src.hosts
		for i := range 6 {
			people.Go(func() {
				for range 20 {
					id, err := r.e.RunByHand(ctx, alice(), RunRequest{Action: drain, Target: Target{Pool: ingest, Host: hosts[i]}, Reason: "x"})
					if _, refused := errors.AsType[*Refusal](err); err != nil && !refused {
						t.Errorf("run: %v", err)
					}
					if err == nil {
						_ = r.e.Undo(ctx, alice(), id, remedy.UndoTest)
					}
					_, _ = r.e.Find(string(hosts[i]), "")
					_ = r.e.View().Judgements(ingest)
					if i == 0 {
						_ = r.e.Reconfigure(ctx, r.cfg)
						_ = r.e.Freeze(ctx, alice(), "x", time.Time{})
						_ = r.e.Unfreeze(ctx, alice())
					}
				}
			})
		}
		r.bad(8, 9)
		pass(10 * time.Minute)
		people.Wait()
		stop()
		r.must(<-ended)
		check(t, r, "at once")
	}, limits(func(l *ledger.Limits) { l.MaxConcurrent = 3 }))
}

var _ actions.Action = (*balancer)(nil)

// A start that is called off for as long as leadership can't be verified is
// tried once a round, and not over and over.
func TestCalledOffIsTriedOncePerRound(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		r.log.verify = func() error { return errTest }
		r.must(r.answer(c.ID, true))
		r.rounds(2 * time.Minute)
		if n := r.counter("warden_actions_total", "result", "aborted"); n < 2 || n > 5 {
			t.Errorf("called off %d times in four rounds", n)
		}
		r.log.verify = nil
		r.reaches(3, remedy.StageOut)
	}, level(remedy.LevelConfirm))
}
