package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// restMax bounds the rest between two attempts at a case whose executions are
// called off one after another.
const restMax = 30 * time.Minute

// calledOff is what a tenure remembers of a case that does not get going.
type calledOff struct {
	token remedy.Token  // the newest execution that was called off
	times int           // how many in a row
	until time.Duration // monotonic time before which it is not tried again
	told  []string      // why it could not even start, as people were told
}

// rested reports whether a case may be tried again: after each execution that
// was called off it rests twice as long, so that what keeps going wrong is not
// announced every round. The caller holds e.mu.
func (e *Engine) rested(c *ledger.Case) bool {
	x := c.Execution()
	if x == nil || x.Outcome != remedy.OutcomeAborted {
		return true
	}
	m, now := e.called[c.ID], e.Clock.Read().Mono
	if m.token != x.Token {
		m.token, m.times = x.Token, m.times+1
		rest := e.Config().interval() << min(m.times-1, 12)
		if m.times == 1 {
			rest = 0 // once is no pattern
		}
		m.until = now + min(rest, restMax)
		e.called[c.ID] = m
	}
	return now >= m.until
}

// tellHeldUp tells, once for each reason, that a case which a person approved
// can't start. What only takes its turn, or a moment of this node, is not worth
// a word. The caller holds e.mu.
func (e *Engine) tellHeldUp(ctx context.Context, o startOrder, why error) {
	if !o.approved() {
		return
	}
	m := e.called[o.c.ID]
	if why == nil {
		m.told = nil
		e.called[o.c.ID] = m
		return
	}
	held := heldUpBy(why)
	if held == "" || slices.Contains(m.told, held) {
		return
	}
	m.told = append(m.told, held)
	e.called[o.c.ID] = m
	b := &ledger.NoticeAdd{
		Kind: ledger.NoticeStop, Pool: o.c.Pool, Case: o.c.ID,
		Detail: o.c.ID.String() + " is approved and waits: " + why.Error() + "; it starts by itself when that is over, until the approval expires",
	}
	if err := e.commit(ctx, remedy.Warden(), b); err != nil {
		e.Logger.Warn("a notice is not committed yet", zap.Stringer("case", o.c.ID), zap.Error(err))
	}
}

// heldUpBy is what makes two reasons the same: the guardrail, or the code,
// and not the numbers in its words. It is empty for what passes by itself.
func heldUpBy(why error) string {
	r, ok := errors.AsType[*Refusal](why)
	switch {
	case !ok:
		return "error"
	case r.Code == RefusedTransient, r.Decision != nil && r.Decision.Waiting:
		return ""
	case r.Decision != nil:
		return r.Decision.BlockedBy + "@" + r.Decision.Level.String()
	}
	return r.Code
}
