package detectors

import (
	"math"
	"regexp"
	"testing"
	"time"

	"warden/internal/remedy"
)

// TestThresholdOneHost damages the answers about h00, which is at 90, over the
// bound of 80, unless the case says otherwise.
func TestThresholdOneHost(t *testing.T) {
	sec := func(d int) float64 { return float64(testAt.Unix() + int64(d)) }
	below := func(s *ThresholdSpec) {
		s.Conditions = []Condition{{Query: "load", BadBelow: new(100.0), ClearAbove: new(120.0)}}
	}
	noBand := func(s *ThresholdSpec) { s.Conditions[0].ClearBelow = nil }
	corridor := func(s *ThresholdSpec) {
		s.Conditions = []Condition{{Query: "load", BadBelow: new(5.0), ClearAbove: new(8.0), BadAbove: new(95.0), ClearBelow: new(92.0)}}
	}
	windowed := func(how Aggregate) func(*ThresholdSpec) {
		return func(s *ThresholdSpec) { s.Window, s.Aggregate, s.MinPoints = 2*time.Minute, how, 3 }
	}
	expression := func(s *ThresholdSpec) {
		s.Conditions[0].Query, s.Conditions[0].FreshQuery = "sum by (instance) (load)", "load"
	}
	set := func(v float64) func(*gaugeWorld) { return func(w *gaugeWorld) { w.set("h00", v) } }
	value := func(fn func(int, float64) (float64, bool)) func(*gaugeWorld) {
		return func(w *gaugeWorld) { w.edit(w.value(0), "h00", fn) }
	}
	stamp := func(fn func(int, float64) (float64, bool)) func(*gaugeWorld) {
		return func(w *gaugeWorld) { w.edit(w.stamps(0), "h00", fn) }
	}
	tests := []struct {
		name string
		edit func(*ThresholdSpec)
		do   func(w *gaugeWorld)
		want string
	}{
		{"over", nil, func(*gaugeWorld) {}, "bad"},
		{"well under", nil, set(3), "good"},
		{"at bad_above", nil, set(80), "between"},
		{"just above bad_above", nil, set(math.Nextafter(80, 81)), "bad"},
		{"at clear_below", nil, set(60), "good"},
		{"just above clear_below", nil, set(math.Nextafter(60, 61)), "between"},
		{"without a band, at the bound", noBand, set(80), "good"},
		{"without a band, over it", noBand, set(math.Nextafter(80, 81)), "bad"},
		{"zero as a bound", func(s *ThresholdSpec) { s.Conditions[0].BadAbove, s.Conditions[0].ClearBelow = new(0.0), nil }, set(0), "good"},

		{"below", below, func(*gaugeWorld) {}, "bad"},
		{"at bad_below", below, set(100), "between"},
		{"just below clear_above", below, set(math.Nextafter(120, 0)), "between"},
		{"at clear_above", below, set(120), "good"},
		{"negative", below, set(-5), "bad"},

		{"inside the corridor", corridor, func(*gaugeWorld) {}, "good"},
		{"below the corridor", corridor, set(4), "bad"},
		{"above the corridor", corridor, set(96), "bad"},
		{"at its lower edge", corridor, set(6), "between"},
		{"at its upper edge", corridor, set(94), "between"},
		{"from below to above without a pause", corridor, value(func(b int, _ float64) (float64, bool) { return float64(b%2) * 100, true }), "bad"},

		{"good at the first step of for", nil, value(steps(10, 4)), "pending"},
		{"between in the middle", nil, value(steps(70, 2)), "pending"},
		{"missing in the middle", nil, value(without(2)), "pending"},
		{"NaN in the middle", nil, value(steps(math.NaN(), 2)), "pending"},
		{"stale in the middle", nil, stamp(steps(sec(-300), 2)), "pending"},
		{"good at the last step", nil, value(steps(10, 0)), "good"},
		{"between at the last step", nil, value(steps(70, 0)), "between"},
		{"for zero looks at one step", func(s *ThresholdSpec) { s.For = 0 }, func(*gaugeWorld) {}, "bad"},
		{"target stale in the middle", nil, func(w *gaugeWorld) { w.edit(w.target(), "heartbeat", steps(sec(-300), 2)) }, "pending"},
		{"without a target", func(s *ThresholdSpec) { s.CanaryTarget = "" }, func(*gaugeWorld) {}, "bad"},

		{"NaN now", nil, value(steps(math.NaN(), 0)), remedy.ReasonNotANumber},
		{"+Inf now", nil, value(steps(math.Inf(1), 0)), remedy.ReasonNotANumber},
		{"-Inf now", nil, value(steps(math.Inf(-1), 0)), remedy.ReasonNotANumber},
		{"-Inf, and low is good", noBand, value(always(math.Inf(-1))), remedy.ReasonNotANumber},
		{"+Inf, and high is good", below, value(always(math.Inf(1))), remedy.ReasonNotANumber},
		{"no value now", nil, value(without(0)), remedy.ReasonNoValue},
		{"no value at all", nil, value(nothing), remedy.ReasonNoValue},

		{"exactly max_staleness", nil, stamp(steps(sec(-50), 0)), "bad"},
		{"over max_staleness", nil, stamp(steps(sec(-51), 0)), remedy.ReasonStale},
		{"old value still answered", nil, stamp(always(sec(-280))), remedy.ReasonStale},
		{"stamp gone a while ago", nil, stamp(without(0, 1)), remedy.ReasonStale},
		{"stamp gone just now", nil, stamp(without(0)), remedy.ReasonNoValue},
		{"no stamps at all", nil, stamp(nothing), remedy.ReasonNoSeries},
		{"stamp NaN", nil, stamp(always(math.NaN())), remedy.ReasonNoSeries},
		{"stamp absurd", nil, stamp(always(1e300)), remedy.ReasonNoSeries},
		{"one interval ahead", nil, stamp(steps(sec(30), 0)), "bad"},
		{"more than one interval ahead", nil, stamp(steps(sec(31), 0)), remedy.ReasonFuture},

		{"a window's average", windowed(AggregateAvg), value(steps(71, 0, 2, 4, 6)), "bad"},
		{"a window with one spike", windowed(AggregateMax), value(steps(10, 1, 2, 3, 4, 5, 6, 7)), "pending"},
		{"a window's least", windowed(AggregateMin), value(steps(10, 3)), "good"},
		{"a window's sum", windowed(AggregateSum), set(21), "bad"},
		{"a window's last", windowed(AggregateLast), value(steps(10, 1, 2, 3, 5, 6, 7)), "pending"},
		{"a window with NaN", windowed(AggregateMin), value(steps(math.NaN(), 3)), remedy.ReasonNotANumber},
		{"a window with a hole", windowed(AggregateAvg), value(without(1)), "bad"},
		{"a window with too many holes", windowed(AggregateAvg), value(without(1, 2)), remedy.ReasonFewPoints},
		{"a window of one old sample", windowed(AggregateAvg), stamp(always(sec(-20))), remedy.ReasonFewPoints},
		{"a window, and the sample now is gone", windowed(AggregateAvg), func(w *gaugeWorld) {
			w.edit(w.value(0), "h00", without(0))
			w.edit(w.stamps(0), "h00", without(0))
		}, remedy.ReasonNoValue},
		{"a window that overflows", windowed(AggregateSum), set(math.MaxFloat64), remedy.ReasonNotANumber},

		{"expression", expression, func(*gaugeWorld) {}, "bad"},
		{"expression, stale", expression, stamp(always(sec(-280))), remedy.ReasonStale},
		{"expression of unknown age", func(s *ThresholdSpec) { s.Conditions[0].Query = "sum by (instance) (load)" }, func(*gaugeWorld) {}, remedy.ReasonNoFreshness},
		{"expression of two series, both fresh", expression, func(w *gaugeWorld) {
			w.add(w.stamps(0), "h00 again")
			w.series[w.stamps(0)]["h00 again"].Labels["instance"] = "h00"
		}, "bad"},
		{"expression of two series, one stale", expression, func(w *gaugeWorld) {
			w.add(w.stamps(0), "h00 again")
			w.series[w.stamps(0)]["h00 again"].Labels["instance"] = "h00"
			w.edit(w.stamps(0), "h00 again", always(sec(-280)))
		}, remedy.ReasonStale},
		{"expression of two series, one gone", expression, func(w *gaugeWorld) {
			w.add(w.stamps(0), "h00 again")
			w.series[w.stamps(0)]["h00 again"].Labels["instance"] = "h00"
			w.edit(w.stamps(0), "h00 again", without(0))
		}, remedy.ReasonNoSeries},

		{"two series", nil, func(w *gaugeWorld) {
			for _, q := range []remedy.Query{w.value(0), w.stamps(0)} {
				w.add(q, "h00 again")
				w.series[q]["h00 again"].Labels["instance"] = "h00"
			}
		}, remedy.ReasonDuplicate},
		{"two series at an older step alone", nil, func(w *gaugeWorld) {
			w.add(w.value(0), "h00 again")
			w.series[w.value(0)]["h00 again"].Labels["instance"] = "h00"
			w.edit(w.value(0), "h00 again", without(0, 1, 2, 3))
		}, remedy.ReasonDuplicate},
		{"two series, one without a value", nil, func(w *gaugeWorld) {
			w.add(w.value(0), "h00 again")
			w.series[w.value(0)]["h00 again"].Labels["instance"] = "h00"
			w.edit(w.value(0), "h00 again", nothing)
		}, "bad"},
		{"two series, neither with a value", nil, func(w *gaugeWorld) {
			w.add(w.value(0), "h00 again")
			w.series[w.value(0)]["h00 again"].Labels["instance"] = "h00"
			w.edit(w.value(0), "h00 again", nothing)
			w.edit(w.value(0), "h00", nothing)
		}, remedy.ReasonNoValue},
		{"two values, one good", nil, func(w *gaugeWorld) {
			w.add(w.value(0), "h00 again")
			w.series[w.value(0)]["h00 again"].Labels["instance"] = "h00"
		}, remedy.ReasonDuplicate},
		{"out", nil, func(w *gaugeWorld) { w.pool.Hosts[0].State = remedy.ServiceOut }, "out"},
		{"service state unknown", nil, func(w *gaugeWorld) { w.pool.Hosts[0].State = remedy.ServiceUnknown }, "bad"},
		{"source failed", nil, func(w *gaugeWorld) { w.failed[w.stamps(0)] = "refused" }, remedy.ReasonSourceFailed},
		{"target failed", nil, func(w *gaugeWorld) { w.failed[w.target()] = "refused" }, remedy.ReasonSourceFailed},
		{"target stale", nil, func(w *gaugeWorld) { w.edit(w.target(), "heartbeat", always(sec(-280))) }, remedy.ReasonSourceStale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edit := func(*ThresholdSpec) {}
			if tt.edit != nil {
				edit = tt.edit
			}
			w := newGaugeWorld(t, thresholdSpec(edit), 3)
			w.set("h00", 90)
			tt.do(w)
			if got := say(w.judge().Finding(0)); got != tt.want {
				t.Errorf("h00 is %s, want %s", got, tt.want)
			}
		})
	}
}

