package engine

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/detectors"
	"warden/internal/remedy"
)

// gauges is a source of one gauge, by host and time, whose samples are fresh
// from an instant on.
type gauges struct {
	mu      sync.Mutex
	hosts   []remedy.HostName
	value   func(h remedy.HostName, at time.Time) float64
	frozen  time.Time // no newer sample than this; zero for all
	dead    bool
	fetched int
}

func (g *gauges) Fetch(_ context.Context, q remedy.Query) remedy.Result {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fetched++
	if g.dead {
		return remedy.Result{Failed: "the gauge is down: start it"}
	}
	var all []remedy.Series
	for _, h := range g.hosts {
		one := remedy.Series{Labels: map[string]string{"instance": string(h)}}
		for at := q.Start; !at.After(q.End); at = at.Add(q.Step) {
			sampled := at.Add(-2 * time.Second)
			if !g.frozen.IsZero() && sampled.After(g.frozen) {
				sampled = g.frozen
			}
			v := g.value(h, sampled)
			if strings.HasPrefix(q.Expr, "timestamp(") {
				v = float64(sampled.UnixMilli()) / 1000
			}
			one.Points = append(one.Points, remedy.Point{At: at.UnixMilli(), Value: v})
		}
		all = append(all, one)
	}
	return remedy.Result{Frame: remedy.NewFrame(q, all)}
}

func (g *gauges) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
}

// lending adds a detector of traffic that proposes nothing, on a source of its
// own. Hosts have 50 until since tells them otherwise.
func lending(g *gauges, edit func(*Config)) func(*setup) {
	return func(s *setup) {
		g.hosts = hostNames(s.n)
		s.config = func(c *Config) {
			spec := detectors.DefaultThreshold()
			spec.Name, spec.Source, spec.Pools = "traffic_gone", "gauge", []remedy.PoolName{ingest}
			spec.Interval, spec.For, spec.MaxStaleness = 5*time.Second, 5*time.Second, 5*time.Minute
			spec.Conditions = []detectors.Condition{{Query: "traffic", BadAbove: new(1.0), Unit: "requests a second"}}
			d, err := detectors.NewThreshold(spec)
			if err != nil {
				panic(err)
			}
			c.Detectors = append(c.Detectors, d)
			c.Sources["gauge"] = Source{Source: g}
			edit(c)
		}
	}
}

func verifiedByTraffic(c *Config) {
	a := c.Actions[drain]
	a.Verify = Verify{Detector: "traffic_gone", Within: 3 * time.Minute}
	c.Actions[drain] = a
}

// TestTookByDetector: an action took when its detector says good of data that is
// newer than the effect, and not when the backend says so.
func TestTookByDetector(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		traffic func(ended time.Time, at time.Time) float64
		then    func(g *gauges, ended time.Time)
		took    bool
		note    string
	}{
		{"gone after a minute", func(ended, at time.Time) float64 {
			if at.Sub(ended) > time.Minute {
				return 0
			}
			return 40
		}, nil, true, "traffic_gone: 0 requests a second, good below 1 after 1m"},
		{"never gone", func(_, _ time.Time) float64 { return 40 }, nil, false, "not seen to have taken after 3m0s: traffic_gone: 40 requests a second, bad above 1"},
		{"no newer samples", func(_, _ time.Time) float64 { return 0 }, func(g *gauges, ended time.Time) { g.frozen = ended.Add(-time.Second) }, false, "by data of before the action"},
		{"the source is down", func(_, _ time.Time) float64 { return 0 }, func(g *gauges, _ time.Time) { g.dead = true }, false, "not seen to have taken after 3m0s: traffic_gone: unknown"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := &gauges{value: func(remedy.HostName, time.Time) float64 { return 40 }}
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				c := r.reaches(3, remedy.StageVerifying)
				ended := c.Acted().FinishedAt
				g.set(func() {
					g.value = func(_ remedy.HostName, at time.Time) float64 { return tt.traffic(ended, at) }
					if tt.then != nil {
						tt.then(g, ended)
					}
				})
				before := g.fetched
				r.rounds(30 * time.Second)
				if n := g.fetched - before; n > 2*8 {
					t.Errorf("asked %d times in 30 s of a detector that looks every 5 s", n)
				}
				if c := r.last(3); c.Stage != remedy.StageVerifying {
					t.Fatalf("%s before it could be known: %s", c.Stage, c.Note)
				}
				r.rounds(4 * time.Minute)
				c = r.last(3)
				if done := c.Outcome == remedy.OutcomeDone; done != tt.took || c.Stage != remedy.StageOut || !strings.Contains(c.Note, tt.note) {
					t.Errorf("%s/%s: %q, want took %v and %q", c.Stage, c.Outcome, c.Note, tt.took, tt.note)
				}
			}, lending(g, verifiedByTraffic))
		})
	}
}

