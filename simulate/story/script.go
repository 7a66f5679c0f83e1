package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
	"warden/simulate/fleet"
)

// The hosts that the script is about.
const (
	// BadHost is the one that goes bad by itself.
	BadHost = "web-17"
	// BadHealth is how much of its canary data it then gets.
	BadHealth = 0.08
	// Tenth is what a host gets that has fallen to a tenth.
	Tenth = 0.10
)

// TwelveHosts are the ones that fall, or vanish, together.
func TwelveHosts() []string {
	var out []string
	for i := 21; i <= 32; i++ {
		out = append(out, fmt.Sprintf("web-%02d", i))
	}
	return out
}

// Script is the story that warden's promise is accepted by: it complains, asks,
// acts on yes and undoes; it earns the next rung by being right, and only then is
// trusted with everything; and when the metrics break, a dozen hosts fall at
// once, or a dozen series vanish, nobody is touched all the same. In between the
// leader is killed in the middle of an action, and then two nodes of the three. In
// the end it is wrong once, and takes a rung from itself; and then everybody goes home, and reads in the morning
// what the night was like. It needs 40 hosts web-01 to web-40, the small pools, three nodes that have just been
// started, and the action at notify.
func Script() []Step {
	return slices.Concat(rungs(), earning(), death(), darkness(), storm(), vanishing(), alarm(), nights(), ending())
}

// rungs is the story of one bad host on the first three rungs.
func rungs() []Step {
	drain, ready := "set server web/"+BadHost+" state drain", "set server web/"+BadHost+" state ready"
	return []Step{
		{
			Title: "three nodes find each other over mutual TLS",
			Lines: []Line{
				{Says: "one of them leads, all three vote, and each has reported its file", Event: true, Look: together(3)},
				{Says: "they remember the same", Event: true, Look: alike},
			},
		},
		{
			Title: "40 hosts, all well",
			Lines: []Line{
				{Says: "40 of 40 hosts are good", Within: 5 * time.Minute, Look: all(remedy.VerdictGood)},
				{Says: "nothing is proposed and nothing changes at the load balancer", Rounds: 4, Look: both(noOpenCase, quiet)},
			},
		},
		{
			Title: BadHost + " gets 8 % of its canary data; drain is at notify",
			Do:    func(_ context.Context, r *Run) error { return r.Fleet.SetHealth(BadHost, BadHealth) },
			Lines: []Line{
				{Says: "it is judged bad, a case is open, and warden may only tell", Within: 10 * time.Minute, Look: both(opened, only([]string{BadHost}, remedy.VerdictBad))},
				{Says: "it complains on the console that it is not allowed to", Event: true, Look: told(ledger.NoticeComplaint)},
				{Says: "it counted that it would have acted: once", Look: counts(1, "warden_would_have_acted_total")},
				{Says: "nobody is touched: 0 changes at the load balancer", Rounds: 4, Look: commanded},
			},
		},
		judged(), asksAdvice(),
		{
			Title: "a person edits demo.toml, and two of three nodes reload it: drain notify -> confirm",
			Do: func(ctx context.Context, r *Run) error {
				nodes := r.Cluster.Nodes()
				return r.Promote(ctx, remedy.LevelConfirm, nodes[0].Name, nodes[1].Name)
			},
			Lines: []Line{
				{Says: "two nodes say confirm, and the third still says notify", Event: true, Look: both(says(remedy.LevelConfirm, 2), says(remedy.LevelNotify, 1))},
				{Says: "in force stays what all three say: notify; nobody is asked, and nobody touched", Rounds: 4, Look: both(level(remedy.LevelNotify), theCase("is told and not asked", func(c *ledger.Case) bool { return c.Ask == nil }), commanded)},
			},
		},
		{
			Title: "the third node reloads it as well",
			Do:    func(ctx context.Context, r *Run) error { return r.Promote(ctx, remedy.LevelConfirm) },
			Lines: []Line{
				{Says: "all three say confirm, and confirm is in force", Event: true, Look: both(says(remedy.LevelConfirm, 3), level(remedy.LevelConfirm))},
				{Says: "the same case is now a question, with the exact plan", Within: 2 * time.Minute, Look: theCase("waits for an answer to “"+drain+"”", func(c *ledger.Case) bool {
					return c.Stage == remedy.StageWaiting && c.Ask != nil && c.Plan != nil && slices.Equal(c.Plan.Steps, []string{drain}) && c.Ask.PlanHash == c.Plan.Hash()
				})},
				{Says: "the question is on the console", Event: true, Look: told(ledger.NoticeQuestion)},
				{Says: "without a yes nobody is touched: 0 changes at the load balancer", Rounds: 4, Look: commanded},
			},
		},
		{
			Title: "a person approves",
			Do: func(ctx context.Context, r *Run) error {
				c, ok := r.Ledger.Case(r.Case)
				if !ok || c.Ask == nil {
					return errors.New("there is no question to answer")
				}
				r.Asked = append(r.Asked, drain)
				return r.ask(ctx, func(e *engine.Engine) error {
					return e.Answer(ctx, r.Person, ledger.CaseAnswer{Case: c.ID, Approve: true, PlanHash: c.Ask.PlanHash})
				})
			},
			Lines: []Line{
				{Says: "the load balancer got exactly one command: drain " + BadHost, Within: 5 * time.Minute, Look: both(commanded, admin(BadHost, fleet.Drain))},
				{Says: "it took: the sessions went to 0, and the host is out", Within: 5 * time.Minute, Look: both(idle(BadHost), theCase("is out, done and took", func(c *ledger.Case) bool {
					a := c.Acted()
					if a == nil {
						return false
					}
					took, known := a.Took.Get()
					return c.Stage == remedy.StageOut && c.Outcome == remedy.OutcomeDone && known && took
				}))},
				{Says: "the ledger knows of one host out of service, and which", Within: time.Minute, Look: out(BadHost)},
			},
		},
		{
			Title: "a person undoes it, as a test",
			Do: func(ctx context.Context, r *Run) error {
				r.Asked = append(r.Asked, ready)
				return r.ask(ctx, func(e *engine.Engine) error { return e.Undo(ctx, r.Person, r.Case, remedy.UndoTest) })
			},
			Lines: []Line{
				{Says: "the host is ready at the load balancer, by exactly one more command", Within: 5 * time.Minute, Look: both(commanded, admin(BadHost, fleet.Ready))},
				{Says: "the case is closed: undone, test", Within: time.Minute, Look: theCase("is closed, undone as a test", func(c *ledger.Case) bool {
					return c.Stage == remedy.StageClosed && c.Outcome == remedy.OutcomeUndone && c.UndoReason == remedy.UndoTest
				})},
			},
		},
		{
			Title: BadHost + " is repaired",
			Do:    func(_ context.Context, r *Run) error { return r.Fleet.SetHealth(BadHost, 1) },
			Lines: []Line{
				{Says: "40 of 40 hosts are good, no case is open, nobody is out", Within: 15 * time.Minute, Look: both(all(remedy.VerdictGood), noOpenCase, out())},
			},
		},
	}
}

