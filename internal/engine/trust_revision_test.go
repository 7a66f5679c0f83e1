package engine

import (
	"fmt"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// between has somebody say something right before an entry with a verdict is
// applied: it is committed, and the leader judged without it.
func (r *rig) between(say func(n int) ledger.Body) {
	n := 0
	r.log.fault = func(e ledger.Entry) fault {
		if !hasOp(e, "trust.judge") {
			return noFault
		}
		b := say(n)
		n++
		if b == nil {
			return noFault
		}
		said, err := ledger.NewEntry(r.clk.Now(), alice(), node, b)
		r.must(err)
		data, err := said.Encode()
		r.must(err)
		r.log.index++
		if a := r.l.Apply(r.log.index, 1, data).(ledger.Applied); !a.Results[0].OK {
			r.t.Errorf("%+v: %+v", b, a.Results)
		}
		r.log.entries = append(r.log.entries, said)
		return noFault
	}
}

// one right label is what auto takes.
func oneRight(x *trust.Rules) {
	openGates(x)
	x.Auto = trust.Gate{MinLabelled: 1}
}

// TestAWordThatComesWhileTheLeaderJudges is not overlooked: the verdict is
// refused and the claim judged afresh, with it.
func TestAWordThatComesWhileTheLeaderJudges(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.reaches(3, remedy.StageWaiting)
		id := r.open(3).ID
		r.must(r.e.Label(r.ctx(), alice(), ledger.CaseLabel{Case: id, Label: trust.Right}))
		r.must(r.e.Review(r.ctx(), alice(), ledger.TrustReview{Action: drain, Pool: ingest, Reason: "one is right", Seen: r.l.Status().Time}))
		r.between(func(n int) ledger.Body {
			if n > 0 {
				return nil
			}
			return &ledger.CaseLabel{Case: id, Label: trust.Wrong}
		})
		r.rounds(step)
		if in, ok := r.l.Trust(drain, ingest); !ok || in.Grant == nil || !in.Grant.Judged || in.Grant.To != remedy.LevelConfirm {
			t.Errorf("at %s: %+v", r.level(), in.Grant)
		}
	}, rules(oneRight))
}

// TestWordsThatKeepComing hold up the verdict, and neither the round nor what is
// in force.
func TestWordsThatKeepComing(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.reaches(3, remedy.StageWaiting)
		id := r.open(3).ID
		r.must(r.e.Label(r.ctx(), alice(), ledger.CaseLabel{Case: id, Label: trust.Right}))
		r.must(r.e.Review(r.ctx(), alice(), ledger.TrustReview{Action: drain, Pool: ingest, Reason: "one is right", Seen: r.l.Status().Time}))
		judged, talks := 0, true
		r.between(func(n int) ledger.Body {
			judged++
			if !talks {
				return nil
			}
			return &ledger.CaseLabel{Case: id, Label: trust.Right, Note: fmt.Sprint(n)}
		})
		for range 2 {
			judged = 0
			r.rounds(step)
			if judged == 0 || judged > judgements || r.level() != remedy.LevelConfirm || len(r.l.Claims()) != 1 {
				t.Errorf("%d verdicts in one round, at %s, %d claims", judged, r.level(), len(r.l.Claims()))
			}
		}
		talks = false
		r.rounds(step)
		if r.level() != remedy.LevelAuto {
			t.Errorf("at %s once nobody speaks any more", r.level())
		}
	}, rules(oneRight))
}
