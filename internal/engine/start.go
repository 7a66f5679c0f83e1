package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/failpoint"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// startRetries is how often a START is decided again when the world moved
// between the decision and its commit.
const startRetries = 3

// startReady starts what may start: approved cases, and cases decided at auto.
// The caller holds e.mu.
func (e *Engine) startReady(ctx context.Context, cfg *Config) {
	for _, name := range sorted(cfg.Pools) {
		orders := e.ready(cfg, name)
		if len(orders) == 0 {
			continue
		}
		// Once for the pool: a load balancer that hangs must not be waited for
		// by one order after another.
		err := e.upToDate(ctx, cfg, orders[0])
		for _, o := range orders {
			failed := err
			if failed == nil {
				failed = e.startUpToDate(ctx, cfg, o)
			}
			if failed != nil {
				e.Logger.Info("not started", zap.Stringer("case", o.c.ID), zap.Error(failed))
			}
			e.tellHeldUp(ctx, o, failed)
		}
	}
}

// ready lists what may be tried to start in a pool, whose turn it is first.
func (e *Engine) ready(cfg *Config, pool remedy.PoolName) []startOrder {
	var out []startOrder
	for _, c := range e.Ledger.Pool(pool, e.Clock.Now()).Open {
		o, ok := e.mayStart(cfg, c, e.Clock.Now())
		if ok && (o.kind == remedy.KindManual || e.foundBad(cfg, o) && e.rested(c)) {
			out = append(out, o)
		}
	}
	if len(out) < 2 {
		return out
	}
	last := e.turns(pool, false)
	turnOf := func(o startOrder) turn {
		t := turn{action: o.c.Action, host: o.c.Host, open: o.c.ID}
		t.last = last[t.key()]
		return t
	}
	slices.SortStableFunc(out, func(a, b startOrder) int { return turnOf(a).compare(turnOf(b)) })
	return out
}

// foundBad reports whether the newest round found the order's host bad, and
// has done so since the last attempt: one that was called off is started
// again on new evidence only.
func (e *Engine) foundBad(cfg *Config, o startOrder) bool {
	if x := o.c.Execution(); x != nil && !x.FinishedAt.Before(e.view.Load().At) {
		return false
	}
	j := e.newestJudgement(cfg, o)
	if j == nil {
		return false
	}
	if d, ok := cfg.detector(o.c.Detector); ok && d.Spec().Digest != j.detector.Spec().Digest {
		return false // a reload has changed it since, and the last look would be by another
	}
	f, ok := j.finding(o.c.Host)
	return ok && f.Verdict == remedy.VerdictBad
}

// judgedBy notes by which detector, as it is in the config, the act is decided, and
// what that found: the evidence counts for it. Only an act by a detector's word has
// one, and older voters can't read it.
func (e *Engine) judgedBy(o startOrder, j *judgement, b *ledger.ExecStart) {
	if o.kind != remedy.KindAct || j == nil || e.Ledger.Floor().Version < trustSince {
		return
	}
	if f, ok := j.finding(o.c.Host); ok {
		b.Digest, b.Finding = j.detector.Spec().Digest, &f
	}
}

// startOrder is what is to be started.
type startOrder struct {
	c      *ledger.Case
	kind   remedy.ExecutionKind
	by     remedy.Actor
	reason remedy.UndoReason
	acked  []string
	// asked has what block_when's queries said since the newest round; nil where
	// nobody asked.
	asked *round
}

// approved reports whether a person said yes to it.
func (o startOrder) approved() bool { return o.c.Answer != nil && o.c.Answer.Approve }

// allowedBy reports whether a decision lets the order start: what a detector
// proposed needs a person's yes at confirm, and none at auto only.
func (o startOrder) allowedBy(d remedy.Decision) bool {
	switch {
	case o.kind == remedy.KindReassert:
		return d.Level >= remedy.LevelAuto // a cap is a no: nobody is asked
	case o.kind != remedy.KindAct:
		return d.Level > remedy.LevelBlocked
	case o.approved():
		return d.Level >= remedy.LevelConfirm
	}
	return d.Level >= remedy.LevelAuto
}

// start decides once more, commits START and hands the execution to its
// runner. This is the one choke point: nothing has a side effect that did not
// come through here. The caller holds e.mu.
func (e *Engine) start(ctx context.Context, cfg *Config, o startOrder) error {
	if err := e.upToDate(ctx, cfg, o); err != nil {
		return err
	}
	return e.startUpToDate(ctx, cfg, o)
}

