package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"warden/actions"
	"warden/internal/clock"
	"warden/internal/failpoint"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// startRetries is how often a START is decided again when the world moved
// between the decision and its commit.
const startRetries = 3

// execution is one START that this process carries out.
type execution struct {
	cfg    *Config
	action Action
	c      *ledger.Case
	kind   remedy.ExecutionKind
	token  remedy.Token
	prior  string
	// startBy and runBy were armed before the commit, on wall and monotonic
	// time: the effect begins before the one and ends before the other.
	startBy, runBy clock.Deadline
}

// startReady starts what may start: approved cases, and cases decided at auto.
// The caller holds e.mu.
func (e *Engine) startReady(ctx context.Context, cfg *Config) {
	for _, name := range sorted(cfg.Pools) {
		for _, c := range e.Ledger.Pool(name, e.Clock.Now()).Open {
			approved := c.Stage == remedy.StageWaiting && c.Answer != nil && c.Answer.Approve
			auto := c.Stage == remedy.StageProposed && c.Manual == nil && c.Decision != nil && c.Decision.Level == remedy.LevelAuto
			if !approved && !auto {
				continue
			}
			if _, err := e.start(ctx, cfg, startOrder{c: c, kind: remedy.KindAct, by: remedy.Warden()}); err != nil {
				e.Logger.Info("not started", zap.Stringer("case", c.ID), zap.Error(err))
			}
		}
	}
}

// startOrder is what is to be started.
type startOrder struct {
	c      *ledger.Case
	kind   remedy.ExecutionKind
	by     remedy.Actor
	reason remedy.UndoReason
	acked  []string
}

// start decides once more, commits START and hands the execution to its
// runner. This is the one choke point: nothing has a side effect that did not
// come through here. The caller holds e.mu.
func (e *Engine) start(ctx context.Context, cfg *Config, o startOrder) (remedy.Token, error) {
	if !e.admit.Load() || ctx.Err() != nil {
		return remedy.Token{}, refusal(RefusedTransient, "this node is stopping and starts nothing new: ask again in a moment")
	}
	action, ok := cfg.Actions[o.c.Action]
	if !ok {
		return remedy.Token{}, refusal(RefusedNotFound, "the config has no action %s: put it back", o.c.Action)
	}
	for range startRetries {
		d, w, basis := e.decideNow(cfg, o, 0)
		if !allows(o.kind, d) {
			return remedy.Token{}, &Refusal{Code: RefusedGuardrail, Reason: why(d), Decision: &d}
		}
		x := &execution{cfg: cfg, action: action, c: o.c, kind: o.kind}
		body := &ledger.ExecStart{
			Case: o.c.ID, Kind: o.kind, PlanHash: o.c.PlanHash, Basis: basis, UndoReason: o.reason,
			StartWithin: action.Spec.StartWithin, RunWithin: action.Spec.Timeout, TakesOut: action.Spec.TakesOut,
			BadOthers: max(0, bad(w)-1),
		}
		if err := e.prior(ctx, x, body); err != nil {
			return remedy.Token{}, err
		}
		x.startBy = clock.NewDeadline(e.Clock, action.Spec.StartWithin)
		x.runBy = clock.NewDeadline(e.Clock, action.Spec.StartWithin+action.Spec.Timeout)
		failpoint.Hit("before-start")
		applied, err := e.commitEntry(ctx, o.by, body)
		if err != nil {
			return remedy.Token{}, fmt.Errorf("START of %s: %w", o.c.ID, err)
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
				e.run(ctx, x)
			})
			return x.token, nil
		case r.Code == ledger.RefusedBasis:
			continue
		default:
			return remedy.Token{}, fromResult(r)
		}
	}
	return remedy.Token{}, refusal(RefusedTransient, "busy: the world moved %d times while it was being decided: ask again", startRetries)
}

// prior reads the state that an undo would restore, before START, so that it
// survives a death right after the effect. For an undo it is the state that
// the action found.
func (e *Engine) prior(ctx context.Context, x *execution, body *ledger.ExecStart) error {
	if x.kind == remedy.KindUndo {
		a := x.c.Acted()
		if a == nil || a.Prior == "" {
			return refusal(RefusedBackend, "warden does not know the state before %s: put the host back by hand, and warden will see it", x.c.ID)
		}
		x.prior = a.Prior
	} else {
		o, err := e.observeHost(ctx, x)
		if err != nil {
			return refusal(RefusedBackend, "%v", err)
		}
		x.prior = o.Admin
	}
	body.Prior = x.prior
	return nil
}

