package story

import (
	"context"
	"fmt"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/simulate/fleet"
)

// The hosts by which trust is earned and lost.
const (
	// SecondHost and ThirdHost go bad while drain is at confirm.
	SecondHost = "web-08"
	ThirdHost  = "web-34"
	// FineHost only looks bad.
	FineHost = "web-11"
)

// judged is a person saying that the detector was right about the first case.
func judged() Step {
	return Step{
		Title: "somebody looks at " + BadHost + ": its disk is dying, warden was right",
		Do: func(ctx context.Context, r *Run) error {
			return r.types(ctx, "label", r.Case.String(), "right", "--note", "its disk is dying")
		},
		Lines: []Line{
			{Says: "one of one is right, by a person's word: enough for this demo's gate to confirm", Look: both(evidence(1), allowed(remedy.LevelConfirm))},
			{Says: "a gate that is met promotes nobody: it stays at notify", Rounds: 2, Look: both(level(remedy.LevelNotify), commanded)},
		},
	}
}

// asksAdvice is a person asking what the next rung takes, before editing a file.
func asksAdvice() Step {
	return Step{
		Title: "what would it take? warden is asked, and prints the patch",
		Do: func(ctx context.Context, r *Run) error {
			file, err := r.Draft(remedy.LevelNotify)
			if err != nil {
				return err
			}
			return r.types(ctx, "promote", string(r.Action), "--pool", string(r.Pool), "--config", file)
		},
		Lines: []Line{
			{Says: "the gate for confirm is met, and the patch is one line", Look: both(said(`-web  = "notify"`), said(`+web  = "confirm"`))},
			{Says: "nothing has changed by that", Look: both(level(remedy.LevelNotify), commanded)},
		},
	}
}

// tooEarly is a person who wants to hand over more than was earned, and looks
// first.
func tooEarly() Step {
	return Step{
		Title: "a person would like drain at auto, and looks what that would change",
		Do: func(ctx context.Context, r *Run) error {
			file, err := r.Draft(remedy.LevelAuto)
			if err != nil {
				return err
			}
			return r.typesFor(ctx, 2, "policy", "diff", "--config", file, "--detailed-exitcode")
		},
		Lines: []Line{
			{Says: "it says that the gate for auto is not met, and why; and nothing changes", Look: both(said("confirm -> AUTO"), said("(gate 25%)"), level(remedy.LevelConfirm))},
		},
	}
}

// earning is how drain earns auto: a file that asks for it too early is held,
// two more cases turn out right, and the gate is judged again because a person
// wants it.
func earning() []Step {
	steps := []Step{tooEarly(), {
		Title: "they edit demo.toml all the same: drain confirm -> auto",
		Do:    func(ctx context.Context, r *Run) error { return r.Promote(ctx, remedy.LevelAuto) },
		Lines: []Line{
			{Says: "all three files say auto, and the gate leaves confirm: one right case is not three", Event: true, Look: both(says(remedy.LevelAuto, 3), level(remedy.LevelConfirm), verdict(remedy.LevelConfirm))},
			{Says: "it says so on the console, with what is missing", Event: true, Look: toldNow(ledger.NoticeConfig)},
		},
	}}
	steps = append(steps, rightAgain(SecondHost, 2)...)
	steps = append(steps, rightAgain(ThirdHost, 3)...)
	return append(steps,
		Step{
			Title: "the evidence",
			Do: func(ctx context.Context, r *Run) error {
				return r.types(ctx, "trust", string(r.Action), "--pool", string(r.Pool))
			},
			Lines: []Line{
				{Says: "three of three right, and the gate for auto is met", Look: both(evidence(3), allowed(remedy.LevelAuto))},
				{Says: "warden never promotes itself: it stays at confirm", Rounds: 4, Look: both(level(remedy.LevelConfirm), commanded)},
			},
		},
		Step{
			Title: "a person has the gate judged again, and so trusts it with everything",
			Do: func(ctx context.Context, r *Run) error {
				return r.types(ctx, "promote", string(r.Action), "--pool", string(r.Pool), "--review", "--yes", "--reason", "three of three were right")
			},
			Lines: []Line{
				{Says: "the gate is met: from here on it acts without asking", Event: true, Look: both(level(remedy.LevelAuto), verdict(remedy.LevelAuto))},
				{Says: "40 good hosts give it no reason to", Rounds: 4, Look: both(all(remedy.VerdictGood), quiet)},
			},
		},
	)
}

