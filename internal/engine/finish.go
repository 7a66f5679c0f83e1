package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// finish commits FINISHED, and tries until it is in: what happened must not be
// lost. Any node may commit it, by its token, so a node that no longer leads
// hands it to the one that does. It gives up only when the ledger says how the
// execution ended, or when this process ends; then the leader observes.
func (e *Engine) finish(ctx context.Context, id remedy.CaseID, b *ledger.ExecFinish) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		r, err := e.commitEnd(ctx, b)
		if err == nil && r.OK {
			return
		}
		said := e.execution(id, b.Token)
		switch {
		case err == nil:
			e.Logger.Warn("FINISHED was refused", zap.Stringer("case", id), zap.String("reason", r.Reason))
			// This node may apply a moment later what the leader refused it for.
			for wait := range 10 {
				if said = e.execution(id, b.Token); said == nil || said.Outcome != "" || !e.waits(time.Duration(wait)*100*time.Millisecond) {
					break
				}
			}
			e.overtaken(ctx, id, said, b)
			return
		case said == nil, said.Outcome != "" && said.Outcome != remedy.OutcomeUnknown:
			e.overtaken(ctx, id, said, b) // somebody was faster, or it is in after all
			return
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
	applied, err := e.commitEntry(ctx, remedy.Warden(), b)
	if errors.Is(err, ErrNotCommitted) {
		applied, err = e.relay(ctx, b)
	}
	if err != nil {
		return ledger.Result{}, err
	}
	if len(applied.Results) != 1 {
		return ledger.Result{}, fmt.Errorf("the leader answered FINISHED with %d results: this is a bug, please report it", len(applied.Results))
	}
	return applied.Results[0], nil
}

// relay has the leader commit what this node says for itself.
func (e *Engine) relay(ctx context.Context, b ledger.Body) (ledger.Applied, error) {
	entry, err := ledger.NewEntry(e.entryTime(), remedy.Warden(), e.Node, b)
	if err != nil {
		return ledger.Applied{}, err
	}
	return e.Log.Relay(ctx, entry)
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

// overtaken tells people of an effect that came although its execution had been
// called off: the process stood still between its last check and the effect, for
// longer than a successor waits. It is late, and not doubled; but the decision it
// rests on is not the newest.
func (e *Engine) overtaken(ctx context.Context, id remedy.CaseID, said *ledger.Execution, b *ledger.ExecFinish) {
	if said == nil || said.Outcome != remedy.OutcomeAborted || b.Outcome == remedy.OutcomeAborted {
		return
	}
	c, _ := e.Ledger.Case(id)
	detail := fmt.Sprintf("%s: an execution on %s that had been given up had its effect late, on %s (%s): look at the host", id, c.Host, e.Node, b.Outcome)
	e.Logger.Error(detail)
	for {
		_, err := e.relay(ctx, &ledger.NoticeAdd{Kind: ledger.NoticeStop, Page: true, Pool: c.Pool, Case: id, Detail: detail})
		if !errors.Is(err, ErrNotCommitted) {
			return
		}
		e.Logger.Warn("nobody is told of a late effect yet", zap.Error(err))
		if !e.waits(2 * time.Second) {
			return
		}
	}
}
