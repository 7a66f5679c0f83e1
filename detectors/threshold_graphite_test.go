package detectors

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/remedy"
)

// storedSpec is thresholdSpec on Graphite: five steps of 30 s, bad above 80 and
// good at or below 60, each step by the 30 s before it.
func storedSpec(edit ...func(*ThresholdSpec)) ThresholdSpec {
	return thresholdSpec(append([]func(*ThresholdSpec){func(s *ThresholdSpec) {
		s.Dialect, s.HostLabel, s.HostNode = Graphite, "", 2
		s.Conditions[0].Query, s.CanaryTarget = "load.*.value", graphiteHeart
	}}, edit...)...)
}

// storedWorld is a shelf a target, every host at 10 in buckets of 10 s, and the
// heart beating.
type storedWorld struct {
	t       *Threshold
	pool    remedy.PoolView
	shelves map[string]shelf // by target
	failed  map[string]string
}

func newStoredWorld(tb testing.TB, spec ThresholdSpec, n int) *storedWorld {
	tb.Helper()
	w := &storedWorld{t: mustThreshold(tb, spec), pool: poolOf(n), shelves: map[string]shelf{}, failed: map[string]string{}}
	for i := range w.t.conditions {
		s := shelf{}
		for h := range n {
			s[storedPath(h)] = constant(10, 10)
		}
		w.shelves[w.target(i)] = s
	}
	w.shelves[graphiteHeart] = shelf{graphiteHeart: constant(10, 1)}
	return w
}

func (w *storedWorld) target(condition int) string { return w.t.conditions[condition].expr }

func storedPath(host int) string { return fmt.Sprintf("load.%s.value", hostName(host)) }

// constant fills every bucket with one value; by fills each by its beginning, in
// seconds before the judged instant.
func constant(step int64, v float64) buckets { return perMinute(step, v) }

func by(step int64, value func(ago int64) float64) buckets {
	return buckets{step, func(at int64) (float64, bool) { return value(testAt.Unix() - at), true }}
}

// set gives a host its buckets, by the first condition.
func (w *storedWorld) set(host int, b buckets) { w.shelves[w.target(0)][storedPath(host)] = b }

func (w *storedWorld) results() remedy.Results {
	out := remedy.Results{}
	for _, q := range w.t.Queries(w.pool, testAt) {
		s := w.shelves[q.Expr]
		out[q] = s.answer(q, slices.Sorted(maps.Keys(s))...)
		if why := w.failed[q.Expr]; why != "" {
			out[q] = remedy.Result{Failed: why}
		}
	}
	return out
}

func (w *storedWorld) judge() remedy.Judgement { return w.t.Judge(w.pool, testAt, w.results(), nil) }

