package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// unfinished reports whether something was just done that must be looked at
// again before the next round.
func (e *Engine) unfinished() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.Config().Pools {
		for _, c := range e.Ledger.Pool(name, e.Clock.Now()).Open {
			if c.Stage == remedy.StageVerifying || (c.Stage == remedy.StageExecuting && !c.UnknownExecution()) {
				return true
			}
		}
	}
	return false
}

// verify looks at every host that warden took out or is about to: executions
// without a runner, effects that should have taken, hosts that came back by
// another hand, and whether it helped. Between rounds it leaves out those that
// are simply out. The caller holds e.mu.
func (e *Engine) verify(ctx context.Context, cfg *Config, all bool) {
	e.unwatched(cfg, e.watching())
	var open []*ledger.Case
	for _, name := range sorted(cfg.Pools) {
		open = append(open, e.Ledger.Pool(name, e.Clock.Now()).Open...)
	}
	if all {
		open = append(open, e.strays(cfg)...)
	}
	if all {
		e.intact.keep(open)
		e.forgetVain(open)
	}
	seen := e.looksAt(open, all)
	for _, c := range open {
		switch c.Stage {
		case remedy.StageExecuting:
			e.recoverExecution(ctx, cfg, c, seen)
		case remedy.StageVerifying:
			e.watch(ctx, cfg, c, seen, all)
		case remedy.StageOut:
			if all {
				e.watch(ctx, cfg, c, seen, all)
			}
		case remedy.StageDetected, remedy.StageProposed, remedy.StageWaiting, remedy.StageClosed:
		}
	}
}

// strays are the open cases of pools that the config no longer has. What was
// begun there still ends in a verdict or with a person.
func (e *Engine) strays(cfg *Config) []*ledger.Case {
	return slices.DeleteFunc(e.Ledger.Cases(ledger.CaseFilter{Open: true}), func(c *ledger.Case) bool {
		_, ok := cfg.Pools[c.Pool]
		return ok
	})
}

// watch observes one host that warden acted on, and commits what follows.
func (e *Engine) watch(ctx context.Context, cfg *Config, c *ledger.Case, seen *looks, all bool) {
	action, ok := cfg.Actions[c.Action]
	a := c.Acted()
	switch {
	case a == nil:
		return
	case !ok:
		e.watchless(ctx, c, a)
		return
	}
	x := &execution{cfg: cfg, action: action, c: c, kind: a.Kind, prior: a.Prior, looks: seen}
	o, err := e.observeHost(ctx, x)
	now := e.entryTime() // what is compared with committed times goes by their clock
	waited := now.Sub(a.FinishedAt)
	var b ledger.Body
	waits := false
	switch {
	case err == nil:
		b, waits = e.remembered(ctx, c, o, now)
	case all:
		e.intact.missed(c.ID, e.Clock.Now())
	}
	switch {
	case b != nil || waits: // nobody's reversal, and nothing to verify
	case c.Stage == remedy.StageVerifying:
		d, within, lent := cfg.verifier(action, c.Detector)
		said := ""
		switch ask := action.Verify.Command; {
		case err != nil || !mayHaveTaken(o):
		case ask != nil:
			o.Took = e.verifyBy(ctx, ask, x)
		case lent:
			o.Took, said = e.tookBy(ctx, cfg, d, x, a.FinishedAt)
		case action.Verify.Detector != "":
			o.Took = remedy.Unknown[bool]("the config has no detector " + string(action.Verify.Detector))
		}
		if !o.Took.IsKnown() || err != nil { // time in which nobody looked shows nothing
			waited = e.inVain(c.ID, a.FinishedAt, now, within, all)
		}
		b = verdict(c, o, err, waited, within, said)
	case err != nil:
		return // unknown: nothing follows from it
	default:
		b = e.returned(c, o)
		if b == nil {
			b = e.helped(cfg, c, a, now)
		}
	}
	if b == nil {
		return
	}
	if err := e.commit(ctx, remedy.Warden(), b); err != nil {
		e.Logger.Warn("a verification is not committed yet", zap.Stringer("case", c.ID), zap.Error(err))
	}
}

// mayHaveTaken reports whether nothing says that the host is not as wanted.
func mayHaveTaken(o remedy.Observation) bool {
	wanted, known := o.AsWanted.Get()
	return wanted || !known
}