// rightAgain is a host that is bad, drained on a yes, mended and put back as
// fixed: the n-th right case.
func rightAgain(host string, n int) []Step {
	return []Step{
		{
			Title: host + " goes bad; drain is at confirm",
			Do:    func(_ context.Context, r *Run) error { return r.Fleet.SetHealth(host, BadHealth) },
			Lines: []Line{
				{Says: "it asks, and touches nobody", Within: 15 * time.Minute, Look: both(askedAbout(host), commanded)},
				{Says: fmt.Sprintf("the question says how sure it is: right %d of %d times so far", n-1, n-1), Event: true, Look: sure(fmt.Sprintf("right %d of %d times", n-1, n-1))},
			},
		},
		{
			Title: "a person approves draining " + host,
			Do: func(ctx context.Context, r *Run) error {
				c, ok := r.Ledger.Case(r.Case)
				if !ok || c.Ask == nil {
					return fmt.Errorf("%s asks nothing", r.Case)
				}
				r.Asked = append(r.Asked, command(host, fleet.Drain))
				return r.types(ctx, "approve", r.Case.String(), "--plan-hash", c.Ask.PlanHash)
			},
			Lines: []Line{{Says: "it is drained, and it took", Within: 15 * time.Minute, Look: both(commanded, idle(host), out(host), drained(host))}},
		},
		{
			Title: host + " is mended, and a person puts it back: fixed",
			Do: func(ctx context.Context, r *Run) error {
				if err := r.Fleet.SetHealth(host, 1); err != nil {
					return err
				}
				r.Asked = append(r.Asked, command(host, fleet.Ready))
				return r.types(ctx, "undo", r.Case.String(), "--reason", string(remedy.UndoFixed), "--yes")
			},
			Lines: []Line{
				{Says: "it is ready at the load balancer, by exactly one more command", Within: 15 * time.Minute, Look: both(commanded, admin(host, fleet.Ready))},
				{Says: fmt.Sprintf("that word is a label: %d of %d right", n, n), Look: evidence(n)},
				{Says: "40 of 40 hosts are good, no case is open, nobody is out", Within: settle, Look: both(all(remedy.VerdictGood), noOpenCase, out())},
			},
		},
	}
}

// alarm is a false alarm at auto, and what it costs: one rung, at once, until a
// person has looked.
func alarm() []Step {
	return []Step{
		{
			Title: "the canary sender on " + FineHost + " is restarted: 8 % of its data, and nothing is wrong with it",
			Do: func(_ context.Context, r *Run) error {
				r.Asked = append(r.Asked, command(FineHost, fleet.Drain))
				return r.Fleet.SetHealth(FineHost, BadHealth)
			},
			Lines: []Line{
				{Says: "it looks bad, and at auto it is drained: a false alarm", Within: 15 * time.Minute, Look: both(commanded, idle(FineHost), out(FineHost), drained(FineHost))},
			},
		},
		{
			Title: "a person sees it and puts it back: was-fine",
			Do: func(ctx context.Context, r *Run) error {
				if err := r.Fleet.SetHealth(FineHost, 1); err != nil {
					return err
				}
				r.Asked = append(r.Asked, command(FineHost, fleet.Ready))
				return r.types(ctx, "undo", r.Case.String(), "--reason", string(remedy.UndoWasFine), "--yes")
			},
			Lines: []Line{
				{Says: "warden has moved itself back to confirm, in the very entry", Look: both(level(remedy.LevelConfirm), says(remedy.LevelAuto, 3), demotedTo(remedy.LevelConfirm, trust.WhyRegretted))},
				{Says: "and says so: what happened, why, which setting would have kept it away, and at what cost", Event: true, Look: both(told(ledger.NoticeDemoted), explained)},
				{Says: "it is ready again, by exactly one more command", Within: 15 * time.Minute, Look: both(commanded, admin(FineHost, fleet.Ready))},
				{Says: "40 of 40 hosts are good, no case is open, nobody is out", Within: settle, Look: both(all(remedy.VerdictGood), noOpenCase, out())},
			},
		},
		{
			Title: "the file still says auto, and somebody reloads it",
			Do:    func(ctx context.Context, r *Run) error { return r.types(ctx, "reload") },
			Lines: []Line{
				{Says: "a reload is no review: it stays at confirm", Rounds: 2, Look: both(level(remedy.LevelConfirm), demotedTo(remedy.LevelConfirm, trust.WhyRegretted))},
			},
		},
		{
			Title: "a person looks at what happened, and gives it back",
			Do: func(ctx context.Context, r *Run) error {
				return r.types(ctx, "promote", string(r.Action), "--pool", string(r.Pool), "--review", "--yes", "--reason", "the restart of the senders holds alerts back now")
			},
			Lines: []Line{
				{Says: "it is at auto again: the mistake stays on its record, and the gate still holds", Event: true, Look: both(level(remedy.LevelAuto), mistakes(1), allowed(remedy.LevelAuto))},
			},
		},
		{
			Title: "who did all this",
			Do:    func(ctx context.Context, r *Run) error { return r.types(ctx, "audit", "verify") },
			Lines: []Line{
				{Says: "the node's audit file is whole, and its ledger agrees with it", Look: both(said("agrees at entry"), said("fine: the head at entry"))},
			},
		},
	}
}

// sure looks for the case's question with how right warden has been.
func sure(words string) func(*Run) Sight {
	return func(r *Run) Sight {
		seen := "no question"
		for _, m := range r.Told() {
			if m.Notice.Kind == ledger.NoticeQuestion && m.Notice.Case == r.Case {
				seen = m.Sure
			}
		}
		return Sight{OK: strings.Contains(seen, words), Want: words, Seen: seen}
	}
}

