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

// buckets is one stored series: the value of the bucket that begins at an
// instant, or false for a null.
type buckets struct {
	step  int64 // seconds
	value func(at int64) (float64, bool)
}

// shelf is a Graphite with one series a name.
type shelf map[string]buckets

// answer lays out the series of a query as the source does.
func (s shelf) answer(q remedy.Query, names ...string) remedy.Result {
	f := &remedy.Frame{Start: q.Start.UnixMilli(), Step: 1000, Widths: []int64{}}
	for at := q.Start; !at.After(q.End); at = at.Add(time.Second) {
		col := make([]float64, len(names))
		for i, name := range names {
			col[i] = remedy.Missing()
			if b := s[name]; at.Unix()%b.step == 0 {
				if v, ok := b.value(at.Unix()); ok {
					col[i] = v
				}
			}
		}
		f.Cols = append(f.Cols, col)
	}
	for _, name := range names {
		f.Widths = append(f.Widths, s[name].step*1000)
	}
	f.Keys = remedy.NewKeys(names)
	return remedy.Result{Frame: f}
}

const graphiteHeart = "canary.heartbeat"

// graphiteSpec is 30 s steps, a window of 2 min and 2 min of `for`, of series
// that expect one a second.
func graphiteSpec(edit ...func(*CanarySpec)) CanarySpec {
	return testSpec(append([]func(*CanarySpec){func(s *CanarySpec) {
		s.Dialect, s.Query, s.CanaryTarget = Graphite, "canary.received.*.count", graphiteHeart
		s.HostLabel, s.HostNode, s.ExpectPerMinute = "", 3, 60
	}}, edit...)...)
}

// graphiteWorld is a world on buckets: every host good, and the heart beating.
type graphiteWorld struct {
	tb     testing.TB
	c      *Canary
	pool   remedy.PoolView
	shelf  shelf
	expect shelf // answers expect_query
	failed string
}

func newGraphiteWorld(tb testing.TB, spec CanarySpec, n int) *graphiteWorld {
	tb.Helper()
	w := &graphiteWorld{tb: tb, c: mustCanary(tb, spec), pool: poolOf(n), shelf: shelf{}, expect: shelf{}}
	for i := range n {
		w.shelf[graphitePath(i)] = rate(10, 1)
		w.expect[graphitePath(i)] = perMinute(10, 60)
	}
	w.shelf[graphiteHeart] = rate(10, 1)
	return w
}

func graphitePath(i int) string { return fmt.Sprintf("canary.received.%s.count", hostName(i)) }

// rate fills every bucket with so much a second; perMinute with the same number.
func rate(step int64, perSecond float64) buckets {
	return buckets{step, func(int64) (float64, bool) { return perSecond * float64(step), true }}
}

func perMinute(step int64, v float64) buckets {
	return buckets{step, func(int64) (float64, bool) { return v, true }}
}

// but keeps the buckets of b that keep says, by their beginning in seconds
// before the judged instant.
func (b buckets) but(keep func(ago int64) bool) buckets {
	return buckets{b.step, func(at int64) (float64, bool) {
		v, ok := b.value(at)
		return v, ok && keep(testAt.Unix()-at)
	}}
}

func (w *graphiteWorld) judge() remedy.Judgement {
	results := remedy.Results{}
	ask := w.c.ask(testAt)
	for _, q := range ask.all() {
		var names []string
		from := w.shelf
		switch q {
		case ask.target:
			names = []string{graphiteHeart}
		case ask.expect:
			from = w.expect
			names = slices.Sorted(maps.Keys(from))
		default:
			names = slices.DeleteFunc(slices.Sorted(maps.Keys(from)), func(n string) bool { return n == graphiteHeart })
		}
		if w.failed != "" {
			results[q] = remedy.Result{Failed: w.failed}
			continue
		}
		results[q] = from.answer(q, names...)
		if !results[q].Frame.FitsBuckets(q) {
			w.tb.Fatal("the test's own answer does not fit")
		}
	}
	return w.c.Judge(w.pool, testAt, results, nil)
}

func (w *graphiteWorld) first() remedy.Finding { return w.judge().Findings()[0] }

