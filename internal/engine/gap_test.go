package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Rounds that never ran, and rounds that came to nothing, have seen nothing:
// who readies a host meanwhile and reloads the load balancer later is kept.
func TestGapBeforeAReload(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]func(r *rig, f *farm, h remedy.HostName){
		"no round ran": func(r *rig, f *farm, h remedy.HostName) {
			r.clk.Advance(5 * time.Minute)
			f.set("a", h, "ready")
			r.clk.Advance(10 * time.Minute)
			f.reload("a")
			r.clk.Advance(5 * time.Minute)
		},
		"no round was recorded": func(r *rig, f *farm, h remedy.HostName) {
			r.log.fault = func(ledger.Entry) fault { return lost }
			f.set("a", h, "ready")
			r.rounds(10 * step)
			f.reload("a")
			r.log.fault = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				f := r.farm("a")
				r.bad(3)
				c := r.reaches(3, remedy.StageOut)
				r.rounds(2 * step)
				gap(r, f, c.Host)
				r.rounds(4 * time.Minute)
				if c, _ = r.l.Case(c.ID); f.states(c.Host) != "ready" || reasserts(c) != 0 || c.Outcome != remedy.OutcomeReturned {
					t.Errorf("it is in %q, put back %d times, %s %s: %+v", f.states(c.Host), reasserts(c), c.Stage, c.Outcome, c.Events)
				}
			})
		})
	}
}

// An action that takes nothing out, and whose host fails again, is not undone by
// another hand: it waits, and ends unverified.
func TestVerdictOfWhatTakesNothingOut(t *testing.T) {
	t.Parallel()
	c := &ledger.Case{Stage: remedy.StageVerifying, Host: "h1", Executions: []ledger.Execution{{Kind: remedy.KindAct, Outcome: remedy.OutcomeDone}}}
	o := remedy.Observation{AsWanted: remedy.Known(false), Took: remedy.Known(false), Admin: "failed"}
	if b := verdict(c, o, nil, 10*time.Second, 3*time.Minute, ""); b != nil {
		t.Errorf("early: %+v", b)
	}
	b, ok := verdict(c, o, nil, 3*time.Minute, 3*time.Minute, "").(*ledger.ExecVerdict)
	if !ok || b.Took || b.Returned || !strings.Contains(b.Note, "3m0s") {
		t.Errorf("late: %+v", b)
	}
}

// A reassert starts only where the load balancer that forgot is where it was:
// another state there, or a change elsewhere, is another hand's.
func TestReassertStartsFromWhatWasForgotten(t *testing.T) {
	t.Parallel()
	for admin, ok := range map[string]bool{"ready": true, "maint": false} {
		for name, forgot := range map[string]bool{"a": true, "b": false} {
			x := &execution{c: &ledger.Case{
				Forgotten:  &ledger.Forgotten{Balancers: []string{"a"}},
				Executions: []ledger.Execution{{Kind: remedy.KindAct, Balancers: []remedy.BalancerState{{Name: "a", Admin: "ready"}, {Name: "b", Admin: "ready"}}}},
			}}
			o := remedy.Observation{Balancers: []remedy.Balancer{{Name: name, Admin: admin, AsWanted: remedy.Known(false)}}}
			if err := priorOfForgotten(x, o, &ledger.ExecStart{}); (err == nil) != (ok && forgot) {
				t.Errorf("%s on %s: %v", admin, name, err)
			}
		}
	}
}
