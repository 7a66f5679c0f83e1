package trust_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
	"warden/internal/trust"
)

func TestCount(t *testing.T) {
	t.Parallel()
	rules := trust.DefaultRules()
	var r trust.Record
	add := func(minute int, said ...trust.Statement) *trust.Sample {
		s := sample(len(r.Cases)+1, minute, trust.Unlabelled)
		s.Said = said
		r.Cases = append(r.Cases, s)
		return &r.Cases[len(r.Cases)-1]
	}
	add(0, said(trust.Right, trust.SourcePerson, "kim", 1), said(trust.Right, trust.SourceStayed, "warden", 2))
	add(30, said(trust.Right, trust.SourceStayed, "warden", 40)) // the same afternoon
	s := add(200, said(trust.Right, trust.SourceHand, "warden", 220))
	s.HandAt = s.At.Add(11 * time.Minute)
	s.AskedAt, s.AnsweredAt = s.At, s.At.Add(7*time.Minute)
	s = add(400, said(trust.Wrong, trust.SourcePerson, "kim", 410), said(trust.Right, trust.SourcePerson, "sam", 420))
	s.Acted = true
	s = add(600)
	s.HandAt = s.At.Add(-2 * time.Minute)
	s.AskedAt, s.AnsweredAt = s.At, s.At.Add(31*time.Minute)
	s = add(800, said(trust.Unclear, trust.SourceNoData, "warden", 900))
	s.HandAt, s.Crowd = s.At.Add(time.Hour), true
	s.AskedAt = s.At // nobody answered
	add(1000, said(trust.Right, trust.SourcePerson, "kim", 1010), said(trust.Wrong, trust.SourceUndo, "kim", 1020))
	r.Folded = trust.Folded{Right: 3, Unlabelled: 1, Cases: 9, Until: day0.Add(-time.Hour)}

	n := trust.Count(r, day0, rules)
	want := trust.Tally{Episodes: 6, Right: 3, Wrong: 1, Unclear: 1, Unlabelled: 1}
	if n.Tally != want || n.Cases != 7 || n.Folded != 0 {
		t.Fatalf("%+v", n)
	}
	coverage, _ := n.Coverage.Get()
	precision, _ := n.Precision.Get()
	strict, _ := n.Strict.Get()
	if coverage != 4.0/6 || precision != 0.75 || strict != 0.5 {
		t.Errorf("coverage %v, precision %v, strict %v", coverage, precision, strict)
	}
	if len(n.WrongCases) != 1 || n.WrongCases[0].Case != 4 || n.WrongCases[0].By != "kim" || !n.WrongCases[0].Acted || n.WrongCases[0].Host != "host-4" {
		t.Errorf("wrong: %+v", n.WrongCases)
	}
	// Of the newest, which counts as right, the undo as was-fine is told all the same.
	if len(n.Conflicts) != 2 || n.Conflicts[1].Case != 4 || len(n.Conflicts[1].Said) != 2 || n.Conflicts[0].Case != 7 || n.Conflicts[0].Label != trust.Right || len(n.Conflicts[0].Said) != 2 {
		t.Errorf("conflicts: %+v", n.Conflicts)
	}
	if len(n.ToLabel) != 1 || n.ToLabel[0].Case != 5 {
		t.Errorf("to label: %+v", n.ToLabel)
	}
	sources := []trust.SourceCount{
		{Source: trust.SourcePerson, Right: 2, Wrong: 1}, {Source: trust.SourceStayed, Right: 1}, {Source: trust.SourceHand, Right: 1},
		{Source: trust.SourceNoData, Unclear: 1},
	}
	if !reflect.DeepEqual(n.Sources, sources) {
		t.Errorf("sources: %+v", n.Sources)
	}
	if n.Lead != (trust.Times{N: 2, Median: 4*time.Minute + 30*time.Second, Least: -2 * time.Minute, Most: 11 * time.Minute}) || n.Later != 1 {
		t.Errorf("lead: %+v, %d later", n.Lead, n.Later)
	}
	if n.Answers != (trust.Times{N: 2, Median: 19 * time.Minute, Least: 7 * time.Minute, Most: 31 * time.Minute}) {
		t.Errorf("answers: %+v", n.Answers)
	}
	late := trust.AnswerTimes(r, day0, func(asked time.Time) bool { return asked.Hour() >= 8 })
	if late != (trust.Times{N: 1, Median: 31 * time.Minute, Least: 31 * time.Minute, Most: 31 * time.Minute}) {
		t.Errorf("late answers: %+v", late)
	}

	whole := trust.Count(r, time.Time{}, rules)
	if whole.Tally != (trust.Tally{Episodes: 10, Right: 6, Wrong: 1, Unclear: 1, Unlabelled: 2}) || whole.Cases != 16 || whole.Folded != 4 {
		t.Errorf("the whole record: %+v", whole.Tally)
	}
	if reaching := trust.Count(r, day0.Add(-2*time.Hour), rules); reaching.Folded != 4 {
		t.Errorf("folded ones that reach into the window don't count: %+v", reaching.Tally)
	}
	if window := trust.Count(r, day0.Add(15*time.Minute), rules); window.Episodes != 5 {
		t.Errorf("an episode that began before the window counts: %+v", window.Tally)
	}
	empty := trust.Count(trust.Record{}, time.Time{}, rules)
	if empty.Precision.IsKnown() || empty.Coverage.IsKnown() || empty.Low != 0 || empty.High != 1 {
		t.Errorf("an empty record: %+v", empty)
	}
}

// The numbers agree with themselves, and folding whole old episodes away leaves
// every sum of the whole record as it was.
func TestCountAddsUp(t *testing.T) {
	t.Parallel()
	rules := trust.DefaultRules()
	rapid.Check(t, func(t *rapid.T) {
		r := trust.Record{Cases: samples(60, 20_000).Draw(t, "samples")}
		n := trust.Count(r, time.Time{}, rules)
		if n.Right+n.Wrong+n.Unclear+n.Unlabelled != n.Episodes || n.Cases != len(r.Cases) {
			t.Fatalf("%+v of %d cases", n, len(r.Cases))
		}
		if n.Low > n.High || n.StrictLow > n.Low && n.Labelled() > 0 {
			t.Fatalf("from %v to %v, strictly %v", n.Low, n.High, n.StrictLow)
		}
		episodes := trust.Episodes(r.Cases, rules.EpisodeGap)
		k := rapid.IntRange(0, len(episodes)).Draw(t, "folded")
		folded := trust.Record{}
		for i, e := range episodes {
			if i >= k {
				folded.Cases = append(folded.Cases, e.Cases...)
				continue
			}
			folded.Folded.Cases += len(e.Cases)
			folded.Folded.Until = e.To
			switch e.Label {
			case trust.Right:
				folded.Folded.Right++
			case trust.Wrong:
				folded.Folded.Wrong++
			case trust.Unclear:
				folded.Folded.Unclear++
			case trust.Unlabelled:
				folded.Folded.Unlabelled++
			}
		}
		if m := trust.Count(folded, time.Time{}, rules); m.Tally != n.Tally || m.Cases != n.Cases || m.Folded != k {
			t.Fatalf("%+v, and %+v with %d folded", n.Tally, m.Tally, k)
		}
		in := trust.Evidence{Rules: rules, Current: []trust.Record{folded}, Reported: remedy.LevelConfirm}
		if a := trust.Assess(in, noon); a.Detectors[0].Whole != n.Tally {
			t.Fatalf("%+v, assessed %+v", n.Tally, a.Detectors[0].Whole)
		}
	})
}