// explained looks for a demotion's message with the setting that would have kept
// the case away, and what it would have cost.
func explained(r *Run) Sight {
	const want = "a cause, a setting, and its cost in right calls"
	said := "no message of a demotion"
	for _, m := range r.Told() {
		if m.Notice.Kind == ledger.NoticeDemoted && m.Notice.Case == r.Case {
			said = m.Cause
		}
	}
	ok := strings.Contains(said, "`bad_below = ") && strings.Contains(said, "of 5 right calls")
	return Sight{OK: ok, Want: want, Seen: said}
}

// types has a person type one of warden's own commands, at the node that leads.
// An exit code that isn't 0 is an error.
func (r *Run) types(ctx context.Context, args ...string) error { return r.typesFor(ctx, 0, args...) }

// typesFor is types of a command that is to exit with a code.
func (r *Run) typesFor(ctx context.Context, want int, args ...string) error {
	text, code := r.Type(ctx, args...)
	r.Said = text
	if code != want {
		return fmt.Errorf("warden %s exits %d and not %d: %s", strings.Join(args, " "), code, want, strings.TrimSpace(text))
	}
	return nil
}

// said looks for words in what the last command printed.
func said(words string) func(*Run) Sight {
	return func(r *Run) Sight {
		return Sight{OK: strings.Contains(r.Said, words), Want: "it says " + words, Seen: r.Said}
	}
}

// assessment is what the ledger's evidence about the action comes to.
func (r *Run) assessment() trust.Assessment {
	in, _ := r.Ledger.Trust(r.Action, r.Pool)
	return trust.Assess(in, r.Ledger.Status().Time)
}

// tally is what the record of the story's detector comes to.
func (r *Run) tally() trust.Tally {
	for _, d := range r.assessment().Detectors {
		if d.Detector == r.Detector {
			return d.Whole
		}
	}
	return trust.Tally{}
}

// evidence looks for so many right episodes, and no other ones.
func evidence(right int) func(*Run) Sight {
	return func(r *Run) Sight {
		t := r.tally()
		return Sight{
			OK:   t.Right == right && t.Wrong == 0 && t.Episodes == right,
			Want: fmt.Sprintf("right %d, wrong 0 of %d episodes", right, right),
			Seen: fmt.Sprintf("right %d, wrong %d, unclear %d, unlabelled %d", t.Right, t.Wrong, t.Unclear, t.Unlabelled),
		}
	}
}

// mistakes looks for so many wrong episodes.
func mistakes(n int) func(*Run) Sight {
	return func(r *Run) Sight {
		t := r.tally()
		return Sight{OK: t.Wrong == n, Want: fmt.Sprintf("%d wrong", n), Seen: fmt.Sprintf("%d wrong of %d", t.Wrong, t.Episodes)}
	}
}

// allowed looks for the highest level whose gate is met.
func allowed(want remedy.Level) func(*Run) Sight {
	return func(r *Run) Sight {
		a := r.assessment()
		return Sight{OK: a.Allowed == want, Want: "gates met up to " + want.String(), Seen: fmt.Sprintf("up to %s: %s", a.Allowed, a.Advice)}
	}
}

// verdict looks for a verdict of the gates that leaves this level.
func verdict(want remedy.Level) func(*Run) Sight {
	return func(r *Run) Sight {
		s := Sight{Want: "a verdict that leaves " + want.String(), Seen: "no verdict"}
		if in, ok := r.Ledger.Trust(r.Action, r.Pool); ok && in.Grant != nil {
			s.OK = in.Grant.Judged && in.Grant.To == want
			s.Seen = fmt.Sprintf("judged %t, leaves %s: %s", in.Grant.Judged, in.Grant.To, in.Grant.Said)
		}
		return s
	}
}

// demotedTo looks for a demotion for a reason.
func demotedTo(to remedy.Level, why string) func(*Run) Sight {
	return func(r *Run) Sight {
		s := Sight{Want: fmt.Sprintf("demoted to %s: %s", to, why), Seen: "not demoted"}
		if in, ok := r.Ledger.Trust(r.Action, r.Pool); ok && in.Demotion != nil {
			s.OK = in.Demotion.To == to && in.Demotion.Why == why
			s.Seen = fmt.Sprintf("demoted to %s: %s", in.Demotion.To, in.Demotion.Why)
		}
		return s
	}
}

// askedAbout looks for the only open case asking about a host, and remembers it.
func askedAbout(host string) func(*Run) Sight {
	return func(r *Run) Sight {
		open := r.Open()
		if len(open) != 1 || string(open[0].Host) != host {
			return Sight{Want: "one open case, on " + host, Seen: ids(open)}
		}
		r.Case = open[0].ID
		return theCase("waits for an answer", func(c *ledger.Case) bool { return c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil })(r)
	}
}