// startUpToDate is start where upToDate has just been asked.
func (e *Engine) startUpToDate(ctx context.Context, cfg *Config, o startOrder) error {
	if !e.admit.Load() || e.leads == nil || e.leads() != nil || ctx.Err() != nil {
		return refusal(RefusedTransient, "this node does not lead, or is stopping, and starts nothing new: ask again in a moment")
	}
	action, ok := cfg.Actions[o.c.Action]
	if !ok {
		return refusal(RefusedNotFound, "the config has no action %s: put it back", o.c.Action)
	}
	for range startRetries {
		j := e.newestJudgement(cfg, o)
		d, basis := e.decideOn(cfg, o, j, 0)
		if !o.allowedBy(d) {
			return &Refusal{Code: RefusedGuardrail, Reason: why(d), Decision: &d}
		}
		x := &execution{cfg: cfg, action: action, c: o.c, kind: o.kind, leads: e.leads}
		body := &ledger.ExecStart{
			Case: o.c.ID, Kind: o.kind, PlanHash: o.c.PlanHash, Basis: basis, UndoReason: o.reason,
			StartWithin: action.Spec.StartWithin, RunWithin: action.Spec.Timeout, TakesOut: action.Spec.TakesOut,
			Target:    action.Target(o.c.Pool),
			BadOthers: j.othersBad(o.c.Host),
			Domain:    e.view.Load().round.pool(o.c.Pool).domain(e.Ledger.Pool(o.c.Pool, e.Clock.Now()).DomainLabel, o.c.Host),
		}
		e.judgedBy(o, j, body)
		if err := e.prior(ctx, x, body); err != nil {
			return err
		}
		x.began = e.Clock.Read()
		x.startBy = clock.NewDeadline(e.Clock, action.Spec.StartWithin)
		x.runBy = clock.NewDeadline(e.Clock, action.Spec.StartWithin+action.Spec.Timeout)
		failpoint.Hit("before-start")
		applied, err := e.commitEntry(ctx, o.by, body)
		if err != nil {
			return fmt.Errorf("START of %s: %w", o.c.ID, err)
		}
		failpoint.Hit("after-start")
		switch r := applied.Results[0]; {
		case r.OK:
			x.token = applied.Token()
			x.c, _ = e.Ledger.Case(o.c.ID)
			e.running[o.c.ID] = x.token
			e.work.Add(1)
			e.queue = append(e.queue, func() {
				defer e.work.Done()
				e.run(context.WithoutCancel(ctx), x)
			})
			return nil
		case r.Code == ledger.RefusedBasis:
			continue
		default:
			return fromResult(r)
		}
	}
	return refusal(RefusedTransient, "busy: the world moved %d times while it was being decided: ask again", startRetries)
}

// The newest recorded round may be staleRounds intervals old, and as much more
// as slow sources and inventories may take.
const (
	staleRounds = 3
	slowRound   = 2 * time.Minute
)

// upToDate makes sure that an action is decided on what is: this node's own
// file is in the ledger, a round was recorded lately, and the load balancer's
// out-set is the one of this moment. An undo needs none of it.
func (e *Engine) upToDate(ctx context.Context, cfg *Config, o startOrder) error {
	if o.kind == remedy.KindUndo {
		return nil
	}
	if err := e.report(ctx, cfg); err != nil {
		return refusal(RefusedTransient, "the config isn't in the ledger yet, so its limits don't hold yet: ask again in a moment (%v)", err)
	}
	if v := e.view.Load(); v.Local {
		return refusal(RefusedTransient, "this node has just begun to lead, and its first round is under way: ask again in a moment")
	}
	if age := e.Clock.Now().Sub(e.view.Load().At); age > staleRounds*cfg.interval()+slowRound {
		return refusal(RefusedTransient, "no round has been recorded for %s: see the log, and ask again", age.Round(time.Second))
	}
	return e.look(ctx, cfg, o.c.Pool)
}

