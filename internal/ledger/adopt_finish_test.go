package ledger_test

import (
	"strings"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestAdoptDoesNotLatchForWhatItLeft: an execution that began after the save and
// ends after the restore has its START in the log that was left. One that nothing
// began still latches.
func TestAdoptDoesNotLatchForWhatItLeft(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelAuto))
	saved := snapshotOf(t, r.l)
	tok := r.start(id, remedy.Warden())
	a := adoption(r)
	out := &rig{t: t, l: adopted(t, r.l, saved, a), now: r.now, term: r.term, index: a.Index}
	restored(t, out.l)
	for range 2 { // it is sent until it is answered
		res := out.as(remedy.Warden(), &ledger.ExecFinish{Case: id, Token: tok, Outcome: remedy.OutcomeDone}).Results[0]
		if res.OK || res.Code != ledger.RefusedDecided || !strings.Contains(res.Reason, "look at the host") {
			t.Errorf("%+v", res)
		}
	}
	told := 0
	for _, n := range out.ofKind(ledger.NoticeStop) {
		if n.Case == id && n.Page && strings.Contains(n.Detail, tok.String()) {
			told++
		}
	}
	if l := out.l.Latches(pool); len(l) != 0 || told != 1 {
		t.Errorf("told %d times, latched %+v", told, l)
	}
	later := remedy.Token{Term: tok.Term, Index: a.Index + 1}
	out.as(remedy.Warden(), &ledger.ExecFinish{Case: id, Token: later, Outcome: remedy.OutcomeDone})
	if l := out.l.Latches(pool); len(l) != 1 || l[0].Guarantee != ledger.GuaranteeStart {
		t.Errorf("latched %+v", l)
	}
}