// darkness is what happens when the metrics can't be believed.
func darkness() []Step {
	broken := func(mode fleet.MetricsMode) func(context.Context, *Run) error {
		return func(_ context.Context, r *Run) error {
			r.Fleet.BreakMetrics(mode)
			return nil
		}
	}
	unknown := func(says string) []Line {
		return []Line{
			{Says: says, Within: 5 * time.Minute, Look: all(remedy.VerdictUnknown)},
			{Says: "it says so on the console", Event: true, Look: toldNow(ledger.NoticeSource)},
			{Says: "even at auto nobody is touched: 0 new cases, 0 changes", Rounds: 8, Look: both(all(remedy.VerdictUnknown), quiet)},
		}
	}
	healed := []Line{
		{Says: "40 of 40 hosts are good again", Within: 15 * time.Minute, Look: both(all(remedy.VerdictGood), quiet)},
	}
	return []Step{
		{Title: "the metrics break: Prometheus answers 503", Do: broken(fleet.Metrics503), Lines: unknown("the verdict on all 40 hosts is unknown")},
		{Title: "the metrics are back", Do: broken(fleet.MetricsWork), Lines: healed},
		{Title: "the metrics freeze: old values, still answered", Do: broken(fleet.MetricsFrozen), Lines: unknown("warden is not taken in: all 40 are unknown")},
		{Title: "the metrics move again", Do: broken(fleet.MetricsWork), Lines: healed},
	}
}

// storm is what happens when too many hosts are bad at once.
func storm() []Step {
	set := func(health float64) func(context.Context, *Run) error {
		return func(_ context.Context, r *Run) error {
			return each(func(host string) error { return r.Fleet.SetHealth(host, health) })
		}
	}
	return []Step{
		{
			Title: "12 of 40 hosts fall to a tenth at once",
			Do:    set(Tenth),
			Lines: []Line{
				{Says: "12 at once is not a host problem: common mode is on", Within: 10 * time.Minute, Look: stormy(true)},
				{Says: "it says so on the console", Event: true, Look: toldNow(ledger.NoticeStorm)},
				{Says: "12 cases, and common mode alone stands in the way of each", Within: 10 * time.Minute, Look: both(only(TwelveHosts(), remedy.VerdictBad), blocked(TwelveHosts(), "common_mode"))},
				{Says: "even at auto nobody is touched: 0 changes at the load balancer", Rounds: 8, Look: both(blocked(TwelveHosts(), "common_mode"), commanded)},
				{Says: "and blocked is never counted as would-have-acted: still 5", Look: counts(5, "warden_would_have_acted_total")},
			},
		},
		{
			Title: "the 12 are well again",
			Do:    set(1),
			Lines: []Line{
				{Says: "the cases close by themselves: self_recovered", Within: 20 * time.Minute, Look: both(noOpenCase, closedAs(TwelveHosts(), remedy.OutcomeSelfRecovered))},
				{Says: "common mode is over", Within: 20 * time.Minute, Look: stormy(false)},
				{Says: "and its cooldown has passed: 40 of 40 are good", Within: 30 * time.Minute, Look: both(calm, all(remedy.VerdictGood), commanded)},
			},
		},
	}
}

