package detectors

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// drawStored makes a detector on Graphite of any shape, and a pool in any state
// of health: series of other steps, with holes, that end, twice, or not at all.
func drawStored(tb testing.TB, rt *rapid.T, hosts int) *storedWorld {
	tb.Helper()
	spec := storedSpec(func(s *ThresholdSpec) {
		s.For = time.Duration(rapid.IntRange(0, 4).Draw(rt, "for")) * s.Interval
		s.Match = rapid.SampledFrom([]Match{MatchAll, MatchAny}).Draw(rt, "match")
		s.Aggregate = rapid.SampledFrom([]Aggregate{"", AggregateAvg, AggregateMin, AggregateMax, AggregateLast, AggregateSum}).Draw(rt, "aggregate")
		s.Window = rapid.SampledFrom([]time.Duration{0, s.Interval, 45 * time.Second, 2 * time.Minute}).Draw(rt, "window")
		s.MinPoints = rapid.IntRange(1, 4).Draw(rt, "min_points")
		s.Conditions = nil
		for i := range rapid.IntRange(1, 3).Draw(rt, "conditions") {
			c := Condition{Query: []string{"load.*", "errors.*", "lag.*"}[i]}
			kind := rapid.IntRange(0, 2).Draw(rt, "direction")
			if kind != 0 {
				c.BadBelow, c.ClearAbove = new(-10.0), new(-10+float64(rapid.IntRange(0, 5).Draw(rt, "band")))
			}
			if kind != 1 {
				c.BadAbove, c.ClearBelow = new(10.0), new(10-float64(rapid.IntRange(0, 5).Draw(rt, "band")))
			}
			s.Conditions = append(s.Conditions, c)
		}
		if rapid.IntRange(0, 2).Draw(rt, "target") == 0 {
			s.CanaryTarget = ""
		}
	})
	w := newStoredWorld(tb, spec, hosts)
	for i := range w.pool.Hosts {
		w.pool.Hosts[i].State = rapid.SampledFrom([]remedy.ServiceState{
			remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceOut, remedy.ServiceUnknown,
		}).Draw(rt, "state")
		for c := range w.t.conditions {
			s := w.shelves[w.target(c)]
			s[storedPath(i)] = drawBuckets(rt)
			switch rapid.IntRange(0, 15).Draw(rt, "rows") {
			case 0:
				delete(s, storedPath(i))
			case 1:
				s["load."+string(hostName(i))+".again"] = drawBuckets(rt)
			}
		}
	}
	if rapid.IntRange(0, 3).Draw(rt, "heart") == 0 {
		w.shelves[graphiteHeart][graphiteHeart] = drawBuckets(rt)
	}
	return w
}

// drawBuckets stores values around a level, with holes, up to some time ago.
func drawBuckets(rt *rapid.T) buckets {
	step := rapid.SampledFrom([]int64{1, 10, 10, 20, 30, 60}).Draw(rt, "step")
	level := rapid.SampledFrom([]float64{-20, -7, 0, 7, 20}).Draw(rt, "level")
	end := rapid.SampledFrom([]int64{0, 0, 0, 20, 40, 70, 200}).Draw(rt, "end")
	odd := anyHoles(rt, "odd")
	noise, bad := rapid.Float64Range(0, 15).Draw(rt, "noise"), rapid.SampledFrom([]float64{0, 0, posInf(), -posInf(), notANumber()}).Draw(rt, "bad")
	values := by(step, func(ago int64) float64 {
		switch {
		case odd(ago):
			return level
		case ago%70 == 0:
			return level + bad
		default:
			return level + noise*float64(ago%3-1)
		}
	})
	holes := anyHoles(rt, "holes")
	return values.but(func(ago int64) bool { return ago >= end && holes(ago) })
}

func notANumber() float64 { return posInf() - posInf() }

