package detectors

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"warden/internal/remedy"
)

// testAt is an instant aligned to every interval the tests use.
var testAt = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const testPool = remedy.PoolName("ingest")

// testSpec is the default with short windows: 30 s steps, a window of 2 min
// and 2 min of `for`, hence 5 judged steps and 8 stamps.
func testSpec(edit ...func(*CanarySpec)) CanarySpec {
	s := DefaultCanary()
	s.Name, s.Source, s.Pools = "canary_missing", "prom", []remedy.PoolName{testPool}
	s.Query, s.ExpectPerMinute, s.Propose = `canary_received_total{job="ingest"}`, 60, "drain"
	s.CanaryTarget = `up{job="canary"}`
	s.Window, s.For, s.MinPoints = 2*time.Minute, 2*time.Minute, 4
	s.MaxStaleness = 50 * time.Second // twice that is below `for`
	for _, e := range edit {
		e(&s)
	}
	return s
}

func mustCanary(tb testing.TB, spec CanarySpec) *Canary {
	tb.Helper()
	c, err := NewCanary(spec)
	if err != nil {
		tb.Fatalf("NewCanary: %v", err)
	}
	return c
}

func hostName(i int) remedy.HostName { return remedy.HostName(fmt.Sprintf("h%02d", i)) }

func poolOf(n int) remedy.PoolView {
	p := remedy.PoolView{Name: testPool, Hosts: make([]remedy.HostView, n)}
	for i := range p.Hosts {
		p.Hosts[i] = remedy.HostView{Name: hostName(i), State: remedy.ServiceIn}
	}
	return p
}

// world is a set of answers that can be damaged. It starts with every host
// good: everything expected received, samples every 15 s, the newest 10 s old.
type world struct {
	c      *Canary
	pool   remedy.PoolView
	ask    canaryAsk
	series map[remedy.Query]map[string]*remedy.Series
	failed map[remedy.Query]string
}

func newWorld(tb testing.TB, spec CanarySpec, n int) *world {
	tb.Helper()
	c := mustCanary(tb, spec)
	w := &world{
		c: c, pool: poolOf(n), ask: c.ask(testAt),
		series: map[remedy.Query]map[string]*remedy.Series{}, failed: map[remedy.Query]string{},
	}
	for _, q := range w.ask.all() {
		w.series[q] = map[string]*remedy.Series{}
		if q == w.ask.target {
			w.add(q, "heartbeat")
			continue
		}
		for _, h := range w.pool.Hosts {
			w.add(q, string(h.Name))
		}
	}
	return w
}

// add gives a query a healthy series for a label value.
func (w *world) add(q remedy.Query, label string) {
	s := &remedy.Series{Labels: map[string]string{w.c.spec.HostLabel: label, "job": "ingest"}}
	for at := q.Start; !at.After(q.End); at = at.Add(q.Step) {
		s.Points = append(s.Points, remedy.Point{At: at.UnixMilli(), Value: w.healthy(q, at)})
	}
	w.series[q][label] = s
}

func (w *world) healthy(q remedy.Query, at time.Time) float64 {
	perMinute := w.c.spec.ExpectPerMinute
	if w.c.spec.ExpectQuery != "" {
		perMinute = 60
	}
	switch q {
	case w.ask.value:
		return perMinute * w.c.spec.Window.Minutes()
	case w.ask.points:
		return w.c.spec.Window.Seconds() / 15
	case w.ask.expect:
		return perMinute
	case w.ask.stamps, w.ask.target:
		return float64(at.Unix() - 10)
	case w.ask.recent:
		return w.c.quiet.Seconds() / 15
	default:
		return w.c.spec.SeenWithin.Seconds() / 15
	}
}

// edit changes the points of one host: fn gets the steps back from the judged
// instant, 0 being that instant, and drops the point by returning false.
func (w *world) edit(q remedy.Query, label string, fn func(back int, v float64) (float64, bool)) {
	s, ok := w.series[q][label]
	if !ok {
		return // not asked
	}
	s.Points = slices.DeleteFunc(s.Points, func(p remedy.Point) bool {
		_, keep := fn(int((testAt.UnixMilli()-p.At)/w.c.spec.Interval.Milliseconds()), p.Value)
		return !keep
	})
	for i, p := range s.Points {
		s.Points[i].Value, _ = fn(int((testAt.UnixMilli()-p.At)/w.c.spec.Interval.Milliseconds()), p.Value)
	}
}

// ratio lets a host receive the given share of what is expected at every step.
func (w *world) ratio(label string, ratio float64) {
	w.edit(w.ask.value, label, func(int, float64) (float64, bool) {
		return ratio * w.healthy(w.ask.value, testAt), true
	})
}

// vanish ends a host's series some time ago, the way Prometheus shows it after
// a staleness marker: windows still hold what is old enough, stamps are gone.
func (w *world) vanish(label string, ago time.Duration) {
	step := w.c.spec.Interval
	gone := func(window time.Duration) func(int, float64) (float64, bool) {
		return func(back int, v float64) (float64, bool) {
			left := window - (ago - time.Duration(back)*step)
			if left >= window {
				return v, true
			}
			return v * float64(left) / float64(window), left > 0
		}
	}
	w.edit(w.ask.stamps, label, gone(0))
	w.edit(w.ask.value, label, gone(w.c.spec.Window))
	w.edit(w.ask.points, label, gone(w.c.spec.Window))
	w.edit(w.ask.recent, label, gone(w.c.quiet))
	w.edit(w.ask.seen, label, gone(w.c.spec.SeenWithin))
}

func (w *world) results() remedy.Results {
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

func (w *world) judge() remedy.Judgement { return w.c.Judge(w.pool, testAt, w.results(), nil) }

// say is a finding in short: the verdict, or the reason it is unknown.
func say(f remedy.Finding) string {
	if f.Verdict == remedy.VerdictUnknown {
		return f.Reason
	}
	if f.Stopped {
		return f.Verdict.String() + " stopped"
	}
	return f.Verdict.String()
}

func count(j remedy.Judgement, what string) int {
	n := 0
	for _, f := range j.Findings() {
		if say(f) == what {
			n++
		}
	}
	return n
}
