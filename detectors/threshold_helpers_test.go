package detectors

import (
	"maps"
	"slices"
	"testing"
	"time"

	"warden/internal/remedy"
)

// thresholdSpec judges five steps of 30 s, bad above 80 and good below 60.
func thresholdSpec(edit ...func(*ThresholdSpec)) ThresholdSpec {
	s := DefaultThreshold()
	s.Name, s.Source, s.Pools, s.Propose = "load_high", "prom", []remedy.PoolName{testPool}, "drain"
	s.Conditions = []Condition{{Query: "load", BadAbove: new(80.0), ClearBelow: new(60.0)}}
	s.CanaryTarget = `up{job="canary"}`
	s.For = 2 * time.Minute
	s.MaxStaleness = 50 * time.Second
	for _, e := range edit {
		e(&s)
	}
	return s
}

func mustThreshold(tb testing.TB, spec ThresholdSpec) *Threshold {
	tb.Helper()
	t, err := NewThreshold(spec)
	if err != nil {
		tb.Fatalf("NewThreshold: %v", err)
	}
	return t
}

// gaugeWorld is a set of answers that can be damaged. It starts with every host
// at 10, by samples that are 10 s old.
type gaugeWorld struct {
	t      *Threshold
	pool   remedy.PoolView
	series map[remedy.Query]map[string]*remedy.Series
	failed map[remedy.Query]string
}

func newGaugeWorld(tb testing.TB, spec ThresholdSpec, n int) *gaugeWorld {
	tb.Helper()
	w := &gaugeWorld{
		t: mustThreshold(tb, spec), pool: poolOf(n),
		series: map[remedy.Query]map[string]*remedy.Series{}, failed: map[remedy.Query]string{},
	}
	for _, q := range w.t.Queries(w.pool, testAt) {
		w.series[q] = map[string]*remedy.Series{}
		if q == w.target() {
			w.add(q, "heartbeat")
			continue
		}
		for _, h := range w.pool.Hosts {
			w.add(q, string(h.Name))
		}
	}
	return w
}

func (w *gaugeWorld) target() remedy.Query {
	if w.t.spec.CanaryTarget == "" {
		return remedy.Query{}
	}
	return w.t.askTarget(testAt)
}

func (w *gaugeWorld) value(condition int) remedy.Query {
	return w.t.ask(w.t.conditions[condition], testAt).value
}

func (w *gaugeWorld) stamps(condition int) remedy.Query {
	return w.t.ask(w.t.conditions[condition], testAt).stamps
}

// isValue reports whether a query asks for values and not for stamps.
func (w *gaugeWorld) isValue(q remedy.Query) bool {
	return slices.ContainsFunc(w.t.conditions, func(c condition) bool { return c.expr == q.Expr })
}

func (w *gaugeWorld) add(q remedy.Query, label string) {
	s := &remedy.Series{Labels: map[string]string{w.t.spec.HostLabel: label}}
	for at := q.Start; !at.After(q.End); at = at.Add(q.Step) {
		v := 10.0
		if !w.isValue(q) {
			v = float64(at.Unix() - 10)
		}
		s.Points = append(s.Points, remedy.Point{At: at.UnixMilli(), Value: v})
	}
	w.series[q][label] = s
}

// edit is world.edit.
func (w *gaugeWorld) edit(q remedy.Query, label string, fn func(back int, v float64) (float64, bool)) {
	s, ok := w.series[q][label]
	if !ok {
		return // not asked
	}
	var kept []remedy.Point
	for _, p := range s.Points {
		back := int((testAt.UnixMilli() - p.At) / w.t.spec.Interval.Milliseconds())
		if v, ok := fn(back, p.Value); ok {
			kept = append(kept, remedy.Point{At: p.At, Value: v})
		}
	}
	s.Points = kept
}

// set gives a host the same value at every step, by the first condition.
func (w *gaugeWorld) set(label string, v float64) { w.edit(w.value(0), label, always(v)) }

func (w *gaugeWorld) results() remedy.Results {
	out := remedy.Results{}
	for q, hosts := range w.series {
		var series []remedy.Series
		for _, name := range slices.Sorted(maps.Keys(hosts)) {
			series = append(series, *hosts[name])
		}
		out[q] = remedy.Result{Frame: remedy.NewFrame(q, series)}
	}
	for q, why := range w.failed {
		out[q] = remedy.Result{Failed: why}
	}
	return out
}

func (w *gaugeWorld) judge() remedy.Judgement { return w.t.Judge(w.pool, testAt, w.results(), nil) }
