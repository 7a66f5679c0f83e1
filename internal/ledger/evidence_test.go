package ledger_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// count is all episodes of the detector as it is in force, in numbers and one by
// one.
func (r *rig) count() (episodes, cases int) {
	r.t.Helper()
	for _, rec := range r.evidence().Current {
		f := rec.Folded
		episodes += f.Right + f.Wrong + f.Unclear + f.Unlabelled + len(trust.Episodes(rec.Cases, r.l.Rules().EpisodeGap))
		cases += f.Cases + len(rec.Cases)
	}
	return episodes, cases
}

// TestFoldingLosesNothing: a record that has too many cases keeps whole episodes
// in numbers, and what is asked of it has the same answer as before.
func TestFoldingLosesNothing(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	const cases = 2300
	for i := range cases {
		host := remedy.HostName(fmt.Sprint("x", i))
		id := r.ok(judge(host, remedy.LevelNotify, counted))
		r.ok(&ledger.CaseClose{Case: id, Outcome: []remedy.Outcome{remedy.OutcomeSelfRecovered, remedy.OutcomeNoData, remedy.OutcomeGone}[i%3]})
		r.pass([]time.Duration{10 * time.Minute, 10 * time.Minute, 10 * time.Minute, time.Hour}[i%4])
		if i%1000 == 999 {
			r.ok(&ledger.CasesForget{Before: r.now})
		}
	}
	e, n := r.count()
	rec := r.evidence().Current[0]
	if n != cases || e != cases/4 || rec.Folded.Wrong == 0 || rec.Folded.Unclear != 0 || len(rec.Cases) > 2000 || len(rec.Cases) < 1990 {
		t.Errorf("%d cases in %d episodes, %+v in numbers, %d kept", n, e, rec.Folded, len(rec.Cases))
	}
	restored(t, r.l)
	// Beyond the window they are numbers, and nothing is lost.
	r.long(91 * 24 * time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now})
	e, n = r.count()
	if rec = r.evidence().Current[0]; n != cases || e != cases/4 || len(rec.Cases) != 0 {
		t.Errorf("%d cases in %d episodes, %d kept", n, e, len(rec.Cases))
	}
	// A copy that was restored folds alike.
	other := &rig{t: t, l: ledger.New(), now: r.now, index: r.index, term: r.term}
	if err := other.l.Restore(bytes.NewReader(snapshotOf(t, r.l))); err != nil {
		t.Fatal(err)
	}
	for _, g := range []*rig{r, other} {
		g.recovered("y1")
		g.ok(&ledger.CasesForget{Before: g.now})
	}
	if hashOf(t, r.l) != hashOf(t, other.l) {
		t.Error("a restored node folds otherwise")
	}
}

// TestAnEpisodeThatGoesOnIsNotFolded: folded, it would count once, and what comes
// of it later once more.
func TestAnEpisodeThatGoesOnIsNotFolded(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	const cases = 2010 // more than a record holds one by one
	for i := range cases {
		id := r.ok(judge(remedy.HostName(fmt.Sprint("x", i)), remedy.LevelNotify, counted))
		r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeGone})
		r.pass(time.Second)
	}
	if e, n := r.count(); e != 1 || n != cases {
		t.Errorf("%d cases of half an hour are %d episodes, want %d and 1", n, e, cases)
	}
}

// TestOpenCasesAreNotFolded: a word about them still counts.
func TestOpenCasesAreNotFolded(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	r.long(100 * 24 * time.Hour)
	r.recovered("h2")
	r.ok(&ledger.CasesForget{Before: r.now.Add(-91 * 24 * time.Hour)})
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
	r.label(id, trust.Right, trust.SourcePerson)
	r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered})
	r.ok(&ledger.CasesForget{Before: r.now.Add(-91 * 24 * time.Hour)})
	r.refused(ledger.RefusedNothing, alice(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	if f := r.evidence().Current[0].Folded; f.Right != 1 || f.Cases != 1 {
		t.Errorf("%+v", f)
	}
}

// TestAnotherDigestStartsAgain: and taking a change back within the window takes
// its loss back.
func TestAnotherDigestStartsAgain(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	r.recovered("h1")
	two := r.acts("h2")
	was := r.evidence()
	r.ok(trustOf(n1, digest("d2"), func(b *ledger.TrustReport) { b.Rungs[0].Target = "t2" }))
	e := r.evidence()
	if len(e.Current) != 1 || len(e.Current[0].Cases) != 0 || len(e.Older) != 1 || len(e.Older[0].Cases) != 2 || len(e.Runs.Runs) != 0 || e.Runs.Target != "t2" {
		t.Fatalf("%+v", e)
	}
	r.long(89 * 24 * time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now.Add(-100 * 24 * time.Hour)})
	r.ok(trustOf(n1))
	if e = r.evidence(); len(e.Current[0].Cases) != 2 || !e.Current[0].Since.After(was.Current[0].Since) || !e.Current[0].Gone.IsZero() || len(e.Runs.Runs) != 1 {
		t.Fatalf("%+v", e)
	}
	r.ok(trustOf(n1, digest("d3")))
	r.ok(&ledger.CaseClose{Case: two, Outcome: remedy.OutcomeGone}) // an open one keeps its record
	r.long(91 * 24 * time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now})
	if e = r.evidence(); len(e.Older) != 0 || len(e.Current) != 1 {
		t.Errorf("%+v", e.Older)
	}
}

