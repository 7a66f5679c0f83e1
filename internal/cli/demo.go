package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"warden/simulate/fleet"
)

// The speeds of the demo's clock: a minute a second for people, and slower for
// the script, which skips what is quiet and hurries nothing that is not.
const (
	demoSpeed   = 60
	scriptSpeed = 20
)

// demoOptions is how the demo is run.
type demoOptions struct {
	script bool
	speed  float64 // 0 for the default
	seed   uint64
	keep   string
	// fault, in tests only, does something to the fleet that the story does not
	// know of.
	fault func(*fleet.Fleet) error
	// patience is how long one round may take in real time.
	patience time.Duration
}

func (p *program) newDemoCommand() *cobra.Command {
	o := demoOptions{patience: 2 * time.Minute}
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "See it work: 3 nodes, 60 simulated hosts, nothing to set up",
		GroupID: groupRun,
		Args:    cobra.NoArgs,
		Long: `See warden at work on 60 simulated hosts. Nothing has to be set up and nothing leaves
this machine: three nodes run the daemon as it is, with raft and mutual TLS between
them, in front of a simulated Prometheus and a simulated HAProxy, on a clock that
runs faster than yours. A simulated Slack and a simulated PagerDuty show in your browser
what people see, with buttons that work. One key kills the leader in the middle of an action.

On a terminal you play with single keys, and ? lists them. Without one, or with
--script, the whole story is told in about a minute, through a night to the next morning's
summary: each line is checked against the ledgers of all nodes, the load balancers, Slack
and PagerDuty, and the exit code is 1 if one is not true.`,
		Example: `  warden demo
  warden demo --script
  warden demo --speed 20 --keep ./demo-data`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.runDemo(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.BoolVar(&o.script, "script", false, "tell and check the whole story without a keyboard")
	f.Float64Var(&o.speed, "speed", 0, fmt.Sprintf("its clock runs `N` times faster than yours, 1 to 600 (default %d; %d with --script)", demoSpeed, scriptSpeed))
	f.Uint64Var(&o.seed, "seed", 1, "the `N` that the fleet is simulated from: equal seeds give equal series")
	f.StringVar(&o.keep, "keep", "", "keep config, ledger and log in this `DIR`, new or empty; they are deleted at the end otherwise")
	return cmd
}

// runDemo runs the demo, on the keyboard where there is one.
func (p *program) runDemo(ctx context.Context, o demoOptions) error {
	keyboard := !o.script && p.interactive() && isTerminal(p.out)
	switch {
	case o.speed == 0 && keyboard:
		o.speed = demoSpeed
	case o.speed == 0:
		o.speed = scriptSpeed
	case !(o.speed >= 1) || math.IsInf(o.speed, 0) || o.speed > 600:
		return usage("--speed %v: use a number from 1 to 600", o.speed)
	}
	w := &screen{w: p.out}
	d, err := p.openDemo(ctx, o, w)
	if err != nil {
		return fmt.Errorf("the demo can't be set up: %w", err)
	}
	if keyboard {
		err = d.play(ctx)
	} else {
		err = d.script(ctx)
	}
	return errors.Join(err, d.close())
}