// decideNow decides an order on what the newest round saw and the ledger knows
// now. own is the case whose running execution is left out.
func (e *Engine) decideNow(cfg *Config, o startOrder, own remedy.CaseID) (remedy.Decision, policy.World, remedy.Basis) {
	j := e.newestJudgement(cfg, o)
	return e.decideOn(cfg, o, j, own)
}

func (e *Engine) decideOn(cfg *Config, o startOrder, j *judgement, own remedy.CaseID) (remedy.Decision, policy.World, remedy.Basis) {
	now := e.Clock.Now()
	q := ledger.FactsQuery{Pool: o.c.Pool, Host: o.c.Host, Action: o.c.Action, Detector: o.c.Detector, Now: now, Own: own}
	if j != nil {
		spec := j.detector.Spec()
		q.Detector, q.CommonModeWindow = spec.Name, spec.CommonModeWindow
	}
	facts := e.Ledger.Facts(q)
	w := e.world(cfg, j, facts, q, now)
	d := policy.Decide(policy.Proposal{
		Kind: o.kind, Pool: o.c.Pool, Host: o.c.Host, Action: o.c.Action, Detector: o.c.Detector,
		TakesOut: cfg.Actions[o.c.Action].Spec.TakesOut, Acknowledged: o.acked,
	}, w)
	return d, w, facts.Basis
}

// newestJudgement is the newest round's word on the order's pool: its own
// detector's, or for a person's request that of the detector that sees the
// most bad hosts. Nil when there is none.
func (e *Engine) newestJudgement(cfg *Config, o startOrder) *judgement {
	v := e.view.Load()
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
		case worst == nil || len(j.real.badNow) > len(worst.real.badNow):
			worst = j
		}
	}
	return worst
}

// allows reports whether a decision lets this kind of execution start.
func allows(kind remedy.ExecutionKind, d remedy.Decision) bool {
	if kind == remedy.KindAct {
		return d.Level >= remedy.LevelConfirm
	}
	return d.Level > remedy.LevelBlocked
}

// bad is how many hosts are bad at once, as far as anybody knows.
func bad(w policy.World) int {
	c, _ := w.CommonMode.Get()
	return c.Bad
}

