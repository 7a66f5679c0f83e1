package trust_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
	"warden/internal/trust"
)

const day = 24 * time.Hour

// evidence is a year-old action with one detector of so many episodes, three a
// day, of which the newest is three hours old; it has run twelve times.
func evidence(now time.Time, right, wrong, unclear, unlabelled int) trust.Evidence {
	var said []trust.Label
	for l, n := range map[trust.Label]int{trust.Right: right, trust.Wrong: wrong, trust.Unclear: unclear, trust.Unlabelled: unlabelled} {
		for range n {
			said = append(said, l)
		}
	}
	return withLabels(now, said)
}

func withLabels(now time.Time, said []trust.Label) trust.Evidence {
	r := trust.Record{Key: trust.Key{Action: "drain", Pool: "ingest", Detector: "canary_missing", Digest: "51c0e9"}, Since: now.Add(-365 * day)}
	for i, l := range said {
		s := sample(i+1, 0, l)
		s.At = now.Add(-time.Duration(len(said)-i) * 8 * time.Hour)
		for j := range s.Said {
			s.Said[j].At = s.At
		}
		r.Cases = append(r.Cases, s)
	}
	runs := trust.Runs{RunKey: trust.RunKey{Action: "drain", Pool: "ingest", Target: "9f31c2"}, Since: now.Add(-365 * day)}
	for i := range 12 {
		runs.Runs = append(runs.Runs, trust.Run{
			Case: remedy.CaseID(i + 1), At: now.Add(-day), Outcome: remedy.OutcomeDone, Approved: true, Took: remedy.Known(true),
		})
	}
	return trust.Evidence{
		Action: "drain", Pool: "ingest", Reported: remedy.LevelConfirm, Effective: remedy.LevelConfirm, Rules: trust.DefaultRules(),
		Current: []trust.Record{r}, Runs: runs, HasUndo: true,
	}
}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func TestJudge(t *testing.T) {
	t.Parallel()
	rules := trust.DefaultRules()
	for _, c := range []struct {
		name   string
		in     trust.Evidence
		to     remedy.Level
		met    bool
		failed string // the keys
		short  string
	}{
		{"nothing is asked", evidence(noon, 0, 0, 0, 0), remedy.LevelMetricOnly, true, "", "nothing is asked for metric-only"},
		{"too few to be told of", evidence(noon, 4, 0, 0, 0), remedy.LevelNotify, false, "min_episodes", "4 episodes (gate 5)"},
		{"labels don't matter there", evidence(noon, 0, 0, 0, 5), remedy.LevelNotify, true, "", "5 episodes (gate 5)"},
		{"confirm", evidence(noon, 17, 0, 0, 0), remedy.LevelConfirm, true, "", "17 of 17 right, at least 81.6% (gate 80%)"},
		{
			"met at this look, by luck perhaps", evidence(noon, 35, 0, 0, 0), remedy.LevelAuto, false, "min_precision.any_time",
			"35 of 35 right, at least 90.1% (gate 90%); 35 of all 35 known to be right, at least 89.8% at any look",
		},
		{"auto", evidence(noon, 36, 0, 0, 0), remedy.LevelAuto, true, "", "36 of 36 right, at least 90.4% (gate 90%)"},
		{
			"one wrong", evidence(noon, 52, 1, 0, 0), remedy.LevelAuto, false, "min_precision.any_time",
			"52 of 53 right, at least 90.1% (gate 90%); 52 of all 53 known to be right, at least 88.1% at any look",
		},
		{
			"not labelled where it would hurt", evidence(noon, 60, 0, 0, 6), remedy.LevelAuto, false, "min_precision.any_time",
			"60 of 60 right, at least 94% (gate 90%); 60 of all 66 known to be right, at least 77.4% at any look",
		},
		{
			"nobody labels", evidence(noon, 0, 0, 0, 50), remedy.LevelConfirm, false,
			"min_labelled min_label_coverage min_precision min_precision.any_time", "50 episodes, none labelled (gate 80%)",
		},
		{
			"a coin toss", evidence(noon, 7, 7, 0, 0), remedy.LevelConfirm, false, "min_labelled min_precision min_precision.any_time",
			"7 of 14 right, at least 26.8% (gate 80%)",
		},
	} {
		v := trust.Judge(rules, c.to, c.in, noon)
		var failed []string
		for _, check := range v.Failed() {
			failed = append(failed, check.Key)
			if check.Need == "" {
				t.Errorf("%s: %s doesn't say what it needs", c.name, check.Key)
			}
		}
		if v.Met != c.met || strings.Join(failed, " ") != c.failed || v.Short != c.short || v.To != c.to {
			t.Errorf("%s: met %v, failed %v, short %q\nwant met %v, failed %v, short %q", c.name, v.Met, failed, v.Short, c.met, c.failed, c.short)
		}
	}
}

