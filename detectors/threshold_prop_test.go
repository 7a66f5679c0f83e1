package detectors

import (
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// drawGauges makes a detector of any shape and a pool in any state of health.
func drawGauges(tb testing.TB, rt *rapid.T, hosts int) *gaugeWorld {
	tb.Helper()
	spec := thresholdSpec(func(s *ThresholdSpec) {
		s.For = time.Duration(rapid.IntRange(0, 5).Draw(rt, "for")) * s.Interval
		s.Match = rapid.SampledFrom([]Match{MatchAll, MatchAny}).Draw(rt, "match")
		if how := rapid.SampledFrom([]Aggregate{"", "", AggregateAvg, AggregateMin, AggregateMax, AggregateLast, AggregateSum}).Draw(rt, "aggregate"); how != "" {
			n := rapid.IntRange(1, 4).Draw(rt, "window")
			s.Aggregate, s.Window, s.MinPoints = how, time.Duration(n)*s.Interval, rapid.IntRange(1, n).Draw(rt, "min_points")
		}
		s.Conditions = nil
		for i := range rapid.IntRange(1, 3).Draw(rt, "conditions") {
			c := Condition{Query: []string{"load", "errors", "lag"}[i]}
			if rapid.IntRange(0, 3).Draw(rt, "expression") == 0 {
				c.Query, c.FreshQuery = "rate("+c.Query+"[1m])", c.Query
			}
			kind := rapid.IntRange(0, 2).Draw(rt, "direction")
			if s.Aggregate == AggregateSum {
				kind = 0 // a sum is never bad below
			}
			if kind != 0 {
				c.BadBelow, c.ClearAbove = new(-10.0), new(-10+float64(rapid.IntRange(0, 5).Draw(rt, "band")))
			}
			if kind != 1 {
				c.BadAbove, c.ClearBelow = new(10.0), new(10-float64(rapid.IntRange(0, 5).Draw(rt, "band")))
			}
			s.Conditions = append(s.Conditions, c)
		}
		if rapid.IntRange(0, 3).Draw(rt, "target") == 0 {
			s.CanaryTarget = ""
		}
	})
	w := newGaugeWorld(tb, spec, hosts)
	for i := range w.pool.Hosts {
		w.pool.Hosts[i].State = rapid.SampledFrom([]remedy.ServiceState{
			remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceOut, remedy.ServiceUnknown,
		}).Draw(rt, "state")
		for c := range w.t.conditions {
			level := rapid.SampledFrom([]float64{-20, -7, 0, 7, 20}).Draw(rt, "level")
			w.edit(w.value(c), string(w.pool.Hosts[i].Name), func(int, float64) (float64, bool) {
				if rapid.IntRange(0, 3).Draw(rt, "other") == 0 {
					return float64(rapid.IntRange(-20, 20).Draw(rt, "value")), true
				}
				return level, true
			})
		}
	}
	return w
}

// hurt damages answers in every way that sources do.
func hurt(rt *rapid.T, w *gaugeWorld) {
	queries := w.t.Queries(w.pool, testAt)
	for range rapid.IntRange(0, 20).Draw(rt, "damages") {
		q := rapid.SampledFrom(queries).Draw(rt, "query")
		labels := slices.Sorted(maps.Keys(w.series[q]))
		if len(labels) == 0 {
			continue
		}
		label, back := rapid.SampledFrom(labels).Draw(rt, "label"), rapid.IntRange(0, 9).Draw(rt, "back")
		if _, twice := w.series[q][label+" again"]; twice || strings.HasSuffix(label, " again") {
			continue
		}
		switch rapid.IntRange(0, 14).Draw(rt, "kind") {
		case 0:
			w.failed[q] = "refused"
		case 1:
			delete(w.series[q], label)
		case 2:
			w.edit(q, label, steps(math.NaN(), back))
		case 3:
			w.edit(q, label, steps(math.Inf(1), back))
		case 4:
			w.edit(q, label, steps(math.Inf(-1), back))
		case 5:
			s := *w.series[q][label]
			s.Points = slices.Clone(s.Points)
			w.series[q][label+" again"] = &s
		case 6:
			w.edit(q, label, func(b int, v float64) (float64, bool) {
				if b == back && !w.isValue(q) {
					return v + float64(rapid.IntRange(-100, 100).Draw(rt, "shift")), true
				}
				return v, true
			})
		case 7:
			w.edit(q, label, nothing)
		default:
			w.edit(q, label, without(back))
		}
	}
}

// expected judges one host the slow way, from the series themselves, as
// DESIGN.md words the rules.
func (w *gaugeWorld) expected(host int) string {
	t, h := w.t, w.pool.Hosts[host]
	if h.State == remedy.ServiceOut {
		return "out"
	}
	if len(w.failed) > 0 {
		return remedy.ReasonSourceFailed
	}
	targetFresh := func(back int) bool {
		for _, s := range w.series[w.target()] {
			for _, p := range s.Points {
				age := float64(w.stepAt(back))/1000 - p.Value
				if p.At == w.stepAt(back) && age <= t.spec.MaxStaleness.Seconds() && age >= -t.spec.Interval.Seconds() {
					return true
				}
			}
		}
		return t.spec.CanaryTarget == ""
	}
	if !targetFresh(0) {
		return remedy.ReasonSourceStale
	}
	state := func(back int) string {
		if !targetFresh(back) {
			return remedy.ReasonSourceStale
		}
		var bad, good, other []string
		for c := range t.conditions {
			switch s := w.expectedBy(c, string(h.Name), back); s {
			case "bad":
				bad = append(bad, s)
			case "good":
				good = append(good, s)
			default:
				other = append(other, s)
			}
		}
		switch {
		case t.spec.Match == MatchAll && len(good) > 0:
			return "good"
		case t.spec.Match == MatchAny && len(bad) > 0:
			return "bad"
		case len(other) == 0 && len(bad) > 0:
			return "bad"
		case len(other) == 0:
			return "good"
		}
		slices.SortFunc(other, func(x, y string) int { return slices.Index(stepReasons[:], y) - slices.Index(stepReasons[:], x) })
		return other[0]
	}
	if now := state(0); now != "bad" {
		return now
	}
	for back := 1; back < t.steps; back++ {
		if state(back) != "bad" {
			return remedy.ReasonPending
		}
	}
	return "bad"
}

func (w *gaugeWorld) stepAt(back int) int64 {
	return testAt.UnixMilli() - int64(back)*w.t.spec.Interval.Milliseconds()
}

// twice reports whether two series of an answer are about one host. Damage made
// them alike, and a series without a point is in no answer.
func (w *gaugeWorld) twice(q remedy.Query, host string) bool {
	s, ok := w.series[q][host+" again"]
	return ok && len(s.Points) > 0
}

// point is a host's point at one instant in an answer; false when it has none.
func (w *gaugeWorld) point(q remedy.Query, host string, at int64) (float64, bool) {
	if s, ok := w.series[q][host]; ok {
		for _, p := range s.Points {
			if p.At == at {
				return p.Value, true
			}
		}
	}
	return 0, false
}

// expectedBy is what one condition says of a host, some steps back.
func (w *gaugeWorld) expectedBy(c int, host string, back int) string {
	spec, values, stamps := w.t.spec, w.value(c), w.stamps(c)
	twice, stampTwice := w.twice(values, host), w.twice(stamps, host)
	if twice {
		return remedy.ReasonDuplicate
	}
	at := w.stepAt(back)
	stampAt := func(at int64) (float64, bool) {
		v, ok := w.point(stamps, host, at)
		if stampTwice {
			if spec.Conditions[c].FreshQuery == "" {
				return 0, false
			}
			again, ok2 := w.point(stamps, host+" again", at)
			if math.IsNaN(again) || math.IsInf(again, 0) {
				return 0, false
			}
			v, ok = min(v, again), ok && ok2
		}
		return v, ok && !math.IsNaN(v) && !math.IsInf(v, 0)
	}
	stamp, ok := stampAt(at)
	if !ok {
		for b := at - spec.Interval.Milliseconds(); !stampTwice && b >= stamps.Start.UnixMilli(); b -= spec.Interval.Milliseconds() {
			if older, ok := stampAt(b); ok {
				if float64(at)/1000-older > spec.MaxStaleness.Seconds() {
					return remedy.ReasonStale
				}
				return remedy.ReasonNoValue
			}
		}
		return remedy.ReasonNoSeries
	}
	switch age := float64(at)/1000 - stamp; {
	case age < -spec.Interval.Seconds():
		return remedy.ReasonFuture
	case age > spec.MaxStaleness.Seconds():
		return remedy.ReasonStale
	}
	v, has := w.point(values, host, at)
	if spec.Aggregate != "" {
		var in []float64
		newest := float64(at-spec.Window.Milliseconds()) / 1000
		for k := w.t.windowSteps - 1; k >= 0; k-- {
			step := at - int64(k)*spec.Interval.Milliseconds()
			s, ok := stampAt(step)
			x, there := w.point(values, host, step)
			if ok && there && s > newest && s <= float64(step)/1000+spec.Interval.Seconds() {
				in, newest = append(in, x), s
			}
		}
		if len(in) < spec.MinPoints {
			return remedy.ReasonFewPoints
		}
		v, has = aggregateOf(spec.Aggregate, in), true
	}
	b := spec.Conditions[c]
	switch {
	case !has:
		return remedy.ReasonNoValue
	case !isFinite(v):
		return remedy.ReasonNotANumber
	case b.BadBelow != nil && v < *b.BadBelow, b.BadAbove != nil && v > *b.BadAbove:
		return "bad"
	case b.BadBelow != nil && v < *b.ClearAbove, b.BadAbove != nil && v > *b.ClearBelow:
		return remedy.ReasonBetween
	}
	return "good"
}

func aggregateOf(how Aggregate, in []float64) float64 {
	sum := 0.0
	for _, v := range in {
		if !isFinite(v) && how != AggregateLast {
			return math.NaN()
		}
		sum += v
	}
	switch how {
	case AggregateMin:
		return slices.Min(in)
	case AggregateMax:
		return slices.Max(in)
	case AggregateLast:
		return in[len(in)-1]
	case AggregateSum:
		return sum
	case AggregateNone, AggregateAvg:
	}
	return sum / float64(len(in))
}

// TestThresholdByTheRules holds the judging by columns to the slow one.
func TestThresholdByTheRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawGauges(t, rt, rapid.IntRange(1, 8).Draw(rt, "hosts"))
		hurt(rt, w)
		j := w.judge()
		for i, f := range j.Findings() {
			if want := w.expected(i); say(f) != want {
				rt.Fatalf("%s is %s, want %s", f.Host, say(f), want)
			}
			if f.BadNow != (f.Verdict == remedy.VerdictBad || f.Reason == remedy.ReasonPending) {
				rt.Fatalf("%s is %s, bad now: %v", f.Host, say(f), f.BadNow)
			}
		}
	})
}

