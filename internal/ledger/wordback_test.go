package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAWordIsHeardInBothSpellings: of two open cases of one host in two spellings, a word
// about one takes back the yes to the other, which can be said again.
func TestAWordIsHeardInBothSpellings(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	first := r.ok(judge("Web-07", remedy.LevelConfirm, r.asks("alice")))
	id := r.ok(judge("web-07", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), r.yes(id))
	r.pass(time.Second)
	r.wrong(first)
	if c := r.get(id); c.Answer != nil {
		t.Errorf("her yes stands, and nothing starts on it: %+v", c.Answer)
	}
	r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	r.pass(time.Second)
	if res := r.as(alice(), r.yes(id)).Results[0]; !res.OK {
		t.Errorf("she can't say it again: %s", res.Reason)
	}
	r.pass(time.Second)
	r.ok(r.starting(id))
}

// TestADenialIsHeardInTheOtherSpelling: who denies the one as a false alarm, or undoes it
// as one, takes back the yes to the other, which can be said again; people are told.
func TestADenialIsHeardInTheOtherSpelling(t *testing.T) {
	t.Parallel()
	for _, undo := range []bool{false, true} {
		r := trusting(t, remedy.LevelConfirm)
		var first remedy.CaseID
		if undo {
			first = r.drainByYes("Web-07")
		} else {
			first = r.ok(judge("Web-07", remedy.LevelConfirm, r.asks("alice", "bob")))
		}
		id := r.ok(judge("web-07", remedy.LevelConfirm, r.asks("alice")))
		r.okAs(alice(), r.yes(id))
		r.pass(time.Second)
		if undo {
			r.start(first, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine })
		} else {
			r.okAs(bob(), &ledger.CaseAnswer{Case: first, Reason: "false-alarm"})
		}
		if c := r.get(id); c.Answer != nil {
			t.Fatalf("undo %t: her yes stands, and nothing starts on it: %+v", undo, c.Answer)
		}
		told := r.ofKind(ledger.NoticeLabel)
		if len(told) != 1 || told[0].Case != id || !strings.Contains(told[0].Detail, "says wrong of "+first.String()) || !strings.Contains(told[0].Detail, "the yes of alice counts no more") {
			t.Errorf("undo %t: told %+v", undo, told)
		}
		r.pass(time.Second)
		if res := r.as(alice(), r.yes(id)).Results[0]; !res.OK {
			t.Errorf("undo %t: she can't say it again: %s", undo, res.Reason)
		}
	}
}

// TestAHiddenWordComesBackAsNew: bob's wrong about W-1 binds nothing while he says unclear
// of W-2. He takes that back, and it binds again: no yes passes over it that was given
// before, or whose message never showed it.
func TestAHiddenWordComesBackAsNew(t *testing.T) {
	t.Parallel()
	for _, before := range []bool{false, true} {
		r := trusting(t, remedy.LevelConfirm)
		first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
		r.wrong(first) // bob
		r.closed(first, remedy.OutcomeSelfRecovered)
		r.pass(time.Minute)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Unclear, Lowers: true})
		r.pass(time.Minute)
		if !before {
			r.okAs(person("carol"), lowers(id, trust.Wrong))
			r.pass(time.Minute)
		}
		yes := r.shown(id, true)
		if before {
			r.okAs(alice(), yes)
			r.pass(time.Minute)
		}
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Withdraw: true})
		r.pass(time.Minute)
		if !before {
			if res := r.as(alice(), yes).Results[0]; res.OK {
				t.Errorf("the yes passed over bob's word, which was never shown")
			}
			continue
		}
		if c := r.get(id); c.Answer != nil {
			t.Errorf("alice's yes stands: bob's word, hidden when she gave it, is back")
		}
	}
}

// TestAWordHiddenByACaseThatIsGoneBinds: where a saved state is gone on from, a word that
// its speaker hid by what they said of a later case binds again if that case isn't there.
func TestAWordHiddenByACaseThatIsGoneBinds(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	first := r.ok(judge("h1", remedy.LevelAuto, counted, r.justNow))
	r.okAs(bob(), lowers(first, trust.Wrong))
	r.closed(first, remedy.OutcomeSelfRecovered)
	r.pass(time.Second)
	saved := snapshotOf(t, r.l)
	r.pass(time.Minute)
	second := r.ok(judge("h1", remedy.LevelAuto, counted, r.justNow))
	r.okAs(bob(), &ledger.CaseLabel{Case: second, Label: trust.Unclear, Lowers: true})
	if o, is := r.l.Against(r.get(second)); is {
		t.Fatalf("hidden: %+v", o)
	}
	out := r.goesOn(t, saved)
	id := out.ok(judge("h1", remedy.LevelAuto, counted, out.justNow))
	if o, is := out.l.Against(out.get(id)); !is || o.By != "bob" || o.About != first {
		t.Errorf("bob's wrong of %s binds nothing, and what hid it, %s, isn't there: %+v", first, second, o)
	}
	out.refused(ledger.RefusedApproval, remedy.Warden(), out.starting(id))
	out.okAs(bob(), &ledger.CaseLabel{Case: first, Withdraw: true})
	if o, is := out.l.Against(out.get(id)); is {
		t.Errorf("what he took back stands: %+v", o)
	}
}

// TestItIsSaidWhoseYesIsVoid: what a word about a closed case does to the open one names that.
func TestItIsSaidWhoseYesIsVoid(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.closed(first, remedy.OutcomeSelfRecovered)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), r.yes(id))
	r.pass(time.Second)
	r.wrong(first)
	all := r.ofKind(ledger.NoticeLabel)
	if len(all) != 1 || !strings.Contains(all[0].Detail, "the yes of alice counts no more for "+id.String()) {
		t.Errorf("told %+v", all)
	}
}
