package detectors

import (
	"math"
	"regexp"
	"slices"
	"testing"
	"time"

	"warden/internal/remedy"
)

// steps edits the points at the given steps back; the others stay as they are.
func steps(value float64, back ...int) func(int, float64) (float64, bool) {
	return func(b int, v float64) (float64, bool) {
		if slices.Contains(back, b) {
			return value, true
		}
		return v, true
	}
}

// without drops the points at the given steps back.
func without(back ...int) func(int, float64) (float64, bool) {
	return func(b int, v float64) (float64, bool) {
		if slices.Contains(back, b) {
			return 0, false
		}
		return v, true
	}
}

func always(value float64) func(int, float64) (float64, bool) {
	return func(int, float64) (float64, bool) { return value, true }
}

func nothing(int, float64) (float64, bool) { return 0, false }

// TestJudgeOneHost damages the answers about h00, which receives a tenth of
// what it should unless the case says otherwise.
func TestJudgeOneHost(t *testing.T) {
	expectQuery := func(s *CanarySpec) { s.ExpectPerMinute, s.ExpectQuery = 0, "expected" }
	expression := func(s *CanarySpec) { s.Query, s.FreshQuery, s.MinPoints = "sum by (instance) (x)", "x", 4 }
	sec := func(d int) float64 { return float64(testAt.Unix() + int64(d)) }
	tests := []struct {
		name string
		edit func(*CanarySpec)
		do   func(w *world)
		want string
	}{
		{"a tenth", nil, func(*world) {}, "bad"},
		{"all of it", nil, func(w *world) { w.ratio("h00", 1) }, "good"},
		{"more than all", nil, func(w *world) { w.ratio("h00", 3) }, "good"},
		{"nothing while fresh", nil, func(w *world) { w.ratio("h00", 0) }, "bad"},
		{"just below bad_below", nil, func(w *world) { w.ratio("h00", math.Nextafter(0.5, 0)) }, "bad"},
		{"at bad_below", nil, func(w *world) { w.ratio("h00", 0.5) }, "between"},
		{"just below clear_above", nil, func(w *world) { w.ratio("h00", 0.8999) }, "between"},
		{"at clear_above", nil, func(w *world) { w.ratio("h00", 0.9) }, "good"},

		{"good at the first step of for", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(120, 4)) }, "pending"},
		{"between in the middle", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(84, 2)) }, "pending"},
		{"missing in the middle", nil, func(w *world) { w.edit(w.ask.value, "h00", without(2)) }, "pending"},
		{"NaN in the middle", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(math.NaN(), 2)) }, "pending"},
		{"few points in the middle", nil, func(w *world) { w.edit(w.ask.points, "h00", steps(3, 2)) }, "pending"},
		{"stale in the middle", nil, func(w *world) { w.edit(w.ask.stamps, "h00", steps(sec(-300), 2)) }, "pending"},
		{"good at the last step", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(120, 0)) }, "good"},
		{"for zero looks at one step", func(s *CanarySpec) { s.For = 0 }, func(w *world) {}, "bad"},
		{"target stale in the middle", nil, func(w *world) { w.edit(w.ask.target, "heartbeat", steps(sec(-300), 2)) }, "pending"},

		{"NaN now", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(math.NaN(), 0)) }, remedy.ReasonNotANumber},
		{"+Inf now", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(math.Inf(1), 0)) }, remedy.ReasonNotANumber},
		{"-Inf now", nil, func(w *world) { w.edit(w.ask.value, "h00", steps(math.Inf(-1), 0)) }, remedy.ReasonNotANumber},
		{"a negative count", nil, func(w *world) { w.edit(w.ask.value, "h00", always(-1)) }, remedy.ReasonNotANumber},
		{"all NaN", nil, func(w *world) { w.edit(w.ask.value, "h00", always(math.NaN())) }, remedy.ReasonNotANumber},

		{"exactly min_points", nil, func(w *world) { w.edit(w.ask.points, "h00", always(4)) }, "bad"},
		{"one point too few", nil, func(w *world) { w.edit(w.ask.points, "h00", always(3)) }, remedy.ReasonFewPoints},
		{"no count now", nil, func(w *world) { w.edit(w.ask.points, "h00", without(0)) }, remedy.ReasonFewPoints},
		{"count NaN", nil, func(w *world) { w.edit(w.ask.points, "h00", always(math.NaN())) }, remedy.ReasonFewPoints},
		{"count infinite", nil, func(w *world) { w.edit(w.ask.points, "h00", always(math.Inf(1))) }, remedy.ReasonFewPoints},
		{"no value now", nil, func(w *world) { w.edit(w.ask.value, "h00", without(0)) }, remedy.ReasonNoSeries},
		{"value a step late", nil, func(w *world) {
			s := w.series[w.ask.value]["h00"]
			for i := range s.Points {
				s.Points[i].At += 1000 // between the steps
			}
		}, remedy.ReasonNoSeries},

		{"exactly max_staleness", nil, func(w *world) { w.edit(w.ask.stamps, "h00", steps(sec(-50), 0)) }, "bad"},
		{"over max_staleness", nil, func(w *world) { w.edit(w.ask.stamps, "h00", steps(sec(-51), 0)) }, remedy.ReasonStale},
		{"old value still answered", nil, func(w *world) { w.edit(w.ask.stamps, "h00", always(sec(-280))) }, remedy.ReasonStale},
		{"stamp gone a while ago", nil, func(w *world) { w.edit(w.ask.stamps, "h00", without(0, 1)) }, remedy.ReasonStale},
		{"stamp gone just now", nil, func(w *world) { w.edit(w.ask.stamps, "h00", without(0)) }, remedy.ReasonNoSeries},
		{"no stamps at all", nil, func(w *world) { w.edit(w.ask.stamps, "h00", nothing) }, remedy.ReasonNoSeries},
		{"stamp NaN", nil, func(w *world) { w.edit(w.ask.stamps, "h00", always(math.NaN())) }, remedy.ReasonNoSeries},
		{"stamp absurd", nil, func(w *world) { w.edit(w.ask.stamps, "h00", always(1e300)) }, remedy.ReasonNoSeries},
		{"one interval ahead", nil, func(w *world) { w.edit(w.ask.stamps, "h00", steps(sec(30), 0)) }, "bad"},
		{"more than one interval ahead", nil, func(w *world) { w.edit(w.ask.stamps, "h00", steps(sec(31), 0)) }, remedy.ReasonFuture},

		{"started within the window, receiving all", nil, func(w *world) {
			w.edit(w.ask.stamps, "h00", without(2, 3, 4, 5, 6, 7)) // half the window is there
			w.ratio("h00", 0.45)
		}, remedy.ReasonFewPoints},
		{"started within the window, receiving a tenth", nil, func(w *world) {
			w.edit(w.ask.stamps, "h00", without(2, 3, 4, 5, 6, 7))
			w.ratio("h00", 0.05)
		}, "pending"},
		{"a gap in the window, receiving nothing", nil, func(w *world) {
			w.edit(w.ask.stamps, "h00", without(6))
			w.ratio("h00", 0)
		}, "bad"},
		{"started, and has caught up", nil, func(w *world) {
			w.edit(w.ask.stamps, "h00", without(3, 4, 5, 6, 7))
			w.ratio("h00", 0.95)
		}, "good"},

		{"expected by query", expectQuery, func(*world) {}, "bad"},
		{"expected little", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", always(6)) }, "good"},
		{"expectation missing", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", without(0)) }, remedy.ReasonNoExpectation},
		{"expectation missing in the middle", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", without(2)) }, "pending"},
		{"nothing expected", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", always(0)) }, remedy.ReasonNoExpectation},
		{"less than nothing expected", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", always(-60)) }, remedy.ReasonNoExpectation},
		{"expectation NaN", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", always(math.NaN())) }, remedy.ReasonNoExpectation},
		{"expectation infinite", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", always(math.Inf(1))) }, remedy.ReasonNoExpectation},
		{"expectation overflows", expectQuery, func(w *world) { w.edit(w.ask.expect, "h00", always(math.MaxFloat64)) }, remedy.ReasonNoExpectation},
		{"ratio overflows", expectQuery, func(w *world) {
			w.edit(w.ask.expect, "h00", always(math.SmallestNonzeroFloat64))
		}, remedy.ReasonNotANumber},

		{"expression", expression, func(*world) {}, "bad"},
		{"expression, stale", expression, func(w *world) { w.edit(w.ask.stamps, "h00", always(sec(-280))) }, remedy.ReasonStale},
		{"expression of unknown age", func(s *CanarySpec) { s.Query = "sum by (instance) (x)" }, func(*world) {}, remedy.ReasonNoFreshness},

		{"two series", nil, func(w *world) {
			extra := *w.series[w.ask.value]["h00"]
			w.series[w.ask.value]["h00 again"] = &extra
		}, remedy.ReasonDuplicate},
		{"two series of which one is good", nil, func(w *world) {
			w.add(w.ask.stamps, "h00 again")
			w.series[w.ask.stamps]["h00 again"].Labels["instance"] = "h00"
		}, remedy.ReasonDuplicate},
		{"two counts", nil, func(w *world) {
			w.add(w.ask.points, "h00 again")
			w.series[w.ask.points]["h00 again"].Labels["instance"] = "h00"
		}, remedy.ReasonDuplicate},
		{"two expectations", expectQuery, func(w *world) {
			w.add(w.ask.expect, "h00 again")
			w.series[w.ask.expect]["h00 again"].Labels["instance"] = "h00"
		}, remedy.ReasonDuplicate},

		{"out", nil, func(w *world) { w.pool.Hosts[0].State = remedy.ServiceOut }, "out"},
		{"state unknown", nil, func(w *world) { w.pool.Hosts[0].State = remedy.ServiceUnknown }, "bad"},
		{"out for the shadow budget", nil, func(w *world) { w.pool.Hosts[0].ShadowOut = true }, "bad"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edit := tt.edit
			if edit == nil {
				edit = func(*CanarySpec) {}
			}
			w := newWorld(t, testSpec(edit), 10)
			w.ratio("h00", 0.1)
			tt.do(w)
			j := w.judge()
			if got := say(j.Findings()[0]); got != tt.want {
				t.Errorf("h00 is %s, want %s", got, tt.want)
			}
			for i, f := range j.Findings() {
				checkFinding(t, w, f)
				if i > 0 && say(f) != "good" && tt.want != remedy.ReasonNoFreshness {
					t.Errorf("%s is %s", f.Host, say(f))
				}
			}
		})
	}
}

// checkFinding checks what holds for every finding.
func checkFinding(tb testing.TB, w *world, f remedy.Finding) {
	tb.Helper()
	_, known := f.Value.Get()
	switch {
	case f.Detector != "canary_missing" || f.Pool != testPool || !f.At.Equal(testAt) || f.Unit == "":
		tb.Errorf("%+v lacks its names", f)
	case (f.Verdict == remedy.VerdictUnknown) != (f.Reason != ""):
		tb.Errorf("%s: verdict %v with reason %q", f.Host, f.Verdict, f.Reason)
	case f.BadNow != !f.BadSince.IsZero():
		tb.Errorf("%s: bad now %v since %v", f.Host, f.BadNow, f.BadSince)
	case f.Verdict == remedy.VerdictBad && (!f.BadNow || !f.BadSince.Equal(testAt.Add(-w.c.spec.For))):
		tb.Errorf("%s: bad, but now %v since %v", f.Host, f.BadNow, f.BadSince)
	case f.Reason == remedy.ReasonPending && !f.BadNow:
		tb.Errorf("%s: pending, but not bad now", f.Host)
	case f.BadNow && f.Verdict != remedy.VerdictBad && f.Reason != remedy.ReasonPending:
		tb.Errorf("%s: bad now, yet %s", f.Host, say(f))
	case known != (f.Covered()):
		tb.Errorf("%s: value known %v, covered %v (%s)", f.Host, known, f.Covered(), say(f))
	case f.Stopped && f.Verdict != remedy.VerdictBad:
		tb.Errorf("%s: stopped, yet %s", f.Host, say(f))
	}
}

func TestBadSince(t *testing.T) {
	w := newWorld(t, testSpec(), 10)
	w.ratio("h00", 0.1)
	w.edit(w.ask.value, "h00", steps(120, 3))
	f := w.judge().Findings()[0]
	if want := testAt.Add(-time.Minute); !f.BadSince.Equal(want) || say(f) != remedy.ReasonPending {
		t.Errorf("%s since %v, want pending since %v", say(f), f.BadSince, want)
	}
}

func TestEvidence(t *testing.T) {
	w := newWorld(t, testSpec(), 3)
	w.ratio("h00", 0.41)
	f := w.judge().Findings()[0]
	if v, ok := f.Value.Get(); !ok || v != 0.41 {
		t.Errorf("value %v %v", v, ok)
	}
	if f.Points != 8 || !f.Newest.Equal(testAt.Add(-10*time.Second)) || f.Bad != 0.5 || f.Clear != 0.9 ||
		f.Window != 2*time.Minute || f.For != 2*time.Minute {
		t.Errorf("%+v", f)
	}
}

func TestJudgeSource(t *testing.T) {
	sec := func(d int) float64 { return float64(testAt.Unix() + int64(d)) }
	const unknown = "unknown"
	tests := []struct {
		name  string
		edit  func(*CanarySpec)
		do    func(w *world)
		all   string // what every host is
		fresh string // true, false or unknown
		age   string
	}{
		{"fine", nil, func(*world) {}, "good", "true", "10s"},
		{"no target", func(s *CanarySpec) { s.CanaryTarget = "" }, func(*world) {}, "good", "true", unknown},
		{"values failed", nil, func(w *world) { w.failed[w.ask.value] = "refused" }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"counts failed", nil, func(w *world) { w.failed[w.ask.points] = "refused" }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"stamps failed", nil, func(w *world) { w.failed[w.ask.stamps] = "refused" }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"recent failed", nil, func(w *world) { w.failed[w.ask.recent] = "refused" }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"seen failed", nil, func(w *world) { w.failed[w.ask.seen] = "refused" }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"target failed", nil, func(w *world) { w.failed[w.ask.target] = "refused" }, remedy.ReasonSourceFailed, unknown, unknown},
		{"values not asked", nil, func(w *world) { delete(w.series, w.ask.value) }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"target not asked", nil, func(w *world) { delete(w.series, w.ask.target) }, remedy.ReasonSourceFailed, unknown, unknown},
		{"expectation failed", func(s *CanarySpec) { s.ExpectPerMinute, s.ExpectQuery = 0, "e" },
			func(w *world) { w.failed[w.ask.expect] = "refused" }, remedy.ReasonSourceFailed, unknown, "10s"},
		{"target stale", nil, func(w *world) { w.edit(w.ask.target, "heartbeat", always(sec(-51))) }, remedy.ReasonSourceStale, "false", "51s"},
		{"target at the limit", nil, func(w *world) { w.edit(w.ask.target, "heartbeat", steps(sec(-50), 0)) }, "good", "true", "40s"},
		{"target gone", nil, func(w *world) { delete(w.series[w.ask.target], "heartbeat") }, remedy.ReasonSourceStale, "false", unknown},
		{"target gone now", nil, func(w *world) { w.edit(w.ask.target, "heartbeat", without(0, 1)) }, remedy.ReasonSourceStale, "false", "1m10s"},
		{"target NaN", nil, func(w *world) { w.edit(w.ask.target, "heartbeat", always(math.NaN())) }, remedy.ReasonSourceStale, "false", unknown},
		{"target in the future", nil, func(w *world) { w.edit(w.ask.target, "heartbeat", always(sec(31))) }, remedy.ReasonSourceStale, "false", "-31s"},
		{"one of two targets stale", nil, func(w *world) {
			w.add(w.ask.target, "second")
			w.edit(w.ask.target, "second", always(sec(-280)))
		}, "good", "true", "10s"},
		{"expression of unknown age", func(s *CanarySpec) { s.Query = "sum(x)" }, func(*world) {}, remedy.ReasonNoFreshness, "true", "10s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edit := tt.edit
			if edit == nil {
				edit = func(*CanarySpec) {}
			}
			w := newWorld(t, testSpec(edit), 3)
			w.pool.Hosts[2].State = remedy.ServiceOut
			tt.do(w)
			j := w.judge()
			for _, f := range j.Findings()[:2] {
				if say(f) != tt.all {
					t.Errorf("%s is %s, want %s", f.Host, say(f), tt.all)
				}
			}
			if say(j.Findings()[2]) != "out" {
				t.Errorf("the host that is out is %s", say(j.Findings()[2]))
			}
			fresh, age := unknown, unknown
			if v, ok := j.SourceFresh.Get(); ok {
				fresh = map[bool]string{true: "true", false: "false"}[v]
			} else if j.SourceFresh.Why == "" {
				t.Error("SourceFresh is unknown without a reason")
			}
			if v, ok := j.SourceAge.Get(); ok {
				age = v.String()
			} else if j.SourceAge.Why == "" {
				t.Error("SourceAge is unknown without a reason")
			}
			if fresh != tt.fresh || age != tt.age {
				t.Errorf("fresh %s age %s, want %s and %s", fresh, age, tt.fresh, tt.age)
			}
		})
	}
}

func TestHostRegex(t *testing.T) {
	short := regexp.MustCompile(`^([^.:]+)`)
	graphite := regexp.MustCompile(`^([a-z0-9]+)[._:]?`)
	example := regexp.MustCompile(`^(.+)\.example\.net(?::\d+)?$`)
	optional := regexp.MustCompile(`^x(y)?`)
	tests := []struct {
		name        string
		regex       *regexp.Regexp
		host, label string
		match       bool
	}{
		{"same", nil, "a", "a", true},
		{"case differs", nil, "a", "A", false},
		{"port without regex", nil, "a", "a:9100", false},
		{"no label", nil, "a", "", false},
		{"short name", short, "a", "a", true},
		{"long label", short, "a", "a.example.net", true},
		{"port", short, "a", "a:9100", true},
		{"long label and port", short, "a", "a.example.net:9100", true},
		{"long host", short, "a.example.net", "a", true},
		{"long host and port", short, "a.example.net", "a:9100", true},
		{"another", short, "a", "ab", false},
		{"underscores", graphite, "a.example.net", "a_example_net", true},
		{"label of another domain", example, "a", "a.example.com", false},
		{"label of the domain", example, "a", "a.example.net:9100", true},
		{"label that the regex does not match", example, "a", "a", false},
		{"group that takes nothing", optional, "x", "x", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, testSpec(func(s *CanarySpec) { s.HostRegex = tt.regex }), 1)
			w.pool.Hosts[0].Name = remedy.HostName(tt.host)
			for _, q := range []remedy.Query{w.ask.value, w.ask.points, w.ask.stamps} {
				w.series[q]["h00"].Labels = map[string]string{"instance": tt.label}
			}
			j := w.judge()
			want, unmatched := remedy.ReasonNeverSeen, 1
			if tt.match {
				want, unmatched = "good", 0
			}
			if got := say(j.Findings()[0]); got != want || j.Unmatched != unmatched {
				t.Errorf("%s with %d unmatched, want %s with %d", got, j.Unmatched, want, unmatched)
			}
		})
	}
}

func TestHostRegexMakesNamesEqual(t *testing.T) {
	w := newWorld(t, testSpec(func(s *CanarySpec) { s.HostRegex = regexp.MustCompile(`^([^.]+)`) }), 4)
	for i, name := range []remedy.HostName{"a.x", "a.y", "a.z", "b.x"} {
		w.pool.Hosts[i].Name = name
	}
	for _, q := range []remedy.Query{w.ask.value, w.ask.points, w.ask.stamps} {
		clear(w.series[q])
		w.add(q, "a")
		w.add(q, "b")
	}
	j := w.judge()
	for i, want := range []string{remedy.ReasonDuplicate, remedy.ReasonDuplicate, remedy.ReasonDuplicate, "good"} {
		if got := say(j.Findings()[i]); got != want {
			t.Errorf("%s is %s, want %s", j.Findings()[i].Host, got, want)
		}
	}
	if j.Unmatched != 0 {
		t.Errorf("%d unmatched", j.Unmatched)
	}
}

func TestUnmatched(t *testing.T) {
	w := newWorld(t, testSpec(), 3)
	w.add(w.ask.value, "stranger")
	w.add(w.ask.stamps, "stranger")
	w.add(w.ask.stamps, "nameless")
	delete(w.series[w.ask.stamps]["nameless"].Labels, "instance")
	if j := w.judge(); j.Unmatched != 2 || count(j, "good") != 3 {
		t.Errorf("%d unmatched, %d good", j.Unmatched, count(j, "good"))
	}
}

func TestEmptyPool(t *testing.T) {
	w := newWorld(t, testSpec(), 0)
	if j := w.judge(); len(j.Findings()) != 0 {
		t.Errorf("%d findings", len(j.Findings()))
	}
}