// TestThresholdConditions holds two conditions, each good, between, bad or
// unknown, to three-valued logic.
func TestThresholdConditions(t *testing.T) {
	values := map[string]float64{"good": 10, "between": 70, "bad": 90, "unknown": math.NaN()}
	tests := []struct {
		load, errors, all, any string
	}{
		{"bad", "bad", "bad", "bad"},
		{"bad", "good", "good", "bad"},
		{"bad", "between", "between", "bad"},
		{"bad", "unknown", "not_a_number", "bad"},
		{"good", "good", "good", "good"},
		{"good", "between", "good", "between"},
		{"good", "unknown", "good", "not_a_number"},
		{"between", "between", "between", "between"},
		{"between", "unknown", "not_a_number", "not_a_number"},
		{"unknown", "unknown", "not_a_number", "not_a_number"},
	}
	for _, tt := range tests {
		for _, match := range []Match{MatchAll, MatchAny} {
			for _, swapped := range []bool{false, true} {
				w := newGaugeWorld(t, thresholdSpec(func(s *ThresholdSpec) {
					s.Match = match
					s.Conditions = []Condition{
						{Query: "load", BadAbove: new(80.0), ClearBelow: new(60.0), Unit: "of load"},
						{Query: "errors", BadAbove: new(80.0), ClearBelow: new(60.0), Unit: "errors"},
					}
				}), 2)
				x, y := tt.load, tt.errors
				if swapped {
					x, y = y, x
				}
				w.edit(w.value(0), "h00", always(values[x]))
				w.edit(w.value(1), "h00", always(values[y]))
				want := tt.all
				if match == MatchAny {
					want = tt.any
				}
				f := w.judge().Finding(0)
				if got := say(f); got != want {
					t.Errorf("%s and %s by %s: %s, want %s", x, y, match, got, want)
				}
				// The evidence is of the condition that decided.
				if v, known := f.Value.Get(); f.Verdict != remedy.VerdictUnknown && (!known || v != values[f.Verdict.String()]) {
					t.Errorf("%s and %s by %s: %s with %v", x, y, match, want, f.Value)
				}
			}
		}
	}
}