func TestJudgeTheAction(t *testing.T) {
	t.Parallel()
	rules := trust.DefaultRules()
	good := evidence(noon, 80, 0, 0, 0)
	for _, c := range []struct {
		name   string
		change func(in *trust.Evidence)
		failed string
	}{
		{"as it is", func(*trust.Evidence) {}, ""},
		{"without an undo", func(in *trust.Evidence) { in.HasUndo = false }, "require_undo"},
		{"never run", func(in *trust.Evidence) { in.Runs.Runs = nil }, "min_confirmed_runs min_action_success"},
		{"run by itself only", func(in *trust.Evidence) {
			in.Runs.Runs = nil
			in.Runs.FoldedGood = 100
		}, "min_confirmed_runs"},
		{"an old failure", func(in *trust.Evidence) { in.Runs.FoldedBad = 1 }, "min_action_success"},
		{"a new action", func(in *trust.Evidence) { in.Runs.Since = noon.Add(-13 * day) }, "min_live_days"},
		{"a new detector", func(in *trust.Evidence) { in.Current[0].Since = noon.Add(-13*day - 23*time.Hour) }, "min_live_days"},
		{"fourteen days", func(in *trust.Evidence) { in.Runs.Since = noon.Add(-14 * day) }, ""},
		{"nobody knows since when", func(in *trust.Evidence) { in.Runs.Since = time.Time{} }, "min_live_days"},
		{"no detector", func(in *trust.Evidence) { in.Current = nil }, "propose"},
		{"a second detector without evidence", func(in *trust.Evidence) {
			in.Current = append(in.Current, trust.Record{Key: trust.Key{Detector: "latency"}, Since: noon.Add(-60 * day)})
		}, "min_episodes min_labelled min_label_coverage min_precision min_precision.any_time"},
		{"an old wrong one outside of the window", func(in *trust.Evidence) {
			in.Current[0].Folded = trust.Folded{Wrong: 2, Cases: 2, Until: noon.Add(-200 * day)}
		}, "min_precision.any_time"},
		{"an empty window", func(in *trust.Evidence) {
			for i := range in.Current[0].Cases {
				in.Current[0].Cases[i].At = in.Current[0].Cases[i].At.Add(-100 * day)
			}
		}, "min_episodes min_labelled min_label_coverage min_precision"},
	} {
		in := good
		in.Current = append([]trust.Record(nil), good.Current...)
		in.Current[0].Cases = append([]trust.Sample(nil), good.Current[0].Cases...)
		c.change(&in)
		v := trust.Judge(rules, remedy.LevelAuto, in, noon)
		var failed []string
		for _, check := range v.Failed() {
			failed = append(failed, check.Key)
		}
		if strings.Join(failed, " ") != c.failed || v.Met != (c.failed == "") {
			t.Errorf("%s: met %v, failed %v, want %q", c.name, v.Met, failed, c.failed)
		}
	}
	in := good
	in.Current = append([]trust.Record{}, good.Current[0], trust.Record{Key: trust.Key{Detector: "latency"}, Since: noon.Add(-60 * day)})
	if v := trust.Judge(rules, remedy.LevelAuto, in, noon); v.Weakest != "latency" || v.Short != "0 episodes, none labelled (gate 90%)" {
		t.Errorf("the weakest is %q: %s", v.Weakest, v.Short)
	}
}

