package ledger_test

import (
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// finish takes in how an execution of the case ended. reset is that of its pool's breaker.
func (c *caseAccount) finish(b *ledger.ExecFinish, reset time.Time) {
	undo := c.before == effective
	c.halfDone = c.halfDone || b.Outcome == remedy.OutcomePartial
	switch {
	case c.reasserts && b.Outcome == remedy.OutcomeUnknown:
		c.phase = unknown
	case c.reasserts:
		if b.Outcome == remedy.OutcomeAborted { // it changed nothing
			c.domain = c.stood
			c.back = c.back[:len(c.back)-1]
		}
		c.phase, c.forgot = effective, c.forgot && b.Outcome != remedy.OutcomeDone
	case b.Outcome == remedy.OutcomeUnknown:
		c.phase = unknown
	case b.Outcome == remedy.OutcomeAborted && !undo && (b.Recovered || b.Stale || c.manual != nil):
		c.phase = over
	case b.Outcome == remedy.OutcomeAborted && !undo && !reset.IsZero() && !c.began.After(reset):
		c.phase = over
	case b.Outcome == remedy.OutcomeAborted, b.Outcome == remedy.OutcomeFailed && undo:
		c.phase = c.before
	case b.Outcome == remedy.OutcomeFailed, b.Outcome == remedy.OutcomeDone && undo:
		c.phase = over
	default:
		c.phase = effective
	}
}
