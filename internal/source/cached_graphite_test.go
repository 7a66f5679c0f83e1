package source

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// TestCachedIsFetchedInBuckets is the promise of the cache for Graphite.
func TestCachedIsFetchedInBuckets(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const horizon = 900
		late := rapid.SampledFrom([]int{0, 10, 45, 120}).Draw(t, "late")
		c := drawCarbon(t, late, horizon)
		g := c.source(t)
		small := rapid.SampledFrom([]int64{0, 0, 0, 3000}).Draw(t, "bytes")
		cached := NewCached(g, CacheOptions{Name: "graph", LateWithin: time.Duration(late) * time.Second, MaxBytes: small})
		for c.now = 5; c.now < horizon; c.now += rapid.SampledFrom([]int{0, 10, 10, 10, 13, 30, 120}).Draw(t, "pause") {
			if rapid.IntRange(0, 60).Draw(t, "stop") == 0 {
				break
			}
			end := c.now - rapid.SampledFrom([]int{0, 5, 10, 10, 10, 40}).Draw(t, "behind")
			var queries []remedy.Query
			for range rapid.IntRange(1, 2).Draw(t, "queries") {
				target := rapid.SampledFrom([]string{"a.*", "s.*", "s.*", "sumSeries(s.*)", "movingSum(s.*,3)"}).Draw(t, "target")
				queries = append(queries, spanSeconds(target, end-rapid.SampledFrom([]int{0, 90, 240, 240, 360}).Draw(t, "window"), end))
			}
			c.down = rapid.IntRange(0, 12).Draw(t, "down") == 0
			results := FetchAll(t.Context(), map[remedy.SourceName]Source{"graph": cached}, queries, 1)
			for _, q := range queries {
				got := results[q]
				if c.down {
					if got.Failed == "" || got.Frame != nil {
						t.Fatal("an old answer in place of a failure")
					}
					continue
				}
				want := g.Fetch(t.Context(), q)
				if got.Failed != want.Failed {
					t.Fatalf("%q, %q", got.Failed, want.Failed)
				}
				if want.Failed != "" {
					continue
				}
				if diff := sameBuckets(want.Frame, got.Frame); diff != "" || !got.Frame.FitsBuckets(q) {
					t.Fatalf("now %d, %s: %s", c.now, q.Expr, diff)
				}
			}
			if cached.bytes > cached.opts.MaxBytes {
				t.Fatalf("%d bytes, %d are allowed", cached.bytes, cached.opts.MaxBytes)
			}
		}
	})
}

// live is a Graphite whose hosts report every ten seconds, on time.
func live(hosts ...string) *carbon {
	c := &carbon{files: map[string]*whisper{}}
	for i, h := range hosts {
		f := &whisper{created: -1000, deleted: math.MaxInt, step: 10}
		for b := -4000; b < 4000; b += 10 {
			f.values = append(f.values, written{b, b + 1, float64(b + i)})
		}
		c.files["a."+h] = f
	}
	return c
}

