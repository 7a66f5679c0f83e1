package detectors

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

func lines(all []Proposal) []string {
	var out []string
	for _, p := range all {
		out = append(out, p.Line)
	}
	return out
}

// TestAdviseCanary: each number that can't be right is proposed anew, alone.
func TestAdviseCanary(t *testing.T) {
	tests := []struct {
		name string
		edit func(*CanarySpec)
		do   func(w *world)
		want []string
	}{
		{"all is well", nil, func(*world) {}, nil},
		{"one host is bad", nil, func(w *world) { w.ratio("h03", 0.1) }, nil},
		{"half of what is expected", nil, func(w *world) {
			for _, h := range w.pool.Hosts {
				w.ratio(string(h.Name), 0.25)
			}
		}, []string{"expect_per_minute = 15"}},
		{"few samples", func(s *CanarySpec) { s.MinPoints = 12 }, func(*world) {}, []string{"min_points = 5"}},
		{"rare samples", nil, func(w *world) {
			for _, h := range w.pool.Hosts {
				w.edit(w.ask.stamps, string(h.Name), func(_ int, v float64) (float64, bool) { return v - 60, true })
			}
		}, []string{`max_staleness = "2m20s"`}},
		{"looks too often", func(s *CanarySpec) { s.MinPoints = 2 }, func(w *world) {
			for _, h := range w.pool.Hosts {
				w.edit(w.ask.points, string(h.Name), always(2))
			}
		}, []string{`interval = "1m0s"`}},
		{"names with a port", nil, func(w *world) {
			for q, hosts := range w.series {
				for name, s := range hosts {
					if q != w.ask.target {
						s.Labels["instance"] = name + ":9100"
					}
				}
			}
		}, []string{`host_regex = '^([^.:]+)'`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edit := func(*CanarySpec) {}
			if tt.edit != nil {
				edit = tt.edit
			}
			w := newWorld(t, testSpec(edit), 10)
			tt.do(w)
			results := w.results()
			j := w.c.Judge(w.pool, testAt, results, nil)
			got := lines(w.c.Advise(w.pool, &j, results, w.c.Strangers(w.pool, testAt, results, 20)))
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAdviseThreshold: a bound that most of the pool is past is no bound.
func TestAdviseThreshold(t *testing.T) {
	below := func(s *ThresholdSpec) { s.Conditions = []Condition{{Query: "load", BadBelow: new(100.0)}} }
	tests := []struct {
		name string
		edit func(*ThresholdSpec)
		set  float64
		want []string
	}{
		{"all is well", func(*ThresholdSpec) {}, 10, nil},
		{"above", func(*ThresholdSpec) {}, 200, []string{"bad_above = 300"}},
		{"below", below, 40, []string{"bad_below = 20"}},
	}
	for _, tt := range tests {
		w := newGaugeWorld(t, thresholdSpec(tt.edit), 10)
		for _, h := range w.pool.Hosts {
			w.set(string(h.Name), tt.set)
		}
		j := w.judge()
		if got := lines(w.t.Advise(w.pool, &j, w.results(), nil)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestAdviseLeavesTheSickOut: a proposed bound is one that the only sick host
// is past, in small pools as well, and in tiny ones there is none.
func TestAdviseLeavesTheSickOut(t *testing.T) {
	below := func(s *ThresholdSpec) { s.Conditions = []Condition{{Query: "load", BadBelow: new(1000.0)}} }
	for n := 1; n <= 40; n++ {
		for name, tt := range map[string]struct {
			edit          func(*ThresholdSpec)
			healthy, sick float64
			want          string
		}{"above": {func(*ThresholdSpec) {}, 200, 900, "bad_above = 300"}, "below": {below, 400, 20, "bad_below = 200"}} {
			w := newGaugeWorld(t, thresholdSpec(tt.edit), n)
			for i, h := range w.pool.Hosts {
				if v := tt.healthy; i < (n+9)/10 {
					w.set(string(h.Name), tt.sick)
				} else {
					w.set(string(h.Name), v)
				}
			}
			j := w.judge()
			want := []string{tt.want}
			if n < fewest {
				want = nil
			}
			if got := lines(w.t.Advise(w.pool, &j, w.results(), nil)); !slices.Equal(got, want) {
				t.Errorf("%s, %d hosts: got %q, want %q", name, n, got, want)
			}
		}
	}
}

// TestAdviseWideBuckets: most series are stored more coarsely than they are
// looked at. The heart may be.
func TestAdviseWideBuckets(t *testing.T) {
	for step, want := range map[int64][]string{10: nil, 30: nil, 60: {`interval = "1m0s"`}} {
		w := newStoredWorld(t, storedSpec(), 5)
		w.shelves[graphiteHeart][graphiteHeart] = constant(60, 1)
		c := newGraphiteWorld(t, graphiteSpec(), 5)
		for i := range w.pool.Hosts {
			w.set(i, constant(step, 10))
			c.shelf[graphitePath(i)] = rate(step, 1)
		}
		w.set(0, constant(10, 10))
		j := w.judge()
		if got := lines(w.t.Advise(w.pool, &j, w.results(), nil)); !slices.Equal(got, want) {
			t.Errorf("buckets of %d s: %q, want %q", step, got, want)
		}
		j = c.judge()
		q := c.c.ask(testAt).value
		results := remedy.Results{q: c.shelf.answer(q, graphitePath(0), graphitePath(1))}
		if step == 60 { // two minutes hold two of them
			want = append([]string{"min_points = 2"}, want...)
		}
		if got := lines(c.c.Advise(c.pool, &j, results, nil)); !slices.Equal(got, want) {
			t.Errorf("canary, buckets of %d s: %q, want %q", step, got, want)
		}
	}
}

// TestStepsAgreeWithJudge: the arithmetic that is shown is that of the verdict.
func TestStepsAgreeWithJudge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := drawGauges(t, rt, 3)
		hurt(rt, w)
		results := w.results()
		for i, f := range w.t.Judge(w.pool, testAt, results, nil).Findings() {
			steps := w.t.Steps(w.pool, testAt, results, i)
			if f.Verdict == remedy.VerdictOut || len(steps) == 0 {
				continue
			}
			checkSteps(rt, f, steps, w.t.steps)
		}
		c := drawWorld(t, rt)
		damage(rt, c)
		results = c.results()
		for i, f := range c.c.Judge(c.pool, testAt, results, nil).Findings() {
			if steps := c.c.Steps(c.pool, testAt, results, i); len(steps) > 0 && f.Verdict != remedy.VerdictOut && !f.Stopped && f.Reason != remedy.ReasonStale {
				if say(f) != steps[len(steps)-1].State && f.Verdict != remedy.VerdictUnknown {
					rt.Fatalf("%s is %s by %+v", f.Host, say(f), steps)
				}
			}
		}
	})
}

func checkSteps(rt *rapid.T, f remedy.Finding, steps []Step, n int) {
	last := steps[len(steps)-1]
	good := last.State == say(f) || f.BadNow && last.State == "bad" || say(f) == remedy.ReasonSourceStale
	all := !slices.ContainsFunc(steps, func(s Step) bool { return s.State != "bad" })
	if len(steps) != n || !good || all != (f.Verdict == remedy.VerdictBad) || strings.TrimSpace(last.Text) == "" {
		rt.Fatalf("%s is %s by %+v", f.Host, say(f), steps)
	}
}