func TestCanaryOnGraphite(t *testing.T) {
	t.Parallel()
	set := func(i int, b buckets) func(*graphiteWorld) {
		return func(w *graphiteWorld) { w.shelf[graphitePath(i)] = b }
	}
	drop := func(i int) func(*graphiteWorld) {
		return func(w *graphiteWorld) { delete(w.shelf, graphitePath(i)) }
	}
	older := func(s int64) func(int64) bool { return func(ago int64) bool { return ago >= s } }
	newer := func(s int64) func(int64) bool { return func(ago int64) bool { return ago < s } }
	byQuery := func(s *CanarySpec) { s.ExpectPerMinute, s.ExpectQuery = 0, "sent.*.rate" }
	noTarget := func(s *CanarySpec) { s.CanaryTarget = "" }
	constant := func(v float64) buckets { return perMinute(10, v) }
	tests := []struct {
		name string
		edit func(*CanarySpec)
		do   func(*graphiteWorld)
		want string
	}{
		{"all is well", nil, nil, "good"},
		{"gets half", nil, set(0, rate(10, 0.49)), "bad"},
		{"gets nothing, and says so", nil, set(0, rate(10, 0)), "bad"},
		{"exactly at bad_below", nil, set(0, rate(10, 0.5)), "between"},
		{"exactly at clear_above", nil, set(0, rate(10, 0.9)), "good"},
		{"between", nil, set(0, rate(10, 0.7)), "between"},
		{"bad now, not all the time", nil, func(w *graphiteWorld) {
			w.shelf[graphitePath(0)] = buckets{10, func(at int64) (float64, bool) {
				if testAt.Unix()-at <= 100 {
					return 0, true
				}
				return 10, true
			}}
		}, "pending"},

		{"steps of a second", nil, set(0, rate(1, 1)), "good"},
		{"steps of a second, bad", nil, set(0, rate(1, 0.3)), "bad"},
		{"steps that are the interval", nil, set(0, rate(30, 1)), "good"},
		{"steps that are the interval, bad", nil, set(0, rate(30, 0.3)), "bad"},
		{"steps that don't divide the interval", nil, set(0, rate(20, 0.3)), "bad"},
		{"steps coarser than the interval", nil, set(0, rate(60, 1)), "few_points"},
		{"steps coarser than the interval, of nothing", nil, set(0, rate(60, 0)), "few_points"},

		// Nulls are not points, and nothing is expected of them.
		{"every other bucket", nil, set(0, rate(10, 1).but(func(ago int64) bool { return ago%20 == 0 })), "good"},
		{"every other bucket, bad", nil, set(0, rate(10, 0.4).but(func(ago int64) bool { return ago%20 == 0 })), "bad"},
		{"one bucket in four", nil, set(0, rate(10, 1).but(func(ago int64) bool { return ago%40 == 10 })), "few_points"},
		{"one bucket in four, of nothing", nil, set(0, rate(10, 0).but(func(ago int64) bool { return ago%40 == 10 })), "few_points"},
		{"the newest is null, as carbon has it", nil, set(0, rate(10, 1).but(older(20))), "good"},
		{"the newest is null, and it is bad", nil, set(0, rate(10, 0.3).but(older(20))), "bad"},
		{"a bad host that just came", nil, set(0, rate(10, 0).but(newer(90))), "pending"},
		{"a good host that just came", nil, set(0, rate(10, 1).but(newer(90))), "good"},
		{"a host that came too late for enough points", nil, set(0, rate(10, 0).but(newer(40))), "few_points"},

		{"no series", noTarget, drop(0), "no_series"},
		{"no points at all", noTarget, set(0, rate(10, 1).but(func(int64) bool { return false })), "no_series"},
		{"stale without a target", noTarget, set(0, rate(10, 0).but(older(70))), "stale"},
		{"just not stale", nil, set(0, rate(10, 0.3).but(older(60))), "bad"},
		{"just stale", nil, set(0, rate(10, 0.3).but(older(61))), "stale"},
		{"infinite", nil, set(0, constant(math.Inf(1))), "not_a_number"},
		{"NaN", nil, set(0, constant(math.NaN())), "not_a_number"},
		{"negative", nil, set(0, constant(-5)), "not_a_number"},
		{"two series of one host", nil, func(w *graphiteWorld) { w.shelf["canary.received.h00.other"] = rate(10, 1) }, "duplicate"},
		{"out of service", nil, func(w *graphiteWorld) { w.pool.Hosts[0].State = remedy.ServiceOut }, "out"},

		{"the source failed", nil, func(w *graphiteWorld) { w.failed = "it is down" }, "source_failed"},
		{"the heart is late", nil, func(w *graphiteWorld) { w.shelf[graphiteHeart] = rate(10, 1).but(older(61)) }, "source_stale"},
		{"the heart is gone", nil, func(w *graphiteWorld) { w.shelf[graphiteHeart] = rate(10, 1).but(func(int64) bool { return false }) }, "source_stale"},
		{"the heart stopped for a while", nil, func(w *graphiteWorld) {
			w.shelf[graphitePath(0)] = rate(10, 0)
			w.shelf[graphiteHeart] = rate(10, 1).but(func(ago int64) bool { return ago < 60 || ago > 120 })
		}, "pending"},
		{"the heart beats once a minute", nil, func(w *graphiteWorld) {
			w.shelf[graphiteHeart] = rate(60, 1)
			w.shelf[graphitePath(0)] = rate(10, 0)
		}, "bad"},

		{"expected by query", byQuery, set(0, rate(10, 1)), "good"},
		{"expected by query, bad", byQuery, set(0, rate(10, 0.4)), "bad"},
		{"more expected of it", byQuery, func(w *graphiteWorld) { w.expect[graphitePath(0)] = perMinute(10, 130) }, "bad"},
		{"nothing expected of it", byQuery, func(w *graphiteWorld) { w.expect[graphitePath(0)] = perMinute(10, 0) }, "no_expectation"},
		{"expectation is missing", byQuery, func(w *graphiteWorld) { delete(w.expect, graphitePath(0)) }, "no_expectation"},
		{"expectation is not a number", byQuery, func(w *graphiteWorld) { w.expect[graphitePath(0)] = perMinute(10, math.NaN()) }, "no_expectation"},
		{"expectation is negative", byQuery, func(w *graphiteWorld) { w.expect[graphitePath(0)] = perMinute(10, -60) }, "no_expectation"},
		{"expectation of another step", byQuery, func(w *graphiteWorld) { w.expect[graphitePath(0)] = perMinute(30, 60) }, "no_expectation"},
		{"expected only where it is known", byQuery, func(w *graphiteWorld) {
			w.expect[graphitePath(0)] = perMinute(10, 60).but(func(ago int64) bool { return ago%20 == 0 })
		}, "good"},

		{"one stopped", nil, set(0, rate(10, 1).but(older(130))), "bad stopped"},
		{"one stopped, and its series is gone from the window", nil, set(0, rate(10, 1).but(older(3000))), "bad stopped"},
		{"not long enough", nil, set(0, rate(10, 1).but(older(100))), "stale"},
		{"never seen", nil, drop(0), "never_seen"},
		{"never a point", nil, set(0, rate(10, 1).but(func(int64) bool { return false })), "never_seen"},
		{"seen too little", nil, set(0, rate(10, 1).but(func(ago int64) bool { return ago > 1000 && ago <= 1030 })), "few_points"},
		{"two stopped", nil, func(w *graphiteWorld) {
			set(0, rate(10, 1).but(older(130)))(w)
			set(1, rate(10, 1).but(older(200)))(w)
		}, "many_stopped"},
		{"another just went stale", nil, func(w *graphiteWorld) {
			set(0, rate(10, 1).but(older(130)))(w)
			set(1, rate(10, 1).but(older(65)))(w)
		}, "many_stopped"},
		{"stopped with the rule off", func(s *CanarySpec) { s.MaxEnded = 0 }, set(0, rate(10, 1).but(older(130))), "many_stopped"},
		{"stopped without a target", noTarget, set(0, rate(10, 1).but(older(130))), "stale"},
		{"stopped, nothing expected any more", byQuery, func(w *graphiteWorld) {
			set(0, rate(10, 1).but(older(130)))(w)
			w.expect[graphitePath(0)] = perMinute(10, 60).but(older(130))
		}, "no_expectation"},
		{"stopped, still expected", byQuery, set(0, rate(10, 1).but(older(130))), "bad stopped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			edit := tt.edit
			if edit == nil {
				edit = func(*CanarySpec) {}
			}
			w := newGraphiteWorld(t, graphiteSpec(edit), 10)
			if tt.do != nil {
				tt.do(w)
			}
			if got := say(w.first()); got != tt.want {
				t.Errorf("h00 is %s, want %s", got, tt.want)
			}
		})
	}
}

