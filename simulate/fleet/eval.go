package fleet

import (
	"errors"
	"math"
	"slices"
	"sort"
	"strings"
	"time"
)

// lookback is how long Prometheus holds a series' last sample.
const lookback = 5 * time.Minute

// errDuplicate is Prometheus' own wording for two results of one name.
var errDuplicate = errors.New("vector cannot contain metrics with the same labelset")

// point is a value at one of the instants asked for, by its index.
type point struct {
	i int
	v float64
}

// result is one series of an answer.
type result struct {
	labels map[string]string
	points []point
	raw    []sample // of a range vector instead of points
}

// evaluator evaluates parsed expressions over the history as Prometheus 2.42
// does, or as 3.x does where v3 is set.
type evaluator struct {
	history *history
	v3      bool
}

// eval returns x at each instant, in rising order of them. Series without any
// point are left out.
func (e evaluator) eval(x any, instants []int64) ([]result, error) {
	switch x := x.(type) {
	case number:
		one := result{}
		for i := range instants {
			one.points = append(one.points, point{i, float64(x)})
		}
		return []result{one}, nil
	case selector:
		return e.instant(x, instants, func(s sample) float64 { return s.v }, true), nil
	case matrix:
		return e.raw(x, instants[0]), nil
	case call:
		return e.call(x, instants)
	case sum:
		return e.sum(x, instants)
	}
	return nil, errors.New("the simulated Prometheus does not know this expression")
}

func (e evaluator) call(x call, instants []int64) ([]result, error) {
	switch arg := x.arg.(type) {
	case matrix:
		fold := countOverTime
		if x.function == "increase" {
			fold = e.increase
		}
		return unique(e.overTime(arg, instants, fold))
	case selector:
		return unique(e.instant(arg, instants, func(s sample) float64 { return float64(s.t) / 1000 }, false))
	default:
		// timestamp of anything but a selector is the instant itself.
		inner, err := e.eval(x.arg, instants)
		if err != nil {
			return nil, err
		}
		for _, r := range inner {
			for j, p := range r.points {
				r.points[j].v = float64(instants[p.i]) / 1000
			}
		}
		return unique(inner)
	}
}

func (e evaluator) matching(s selector) []*series {
	var out []*series
	for _, one := range e.history.all {
		if !slices.ContainsFunc(s.matchers, func(m matcher) bool { return !m.matches(one.labels) }) {
			out = append(out, one)
		}
	}
	return out
}

// within cuts samples, which are in order of time, to a window ending at t.
func (e evaluator) within(samples []sample, t, span int64) []sample {
	from := t - span
	lo := sort.Search(len(samples), func(i int) bool {
		return samples[i].t > from || !e.v3 && samples[i].t == from
	})
	hi := sort.Search(len(samples), func(i int) bool { return samples[i].t > t })
	return samples[lo:max(lo, hi)]
}

