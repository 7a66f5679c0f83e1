package engine

import (
	"context"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// proof is what a node knows when it looks after an execution: seconds from the
// START, in true time, and how far its clock and the proposer's are off.
type proof struct {
	own             bool
	changed         float64 // when the backend last changed the host
	arrived         float64
	restored        bool
	mine, theirs    float64
	stepped, median float64 // since it arrived; against the others
	tripped, behind bool
}

func secs(f float64) time.Duration { return time.Duration(f * float64(time.Second)) }

// A change is older than START only by a clock that both were told by, or with
// room for the two clocks: whatever else is unknown.
func TestProofThatItNeverTook(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		p    proof
		want bool
	}{
		"applied live, long unchanged":                   {proof{changed: -60}, true},
		"an election in between":                         {proof{changed: -60, arrived: 12}, true},
		"restarted where it was proposed":                {proof{own: true, changed: -60, arrived: 40}, true},
		"from a snapshot where it was proposed":          {proof{own: true, changed: -60, arrived: 40, restored: true}, true},
		"from another node's snapshot":                   {proof{changed: -600, arrived: 1, restored: true}, false},
		"read from the log long after":                   {proof{changed: -600, arrived: 40}, false},
		"changed since":                                  {proof{changed: 20}, false},
		"changed a second before":                        {proof{changed: -1}, false},
		"changed a second before, where it was proposed": {proof{own: true, changed: -1}, false},
		"changed since, this clock a minute behind":      {proof{changed: 20, mine: -60}, false},
		"this clock a minute behind":                     {proof{changed: -600, mine: -60}, false},
		"started and set back a minute":                  {proof{own: true, changed: 20, arrived: 40, mine: -60}, false},
		"changed since, both clocks within the offset":   {proof{changed: 1.5, mine: -2, theirs: 2}, false},
		"both clocks within the offset":                  {proof{changed: -60, mine: -2, theirs: 2}, true},
		"stepped since it arrived":                       {proof{changed: -600, stepped: -3}, false},
		"off the median":                                 {proof{changed: -600, median: 3}, false},
		"tripped":                                        {proof{changed: -600, tripped: true}, false},
		"was behind committed time":                      {proof{changed: -600, behind: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := newRig(t), tt.p
			begun := r.clk.Now()
			x := &ledger.Execution{StartedAt: begun.Add(secs(p.theirs)), Node: "n2-bbbb"}
			if p.own {
				x.Node = node
			}
			const look = 95 * time.Second
			r.clk.Advance(look)
			now := r.clk.Read()
			// The rig's clock is this node's now: shift the story onto it.
			x.StartedAt = x.StartedAt.Add(-secs(p.mine))
			a := Arrival{Live: !p.restored, At: clock.Reading{Wall: begun.Add(secs(p.arrived - p.stepped)), Mono: now.Mono - look + secs(p.arrived)}}
			e := r.e
			e.clocksSeen.Store(&comparedClocks{offset: secs(p.median), answered: 1, near: 1})
			e.clocks.tripped = p.tripped
			if p.behind {
				e.lateAt = &now.Mono
			}
			o := remedy.Observation{LastChange: remedy.Known(begun.Add(secs(p.changed)))}
			if got := e.neverTook(r.cfg, o, x, a); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// What an execution died in the middle of is called off only if it may be
// repeated, the config acts on the same, and the backend proves it: otherwise a
// person is paged.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		setup  func(*setup)
		after  func(r *rig)
		repeat bool
	}{
		"proved":                  {nil, nil, true},
		"must not be repeated":    {func(s *setup) { s.action.Idempotent = false }, nil, false},
		"changed a second before": {nil, func(r *rig) { r.lb.servers[r.host(3)].changed = r.last(3).Execution().StartedAt.Add(-time.Second) }, false},
		"the config acts on something else": {func(s *setup) { s.action.Digest = "aaaa" }, func(r *rig) {
			cfg := *r.cfg
			a := cfg.Actions[drain]
			a.Spec.Digest = "bbbb"
			cfg.Actions = map[remedy.ActionName]Action{drain: a}
			r.cfg = &cfg
			r.restart()
		}, false},
		"the config says now what it acts on": {nil, func(r *rig) {
			cfg := *r.cfg
			a := cfg.Actions[drain]
			a.Spec.Digest = "bbbb"
			cfg.Actions = map[remedy.ActionName]Action{drain: a}
			r.cfg = &cfg
			r.restart()
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.lb.effect = func(context.Context, func()) error { panic(killed{"in the effect"}) }
				r.bad(3)
				for range 8 {
					if r.round() != "" {
						break
					}
				}
				r.lb.effect = nil
				r.restart()
				if tt.after != nil {
					tt.after(r)
				}
				r.rounds(3 * time.Minute)
				first := r.last(3).Executions[0]
				switch {
				case tt.repeat && (first.Outcome != remedy.OutcomeAborted || r.lb.acts() != 2):
					t.Errorf("%d acts, %s: %s", r.lb.acts(), first.Outcome, first.Note)
				case !tt.repeat && (first.Outcome != remedy.OutcomeUnknown || r.lb.acts() != 1 || len(r.ear.pages()) == 0):
					t.Errorf("%d acts, %d pages, %s: %s", r.lb.acts(), len(r.ear.pages()), first.Outcome, first.Note)
				case first.Node != node:
					t.Errorf("proposed by %q", first.Node)
				}
			}, func(s *setup) {
				if tt.setup != nil {
					tt.setup(s)
				}
			})
		})
	}
}

// A process that stood still right before the effect, until its time to begin
// was over, or while another came to lead, sends nothing.
func TestStandsAtItsLastCheck(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		for name, leads := range map[string]error{"past start_within": nil, "deposed": errTest} {
			x := &execution{
				cfg: r.cfg, action: r.cfg.Actions[drain], c: &ledger.Case{ID: 1, Pool: ingest, Host: r.host(3)}, kind: remedy.KindAct,
				leads: func() error { return leads }, startBy: clock.NewDeadline(r.clk, time.Second), runBy: clock.NewDeadline(r.clk, time.Minute),
			}
			if leads == nil {
				r.clk.Advance(time.Second)
			}
			if b := r.e.effect(r.ctx(), x); b.Outcome != remedy.OutcomeAborted || r.lb.acts() != 0 {
				r.t.Fatalf("%s: %d acts, %+v", name, r.lb.acts(), b)
			}
		}
	})
}

// What the others said about another instant is no opinion on this one.
func TestOpinionOfAnotherInstant(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		three(r)
		r.rounds(time.Minute)
		r.bad(3)
		r.rounds(5 * time.Minute)
		j := r.e.newestJudgement(r.cfg, startOrder{c: r.last(3)})
		q := remedy.OpinionQuery{Pool: ingest, Detector: canary, At: j.At, Hosts: []remedy.HostName{r.host(3)}}
		for _, at := range []time.Time{j.At, j.At.Add(-step), j.At.Add(step)} {
			q.At = at
			asked := &round{cfg: r.cfg, opinions: map[opinionOf]opinion{{ingest, canary}: {q: q}}}
			said, _ := r.e.secondOpinion(r.cfg, asked, j, r.host(3))
			if _, known := said.Get(); known != at.Equal(j.At) {
				r.t.Errorf("asked about %s, judged at %s: %+v", at, j.At, said)
			}
		}
	})
}
