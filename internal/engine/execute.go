package engine

import (
	"context"
	"fmt"
	"strings"

	"warden/actions"
	"warden/internal/clock"
	"warden/internal/failpoint"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// execution is one START that this process carries out.
type execution struct {
	cfg    *Config
	action Action
	c      *ledger.Case
	kind   remedy.ExecutionKind
	token  remedy.Token
	prior  string
	// balancers are the load balancers that the effect is held to, each with
	// the state that an undo restores; empty for all.
	balancers []remedy.BalancerState
	// before is what was observed right before the effect.
	before remedy.Observation
	// leads is nil as long as the tenure that started it lasts.
	leads func() error
	// asked has what block_when's queries said when they were asked again.
	asked *round
	// looks, when set, remembers what the backends said: see verify.
	looks *looks
	// startBy and runBy were armed before the commit, on wall and monotonic
	// time: the effect begins before the one and ends before the other.
	startBy, runBy clock.Deadline
	// began is this node's clock before the commit.
	began clock.Reading
}

// run carries out one execution, from the committed START to FINISHED. It
// outlives the tenure: losing leadership kills no effect.
func (e *Engine) run(ctx context.Context, x *execution) {
	finish := e.carryOut(ctx, x)
	finish.Case, finish.Token, finish.QuietFor = x.c.ID, x.token, x.action.Cooldown
	if finish.Prior == "" {
		finish.Prior = x.prior
	}
	failpoint.Hit("before-finish")
	e.finish(ctx, x.c.ID, finish)
	failpoint.Hit("after-finish")
	e.mu.Lock()
	if e.running[x.c.ID] == x.token {
		delete(e.running, x.c.ID)
	}
	e.mu.Unlock()
	e.Kick()
}

// carryOut is steps 3 to 6 of the protocol: judge again, observe, the last
// gate, the effect. It returns how the execution ended.
func (e *Engine) carryOut(ctx context.Context, x *execution) *ledger.ExecFinish {
	j, ended := e.judgeAgain(ctx, x)
	if ended != nil {
		return ended
	}
	failpoint.Hit("before-observe")
	if !x.action.Spec.Blind {
		before, err := e.observeHost(ctx, x)
		if err != nil {
			return aborted("the host can't be observed before acting: %v", err)
		}
		if ended := x.compare(before); ended != nil {
			return ended
		}
		x.before = before
	}
	if ended := e.samePlan(ctx, x); ended != nil {
		return ended
	}
	failpoint.Hit("before-gate")
	if ended := e.gate(ctx, x, j); ended != nil {
		return ended
	}
	failpoint.Hit("before-effect")
	return e.effect(ctx, x)
}

func aborted(format string, args ...any) *ledger.ExecFinish {
	return &ledger.ExecFinish{Outcome: remedy.OutcomeAborted, Note: fmt.Sprintf(format, args...)}
}

// judgeAgain has the detector that started it look once more, at fresh data,
// and asks again what holds everything back.
func (e *Engine) judgeAgain(ctx context.Context, x *execution) (*judgement, *ledger.ExecFinish) {
	if x.kind == remedy.KindManual {
		r := &round{cfg: e.Config(), now: e.Clock.Now()}
		r.blocks = r.cfg.blocks(r.now, e.fetchFresh(ctx, r.cfg, r.cfg.blockQueries(r.now)))
		x.asked = r
	}
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
	view := e.poolView(p, r, false)
	at := judgedAt(r.now, d.Spec().Interval)
	others := e.askAgain(ctx, x, remedy.OpinionQuery{
		Pool: x.c.Pool, Detector: x.c.Detector, Digest: d.Spec().Digest, At: at, Hosts: []remedy.HostName{x.c.Host},
	})
	defer others.cancel()
	results := e.fetchFresh(ctx, x.cfg, append(d.Queries(view, at), x.cfg.blockQueries(r.now)...))
	r.blocks = x.cfg.blocks(r.now, results)
	x.asked = r
	j := judge(d, view, at, results, nil)
	j.observed = p.seen
	f, ok := j.finding(x.c.Host)
	switch {
	case !ok:
		return nil, aborted("%s is not in the inventory of pool %s", x.c.Host, x.c.Pool)
	case f.Verdict == remedy.VerdictBad:
		r.opinions = others.wait(ctx)
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
	case x.kind == remedy.KindUndo && len(departedFrom(x.c.Taken(), o)) > 0:
		return aborted("its pool moved away from %s, where it was taken out: put it back there by hand", strings.Join(departedFrom(x.c.Taken(), o), ", "))
	case x.kind == remedy.KindUndo && !wanted && x.restored(o):
		return &ledger.ExecFinish{Outcome: remedy.OutcomeDone, Note: "it was back already"}
	case x.kind == remedy.KindUndo && !wanted && !o.Partial():
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

// samePlan makes the plan once more: what would be done now has to be what was
// decided, and shown to whoever approved it.
func (e *Engine) samePlan(ctx context.Context, x *execution) *ledger.ExecFinish {
	if x.kind == remedy.KindUndo {
		return nil
	}
	plan := e.plan(ctx, e.view.Load().round.pool(x.c.Pool), x.action, x.c.Host)
	if plan == nil {
		return aborted("no plan can be made: the backend can't be asked")
	}
	if plan.Hash() == x.c.PlanHash {
		return nil
	}
	ended := aborted("the plan changed from %s to %s since it was shown", x.c.PlanHash, plan.Hash())
	ended.Stale = true
	return ended
}

// gate is the last check before the effect: this node still leads, has applied
// everything, and nothing that binds this execution has changed. Only the
// effect follows it.
func (e *Engine) gate(ctx context.Context, x *execution, j *judgement) *ledger.ExecFinish {
	if x.kind != remedy.KindUndo {
		if err := e.look(ctx, x.cfg, x.c.Pool); err != nil {
			return aborted("%v", err)
		}
	}
	if err := e.Log.Verify(ctx); err != nil {
		return aborted("leadership can't be verified: %v", err)
	}
	c, ok := e.Ledger.Case(x.c.ID)
	if !ok || c.Stage != remedy.StageExecuting || c.Execution().Token != x.token {
		return aborted("the case moved on")
	}
	if c.Cancels(x.token) {
		return aborted("cancelled by %s before anything was done", c.Cancel.By.Name)
	}
	if x.kind == remedy.KindUndo && e.departed(c.Pool, c.Host) || x.kind != remedy.KindUndo && !e.lists(c.Pool, c.Host) {
		return aborted("%s is not in the inventory of pool %s", c.Host, c.Pool)
	}
	cfg := e.Config()
	if _, ok := cfg.Actions[c.Action]; !ok {
		return aborted("the config no longer has action %s", c.Action)
	}
	o := startOrder{c: c, kind: x.kind, asked: x.asked}
	if c.Manual != nil {
		o.acked = e.Ledger.Acknowledged(c)
	}
	d, _ := e.decideOn(cfg, o, j, c.ID)
	said, against := e.Ledger.Against(c)
	switch {
	case x.leads() != nil:
		return aborted("leadership was lost before the effect")
	case cfg != x.cfg && (x.kind == remedy.KindManual || x.kind == remedy.KindUndo):
		return aborted("the config was reloaded since START, and nothing is done by the old one: ask for it again")
	case cfg != x.cfg:
		return aborted("the config was reloaded since START: decided afresh")
	case !o.allowedBy(d):
		return aborted("%s", why(d))
	case against && x.kind == remedy.KindAct:
		return aborted("%s, since it was approved", said.Words())
	case against && x.kind == remedy.KindReassert && c.Manual == nil:
		return aborted("%s, and it is not put back against that", said.Words())
	case x.startBy.Expired():
		return aborted("it could not begin within %s of its START", x.action.Spec.StartWithin)
	}
	return nil
}

// observeHost observes one host.
func (e *Engine) observeHost(ctx context.Context, x *execution) (remedy.Observation, error) {
	all, err := e.observeWith(ctx, x)
	if err != nil {
		return remedy.Observation{}, err
	}
	o, ok := all[x.c.Host]
	if !ok {
		return remedy.Observation{}, fmt.Errorf("%w: %s in pool %s: check host_regex and the backend's servers", actions.ErrHostUnknown, x.c.Host, x.c.Pool)
	}
	return o, nil
}
