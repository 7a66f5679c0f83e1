package story

import (
	"context"
	"strings"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fleet"
)

// The hosts that are acted on while nodes die.
const (
	// HalfwayHost is being drained when the leader is killed.
	HalfwayHost = "web-05"
	// LonelyHost goes bad while one node of three is up.
	LonelyHost = "web-36"
)

// command is what the load balancer is told to bring a host into a state. A host
// is called after its pool.
func command(host, state string) string {
	pool, _, _ := strings.Cut(host, "-")
	return "set server " + pool + "/" + host + " state " + state
}

// died is the story of nodes that die at auto: the leader in the middle of an
// action, and then two of three.
func death() []Step {
	return []Step{
		{
			Title: HalfwayHost + " goes bad, and the leader is killed in the middle of draining it",
			Do: func(_ context.Context, r *Run) error {
				r.Asked = append(r.Asked, command(HalfwayHost, fleet.Drain))
				r.Cluster.KillInAction()
				return r.Fleet.SetHealth(HalfwayHost, BadHealth)
			},
			Lines: []Line{
				{Says: "the load balancer was told to drain it, and the leader died before it heard back", Within: 15 * time.Minute, Look: both(struck, commandsFor(HalfwayHost, 1))},
				{Says: "another node leads", Event: true, Look: succeeded},
				{Says: "it knows of the START and of no FINISHED", Event: true, Look: halfway},
				{Says: "it waits, looks at the load balancer, and finishes what it finds done", Within: settle, Look: finishedFor},
				{Says: "nothing is doubled: " + HalfwayHost + " got exactly 1 command, and is drained", Rounds: 4, Look: both(commandsFor(HalfwayHost, 1), admin(HalfwayHost, fleet.Drain), commanded)},
			},
		},
		{
			Title: "the dead node is started again",
			Do:    func(ctx context.Context, r *Run) error { return r.start(ctx) },
			Lines: []Line{
				{Says: "it rejoins, and catches up to the same entry, chain hash and state", Event: true, Look: both(together(3), alike)},
				{Says: "and does nothing again: still 1 command", Rounds: 4, Look: both(commandsFor(HalfwayHost, 1), commanded)},
			},
		},
		repaired(HalfwayHost), undone(HalfwayHost),
		{
			Title: "the leader and another node are killed, and " + LonelyHost + " goes bad",
			Do: func(_ context.Context, r *Run) error {
				if err := r.killTwo(); err != nil {
					return err
				}
				return r.Fleet.SetHealth(LonelyHost, BadHealth)
			},
			Lines: []Line{
				{Says: "the node that is left says that it has no quorum and can do nothing", Event: true, Look: both(headless, stated)},
				{Says: "it watches on: " + LonelyHost + " is bad", Within: 15 * time.Minute, Look: only([]string{LonelyHost}, remedy.VerdictBad)},
				{Says: "even at auto nobody is touched: 0 new cases, 0 changes", Rounds: 8, Look: both(headless, quiet)},
			},
		},
		{
			Title: "one of the dead is started again",
			Do: func(ctx context.Context, r *Run) error {
				r.Asked = append(r.Asked, command(LonelyHost, fleet.Drain))
				return r.start(ctx)
			},
			Lines: []Line{
				{Says: "two of three lead on", Event: true, Look: together(2)},
				{Says: LonelyHost + " is drained, by exactly 1 command", Within: 15 * time.Minute, Look: both(commandsFor(LonelyHost, 1), admin(LonelyHost, fleet.Drain))},
				{Says: "it took, and the host is out", Within: settle, Look: both(idle(LonelyHost), out(LonelyHost), drained(LonelyHost))},
			},
		},
		{
			Title: "the last of the dead is started again",
			Do:    func(ctx context.Context, r *Run) error { return r.start(ctx) },
			Lines: []Line{
				{Says: "three nodes, one entry, one chain hash, one state", Event: true, Look: both(together(3), alike)},
			},
		},
		repaired(LonelyHost), undone(LonelyHost),
	}
}

// drained looks for the only open case being out, done and took, and remembers it.
func drained(host string) func(*Run) Sight {
	return func(r *Run) Sight {
		open := r.Open()
		if len(open) != 1 || string(open[0].Host) != host {
			return Sight{Want: "one open case, on " + host, Seen: ids(open)}
		}
		r.Case = open[0].ID
		return theCase("out, done and took", func(c *ledger.Case) bool {
			x := c.Acted()
			if x == nil {
				return false
			}
			took, known := x.Took.Get()
			return c.Stage == remedy.StageOut && c.Outcome == remedy.OutcomeDone && known && took
		})(r)
	}
}

// repaired is a host becoming well that warden took out.
func repaired(host string) Step {
	return Step{
		Title: host + " is repaired",
		Do:    func(_ context.Context, r *Run) error { return r.Fleet.SetHealth(host, 1) },
		Lines: []Line{
			{Says: "warden never puts a host back by itself: it stays out", Rounds: 16, Look: both(commanded, admin(host, fleet.Drain), out(host))},
		},
	}
}

// undone is a person putting a host back that was bad and is mended.
func undone(host string) Step {
	return Step{
		Title: "a person puts " + host + " back: fixed",
		Do: func(ctx context.Context, r *Run) error {
			r.Asked = append(r.Asked, command(host, fleet.Ready))
			return r.ask(ctx, func(e *engine.Engine) error { return e.Undo(ctx, r.Person, r.Case, remedy.UndoFixed) })
		},
		Lines: []Line{
			{Says: "it is ready at the load balancer, by exactly one more command", Within: 15 * time.Minute, Look: both(commanded, admin(host, fleet.Ready), commandsFor(host, 2))},
			{Says: "40 of 40 hosts are good, no case is open, nobody is out", Within: settle, Look: both(all(remedy.VerdictGood), noOpenCase, out())},
		},
	}
}