// A gate without evidence, or with rules that nobody filled in, is not met.
func TestJudgeFailsClosed(t *testing.T) {
	t.Parallel()
	in := evidence(noon, 80, 0, 0, 0)
	rules := trust.DefaultRules()
	rules.Confidence = 0
	if v := trust.Judge(rules, remedy.LevelAuto, in, noon); v.Met {
		t.Error("met without a confidence")
	}
	if v := trust.Judge(trust.DefaultRules(), remedy.LevelConfirm, trust.Evidence{}, noon); v.Met {
		t.Error("met without a detector")
	}
}

// bounds are all that a wrong label must not raise.
func bounds(a *trust.Assessment) []float64 {
	var out []float64
	for _, d := range a.Detectors {
		precision, _ := d.Window.Precision.Get()
		strict, _ := d.Window.Strict.Get()
		out = append(out, d.Window.Low, d.Window.High, d.Window.StrictLow, d.Window.StrictHigh, d.AnyTimeLow, precision, strict)
	}
	return out
}

func gates() *rapid.Generator[trust.Gate] {
	return rapid.Custom(func(t *rapid.T) trust.Gate {
		precision := rapid.SampledFrom([]float64{0.3, 0.5, 0.8, 0.9}).Draw(t, "precision")
		return trust.Gate{
			MinEpisodes: rapid.IntRange(0, 20).Draw(t, "episodes"), MinLabelled: rapid.IntRange(0, 40).Draw(t, "labelled"),
			MinPrecision: precision, MinLabelCoverage: rapid.SampledFrom([]float64{0, 0.3, precision}).Draw(t, "coverage"),
		}
	})
}

// Whatever is said to be wrong lowers, or leaves as it is: every bound and every
// verdict. What is said to be right raises, or leaves. Unknown never helps.
func TestWrongLowersAndRightRaises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := rapid.SliceOfN(rapid.SampledFrom([]trust.Label{
			trust.Unlabelled, trust.Right, trust.Right, trust.Right, trust.Right, trust.Right, trust.Right, trust.Unclear, trust.Wrong,
		}), 1, 80).Draw(t, "labels")
		in := withLabels(noon, said)
		in.Rules.Confirm, in.Rules.Auto = gates().Draw(t, "confirm"), gates().Draw(t, "auto")
		in.Rules.Confidence = rapid.SampledFrom([]float64{0.6, 0.8, 0.95}).Draw(t, "confidence")
		in.Rules.Window = rapid.SampledFrom([]time.Duration{0, 5 * day, 90 * day}).Draw(t, "window")
		before := trust.Assess(in, noon)
		i := rapid.IntRange(0, len(said)-1).Draw(t, "which")

		change := func(l trust.Label) trust.Assessment {
			changed := append([]trust.Label(nil), said...)
			changed[i] = l
			other := withLabels(noon, changed)
			other.Rules = in.Rules
			return trust.Assess(other, noon)
		}
		wrong, right, unknown := change(trust.Wrong), change(trust.Right), change(trust.Unlabelled)
		if wrong.Allowed > before.Allowed || right.Allowed < before.Allowed {
			t.Fatalf("allowed %v, said to be wrong %v, right %v", before.Allowed, wrong.Allowed, right.Allowed)
		}
		if unknown.Allowed > right.Allowed || wrong.Allowed > unknown.Allowed {
			t.Fatalf("unknown allows %v, right %v, wrong %v", unknown.Allowed, right.Allowed, wrong.Allowed)
		}
		// Precision has no bound where nothing is labelled: from 0 to 1. So what is
		// held is lower bounds, and all of them where something was labelled.
		for j := range bounds(&before) {
			high := j%7 == 1 || j%7 == 5
			w, b, r := bounds(&wrong)[j], bounds(&before)[j], bounds(&right)[j]
			if known := before.Detectors[0].Window.Labelled() > 0; w > b+1e-12 && (known || !high) || b > r+1e-12 && (known || !high) {
				t.Fatalf("bound %d: wrong %v, as it is %v, right %v", j, w, b, r)
			}
		}
		if more := withLabels(noon, append(said, trust.Right)); len(said) < 80 {
			more.Rules = in.Rules
			if in.Rules.Window == 0 && trust.Assess(more, noon).Allowed < before.Allowed {
				t.Fatal("one more right one lowers")
			}
		}
	})
}

