package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// said counts the lines of a case that have a text, by somebody.
func (r *rig) said(id remedy.CaseID, by, what string) (n int) {
	for _, e := range r.get(id).Events {
		if e.By == by && strings.Contains(e.What, what) {
			n++
		}
	}
	return n
}

// TestSaidAgainIsALine: a wrong that is said again stands for longer, and the case says
// so; in one line, however often.
func TestSaidAgainIsALine(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.begins("", 0)
	r.wrong(first)
	r.closed(first, remedy.OutcomeSelfRecovered)
	for range 10 {
		r.long(5 * time.Hour)
		res := r.as(bob(), &ledger.CaseLabel{Case: first, Label: trust.Wrong}).Results[0]
		if !res.OK || !strings.Contains(res.Also, "it stands from now on") {
			t.Errorf("it is answered %+v", res)
		}
	}
	if n := r.said(first, "bob", "said wrong again"); n != 1 {
		t.Errorf("%d lines: %+v", n, r.get(first).Events)
	}
	if last := r.get(first).Events; !last[len(last)-1].At.Equal(r.now) {
		t.Errorf("the newest is of %s, and it is %s", last[len(last)-1].At, r.now)
	}
	restored(t, r.l)
	r.begins("bob", first)
}

// TestAReasonLiftsNoWord: an undo as fixed, and a denial as known work, by who said wrong
// before, leave that standing, and say so.
func TestAReasonLiftsNoWord(t *testing.T) {
	t.Parallel()
	for _, undo := range []bool{false, true} {
		r := trusting(t, remedy.LevelConfirm)
		first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "bob")))
		r.wrong(first)
		r.closed(first, remedy.OutcomeSelfRecovered)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "bob")))
		if undo {
			r.pass(time.Second)
			r.okAs(alice(), r.yes(id))
			r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
			r.wrong(id)
			r.pass(time.Second)
			r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoFixed })
		} else {
			r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "known-work"})
		}
		about := first // W-2 itself they have denied, and would take that back
		if undo {
			about = id
		}
		if n := r.said(id, "bob", "stands: `warden label "+about.String()+" --withdraw` takes it back"); n != 1 {
			t.Errorf("undo %v: %d lines: %+v", undo, n, r.get(id).Events)
		}
		if !slices.ContainsFunc(r.l.Words(r.get(id)), func(o ledger.Objection) bool { return o.By == "bob" }) {
			t.Errorf("undo %v: the word is gone", undo)
		}
		r.okAs(bob(), &ledger.CaseLabel{Case: about, Withdraw: true})
		if all := r.l.Words(r.get(id)); len(all) != 0 {
			t.Errorf("undo %v: taken back, %+v is left", undo, all)
		}
	}
}

// TestAWordKnowsAHostInAnySpelling: upper and lower case are one host, to what binds, to
// who lifts it and to what a late word takes back.
func TestAWordKnowsAHostInAnySpelling(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	first := r.ok(judge("Web-07", remedy.LevelConfirm, r.asks("alice")))
	r.ok(&ledger.CaseClose{Case: first, Outcome: remedy.OutcomeGone})
	id := r.ok(judge("web-07", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), r.yes(id))
	r.pass(time.Second)
	r.wrong(first)
	if c := r.get(id); c.Answer != nil {
		t.Errorf("the yes stands: %+v", c.Answer)
	}
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	restored(t, r.l)
	if said, is := r.l.Against(r.get(id)); !is || said.About != first {
		t.Errorf("against it is %+v", said)
	}
	other := r.ok(judge("web-08", remedy.LevelConfirm, r.asks("alice")))
	if said, is := r.l.Against(r.get(other)); is {
		t.Errorf("another host: %+v", said)
	}
	r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.okAs(alice(), r.yes(id))
	r.start(id, remedy.Warden())
}