// TestThresholdBlocks: the same hosts are judged the same in a pool of more
// than one block.
func TestThresholdBlocks(t *testing.T) {
	w := newGaugeWorld(t, thresholdSpec(), 2*blockHosts+7)
	for i := range w.pool.Hosts {
		switch label := string(w.pool.Hosts[i].Name); i % 5 {
		case 0:
			w.set(label, 90)
		case 1:
			w.set(label, 90)
			w.edit(w.value(0), label, steps(10, 1+i%4))
		case 2:
			w.edit(w.value(0), label, nothing)
		case 3:
			w.pool.Hosts[i].State = remedy.ServiceOut
		}
	}
	want := []string{"bad", "pending", "no_value", "out", "good"}
	for i, f := range w.judge().Findings() {
		if say(f) != want[i%5] {
			t.Fatalf("host %d is %s, want %s", i, say(f), want[i%5])
		}
	}
}

// TestThresholdUnknownNeverRaises: taking data away, or breaking it, makes no
// host bad that wasn't, whatever joins the conditions.
func TestThresholdUnknownNeverRaises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawGauges(t, rt, rapid.IntRange(1, 6).Draw(rt, "hosts"))
		if w.t.spec.Aggregate != AggregateNone {
			w = newGaugeWorld(t, thresholdSpec(), 3) // what is left of a window may well be worse than all of it
			w.set("h01", 90)
		}
		before := w.judge()
		hurt(rt, w)
		after := w.judge()
		for i, f := range after.Findings() {
			was := before.Finding(i)
			if f.BadNow && !was.BadNow {
				rt.Fatalf("%s was %s and is %s", f.Host, say(was), say(f))
			}
			if f.Verdict == remedy.VerdictBad && was.Verdict != remedy.VerdictBad {
				rt.Fatalf("%s was %s and is %s", f.Host, say(was), say(f))
			}
		}
	})
}

