package engine

import (
	"context"
	"errors"
	"time"

	"warden/actions"
	"warden/internal/clock"
	"warden/internal/failpoint"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// readBackEvery is how often a host is observed after an effect whose report
// and whose observation disagree.
const readBackEvery = 250 * time.Millisecond

// effect is the side effect, and what the backend says afterwards: a report of
// success is not success.
func (e *Engine) effect(ctx context.Context, x *execution) *ledger.ExecFinish {
	within := min(x.action.Spec.Timeout, x.runBy.Left())
	bounded, cancel := clock.WithTimeout(ctx, e.Clock, within)
	defer cancel()
	job := actions.Job{Case: x.c.ID, Token: x.token, Pool: x.c.Pool, Host: x.c.Host}
	run := x.action.Apply
	if x.kind == remedy.KindUndo {
		job.Prior, run = x.prior, x.action.Undo
	}
	report, err := run(bounded, job)
	failpoint.Hit("after-effect")
	b := &ledger.ExecFinish{Prior: x.prior, Output: report.Output}
	if err != nil {
		b.Note = err.Error()
	}
	e.readBack(ctx, x, b, err, bounded.Err() != nil)
	return b
}

// readBack observes until the host is as wanted or the time is up, and says
// how the execution ended. An effect that was cut off may still come, unless
// the backend proves that it has not touched the host.
func (e *Engine) readBack(ctx context.Context, x *execution, b *ledger.ExecFinish, effectErr error, cutOff bool) {
	for {
		o, err := e.observeHost(ctx, x)
		there := remedy.Fact[bool]{}
		if err == nil {
			there = x.reached(o)
		}
		reached, known := there.Get()
		switch {
		case known && reached:
			b.Outcome = remedy.OutcomeDone
			return
		case errors.Is(effectErr, actions.ErrHostUnknown):
			b.Outcome = remedy.OutcomeFailed // refused before anything was touched
			return
		case x.runBy.Expired():
			b.Outcome, b.Note = lateOutcome(known && (!cutOff || neverTook(o, x.c.Execution(), e.Clock.Now())), b.Note, err)
			return
		}
		if clock.Sleep(ctx, e.Clock, min(readBackEvery, x.runBy.Left())) != nil {
			b.Outcome, b.Note = lateOutcome(false, b.Note, context.Cause(ctx))
			return
		}
	}
}

// lateOutcome words an effect that was not seen to take in time. Seen not to
// be there until the very end, it failed; not seen at all, nobody knows.
func lateOutcome(known bool, note string, err error) (remedy.Outcome, string) {
	if known {
		if note == "" {
			note = "the backend reported success, yet the host never got there"
		}
		return remedy.OutcomeFailed, note
	}
	if err != nil {
		note = err.Error() // what can't be seen now says more than what the effect reported
	}
	return remedy.OutcomeUnknown, "nobody knows whether it happened: " + note
}

// reached reports whether the host is where the execution wants it.
func (x *execution) reached(o remedy.Observation) remedy.Fact[bool] {
	if x.kind != remedy.KindUndo {
		return o.AsWanted
	}
	wanted, known := o.AsWanted.Get()
	if !known {
		return o.AsWanted
	}
	return remedy.Known(!wanted && o.Admin == x.prior)
}
