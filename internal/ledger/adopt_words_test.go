package ledger_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// goesOn is a rig on the state that an adoption of what was saved makes, a minute
// later, with the freeze lifted.
func (r *rig) goesOn(t *testing.T, saved []byte) *rig {
	t.Helper()
	a := adoption(r)
	out := &rig{t: t, l: adopted(t, r.l, saved, a), now: r.now, term: r.term, index: a.Index}
	out.pass(time.Minute)
	out.okAs(alice(), &ledger.FreezeLift{})
	return out
}

// opens has a case of the host begin now, and checks whose word stands against it.
func (r *rig) opens(host remedy.HostName, want string) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelAuto, counted, r.justNow))
	o, is := r.l.Against(r.get(id))
	if is != (want != "") || o.By != want {
		r.t.Errorf("%s of %s begins with %+v, want %q", id, host, o, want)
	}
	if want != "" {
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
	}
	return id
}

// TestWordsAreGoneOnFrom: words that outlived their case stand after a restore, those
// of what was saved as those from after it; also in another cluster, which knows
// nothing of the case.
func TestWordsAreGoneOnFrom(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		r := trusting(t, remedy.LevelAuto)
		speaks := func(host remedy.HostName, who string) remedy.CaseID {
			id := r.ok(judge(host, remedy.LevelAuto, counted, r.justNow))
			r.okAs(person(who), lowers(id, trust.Wrong))
			r.closed(id, remedy.OutcomeSelfRecovered)
			r.pass(time.Second)
			return id
		}
		before := speaks("h1", "bob")
		withdrawn := speaks("h2", "bob")
		speaks("h3", "bob")
		acted := r.ok(judge("h4", remedy.LevelAuto, counted, r.justNow)) // open, with words against it
		r.okAs(bob(), lowers(acted, trust.Wrong))
		saved := snapshotOf(t, r.l)
		r.pass(time.Minute)

		var out *rig
		if same {
			r.okAs(bob(), &ledger.CaseLabel{Case: withdrawn, Withdraw: true})
			speaks("h3", "carol")
			speaks("h5", "carol")
			out = r.goesOn(t, saved)
		} else {
			other := trusting(t, remedy.LevelAuto)
			other.now, other.index = r.now, r.index
			out = other.goesOn(t, saved)
		}
		id := out.opens("h1", "bob")
		out.refused(ledger.RefusedNothing, person("carol"), &ledger.CaseLabel{Case: before, Withdraw: true})
		out.okAs(bob(), &ledger.CaseLabel{Case: before, Withdraw: true})
		if o, is := out.l.Against(out.get(id)); is {
			t.Errorf("same cluster %v: against it is %+v", same, o)
		}

		// Nobody can tell whether what was taken back after the save was said again: it
		// stands until they take it back once more, which they can before the next case.
		out.okAs(bob(), &ledger.CaseLabel{Case: withdrawn, Withdraw: true})
		out.opens("h2", "")

		third := "bob"
		if same {
			third = "carol"
			out.opens("h5", "carol")
		}
		out.opens("h3", third)
		if o, is := out.l.Against(out.get(acted)); !is || o.By != "bob" {
			t.Errorf("same cluster %v: against the open case is %+v", same, o)
		}
		restored(t, out.l)
	}
}

// goldenWords leaves words that outlived their cases: by a denial and by a label, with
// one that was taken back, and an open case that begins with them.
func goldenWords(r *rig) {
	r.t.Helper()
	id := r.ok(judge("o1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: "false-alarm", Lowers: true})
	r.pass(time.Second)
	id = r.ok(judge("o1", remedy.LevelNotify, counted))
	r.okAs(person("carol"), lowers(id, trust.Wrong))
	r.okAs(person("dan"), lowers(id, trust.Wrong))
	r.okAs(person("dan"), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.okAs(person("emil"), lowers(id, trust.Wrong))
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Withdraw: true, Of: "emil", Seen: r.saidBy(id, "emil")})
	r.pass(time.Second)
	r.closed(id, remedy.OutcomeSelfRecovered)
	r.ok(judge("o1", remedy.LevelNotify, counted))
}

// TestSavedWords: the golden snapshot holds words that stand, and a ledger that goes
// on from it is held to them.
func TestSavedWords(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/snapshots/v3.snap")
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.New()
	if err := l.Restore(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	open := l.Cases(ledger.CaseFilter{Host: "o1", Open: true})
	if len(open) != 1 {
		t.Fatalf("open on o1: %+v", open)
	}
	if o, is := l.Against(open[0]); !is || o.By != "carol" {
		t.Errorf("against %s is %+v", open[0].ID, o)
	}
	for who, stands := range map[string]bool{"bob": true, "carol": true, "dan": false} {
		r := &rig{t: t, l: ledger.New(), now: l.Status().Time.Add(time.Minute), index: l.Status().Index, term: 99}
		if err := r.l.Restore(bytes.NewReader(data)); err != nil {
			t.Fatal(err)
		}
		if res := r.as(person(who), &ledger.CaseLabel{Case: open[0].ID, Withdraw: true}).Results[0]; res.OK != stands {
			t.Errorf("%s takes their word back: %+v, want %v", who, res, stands)
		}
	}
}