// TestThresholdMonotone: with one bound above, a lower value at any step never
// makes a host worse.
func TestThresholdMonotone(t *testing.T) {
	rank := func(f remedy.Finding) int {
		return slices.Index([]string{"good", "between", "pending", "bad"}, say(f))
	}
	rapid.Check(t, func(rt *rapid.T) {
		how := rapid.SampledFrom([]Aggregate{"", AggregateAvg, AggregateMin, AggregateMax, AggregateLast, AggregateSum}).Draw(rt, "aggregate")
		w := newGaugeWorld(t, thresholdSpec(func(s *ThresholdSpec) {
			if how != "" {
				s.Aggregate, s.Window = how, 2*time.Minute
			}
		}), 1)
		w.edit(w.value(0), "h00", func(int, float64) (float64, bool) { return rapid.Float64Range(0, 120).Draw(rt, "value"), true })
		before := rank(w.judge().Finding(0))
		w.edit(w.value(0), "h00", func(_ int, v float64) (float64, bool) { return v * rapid.Float64Range(0, 1).Draw(rt, "factor"), true })
		if after := rank(w.judge().Finding(0)); after > before || before < 0 || after < 0 {
			rt.Fatalf("rank %d became %d", before, after)
		}
	})
}

// TestThresholdOrderMeansNothing: permuting series changes no finding.
func TestThresholdOrderMeansNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawGauges(t, rt, rapid.IntRange(1, 8).Draw(rt, "hosts"))
		hurt(rt, w)
		results := w.results()
		want := w.t.Judge(w.pool, testAt, results, nil).Findings()
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		shuffled := remedy.Results{}
		for q, r := range results {
			shuffled[q] = r
			if r.Failed == "" {
				shuffled[q] = remedy.Result{Frame: permuted(r.Frame, rnd.Perm(r.Frame.Keys.Len()))}
			}
		}
		if got := w.t.Judge(w.pool, testAt, shuffled, nil).Findings(); !reflect.DeepEqual(got, want) {
			rt.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// permuted is a frame with its rows in another order.
func permuted(f *remedy.Frame, order []int) *remedy.Frame {
	names, cols := make([]string, len(order)), make([][]float64, f.Steps())
	for k := range cols {
		cols[k] = make([]float64, len(order))
	}
	for to, from := range order {
		names[to] = f.Keys.Name(int32(from))
		for k := range cols {
			cols[k][to] = f.At(int32(from), k)
		}
	}
	return &remedy.Frame{Keys: remedy.NewKeys(names), Start: f.Start, Step: f.Step, Cols: cols}
}

// TestThresholdKeepsNothing: judging others in between, over a used buffer and
// by a part of a longer answer, gives the same; answers are left as they were.
func TestThresholdKeepsNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawGauges(t, rt, rapid.IntRange(1, 8).Draw(rt, "hosts"))
		hurt(rt, w)
		results := w.results()
		first := w.t.Judge(w.pool, testAt, results, nil)
		want := first.Findings()
		used := w.t.Judge(poolOf(20), testAt.Add(time.Minute), remedy.Results{}, nil).Verdicts
		longer := remedy.Results{}
		for q, r := range results {
			longer[q] = r
			if r.Failed == "" {
				longer[q] = remedy.Result{Frame: widened(r.Frame).Window(q)}
			}
		}
		if again := w.t.Judge(w.pool, testAt, longer, used).Findings(); !reflect.DeepEqual(again, want) {
			rt.Fatalf("got  %+v\nwant %+v", again, want)
		}
		for q, want := range w.results() {
			if got := results[q]; got.Failed != want.Failed || shown(got.Frame) != shown(want.Frame) {
				rt.Fatalf("Judge changed the answer to %v", q)
			}
		}
	})
}

// widened is an answer with an older and a newer step around it.
func widened(f *remedy.Frame) *remedy.Frame {
	out := *f
	out.Start -= f.Step
	out.Cols = slices.Concat([][]float64{slices.Repeat([]float64{99}, f.Keys.Len())}, f.Cols, [][]float64{slices.Repeat([]float64{99}, f.Keys.Len())})
	return &out
}
