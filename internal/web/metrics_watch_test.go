package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"warden/actions"
	"warden/internal/remedy"
)

// peeking is a balancer that has somebody look while its effect is under way.
type peeking struct {
	*balancer
	look func()
}

func (p peeking) Apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	p.look()
	return p.balancer.Apply(ctx, job)
}

// TestDelays: what waits for a person, and what runs, has its age on every node.
func TestDelays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelConfirm, me(t))
	cfg, during := w.engine.Config(), ""
	drain := cfg.Actions["drain"]
	drain.Action = peeking{w.balancer, func() {
		w.clock.Advance(700 * time.Millisecond)
		during = string(fetch(t, w, "/metrics"))
	}}
	cfg.Actions["drain"] = drain
	c := w.serve()
	has := func(when, page string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(page, "\n"+line+"\n") {
				t.Errorf("%s: no line %s", when, line)
			}
		}
	}
	const (
		oldest  = `warden_oldest_pending_seconds{action="drain",pool="ingest"} `
		running = `warden_action_running_seconds{action="drain",pool="ingest"} `
		allowed = `warden_action_allowed_seconds{action="drain",pool="ingest"} 2`
		storm   = `warden_common_mode{detector="canary_missing",pool="ingest"} `
	)
	w.rounds(2)
	has("nothing is the matter", string(fetch(t, w, "/metrics")), oldest+"0", running+"0", allowed, storm+"0")
	w.setBad("h07")
	w.rounds(1) // asked, and 30 s pass
	has("it waits", string(fetch(t, w, "/metrics")), oldest+"30", running+"0")
	list, err := c.Cases(t.Context(), CaseQuery{Stage: remedy.StageWaiting})
	if err != nil || len(list.Cases) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	if _, err := c.Approve(t.Context(), list.Cases[0].ID, ApproveRequest{PlanHash: list.Cases[0].PlanHash}); err != nil {
		t.Fatal(err)
	}
	w.rounds(1)
	has("it runs", during, oldest+"0", running+"0.7", allowed, storm+"0")
	has("it ran", string(fetch(t, w, "/metrics")), oldest+"0", running+"0")
	w.setBad("h01", "h02", "h03", "h04")
	w.rounds(1)
	has("a common mode", string(fetch(t, w, "/metrics")), storm+"1")
}