// TestThresholdOnGraphite damages what is stored of h00, which is at 90 in
// buckets of 10 s unless the case says otherwise.
func TestThresholdOnGraphite(t *testing.T) {
	t.Parallel()
	const high = 90
	set := func(b buckets) func(*storedWorld) { return func(w *storedWorld) { w.set(0, b) } }
	but := func(keep func(ago int64) bool) func(*storedWorld) { return set(constant(10, high).but(keep)) }
	heart := func(keep func(ago int64) bool) func(*storedWorld) {
		return func(w *storedWorld) { w.shelves[graphiteHeart][graphiteHeart] = constant(10, 1).but(keep) }
	}
	older := func(s int64) func(int64) bool { return func(ago int64) bool { return ago >= s } }
	below := func(s *ThresholdSpec) {
		s.Conditions[0] = Condition{Query: "load.*.value", BadBelow: new(100.0), ClearAbove: new(120.0)}
	}
	corridor := func(s *ThresholdSpec) {
		s.Conditions[0] = Condition{Query: "load.*.value", BadBelow: new(5.0), ClearAbove: new(8.0), BadAbove: new(95.0), ClearBelow: new(92.0)}
	}
	windowed := func(how Aggregate, least int) func(*ThresholdSpec) {
		return func(s *ThresholdSpec) { s.Window, s.Aggregate, s.MinPoints = time.Minute, how, least }
	}
	// One bucket in each minute is far up, one far down.
	spread := by(10, func(ago int64) float64 {
		switch ago % 60 {
		case 10:
			return 200
		case 40:
			return -200
		default:
			return 70
		}
	})
	tests := []struct {
		name string
		edit func(*ThresholdSpec)
		do   func(*storedWorld)
		want string
	}{
		{"over", nil, nil, "bad"},
		{"well under", nil, set(constant(10, 3)), "good"},
		{"at bad_above", nil, set(constant(10, 80)), "between"},
		{"just above bad_above", nil, set(constant(10, math.Nextafter(80, 81))), "bad"},
		{"at clear_below", nil, set(constant(10, 60)), "good"},
		{"just above clear_below", nil, set(constant(10, math.Nextafter(60, 61))), "between"},
		{"zero is a value", nil, set(constant(10, 0)), "good"},
		{"below", below, nil, "bad"},
		{"zero is a value, and below", below, set(constant(10, 0)), "bad"},
		{"at bad_below", below, set(constant(10, 100)), "between"},
		{"at clear_above", below, set(constant(10, 120)), "good"},
		{"inside the corridor", corridor, nil, "good"},
		{"below the corridor", corridor, set(constant(10, 4)), "bad"},
		{"above the corridor", corridor, set(constant(10, 96)), "bad"},
		{"from below to above without a pause", corridor, set(by(10, func(ago int64) float64 { return float64(ago / 30 % 2 * 100) })), "bad"},

		{"good before the last minute", nil, set(by(10, func(ago int64) float64 { return map[bool]float64{true: 90, false: 10}[ago <= 60] })), "pending"},
		{"good in one bucket that no look is at", nil, set(by(10, func(ago int64) float64 { return map[bool]float64{true: 10, false: 90}[ago == 80] })), "bad"},
		{"good in the last bucket of a look", nil, set(by(10, func(ago int64) float64 { return map[bool]float64{true: 10, false: 90}[ago == 70] })), "pending"},
		{"good now", nil, set(by(10, func(ago int64) float64 { return map[bool]float64{true: 10, false: 90}[ago <= 10] })), "good"},
		{"a bucket that is still being filled is not looked at", nil, set(by(10, func(ago int64) float64 { return map[bool]float64{true: 10, false: 90}[ago < 10] })), "bad"},
		{"for zero looks at one step", func(s *ThresholdSpec) { s.For = 0 }, set(by(10, func(ago int64) float64 { return map[bool]float64{true: 90, false: 10}[ago <= 30] })), "bad"},

		{"steps of a second", nil, set(constant(1, high)), "bad"},
		{"steps that are the interval", nil, set(constant(30, high)), "bad"},
		{"steps that are the interval, good", nil, set(constant(30, 10)), "good"},
		{"steps that don't divide the interval", nil, set(constant(20, high)), "bad"},
		{"steps coarser than the interval", nil, set(constant(60, high)), "few_points"},
		{"steps coarser than the interval, good", nil, set(constant(60, 10)), "few_points"},
		{"steps coarser than the interval in a long window", func(s *ThresholdSpec) { s.Window = 10 * time.Minute }, set(constant(60, high)), "few_points"},

		{"the newest is null, as carbon has it", nil, but(older(20)), "bad"},
		{"the newest is null, good", nil, set(constant(10, 10).but(older(20))), "good"},
		{"one bucket a look", nil, but(func(ago int64) bool { return ago%30 == 20 }), "bad"},
		{"none in one look", nil, but(func(ago int64) bool { return ago > 90 || ago <= 60 }), "pending"},
		{"none in the last look", nil, but(older(40)), "few_points"},
		{"none in the last look, but in the window", func(s *ThresholdSpec) { s.Window = time.Minute }, but(older(40)), "bad"},
		{"just not stale", func(s *ThresholdSpec) { s.Window = 2 * time.Minute }, but(older(60)), "bad"},
		{"just stale", func(s *ThresholdSpec) { s.Window = 2 * time.Minute }, but(older(61)), "stale"},
		{"gone", nil, but(older(1000)), "no_series"},
		{"only nulls", nil, but(func(int64) bool { return false }), "no_series"},
		{"no series", nil, func(w *storedWorld) { delete(w.shelves[w.target(0)], storedPath(0)) }, "no_series"},
		{"NaN", nil, set(constant(10, math.NaN())), "not_a_number"},
		{"infinite", nil, set(constant(10, math.Inf(1))), "not_a_number"},
		{"infinite below", below, set(constant(10, math.Inf(-1))), "not_a_number"},
		{"two series of one host", nil, func(w *storedWorld) { w.shelves[w.target(0)]["load.h00.other"] = constant(10, high) }, "duplicate"},
		{"out of service", nil, func(w *storedWorld) { w.pool.Hosts[0].State = remedy.ServiceOut }, "out"},
		{"service state unknown", nil, func(w *storedWorld) { w.pool.Hosts[0].State = remedy.ServiceUnknown }, "bad"},

		{"average", windowed(AggregateAvg, 1), set(spread), "good"},
		{"maximum", windowed(AggregateMax, 1), set(spread), "bad"},
		{"minimum", windowed(AggregateMin, 1), set(spread), "good"},
		{"sum", windowed(AggregateSum, 1), set(constant(10, 14)), "bad"},
		{"sum with a hole, over", windowed(AggregateSum, 1), set(constant(10, 17).but(func(ago int64) bool { return ago%60 != 20 })), "bad"},
		{"sum below", func(s *ThresholdSpec) { below(s); windowed(AggregateSum, 1)(s) }, set(constant(10, 16)), "bad"},
		{"sum with a hole, below", func(s *ThresholdSpec) { below(s); windowed(AggregateSum, 1)(s) }, set(constant(10, 16).but(func(ago int64) bool { return ago%60 != 20 })), "few_points"},
		{"sum with a hole at the beginning, below", func(s *ThresholdSpec) { below(s); windowed(AggregateSum, 1)(s) }, set(constant(10, 16).but(func(ago int64) bool { return ago%60 != 0 })), "few_points"},
		{"sum with a hole at the end, below", func(s *ThresholdSpec) { below(s); windowed(AggregateSum, 1)(s) }, set(constant(10, 16).but(func(ago int64) bool { return ago%60 != 10 })), "few_points"},
		{"sum with a hole, not below", func(s *ThresholdSpec) { below(s); windowed(AggregateSum, 1)(s) }, set(constant(10, 24).but(func(ago int64) bool { return ago%60 != 20 })), "good"},
		{"last", windowed(AggregateLast, 1), set(spread), "pending"}, // every other look ends with the high one
		{"the average leaves nulls out", windowed(AggregateAvg, 3), but(func(ago int64) bool { return ago%20 == 0 }), "bad"},
		{"enough buckets", windowed(AggregateAvg, 6), nil, "bad"},
		{"too few buckets", windowed(AggregateAvg, 7), nil, "few_points"},
		{"too few with a value", windowed(AggregateAvg, 4), but(func(ago int64) bool { return ago%20 == 0 }), "few_points"},
		{"one NaN in the window", windowed(AggregateMin, 1), set(by(10, func(ago int64) float64 { return map[bool]float64{true: math.NaN(), false: 90}[ago == 50] })), "not_a_number"},
		{"a window that is no multiple of the interval", func(s *ThresholdSpec) { s.Window, s.Aggregate, s.MinPoints = 45*time.Second, AggregateMin, 4 }, nil, "bad"},
		{"and holds whole buckets only", func(s *ThresholdSpec) { s.Window, s.Aggregate, s.MinPoints = 45*time.Second, AggregateMin, 5 }, nil, "few_points"},

		{"source failed", nil, func(w *storedWorld) { w.failed["load.*.value"] = "refused" }, "source_failed"},
		{"target failed", nil, func(w *storedWorld) { w.failed[graphiteHeart] = "refused" }, "source_failed"},
		{"the heart is late", nil, heart(older(61)), "source_stale"},
		{"the heart is just in time", nil, heart(older(60)), "bad"},
		{"the heart stopped for a while", nil, heart(func(ago int64) bool { return ago < 60 || ago > 150 }), "pending"},
		{"without a target", func(s *ThresholdSpec) { s.CanaryTarget = "" }, nil, "bad"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			edit := tt.edit
			if edit == nil {
				edit = func(*ThresholdSpec) {}
			}
			w := newStoredWorld(t, storedSpec(edit), 3)
			w.set(0, constant(10, high))
			if tt.do != nil {
				tt.do(w)
			}
			if got := say(w.judge().Finding(0)); got != tt.want {
				t.Errorf("h00 is %s, want %s", got, tt.want)
			}
		})
	}
}