// prior reads the state that an undo would restore, before START, so that it
// survives a death right after the effect. For an undo it is the state that
// the action found.
func (e *Engine) prior(ctx context.Context, x *execution, body *ledger.ExecStart) error {
	if x.kind == remedy.KindUndo {
		a := x.c.Taken()
		if a == nil || (a.Prior == "" && !x.action.Spec.Blind) {
			return refusal(RefusedBackend, "warden does not know the state before %s: put the host back by hand, and warden will see it", x.c.ID)
		}
		x.prior, x.balancers = a.Prior, a.Ours()
		if len(a.Balancers) > 0 && len(x.balancers) == 0 {
			return refusal(ledger.RefusedDecided, "nothing of what %s did stands: what is left on %s is another hand's, and is left to it", x.c.ID, strings.Join(a.Spared, ", "))
		}
	} else if !x.action.Spec.Blind {
		o, err := e.observeHost(ctx, x)
		if err != nil {
			return refusal(RefusedBackend, "%v", err)
		}
		if wanted, known := o.AsWanted.Get(); !known {
			return refusal(RefusedBackend, "the backend can't say what state %s is in: %s", x.c.Host, o.AsWanted.Why)
		} else if wanted {
			return refusal(ledger.RefusedDecided, "%s is in %q already: there is nothing to do", x.c.Host, o.Admin)
		}
		x.prior = o.Admin
		if x.kind == remedy.KindReassert {
			if err := priorOfForgotten(x, o, body); err != nil {
				return err
			}
		} else {
			body.Balancers = o.States()
		}
	}
	body.Prior = x.prior
	return nil
}

// decideOn decides an order on a judgement and on what the ledger knows now.
// own is the case whose running execution is left out.
func (e *Engine) decideOn(cfg *Config, o startOrder, j *judgement, own remedy.CaseID) (remedy.Decision, remedy.Basis) {
	now := e.Clock.Now()
	if o.kind == remedy.KindReassert {
		own = o.c.ID // the slot that it kept: its host is in service, whatever its case says
	}
	q := ledger.FactsQuery{Pool: o.c.Pool, Host: o.c.Host, Action: o.c.Action, Detector: o.c.Detector, Now: now, Own: own}
	if j != nil {
		spec := j.detector.Spec()
		q.Detector, q.CommonModeWindow = spec.Name, spec.CommonModeWindow
	}
	facts := e.Ledger.Facts(q)
	w := e.world(cfg, j, facts, q, now)
	newest := e.view.Load().round
	w.Domains, w.Blocks = newest.pool(q.Pool).domains(facts, q.Host), cmp.Or(o.asked, newest).blocking(cfg)
	if o.kind == remedy.KindReassert {
		w.Breaker = remedy.Known(breakerOfForgotten(o.c, facts))
	}
	if o.kind == remedy.KindAct {
		w.SecondOpinion, _ = e.secondOpinion(cfg, cmp.Or(o.asked, newest), j, q.Host)
	}
	detector := o.c.Detector
	if o.kind == remedy.KindReassert && o.c.Manual != nil {
		detector = "" // a person asked for it, whatever the rung
	}
	d := policy.Decide(policy.Proposal{
		Kind: o.kind, Pool: o.c.Pool, Host: o.c.Host, Action: o.c.Action, Detector: detector,
		TakesOut: cfg.Actions[o.c.Action].Spec.TakesOut || facts.TakesOut, Acknowledged: o.acked,
		Asked: o.kind == remedy.KindAct && asksPerson(o.c),
	}, w)
	return d, facts.Basis
}

// newestJudgement is the newest round's word on the order's pool: its own
// detector's, or for a person's request that of the detector that sees the
// most bad hosts. Nil when there is none.
func (e *Engine) newestJudgement(cfg *Config, o startOrder) *judgement {
	v := e.View() // not released: what it says is used as long as the start takes
	p := v.round.pool(o.c.Pool)
	if p == nil {
		return nil
	}
	if o.c.Detector != "" {
		return p.judgement(o.c.Detector)
	}
	var worst *judgement
	for i := range p.judgements {
		j := &p.judgements[i]
		if _, ok := cfg.detector(j.Detector); !ok {
			continue
		}
		_, known := j.SourceFresh.Get()
		switch {
		case !known:
			return j // what can't be read is the worst
		case worst == nil || j.real.badNow > worst.real.badNow:
			worst = j
		}
	}
	return worst
}

// why words the first thing that stands in the way: what blocked, or else what
// lowered the level to where it is.
func why(d remedy.Decision) string {
	for _, a := range d.Answers {
		if a.Guardrail == d.BlockedBy || (d.BlockedBy == "" && a.Effect == remedy.EffectCap && a.Cap == d.Level) {
			return fmt.Sprintf("%s: %s (limit %s)", a.Guardrail, a.Observed, orNone(a.Limit))
		}
	}
	return "the level is " + d.Level.String()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