// expected judges one host the slow way, from the buckets themselves, as
// DESIGN.md words the rules.
func (w *storedWorld) expected(host int) string {
	t := w.t
	if w.pool.Hosts[host].State == remedy.ServiceOut {
		return "out"
	}
	fresh := func(back int) bool {
		if t.spec.CanaryTarget == "" {
			return true
		}
		newest, ok := newestEnd(w.shelves[graphiteHeart][graphiteHeart], w.stepAt(back), isFinite)
		return ok && w.stepAt(back)-newest <= int64(t.spec.MaxStaleness.Seconds())
	}
	state := func(back int) string {
		if !fresh(back) {
			return remedy.ReasonSourceStale
		}
		var said []string
		for c := range t.conditions {
			said = append(said, w.expectedBy(c, host, back))
		}
		decides, yields := "good", "bad"
		if t.spec.Match == MatchAny {
			decides, yields = yields, decides
		}
		others := slices.DeleteFunc(slices.Clone(said), func(s string) bool { return s == "good" || s == "bad" })
		switch {
		case slices.Contains(said, decides):
			return decides
		case len(others) == 0:
			return yields
		}
		slices.SortFunc(others, func(x, y string) int { return slices.Index(stepReasons[:], y) - slices.Index(stepReasons[:], x) })
		return others[0]
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

func (w *storedWorld) stepAt(back int) int64 {
	return testAt.Unix() - int64(back)*int64(w.t.spec.Interval.Seconds())
}

// newestEnd is the end of the newest complete bucket with a value, as far back
// as anything is asked for.
func newestEnd(b buckets, until int64, counts func(float64) bool) (int64, bool) {
	for at := until - b.step; at >= until-600; at-- {
		if at%b.step == 0 {
			if v, ok := b.value(at); ok && counts(v) {
				return at + b.step, true
			}
		}
	}
	return 0, false
}

// expectedBy is what one condition says of a host, some steps back.
func (w *storedWorld) expectedBy(c, host, back int) string {
	spec, until, s := w.t.spec, w.stepAt(back), w.shelves[w.target(c)]
	b, one := s[storedPath(host)]
	again, two := s["load."+string(hostName(host))+".again"]
	if one && two {
		return remedy.ReasonDuplicate
	}
	if two {
		b = again
	}
	if !one && !two {
		return remedy.ReasonNoSeries
	}
	from := testAt.Unix() - int64(w.t.ask(w.t.conditions[c], testAt).value.End.Sub(w.t.ask(w.t.conditions[c], testAt).value.Start).Seconds())
	newest, ok := newestEnd(b, until, func(float64) bool { return true })
	switch {
	case !ok, newest-b.step < from:
		return remedy.ReasonNoSeries
	case until-newest > int64(spec.MaxStaleness.Seconds()):
		return remedy.ReasonStale
	case b.step > int64(spec.Interval.Seconds()):
		return remedy.ReasonFewPoints
	}
	var in []float64
	holed := false
	for at := until - int64(spec.Window.Seconds()); at+b.step <= until; at++ {
		if at%b.step == 0 {
			if v, ok := b.value(at); ok {
				in = append(in, v)
			} else {
				holed = true
			}
		}
	}
	if len(in) < spec.MinPoints {
		return remedy.ReasonFewPoints
	}
	v, bound := aggregateOf(spec.Aggregate, in), spec.Conditions[c]
	switch {
	case !isFinite(v):
		return remedy.ReasonNotANumber
	case bound.BadBelow != nil && v < *bound.BadBelow && spec.Aggregate == AggregateSum && holed:
		return remedy.ReasonFewPoints
	case bound.BadBelow != nil && v < *bound.BadBelow, bound.BadAbove != nil && v > *bound.BadAbove:
		return "bad"
	case bound.BadBelow != nil && v < *bound.ClearAbove, bound.BadAbove != nil && v > *bound.ClearBelow:
		return remedy.ReasonBetween
	}
	return "good"
}

// TestThresholdByTheRulesOnGraphite holds the judging by columns to the slow one.
func TestThresholdByTheRulesOnGraphite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := drawStored(t, rt, rapid.IntRange(1, 5).Draw(rt, "hosts"))
		j := w.judge()
		stale := j.SourceFresh.Why == "" && !sourceFresh(j)
		for i, f := range j.Findings() {
			want := w.expected(i)
			if stale && want != "out" {
				want = remedy.ReasonSourceStale
			}
			if say(f) != want {
				rt.Fatalf("%s is %s, want %s", f.Host, say(f), want)
			}
			if f.BadNow != (f.Verdict == remedy.VerdictBad || f.Reason == remedy.ReasonPending) {
				rt.Fatalf("%s is %s, bad now: %v", f.Host, say(f), f.BadNow)
			}
		}
	})
}

func sourceFresh(j remedy.Judgement) bool { fresh, known := j.SourceFresh.Get(); return fresh && known }

// TestThresholdNullsMakeNobodyBad: a host whose every bucket is inside its
// bounds is never bad, whatever is null and however wide its buckets are; and
// one whose every bucket is outside is never good.
func TestThresholdNullsMakeNobodyBad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newStoredWorld(t, storedSpec(func(s *ThresholdSpec) {
			s.Conditions[0] = Condition{Query: "load.*.value", BadBelow: new(-60.0), BadAbove: new(60.0)}
			s.Aggregate = rapid.SampledFrom([]Aggregate{"", AggregateAvg, AggregateMin, AggregateMax, AggregateLast}).Draw(rt, "aggregate")
			s.Window = time.Duration(rapid.IntRange(30, 200).Draw(rt, "window")) * time.Second
			s.MinPoints = rapid.IntRange(1, 3).Draw(rt, "min_points")
		}), 4)
		for i, level := range []float64{50, -50, 70, -70} {
			holes, end := anyHoles(rt, "host"), rapid.SampledFrom([]int64{0, 0, 30, 70, 200}).Draw(rt, "end")
			step := rapid.SampledFrom([]int64{1, 10, 20, 30, 60}).Draw(rt, "step")
			w.set(i, by(step, func(ago int64) float64 { return level * (1 + float64(ago%7)/50) }).but(func(ago int64) bool { return ago >= end && holes(ago) }))
		}
		for i, f := range w.judge().Findings() {
			if inside := i < 2; inside && f.BadNow || !inside && f.Verdict == remedy.VerdictGood {
				rt.Fatalf("%s is %s: %+v", f.Host, say(f), f)
			}
		}
	})
}