// Two targets, each good, between, bad or unknown, meet in three-valued logic,
// and the evidence is of the one that decided.
func TestThresholdConditionsOnGraphite(t *testing.T) {
	t.Parallel()
	values := map[string]buckets{
		"good": constant(10, 10), "between": constant(10, 70), "bad": constant(10, 90), "null": constant(10, 90).but(func(int64) bool { return false }),
	}
	for _, tt := range []struct{ load, errors, all, any string }{
		{"bad", "bad", "bad", "bad"},
		{"bad", "good", "good", "bad"},
		{"bad", "between", "between", "bad"},
		{"bad", "null", "no_series", "bad"},
		{"good", "null", "good", "no_series"},
		{"good", "between", "good", "between"},
		{"between", "null", "no_series", "no_series"},
	} {
		for _, match := range []Match{MatchAll, MatchAny} {
			for _, swapped := range []bool{false, true} {
				w := newStoredWorld(t, storedSpec(func(s *ThresholdSpec) {
					s.Match = match
					s.Conditions = []Condition{
						{Name: "load", Query: "load.*.value", BadAbove: new(80.0), ClearBelow: new(60.0)},
						{Name: "errors", Query: "errors.*.value", BadAbove: new(80.0), ClearBelow: new(60.0)},
					}
				}), 2)
				x, y := tt.load, tt.errors
				if swapped {
					x, y = y, x
				}
				w.shelves["load.*.value"][storedPath(0)] = values[x]
				w.shelves["errors.*.value"][storedPath(0)] = values[y]
				want := map[Match]string{MatchAll: tt.all, MatchAny: tt.any}[match]
				if got := say(w.judge().Finding(0)); got != want {
					t.Errorf("%s and %s by %s: %s, want %s", x, y, match, got, want)
				}
			}
		}
	}
}

