package detectors

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// crowd draws pools that begin and end within blocks, and at their borders.
func crowd(t *rapid.T) remedy.PoolView {
	p := poolOf(rapid.SampledFrom([]int{1, 3, 12, bucketBlock - 1, bucketBlock + 1, blockHosts, blockHosts + 1, 700}).Draw(t, "hosts"))
	rnd := randomly(t, "states")
	for i := range p.Hosts {
		h := &p.Hosts[i]
		h.Name = remedy.HostName(fmt.Sprintf("h%04d", i))
		h.State = pick(rnd, remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceOut, remedy.ServiceUnknown)
		h.ShadowOut = rnd.IntN(20) == 0
	}
	p.Roster = p.Listed()
	return p
}

func randomly(t *rapid.T, name string) *rand.Rand {
	return rand.New(rand.NewPCG(rapid.Uint64().Draw(t, name), 1))
}

func pick[T any](rnd *rand.Rand, from ...T) T { return from[rnd.IntN(len(from))] }

// rowsFor draws who has rows in an answer, in which order, and who has two.
func rowsFor(rnd *rand.Rand, pool remedy.PoolView, name func(remedy.HostName) string) []string {
	var names []string
	for _, h := range pool.Hosts {
		if rnd.IntN(20) > 0 {
			names = append(names, name(h.Name))
		}
		if rnd.IntN(60) == 0 {
			names = append(names, name(h.Name))
		}
	}
	if rnd.IntN(2) == 0 {
		rnd.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	}
	return names
}

// fill makes columns of a value for each row and step; some end early.
func fill(rnd *rand.Rand, rows, steps int, value func(row, k int) float64) [][]float64 {
	cols := make([][]float64, steps)
	for k := range cols {
		n := rows
		if rnd.IntN(30) == 0 {
			n = rnd.IntN(rows + 1)
		}
		for row := range n {
			cols[k] = append(cols[k], value(row, k))
		}
	}
	return cols
}

// rowwise draws a value for each row, and now and then another one for a step.
func rowwise(rnd *rand.Rand, rows int, draw func() float64) func(row, k int) float64 {
	base := make([]float64, rows)
	for i := range base {
		base[i] = draw()
	}
	odd := pick(rnd, 0, 0, 3, 50) // of a hundred
	return func(row, _ int) float64 {
		if rnd.IntN(100) < odd {
			return draw()
		}
		return base[row]
	}
}

// anyAnswers draws what a Prometheus could answer to a canary's questions.
func anyAnswers(t *rapid.T, c *Canary, pool remedy.PoolView) remedy.Results {
	rnd := randomly(t, "answers")
	ask, missing := c.ask(testAt), remedy.Missing()
	expected := 60 * c.spec.Window.Minutes()
	stale, step := c.spec.MaxStaleness.Seconds(), c.spec.Interval.Seconds()
	results := remedy.Results{}
	for _, q := range ask.all() {
		names := rowsFor(rnd, pool, func(h remedy.HostName) string { return string(h) })
		draw := func() float64 { return pick(rnd, 0, missing, missing, 3, 8, 40, math.NaN(), math.Inf(1)) }
		switch q {
		case ask.value:
			draw = func() float64 {
				return expected * pick(rnd, 0.1, 0.1, 0.1, 0, 0.3, 0.49, 0.5, math.Nextafter(0.5, 0), 0.7, 0.9, 1, 1, 1, -1, math.NaN(), math.Inf(1), missing)
			}
		case ask.points:
			draw = func() float64 { return pick(rnd, 40, 40, 40, 40, 4, 3, 3.9, math.NaN(), math.Inf(1), 1e10, missing) }
		case ask.expect:
			draw = func() float64 { return pick(rnd, 60.0, 60, 60, 60, 60, 0, -1, math.NaN(), missing) }
		}
		var cols [][]float64
		if q == ask.stamps || q == ask.target {
			if q == ask.target {
				names = names[:min(len(names), 2)]
			}
			half := func() float64 { return pick(rnd, 0, 0, 0.0005, -0.0005, 0.00049, -0.00051, 1) }
			age := rowwise(rnd, len(names), func() float64 {
				return pick(rnd, 10, 10, 10, 10, 10, 0, stale+half(), -step+half(), stale*3, 1e15, missing)
			})
			cols = fill(rnd, len(names), q.Steps(), func(row, k int) float64 {
				a := age(row, k)
				if remedy.IsMissing(a) {
					return a
				}
				return float64(q.Start.UnixMilli())/1000 + float64(k)*step - a
			})
		} else {
			cols = fill(rnd, len(names), q.Steps(), rowwise(rnd, len(names), draw))
		}
		results[q] = remedy.Result{Frame: &remedy.Frame{
			Keys: remedy.NewKeys(names), Start: q.Start.UnixMilli(), Step: max(1, q.Step.Milliseconds()), Cols: cols,
		}}
	}
	return results
}

