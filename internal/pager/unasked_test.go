package pager

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestWhatNobodyCanAnswerPagesOnce: such a case is decided afresh each round, and that a
// guardrail blocks it for a moment now and then pages nobody anew; its end ends the alert.
func TestWhatNobodyCanAnswerPagesOnce(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.PageOnConfirm = []remedy.PoolName{"ingest"}
	r.reload()
	stuck := unasked(r.bad(1042, "ingest-17"))
	blocked, planless := *stuck, *stuck
	blocked.Stage, blocked.Unasked = remedy.StageDetected, nil
	planless.Unasked = nil
	for range 3 {
		for _, c := range []*ledger.Case{stuck, &blocked, stuck, &planless} {
			r.state.Cases = []*ledger.Case{c}
			for range 4 {
				r.must()
				r.clk.Advance(15 * time.Second)
			}
		}
	}
	if all := r.pd.Incidents(); len(all) != 1 {
		t.Errorf("one host that nobody can answer about, 12 minutes: %d incidents were opened (each pages)", len(all))
	}
	r.state.Cases = nil
	r.must()
	if all := r.paged(); len(all) != 0 {
		t.Errorf("its case is over, and it is open still: %q", all)
	}
}
