package detectors

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// recomputed is since when each host is bad, 0 for a host that isn't now, by
// going over every window anew, in the order of its columns.
func (t *Threshold) recomputed(pool remedy.PoolView, at time.Time, results remedy.Results) []int64 {
	b := newThresholdBlock(t.newRound(pool, pool.Listed(), at, results))
	since := make([]int64, pool.N())
	for i := range since {
		for k := t.steps - 1; k >= 0; k-- {
			b.hosts = append(b.hosts[:0], int32(i))
			if b.look(k); b.now[0].state != stateBad {
				break
			}
			since[i] = b.clock.milli(k)
		}
	}
	return since
}

// drawSamples gives a host samples of its own: at any rhythm, that some of the
// steps don't answer with, or late, or before their time.
func drawSamples(rt *rapid.T, w *gaugeWorld, condition int, label string) {
	// Tenths are no sum of halves: what they add up to depends on the order.
	values := rapid.SampledFrom([][]float64{
		{90.1, 90.3, 81.7}, {80, 80.1, 79.9}, {80}, {80.1}, {1e17, -1e17, 80.1}, {0.1, 160.1}, {-11, 5, 10.1}, {math.NaN(), 90}, {math.Inf(1), 90}, {math.MaxFloat64}, {5e-324, 90},
	}).Draw(rt, "values")
	rhythm := rapid.SampledFrom([]float64{1, 1, 0.5, 2, 3, 0.9}).Draw(rt, "rhythm") * w.t.spec.Interval.Seconds()
	ahead := rapid.SampledFrom([]float64{0, 0, 0, 10, 29, 31, -20, -100}).Draw(rt, "ahead")
	odd := rapid.SampledFrom([]int{0, 0, 1, 5}).Draw(rt, "odd")
	newest := func(at int64) float64 {
		return math.Floor((float64(at)/1000-3)/rhythm)*rhythm + ahead
	}
	drawn := map[float64]float64{}
	for _, q := range []remedy.Query{w.value(condition), w.stamps(condition)} {
		s := w.series[q][label]
		for i := range s.Points {
			p := &s.Points[i]
			stamp := newest(p.At)
			if w.isValue(q) {
				v, ok := drawn[stamp]
				if !ok {
					v = rapid.SampledFrom(values).Draw(rt, "value")
					drawn[stamp] = v
				}
				p.Value = v
			} else {
				p.Value = stamp
			}
		}
		for range odd {
			back := rapid.IntRange(0, len(s.Points)+1).Draw(rt, "back")
			shift := rapid.SampledFrom([]float64{-60, -30, -10, 10, 30, 60}).Draw(rt, "shift")
			switch gone := rapid.Bool().Draw(rt, "gone"); {
			case gone:
				w.edit(q, label, without(back))
			case !w.isValue(q):
				w.edit(q, label, func(b int, v float64) (float64, bool) {
					if b == back {
						v += shift
					}
					return v, true
				})
			}
		}
	}
}

// TestSlidIsRecomputed: a host is bad since when it would be if every window
// were gone over anew.
func TestSlidIsRecomputed(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newGaugeWorld(t, thresholdSpec(func(s *ThresholdSpec) {
			s.For = time.Duration(rapid.IntRange(0, 12).Draw(rt, "for")) * s.Interval
			s.MaxStaleness = rapid.SampledFrom([]time.Duration{50 * time.Second, 3 * time.Minute}).Draw(rt, "max_staleness")
			s.Match = rapid.SampledFrom([]Match{MatchAll, MatchAny}).Draw(rt, "match")
			if rapid.IntRange(0, 7).Draw(rt, "windows") > 0 {
				n := rapid.IntRange(1, 15).Draw(rt, "window")
				s.Aggregate = rapid.SampledFrom([]Aggregate{AggregateAvg, AggregateAvg, AggregateSum, AggregateMin, AggregateMax, AggregateLast}).Draw(rt, "aggregate")
				s.Window, s.MinPoints = time.Duration(n)*s.Interval, rapid.IntRange(1, n).Draw(rt, "min_points")
			}
			s.Conditions = nil
			for i := range rapid.IntRange(1, 2).Draw(rt, "conditions") {
				c := Condition{Query: fmt.Sprint("load", i)}
				if rapid.IntRange(0, 3).Draw(rt, "expression") == 0 {
					c.Query, c.FreshQuery = "rate("+c.Query+"[1m])", c.Query
				}
				bounds := rapid.IntRange(0, 2).Draw(rt, "bounds")
				switch {
				case bounds == 0 || s.Aggregate == AggregateSum: // a sum is never bad below
					c.BadAbove = new(rapid.SampledFrom([]float64{80, 0, 160.1}).Draw(rt, "bad_above"))
				case bounds == 1:
					c.BadBelow = new(rapid.SampledFrom([]float64{80, 1000}).Draw(rt, "bad_below"))
				default:
					c.BadBelow, c.BadAbove = new(1.0), new(80.0)
				}
				s.Conditions = append(s.Conditions, c)
			}
			if rapid.IntRange(0, 3).Draw(rt, "target") > 0 {
				s.CanaryTarget = ""
			}
		}), rapid.IntRange(1, 4).Draw(rt, "hosts"))
		for _, h := range w.pool.Hosts {
			for c := range w.t.conditions {
				drawSamples(rt, w, c, string(h.Name))
			}
		}
		if rapid.IntRange(0, 2).Draw(rt, "hurt") == 0 {
			hurt(rt, w)
		}
		if len(w.failed) > 0 {
			return
		}
		results := w.results()
		want := w.t.recomputed(w.pool, testAt, results)
		j := w.t.Judge(w.pool, testAt, results, nil)
		first := testAt.Add(-w.t.spec.For).UnixMilli()
		if fresh, known := j.SourceFresh.Get(); !fresh || !known {
			return
		}
		for i, v := range j.Verdicts {
			if v.BadSince != want[i] || v.BadNow != (want[i] != 0) || (v.Verdict == remedy.VerdictBad) != (want[i] == first) {
				rt.Fatalf("%s: %+v, want bad since %d, %d for bad", w.pool.Hosts[i].Name, v, want[i], first)
			}
		}
	})
}