// TestThresholdSumOfHoles: taking buckets out of a sum of what is not negative
// makes no host bad that wasn't.
func TestThresholdSumOfHoles(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		spec := storedSpec(func(s *ThresholdSpec) {
			s.Conditions[0] = Condition{Query: "load.*.value", BadBelow: new(30.0), BadAbove: new(100.0)}
			s.Aggregate, s.Window = AggregateSum, time.Duration(rapid.IntRange(30, 120).Draw(rt, "window"))*time.Second
		})
		step, level := rapid.SampledFrom([]int64{1, 10, 20, 30}).Draw(rt, "step"), rapid.Float64Range(0, 40).Draw(rt, "level")
		holes := anyHoles(rt, "holes")
		judge := func(keep func(int64) bool) remedy.Finding {
			w := newStoredWorld(t, spec, 1)
			w.set(0, by(step, func(ago int64) float64 { return level + float64(ago%7) }).but(keep))
			return w.judge().Finding(0)
		}
		if all, some := judge(func(int64) bool { return true }), judge(holes); some.BadNow && !all.BadNow {
			rt.Fatalf("%s became %s", say(all), say(some))
		}
	})
}

// TestThresholdLatePointsOnGraphite: with one value at all times, points that
// come late make known what was unknown, and turn no verdict around.
func TestThresholdLatePointsOnGraphite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		level, step := rapid.SampledFrom([]float64{10, 60, 70, 80, 90}).Draw(rt, "level"), rapid.SampledFrom([]int64{1, 10, 30}).Draw(rt, "step")
		how := rapid.SampledFrom([]Aggregate{"", AggregateAvg, AggregateMin, AggregateMax}).Draw(rt, "aggregate")
		early, late := anyHoles(rt, "early"), anyHoles(rt, "late")
		judge := func(keep func(int64) bool) remedy.Finding {
			w := newStoredWorld(t, storedSpec(func(s *ThresholdSpec) { s.Aggregate = how }), 1)
			w.set(0, constant(step, level).but(keep))
			return w.judge().Finding(0)
		}
		before, after := judge(early), judge(func(ago int64) bool { return early(ago) || late(ago) })
		if before.Covered() && before.Reason != remedy.ReasonPending && say(before) != say(after) || before.Covered() && !after.Covered() {
			rt.Fatalf("%s became %s", say(before), say(after))
		}
	})
}

// TestThresholdOrderMeansNothingOnGraphite: permuting series, and judging others
// in between over a used buffer, changes no finding.
func TestThresholdOrderMeansNothingOnGraphite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := drawStored(t, rt, rapid.IntRange(1, 6).Draw(rt, "hosts"))
		results := w.results()
		want := w.t.Judge(w.pool, testAt, results, nil).Findings()
		used := w.t.Judge(poolOf(20), testAt.Add(time.Minute), remedy.Results{}, nil).Verdicts
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		shuffled := remedy.Results{}
		for q, r := range results {
			order := rnd.Perm(r.Frame.Keys.Len())
			f := permuted(r.Frame, order)
			f.Widths = make([]int64, len(order))
			for to, from := range order {
				f.Widths[to] = r.Frame.Widths[from]
			}
			shuffled[q] = remedy.Result{Frame: f}
		}
		if got := w.t.Judge(w.pool, testAt, shuffled, used).Findings(); !reflect.DeepEqual(got, want) {
			rt.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// TestThresholdBlocksOnGraphite: the same hosts are judged the same in a pool of
// more than one block.
func TestThresholdBlocksOnGraphite(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t, storedSpec(func(s *ThresholdSpec) { s.For, s.MaxStaleness = 30*time.Second, 30*time.Second }), 2*blockHosts+7)
	for i := range w.pool.Hosts {
		switch i % 5 {
		case 0:
			w.set(i, constant(30, 90))
		case 1:
			w.set(i, constant(30, 90).but(func(ago int64) bool { return ago <= 30 }))
		case 2:
			w.set(i, constant(60, 90))
		case 3:
			w.pool.Hosts[i].State = remedy.ServiceOut
		}
	}
	want := []string{"bad", "pending", "few_points", "out", "good"}
	for i, f := range w.judge().Findings() {
		if say(f) != want[i%5] {
			t.Fatalf("host %d is %s, want %s", i, say(f), want[i%5])
		}
	}
}