// TestCachedAsksForNewBuckets counts what Graphite is asked for, for an hour of
// two hosts: 361 buckets of each, of which a round needs one.
func TestCachedAsksForNewBuckets(t *testing.T) {
	t.Parallel()
	c := live("x", "y")
	g := c.source(t)
	cached := NewCached(g, CacheOptions{Name: "graph", LateWithin: 2 * time.Minute})
	steps := []struct {
		now    int
		before func()
		asked  []int // buckets, by request
	}{
		{now: 1000, asked: []int{361}},    // nothing is known
		{now: 1010, asked: []int{1 + 16}}, // the new one, two minutes, and tailBuckets
		{now: 1020, asked: []int{1 + 16}}, //
		{now: 1020, asked: []int{16}},     // judged again
		{now: 1050, asked: []int{3 + 16}}, // two rounds were missed
		{now: 1053, asked: []int{16}},     // no bucket began meanwhile
		{now: 1063, asked: []int{1 + 15}}, //
		{now: 1073, asked: []int{16, 360}, before: func() { // renamed
			c.files["a.z"] = c.files["a.y"]
			delete(c.files, "a.y")
		}},
		{now: 1083, asked: []int{16}},
		{now: 1093, asked: []int{16, 360}, before: func() { delete(c.files, "a.z") }}, // vanished
		{now: 1103, asked: []int{16, 360}, before: func() { c.files["a.w"] = c.files["a.x"] }},
		{now: 1113, asked: []int{3, 60}, before: func() { c.files["a.x"].resized, c.files["a.x"].then = 1, 60 }},
		{now: 1123, asked: []int{6}},              // of a minute, beginning where one of the hour's does
		{now: 1000, asked: []int{60}},             // back
		{now: 1000 + 3600 + 60, asked: []int{60}}, // a gap as long as the window
		{now: 5210, asked: []int{15}},             // not yet ten minutes
		{now: 5270, asked: []int{60}},             // of parts
	}
	for _, s := range steps {
		if s.before != nil {
			s.before()
		}
		c.now, c.asked = s.now, nil
		q := spanSeconds("a.*", s.now-3600, s.now)
		got := cached.Fetch(t.Context(), q)
		asked := c.asked
		if want := g.Fetch(t.Context(), q); got.Failed != "" || sameBuckets(want.Frame, got.Frame) != "" {
			t.Errorf("at %d: %s", s.now, sameBuckets(want.Frame, got.Frame))
		}
		if !slices.Equal(asked, s.asked) {
			t.Errorf("at %d: %v buckets were asked for, want %v", s.now, asked, s.asked)
		}
	}
	c.asked = nil
	if r := Fresh(cached).Fetch(t.Context(), spanSeconds("a.*", 5270-3600, 5270)); r.Failed != "" || !slices.Equal(c.asked, []int{60}) {
		t.Errorf("fresh: %v", c.asked)
	}
	for range 2 { // where a value depends on the window, and where names don't tell series apart
		c.asked = nil
		cached.Fetch(t.Context(), spanSeconds("movingSum(a.*,3)", 1670, 5270))
		cached.Fetch(t.Context(), spanSeconds("alias(a.*,'one')", 1670, 5270))
		if !slices.Equal(c.asked, []int{60, 60}) {
			t.Errorf("%v buckets were asked for", c.asked)
		}
	}
}

// TestCachedLateBuckets pins what happens to a value that comes, or changes,
// later than late_within: it is not seen until all is asked for again, ten
// minutes after that was done last, and at once by what is asked afresh.
func TestCachedLateBuckets(t *testing.T) {
	t.Parallel()
	c := live("x")
	f := c.files["a.x"]
	f.values = slices.DeleteFunc(f.values, func(w written) bool { return w.bucket == 1000 || w.bucket == 1100 })
	f.values = append(f.values,
		written{1000, 1010 + 120, 1}, // a hole that is filled just in time
		written{1100, 1110 + 190, 2}, // one that is filled too late
		written{1200, 1210 + 190, 3}) // and a value that changes too late
	cached := NewCached(c.source(t), CacheOptions{Name: "graph", LateWithin: 2 * time.Minute})
	var differs []int
	for c.now = 990; c.now < 1800; c.now += 10 {
		q := spanSeconds("a.x", c.now-3600, c.now)
		if sameBuckets(Fresh(cached).Fetch(t.Context(), q).Frame, cached.Fetch(t.Context(), q).Frame) != "" {
			differs = append(differs, c.now)
		}
	}
	if len(differs) != 29 || differs[0] != 1300 || differs[28] != 1580 {
		t.Errorf("the answers differ at %v", differs)
	}
}