// TestThresholdHysteresis drives one host up and down: between the bounds
// nothing is concluded, whichever way it came.
func TestThresholdHysteresis(t *testing.T) {
	spec := thresholdSpec(func(s *ThresholdSpec) { s.For, s.CanaryTarget = time.Minute, "" })
	d := mustThreshold(t, spec)
	values := []float64{10, 70, 90, 90, 90, 70, 90, 70, 50, 70, 90}
	want := []string{"", "", "pending", "pending", "bad", "between", "pending", "between", "good", "between", "pending"}
	start := testAt.Add(-time.Duration(len(values)-1) * spec.Interval)
	for i := 2; i < len(values); i++ {
		at := start.Add(time.Duration(i) * spec.Interval)
		results := remedy.Results{}
		for _, q := range d.Queries(poolOf(1), at) {
			s := remedy.Series{Labels: map[string]string{"instance": "h00"}}
			for k := range 3 {
				p := remedy.Point{At: q.Start.Add(time.Duration(k) * q.Step).UnixMilli(), Value: values[i-2+k]}
				if q.Expr != "load" {
					p.Value = float64(p.At)/1000 - 5
				}
				s.Points = append(s.Points, p)
			}
			results[q] = remedy.Result{Frame: remedy.NewFrame(q, []remedy.Series{s})}
		}
		if got := say(d.Judge(poolOf(1), at, results, nil).Finding(0)); got != want[i] {
			t.Errorf("step %d at %v: %s, want %s", i, values[i], got, want[i])
		}
	}
}

