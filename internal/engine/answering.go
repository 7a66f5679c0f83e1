package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Answer commits a person's approval or denial of a case's question. Where it
// comes too late, the refusal says what holds now; whoever says the same again
// has succeeded.
func (e *Engine) Answer(ctx context.Context, by remedy.Actor, a ledger.CaseAnswer) error {
	if c, ok := e.Ledger.Case(a.Case); ok {
		a.QuietFor = e.Config().Actions[c.Action].Cooldown
		a.Lowers = !a.Approve && e.Ledger.Floor().Version >= trustSince && e.mayAct(by, c.Action) != nil
	} else {
		a.Lowers = !a.Approve && e.Ledger.Floor().Version >= trustSince // whose it is to deny isn't known
	}
	// A word that was given before goes into the log as well, but for a click: what
	// is acknowledged is there to be found, as the answer that was read.
	_, err := e.ask(ctx, by, &a)
	return e.politely(by, a, err)
}

// noPlan is what a command line sends for a plan's hash where it showed none,
// since the case waits no more.
const noPlan = "none"

// politely says of an answer that was not taken what holds now, and takes the
// sting out of one that was given before.
func (e *Engine) politely(by remedy.Actor, a ledger.CaseAnswer, err error) error {
	r, ok := errors.AsType[*Refusal](err)
	if !ok || !slices.Contains([]string{ledger.RefusedDecided, ledger.RefusedStage, ledger.RefusedExpired}, r.Code) {
		return err
	}
	c, ok := e.Ledger.Case(a.Case)
	if !ok {
		return err
	}
	words, repeated := chat.TooLate(chat.Late{Case: c, By: by, Approve: a.Approve, Now: e.asOf(), Next: e.asksInstead(c)})
	switch {
	case repeated && a.Approve && c.Answer != nil && a.PlanHash != "" && a.PlanHash != noPlan && a.PlanHash != c.Answer.PlanHash:
		return refusal(ledger.RefusedApproval, "the plan that was approved is %s and not %q: look at it with `warden show %s`", c.Answer.PlanHash, a.PlanHash, c.ID)
	case repeated:
		return nil
	case words == "":
		return err
	}
	return &Refusal{Code: r.Code, Reason: words, Decision: r.Decision}
}

// asksInstead is the case that asks about the same host and action now; nil when
// none does.
func (e *Engine) asksInstead(c *ledger.Case) *ledger.Case {
	open := e.Ledger.Cases(ledger.CaseFilter{Pool: c.Pool, Host: c.Host, Action: c.Action, Open: true, Limit: 1})
	if len(open) == 0 || open[0].ID <= c.ID {
		return nil
	}
	return open[0]
}

// Snooze takes a case's question back for a span, by which it sets b.Until. Anybody
// may, since it only delays.
func (e *Engine) Snooze(ctx context.Context, by remedy.Actor, b ledger.CaseSnooze, d time.Duration) error {
	most := ledger.MaxSnooze
	if m := e.Config().MaxSnooze; m > 0 {
		most = min(most, m)
	}
	switch {
	case d <= 0 || d > most:
		return refusal(ledger.RefusedBad, "it can be put off for %s at once: say how long, such as 30m", remedy.Span(most))
	case !e.asks():
		return refusal(RefusedTransient, "not every node knows how to ask again later: upgrade them, or deny it")
	}
	b.Until = e.asOf().Add(d)
	_, err := e.ask(ctx, by, &b)
	return err
}

// othersFirst says, before a run by hand, that others have to say yes to it.
func (e *Engine) othersFirst(cfg *Config, q RunRequest) []string {
	n := e.wants(cfg, q.Action, q.Target.Pool).Approvals
	if n < 2 {
		return nil
	}
	a := cfg.Actions[q.Action]
	who := (&ledger.Ask{Who: a.Who, Approvers: a.Approvers}).WhoWords()
	return []string{fmt.Sprintf("%s needs %d different people, and who asks for it is one: it does not start before another of %s says yes, within %s",
		q.Action, n, strings.Join(who, ", "), chat.Span(a.ExpiresAfter))}
}

// secondYes is the question to others that a run by hand needs; nil when it
// needs none.
func (e *Engine) secondYes(cfg *Config, by remedy.Actor, q RunRequest, p Preview) (*ledger.Ask, error) {
	w := e.wants(cfg, q.Action, q.Target.Pool)
	if w.Approvals < 2 {
		return nil, nil //nolint:nilnil // no question is needed
	}
	a := cfg.Actions[q.Action]
	if why := e.unanswerable(cfg, q.Action, q.Target.Pool, w.Approvals, &by); why != "" {
		return nil, refusal(ledger.RefusedApproval, "%s needs %d people, and nobody who is known to be somebody else can say yes (%s): add an approver, or put email and unix of each into [approvals.people], which tells them apart", q.Action, w.Approvals, why)
	}
	if !e.asks() {
		return nil, refusal(RefusedTransient, "%s needs %d people, and not every node knows what that is: upgrade them", q.Action, w.Approvals)
	}
	ask := &ledger.Ask{PlanHash: p.Plan.Hash(), Approvers: a.Approvers, ExpiresAt: e.asOf().Add(a.ExpiresAfter)}
	e.extend(cfg, ask, a, w.Approvals)
	if cfg.Quiet != nil {
		if _, quiet := cfg.Quiet.Open(e.Clock.Now()); quiet {
			ask.Mention = cfg.Quiet.calls()
		}
	}
	return ask, nil
}
