package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// Refusal is why a person's request was not carried out. Nothing was done.
type Refusal struct {
	// Code is a stable word: one of the ledger's Refused* words, or one of
	// the Refused* words of this package.
	Code string
	// Reason says it for people, ending in what to do.
	Reason string
	// Decision holds every guardrail's answer when a guardrail refused.
	Decision *remedy.Decision
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason }

// The codes of refusals that do not come from the ledger.
const (
	RefusedGuardrail = "guardrail" // a guardrail blocks it
	RefusedAsk       = "ask"       // repeat the request with the guardrails acknowledged
	RefusedNotFound  = "not_found" // no such host, pool or action
	RefusedNotYours  = "not_yours" // only an approver may
	RefusedTransient = "transient" // not now: starting up, stopping, or busy
	RefusedBackend   = "backend"   // the backend can't be asked
	RefusedAmbiguous = "ambiguous" // several pools have that host
)

func refusal(code, format string, args ...any) error {
	return &Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// fromResult turns the ledger's refusal into an error.
func fromResult(r ledger.Result) error {
	if r.OK {
		return nil
	}
	return &Refusal{Code: r.Code, Reason: r.Reason}
}

// ask commits one person's operation and returns the ledger's answer.
func (e *Engine) ask(ctx context.Context, by remedy.Actor, b ledger.Body) (ledger.Result, error) {
	if r, known := e.foretold(ctx, by, b); known {
		return r, fromResult(r)
	}
	applied, err := e.commitEntry(ctx, by, b)
	if err != nil {
		return ledger.Result{}, err
	}
	e.Kick()
	return applied.Results[0], fromResult(applied.Results[0])
}

// mayAct reports whether a person may act on an action's hosts: one of its
// approvers, or anybody whom the socket admits when it has none.
func (e *Engine) mayAct(by remedy.Actor, action remedy.ActionName) error {
	a, ok := e.Config().Actions[action]
	switch {
	case !ok:
		return e.mayLift(by) // an action that left the config has no approvers of its own
	case by.MayApprove(a.Approvers):
		return nil
	case len(a.Approvers) == 0:
		return byTheSocket(by, fmt.Sprintf("%s has no approvers", action))
	}
	return refusal(RefusedNotYours, "%s is not an approver of %s: ask one of %s", by.Name, action, strings.Join(a.Approvers, ", "))
}

// mayLift reports whether a person may lift a restraint: an approver of any
// action, or anybody whom the socket admits when no action has approvers.
func (e *Engine) mayLift(by remedy.Actor) error {
	var all []string
	for _, name := range sorted(e.Config().Actions) {
		all = append(all, e.Config().Actions[name].Approvers...)
	}
	switch {
	case by.MayApprove(all):
		return nil
	case len(all) == 0:
		return byTheSocket(by, "no action has approvers")
	}
	slices.Sort(all)
	return refusal(RefusedNotYours, "%s is not an approver of any action: ask one of %s", by.Name, strings.Join(slices.Compact(all), ", "))
}

// byTheSocket admits who was let in by the socket's file mode, which is the list
// of who may where there is no other. Who comes by way of a chat was let in by
// nobody's list.
func byTheSocket(by remedy.Actor, why string) error {
	if len(by.Keys) == 0 && by.Via != string(ledger.SurfaceSlack) {
		return nil
	}
	return refusal(RefusedNotYours, "%s, so only who reaches warden's socket may, with the command line: name approvers in the config, and they may here", why)
}

// MayOperate reports whether a person may change the cluster itself: those who
// may lift restraints. Its error is a *Refusal.
func (e *Engine) MayOperate(by remedy.Actor) error { return e.mayLift(by) }

// Now decides afresh a case that waits, for an answer or for its start: what
// stands in its way at this moment. It reports false for any other case, whose
// own decision is of the newest round.
func (e *Engine) Now(id remedy.CaseID) (remedy.Decision, bool) {
	c, ok := e.Ledger.Case(id)
	if !ok || c.Stage != remedy.StageWaiting || e.view.Load().At.IsZero() {
		return remedy.Decision{}, false
	}
	o := startOrder{c: c, kind: remedy.KindAct, by: remedy.Warden()}
	if c.Ask != nil && c.Ask.ByHand && c.Manual != nil {
		o.kind, o.by, o.acked = remedy.KindManual, c.Manual.By, e.Ledger.Acknowledged(c)
	}
	cfg := e.Config()
	d, _ := e.decideOn(cfg, o, e.newestJudgement(cfg, o), 0)
	return d, true
}

// Cancel commits a person's wish to stop a case. A case that has not started is
// closed by it. One that executes is called off at its last gate; whether the
// wish came in time, the case tells once the execution has ended.
func (e *Engine) Cancel(ctx context.Context, by remedy.Actor, b ledger.CaseCancel) error {
	if c, ok := e.Ledger.Case(b.Case); ok {
		b.QuietFor = e.Config().Actions[c.Action].Cooldown
	}
	_, err := e.ask(ctx, by, &b)
	return err
}

// Freeze stops all acting until it is lifted, or until an instant.
func (e *Engine) Freeze(ctx context.Context, by remedy.Actor, reason string, until time.Time) error {
	if !until.IsZero() {
		until = until.Add(e.behind())
	}
	_, err := e.ask(ctx, by, &ledger.FreezeSet{Reason: reason, Until: until})
	return err
}

// Unfreeze lifts the freeze.
func (e *Engine) Unfreeze(ctx context.Context, by remedy.Actor) error {
	if err := e.mayLift(by); err != nil {
		return err
	}
	cfg := e.Config()
	if cfg.FreezeFile != nil {
		if there, err := cfg.FreezeFile(); err != nil || there {
			return refusal(ledger.RefusedFrozen, "the freeze file is there, or can't be read: remove it first, or warden freezes again at once")
		}
	}
	_, err := e.ask(ctx, by, &ledger.FreezeLift{})
	return err
}

// Target names a pool, or a host of one.
type Target struct {
	Pool remedy.PoolName
	Host remedy.HostName // empty for the whole pool
}

// Find says which pool or host a word means. A pool's name wins over a host's.
func (e *Engine) Find(word string, pool remedy.PoolName) (Target, error) {
	cfg := e.Config()
	if _, ok := cfg.Pools[remedy.PoolName(word)]; ok && pool == "" {
		return Target{Pool: remedy.PoolName(word)}, nil
	}
	var found []remedy.PoolName
	v := e.View()
	for _, name := range sorted(cfg.Pools) {
		if pool != "" && name != pool {
			continue
		}
		for _, h := range v.Hosts(name) {
			if h.Host == remedy.HostName(word) {
				found = append(found, name)
			}
		}
	}
	switch {
	case len(found) == 1:
		return Target{Pool: found[0], Host: remedy.HostName(word)}, nil
	case len(found) > 1:
		return Target{}, refusal(RefusedAmbiguous, "%s is in several pools: say which of %s with --pool", word, remedy.Listed(found))
	case v.At.IsZero():
		return Target{}, refusal(RefusedTransient, "no round has run yet, so no host is known: try again in a moment")
	}
	return Target{}, refusal(RefusedNotFound, "there is no pool or host %q: see `warden hosts`", word)
}

// Hold keeps warden's hands off a host or pool until an instant.
func (e *Engine) Hold(ctx context.Context, by remedy.Actor, t Target, reason string, until time.Time) error {
	_, err := e.ask(ctx, by, &ledger.HoldSet{Pool: t.Pool, Host: t.Host, Reason: reason, Until: until.Add(e.behind())})
	return err
}

// Release ends a hold. It resets no breaker, and says so where that is what
// holds the pool.
func (e *Engine) Release(ctx context.Context, by remedy.Actor, t Target) error {
	if err := e.mayLift(by); err != nil {
		return err
	}
	_, err := e.ask(ctx, by, &ledger.HoldRelease{Pool: t.Pool, Host: t.Host})
	if t.Host != "" {
		return err
	}
	if all := e.Ledger.Latches(t.Pool); err != nil && len(all) > 0 {
		return refusal(ledger.RefusedNothing, "pool %s is not held: its breaker is latched (%s), and `%s` lifts that", t.Pool, all[0].Detail, ledger.ResetCommand(all[0].Pool))
	}
	return err
}

// AcceptPool accepts a pool's present size.
func (e *Engine) AcceptPool(ctx context.Context, by remedy.Actor, pool remedy.PoolName) error {
	if err := e.mayLift(by); err != nil {
		return err
	}
	if _, ok := e.Config().Pools[pool]; !ok {
		return refusal(RefusedNotFound, "there is no pool %q: see `warden hosts`", pool)
	}
	_, err := e.ask(ctx, by, &ledger.PoolAccept{Pool: pool})
	return err
}

// Resolve says where a host of unknown execution outcome is.
func (e *Engine) Resolve(ctx context.Context, by remedy.Actor, b ledger.Resolve) error {
	c, ok := e.Ledger.Case(b.Case)
	if !ok {
		return refusal(ledger.RefusedNoCase, "there is no case %s", b.Case)
	}
	if err := e.mayAct(by, c.Action); err != nil {
		return err
	}
	_, err := e.ask(ctx, by, &b)
	return err
}

// RunRequest is a person's wish to run an action by hand.
type RunRequest struct {
	Action remedy.ActionName
	Target Target
	Reason string
	// Acknowledged names the guardrails whose question the person has seen.
	Acknowledged []string
	// PlanHash, when set, must be the plan's: the one the person was shown.
	PlanHash string
	// Once names the preview that was tapped: see ledger.ManualOpen. Empty for a command.
	Once string
}

// Preview says what a request would do, and what the guardrails say of it.
type Preview struct {
	Plan     remedy.Plan
	Decision remedy.Decision
	// Warnings are what the person should know first.
	Warnings []string
}

// PreviewRun says what running the action by hand would do. It changes
// nothing.
func (e *Engine) PreviewRun(ctx context.Context, q RunRequest) (Preview, error) {
	cfg := e.Config()
	a, ok := cfg.Actions[q.Action]
	if !ok {
		return Preview{}, refusal(RefusedNotFound, "there is no action %q: use one of %s", q.Action, remedy.Listed(sorted(cfg.Actions)))
	}
	if q.Target.Host == "" {
		return Preview{}, refusal(RefusedNotFound, "name a host: an action is run on one host at a time")
	}
	if _, ok := a.Levels[q.Target.Pool]; !ok {
		return Preview{}, refusal(RefusedNotFound, "action %s is not meant for pool %s: nothing proposes it there, and none of pool_policy, pool_backend and pool_addresses names the pool", q.Action, q.Target.Pool)
	}
	for _, g := range q.Acknowledged {
		if !slices.Contains(policy.Names(), g) {
			return Preview{}, refusal(RefusedNotFound, "there is no guardrail %q to acknowledge: use one of %s", g, remedy.Listed(policy.Names()))
		}
	}
	if err := e.listed(q.Target); err != nil {
		return Preview{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, a.Spec.Timeout)
	defer cancel()
	plan, err := a.Plan(bounded, q.Target.Pool, q.Target.Host)
	if err != nil {
		return Preview{}, refusal(RefusedBackend, "%v", err)
	}
	o := startOrder{
		c:    &ledger.Case{Pool: q.Target.Pool, Host: q.Target.Host, Action: q.Action},
		kind: remedy.KindManual, acked: q.Acknowledged,
	}
	d, _ := e.decideOn(cfg, o, e.newestJudgement(cfg, o), 0)
	return Preview{Plan: plan, Decision: d, Warnings: e.othersFirst(cfg, q)}, nil
}

// listed reports whether the newest round's inventory has the host: what only
// the backend knows is none of warden's.
func (e *Engine) listed(t Target) error {
	switch {
	case e.View().At.IsZero():
		return refusal(RefusedTransient, "no round has run yet, so no host is known: try again in a moment")
	case !e.lists(t.Pool, t.Host):
		return refusal(RefusedNotFound, "the inventory of pool %s has no host %q: see `warden hosts`", t.Pool, t.Host)
	}
	return nil
}

// RunByHand runs an action for a person: under the same guardrails, and
// recorded like any other. It returns once START is committed; the case tells
// the rest.
func (e *Engine) RunByHand(ctx context.Context, by remedy.Actor, q RunRequest) (remedy.CaseID, error) {
	if err := e.mayAct(by, q.Action); err != nil {
		return 0, err
	}
	p, err := e.PreviewRun(ctx, q)
	if err != nil {
		return 0, err
	}
	switch {
	case len(p.Decision.Asks) > 0 && q.asks(p.Decision):
		return 0, &Refusal{Code: RefusedAsk, Reason: why(p.Decision) + ": if you have seen it, repeat the request with --acknowledge " + p.Decision.Asks[0], Decision: &p.Decision}
	case !p.Decision.Allowed():
		return 0, &Refusal{Code: RefusedGuardrail, Reason: why(p.Decision), Decision: &p.Decision}
	case q.PlanHash != "" && q.PlanHash != p.Plan.Hash():
		return 0, refusal(ledger.RefusedApproval, "the plan is %s now and not %s: look at it again with --plan", p.Plan.Hash(), q.PlanHash)
	}
	others, err := e.secondYes(e.Config(), by, q, p)
	if err != nil {
		return 0, err
	}
	var id remedy.CaseID
	// Once it is begun, nobody's hanging up leaves a START without a runner.
	ctx = context.WithoutCancel(ctx)
	e.locked(func() {
		var r ledger.Result
		r, err = e.ask(ctx, by, &ledger.ManualOpen{
			Pool: q.Target.Pool, Host: q.Target.Host, Action: q.Action, Reason: q.Reason,
			Acknowledged: q.Acknowledged, Plan: p.Plan, Decision: p.Decision, Ask: others, Once: q.Once,
		})
		if id = r.Case; err != nil || others != nil {
			return
		}
		c, _ := e.Ledger.Case(id)
		err = e.start(ctx, e.Config(), startOrder{c: c, kind: remedy.KindManual, by: by, acked: q.Acknowledged})
	})
	return id, err
}

// asks reports whether what stands in the way is only what the person was not
// shown yet.
func (RunRequest) asks(d remedy.Decision) bool {
	return !slices.ContainsFunc(d.Answers, func(a remedy.Answer) bool {
		return a.Effect == remedy.EffectBlock || a.Effect == remedy.EffectWait
	})
}

// PreviewUndo says what undoing a case would do. It changes nothing.
func (e *Engine) PreviewUndo(id remedy.CaseID) (Preview, error) {
	c, ok := e.Ledger.Case(id)
	if !ok {
		return Preview{}, refusal(ledger.RefusedNoCase, "there is no case %s", id)
	}
	if c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying {
		return Preview{}, refusal(ledger.RefusedStage, "%s is %s: only a host that is out because of it can be put back", id, c.Stage)
	}
	cfg := e.Config()
	switch {
	case cfg.Actions[c.Action].Spec.NoUndo:
		return Preview{}, refusal(RefusedBackend, "action %s has no undo: put %s back by hand, and warden will see it%s", c.Action, c.Host, undoHint(c))
	case e.departed(c.Pool, c.Host):
		return Preview{}, refusal(RefusedNotFound, "%s left the inventory of pool %s, so nothing is run on it: put it back by hand%s", c.Host, c.Pool, undoHint(c))
	}
	p := Preview{}
	if c.Plan != nil {
		p.Plan = remedy.Plan{
			Action: c.Action, Pool: c.Pool, Host: c.Host, Steps: c.Plan.UndoSteps,
			Summary: fmt.Sprintf("put %s back in %s", c.Host, c.Pool),
		}
	}
	o := startOrder{c: c, kind: remedy.KindUndo}
	j := e.newestJudgement(cfg, o)
	p.Decision, _ = e.decideOn(cfg, o, j, 0)
	if f, ok := e.view.Load().Fitness(c.Pool, c.Host); ok {
		if f.Verdict != remedy.VerdictGood {
			p.Warnings = append(p.Warnings, fmt.Sprintf("%s is not known to be fit to return: %s: %s. Undoing may return a bad host to service", c.Host, f.Detector, chat.FindingSentence(f)))
		}
	} else if j == nil {
		p.Warnings = append(p.Warnings, "nothing says whether "+string(c.Host)+" is well: look before you put it back")
	} else if c.Latest != nil && c.Latest.Verdict == remedy.VerdictBad {
		p.Warnings = append(p.Warnings, fmt.Sprintf("%s was bad when it was last judged, at %s, and a host that is out isn't judged: undoing may return a bad host to service", c.Host, c.Latest.At.Format(time.RFC3339)))
	}
	return p, nil
}

// undoHint is how to put a case's host back by hand, as the end of a sentence.
func undoHint(c *ledger.Case) string {
	switch {
	case c.Plan == nil:
		return ""
	case c.Plan.UndoHint != "":
		return ": " + c.Plan.UndoHint
	case len(c.Plan.UndoSteps) > 0:
		return ": " + strings.Join(c.Plan.UndoSteps, "; ")
	}
	return ""
}

// Undo has warden put the host of a case back. It returns once START is
// committed.
func (e *Engine) Undo(ctx context.Context, by remedy.Actor, id remedy.CaseID, reason remedy.UndoReason) error {
	c, ok := e.Ledger.Case(id)
	if !ok {
		return refusal(ledger.RefusedNoCase, "there is no case %s", id)
	}
	if err := e.mayAct(by, c.Action); err != nil {
		return err
	}
	if _, err := e.PreviewUndo(id); err != nil {
		return err
	}
	var err error
	ctx = context.WithoutCancel(ctx) // as in RunByHand
	e.locked(func() {
		err = e.start(ctx, e.Config(), startOrder{c: c, kind: remedy.KindUndo, by: by, reason: reason})
	})
	return err
}
