package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/simulate/fleet"
	"warden/simulate/story"
)

// newest is the newest open case that is as wanted, or nil.
func (k *keyboard) newest(is func(*ledger.Case) bool) *ledger.Case {
	cases := k.leading().ledger.Cases(ledger.CaseFilter{Pool: demoPool, Open: true})
	if i := slices.IndexFunc(cases, is); i >= 0 {
		return cases[i]
	}
	return nil
}

func (k *keyboard) answer(ctx context.Context, yes bool) error {
	c := k.newest(func(c *ledger.Case) bool { return c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil })
	if c == nil {
		return errors.New("nobody is asked anything now: p promotes to confirm, h makes a host bad")
	}
	a := ledger.CaseAnswer{Case: c.ID, Approve: yes, Question: c.Question(), Seen: k.leading().ledger.Standing(c).Newest}
	if yes {
		a.PlanHash = c.Ask.PlanHash
		k.note("%s", k.typed("warden approve %s", c.ID))
	} else {
		a.Reason = "not now"
		k.note("%s", k.typed("warden deny %s", c.ID))
	}
	return k.leading().engine.Answer(ctx, k.person, a)
}

func (k *keyboard) undo(ctx context.Context) error {
	c := k.newest(func(c *ledger.Case) bool { return c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying })
	if c == nil {
		return errors.New("no host is out because of warden, so there is nothing to undo")
	}
	k.note("%s", k.typed("warden undo %s --reason test", c.ID))
	return k.leading().engine.Undo(ctx, k.person, c.ID, remedy.UndoTest)
}

// promoteNext moves the action up one rung, and from the top back to notify.
func (k *keyboard) promoteNext(ctx context.Context) error {
	to := remedy.LevelNotify
	if l := k.level(); l < remedy.LevelAuto {
		to = max(l+1, remedy.LevelNotify)
	}
	what, err := k.promote(ctx, to)
	if err != nil {
		return err
	}
	k.note("%s   %s", what, k.typed("reload"))
	switch to {
	case remedy.LevelConfirm:
		k.aside("from here on it asks: a approves, d denies")
	case remedy.LevelAuto:
		k.aside("from here on it acts by itself: try h; then b, c and v, which it leaves alone even so")
	case remedy.LevelNotify:
		k.aside("back to the second rung: there is nothing above auto")
	case remedy.LevelBlocked, remedy.LevelMetricOnly:
	}
	return nil
}

func (k *keyboard) freeze(ctx context.Context) error {
	if k.leading().ledger.Status().Freeze != nil {
		k.note("%s", k.typed("warden unfreeze"))
		return k.leading().engine.Unfreeze(ctx, k.person)
	}
	k.note("%s", k.typed("warden freeze --reason demo"))
	k.aside("it watches on and touches nothing; f again lifts it")
	return k.leading().engine.Freeze(ctx, k.person, "demo", time.Time{})
}

func (k *keyboard) release(ctx context.Context) error {
	n := k.leading()
	var seen time.Time
	for _, l := range n.ledger.Latches(demoPool) {
		seen = l.Since
	}
	k.note("%s", k.typed("warden breaker reset --pool %s --comment demo", demoPool))
	return n.engine.ResetBreaker(ctx, k.person, demoPool, "demo", seen)
}

// kill has the leader die in the middle of its next action or, pressed again or
// where nobody leads, at once. One node stays up, for somebody to be asked.
func (k *keyboard) kill() error {
	up := k.Nodes()
	if len(up) < 2 {
		return errors.New("it is the last one: r starts another")
	}
	leads := slices.IndexFunc(up, func(n story.Node) bool { return n.Leads })
	if leads >= 0 && !k.armed {
		k.armed = true
		k.KillInAction()
		k.simulate("%s, or whoever leads then, is killed in the middle of its next action", up[leads].Name)
		k.aside("a: approve, or p to auto and h, so that it acts; k: kill it now")
		return nil
	}
	if k.armed {
		if k.disarm(); k.Killed() != "" {
			return nil // it came to it meanwhile: the roll call says so
		}
		k.armed = false
	}
	name := up[max(leads, 0)].Name
	k.simulate("%s is killed", name)
	return k.Kill(name)
}

// revive starts the first dead node, beside whatever else goes on.
func (k *keyboard) revive(ctx context.Context) error {
	for _, n := range k.nodes {
		if _, ok := n.up(); ok || k.reviving.Swap(true) {
			continue
		}
		k.simulate("%s is started again", n.name)
		k.revivals.Go(func() {
			defer k.reviving.Store(false)
			if err := n.start(ctx); err != nil && ctx.Err() == nil {
				k.note("%s can't be started: %s", n.name, chat.Clean(err.Error()))
			}
		})
		return nil
	}
	return errors.New("no node is dead, or one is being started: k kills one")
}

// badHosts are the ones that h makes bad, one after the other.
func badHosts() []string { return []string{story.BadHost, "web-05", "web-36", "web-11"} }

// host makes the next host bad, or repairs the one that is.
func (k *keyboard) host(_ context.Context) {
	if k.bad != "" {
		k.simulate("%s is repaired", k.bad)
		_ = k.fleet.SetHealth(k.bad, 1) // the fleet has this host
		k.bad = ""
		return
	}
	k.bad = badHosts()[k.nextBad%len(badHosts())]
	k.nextBad++
	k.simulate("%s gets 8%% of its canary data", k.bad)
	_ = k.fleet.SetHealth(k.bad, story.BadHealth) // the fleet has this host
}