// instant evaluates a selector: each series' newest sample within the lookback,
// unless that is a staleness marker.
func (e evaluator) instant(s selector, instants []int64, value func(sample) float64, keepName bool) []result {
	span := lookback.Milliseconds()
	var out []result
	for _, one := range e.matching(s) {
		all := e.history.samples(one, instants[0]-span, instants[len(instants)-1])
		r := result{labels: withoutName(one.labels, keepName)}
		for i, t := range instants {
			if w := e.within(all, t, span); len(w) > 0 && !w[len(w)-1].stale {
				r.points = append(r.points, point{i, value(w[len(w)-1])})
			}
		}
		if len(r.points) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// overTime folds each window of raw samples; markers are not samples.
func (e evaluator) overTime(m matrix, instants []int64, fold func(w []sample, t, span int64) (float64, bool)) []result {
	span := m.span.Milliseconds()
	var out []result
	for _, one := range e.matching(m.selector) {
		all := withoutMarkers(e.history.samples(one, instants[0]-span, instants[len(instants)-1]))
		r := result{labels: withoutName(one.labels, false)}
		for i, t := range instants {
			if v, ok := fold(e.within(all, t, span), t, span); ok {
				r.points = append(r.points, point{i, v})
			}
		}
		if len(r.points) > 0 {
			out = append(out, r)
		}
	}
	return out
}

// raw evaluates a range vector at one instant.
func (e evaluator) raw(m matrix, t int64) []result {
	var out []result
	for _, one := range e.matching(m.selector) {
		span := m.span.Milliseconds()
		w := e.within(withoutMarkers(e.history.samples(one, t-span, t)), t, span)
		if len(w) > 0 {
			out = append(out, result{labels: one.labels, raw: w})
		}
	}
	return out
}

func countOverTime(w []sample, _, _ int64) (float64, bool) {
	return float64(len(w)), len(w) > 0
}

// increase is what a counter grew by over the window: the growth between the
// first and the last sample, resets added back, stretched to the window's ends
// where samples come close enough to them, and by half a sample's distance
// where they don't; never to before the counter was 0.
func (e evaluator) increase(w []sample, t, span int64) (float64, bool) {
	if len(w) < 2 {
		return 0, false
	}
	first, last := w[0], w[len(w)-1]
	grown := last.v - first.v
	for i := 1; i < len(w); i++ {
		if w[i].v < w[i-1].v {
			grown += w[i-1].v
		}
	}
	sampled := float64(last.t-first.t) / 1000
	distance := sampled / float64(len(w)-1)
	threshold := distance * 1.1
	toStart, toEnd := float64(first.t-(t-span))/1000, float64(t-last.t)/1000
	// Prometheus 3 halves first and limits by the zero point afterwards.
	if e.v3 && toStart >= threshold {
		toStart = distance / 2
	}
	if grown > 0 && first.v >= 0 {
		toStart = min(toStart, sampled*(first.v/grown))
	}
	if toStart >= threshold {
		toStart = distance / 2
	}
	if toEnd >= threshold {
		toEnd = distance / 2
	}
	return grown * ((sampled + toStart + toEnd) / sampled), true
}

func (e evaluator) sum(x sum, instants []int64) ([]result, error) {
	inner, err := e.eval(x.arg, instants)
	if err != nil {
		return nil, err
	}
	type group struct {
		labels map[string]string
		sums   []float64
		there  []bool
	}
	groups := map[string]*group{}
	var order []string
	for _, r := range inner {
		labels := map[string]string{}
		for name, value := range r.labels {
			kept := slices.Contains(x.labels, name)
			if x.without {
				kept = !kept && name != "__name__"
			}
			if kept {
				labels[name] = value
			}
		}
		id := labelKey(labels)
		g := groups[id]
		if g == nil {
			g = &group{labels: labels, sums: make([]float64, len(instants)), there: make([]bool, len(instants))}
			groups[id] = g
			order = append(order, id)
		}
		for _, p := range r.points {
			g.sums[p.i] += p.v
			g.there[p.i] = true
		}
	}
	var out []result
	for _, id := range order {
		g := groups[id]
		r := result{labels: g.labels}
		for i, v := range g.sums {
			if g.there[i] {
				r.points = append(r.points, point{i, v})
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// unique refuses an answer with two series of the same labels.
func unique(rs []result) ([]result, error) {
	seen := map[string]bool{}
	for _, r := range rs {
		id := labelKey(r.labels)
		if seen[id] {
			return nil, errDuplicate
		}
		seen[id] = true
	}
	return rs, nil
}

func labelKey(labels map[string]string) string {
	var b strings.Builder
	names := make([]string, 0, len(labels))
	for name := range labels {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(name + "\x00" + labels[name] + "\x00")
	}
	return b.String()
}

func withoutName(labels map[string]string, keep bool) map[string]string {
	if keep {
		return labels
	}
	out := make(map[string]string, len(labels))
	for name, value := range labels {
		if name != "__name__" {
			out[name] = value
		}
	}
	return out
}

func withoutMarkers(samples []sample) []sample {
	return slices.DeleteFunc(samples, func(s sample) bool { return s.stale || math.IsNaN(s.v) })
}
