package detectors

import (
	"fmt"
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

// drawWorld makes a pool in any state of health.
func drawWorld(tb testing.TB, rt *rapid.T) *world {
	tb.Helper()
	w := newWorld(tb, testSpec(func(s *CanarySpec) {
		s.For = time.Duration(rapid.IntRange(0, 5).Draw(rt, "for")) * 30 * time.Second
		if rapid.Bool().Draw(rt, "expect by query") {
			s.ExpectPerMinute, s.ExpectQuery = 0, "expected"
		}
		if rapid.IntRange(0, 4).Draw(rt, "target") == 0 {
			s.CanaryTarget = ""
		}
	}), rapid.IntRange(1, 12).Draw(rt, "hosts"))
	for i := range w.pool.Hosts {
		h := &w.pool.Hosts[i]
		h.State = rapid.SampledFrom([]remedy.ServiceState{
			remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceIn, remedy.ServiceOut, remedy.ServiceUnknown,
		}).Draw(rt, "state")
		h.ShadowOut = rapid.IntRange(0, 6).Draw(rt, "shadow") == 0
		switch label := string(h.Name); rapid.IntRange(0, 5).Draw(rt, "health") {
		case 0:
			w.ratio(label, 0.1)
		case 1:
			w.ratio(label, 0.49)
			w.edit(w.ask.stamps, label, without(rapid.IntRange(0, 8).Draw(rt, "gap")))
		case 2:
			w.ratio(label, 0.7)
		case 3:
			w.vanish(label, time.Duration(rapid.IntRange(0, 4000).Draw(rt, "ago"))*time.Second)
		}
	}
	return w
}

// damage removes points or series, or makes values NaN, infinite or absurd,
// or queries fail. No host has two series, so nothing gets picked by it.
func damage(rt *rapid.T, w *world) {
	for range rapid.IntRange(1, 30).Draw(rt, "damages") {
		q := rapid.SampledFrom(w.ask.all()).Draw(rt, "query")
		labels := slices.Sorted(maps.Keys(w.series[q]))
		if len(labels) == 0 {
			continue
		}
		label := rapid.SampledFrom(labels).Draw(rt, "label")
		back := rapid.IntRange(0, 9).Draw(rt, "back")
		switch rapid.IntRange(0, 20).Draw(rt, "kind") {
		case 0:
			w.failed[q] = "refused"
		case 1, 2:
			delete(w.series[q], label)
		case 3:
			w.edit(q, label, steps(math.NaN(), back))
		case 4:
			w.edit(q, label, steps(math.Inf(1), back))
		case 5:
			w.edit(q, label, steps(math.Inf(-1), back))
		case 6:
			w.edit(q, label, always(math.NaN()))
		default:
			w.edit(q, label, without(back))
		}
	}
}

// TestDamageNeverMakesBad: whatever is lost, no host becomes bad by it, except
// by the stopped-host rule, and then all that the rule asks for is there.
func TestDamageNeverMakesBad(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(t, rt)
		before := w.judge()
		damage(rt, w)
		after := w.judge()
		for i, f := range after.Findings() {
			checkFinding(t, w, f)
			was := before.Findings()[i]
			if f.Stopped {
				checkStopped(rt, w, i)
				continue
			}
			if f.Verdict == remedy.VerdictBad && was.Verdict != remedy.VerdictBad {
				rt.Fatalf("%s was %s and became %s", f.Host, say(was), say(f))
			}
			if f.BadNow && !was.BadNow {
				rt.Fatalf("%s was %s and is bad now", f.Host, say(was))
			}
		}
	})
}

// checkStopped asserts the preconditions of the stopped-host rule from the raw
// answers, by other means than the rule's.
func checkStopped(rt *rapid.T, w *world, host int) {
	name := string(w.pool.Hosts[host].Name)
	maxAge := w.c.spec.MaxStaleness.Seconds()
	freshAt := func(q remedy.Query, label string, back int) bool {
		s, ok := w.series[q][label]
		at := testAt.Add(-time.Duration(back) * w.c.spec.Interval)
		return ok && slices.ContainsFunc(s.Points, func(p remedy.Point) bool {
			return p.At == at.UnixMilli() && float64(at.Unix())-p.Value <= maxAge
		})
	}
	seen := func(label string) bool {
		s, ok := w.series[w.ask.seen][label]
		return ok && len(s.Points) > 0
	}
	if len(w.failed) > 0 {
		rt.Fatalf("%s stopped, though a query failed", name)
	}
	if w.c.spec.CanaryTarget == "" {
		rt.Fatalf("%s stopped without a canary_target", name)
	}
	for back := range w.c.steps {
		if !freshAt(w.ask.target, "heartbeat", back) {
			rt.Fatalf("%s stopped, though the target was stale %d steps back", name, back)
		}
	}
	if s, ok := w.series[w.ask.recent][name]; ok && len(s.Points) > 0 && s.Points[0].Value != 0 {
		rt.Fatalf("%s stopped, though it sent %v samples", name, s.Points[0].Value)
	}
	if !seen(name) || w.series[w.ask.seen][name].Points[0].Value < float64(w.c.spec.MinPoints) {
		rt.Fatalf("%s stopped, though it was not seen", name)
	}
	fresh, stale := 0, 0
	for i, h := range w.pool.Hosts {
		if i == host || h.State == remedy.ServiceOut || h.ShadowOut {
			continue
		}
		if seen(string(h.Name)) && !freshAt(w.ask.stamps, string(h.Name), 0) {
			rt.Fatalf("%s stopped, though %s may have stopped too", name, h.Name)
		}
		if h.State != remedy.ServiceIn {
			continue
		}
		throughout := true
		for back := range w.c.steps {
			throughout = throughout && freshAt(w.ask.stamps, string(h.Name), back)
		}
		if throughout {
			fresh++
		} else {
			stale++
		}
	}
	if fresh == 0 || stale > max(1, (fresh+stale)/10) {
		rt.Fatalf("%s stopped, with %d others fresh and %d not", name, fresh, stale)
	}
}