// TestRuns is how reliability is told from what was run.
func TestRuns(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	yes := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: yes, Approve: true, PlanHash: r.get(yes).PlanHash})
	r.finish(yes, r.start(yes, remedy.Warden(), targeted), remedy.OutcomeAborted)
	if n := len(r.evidence().Runs.Runs); n != 0 {
		t.Errorf("%d runs after one was called off", n)
	}
	r.finish(yes, r.start(yes, remedy.Warden(), targeted), remedy.OutcomeUnknown)
	run := func() trust.Run { all := r.evidence().Runs.Runs; return all[len(all)-1] }
	if got := run(); got.Outcome != remedy.OutcomeUnknown || !got.Approved || got.Manual || got.Case != yes {
		t.Errorf("%+v", got)
	}
	r.okAs(alice(), &ledger.Resolve{Case: yes, Out: true})
	if took, known := run().Took.Get(); !took || !known || run().Outcome != remedy.OutcomeDone || len(r.evidence().Runs.Runs) != 1 {
		t.Errorf("%+v", r.evidence().Runs)
	}
	r.start(yes, bob(), undoing, targeted)
	if len(r.evidence().Runs.Runs) != 1 {
		t.Error("an undo is a run")
	}
	if s, _ := r.sample(yes); !s.Acted || !s.Approved || s.AskedAt.IsZero() || !s.AnsweredAt.Equal(s.AskedAt) {
		t.Errorf("%+v", s)
	}
}

// TestTheOrderOfWordsDoesNotMatter: whoever speaks first, the label is the same.
func TestTheOrderOfWordsDoesNotMatter(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type word struct {
			by   remedy.Actor
			body ledger.CaseLabel
		}
		labels := rapid.SliceOfN(rapid.SampledFrom([]trust.Label{trust.Unlabelled, trust.Right, trust.Wrong, trust.Unclear}), 4, 4).Draw(t, "labels")
		var words []word
		approvers := false // any of them: who may not approve hides no word of warden's
		for i, l := range labels {
			if l != trust.Unlabelled {
				by := remedy.Actor{Name: fmt.Sprint("p", i), Person: true}
				lowers := l != trust.Right && rapid.Bool().Draw(t, "lowers")
				approvers = approvers || !lowers
				words = append(words, word{by, ledger.CaseLabel{Label: l, Lowers: lowers}})
			}
		}
		after := rapid.SampledFrom([]remedy.Outcome{"", remedy.OutcomeSelfRecovered, remedy.OutcomeNoData}).Draw(t, "end")
		state := func(order []word, end int) (trust.Resolution, trust.Demotion) {
			r := trusting(t, remedy.LevelAuto)
			id := r.acts("h1")
			other := r.ok(judge("h2", remedy.LevelNotify, counted))
			for i, w := range order {
				if i == end && after != "" {
					r.ok(&ledger.CaseClose{Case: other, Outcome: after})
				}
				for _, c := range []remedy.CaseID{id, other} {
					b := w.body
					b.Case = c
					r.okAs(w.by, &b)
				}
			}
			if end >= len(order) && after != "" {
				r.ok(&ledger.CaseClose{Case: other, Outcome: after})
			}
			a, _ := r.sample(id)
			b, _ := r.sample(other)
			x, y := a.Resolve(), b.Resolve()
			if approvers && (x.Label != y.Label || x.Conflict != y.Conflict) {
				t.Fatalf("%+v and %+v", x, y)
			}
			var d trust.Demotion
			if e := r.evidence(); e.Demotion != nil {
				d = trust.Demotion{To: e.Demotion.To, Why: e.Demotion.Why, Case: e.Demotion.Case}
			}
			return trust.Resolution{Label: y.Label, Conflict: y.Conflict}, d
		}
		first, lowered := state(words, 0)
		again, loweredToo := state(rapid.Permutation(slices.Clone(words)).Draw(t, "order"), rapid.IntRange(0, 4).Draw(t, "when"))
		if first.Label != again.Label || first.Conflict != again.Conflict || lowered.To != loweredToo.To || lowered.Why != loweredToo.Why || lowered.Case != loweredToo.Case {
			t.Fatalf("in one order %+v, %+v, in another %+v, %+v", first, lowered, again, loweredToo)
		}
	})
}
