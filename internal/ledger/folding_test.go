package ledger_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAnOpenCaseStaysEvidence: what folds and what drops records leaves the sample
// of a host that is still out, so that its undo as was-fine, or a label, lowers;
// and it keeps nothing else one by one.
func TestAnOpenCaseStaysEvidence(t *testing.T) {
	t.Parallel()
	regret := func(r *rig, id remedy.CaseID) {
		r.start(id, alice(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine })
	}
	wrong := func(r *rig, id remedy.CaseID) { r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong}) }
	day := func(b *ledger.TrustReport) { b.Rules.Window = 24 * time.Hour }
	tests := []struct {
		name string
		pass func(r *rig)
		kept int
	}{
		{"too many newer ones", func(r *rig) {
			for range 2100 {
				r.long(61 * time.Minute)
				c := r.ok(judge("h2", remedy.LevelConfirm, counted))
				r.ok(&ledger.CaseClose{Case: c, Outcome: remedy.OutcomeSelfRecovered})
			}
		}, 2000},
		{"older than the window", func(r *rig) {
			r.ok(trustOf(n1, day))
			r.long(25 * time.Hour)
			for range 3 {
				r.long(3 * time.Hour)
				c := r.ok(judge("h2", remedy.LevelConfirm, counted))
				r.ok(&ledger.CaseClose{Case: c, Outcome: remedy.OutcomeSelfRecovered})
			}
			r.long(26 * time.Hour)
			r.ok(&ledger.CasesForget{Before: r.now.Add(-90 * 24 * time.Hour)})
		}, 1},
		{"of a detector that no file names", func(r *rig) {
			r.ok(trustOf(n1, day, digest("d2")))
			r.long(25 * time.Hour)
			r.ok(&ledger.CasesForget{Before: r.now.Add(-90 * 24 * time.Hour)})
			r.ok(trustOf(n1, digest("d1")))
		}, 1},
		{"one of too many records", func(r *rig) {
			for i := range 1100 {
				r.ok(trustOf(n1, digest(fmt.Sprint("x", i))))
				r.pass(time.Second)
			}
			r.ok(trustOf(n1, digest("d1")))
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, says := range []func(*rig, remedy.CaseID){regret, wrong} {
				r := trusting(t, remedy.LevelAuto)
				id := r.drained("h1")
				tt.pass(r)
				if rec := r.evidence().Current[0]; len(rec.Cases) != tt.kept || rec.Cases[0].Case != id {
					t.Fatalf("%d are kept, the first is %+v", len(rec.Cases), rec.Cases[:min(1, len(rec.Cases))])
				}
				restored(t, r.l)
				says(r, id)
				if d := r.evidence().Demotion; d == nil || d.To != remedy.LevelConfirm {
					t.Errorf("demoted: %+v", d)
				}
			}
		})
	}
}

// TestRecordsAreBounded: of the records that no file names any more, those that
// went first are dropped.
func TestRecordsAreBounded(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	const all = 1100
	for i := range all {
		r.ok(trustOf(n1, digest(fmt.Sprint("d", i)), func(b *ledger.TrustReport) { b.Rungs[0].Target = fmt.Sprint("t", i) }))
		r.pass(time.Second)
	}
	records, runs := r.kept()
	if records != 1024+1 || runs != 1024+1 { // and those that the file names
		t.Errorf("%d records and %d of runs are kept", records, runs)
	}
	in := r.evidence()
	for _, rec := range in.Older {
		if rec.Digest == "d0" || rec.Digest == "d10" {
			t.Errorf("%s is kept, and went first", rec.Digest)
		}
	}
	if len(in.Older) == 0 {
		t.Error("nothing older is kept")
	}
}

// Where more go at once than are kept, as many are kept as ever.
func TestAsManyAreKeptOfThoseThatWentAtOnce(t *testing.T) {
	t.Parallel()
	for _, all := range []int{1000, 1024, 1025, 1100} {
		r := trusting(t, remedy.LevelNotify)
		r.ok(trustOf(n1, digest("before")))
		r.pass(time.Minute)
		var rungs []ledger.TrustRung
		for i := range all {
			rungs = append(rungs, ledger.TrustRung{Action: drain, Pool: remedy.PoolName(fmt.Sprintf("p%04d", i)), Target: "t", Detectors: []ledger.TrustDetector{{Name: canary, Digest: "d1"}}})
		}
		r.ok(&ledger.TrustReport{Node: n1, Rungs: rungs})
		r.pass(time.Minute)
		r.ok(trustOf(n1))
		records, runs := r.kept()
		if want := min(all+1, 1024) + 1; records != want || runs != want && runs != want-1 {
			t.Errorf("%d went at once: %d records and %d of runs are kept, want %d", all, records, runs, want)
		}
	}
}

// kept counts the records of evidence and of runs in the state.
func (r *rig) kept() (records, runs int) {
	r.t.Helper()
	for line := range strings.Lines(string(snapshotOf(r.t, r.l))) {
		var is struct {
			Evidence, Runs json.RawMessage
		}
		if err := json.Unmarshal([]byte(line), &is); err != nil {
			r.t.Fatal(err)
		}
		if len(is.Evidence) > 0 {
			records++
		}
		if len(is.Runs) > 0 {
			runs++
		}
	}
	return records, runs
}

// TestRegretWithoutASample: an action from before evidence was kept, undone as
// was-fine, lowers once.
func TestRegretWithoutASample(t *testing.T) {
	t.Parallel()
	for _, label := range []bool{false, true} {
		r := newRig(t)
		id := r.drained("h1")
		if !r.get(id).ProposedAt.IsZero() {
			t.Fatal("it is evidence already")
		}
		r.ok(trustOf(n1))
		r.demoted("", 0)
		if label {
			r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
			r.demoted(trust.WhyWrong, remedy.LevelConfirm)
			continue
		}
		was := func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoWasFine }
		r.finish(id, r.start(id, alice(), undoing, was), remedy.OutcomeFailed)
		r.demoted(trust.WhyRegretted, remedy.LevelConfirm)
		r.okAs(alice(), &ledger.TrustReview{Action: drain, Pool: pool, Reason: "seen", Seen: r.now})
		r.start(id, alice(), undoing, was)
		r.demoted("", 0)
	}
}

// TestAdoptKeepsWhatWasDone: of one case that both states know, one of which has
// seen it acted on, the merged evidence has it so, in either order.
func TestAdoptKeepsWhatWasDone(t *testing.T) {
	t.Parallel()
	for _, savedFirst := range []bool{true, false} {
		r := trusting(t, remedy.LevelAuto)
		id := r.ok(judge("h1", remedy.LevelAuto, counted))
		before := snapshotOf(t, r.l)
		r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
		r.ok(&ledger.ExecVerdict{Case: id, Took: true})
		after := snapshotOf(t, r.l)
		a := adoption(r)
		now, saved := r.l, before
		if !savedFirst {
			now = ledger.New()
			if err := now.Restore(bytes.NewReader(before)); err != nil {
				t.Fatal(err)
			}
			saved = after
		}
		out := &rig{t: t, l: adopted(t, now, saved, a), now: r.now, term: r.term, index: a.Index}
		if s, _ := out.sample(id); !s.Acted {
			t.Errorf("saved before the act %v: %+v", savedFirst, s)
		}
		out.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
		out.demoted(trust.WhyWrong, remedy.LevelConfirm)
	}
}