// TestOrderMeansNothing: permuting series changes no finding.
func TestOrderMeansNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(t, rt)
		damage(rt, w)
		if rapid.Bool().Draw(rt, "twice") { // a host with two series
			for _, q := range w.ask.all() {
				if s, ok := w.series[q]["h00"]; ok {
					again := *s
					again.Points = slices.Clone(again.Points[:len(again.Points)/2])
					w.series[q]["h00 again"] = &again
				}
			}
		}
		results := w.results()
		want := w.c.Judge(w.pool, testAt, results, nil)
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		shuffled := remedy.Results{}
		for q, r := range results {
			if r.Failed != "" {
				shuffled[q] = r
				continue
			}
			order := rnd.Perm(r.Frame.Keys.Len())
			names, cols := make([]string, len(order)), make([][]float64, r.Frame.Steps())
			for k := range cols {
				cols[k] = make([]float64, len(order))
			}
			for to, from := range order {
				names[to] = r.Frame.Keys.Name(int32(from))
				for k := range cols {
					cols[k][to] = r.Frame.At(int32(from), k)
				}
			}
			shuffled[q] = remedy.Result{Frame: &remedy.Frame{Keys: remedy.NewKeys(names), Start: r.Frame.Start, Step: r.Frame.Step, Cols: cols}}
		}
		if got := w.c.Judge(w.pool, testAt, shuffled, nil); !same(got, want) {
			rt.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// TestNotANumberIsNeverBad: a host with NaN or an infinity at the judged
// instant, in whatever answer, is not bad by its own series.
func TestNotANumberIsNeverBad(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(t, rt)
		w.ratio("h00", 0.1)
		own := []remedy.Query{w.ask.value, w.ask.points, w.ask.stamps}
		if w.c.spec.ExpectQuery != "" {
			own = append(own, w.ask.expect)
		}
		v := rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}).Draw(rt, "value")
		w.edit(rapid.SampledFrom(own).Draw(rt, "query"), "h00", steps(v, 0))
		if f := w.judge().Findings()[0]; f.BadNow && !f.Stopped {
			rt.Fatalf("h00 is %s", say(f))
		}
	})
}

// TestJudgeKeepsNothing: judging twice, and judging others in between, gives
// the same findings, and the answers are left as they were.
func TestJudgeKeepsNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawWorld(t, rt)
		results := w.results()
		first := w.c.Judge(w.pool, testAt, results, nil)
		w.c.Judge(poolOf(3), testAt.Add(time.Minute), remedy.Results{}, nil)
		if again := w.c.Judge(w.pool, testAt, results, nil); !same(first, again) {
			rt.Fatalf("got  %+v\nwant %+v", again, first)
		}
		for q, want := range w.results() {
			if got := results[q]; got.Failed != want.Failed || shown(got.Frame) != shown(want.Frame) {
				rt.Fatalf("Judge changed the answer to %v", q)
			}
		}
	})
}

// shown writes out a frame, bit for bit.
func shown(f *remedy.Frame) string {
	if f == nil {
		return "none"
	}
	var b strings.Builder
	for row := range f.Keys.Len() {
		fmt.Fprintf(&b, "%q", f.Keys.Name(int32(row)))
		for k := range f.Steps() {
			fmt.Fprintf(&b, " %x", math.Float64bits(f.At(int32(row), k)))
		}
	}
	return b.String()
}

// same compares two judgements, whose values may be NaN.
func same(a, b remedy.Judgement) bool {
	return a.SourceAge == b.SourceAge && a.SourceFresh == b.SourceFresh && a.Unmatched == b.Unmatched && a.At.Equal(b.At) &&
		reflect.DeepEqual(a.Findings(), b.Findings())
}