func TestThresholdEvidenceOnGraphite(t *testing.T) {
	t.Parallel()
	w := newStoredWorld(t, storedSpec(func(s *ThresholdSpec) {
		s.Window, s.Aggregate, s.Conditions[0].Unit = time.Minute, AggregateAvg, "ms"
	}), 3)
	w.set(0, by(10, func(ago int64) float64 { return 88 + float64(ago%20)/5 }).but(func(ago int64) bool { return ago >= 30 }))
	w.shelves["load.*.value"]["load.stranger.value"] = constant(10, 1)
	j := w.judge()
	f := j.Finding(0)
	if v, known := f.Value.Get(); !known || v != 89 || f.Points != 4 || f.Unit != "ms" || f.Bad != 80 || f.Clear != 60 || f.Direction != remedy.Above {
		t.Errorf("%+v", f)
	}
	if !f.Newest.Equal(testAt.Add(-20*time.Second)) || !f.BadSince.Equal(testAt.Add(-2*time.Minute)) || j.Unmatched != 1 {
		t.Errorf("%+v, %d unmatched", f, j.Unmatched)
	}
	if age, ok := j.SourceAge.Get(); !ok || age != 0 {
		t.Errorf("the heart's newest complete bucket ends at the judged instant: %v %v", age, ok)
	}
	if got := w.t.Strangers(w.pool, testAt, w.results(), 9); len(got) != 1 || got[0] != "load.stranger.value" {
		t.Errorf("%q", got)
	}
	w.set(1, constant(60, 90))
	for host, want := range []string{
		"89, bad above 80, good below 60, avg of 4 buckets of 10s, newest 20s old",
		"no value, buckets of 1m0s are wider than interval 30s, newest 0s old",
		"10, bad above 80, good below 60, avg of 6 buckets of 10s, newest 0s old",
	} {
		steps := w.t.Steps(w.pool, testAt, w.results(), host)
		if len(steps) != 5 || steps[4].Text != want {
			t.Errorf("%+v\nwant %s", steps, want)
		}
	}
	few := newStoredWorld(t, storedSpec(func(s *ThresholdSpec) { s.MinPoints = 4 }), 2)
	delete(few.shelves["load.*.value"], storedPath(1))
	for host, want := range []string{"no value, 3 of at least 4 buckets of 10s, newest 0s old", "no value, no buckets, no sample"} {
		if steps := few.t.Steps(few.pool, testAt, few.results(), host); len(steps) != 5 || !strings.HasSuffix(steps[4].Text, want) {
			t.Errorf("%+v\nwant %s", steps, want)
		}
	}
}