// orphanWithin is how long a case that is verifying waits for its action to
// come back to the config: as long as took_within is by default.
const orphanWithin = 3 * time.Minute

// watchless ends the verification of a case whose action left the config: with
// a person, since nobody can be asked whether it took.
func (e *Engine) watchless(ctx context.Context, c *ledger.Case, a *ledger.Execution) {
	if c.Stage != remedy.StageVerifying || e.entryTime().Sub(a.FinishedAt) < orphanWithin {
		return
	}
	b := &ledger.ExecVerdict{Case: c.ID, Note: "the config no longer has action " + string(c.Action) + ", so nobody can be asked whether it took"}
	if err := e.commit(ctx, remedy.Warden(), b); err != nil {
		e.Logger.Warn("a verification is not committed yet", zap.Stringer("case", c.ID), zap.Error(err))
	}
}

// within is how long to wait until the action took.
func (a Action) within() time.Duration { return cmp.Or(a.Verify.Within, a.Spec.TookWithin) }

// verdict says whether an effect took; nil while that is still open. said is
// the word of the detector that was asked, or empty.
func verdict(c *ledger.Case, o remedy.Observation, err error, waited, within time.Duration, said string) ledger.Body {
	took, tookKnown := o.Took.Get()
	switch {
	case err == nil && tookKnown && took:
		return &ledger.ExecVerdict{Case: c.ID, Took: true, Note: cmp.Or(said, sign(o)) + " after " + waited.Round(time.Second).String()}
	case err == nil && reversal(c, o) != "":
		return &ledger.ExecVerdict{Case: c.ID, Returned: true, Note: reversal(c, o)}
	case waited < within:
		return nil
	case err != nil:
		return &ledger.ExecVerdict{Case: c.ID, Note: "the backend can't be asked whether it took: " + err.Error()}
	case said != "":
		return &ledger.ExecVerdict{Case: c.ID, Note: fmt.Sprintf("not seen to have taken after %s: %s", within, said)}
	default:
		return &ledger.ExecVerdict{Case: c.ID, Note: fmt.Sprintf("%s after %s: %s", missing(o), within, traffic(o))}
	}
}

// sign is what shows that an effect took: traffic, where the backend counts it.
func sign(o remedy.Observation) string {
	if o.Quiet().IsKnown() {
		return "traffic gone"
	}
	return "found as wanted"
}

// missing is what an effect that didn't take has not brought about.
func missing(o remedy.Observation) string {
	if o.Quiet().IsKnown() {
		return "still has traffic"
	}
	return "not seen to have taken"
}

func traffic(o remedy.Observation) string {
	s, sok := o.Sessions.Get()
	r, rok := o.Rate.Get()
	switch {
	case sok && rok:
		return fmt.Sprintf("%d sessions, %d new ones a second", s, r)
	case o.Took.Why != "":
		return o.Took.Why
	case o.Detail != "":
		return o.Detail
	}
	return "the backend does not say how much traffic there is"
}

// returned notices that another hand put the host back: it is kept.
func (e *Engine) returned(c *ledger.Case, o remedy.Observation) ledger.Body {
	note := reversal(c, o)
	if note == "" {
		return nil
	}
	return &ledger.CaseClose{Case: c.ID, Outcome: remedy.OutcomeReturned, Note: note}
}

// helped compares how many of the others are bad now, after the settle time,
// with how many were when it started.
func (e *Engine) helped(cfg *Config, c *ledger.Case, a *ledger.Execution, now time.Time) ledger.Body {
	if c.Helped.IsKnown() || c.Detector == "" || now.Sub(a.FinishedAt) < cfg.Pools[c.Pool].Limits.SettleAfterAction {
		return nil
	}
	j := e.newestJudgement(cfg, startOrder{c: c})
	if j == nil || j.At.Before(a.FinishedAt) || e.began.IsZero() {
		return nil // the newest may be of long ago where nobody looked since
	}
	if fresh, ok := j.SourceFresh.Get(); !ok || !fresh {
		return nil
	}
	others := j.othersBad(c.Host)
	b := &ledger.ExecHelped{Case: c.ID, Helped: others <= c.BadOthers}
	if !b.Helped {
		b.Note = fmt.Sprintf("%d others are bad now, %d were before", others, c.BadOthers)
	}
	return b
}
