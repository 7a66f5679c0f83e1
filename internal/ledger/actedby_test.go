package ledger_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// by has a START say by which detector it was decided, and what that found.
func by(d string, value, bad float64) func(*ledger.ExecStart) {
	return func(b *ledger.ExecStart) {
		f := finding("h1", remedy.VerdictBad)
		f.Value, f.Bad = remedy.Known(value), bad
		b.Digest, b.Finding, b.BadOthers = d, &f, 2
	}
}

// held says how many cases each record holds one by one, and in numbers.
func (r *rig) held() string {
	r.t.Helper()
	var out []string
	e := r.evidence()
	for _, rec := range slices.Concat(e.Current, e.Older) {
		out = append(out, fmt.Sprintf("%s:%d+%d", rec.Digest, len(rec.Cases), rec.Folded.Cases))
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// TestACaseCountsForTheDetectorThatActed: one that is proposed by a detector, and
// acted on after a reload has changed that, is evidence about what acted.
func TestACaseCountsForTheDetectorThatActed(t *testing.T) {
	t.Parallel()
	for _, order := range [][2]string{{"d1", "d2"}, {"d1", "d0"}} { // which record comes first makes no difference
		r := trusting(t, remedy.LevelConfirm)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
		r.pass(time.Minute)
		r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
		was, _ := r.sample(id)
		r.ok(trustOf(n1, digest(order[1])))
		r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
		r.pass(time.Minute)
		r.finish(id, r.start(id, remedy.Warden(), by(order[1], 0.1, 0.3)), remedy.OutcomeDone)
		s, d := r.sample(id)
		if d != order[1] || r.held() != min(order[0], order[1])+fmt.Sprintf(":%d+0 ", count(order[1] < order[0]))+max(order[0], order[1])+fmt.Sprintf(":%d+0", count(order[1] > order[0])) {
			t.Fatalf("it counts for %s: %s", d, r.held())
		}
		if !s.At.Equal(was.At) || !s.FirstAt.IsZero() || s.Value != 0.1 || s.Bad != 0.3 || s.BadHosts != 3 || !s.Acted || !s.Approved || len(s.Said) != 1 || s.Level != remedy.LevelConfirm {
			t.Errorf("%+v", s)
		}
		if events := r.get(id).Events; !slices.ContainsFunc(events, func(e ledger.Event) bool {
			return strings.Contains(e.What, "counts for canary_missing as it is now (digest "+order[1]+"), and no longer as it was (d1)")
		}) {
			t.Errorf("%+v", events)
		}
		restored(t, r.l)
		r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
		r.label(id, trust.Wrong, trust.SourcePerson)
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// TestAnActThatWasNotProposed counts for the detector that acts, by what it found.
func TestAnActThatWasNotProposed(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.start(id, remedy.Warden(), by("d2", 0.1, 0.3))
	if s, d := r.sample(id); d != "d2" || s.Value != 0.1 || s.Bad != 0.3 || s.BadHosts != 3 {
		t.Errorf("for %s: %+v", d, s)
	}
	if c := r.get(id); c.Latest.Bad != 0.5 {
		t.Errorf("START is no round: %+v", c.Latest)
	}
}

// TestTheSameDetectorActs: nothing moves, and the sample says what was found at first.
func TestTheSameDetectorActs(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	was, _ := r.sample(id)
	r.pass(time.Minute)
	r.start(id, remedy.Warden(), by("d1", 0.1, 0.3))
	if s, d := r.sample(id); d != "d1" || s.Value != was.Value || s.Bad != was.Bad || !s.At.Equal(was.At) {
		t.Errorf("for %s: %+v", d, s)
	}
}

// TestACaseMovesPastWhatIsInNumbers: a record that is in numbers up to after the
// case was proposed has it from START on; so nothing of it is in those numbers.
func TestACaseMovesPastWhatIsInNumbers(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto, func(b *ledger.TrustReport) { b.Rules.Window = 24 * time.Hour })
	id := r.ok(judge("h1", remedy.LevelAuto, counted))
	proposed := r.now
	r.long(2 * time.Hour)
	b := judge("h2", remedy.LevelAuto, counted, func(b *ledger.CaseJudge) { b.Digest = "d2" })
	r.ok(&ledger.CaseClose{Case: r.ok(b), Outcome: remedy.OutcomeSelfRecovered})
	r.long(30 * time.Hour)
	r.ok(trustOf(n1, digest("d2"), func(b *ledger.TrustReport) { b.Rules.Window = 24 * time.Hour }))
	r.ok(&ledger.CasesForget{Before: r.now.Add(-90 * 24 * time.Hour)})
	if r.held() != "d1:1+0 d2:0+1" {
		t.Fatal(r.held())
	}
	r.ok(judge("h1", remedy.LevelAuto, func(b *ledger.CaseJudge) { b.Digest = "d2" }))
	before := snapshotOf(t, r.l)
	tok := r.start(id, remedy.Warden(), by("d2", 0.1, 0.3))
	s, d := r.sample(id)
	if d != "d2" || !s.At.Equal(r.now) || !s.FirstAt.Equal(proposed) || r.held() != "d1:0+0 d2:1+1" {
		t.Fatalf("for %s: %+v; %s", d, s, r.held())
	}
	restored(t, r.l)
	r.finish(id, tok, remedy.OutcomeDone)
	after := snapshotOf(t, r.l)
	for _, now := range [][2][]byte{{before, after}, {after, before}} { // going on from either counts it once
		l := ledger.New()
		if err := l.Restore(bytes.NewReader(now[0])); err != nil {
			t.Fatal(err)
		}
		a := adoption(r)
		out := &rig{t: t, l: adopted(t, l, now[1], a), now: r.now, term: r.term, index: a.Index}
		if s, d := out.sample(id); d != "d2" || !s.Acted || out.held() != "d1:0+0 d2:1+1" {
			t.Errorf("for %s: %+v; %s", d, s, out.held())
		}
		restored(t, out.l)
	}
}

// TestAdoptCountsAMovedCaseOnce: also where its time stayed, and where its START
// was called off or is under way.
func TestAdoptCountsAMovedCaseOnce(t *testing.T) {
	t.Parallel()
	for _, end := range []remedy.Outcome{"", remedy.OutcomeAborted, remedy.OutcomeDone} {
		for _, newer := range []bool{true, false} {
			r := trusting(t, remedy.LevelAuto)
			id := r.ok(judge("h1", remedy.LevelAuto, counted))
			r.okAs(bob(), &ledger.CaseLabel{Case: id, Label: trust.Unclear})
			before := snapshotOf(t, r.l)
			tok := r.start(id, remedy.Warden(), by("d2", 0.1, 0.3))
			r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
			if end != "" {
				r.finish(id, tok, end)
			}
			now, saved := r.l, before
			if !newer {
				now, saved = ledger.New(), snapshotOf(t, r.l)
				if err := now.Restore(bytes.NewReader(before)); err != nil {
					t.Fatal(err)
				}
			}
			a := adoption(r)
			out := &rig{t: t, l: adopted(t, now, saved, a), now: r.now, term: r.term, index: a.Index}
			if s, d := out.sample(id); len(s.Said) != 2 || s.Acted != (end == remedy.OutcomeDone) || s.Acted && d != "d2" {
				t.Errorf("%q, newer %v: for %s: %+v", end, newer, d, s)
			}
			if all := out.held(); all != "d1:1+0 d2:0+0" && all != "d1:0+0 d2:1+0" {
				t.Errorf("%q, newer %v: %s", end, newer, all)
			}
			restored(t, out.l)
		}
	}
}