func TestThresholdEvidence(t *testing.T) {
	w := newGaugeWorld(t, thresholdSpec(func(s *ThresholdSpec) { s.Conditions[0].Unit = "ms" }), 2)
	w.edit(w.value(0), "h00", steps(92, 0, 1, 2))
	f := w.judge().Finding(0)
	if v, ok := f.Value.Get(); !ok || v != 92 || say(f) != remedy.ReasonPending || !f.BadNow || f.Points != 1 {
		t.Errorf("%+v", f)
	}
	if want := testAt.Add(-time.Minute); !f.BadSince.Equal(want) {
		t.Errorf("bad since %v, want %v", f.BadSince, want)
	}
	if want := testAt.Add(-10 * time.Second); !f.Newest.Equal(want) {
		t.Errorf("newest %v, want %v", f.Newest, want)
	}
	if f.Direction != remedy.Above || f.Bad != 80 || f.Clear != 60 || f.Unit != "ms" {
		t.Errorf("held against %+v", f.Term)
	}
}

// TestThresholdHostRegex makes spellings of one host meet, and counts what is
// nobody's.
func TestThresholdHostRegex(t *testing.T) {
	w := newGaugeWorld(t, thresholdSpec(func(s *ThresholdSpec) { s.HostRegex = regexp.MustCompile(`^([^.:]+)`) }), 3)
	for _, q := range []remedy.Query{w.value(0), w.stamps(0)} {
		w.series[q]["h00"].Labels["instance"] = "h00.example.net:9100"
		w.add(q, "nobody:9100")
	}
	w.set("h00", 90)
	j := w.judge()
	if got := say(j.Finding(0)); got != "bad" || j.Unmatched != 1 {
		t.Errorf("h00 is %s with %d unmatched", got, j.Unmatched)
	}
}

// TestThresholdSmallPools: nothing about a host depends on the others.
func TestThresholdSmallPools(t *testing.T) {
	for n := range 4 {
		w := newGaugeWorld(t, thresholdSpec(), n)
		for _, h := range w.pool.Hosts {
			w.set(string(h.Name), 90)
		}
		for _, f := range w.judge().Findings() {
			if say(f) != "bad" {
				t.Errorf("%d hosts: %s is %s", n, f.Host, say(f))
			}
		}
	}
}