// why words the first thing that stands in the way.
func why(d remedy.Decision) string {
	for _, a := range d.Answers {
		if a.Guardrail == d.BlockedBy {
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

// run carries out one execution, from the committed START to FINISHED. It
// outlives the tenure: losing leadership kills no effect.
func (e *Engine) run(tenure context.Context, x *execution) {
	ctx := context.WithoutCancel(tenure)
	finish := e.carryOut(ctx, tenure, x)
	finish.Case, finish.Token, finish.QuietFor = x.c.ID, x.token, x.action.Cooldown
	if finish.Prior == "" {
		finish.Prior = x.prior
	}
	failpoint.Hit("before-finish")
	e.finish(ctx, x.c.ID, finish)
	failpoint.Hit("after-finish")
	e.mu.Lock()
	delete(e.running, x.c.ID)
	e.mu.Unlock()
	e.Kick()
}

// carryOut is steps 3 to 6 of the protocol: judge again, observe, the last
// gate, the effect. It returns how the execution ended.
func (e *Engine) carryOut(ctx, tenure context.Context, x *execution) *ledger.ExecFinish {
	j, ended := e.judgeAgain(ctx, x)
	if ended != nil {
		return ended
	}
	failpoint.Hit("before-observe")
	before, err := e.observeHost(ctx, x)
	if err != nil {
		return aborted("the host can't be observed before acting: %v", err)
	}
	if ended := x.compare(before); ended != nil {
		return ended
	}
	failpoint.Hit("before-gate")
	if ended := e.gate(ctx, tenure, x, j); ended != nil {
		return ended
	}
	failpoint.Hit("before-effect")
	return e.effect(ctx, x)
}

func aborted(format string, args ...any) *ledger.ExecFinish {
	return &ledger.ExecFinish{Outcome: remedy.OutcomeAborted, Note: fmt.Sprintf(format, args...)}
}

// judgeAgain has the detector that started it look once more, at fresh data.
func (e *Engine) judgeAgain(ctx context.Context, x *execution) (*judgement, *ledger.ExecFinish) {
	if x.kind != remedy.KindAct {
		return e.newestJudgement(x.cfg, startOrder{c: x.c}), nil
	}
	d, ok := x.cfg.detector(x.c.Detector)
	if !ok {
		return nil, aborted("the config no longer has detector %s", x.c.Detector)
	}
	r := &round{cfg: x.cfg, now: e.Clock.Now()}
	p := &poolRound{name: x.c.Pool}
	if seen := e.view.Load().round.pool(x.c.Pool); seen != nil {
		p.hosts = seen.hosts
	}
	e.observe(ctx, x.cfg, p)
	view := e.poolView(p, r)
	at := judgedAt(r.now, d.Spec().Interval)
	j := judge(d, view, at, e.fetch(ctx, x.cfg, d.Queries(view, at)))
	j.observed = p.seen
	f, ok := j.finding(x.c.Host)
	switch {
	case !ok:
		return nil, aborted("%s is not in the inventory of pool %s", x.c.Host, x.c.Pool)
	case f.Verdict == remedy.VerdictBad:
		return &j, nil
	case f.Verdict == remedy.VerdictGood:
		ended := aborted("it recovered by itself before anything was done")
		ended.Recovered = true
		return nil, ended
	case f.Verdict == remedy.VerdictOut:
		return nil, aborted("somebody else took it out of service first")
	default:
		return nil, aborted("judged again and unknown (%s): nothing is done on what isn't known", f.Reason)
	}
}

// compare holds what is observed right before the effect against what was
// there at START.
func (x *execution) compare(o remedy.Observation) *ledger.ExecFinish {
	wanted, known := o.AsWanted.Get()
	switch {
	case !known:
		return aborted("the backend can't say what state the host is in: %s", o.AsWanted.Why)
	case x.kind == remedy.KindUndo && !wanted && o.Admin == x.prior:
		return &ledger.ExecFinish{Outcome: remedy.OutcomeDone, Note: "it was back already"}
	case x.kind == remedy.KindUndo && !wanted:
		return aborted("it is in %q now and not as warden left it: somebody else changed it", o.Admin)
	case x.kind == remedy.KindUndo:
		return nil
	case wanted:
		return aborted("somebody else did it already: it is in %q", o.Admin)
	case o.Admin != x.prior:
		return aborted("it changed from %q to %q since START", x.prior, o.Admin)
	}
	return nil
}

// gate is the last check before the effect: this node still leads, has applied
// everything, and nothing that binds this execution has changed. Only the
// effect follows it.
func (e *Engine) gate(ctx, tenure context.Context, x *execution, j *judgement) *ledger.ExecFinish {
	if err := e.Log.Verify(ctx); err != nil {
		return aborted("leadership can't be verified: %v", err)
	}
	c, ok := e.Ledger.Case(x.c.ID)
	if !ok || c.Stage != remedy.StageExecuting || c.Execution().Token != x.token {
		return aborted("the case moved on")
	}
	cfg := e.Config()
	if _, ok := cfg.Actions[c.Action]; !ok {
		return aborted("the config no longer has action %s", c.Action)
	}
	o := startOrder{c: c, kind: x.kind}
	if c.Manual != nil {
		o.acked = c.Manual.Acknowledged
	}
	d, w, _ := e.decideOn(cfg, o, j, c.ID)
	effective, _ := w.Effective.Get()
	switch {
	case tenure.Err() != nil:
		return aborted("leadership was lost before the effect")
	case !allows(x.kind, d):
		return aborted("%s", why(d))
	case x.kind == remedy.KindAct && c.Answer == nil && effective < remedy.LevelAuto:
		return aborted("the level is %s now", effective)
	case x.startBy.Expired():
		return aborted("it could not begin within %s of its START", x.action.Spec.StartWithin)
	}
	return nil
}

// observeHost observes one host.
func (e *Engine) observeHost(ctx context.Context, x *execution) (remedy.Observation, error) {
	bounded, cancel := context.WithTimeout(ctx, x.action.Spec.Timeout)
	defer cancel()
	all, err := x.action.Observe(bounded, x.c.Pool)
	if err != nil {
		return remedy.Observation{}, err
	}
	o, ok := all[x.c.Host]
	if !ok {
		return remedy.Observation{}, fmt.Errorf("%w: %s in pool %s: check host_regex and the backend's servers", actions.ErrHostUnknown, x.c.Host, x.c.Pool)
	}
	return o, nil
}

// finish commits FINISHED, and tries until it is in: what happened must not be
// lost. It gives up only when the log says that somebody else finished it, or
// that this node leads no more; then the next leader observes.
func (e *Engine) finish(ctx context.Context, id remedy.CaseID, b *ledger.ExecFinish) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		applied, err := e.commitEntry(ctx, remedy.Warden(), b)
		if err == nil {
			if r := applied.Results[0]; !r.OK {
				e.Logger.Warn("FINISHED was refused", zap.Stringer("case", id), zap.String("reason", r.Reason))
			}
			return
		}
		e.Logger.Warn("FINISHED is not committed yet", zap.Stringer("case", id), zap.Error(err))
		if errors.Is(err, ErrNotCommitted) {
			return
		}
		if clock.Sleep(ctx, e.Clock, wait) != nil {
			return
		}
	}
}