// One absolute question a target, over `for` and what the first look of it
// needs, whatever the bounds are.
func TestThresholdQueriesOnGraphite(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit func(*ThresholdSpec)
		want []string
	}{
		"plain":         {nil, []string{"load.*.value 3m30s", graphiteHeart + " 4m0s"}},
		"other bounds":  {func(s *ThresholdSpec) { s.Conditions[0].BadAbove = new(99.0) }, []string{"load.*.value 3m30s", graphiteHeart + " 4m0s"}},
		"no target":     {func(s *ThresholdSpec) { s.CanaryTarget = "" }, []string{"load.*.value 3m30s"}},
		"a long window": {func(s *ThresholdSpec) { s.Window, s.CanaryTarget = 10*time.Minute, "" }, []string{"load.*.value 12m0s"}},
		"one target twice": {func(s *ThresholdSpec) {
			s.CanaryTarget, s.Conditions = "", append(s.Conditions, s.Conditions[0])
		}, []string{"load.*.value 3m30s"}},
		"two": {func(s *ThresholdSpec) {
			s.CanaryTarget, s.Conditions = "", append(s.Conditions, Condition{Query: "lag.*", BadAbove: new(1.0)})
		}, []string{"load.*.value 3m30s", "lag.* 3m30s"}},
	} {
		edit := tt.edit
		if edit == nil {
			edit = func(*ThresholdSpec) {}
		}
		var got []string
		for _, q := range mustThreshold(t, storedSpec(edit)).Queries(poolOf(500), testAt) {
			got = append(got, q.Expr+" "+q.End.Sub(q.Start).String())
			if q.Label != "" || !q.End.Equal(testAt) {
				t.Errorf("%s: %+v", name, q)
			}
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestThresholdHostNamesOnGraphite(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path string
		edit func(*ThresholdSpec)
	}{
		"node":           {"load.h00.value", func(s *ThresholdSpec) { s.HostNode = 2 }},
		"from the end":   {"sumSeries(load.h00.*)", func(s *ThresholdSpec) { s.HostNode = -2 }},
		"alias":          {"h00", func(s *ThresholdSpec) { s.HostNode = 0 }},
		"node and regex": {"load.h00_example_net.value", func(s *ThresholdSpec) { s.HostRegex = regexp.MustCompile(`^([a-z0-9]+)`) }},
	} {
		w := newStoredWorld(t, storedSpec(tt.edit), 1)
		w.shelves["load.*.value"] = shelf{tt.path: constant(10, 90)}
		if got := say(w.judge().Finding(0)); got != "bad" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestThresholdRefusesOnGraphite(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*ThresholdSpec){
		".query: missing":                          func(s *ThresholdSpec) { s.Conditions[0].Query = "" },
		".fresh_query: Graphite's":                 func(s *ThresholdSpec) { s.Conditions[0].FreshQuery = "a" },
		".host_label: Graphite's":                  func(s *ThresholdSpec) { s.HostLabel = "host" },
		".query: keepLastValue may make up":        func(s *ThresholdSpec) { s.Conditions[0].Query = "keepLastValue(a.b, 3)" },
		".canary_target: constantLine may make up": func(s *ThresholdSpec) { s.CanaryTarget = "constantLine(1)" },
		".conditions.x.query: transformNull": func(s *ThresholdSpec) {
			s.Conditions = append(s.Conditions, Condition{Name: "x", Query: "transformNull(a)", BadAbove: new(1.0)})
		},
		".min_points: 0 is too few":    func(s *ThresholdSpec) { s.MinPoints = 0 },
		".window: 29s is shorter":      func(s *ThresholdSpec) { s.Window = 29 * time.Second },
		`.aggregate: "median" is none`: func(s *ThresholdSpec) { s.Aggregate = "median" },
		".bad_above: missing":          func(s *ThresholdSpec) { s.Conditions[0].BadAbove, s.Conditions[0].ClearBelow = nil, nil },
		".host_node: the source's":     func(s *ThresholdSpec) { s.Dialect, s.Conditions[0].Query, s.CanaryTarget = PromQL, "up", "up" },
	} {
		if _, err := NewThreshold(storedSpec(edit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	d := mustThreshold(t, storedSpec(func(s *ThresholdSpec) { s.MinPoints = 100 }))
	if w := d.Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
	if got := d.Spec().Window; got != 30*time.Second {
		t.Errorf("without a window it covers %v, want one interval: verifying counts on it", got)
	}
	digest := func(edit func(*ThresholdSpec)) string { return mustThreshold(t, storedSpec(edit)).Spec().Digest }
	plain := digest(func(*ThresholdSpec) {})
	if digest(func(s *ThresholdSpec) { s.Window, s.Aggregate = s.Interval, AggregateLast }) != plain {
		t.Error("what holds anyway changes the digest")
	}
	for name, edit := range map[string]func(*ThresholdSpec){
		"host_node": func(s *ThresholdSpec) { s.HostNode = 3 },
		"window":    func(s *ThresholdSpec) { s.Window = time.Minute },
		"aggregate": func(s *ThresholdSpec) { s.Aggregate = AggregateAvg },
		"least":     func(s *ThresholdSpec) { s.MinPoints = 2 },
	} {
		if digest(edit) == plain {
			t.Errorf("%s does not change the digest", name)
		}
	}
	// The same words to another kind of source are another detector.
	same := thresholdSpec(func(s *ThresholdSpec) { s.Window, s.Aggregate = s.Interval, AggregateLast })
	stored := same
	stored.Dialect, stored.HostLabel = Graphite, ""
	stored.CanaryTarget, same.CanaryTarget = "up", "up"
	if mustThreshold(t, same).Spec().Digest == mustThreshold(t, stored).Spec().Digest {
		t.Error("the dialect does not change the digest")
	}
}