// mail makes a host of the mail pool bad, which is asked about in a channel of its
// own, or repairs it.
func (k *keyboard) mail() {
	k.mailBad = !k.mailBad
	health, what := 1.0, story.AskedHost+" is repaired"
	if k.mailBad {
		health, what = story.BadHealth, story.AskedHost+" gets 8% of its canary data; drain is at confirm for mail, and asks in #team-mail"
	}
	k.simulate("%s", what)
	_ = k.sides[story.MailPool].SetHealth(story.AskedHost, health) // the fleet has this host
}

// commonMode lets a dozen hosts fall at once, or be well again.
func (k *keyboard) commonMode() {
	k.fallen = !k.fallen
	health, what := 1.0, "the 12 hosts are well again"
	if k.fallen {
		health, what = story.Tenth, "12 of 40 hosts fall to a tenth at once"
	}
	k.vanished = false
	k.simulate("%s", what)
	for _, h := range story.TwelveHosts() {
		_ = k.fleet.SetHealth(h, health) // the fleet has these hosts
	}
}

// vanish ends the series of a dozen hosts, or brings them back.
func (k *keyboard) vanish() {
	k.vanished = !k.vanished
	k.fallen = false
	if !k.vanished {
		k.simulate("the 12 series are back")
		for _, h := range story.TwelveHosts() {
			_ = k.fleet.SetHealth(h, 1) // the fleet has these hosts
		}
		return
	}
	k.simulate("the series of 12 of 40 hosts vanish")
	for _, h := range story.TwelveHosts() {
		_ = k.fleet.Vanish(h, true) // the fleet has these hosts
	}
}

// metrics breaks the metrics, in turns by an error and by a freeze, or mends
// them.
func (k *keyboard) metrics() {
	switch {
	case k.broken:
		k.fleet.BreakMetrics(fleet.MetricsWork)
		k.simulate("the metrics work again")
	case k.stuck:
		k.fleet.BreakMetrics(fleet.MetricsFrozen)
		k.simulate("the metrics freeze: old values, still answered")
	default:
		k.fleet.BreakMetrics(fleet.Metrics503)
		k.simulate("Prometheus answers 503 to everything")
	}
	if k.broken = !k.broken; k.broken {
		k.stuck = !k.stuck
	}
}

func (k *keyboard) explain(ctx context.Context) {
	k.ofNewest(ctx, func(id remedy.CaseID) []string { return []string{"explain", id.String()} })
}

// label says of the newest case whether its detector was right.
func (k *keyboard) label(ctx context.Context, said trust.Label) {
	k.ofNewest(ctx, func(id remedy.CaseID) []string { return []string{"label", id.String(), said.String()} })
}

// ofNewest runs a command about the newest case.
func (k *keyboard) ofNewest(ctx context.Context, command func(remedy.CaseID) []string) {
	cases := k.leading().ledger.Cases(ledger.CaseFilter{Pool: demoPool, Limit: 1})
	if len(cases) == 0 {
		k.note("there is no case yet: all is well")
		return
	}
	k.command(ctx, command(cases[0].ID)...)
}

// command runs one of warden's own commands against the demo's socket.
func (k *keyboard) command(ctx context.Context, args ...string) {
	k.say("%s", k.typed("warden %s", strings.Join(args, " ")))
	sub := &program{
		env: k.p.env, in: strings.NewReader(""), out: k.screen, err: k.screen, clock: k.clock, local: k.p.local,
	}
	sub.run(ctx, append(args, "--url", "unix:"+k.leading().Socket, "--no-input"))
}

// typed shows a command as one types it.
func (k *keyboard) typed(format string, args ...any) string {
	return k.p.printer.paint(bold, "$ "+say(format, args...))
}

// simulate says what the simulator does.
func (k *keyboard) simulate(format string, args ...any) {
	k.note("%s  %s", k.p.printer.paint(yellow, "[simulator]"), say(format, args...))
}

// aside says what could be done next.
func (k *keyboard) aside(text string) { k.say("          %s", k.p.printer.paint(dim, text)) }

// hint says after a message what one could do about it.
func (k *keyboard) hint(m chat.Message) {
	switch m.Notice.Kind {
	case ledger.NoticeComplaint:
		k.aside("e: why?   p: promote drain to confirm, so that it may ask")
	case ledger.NoticeQuestion:
		k.aside("a: approve   d: deny   e: why?   or tap it in Chat: " + k.outside.slack.URL() + "/chat")
	case ledger.NoticeStorm:
		storms := k.leading().ledger.Pool(demoPool, k.clock.Now()).Storms
		switch on := func(s ledger.StormState) bool { return s.On }; {
		case slices.ContainsFunc(storms, on):
			k.aside("e: why not?   c: they get well")
		case len(k.leading().ledger.Latches(demoPool)) > 0:
			k.aside("l: reset the breaker, for it happened twice and warden no longer trusts itself here")
		}
	case ledger.NoticeOutcome:
		switch {
		case m.Case == nil:
		case m.Case.Stage == remedy.StageOut:
			k.aside("u: undo it   y: it was right   w: it was wrong   s: status")
		case m.Case.Outcome == remedy.OutcomeUndone:
			k.aside("h: repair the host   p: promote   b, c, v: break something larger")
		}
	case ledger.NoticeAnswered, ledger.NoticeStarted, ledger.NoticePool, ledger.NoticeStop, ledger.NoticeSource, ledger.NoticeForgotten, ledger.NoticeConfig,
		ledger.NoticeAnnounced, ledger.NoticePutOff, ledger.NoticeDemoted, ledger.NoticeReviewed, ledger.NoticeLabel, ledger.NoticeSummary:
	}
}