// TestCachedAcrossArchives pins what happens when the window's beginning passes
// the end of the fine archive while its length stays the same, as by a round
// that is late: only the whole window would be answered from the coarse one.
func TestCachedAcrossArchives(t *testing.T) {
	t.Parallel()
	c := live("x")
	c.fine = 3605
	cached := NewCached(c.source(t), CacheOptions{Name: "graph", LateWithin: 2 * time.Minute})
	step := func(now, end int) int64 {
		c.now = now
		return cached.Fetch(t.Context(), spanSeconds("a.x", end-3600, end)).Frame.Step / 1000
	}
	if a, b, d := step(1000, 1000), step(1020, 1010), step(1610, 1600); a != 10 || b != 10 || d != 60 {
		t.Errorf("steps of %d, %d and %d s", a, b, d)
	}
}

func TestSeparableTargets(t *testing.T) {
	t.Parallel()
	g := live().source(t)
	for target, want := range map[string]bool{
		"canary.received.*.count":                                      true,
		" a.{b,c}.[de]?.n-1:x ":                                        true,
		"aliasByNode(canary.received.*.count, 2)":                      true,
		"aliasByNode(scale(sumSeries(a.*.x, a.*.y),0.1),-2, 1)":        true,
		`aliasSub(a.*, "^.*\.(\w+)$", '\1')`:                           true,
		`groupByNode(a.*.*, 1, "sum")`:                                 true,
		`groupByNode(a.*.*, 1)`:                                        true,
		`groupByNodes(a.*.*, 'averageSeries', 1, 2)`:                   true,
		`groupByTags(seriesByTag("name=got", "dc=~a|b"),"max","host")`: true,
		`offset(absolute(exclude(a.*,"b")), -1e3)`:                     true,
		`aggregate(a.*, "avg")`:                                        true,
		`group(a.b,maxSeries(a.{c,d}))`:                                true,
		"":                                                             false,
		"sumSeries()":                                                  false,
		"sumSeries(a.*":                                                false,
		"sumSeries(a.*))":                                              false,
		"sumSeries(a.*) b":                                             false,
		"a.*|sumSeries()":                                              false,
		"a.{b,c":                                                       false,
		`groupByNode(a.*.*, 1, "derivative")`:                          false,
		`groupByNode(a.*.*, 1, callback="sum")`:                        false,
		`aggregate(a.*, "sum", 0.5)`:                                   false,
		`aggregate(a.*, "avg_zero")`:                                   false,
		`aggregate(a.*, "count")`:                                      false,
		"scale(a.*)":                                                   false,
		`aliasSub(a.*, "\"", "")`:                                      false, // costs a whole fetch and no more
		`aliasSub(a.*, "x)`:                                            false,
		"$a.b":                                                         true, // whatever it is: a path
		"a b":                                                          false,
		"scale(movingAverage(a.*,3),2)":                                false,
		"SUMSERIES(a.*)":                                               false,
		"averageSeries(a.*,10)":                                        true, // 10 is a path there
	} {
		if got := g.Separable(target); got != want {
			t.Errorf("%s: %v", target, got)
		}
	}
	// What looks over the bucket's edge, makes values up, or picks by value.
	for _, f := range []string{
		"movingAverage", "movingMedian", "movingSum", "perSecond", "derivative", "nonNegativeDerivative", "delay", "summarize", "smartSummarize",
		"hitcount", "integral", "timeShift", "timeStack", "removeEmptySeries", "removeBetweenPercentile", "highestMax", "highestCurrent", "limit", "sortByMaxima",
		"sortByName", "mostDeviant", "asPercent", "stdev", "holtWintersForecast", "keepLastValue", "transformNull", "isNonNull", "countSeries", "changed",
		"interpolate", "legendValue", "cactiStyle", "aliasQuery", "divideSeries", "multiplySeries", "diffSeries", "setXFilesFactor", "consolidateBy",
		"fallbackSeries", "offsetToZero", "useSeriesAbove", "filterSeries", "maximumAbove", "averageAbove", "currentAbove", "nPercentile", "stacked", "timeSlice",
	} {
		for _, target := range []string{f + "(a.*)", f + "(a.*,3)", f + "(a.*,'3')", f + "(a.*,a.b)"} {
			if g.Separable(target) {
				t.Errorf("%s is taken for separable", target)
			}
		}
	}
}