func TestGraphiteEvidence(t *testing.T) {
	t.Parallel()
	w := newGraphiteWorld(t, graphiteSpec(), 3)
	w.shelf[graphitePath(0)] = rate(10, 0.4).but(func(ago int64) bool { return ago >= 30 })
	w.shelf["canary.received.stranger.count"] = rate(10, 1)
	j := w.judge()
	f := j.Findings()[0]
	v, known := f.Value.Get()
	if !known || math.Abs(v-0.4) > 1e-9 || f.Points != 10 || !f.Newest.Equal(testAt.Add(-20*time.Second)) || !f.BadSince.Equal(testAt.Add(-2*time.Minute)) || j.Unmatched != 1 {
		t.Errorf("%+v, %d unmatched", f, j.Unmatched)
	}
	if age, ok := j.SourceAge.Get(); !ok || age != 0 {
		t.Errorf("the heart's newest complete bucket ends at the judged instant: %v %v", age, ok)
	}
}

// One question a pool, however many hosts, and one each for what is optional.
func TestGraphiteQueries(t *testing.T) {
	t.Parallel()
	ask := func(edit ...func(*CanarySpec)) (out []string) {
		for _, q := range mustCanary(t, graphiteSpec(edit...)).Queries(poolOf(500), testAt) {
			out = append(out, q.Expr+" "+q.End.Sub(q.Start).String())
		}
		return out
	}
	for _, tt := range []struct {
		edit func(*CanarySpec)
		want []string
	}{
		{func(*CanarySpec) {}, []string{"canary.received.*.count 1h0m0s", "canary.heartbeat 4m0s"}},
		{func(s *CanarySpec) { s.CanaryTarget = "" }, []string{"canary.received.*.count 4m0s"}},
		{func(s *CanarySpec) { s.CanaryTarget, s.MaxStaleness = "", 10*time.Minute }, []string{"canary.received.*.count 12m30s"}},
		{func(s *CanarySpec) { s.ExpectPerMinute, s.ExpectQuery = 0, "sent.*.rate" }, []string{"canary.received.*.count 1h0m0s", "sent.*.rate 4m0s", "canary.heartbeat 4m0s"}},
	} {
		if d := cmp.Diff(tt.want, ask(tt.edit)); d != "" {
			t.Error(d)
		}
	}
}

