package engine

import (
	"context"
	"errors"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// inFlight commits an entry just before the first label: it was in flight when that was asked for.
type inFlight struct {
	*memLog
	first *ledger.Entry
}

func (l *inFlight) Commit(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	if l.first != nil && hasOp(e, "case.label") {
		f := *l.first
		l.first = nil
		if _, err := l.memLog.Commit(ctx, f); err != nil {
			return ledger.Applied{}, err
		}
	}
	return l.memLog.Commit(ctx, e)
}

// TestNobodySpeaksOfACaseThatIsBeingOpened: whose word it takes is the action's to
// say, and of a case that is committed and not applied yet nobody knows the action.
func TestNobodySpeaksOfACaseThatIsBeingOpened(t *testing.T) {
	t.Parallel()
	for _, b := range []ledger.CaseLabel{{Case: 2, Withdraw: true, Of: "bob"}, {Case: 2, Label: trust.Right}} {
		story(t, func(r *rig) {
			r.bad(1)
			c := r.reaches(1, remedy.StageProposed)
			r.bobSaysWrong(c)
			judge := &ledger.CaseJudge{Pool: c.Pool, Host: c.Host, Action: c.Action, Detector: c.Detector, Digest: c.Digest, Finding: *c.Latest, Decision: c.Decision, Plan: c.Plan, Count: true}
			r.commit(&ledger.CaseClose{Case: c.ID, Outcome: remedy.OutcomeSelfRecovered})
			e, err := ledger.NewEntry(r.e.entryTime(), remedy.Warden(), r.e.Node, judge)
			r.must(err)
			r.e.Log = &inFlight{memLog: r.log, first: &e}
			err = r.e.Label(r.ctx(), named("carol"), b) // no approver
			if code := (*Refusal)(nil); !errors.As(err, &code) || code.Code != ledger.RefusedNoCase {
				r.t.Errorf("who may not approve is told %v of %+v", err, b)
			}
		}, level(remedy.LevelNotify))
	}
}
