//go:build integration && !failpoints

package main_test

import (
	"fmt"
	"os/user"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest"
)

// stored is what of the usual config differs where counts are in Graphite, and
// the counters are mirrored to the same one.
const (
	storedSource = `[sources.prometheus]
type          = "graphite"
url           = "{{ .Source }}"
timeout       = "2s"
canary_target = 'canary.{{ .Fleet }}.heartbeat'
no_cache      = true
max_staleness = "3s"`
	storedQuery     = `query             = "canary.{{ .Fleet }}.*.received"`
	storedHost      = `host_node         = 2`
	storedTelemetry = `
[telemetry.graphite]
enabled  = true
address  = "%s"
prefix   = "ops.%s"
interval = "1s"
`
)

// TestGraphiteStory is the main job with the canary counts in Graphite: one
// host receives less, and warden does as much about it as the rung allows.
func TestGraphiteStory(t *testing.T) {
	t.Parallel()
	g := realtest.StartGraphite(t)
	t.Run("auto", func(t *testing.T) {
		t.Parallel()
		s := beginOnGraphite(t, g, "auto")
		s.fleet.fall(0.3, s.index)
		s.automatic()
	})
	t.Run("metric-only", func(t *testing.T) {
		t.Parallel()
		s := beginOnGraphite(t, g, "metric-only")
		s.balancer.untouched(t)
		const mirrored = "ops.metric-only.warden.would_have_acted.drain.canary_missing.web"
		g.WaitNewest(mirrored, 0)
		s.fleet.vanish(s.index) // by the stopped-host rule
		s.counted()
		g.WaitNewest(mirrored, 1)
		g.WaitNewest("ops.metric-only.warden.nodes.n1.raft_is_leader", 1)
	})
}

// beginOnGraphite starts a daemon over a healthy fleet whose counts go to
// carbon.
func beginOnGraphite(t *testing.T, g *realtest.Graphite, level string) *story {
	t.Helper()
	const size = 10
	f := (&world{}).fleet(level, size, false)
	feed(t, g, f)
	b := newBalancer(t, f)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := settings{
		Level: level, Source: g.URL, Fleet: f.name, Hosts: f.hosts, Address: b.gate.path, Backend: b.Backend,
		MinInService: size - 1, MaxOut: 1, MaxPerHour: 10, Approver: me.Username,
		Settle: "1s", Cooldown: "1h", StartWithin: "5s", Timeout: "5s",
		Extra: fmt.Sprintf(storedTelemetry, g.Line, level),
	}
	a := newAgent(t, s)
	a.write(onGraphite(t, s))
	a.start()
	a.verdicts("good", size)
	return &story{agent: a, fleet: f, balancer: b, host: f.hosts[victim], index: victim}
}

// onGraphite is the usual config with what differs.
func onGraphite(t *testing.T, s settings) string {
	t.Helper()
	text := s.text(t)
	begin, end := strings.Index(text, "[sources."), strings.Index(text, "[pools.")
	text = text[:begin] + storedSource + "\n\n" + text[end:]
	var out []string
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "query "):
			line = storedQuery + "\n"
		case strings.HasPrefix(line, "host_label "):
			line = storedHost + "\n"
		}
		out = append(out, line)
	}
	return strings.NewReplacer("{{ .Source }}", s.Source, "{{ .Fleet }}", s.Fleet).Replace(strings.Join(out, ""))
}

// feed tells carbon at the end of each second what every host received in it,
// until the test ends.
func feed(t *testing.T, g *realtest.Graphite, f *fleet) {
	t.Helper()
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		sums := make([]float64, len(f.canaries))
		for t.Context().Err() == nil {
			bucket := time.Now().Truncate(time.Second)
			select {
			case <-t.Context().Done():
				return
			case <-time.After(time.Until(bucket.Add(time.Second))):
			}
			if points := f.received(bucket, sums); t.Context().Err() == nil {
				g.Send(points...)
			}
		}
	}()
}

// received is what each host received since the last call, as the value of a
// bucket. A host that is gone has none.
func (f *fleet) received(bucket time.Time, sums []float64) []realtest.GraphitePoint {
	f.mu.Lock()
	defer f.mu.Unlock()
	points := []realtest.GraphitePoint{{Metric: "canary." + f.name + ".heartbeat", At: bucket, Value: 1}}
	for i, c := range f.canaries {
		c.run(bucket.Add(time.Second))
		if !c.gone {
			points = append(points, realtest.GraphitePoint{Metric: fmt.Sprintf("canary.%s.%s.received", f.name, f.hosts[i]), At: bucket, Value: c.value - sums[i]})
		}
		sums[i] = c.value
	}
	return points
}
