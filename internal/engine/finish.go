package engine

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// finish commits FINISHED, and tries until it is in: what happened must not be
// lost. Any node may commit it, by its token, so a node that no longer leads
// hands it to the one that does. It gives up only when it is in, or refused, or
// when this process ends; then the leader observes.
func (e *Engine) finish(ctx context.Context, id remedy.CaseID, b *ledger.ExecFinish) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		r, err := e.commitEnd(ctx, b)
		if err == nil && r.OK {
			return
		}
		if err == nil {
			e.Logger.Warn("FINISHED was refused", zap.Stringer("case", id), zap.String("reason", r.Reason))
			return
		}
		if said := e.execution(id, b.Token); said != nil && said.Outcome == b.Outcome && b.Outcome != remedy.OutcomeUnknown {
			return // it is in after all
		}
		e.Logger.Warn("FINISHED is not committed yet", zap.Stringer("case", id), zap.Error(err))
		if !e.waits(wait) {
			return
		}
	}
}

// waits lets time pass; it reports false once this process ends.
func (e *Engine) waits(d time.Duration) bool {
	select {
	case <-e.Clock.After(d):
		return true
	case <-e.gone:
		return false
	}
}

// commitEnd commits FINISHED here, or has the leader do so.
func (e *Engine) commitEnd(ctx context.Context, b *ledger.ExecFinish) (ledger.Result, error) {
	applied, err := e.say(ctx, b)
	if err != nil {
		return ledger.Result{}, err
	}
	if len(applied.Results) != 1 {
		return ledger.Result{}, fmt.Errorf("the leader answered FINISHED with %d results: this is a bug, please report it", len(applied.Results))
	}
	return applied.Results[0], nil
}

// execution is what this node's ledger has of an execution; nil when it has
// nothing.
func (e *Engine) execution(id remedy.CaseID, t remedy.Token) *ledger.Execution {
	c, ok := e.Ledger.Case(id)
	if !ok {
		return nil
	}
	for i := range c.Executions {
		if c.Executions[i].Token == t {
			return &c.Executions[i]
		}
	}
	return nil
}
