package engine

import (
	"context"
	"errors"
	"slices"
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

// readBackMax is what that grows to: looking may cost a process.
const readBackMax = 2 * time.Second

// effect is the side effect, and what the backend says afterwards: a report of
// success is not success.
func (e *Engine) effect(ctx context.Context, x *execution) *ledger.ExecFinish {
	// The process may have stood still since the gate. A successor waits until
	// both deadlines are over, so what begins before them is in nobody's way.
	if x.leads() != nil || x.startBy.Expired() {
		return aborted("it stood still at its last check until its time to begin was over")
	}
	within := min(x.action.Spec.Timeout, x.runBy.Left())
	bounded, cancel := clock.WithTimeout(ctx, e.Clock, within)
	defer cancel()
	job := actions.Job{Case: x.c.ID, Token: x.token, Pool: x.c.Pool, Host: x.c.Host}
	run := x.action.Apply
	switch x.kind {
	case remedy.KindUndo:
		job.Prior, job.Balancers, run = x.prior, x.balancers, x.action.Undo
	case remedy.KindReassert:
		job.Balancers = x.balancers
	case remedy.KindAct, remedy.KindManual:
	}
	report, err := run(bounded, job)
	failpoint.Hit("after-effect")
	b := &ledger.ExecFinish{Prior: x.prior, Output: report.Output}
	if x.kind == remedy.KindAct || x.kind == remedy.KindManual {
		b.Spared = report.Unchanged
	}
	if err != nil {
		b.Note = err.Error()
	}
	// An effect may end itself before bounded does, and says so.
	e.readBack(ctx, x, b, err, bounded.Err() != nil || errors.Is(err, actions.ErrCutOff))
	return b
}

// readBack observes until the host is as wanted or the time is up, and says
// how the execution ended. An effect that was cut off may still come, unless
// the backend proves that it has not touched the host.
func (e *Engine) readBack(ctx context.Context, x *execution, b *ledger.ExecFinish, effectErr error, cutOff bool) {
	if nothingDone(effectErr) {
		b.Outcome = remedy.OutcomeFailed // refused before anything was touched
		return
	}
	if x.action.Spec.Blind && (x.action.Verify.Command == nil || x.kind == remedy.KindUndo) {
		if b.Note == "" {
			b.Note = "the command reported success, and nothing can be asked whether it is so"
		}
		b.Outcome, b.Note = lateOutcome(false, b.Note, nil)
		return
	}
	for wait := readBackEvery; ; wait = min(2*wait, readBackMax) {
		o, err := e.readHost(ctx, x)
		there := remedy.Fact[bool]{}
		if err == nil {
			there = x.reached(o)
		}
		reached, known := there.Get()
		switch {
		case known && reached:
			b.Outcome = remedy.OutcomeDone
			return
		case x.runBy.Expired():
			known = known && (!cutOff || unchangedSince(o, x.began, e.Clock.Read(), x.cfg.MaxClockOffset, lastChangeSlack+x.cfg.MaxClockOffset))
			b.Outcome, b.Note = lateOutcome(known, b.Note, err)
			if known && o.Admin != x.before.Admin && len(o.Balancers) > 1 {
				b.Outcome, b.Note = x.halfDone(o, b.Note)
				if b.Outcome == remedy.OutcomePartial {
					b.Spared = append(b.Spared, missed(o)...)
				}
			}
			return
		}
		if clock.Sleep(ctx, e.Clock, min(wait, x.runBy.Left())) != nil {
			b.Outcome, b.Note = lateOutcome(false, b.Note, context.Cause(ctx))
			return
		}
	}
}

// nothingDone reports whether an effect's error says that it changed nothing.
func nothingDone(err error) bool {
	return errors.Is(err, actions.ErrHostUnknown) || errors.Is(err, actions.ErrNotStarted)
}

// readHost observes the host, or has the action's own command say whether the
// effect took where nothing else can.
func (e *Engine) readHost(ctx context.Context, x *execution) (remedy.Observation, error) {
	if x.action.Spec.Blind {
		took := e.verifyBy(ctx, x.action.Verify.Command, x)
		if there, known := took.Get(); known && !there {
			took = remedy.Unknown[bool]("verify says: not yet") // which is not: not there
		}
		return remedy.Observation{AsWanted: took, Took: took}, nil
	}
	return e.observeHost(ctx, x)
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

// halfDone words an effect that some load balancers took and others did not.
// Of an undo that is no outcome: its host is neither out nor in.
func (x *execution) halfDone(o remedy.Observation, note string) (remedy.Outcome, string) {
	what := "it is in " + o.Admin
	if note != "" {
		what += ": " + note
	}
	if x.kind == remedy.KindUndo {
		return remedy.OutcomeUnknown, "it is only half undone, " + what
	}
	return remedy.OutcomePartial, what
}

// missed lists the load balancers that certainly don't have the host as wanted.
func missed(o remedy.Observation) []string {
	var names []string
	for _, b := range o.Balancers {
		if wanted, known := b.AsWanted.Get(); known && !wanted {
			names = append(names, b.Name)
		}
	}
	return names
}

// foundUnchanged lists the load balancers on which an execution without a
// report changed nothing, by what is seen: the host is not as wanted there, or
// it was in the same state before.
func foundUnchanged(x *ledger.Execution, o remedy.Observation) []string {
	names := missed(o)
	for _, b := range o.Balancers {
		if wasThere(x.Balancers, b) {
			names = append(names, b.Name)
		}
	}
	return names
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
	return remedy.Known(!wanted && x.restored(o))
}

// restored reports whether the host is back in the state that an undo restores:
// on each load balancer that it was taken out on, whatever others say of it.
func (x *execution) restored(o remedy.Observation) bool {
	if len(x.balancers) == 0 {
		return o.Admin == x.prior
	}
	states := o.States()
	return !slices.ContainsFunc(x.balancers, func(b remedy.BalancerState) bool { return !slices.Contains(states, b) })
}