// anyBuckets draws what a Graphite could answer.
func anyBuckets(t *rapid.T, c *Canary, pool remedy.PoolView) remedy.Results {
	rnd := randomly(t, "answers")
	ask, missing := c.ask(testAt), remedy.Missing()
	results := remedy.Results{}
	for _, q := range ask.all() {
		names := rowsFor(rnd, pool, func(h remedy.HostName) string { return "canary.received." + string(h) + ".count" })
		if q == ask.target {
			names = names[:min(len(names), 2)]
		}
		step := pick(rnd, int64(10), 10, 30, 7) * 1000
		f := &remedy.Frame{Keys: remedy.NewKeys(names), Start: q.Start.UnixMilli() + rnd.Int64N(step/1000)*1000, Step: step, Widths: make([]int64, len(names))}
		by := make([]int, len(names))
		for i := range by {
			by[i] = pick(rnd, 1, 1, 1, 1, 1, 2, 6)
			f.Widths[i] = int64(by[i]) * step
			if rnd.IntN(40) == 0 {
				f.Widths[i] = 0
			}
		}
		draw := func() float64 {
			return float64(step) / 1000 * pick(rnd, 1, 1, 1, 1, 0.1, 0.1, 0.1, 0.5, 0.7, 0.9, 1.0/3, -1, math.NaN(), math.Inf(1), missing)
		}
		if q == ask.expect {
			draw = func() float64 { return pick(rnd, 60.0, 60, 60, 60, 0, -1, math.NaN(), missing) }
		}
		value := rowwise(rnd, len(names), draw)
		ends := rowwise(rnd, len(names), func() float64 { return pick(rnd, 0, 0, 0, 0, 0, 3.0, 10, 25, 60) })
		ended := make([]int, len(names))
		for i := range ended {
			ended[i] = int(ends(i, 0))
		}
		steps := int((q.End.UnixMilli()-f.Start)/step) + 1 - pick(rnd, 0, 0, 0, 1, 5)
		f.Cols = fill(rnd, len(names), max(0, steps), func(row, k int) float64 {
			if k%by[row] != 0 || steps-k <= ended[row] {
				return missing
			}
			return value(row, k)
		})
		results[q] = remedy.Result{Frame: f}
	}
	return results
}

// TestBlocksJudgeAsHostsDo holds the judging in blocks against the plain one.
func TestBlocksJudgeAsHostsDo(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		edit := func(s *CanarySpec) {
			s.For = time.Duration(rapid.IntRange(0, 5).Draw(rt, "for")) * 30 * time.Second
			s.Window = time.Duration(rapid.SampledFrom([]int{2, 3, 8, 31, 40}).Draw(rt, "window")) * time.Minute
			if rapid.Bool().Draw(rt, "expect by query") {
				s.ExpectPerMinute, s.ExpectQuery = 0, "expected.*.count"
			}
			if rapid.IntRange(0, 4).Draw(rt, "target") == 0 {
				s.CanaryTarget = ""
			}
			s.MaxEnded = rapid.SampledFrom([]int{1, 3, 1000}).Draw(rt, "max ended")
			if s.CanaryTarget == "" {
				s.MaxEnded = DefaultCanary().MaxEnded
			}
		}
		graphite := rapid.Bool().Draw(rt, "graphite")
		spec, answers := testSpec(edit), anyAnswers
		if graphite {
			spec, answers = graphiteSpec(edit), anyBuckets
		}
		c, pool := mustCanary(t, spec), crowd(rt)
		results := answers(rt, c, pool)
		got := c.Judge(pool, testAt, results, nil)
		if fresh, _ := got.SourceFresh.Get(); !fresh {
			return
		}
		r := c.newRound(pool, testAt, results)
		r.target = r.clock.target(r.ask.target, results, c.spec.Dialect)
		want := blanks(pool, nil)
		if graphite {
			r.plainlyBuckets(pool.Roster, want)
		} else {
			r.plainly(pool.Roster, want)
		}
		for i := range want {
			g, w := got.Verdicts[i], want[i]
			if math.Float64bits(g.Value) != math.Float64bits(w.Value) {
				rt.Fatalf("%s: value %v, want %v", pool.Hosts[i].Name, g.Value, w.Value)
			}
			g.Value, w.Value = 0, 0
			if g != w {
				rt.Fatalf("%s:\ngot  %+v\nwant %+v", pool.Hosts[i].Name, g, w)
			}
			what := fmt.Sprint(graphite, w.Verdict, w.Reason())
			if w.Stopped {
				what += " stopped"
			}
			seen[what]++
		}
	})
	t.Log(seen)
}

// TestStampBounds holds the bounds against the rule, around where they end.
func TestStampBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := roundClock{
			at:   rapid.SampledFrom([]int64{testAt.UnixMilli(), 0, 30_000, 59_999, -90_000}).Draw(t, "at"),
			step: 30_000, steps: 3, stale: rapid.SampledFrom([]int64{0, 1, 30_000, 90_000}).Draw(t, "stale"),
		}
		k := rapid.IntRange(-5, 2).Draw(t, "k")
		end := rapid.SampledFrom([]int64{c.milli(k) - c.stale, c.milli(k) + c.step}).Draw(t, "end")
		v := (float64(end) + rapid.SampledFrom([]float64{-1, -0.5, 0, 0.5, 1, 0.4999, -0.4999, 0.5001, -0.5001}).Draw(t, "off")) / 1000
		for range rapid.IntRange(0, 3).Draw(t, "ulps") {
			v = math.Nextafter(v, rapid.SampledFrom([]float64{math.Inf(1), math.Inf(-1)}).Draw(t, "way"))
		}
		_, why := c.stamp(v, k)
		b := c.boundsAt(k)
		if future := !(v*1000 <= b.newest); future != (why == remedy.ReasonFuture) {
			t.Fatalf("%v at step %d of %+v: %q, bounds %+v", v, k, c, why, b)
		}
		if fresh := v*1000 <= b.newest && v*1000 >= b.oldest; fresh != (why == "") {
			t.Fatalf("%v at step %d of %+v: %q, bounds %+v", v, k, c, why, b)
		}
	})
}