// vanishing is what happens when series are gone.
func vanishing() []Step {
	return []Step{
		{
			Title: "the series of 12 of 40 hosts vanish",
			Do: func(_ context.Context, r *Run) error {
				marker := false
				return each(func(host string) error {
					marker = !marker // as from a scrape that fails, and as from a push that stops
					return r.Fleet.Vanish(host, marker)
				})
			},
			Lines: []Line{
				{Says: "missing is not bad: those 12 are unknown, 28 are good", Within: 5 * time.Minute, Look: only(TwelveHosts(), remedy.VerdictUnknown)},
				{Says: "even at auto nobody is touched: 0 new cases, 0 changes", Rounds: 20, Look: both(only(TwelveHosts(), remedy.VerdictUnknown), quiet)},
			},
		},
		{
			Title: "the series are back",
			Do: func(_ context.Context, r *Run) error {
				return each(func(host string) error { return r.Fleet.SetHealth(host, 1) })
			},
			Lines: []Line{
				{Says: "40 of 40 hosts are good again", Within: 20 * time.Minute, Look: both(all(remedy.VerdictGood), quiet)},
			},
		},
	}
}

// ending draws the balance.
func ending() []Step {
	const acts, wishes = 8, 7
	kind := func(kind remedy.ExecutionKind) func(*Run) Sight {
		return counts(acts, "warden_actions_total", ledger.Label{Name: "trigger", Value: string(kind)}, ledger.Label{Name: "result", Value: string(remedy.OutcomeDone)})
	}
	return []Step{{
		Title: "the end",
		Lines: []Line{
			{Says: "the ledger counts 8 actions and 8 undos, all done", Look: both(kind(remedy.KindAct), kind(remedy.KindUndo), nothingElse)},
			{Says: "7 would-have-acted in the large pool, and all cases are closed", Look: both(counts(wishes, "warden_would_have_acted_total", ledger.Label{Name: "pool", Value: "web"}), noOpenCase, in(MailPool, noOpenCase), in(EdgePool, noOpenCase))},
			{Says: "the load balancers got 16 commands in all: 8 drains and their undos, none twice", Look: both(commanded, out(), func(r *Run) Sight {
				return Sight{OK: len(r.Commands()) == 2*acts, Want: "16 commands", Seen: fmt.Sprintf("%d commands", len(r.Commands()))}
			})},
			{Says: "all three nodes are at one entry, with one chain hash and one state", Event: true, Look: both(together(3), alike)},
		},
	}}
}

// nothingElse looks for no action that ended otherwise than done, or called off
// before its effect: that is what an election in between, on a busy machine, does.
func nothingElse(r *Run) Sight {
	s := Sight{OK: true, Want: "every action done, or called off before its effect", Seen: "so it is"}
	for _, c := range r.Ledger.Counters() {
		ended := func(o remedy.Outcome) bool {
			return slices.Contains(c.Labels, ledger.Label{Name: "result", Value: string(o)})
		}
		if c.Name == "warden_actions_total" && c.Value > 0 && !ended(remedy.OutcomeDone) && !ended(remedy.OutcomeAborted) {
			s.OK, s.Seen = false, fmt.Sprintf("%v %d", c.Labels, c.Value)
		}
	}
	return s
}

func each(do func(host string) error) error {
	var errs []error
	for _, host := range TwelveHosts() {
		errs = append(errs, do(host))
	}
	return errors.Join(errs...)
}

// opened looks for the case on the bad host, and remembers it.
func opened(r *Run) Sight {
	s := Sight{Want: "one case on " + BadHost + ", proposed and told at notify, with nothing in the way", Seen: "no case"}
	open := r.Open()
	if len(open) != 1 {
		s.Seen = fmt.Sprintf("%d open cases%s", len(open), ids(open))
		return s
	}
	c := open[0]
	s.Seen = brief(c)
	s.OK = c.Host == BadHost && c.Stage == remedy.StageProposed && c.Outcome == remedy.OutcomeTold &&
		c.Decision.Level == remedy.LevelNotify && c.Decision.WouldAct && len(c.Decision.Answers) == len(policy.Names())
	if s.OK {
		r.Case = c.ID
	}
	return s
}