// With much older evidence behind it a window of 89 right ones and 11 unlabelled
// lacks coverage alone. Anybody may say wrong, so that must not complete it.
func TestWrongDoesNotCompleteTheCoverage(t *testing.T) {
	t.Parallel()
	for wrong := range 3 {
		in := evidence(noon, 89, wrong, 0, 11-wrong)
		in.Current[0].Folded = trust.Folded{Right: 5000, Cases: 5000, Until: noon.Add(-200 * day)}
		v := trust.Judge(trust.DefaultRules(), remedy.LevelAuto, in, noon)
		failed := v.Failed()
		if v.Met || len(failed) != 1 || failed[0].Key != trust.CheckCoverage || !strings.Contains(failed[0].Need, "1 more") {
			t.Errorf("%d said to be wrong: met %v, failed %+v", wrong, v.Met, failed)
		}
	}
	in := evidence(noon, 90, 0, 0, 10)
	in.Current[0].Folded = trust.Folded{Right: 5000, Cases: 5000, Until: noon.Add(-200 * day)}
	if v := trust.Judge(trust.DefaultRules(), remedy.LevelAuto, in, noon); !v.Met {
		t.Errorf("one more right one: %+v", v.Failed())
	}
}

// TestShortQuotesWhatFails: the one line beside the gate never quotes a number
// that is met where another keeps the gate shut.
func TestShortQuotesWhatFails(t *testing.T) {
	t.Parallel()
	rules := trust.DefaultRules()
	rules.Notify, rules.Confirm, rules.Auto = trust.Gate{}, trust.Gate{MinLabelled: 3}, trust.Gate{MinPrecision: 0.5, MinConfirmedRuns: 1000}
	for _, c := range []struct {
		in   trust.Evidence
		to   remedy.Level
		want string
	}{
		{evidence(noon, 1, 0, 0, 4), remedy.LevelConfirm, "labelled episodes: 1, 1 of them right (gate 3): not met (labelled episodes)"},
		{evidence(noon, 4, 1, 0, 0), remedy.LevelConfirm, "4 of 5 labelled episodes right (gate 3): met"},
	} {
		if got := trust.Judge(rules, c.to, c.in, noon).Brief(); got != c.want {
			t.Errorf("it says %q, want %q", got, c.want)
		}
	}
	if got := trust.Judge(rules, remedy.LevelAuto, evidence(noon, 40, 0, 0, 0), noon).Short; !strings.HasPrefix(got, "runs that a person approved and that worked: ") {
		t.Errorf("auto is said to want %q", got)
	}
}

// TestWhatIsThereToLabel: the share of labelled ones names what can be labelled: an
// episode of which somebody could not say has a label, and lacks another.
func TestWhatIsThereToLabel(t *testing.T) {
	t.Parallel()
	rules := trust.DefaultRules()
	rules.Notify, rules.Confirm, rules.Auto = trust.Gate{}, trust.Gate{MinLabelCoverage: 0.7}, trust.Gate{}
	for _, c := range []struct {
		unclear, unlabelled int
		want                string
	}{
		{0, 4, "label 1 more"},
		{4, 0, "say right or wrong of 1 of the 4 unclear ones"},
		{3, 1, "label 1 more"},
		{4, 1, "label 1 more, and say right or wrong of 1 of the 4 unclear ones"},
	} {
		v := trust.Judge(rules, remedy.LevelConfirm, evidence(noon, 6, 0, c.unclear, c.unlabelled), noon)
		if failed := v.Failed(); len(failed) != 1 || failed[0].Need != c.want {
			t.Errorf("%d unclear, %d unlabelled: %+v, want %q", c.unclear, c.unlabelled, failed, c.want)
		}
	}
}