// TestHealingIsVerifiedByTheOpeningDetector: an action that mends its host took
// when the detector that complained is content, over a window after it.
func TestHealingIsVerifiedByTheOpeningDetector(t *testing.T) {
	t.Parallel()
	for _, heals := range []bool{true, false} {
		story(t, func(r *rig) {
			t := r.t
			r.bad(3)
			c := r.reaches(3, remedy.StageVerifying)
			ended := c.Acted().FinishedAt
			if heals {
				r.good(3)
			}
			r.rounds(time.Minute) // the canary's window
			if c := r.last(3); c.Stage != remedy.StageVerifying {
				t.Fatalf("%s %v after it ended: its window is of before that", c.Stage, r.clk.Now().Sub(ended))
			}
			r.rounds(3 * time.Minute)
			if c := r.last(3); (c.Outcome == remedy.OutcomeDone) != heals {
				t.Errorf("heals %v: %s/%s: %s", heals, c.Stage, c.Outcome, c.Note)
			}
		}, func(s *setup) { s.action.Heals, s.action.TakesOut = true, false })
	}
}

// TestProbeIsShownAndNothingElse: what the probe says of a host that is out is
// told before an undo, and puts nothing back.
func TestProbeIsShownAndNothingElse(t *testing.T) {
	t.Parallel()
	g := &gauges{value: func(remedy.HostName, time.Time) float64 { return 40 }}
	story(t, func(r *rig) {
		t := r.t
		r.rounds(time.Minute)
		if g.fetched != 0 {
			t.Errorf("the probe was asked %d times while no host is out", g.fetched)
		}
		r.bad(3)
		r.reaches(3, remedy.StageOut)
		r.rounds(time.Minute)
		f, ok := r.e.View().Fitness(ingest, r.host(3))
		if !ok || f.Verdict != remedy.VerdictBad {
			t.Errorf("%+v %v", f, ok)
		}
		warned := func() string {
			p, err := r.e.PreviewUndo(r.last(3).ID)
			r.must(err)
			return strings.Join(p.Warnings, "; ")
		}
		if w := warned(); !strings.Contains(w, "traffic_gone: 40 requests a second, bad above 1") {
			t.Errorf("warned %q", w)
		}
		g.set(func() { g.value = func(remedy.HostName, time.Time) float64 { return 0 } })
		r.rounds(10 * time.Minute)
		if f, _ := r.e.View().Fitness(ingest, r.host(3)); f.Verdict != remedy.VerdictGood || warned() != "" {
			t.Errorf("%s, warned %q", f.Verdict, warned())
		}
		if c := r.last(3); c.Stage != remedy.StageOut || r.lb.admin(r.host(3)) != "drain" {
			t.Errorf("%s, %s: the probe did something", c.Stage, r.lb.admin(r.host(3)))
		}
		for _, j := range r.e.View().Judgements(ingest) {
			if j.Detector == "traffic_gone" {
				t.Error("a detector that proposes nothing is among those that do")
			}
		}
	}, lending(g, func(c *Config) {
		p := c.Pools[ingest]
		p.Probe = "traffic_gone"
		c.Pools[ingest] = p
	}))
}

// After a reload a detector is asked afresh, also within one of its intervals:
// what it said by its old bounds is not what it says.
func TestLentAgainAfterReload(t *testing.T) {
	t.Parallel()
	g := &gauges{value: func(remedy.HostName, time.Time) float64 { return 40 }}
	story(t, func(r *rig) {
		r.rounds(time.Minute)
		said := func(cfg *Config) remedy.Verdict {
			d, ok := cfg.detector("traffic_gone")
			if !ok {
				r.t.Fatal("there is no such detector")
			}
			var j *remedy.Judgement
			r.do(func() { r.e.locked(func() { j = r.e.lend(t.Context(), cfg, d, ingest) }) })
			f, _ := j.Of(r.host(3))
			return j.Verdicts[f].Verdict
		}
		if v := said(r.cfg); v != remedy.VerdictBad {
			r.t.Fatal(v)
		}
		spec := detectors.DefaultThreshold()
		spec.Name, spec.Source, spec.Pools = "traffic_gone", "gauge", []remedy.PoolName{ingest}
		spec.Interval, spec.For, spec.MaxStaleness = 5*time.Second, 5*time.Second, 5*time.Minute
		spec.Conditions = []detectors.Condition{{Query: "traffic", BadAbove: new(100.0), Unit: "requests a second"}}
		d, err := detectors.NewThreshold(spec)
		r.must(err)
		edited := *r.cfg
		edited.Hash, edited.Detectors = "edited", []detectors.Detector{r.cfg.Detectors[0], d}
		if v := said(&edited); v != remedy.VerdictGood {
			r.t.Errorf("%s by the bounds of before the reload", v)
		}
	}, lending(g, func(*Config) {}))
}