func TestGraphiteHostNames(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		path string
		edit func(*CanarySpec)
	}{
		"node":           {"canary.received.h00.count", func(s *CanarySpec) { s.HostNode = 3 }},
		"from the end":   {"sumSeries(canary.received.h00.*)", func(s *CanarySpec) { s.HostNode = -2 }},
		"alias":          {"h00", func(s *CanarySpec) { s.HostNode = 0 }},
		"node and regex": {"canary.received.h00_example_net.count", func(s *CanarySpec) { s.HostRegex = regexp.MustCompile(`^([a-z0-9]+)`) }},
	} {
		w := newGraphiteWorld(t, graphiteSpec(tt.edit), 1)
		delete(w.shelf, graphitePath(0))
		w.shelf[tt.path] = rate(10, 0.1)
		w.pool.Hosts[0].Name = "h00"
		if got := say(w.first()); got != "bad" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestGraphiteRefuses(t *testing.T) {
	t.Parallel()
	for want, edit := range map[string]func(*CanarySpec){
		".query: missing":                          func(s *CanarySpec) { s.Query = "" },
		".fresh_query: Graphite's":                 func(s *CanarySpec) { s.FreshQuery = "a" },
		".host_label: Graphite's":                  func(s *CanarySpec) { s.HostLabel = "host" },
		".query: keepLastValue may make up":        func(s *CanarySpec) { s.Query = "sumSeries(keepLastValue(a.b, 3))" },
		".canary_target: constantLine may make up": func(s *CanarySpec) { s.CanaryTarget = "constantLine(1)" },
		".expect_query: transformNull may make up": func(s *CanarySpec) { s.ExpectPerMinute, s.ExpectQuery = 0, "transformNull(a)" },
		".expect_per_minute: missing":              func(s *CanarySpec) { s.ExpectPerMinute = 0 },
		".min_points: 0 is too few":                func(s *CanarySpec) { s.MinPoints = 0 },
		".host_node: the source's":                 func(s *CanarySpec) { s.Dialect, s.Query, s.CanaryTarget = PromQL, "up", "up" },
	} {
		if _, err := NewCanary(graphiteSpec(edit)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
	if _, err := NewCanary(graphiteSpec(func(s *CanarySpec) { s.MinPoints = 1 })); err != nil {
		t.Error(err)
	}
	if w := mustCanary(t, graphiteSpec()).Warnings(); len(w) != 0 {
		t.Errorf("%q", w)
	}
}

func TestGraphiteDigest(t *testing.T) {
	t.Parallel()
	base := mustCanary(t, graphiteSpec()).digest
	for name, edit := range map[string]func(*CanarySpec){
		"dialect":   func(s *CanarySpec) { s.Dialect, s.HostNode, s.Query, s.CanaryTarget = PromQL, 0, "a", "b" },
		"host node": func(s *CanarySpec) { s.HostNode = 2 },
		"query":     func(s *CanarySpec) { s.Query = "other.*" },
	} {
		if mustCanary(t, graphiteSpec(edit)).digest == base {
			t.Errorf("%s does not change the digest", name)
		}
	}
}
